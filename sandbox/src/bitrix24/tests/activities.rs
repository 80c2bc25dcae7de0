//! Activities, comments and log messages.

use serde_json::{Value, json};

use super::Portal;

fn todo(contact: i64, deadline: &str) -> Value {
    json!({"ownerTypeId": 3, "ownerId": contact, "deadline": deadline, "title": "Haircut", "description": "Vera",
           "pingOffsets": [60, 1440], "colorId": 2, "responsibleId": 2})
}

#[tokio::test]
async fn a_todo_is_made_moved_and_completed() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let made = portal.result("crm.activity.todo.add", todo(contact, "2026-12-01T10:00:00+03:00")).await;
    let id = made["id"].as_i64().unwrap();
    let shown = portal.result("crm.activity.get", json!({"id": id})).await;
    assert_eq!((&shown["OWNER_ID"], &shown["PROVIDER_ID"]), (&json!(contact.to_string()), &json!("CRM_TODO")));
    assert_eq!((&shown["SUBJECT"], &shown["DEADLINE"]), (&json!("Haircut"), &json!("2026-12-01T07:00:00+00:00")));
    assert_eq!((&shown["RESPONSIBLE_ID"], shown.get("pingOffsets")), (&json!("2"), None));
    let owner = json!({"id": id, "ownerTypeId": 3, "ownerId": contact});
    let with = |name: &str, value: Value| {
        let mut ask = owner.clone();
        ask[name] = value;
        ask
    };
    portal.result("crm.activity.todo.updateDeadline", with("value", json!("2026-12-02T07:00:00Z"))).await;
    let find =
        json!({"filter": {"OWNER_TYPE_ID": 3, "OWNER_ID": contact, "COMPLETED": "N", ">=DEADLINE": "2026-12-02T00:00:00Z"}});
    assert_eq!(portal.result("crm.activity.list", find.clone()).await[0]["ID"], id.to_string());
    assert_eq!(portal.result("crm.activity.update", json!({"id": id, "fields": {"COMPLETED": "Y"}})).await, true);
    assert_eq!(portal.result("crm.activity.list", find).await, json!([]));
    let late = portal.refused("crm.activity.todo.update", with("deadline", json!("2026-12-03T07:00:00Z"))).await;
    assert_eq!(late, (400, "CAN_NOT_UPDATE_COMPLETED_TODO".to_owned()));
    assert_eq!(portal.complaints(), "");
    portal.result("crm.activity.update", json!({"id": id, "fields": {"DEADLINE": "2026-12-03T07:00:00Z"}})).await;
    assert!(portal.complaints().contains("\"DEADLINE\" is not changed here"));
    assert_eq!(portal.result("crm.activity.delete", json!({"id": id})).await, true);
    let (status, body) = portal.call("crm.activity.get", json!({"id": id})).await;
    assert_eq!((status, &body["error"], &body["error_description"]), (400, &json!(""), &json!("Activity is not found.")));
}

#[tokio::test]
async fn a_todo_needs_an_owner_and_a_time() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let refused = async |ask: Value| portal.refused("crm.activity.todo.add", ask).await.1;
    assert_eq!(refused(todo(99, "2026-12-01T10:00:00Z")).await, "OWNER_NOT_FOUND");
    assert_eq!(refused(todo(contact, "tomorrow")).await, "WRONG_DATETIME_FORMAT");
    assert_eq!(refused(json!({"ownerTypeId": 3, "ownerId": contact})).await, "100");
    portal.complaints();
    portal.result("crm.activity.todo.add", todo(contact, "2026-12-01T10:00:00")).await;
    assert!(portal.complaints().contains("no offset"));
    let stranger = json!({"id": 1, "ownerTypeId": 3, "ownerId": contact, "value": "x"});
    portal.result("crm.activity.todo.updateDescription", stranger).await;
    let lost = json!({"id": 9, "ownerTypeId": 3, "ownerId": contact, "value": "x"});
    assert_eq!(portal.refused("crm.activity.todo.updateDescription", lost).await.1, "NOT_FOUND");
}

#[tokio::test]
async fn comments_are_written_listed_and_deleted() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let fields =
        json!({"ENTITY_ID": contact, "ENTITY_TYPE": "contact", "COMMENT": "[B]Chat[/B]", "FILES": [["chat.txt", "aGk="]]});
    let id = portal.result("crm.timeline.comment.add", json!({"fields": fields})).await;
    let shown = portal.result("crm.timeline.comment.get", json!({"id": id})).await;
    assert_eq!((&shown["COMMENT"], &shown["FILES"]["1"]["size"]), (&json!("[B]Chat[/B]"), &json!(2)));
    let filter = json!({"filter": {"ENTITY_ID": contact, "ENTITY_TYPE": "contact"}});
    let (_, body) = portal.call("crm.timeline.comment.list", filter.clone()).await;
    assert_eq!((&body["total"], &body["result"][0]["ID"]), (&json!(1), &json!(id.to_string())));
    assert_eq!(portal.result("crm.timeline.comment.delete", json!({"id": id})).await, Value::Null);
    assert_eq!(portal.result("crm.timeline.comment.list", filter).await, json!([]));
    assert_eq!(portal.complaints(), "");
}

#[tokio::test]
async fn comments_are_refused_for_many_reasons() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let refused = async |ask: Value| portal.refused("crm.timeline.comment.add", ask).await.1;
    let fields = json!({"ENTITY_ID": contact, "ENTITY_TYPE": "contact", "COMMENT": "hi"});
    assert_eq!(refused(json!({"FIELDS": fields})).await, "100", "the parameter's name is in lower case");
    assert_eq!(refused(json!({"fields": {"ENTITY_ID": contact, "ENTITY_TYPE_ID": 3, "COMMENT": "hi"}})).await, "100");
    assert_eq!(refused(json!({"fields": {"ENTITY_ID": 99, "ENTITY_TYPE": "contact", "COMMENT": "hi"}})).await, "OWNER_NOT_FOUND");
    let empty = json!({"fields": {"ENTITY_ID": contact, "ENTITY_TYPE": "contact", "COMMENT": " "}});
    assert_eq!(refused(empty).await, "INVALID_ARG_VALUE");
    portal.complaints();
    let mut with_file = fields;
    with_file["FILES"] = json!([["chat.txt", "no base64!"]]);
    portal.result("crm.timeline.comment.add", json!({"fields": with_file})).await;
    assert!(portal.complaints().contains("[name, base64]"));
}

#[tokio::test]
async fn log_messages_have_fields_of_their_own() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let fields = json!({"entityTypeId": 3, "entityId": contact, "title": "No show", "text": "Did not come", "iconCode": "info"});
    let made = portal.result("crm.timeline.logmessage.add", json!({"fields": fields})).await;
    assert_eq!(made["logMessage"]["title"], "No show");
    assert_eq!(portal.bitrix.snapshot()["logMessages"][0]["entityId"], contact);
    assert_eq!(portal.refused("crm.timeline.logmessage.add", fields).await.1, "100");
    let lost = json!({"fields": {"entityTypeId": 3, "entityId": 99, "title": "a", "text": "b", "iconCode": "info"}});
    assert_eq!(portal.refused("crm.timeline.logmessage.add", lost).await.1, "OWNER_NOT_FOUND");
}
