use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{SECRET, fixture};
use crate::booking::{Calendar, CalendarHint, CalendarSecrets, calcom::Calcom};

const CREATED: &str = include_str!("../fixtures/created.json");
const NO_SHOW: &str = include_str!("../fixtures/no_show.json");

fn secrets(webhook: &str) -> CalendarSecrets {
    CalendarSecrets { api_key: "cal_live_key".into(), webhook_secret: webhook.into() }
}

fn signed(signature: &str) -> HeaderMap {
    HeaderMap::from_iter([("x-cal-signature-256".parse().unwrap(), HeaderValue::from_str(signature).unwrap())])
}

fn accepts(signature: &str, body: &[u8], secret: &str) -> bool {
    Calcom.verify(&signed(signature), body, &secrets(secret)).is_ok()
}

fn hint(body: &Value) -> CalendarHint {
    Calcom.parse(body.to_string().as_bytes()).unwrap()
}

/// RFC 4231, test case 2: HMAC-SHA-256 with the key "Jefe".
const VECTOR: (&str, &[u8], &str) =
    ("Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

#[test]
fn a_published_vector_is_accepted() {
    let (secret, body, signature) = VECTOR;
    assert!(accepts(signature, body, secret));
}

#[test]
fn one_bit_anywhere_is_refused() {
    let (secret, body, signature) = VECTOR;
    for bit in 0..body.len() * 8 {
        let mut other = body.to_vec();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepts(signature, &other, secret));
    }
    let mac = hex::decode(signature).unwrap();
    for bit in 0..mac.len() * 8 {
        let mut other = mac.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!accepts(&hex::encode(other), body, secret));
    }
    assert!(!accepts(signature, body, "jefe"));
}

#[test]
fn other_spellings_of_a_signature_are_refused() {
    let (secret, body, signature) = VECTOR;
    for other in [
        "no-secret-provided",
        "",
        &signature.to_uppercase(),
        &format!("sha256={signature}"),
        &signature[..63],
        &format!("{signature}0"),
        &format!("{signature} "),
    ] {
        assert!(!accepts(other, body, secret), "{other:?}");
    }
    assert!(Calcom.verify(&HeaderMap::new(), body, &secrets(secret)).is_err());
    let mut twice = signed(signature);
    twice.append("x-cal-signature-256", HeaderValue::from_static("no-secret-provided"));
    assert!(Calcom.verify(&twice, body, &secrets(secret)).is_err());
}

#[test]
fn an_empty_secret_accepts_nothing() {
    // HMAC-SHA-256 of nothing with an empty key.
    assert!(!accepts("b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad", b"", ""));
    assert!(!accepts("no-secret-provided", b"", "no-secret-provided"));
}

#[test]
fn every_form_of_webhook_is_read() {
    for (body, trigger, uid, previous) in [
        (CREATED, "BOOKING_CREATED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/confirmed.json"), "BOOKING_CREATED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/requested.json"), "BOOKING_REQUESTED", Some("uQ2dEf"), Some("uQ1aBc")),
        (include_str!("../fixtures/rescheduled.json"), "BOOKING_RESCHEDULED", Some("uQ2dEf"), Some("uQ1aBc")),
        (include_str!("../fixtures/cancelled.json"), "BOOKING_CANCELLED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/rejected.json"), "BOOKING_REJECTED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/paid.json"), "BOOKING_PAID", Some("uQ1aBc"), None),
        (NO_SHOW, "BOOKING_NO_SHOW_UPDATED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/meeting_ended.json"), "MEETING_ENDED", Some("uQ1aBc"), None),
        (include_str!("../fixtures/ooo.json"), "OOO_CREATED", None, None),
        (include_str!("../fixtures/form.json"), "FORM_SUBMITTED", None, None),
        (r#"{"triggerEvent":"BOOKING_TELEPORTED","payload":{"uid":"u9"}}"#, "BOOKING_TELEPORTED", Some("u9"), None),
        (r#"{"triggerEvent":"NEWS","payload":"text"}"#, "NEWS", None, None),
        (r#"{"triggerEvent":"ODD","payload":{"uid":{"a":1},"startTime":5,"status":null}}"#, "ODD", None, None),
    ] {
        let hint = Calcom.parse(body.as_bytes()).unwrap();
        let read = (hint.trigger.as_str(), hint.uid.as_deref(), hint.previous_uid.as_deref());
        assert_eq!(read, (trigger, uid, previous));
        assert!(!hint.vendor_event_id.contains("uQ1aBc"), "a uid is a capability");
    }
}

#[test]
fn what_is_no_webhook_is_refused() {
    for body in [
        "",
        "false",
        "null",
        "[]",
        "{}",
        "a=b&c=d",
        r#"{"triggerEvent":""}"#,
        r#"{"triggerEvent":7}"#,
        r#"{"payload":{"uid":"u"}}"#,
    ] {
        assert!(Calcom.parse(body.as_bytes()).is_err(), "{body}");
    }
    assert!(Calcom.parse(b"{\"triggerEvent\":\"A\\u0000\"}").is_err());
    assert!(Calcom.parse("[".repeat(100_000).as_bytes()).is_err());
}

#[test]
fn a_repeated_delivery_is_the_same_event() {
    let first = fixture(CREATED);
    let mut second = first.clone();
    second["createdAt"] = json!("2026-11-21T10:05:31.007Z");
    second["payload"]["startTime"] = json!("2026-12-01T06:00:00.000+00:00");
    assert_eq!(hint(&first), hint(&second));
    assert_eq!(Calcom.parse(NO_SHOW.as_bytes()), Calcom.parse(NO_SHOW.as_bytes()));
}

#[test]
fn another_event_is_another_event() {
    let first = fixture(CREATED);
    let changed = |path: &str, value: Value| {
        let mut other = first.clone();
        *other.pointer_mut(path).unwrap() = value;
        hint(&other).vendor_event_id
    };
    for other in [
        changed("/triggerEvent", json!("BOOKING_RESCHEDULED")),
        changed("/payload/uid", json!("uQ1aBd")),
        changed("/payload/startTime", json!("2026-12-01T06:30:00Z")),
        changed("/payload/status", json!("PENDING")),
    ] {
        assert_ne!(other, hint(&first).vendor_event_id);
    }
    // Marked absent, unmarked, marked again: only the moment of sending tells the last from the first.
    let marked = fixture(NO_SHOW);
    let mut again = marked.clone();
    again["createdAt"] = json!("2026-12-01T06:40:00.000Z");
    assert_ne!(hint(&marked).vendor_event_id, hint(&again).vendor_event_id);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..512), header in prop::collection::vec(32_u8..=126, 0..80)) {
        let _ = Calcom.parse(&body);
        let header = String::from_utf8(header).unwrap();
        prop_assert!(Calcom.verify(&signed(header.trim()), &body, &secrets(SECRET)).is_err());
    }

    #[test]
    fn a_damaged_webhook_is_read_or_refused(at in 0..CREATED.len(), byte in any::<u8>(), keep in 0..CREATED.len()) {
        let mut body = CREATED.as_bytes().to_vec();
        body[at] = byte;
        let _ = Calcom.parse(&body);
        let _ = Calcom.parse(&body[..keep]);
    }

    #[test]
    fn facts_of_any_type_are_read(uid in any::<Option<i64>>(), status in ".*", start in ".*") {
        let body = json!({ "triggerEvent": "X", "payload": { "uid": uid, "status": status, "startTime": [start], "rescheduleUid": {} } });
        prop_assert_eq!(hint(&body).uid, uid.map(|uid| uid.to_string()));
    }
}
