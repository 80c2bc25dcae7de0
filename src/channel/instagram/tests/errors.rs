use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::refusal;
use crate::{
    channel::instagram::error,
    vendor::{Class, Failure, Reply},
};

const RETRY: Class = Class::Retry { after: None };

const fn after(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// What each code, with its subcode, means for a message.
pub(super) fn documented() -> Vec<(i64, Option<i64>, Class)> {
    vec![
        (10, Some(2_534_022), Class::NeedsTemplate),
        (10, Some(2_018_278), Class::NeedsTemplate),
        (10, Some(2_018_108), Class::Unreachable),
        (551, None, Class::Unreachable),
        (551, Some(1_545_041), Class::Unreachable),
        (200, Some(1_545_041), Class::Unreachable),
        (100, Some(2_534_014), Class::Unreachable),
        (100, Some(2_018_001), Class::Unreachable),
        (10, Some(1_893_063), after(3_600)),
        (200, Some(2_534_041), Class::Credential),
        (100, Some(2_534_029), Class::Credential),
        (190, None, Class::Credential),
        (190, Some(460), Class::Credential),
        (102, None, Class::Credential),
        (3, None, Class::Credential),
        (10, None, Class::Credential),
        (10, Some(99), Class::Credential),
        (200, None, Class::Credential),
        (368, None, Class::Credential),
        (613, None, after(5)),
        (613, Some(2_534_040), after(5)),
        (4, None, after(60)),
        (17, None, after(60)),
        (32, None, after(60)),
        (80_002, None, after(60)),
        (1, Some(1_357_046), Class::Unknown),
        (1, None, RETRY),
        (1, Some(99), RETRY),
        (2, None, RETRY),
        (2, Some(1_545_133), RETRY),
        (1_200, None, RETRY),
        (100, Some(2_534_001), Class::Permanent),
        (100, Some(2_534_025), Class::Permanent),
        (100, None, Class::Permanent),
        (100, Some(33), Class::Permanent),
        (2_534_001, None, Class::Permanent),
        (2_534_025, None, Class::Permanent),
    ]
}

fn refused(status: u16, headers: &[(&'static str, &str)], body: &Value) -> Failure {
    let headers: HeaderMap = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    error::ERRORS.refusal(&Reply { status, headers, body: body.to_string().into_bytes() }).unwrap()
}

#[test]
fn every_row_of_the_table_is_reached_and_short() {
    let mut reached = Vec::new();
    for (code, subcode, class) in documented() {
        // Neither the status nor the words change what the codes say.
        for status in [200, 400, 403, 500] {
            assert_eq!(refused(status, &[], &refusal(code, subcode)).class, class, "{code}/{subcode:?} under {status}");
        }
        reached.push((class, refused(400, &[], &refusal(code, subcode)).code));
    }
    for (code, _, class, name) in error::TABLE {
        let name = format!("{code}:{name}");
        assert!(name.len() <= 32 && reached.iter().any(|(told, found)| told == class && *found == name), "{name}");
    }
}

#[test]
fn what_is_not_in_the_table() {
    assert_eq!(refused(400, &[], &refusal(987_654, None)), Failure::permanent("987654:other"));
    assert_eq!(refused(500, &[], &refusal(987_654, None)), Failure::unknown("987654:server_error"));
    let passing = json!({"error": {"code": 987_654, "is_transient": true}});
    assert_eq!(refused(400, &[], &passing), Failure::retry("987654:transient"));
    let as_text = json!({"error": {"code": "10", "error_subcode": "2534022"}});
    assert_eq!(refused(403, &[], &as_text).class, Class::NeedsTemplate, "numbers as texts");
    for status in [408, 500, 502, 503, 504] {
        assert_eq!(refused(status, &[], &json!("<html>")), Failure::unknown("server_error"), "a message may have been taken");
    }
    assert_eq!(refused(404, &[], &json!("<html>")), Failure::permanent("unexpected_status"));
}

#[test]
fn a_wait_is_as_long_as_the_header_says() {
    let usage = |minutes: u64| format!(r#"{{"1":[{{"type":"instagram","estimated_time_to_regain_access":{minutes}}}]}}"#);
    let waits =
        |code: i64, minutes: u64| refused(400, &[("x-business-use-case-usage", &usage(minutes))], &refusal(code, None)).class;
    for code in [613, 4, 17, 32, 80_002] {
        assert_eq!(waits(code, 12), after(12 * 60), "{code}");
    }
    assert_eq!(waits(613, 0), after(5));
    assert_eq!(waits(613, u64::MAX), after(86_400));
    assert_eq!(waits(2, 12), RETRY, "another trouble is not meant");
    assert_eq!(refused(429, &[("retry-after", "9")], &refusal(613, None)).class, after(9));
}
