//! The two limits.

use serde_json::json;

use super::Portal;

#[tokio::test]
async fn the_bucket_leaks_two_requests_a_second() {
    let portal = Portal::open().await;
    // The clock runs on while this goes: the bucket is filled by far more than it loses.
    portal.seed(json!({"limits": {"burst": 3, "drain": 0.001}}));
    for _ in 0..3 {
        assert_eq!(portal.call("profile", json!({})).await.0, 200);
    }
    assert_eq!(portal.refused("profile", json!({})).await, (503, "QUERY_LIMIT_EXCEEDED".to_owned()));
    portal.advance(1001);
    assert_eq!(portal.call("profile", json!({})).await.0, 200);
    assert!(portal.violations().is_empty());
}

#[tokio::test]
async fn a_method_that_worked_too_long_is_blocked_alone() {
    let portal = Portal::open().await;
    portal.seed(json!({"limits": {"costs": {"crm.item.list": 300}}}));
    let list = json!({"entityTypeId": 3});
    let (_, body) = portal.call("crm.item.list", list.clone()).await;
    assert_eq!(body["time"]["operating"], 300.0);
    assert_eq!(portal.call("crm.item.list", list.clone()).await.0, 200);
    let (status, body) = portal.call("crm.item.list", list.clone()).await;
    assert_eq!((status, &body["error"]), (429, &json!("OPERATION_TIME_LIMIT")));
    let reset = body["time"]["operating_reset_at"].as_i64().unwrap();
    assert!(reset > portal.world.now().timestamp());
    assert_eq!(portal.call("crm.item.fields", list.clone()).await.0, 200, "another method");
    portal.advance(reset - portal.world.now().timestamp() + 1);
    assert_eq!(portal.call("crm.item.list", list).await.0, 200);
}

#[tokio::test]
async fn some_portals_keep_no_counters() {
    let portal = Portal::open().await;
    portal.seed(json!({"limits": {"counters": false}}));
    let (_, body) = portal.call("profile", json!({})).await;
    assert!(body["time"].get("operating").is_none() && body["time"]["duration"].is_f64());
}
