//! Outgoing events.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Portal, Received, error};
use crate::fault::Fault;

const PATIENCE: Duration = Duration::from_secs(20);

async fn hooked(events: &[&str]) -> (Portal, Received) {
    let portal = Portal::open().await;
    let (received, url) = Received::listen().await;
    portal.seed(json!({"outgoing_webhooks": [{"events": events, "url": url, "token": "apptoken"}]}));
    (portal, received)
}

fn heard(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(event, id)| ((*event).to_owned(), (*id).to_owned())).collect()
}

#[tokio::test]
async fn an_outgoing_webhook_hears_ids_and_a_token() {
    let (portal, received) = hooked(&["ONCRMCONTACTADD", "ONCRMCONTACTUPDATE", "ONCRMCONTACTDELETE"]).await;
    let id = portal.add(3, json!({"name": "Anna"})).await;
    portal.update(3, id, json!({"name": "Anna"})).await;
    portal.update(3, id, json!({"name": "Olga"})).await;
    portal.add(1, json!({"title": "not heard"})).await;
    portal.result("crm.item.delete", json!({"entityTypeId": 3, "id": id})).await;
    assert!(portal.bitrix.settled(PATIENCE).await);
    let expected = heard(&[("ONCRMCONTACTADD", "1"), ("ONCRMCONTACTUPDATE", "1"), ("ONCRMCONTACTDELETE", "1")]);
    assert_eq!(received.events(), expected, "what changes nothing is not told");
    let auth = &received.all()[0]["auth"];
    assert_eq!((&auth["application_token"], auth.get("access_token")), (&json!("apptoken"), None));
    assert!(auth["member_id"].is_string() && auth["domain"].is_string());
    assert_eq!(portal.bitrix.snapshot()["deliveries"][0]["status"], 200);
}

#[tokio::test]
async fn an_application_binds_its_handlers() {
    let portal = Portal::open().await;
    let (received, url) = Received::listen().await;
    let bind = json!({"EVENT": "OnCrmLeadAdd", "HANDLER": url});
    assert_eq!(portal.app("acc1", "event.bind", bind.clone()).await.1["result"], true);
    assert_eq!(error(portal.app("acc1", "event.bind", bind.clone()).await), (400, "ERROR_CORE".to_owned()));
    let unknown = json!({"event": "ONNOTHING", "handler": url});
    assert_eq!(error(portal.app("acc1", "event.bind", unknown).await), (400, "ERROR_EVENT_NOT_FOUND".to_owned()));
    let listed = portal.app("acc1", "event.get", json!({})).await.1;
    assert_eq!(listed["result"][0]["event"], "ONCRMLEADADD");
    portal.add(1, json!({"title": "Chat"})).await;
    assert!(portal.bitrix.settled(PATIENCE).await);
    let token = received.all()[0]["auth"]["access_token"].as_str().unwrap().to_owned();
    assert_eq!(portal.app(&token, "profile", json!({})).await.1["result"]["ID"], "1", "whoever made the change");
    let gone = portal.app("acc1", "event.unbind", bind).await.1;
    assert_eq!(gone["result"], json!({"count": 1}));
    portal.add(1, json!({"title": "Chat"})).await;
    assert!(portal.bitrix.settled(PATIENCE).await);
    assert_eq!(received.all().len(), 1);
    let seen = serde_json::to_string(&portal.world.ledger.entries()).unwrap();
    assert!(!seen.contains("/hook"), "{seen}");
}

#[tokio::test]
async fn a_robots_change_brings_no_tokens() {
    let portal = Portal::open().await;
    let (received, url) = Received::listen().await;
    portal.app("acc1", "event.bind", json!({"event": "ONCRMCONTACTADD", "handler": url})).await;
    let add = json!({"do": "add", "entity": "contact", "fields": {"name": "Anna"}, "robot": true});
    portal.bitrix.act(&add).unwrap();
    assert!(portal.bitrix.settled(PATIENCE).await);
    let auth = received.all()[0]["auth"].clone();
    assert!(auth.get("access_token").is_none() && auth["application_token"].is_string());
}

#[tokio::test]
async fn events_are_lost_or_come_twice_and_never_again() {
    let (portal, received) = hooked(&["ONCRMCONTACTADD"]).await;
    portal.plan("webhook", &Fault::Drop);
    portal.add(3, json!({"name": "lost"})).await;
    portal.plan("webhook", &Fault::Twice);
    portal.add(3, json!({"name": "twice"})).await;
    portal.plan("crm.item.add", &Fault::Twice);
    portal.add(3, json!({"name": "twice"})).await;
    portal.seed(json!({"outgoing_webhooks": [{"events": ["ONCRMCONTACTDELETE"], "url": "http://127.0.0.1:1/gone"}]}));
    portal.result("crm.item.delete", json!({"entityTypeId": 3, "id": 1})).await;
    assert!(portal.bitrix.settled(PATIENCE).await);
    let twice = [("ONCRMCONTACTADD", "2"), ("ONCRMCONTACTADD", "2"), ("ONCRMCONTACTADD", "3"), ("ONCRMCONTACTADD", "3")];
    assert_eq!(received.events(), heard(&twice));
    let deliveries = portal.bitrix.snapshot()["deliveries"].clone();
    let statuses: Vec<&Value> = deliveries.as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [&json!(0), &json!(200), &json!(200), &json!(0)]);
}

#[tokio::test]
async fn activities_and_comments_are_told_too() {
    let (portal, received) = hooked(&["ONCRMACTIVITYADD", "ONCRMACTIVITYUPDATE", "ONCRMTIMELINECOMMENTADD"]).await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let todo = json!({"ownerTypeId": 3, "ownerId": contact, "deadline": "2026-12-01T10:00:00Z"});
    portal.result("crm.activity.todo.add", todo).await;
    portal.bitrix.act(&json!({"do": "complete", "activity": 1})).unwrap();
    let fields = json!({"ENTITY_ID": contact, "ENTITY_TYPE": "contact", "COMMENT": "hi"});
    portal.result("crm.timeline.comment.add", json!({"fields": fields})).await;
    assert!(portal.bitrix.settled(PATIENCE).await);
    let expected = [("ONCRMACTIVITYADD", "1"), ("ONCRMACTIVITYUPDATE", "1"), ("ONCRMTIMELINECOMMENTADD", "1")];
    assert_eq!(received.events(), heard(&expected));
}
