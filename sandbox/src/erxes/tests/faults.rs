//! Planned faults.

use std::time::Duration;

use serde_json::{Value, json};

use super::{APP, Crm, INSERT, error};
use crate::fault::Fault;

#[tokio::test]
async fn faults_look_like_the_gateways() {
    let crm = Crm::open().await;
    let brands = "{ allBrands { _id } }";
    crm.plan("allBrands", &Fault::Status { code: 502 });
    assert_eq!(
        crm.ask(Some(APP), brands, json!({})).await,
        (502, json!({"error": "Gateway proxy error", "code": "ECONNREFUSED"}))
    );
    crm.plan("allBrands", &Fault::Status { code: 500 });
    let (status, body) = crm.ask(Some(APP), brands, json!({})).await;
    assert_eq!((status, error(&body).1), (200, "SYSTEM"));
    crm.plan("*", &Fault::RateLimit { retry_after: 1 });
    assert_eq!(crm.ask(Some(APP), brands, json!({})).await.0, 429);
    crm.plan("widgetsMessengerConnect", &Fault::Status { code: 500 });
    assert_eq!(crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"], Value::Null);
    assert_eq!(crm.erxes.snapshot()["customers"], json!([]));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message() {
    for fault in [Fault::HangAfterCommit, Fault::DropAfterCommit] {
        let crm = Crm::open().await;
        crm.plan("widgetsInsertMessage", &fault);
        let request = crm.client.post(&crm.url).json(&json!({"query": INSERT, "variables": {"i": "i1", "m": "hello"}}));
        let lost = request.timeout(Duration::from_millis(500)).send().await.unwrap_err();
        assert_eq!(lost.is_timeout(), fault == Fault::HangAfterCommit);
        assert_eq!(crm.erxes.snapshot()["messages"].as_array().unwrap().len(), 1);
        assert_eq!(crm.world.ledger.entries()[0].status, 0);
    }
}

#[tokio::test]
async fn the_gateway_counts_requests_in_a_quarter_of_an_hour() {
    let crm = Crm::open().await;
    crm.erxes.seed(&json!({"requestLimit": 2})).unwrap();
    let brands = "{ allBrands { _id } }";
    for expected in [200, 200, 429] {
        assert_eq!(crm.ask(Some(APP), brands, json!({})).await.0, expected);
    }
    crm.world.advance(chrono::TimeDelta::minutes(15));
    assert_eq!(crm.ask(Some(APP), brands, json!({})).await.0, 200);
}
