use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::wire::hmac_sha256;

async fn listen(salon: &Salon, to: &Receiver, event: &str, skip_own: bool) -> (String, String) {
    let made = salon.post("Webhook", json!({"event": event, "url": to.address, "skipOwn": skip_own})).await;
    (made.id(), made.json()["secretKey"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_webhook_is_registered_listed_and_removed() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    let (id, secret) = listen(&salon, &receiver, "Contact.update", true).await;
    assert!(!serde_json::to_string(&salon.sandbox.world.ledger.entries()).unwrap().contains("s3cret"), "the address is a secret");
    let list = salon.get("Webhook?maxSize=200&offset=0").await.json();
    assert_eq!((list["list"][0]["id"].clone(), list["list"][0]["url"].clone()), (json!(id), json!(receiver.address)));
    assert!(!list.to_string().contains(&secret), "the secret is told once");
    for event in ["contact.update", "Contact.updated", "Note.create", "Contact.fieldUpdate.nothing"] {
        assert_eq!(salon.post("Webhook", json!({"event": event, "url": receiver.address})).await.status, 403, "{event}");
    }
    assert_eq!(salon.post("Webhook", json!({"event": "Contact.create"})).await.invalid().0, "url");
    assert_eq!(salon.delete(&format!("Webhook/{id}")).await.json(), json!(true));
    assert_eq!(salon.delete(&format!("Webhook/{id}")).await.status, 404);
    for _ in 0..50 {
        listen(&salon, &receiver, "Lead.create", false).await;
    }
    let one_more = salon.post("Webhook", json!({"event": "Lead.create", "url": receiver.address})).await;
    assert_eq!(one_more.status, 403);
}

#[tokio::test]
async fn events_are_signed_arrays() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    let (id, secret) = listen(&salon, &receiver, "Contact.update", false).await;
    salon.patch(&format!("Contact/{anna}"), json!({"lastName": "Maria"})).await;
    salon.settled().await;
    let (headers, body) = receiver.posts.lock().unwrap()[0].clone();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told, json!([{"id": anna, "lastName": "Maria", "name": "Maria"}]), "what changed, and no event's name");
    let mac = hmac_sha256(&secret, &body);
    assert_eq!(headers["signature"], STANDARD.encode(format!("{id}:{}", hex::encode(&mac))));
    assert_eq!(headers["x-signature"], STANDARD.encode([format!("{id}:").as_bytes(), &mac].concat()));
    salon.patch(&format!("Contact/{anna}"), json!({"lastName": "Maria"})).await;
    salon.settled().await;
    assert_eq!(receiver.bodies().len(), 1, "nothing changed, nothing is told");
}

#[tokio::test]
async fn creations_deletions_and_fields_are_told_and_own_changes_skipped() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    for event in ["Contact.create", "Contact.delete", "Contact.fieldUpdate.phoneNumber"] {
        listen(&salon, &receiver, event, true).await;
    }
    let anna = salon.contact(json!({"lastName": "Anna"})).await;
    salon.settled().await;
    assert!(receiver.bodies().is_empty(), "our own");
    let act = |action: Value| salon.sandbox.espocrm.act(&action).unwrap();
    let maria = act(json!({"do": "create", "type": "Contact", "fields": {"lastName": "Maria"}, "by": "u1"}))["id"].clone();
    salon.settled().await;
    act(json!({"do": "edit", "type": "Contact", "id": anna, "fields": {"phoneNumber": "+79001234567"}}));
    salon.settled().await;
    act(json!({"do": "delete", "type": "Contact", "id": anna}));
    salon.settled().await;
    let bodies = receiver.bodies();
    assert_eq!((bodies[0][0]["id"].clone(), bodies[0][0]["createdById"].clone()), (maria, json!("u1")));
    assert_eq!((bodies[1][0]["id"].clone(), bodies[1][0]["phoneNumber"].clone()), (json!(anna), json!("+79001234567")));
    assert!(bodies[1][0].get("lastName").is_none());
    assert_eq!(bodies[2], json!([{"id": anna}]));
}

#[tokio::test]
async fn some_answers_are_tried_again_four_times_in_all() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    listen(&salon, &receiver, "Contact.create", false).await;
    receiver.will_answer(&[503, 500, 404, 401]);
    salon.contact(json!({"lastName": "Anna"})).await;
    for tries in 1..=4 {
        salon.settled().await;
        assert_eq!(receiver.bodies().len(), tries);
        salon.advance(601);
        salon.sandbox.espocrm.wake();
    }
    salon.settled().await;
    assert_eq!(receiver.bodies().len(), 4, "lost for good");
    let snapshot = salon.sandbox.espocrm.snapshot();
    assert_eq!((snapshot["deliveries"][3]["ending"].clone(), snapshot["waiting"].clone()), (json!("failed"), json!(0)));
}

#[tokio::test]
async fn other_answers_lose_the_event_and_410_the_webhook() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    listen(&salon, &receiver, "Contact.create", false).await;
    for (status, hooks) in [(400, 1), (429, 1), (502, 1), (302, 1), (410, 0)] {
        receiver.will_answer(&[status]);
        salon.contact(json!({"lastName": "Anna"})).await;
        salon.settled().await;
        let snapshot = salon.sandbox.espocrm.snapshot();
        assert_eq!((snapshot["waiting"].clone(), snapshot["webhooks"].as_array().unwrap().len()), (json!(0), hooks), "{status}");
    }
    assert_eq!(receiver.bodies().len(), 5);
}

#[tokio::test]
async fn events_that_waited_go_together() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    listen(&salon, &receiver, "Contact.create", false).await;
    receiver.will_answer(&[503, 503]);
    for name in ["Anna", "Maria"] {
        salon.contact(json!({"lastName": name})).await;
        salon.settled().await;
    }
    salon.advance(700);
    salon.sandbox.espocrm.wake();
    salon.settled().await;
    let names: Vec<Value> = receiver.bodies()[2].as_array().unwrap().iter().map(|event| event["lastName"].clone()).collect();
    assert_eq!(names, ["Anna", "Maria"]);
}
