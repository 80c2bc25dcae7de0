use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    crm::{Crm, Pace},
    ids::ConnectionId,
    vendor::{Pacer, Rate, stub::http},
};

const RATE: Rate = Rate { count: 1000, per: Duration::from_secs(1), burst: 40 };

/// How long the account rests after one call that is answered so, and the call's failure.
async fn rests(step: Step) -> (Duration, Option<Failure>) {
    let stub = Stub::start("", vec![step]).await;
    let (http, account, pacer) = (http(), account(&stub), Pacer::new(None));
    let pace = Pace::of(&pacer, ConnectionId(Uuid::nil()), RATE);
    let call = CrmCall::new(&http, &account, UNATTENDED).paced(pace.clone());
    let failure = Bitrix24.find_client(&call, &super::clients::client(None)).await.err();
    let wait = pace.take_turn().await.err().unwrap_or_default();
    (wait, failure)
}

fn timed(time: Value) -> Step {
    let batch = json!({"result": [{"items": [{"id": 1}]}, [], []], "result_error": [], "result_time": []});
    Step::json(200, &json!({"result": batch, "time": time}))
}

fn near(wait: Duration, seconds: u64) -> bool {
    wait <= Duration::from_secs(seconds) && wait > Duration::from_secs(seconds) - Duration::from_secs(1)
}

#[tokio::test]
async fn an_account_rests_before_a_methods_time_is_used_up() {
    let cases = [
        (json!({"operating": 399.9, "operating_reset_at": 1000, "finish": 900.0}), 0),
        (json!({"operating": 400.0, "operating_reset_at": 1000, "finish": 900.0}), 101),
        (json!({"operating": "450.5", "operating_reset_at": "1000", "finish": "900"}), 101),
        (json!({"operating": 450, "operating_reset_at": 1000, "finish": 2000}), 1),
        (json!({"operating": 450, "operating_reset_at": 90_000, "finish": 900}), 600),
        (json!({"operating": 450}), 60),
        // A portal may keep no counters, or answer nonsense.
        (json!({}), 0),
        (json!([]), 0),
        (json!({"operating": null, "operating_reset_at": "soon"}), 0),
    ];
    for (time, seconds) in cases {
        let (wait, failure) = rests(timed(time.clone())).await;
        assert_eq!(failure, None, "the call itself went well");
        assert!(if seconds == 0 { wait.is_zero() } else { near(wait, seconds) }, "{time}: {wait:?}");
    }
}

#[tokio::test]
async fn a_batchs_commands_are_counted_one_by_one() {
    let times = json!({"1": {"operating": 470, "operating_reset_at": 1000, "finish": 900}});
    let batch = json!({"result": [{"items": [{"id": 1}]}, [], []], "result_error": [], "result_time": times});
    let (wait, failure) = rests(good(&batch)).await;
    assert_eq!(failure, None);
    assert!(near(wait, 101), "{wait:?}");
}

#[tokio::test]
async fn an_account_rests_when_a_limit_was_hit_and_the_job_waits_as_long() {
    let limited =
        |status, error: &str, time: Value| Step::json(status, &json!({"error": error, "error_description": "?", "time": time}));
    let reset = json!({"operating": 481, "operating_reset_at": 1000, "finish": 900});
    let cases = [
        (limited(503, "QUERY_LIMIT_EXCEEDED", json!(null)), "query_limit_exceeded", 2),
        (limited(503, "QUERY_LIMIT_EXCEEDED", json!(null)).with_header("retry-after", "7"), "query_limit_exceeded", 7),
        (limited(503, "OVERLOAD_LIMIT", json!(null)), "overload_limit", 900),
        (limited(429, "OPERATION_TIME_LIMIT", reset), "operation_time_limit", 101),
        (limited(429, "OPERATION_TIME_LIMIT", json!(null)), "operation_time_limit", 60),
        (limited(429, "OPERATION_TIME_LIMIT", json!(null)).with_header("retry-after", "999999"), "operation_time_limit", 3600),
        (batched(&[Err(Some("OPERATION_TIME_LIMIT")), Ok(json!([])), Ok(json!([]))]), "operation_time_limit", 60),
    ];
    for (step, code, seconds) in cases {
        let (wait, failure) = rests(step.clone()).await;
        let after = Some(Duration::from_secs(seconds));
        assert_eq!(failure, Some(Failure::new(Class::Retry { after }, code)), "{step:?}");
        assert!(near(wait, seconds), "{step:?}: {wait:?}");
    }
}

#[test]
fn the_pace_is_below_the_portals() {
    let rate = Bitrix24.capabilities().rate;
    assert!(rate.count <= 2 && rate.per == Duration::from_secs(1) && rate.burst < 50);
}
