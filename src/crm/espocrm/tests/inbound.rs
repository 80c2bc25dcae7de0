use http::HeaderMap;

use super::*;
use crate::crm::Hint;

const BODY: &[u8] = br#"[{"id":"abc"}]"#;
const SIGNATURE: &str =
    "NjQ3MGExYjJjM2Q0ZTVmNjA6MDVjYmEyYmNhNTI1YTgxOWFhNzNjMzRmZmFmNTk4OGQyZDQ4NjRiNzkwZDIxMTkwOTJhOTMxNDYyZDdmYWFhZQ==";
const OLD_SIGNATURE: &str = "NjQ3MGExYjJjM2Q0ZTVmNjA6BcuivKUlqBmqc8NP+vWYjS1IZLeQ0hGQkqkxRi1/qq4=";

fn secrets() -> CrmSecrets {
    CrmSecrets { hooks: hooks(), ..CrmSecrets::default() }
}

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn proves(pairs: &[(&'static str, &str)], body: &[u8], secrets: &CrmSecrets) -> bool {
    EspoCrm.verify(&headers(pairs), body, secrets, at(0)).is_ok()
}

#[test]
fn both_signatures_prove_the_bytes() {
    assert!(proves(&[("signature", SIGNATURE)], BODY, &secrets()));
    assert!(proves(&[("x-signature", OLD_SIGNATURE)], BODY, &secrets()));
    assert!(proves(&[("signature", SIGNATURE), ("x-signature", OLD_SIGNATURE)], BODY, &secrets()));
}

#[test]
fn one_bit_more_or_less_proves_nothing() {
    for (name, signature) in [("signature", SIGNATURE), ("x-signature", OLD_SIGNATURE)] {
        for bit in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            assert!(!proves(&[(name, signature)], &body, &secrets()), "bit {bit} of the body");
        }
        use base64::{Engine, engine::general_purpose::STANDARD};
        let decoded = STANDARD.decode(signature).unwrap();
        for bit in 0..decoded.len() * 8 {
            let mut changed = decoded.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!proves(&[(name, &STANDARD.encode(changed))], BODY, &secrets()), "bit {bit} of the signature");
        }
    }
}

#[test]
fn what_is_missing_comes_twice_or_is_of_a_stranger_proves_nothing() {
    assert!(!proves(&[], BODY, &secrets()));
    assert!(!proves(&[("signature", SIGNATURE), ("signature", SIGNATURE)], BODY, &secrets()));
    assert!(
        !proves(&[("signature", ""), ("x-signature", OLD_SIGNATURE)], BODY, &secrets()),
        "the new form counts if it is there"
    );
    assert!(!proves(&[("signature", OLD_SIGNATURE)], BODY, &secrets()), "raw bytes where hexadecimal is due");
    assert!(!proves(&[("signature", "not base64!")], BODY, &secrets()));
    assert!(!proves(&[("signature", "bm8gY29sb24=")], BODY, &secrets()));
    assert!(!proves(&[("signature", SIGNATURE)], BODY, &CrmSecrets::default()), "nothing is known");
    let other = CrmSecrets { hooks: hooks().split_off(1), ..CrmSecrets::default() };
    assert!(!proves(&[("signature", SIGNATURE)], BODY, &other), "another webhook's id");
}

fn parsed(body: &str) -> Vec<Hint> {
    EspoCrm.parse(&headers(&[("signature", SIGNATURE)]), body.as_bytes(), &secrets()).unwrap()
}

#[test]
fn each_element_is_a_hint_of_the_event_that_its_webhook_is_for() {
    let hints = parsed(r#"[{"id":"abc","doNotCall":true},{"id":"def"},{"name":"no id"},"nonsense",{"id":""}]"#);
    let about: Vec<_> = hints.iter().map(|hint| hint.about.clone()).collect();
    let contact = |id: &str| Some((Entity::Client, id.to_owned()));
    assert_eq!(about, [contact("abc"), contact("def"), None, None, None]);
    assert!(hints.iter().all(|hint| hint.what == "Contact.update"));
    assert!(parsed("[]").is_empty());
    let stranger = EspoCrm.parse(&HeaderMap::new(), BODY, &secrets()).unwrap();
    assert_eq!((stranger[0].what.as_str(), &stranger[0].about), ("unknown", &None));
}

#[test]
fn the_same_event_has_the_same_id_in_whichever_batch_and_no_other_has() {
    let ids = |body: &str| parsed(body).into_iter().map(|hint| hint.vendor_event_id).collect::<Vec<_>>();
    let first = ids(r#"[{"id":"abc","status":"Held"},{"id":"def"}]"#);
    assert_eq!(first[0], ids(r#"[ {"status": "Held", "id": "abc"} ]"#)[0]);
    assert_ne!(first[0], first[1]);
    assert_ne!(first[0], ids(r#"[{"id":"abc","status":"Planned"}]"#)[0]);
    let mut renamed = secrets();
    renamed.hooks[0].id = "other".to_owned();
    assert_ne!(first[1], EspoCrm.parse(&HeaderMap::new(), br#"[{"id":"def"}]"#, &renamed).unwrap()[0].vendor_event_id);
}

#[test]
fn more_than_espocrm_posts_at_once_are_not_taken_apart() {
    let many = |count: usize| format!("[{}]", vec![r#"{"id":"abc"}"#; count].join(","));
    assert_eq!(parsed(&many(50)).len(), 50);
    let unparsable = EspoCrm.parse(&headers(&[("signature", SIGNATURE)]), many(51).as_bytes(), &secrets()).unwrap_err();
    assert!(unparsable.0.contains("at most 50"), "{unparsable:?}");
}

#[test]
fn only_an_array_is_a_webhook() {
    for body in ["", "{}", "null", "[", "{\"event\":\"Lead.create\"}"] {
        let unparsable = EspoCrm.parse(&HeaderMap::new(), body.as_bytes(), &secrets()).unwrap_err();
        assert!(unparsable.0.starts_with("expected a JSON array"), "{body}");
    }
}
