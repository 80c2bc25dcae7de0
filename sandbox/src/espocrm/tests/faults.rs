use serde_json::json;

use super::*;

async fn post(salon: &Salon, name: &str) -> reqwest::Result<Answer> {
    salon.call("POST", "Contact", &[("x-api-key", KEY)], Some(json!({"lastName": name}))).await
}

#[tokio::test]
async fn some_faults_do_nothing() {
    let salon = Salon::open().await;
    for (fault, status, text) in [
        (Fault::Status { code: 503 }, 503, ""),
        (Fault::RateLimit { retry_after: 7 }, 429, ""),
        (Fault::Html { code: 502 }, 502, "<!DOCTYPE html>"),
        (Fault::Html { code: 200 }, 200, "<!DOCTYPE html>"),
        (Fault::ErrorInOk, 200, "{\"message\":"),
    ] {
        salon.plan("POST Contact", &fault);
        assert_eq!(salon.get("Contact").await.status, 200, "another operation");
        let answer = post(&salon, "Anna").await.unwrap();
        assert_eq!((answer.status, answer.text.starts_with(text)), (status, true), "{fault:?} {answer:?}");
        assert_eq!(salon.last().fault, Some(fault));
    }
    salon.plan("*", &Fault::Drop);
    assert!(post(&salon, "Anna").await.is_err());
    assert!(salon.records("Contact").is_empty());
}

#[tokio::test]
async fn some_faults_do_the_work() {
    let salon = Salon::open().await;
    salon.plan("POST Contact", &Fault::Truncated);
    let cut = post(&salon, "A").await.unwrap();
    assert!(cut.status == 200 && cut.text.starts_with('{') && serde_json::from_str::<Value>(&cut.text).is_err());
    salon.plan("POST Contact", &Fault::DropAfterCommit);
    assert!(post(&salon, "B").await.is_err());
    salon.plan("POST Contact", &Fault::AnswerAfterCommit { ms: 1, code: Some(500) });
    assert_eq!(post(&salon, "C").await.unwrap().status, 500);
    salon.plan("POST Contact", &Fault::Slow { ms: 1 });
    assert_eq!(post(&salon, "D").await.unwrap().status, 200);
    assert_eq!(salon.records("Contact").len(), 4);
}

#[tokio::test]
async fn maintenance_closes_everything() {
    let salon = Salon::with(json!({"settings": {"maintenance": true}})).await;
    assert_eq!(salon.get("App/user").await.status, 503);
}

#[tokio::test]
async fn deliveries_may_be_lost_or_doubled() {
    let (salon, receiver) = (Salon::open().await, Receiver::start().await);
    let hook = json!({"event": "Contact.create", "url": receiver.address});
    salon.post("Webhook", hook).await.id();
    let mut expected = 0;
    for (operation, fault, posts) in [
        ("POST Contact", Fault::Twice, 2),
        ("webhook", Fault::Twice, 2),
        ("webhook", Fault::DropAfterCommit, 1),
        ("webhook", Fault::Drop, 0),
    ] {
        salon.plan(operation, &fault);
        salon.contact(json!({"lastName": "Anna"})).await;
        salon.settled().await;
        expected += posts;
        assert_eq!(receiver.bodies().len(), expected, "{operation} {fault:?}");
    }
    assert_eq!(salon.sandbox.espocrm.snapshot()["waiting"], 2, "what got no answer is tried again");
}
