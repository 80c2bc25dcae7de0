//! What staff do in the portal's screens.

use serde_json::json;

use super::Portal;

#[tokio::test]
async fn staff_edit_and_delete() {
    let portal = Portal::open().await;
    let deal = portal.add(2, json!({"title": "Visit"})).await;
    let edit = json!({"do": "edit", "entity": "deal", "id": deal, "fields": {"stageId": "WON"}, "by": 2});
    assert_eq!(portal.bitrix.act(&edit).unwrap(), json!({"changed": true}));
    let item = portal.item(2, deal).await;
    assert_eq!((&item["stageId"], &item["updatedBy"]), (&json!("WON"), &json!(2)));
    assert_eq!(portal.bitrix.act(&edit).unwrap(), json!({"changed": false}));
    portal.bitrix.act(&json!({"do": "delete", "entity": "deal", "id": deal})).unwrap();
    assert_eq!(portal.refused("crm.item.get", json!({"entityTypeId": 2, "id": deal})).await.1, "NOT_FOUND");
    for wrong in [
        edit,
        json!({"do": "edit", "entity": "contact", "id": 9, "fields": {}}),
        json!({"do": "add", "entity": "contact", "fields": {"nothing": 1}}),
        json!({"do": "add", "entity": "contact", "fields": {}, "by": 99}),
        json!({"do": "complete", "activity": 9}),
        json!({"do": "fly"}),
    ] {
        assert!(portal.bitrix.act(&wrong).is_err(), "{wrong}");
    }
    assert!(portal.violations().is_empty(), "what staff do is no violation");
}

#[tokio::test]
async fn merged_contacts_become_one() {
    let portal = Portal::open().await;
    let phone = |value: &str| json!([{"typeId": "PHONE", "valueType": "WORK", "value": value}]);
    let into = portal.add(3, json!({"name": "Anna", "fm": phone("1")})).await;
    let from = portal.add(3, json!({"name": "Ann", "lastName": "Petrova", "originId": "u-2", "fm": phone("2")})).await;
    let deal = portal.add(2, json!({"contactId": from})).await;
    let todo = json!({"ownerTypeId": 3, "ownerId": from, "deadline": "2026-12-01T10:00:00Z"});
    portal.result("crm.activity.todo.add", todo).await;
    portal.bitrix.act(&json!({"do": "merge", "entity": "contact", "into": into, "from": from})).unwrap();
    let kept = portal.item(3, into).await;
    assert_eq!((&kept["name"], &kept["lastName"], &kept["originId"]), (&json!("Anna"), &json!("Petrova"), &json!("u-2")));
    assert_eq!(kept["fm"].as_array().unwrap().len(), 2);
    assert_eq!(portal.item(2, deal).await["contactId"], into);
    assert_eq!(portal.result("crm.activity.get", json!({"id": 1})).await["OWNER_ID"], into.to_string());
    assert_eq!(portal.refused("crm.item.get", json!({"entityTypeId": 3, "id": from})).await.1, "NOT_FOUND");
    assert!(portal.bitrix.act(&json!({"do": "merge", "entity": "contact", "into": into, "from": into})).is_err());
}
