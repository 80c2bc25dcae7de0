//! Planned faults.

use std::time::Duration;

use serde_json::json;

use super::{CODE, Portal, error};
use crate::fault::Fault;

#[tokio::test]
async fn planned_statuses_have_the_vendors_codes() {
    let portal = Portal::open().await;
    for (code, expected) in [
        (401, "expired_token"),
        (403, "ACCESS_DENIED"),
        (500, "INTERNAL_SERVER_ERROR"),
        (502, "ERROR_UNEXPECTED_ANSWER"),
        (503, "QUERY_LIMIT_EXCEEDED"),
    ] {
        portal.plan("crm.item.add", &Fault::Status { code });
        let refused = portal.refused("crm.item.add", json!({"entityTypeId": 3, "fields": {}})).await;
        assert_eq!(refused, (code, expected.to_owned()));
    }
    portal.plan("*", &Fault::RateLimit { retry_after: 90 });
    let (status, body) = portal.call("profile", json!({})).await;
    assert_eq!((status, &body["error"]), (429, &json!("OPERATION_TIME_LIMIT")));
    let reset = body["time"]["operating_reset_at"].as_i64().unwrap() - portal.world.now().timestamp();
    assert!((60..=90).contains(&reset), "{reset}");
    portal.plan("oauth.token", &Fault::Status { code: 500 });
    let renewal = portal.send(portal.client.get(format!("{}/oauth/token/", portal.base))).await;
    assert_eq!(error(renewal), (500, "INTERNAL_SERVER_ERROR".to_owned()));
    assert_eq!(portal.bitrix.snapshot()["contacts"], json!([]));
    assert!(portal.violations().is_empty());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_record() {
    for (fault, made) in [
        (Fault::Hang, 0),
        (Fault::Drop, 0),
        (Fault::HangAfterCommit, 1),
        (Fault::DropAfterCommit, 1),
        (Fault::AnswerAfterCommit { ms: 0, code: Some(503) }, 1),
    ] {
        let portal = Portal::open().await;
        portal.plan("crm.item.add", &fault);
        let url = format!("{}/rest/1/{CODE}/crm.item.add.json", portal.base);
        let request = portal.client.post(url).json(&json!({"entityTypeId": 3, "fields": {"name": "Anna"}}));
        let outcome = request.timeout(Duration::from_secs(2)).send().await;
        let answered = matches!(fault, Fault::AnswerAfterCommit { .. });
        assert_eq!(outcome.is_ok(), answered, "{fault:?}");
        assert_eq!(portal.bitrix.snapshot()["contacts"].as_array().unwrap().len(), made, "{fault:?}");
        let entry = &portal.world.ledger.entries()[0];
        assert_eq!((entry.operation.as_str(), entry.status), ("crm.item.add", if answered { 503 } else { 0 }));
        assert_eq!(entry.fault, Some(fault));
    }
}
