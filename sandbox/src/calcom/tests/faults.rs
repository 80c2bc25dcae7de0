use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;

use super::{ADMIN, Salon, message};
use crate::fault::{Fault, Target};

fn plan(salon: &Salon, operation: &str, fault: &Fault) {
    let target = Target { vendor: "calcom".to_owned(), operation: operation.to_owned() };
    salon.world.faults.plan(target, fault, 1);
}

#[tokio::test]
async fn planned_refusals_wear_cal_coms_envelopes() {
    let salon = Salon::open().await;
    plan(&salon, "GET /v2/me", &Fault::Status { code: 500 });
    assert_eq!(salon.get("/v2/me").await, (500, json!({"statusCode": 500, "message": "Internal server error"})));
    plan(&salon, "*", &Fault::RateLimit { retry_after: 17 });
    let answer = salon.request("GET", "/v2/me").send().await.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["x-ratelimit-reset-default"], "17");
    assert_eq!(answer.headers().get("retry-after"), None);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(
        (&body["error"]["code"], message(&body)),
        (&json!("ThrottlerException"), "CustomThrottlerGuard - Too many requests. Please try again later.")
    );
    assert_eq!(salon.get("/v2/me").await.0, 200);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_booking() {
    for fault in [Fault::DropAfterCommit, Fault::HangAfterCommit] {
        let salon = Salon::open().await;
        plan(&salon, "POST /v2/bookings", &fault);
        let request = salon.request("POST", "/v2/bookings").json(&salon.body(101, salon.at(0), "anna"));
        let lost = request.timeout(Duration::from_millis(500)).send().await.unwrap_err();
        assert_eq!(lost.is_timeout(), fault == Fault::HangAfterCommit, "{lost:?}");
        assert_eq!(salon.calcom.snapshot()["bookings"][0]["metadata"]["salonBooking"], "anna");
        let entry = salon.world.ledger.entries().pop().unwrap();
        assert_eq!((entry.status, entry.fault), (0, Some(fault)));
    }
}

#[tokio::test]
async fn a_dropped_or_hung_request_does_nothing() {
    for fault in [Fault::Drop, Fault::Hang] {
        let salon = Salon::open().await;
        plan(&salon, "POST /v2/bookings", &fault);
        let request = salon.request("POST", "/v2/bookings").json(&salon.body(101, salon.at(0), "anna"));
        let lost = request.timeout(Duration::from_millis(300)).send().await.unwrap_err();
        assert_eq!(lost.is_timeout(), fault == Fault::Hang, "{lost:?}");
        assert_eq!(salon.calcom.snapshot()["bookings"], json!([]));
    }
}

#[tokio::test]
async fn a_key_has_its_budget() {
    let salon = Salon::open().await;
    salon
        .calcom
        .seed(&json!({"users": [{"id": 10, "name": "Salon", "email": "s@salon.example", "username": "salon", "apiKey": ADMIN, "rateLimit": 3}]}))
        .unwrap();
    for left in ["2", "1", "0"] {
        let answer = salon.request("GET", "/v2/me").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-ratelimit-remaining-default"].to_str().unwrap()), (200, left));
    }
    let refused = salon.request("GET", "/v2/me").send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["x-ratelimit-reset-default"], "60");
    salon.world.advance(TimeDelta::seconds(61));
    assert_eq!(salon.get("/v2/me").await.0, 200);
}

#[tokio::test]
async fn every_route_is_in_the_document_and_the_other_way_round() {
    let salon = Salon::open().await;
    let mut documented: Vec<&str> = salon.calcom.spec.operations().collect();
    let mut routed: Vec<&str> = crate::calcom::routes::ROUTES.iter().map(|route| route.operation).collect();
    documented.sort_unstable();
    routed.sort_unstable();
    assert_eq!(documented, routed);
}
