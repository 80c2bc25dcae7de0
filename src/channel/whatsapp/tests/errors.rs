use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::{about_number, delivery, parse_one, refusal};
use crate::{
    channel::{Delivery, EventKind, FailedClass, whatsapp::error},
    vendor::{Class, Failure, Reply},
};

const RETRY: Class = Class::Retry { after: None };

const fn after(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// WhatsApp Business Platform, error codes: what each of them means for a message.
pub(super) fn documented() -> Vec<(i64, Class)> {
    let permanent = [
        131_049, 131_050, 130_472, 130_403, 130_497, 131_063, 131_008, 131_009, 100, 131_051, 135_000, 131_021, 131_052, 131_053,
        131_055, 134_100, 134_101, 134_102, 132_000, 132_001, 132_005, 132_007, 132_012, 132_015, 132_016, 132_018, 132_068,
        132_069, 133_000, 133_005, 133_006, 133_008, 133_009, 133_016, 2_388_019, 2_388_039, 2_388_040, 2_388_047, 2_388_072,
        2_388_073, 2_388_293, 2_388_299,
    ];
    let credential = [190, 0, 3, 10, 200, 250, 299, 131_005, 368, 131_031, 131_042, 131_045, 133_010, 33, 131_037];
    let retry = [131_056, 131_000, 131_016, 133_004, 1, 2];
    let waits = [
        (130_429, 5),
        (80_007, 60),
        (4, 60),
        (131_048, 7_200),
        (131_064, 7_200),
        (131_057, 60),
        (2_494_100, 300),
        (133_015, 300),
    ];
    let mut all = vec![(131_047, Class::NeedsTemplate), (131_026, Class::Unreachable)];
    all.extend(permanent.map(|code| (code, Class::Permanent)));
    all.extend(credential.map(|code| (code, Class::Credential)));
    all.extend(retry.map(|code| (code, RETRY)));
    all.extend(waits.map(|(code, seconds)| (code, after(seconds))));
    all
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &Value) -> Option<Failure> {
    let headers: HeaderMap = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    error::ERRORS.refusal(&Reply { status, headers, body: body.to_string().into_bytes() })
}

fn refused(status: u16, headers: &[(&'static str, &str)], body: &Value) -> Failure {
    answer(status, headers, body).unwrap()
}

#[test]
fn every_row_of_the_table_is_reached_and_short() {
    let documented = documented();
    for (from, to, class, name) in error::TABLE {
        let reached = documented.iter().any(|(code, expected)| (from..=to).contains(&code) && expected == class);
        assert!(reached && from <= to, "{name}");
        assert!(format!("{to}:{name}").len() <= 32, "{name}");
    }
    for (code, class) in documented {
        // Neither the status nor the words change what the code says.
        for status in [200, 400, 403, 500] {
            assert_eq!(refused(status, &[], &refusal(code)).class, class, "{code} under {status}");
        }
        assert_eq!(error::meaning(code).class, class, "{code}");
        assert!(error::meaning(code).code.starts_with(&format!("{code}:")), "{code}");
    }
}

/// The code in a status of a message that was taken at first is looked up in the same table.
#[test]
fn a_failed_status_means_what_the_same_code_in_an_answer_does() {
    for (code, class) in documented() {
        let status = json!({"id": "wamid.OUT1", "status": "failed", "timestamp": "1795200100", "errors": [{"code": code}]});
        let event = parse_one(&delivery("messages", &about_number(&json!({"statuses": [status]}))));
        let EventKind::Status { state: Delivery::Failed { class: told, code: name }, .. } = event.kind else {
            panic!("{event:?}")
        };
        assert_eq!((told, name), (FailedClass::from(class), refused(400, &[], &refusal(code)).code.into_owned()));
    }
}

#[test]
fn codes_that_are_not_in_the_table() {
    let with = |fields: Value| json!({"error": fields});
    let permanent = |code: &'static str| Failure::permanent(code);
    assert_eq!(refused(400, &[], &refusal(131_030)), permanent("131030:other"));
    assert_eq!(refused(404, &[], &refusal(803)), permanent("803:other"));
    assert_eq!(refused(400, &[], &with(json!({"code": 987_654, "is_transient": true}))), Failure::retry("987654:transient"));
    assert_eq!(refused(401, &[], &refusal(104)), Failure::new(Class::Credential, "104:unauthorized"));
    assert_eq!(refused(500, &[], &refusal(987_654)), Failure::unknown("987654:server_error"));
    assert_eq!(refused(429, &[("retry-after", "9")], &refusal(613)).class, after(9));
    assert_eq!(refused(400, &[], &with(json!({"code": "131047"}))).class, Class::NeedsTemplate, "a number as a text");
    assert_eq!(refused(400, &[], &with(json!({"code": i64::MIN}))).class, Class::Permanent);
    assert_eq!(error::meaning(987_654), permanent("987654:other"));
}

#[test]
fn answers_without_a_code() {
    let html = json!("<html>");
    assert_eq!(refused(401, &[], &html), Failure::new(Class::Credential, "unauthorized"));
    assert_eq!(refused(429, &[("retry-after", "3")], &html), Failure::new(after(3), "too_many_requests"));
    assert_eq!(refused(429, &[("retry-after", "99999999")], &html).class, after(86_400));
    assert_eq!(refused(429, &[], &html).class, RETRY);
    for status in [408, 500, 502, 503, 504] {
        assert_eq!(refused(status, &[], &html), Failure::unknown("server_error"), "a message may have been taken");
    }
    for status in [302, 400, 403, 404] {
        assert_eq!(refused(status, &[], &html), Failure::permanent("unexpected_status"));
    }
    assert_eq!(refused(200, &[], &json!({"error": {}})).class, Class::Permanent, "an error all the same");
    assert_eq!(answer(200, &[], &json!({"success": true})), None);
    assert_eq!(answer(200, &[], &json!({"error": "a text where the vendor has none"})), None);
}

#[test]
fn the_wait_of_a_usage_limit_is_in_a_header() {
    let usage = |minutes: &str| {
        format!(
            r#"{{"102290129340398":[{{"type":"whatsapp_business_management","estimated_time_to_regain_access":1}},
               {{"type":"whatsapp","estimated_time_to_regain_access":{minutes}}}],"x":"y"}}"#
        )
        .replace('\n', "")
    };
    let waits = |code: i64, minutes: &str| refused(400, &[("x-business-use-case-usage", &usage(minutes))], &refusal(code)).class;
    assert_eq!(waits(80_007, "12"), after(12 * 60));
    assert_eq!(waits(4, "12"), after(12 * 60));
    assert_eq!(waits(4, "18446744073709551615"), after(86_400));
    assert_eq!(waits(80_007, "\"soon\""), after(60), "the other use's minute");
    assert_eq!(waits(130_429, "12"), after(5), "another limit is not meant");
    assert_eq!(waits(131_047, "12"), Class::NeedsTemplate);
    for header in ["", "[]", "{}", r#"{"1":[]}"#, r#"{"1":[{"estimated_time_to_regain_access":0}]}"#, "not json"] {
        assert_eq!(refused(400, &[("x-business-use-case-usage", header)], &refusal(80_007)).class, after(60), "{header}");
    }
    assert_eq!(refused(400, &[("retry-after", "11")], &refusal(130_429)).class, after(11));
}
