use proptest::prelude::*;
use serde_json::json;

use super::*;

fn services() -> Vec<String> {
    vec!["haircut".to_owned(), "brows".to_owned()]
}

fn read(form: &Value) -> Result<Lead, Vec<(&'static str, String)>> {
    read_with(form, false)
}

fn read_with(form: &Value, consent: bool) -> Result<Lead, Vec<(&'static str, String)>> {
    let fields = Fields::from_json(form.to_string().as_bytes()).unwrap();
    let services = services();
    let expected = Expected { phone_region: "RU", services: &services, consent };
    Lead::read(&fields, &expected).map_err(|problems| problems.into_iter().map(|one| (one.field, one.rule)).collect())
}

fn fields_of(form: &Value) -> Vec<&'static str> {
    read(form).map(|_| Vec::new()).unwrap_or_else(|problems| problems.into_iter().map(|(field, _)| field).collect())
}

#[test]
fn what_is_filled_in_is_put_into_form() {
    let lead = read(&json!({
        "name": "  Анна  ", "phone": "8 (900) 123-45-67", "email": "Anna@EXAMPLE.com", "service": "brows",
        "message": "Можно\r\nв субботу?", "ref": "vera_10", "utm_source": "yandex", "utm_term": "брови",
        "page": "https://lotos.example/brows?x=1#form", "consent": "on", "website": "", "button": "send", "csrf": 7,
    }))
    .unwrap();
    assert_eq!(lead.name, "Анна");
    assert_eq!(lead.phone.as_deref(), Some("+79001234567"));
    assert_eq!(lead.email.as_deref(), Some("Anna@example.com"), "the part before the @ is its owner's");
    assert_eq!(lead.message.as_deref(), Some("Можно\nв субботу?"));
    assert_eq!(lead.page.as_deref(), Some("https://lotos.example/brows"));
    assert_eq!((lead.service.as_deref(), lead.referral.as_deref(), lead.consent), (Some("brows"), Some("vera_10"), true));
    let utm = Utm { source: Some("yandex".to_owned()), term: Some("брови".to_owned()), ..Utm::default() };
    assert_eq!(lead.utm, utm);
    assert_eq!(format!("{lead:?}"), "Lead { phone: true, email: true, .. }");
}

#[test]
fn a_page_s_own_encoding_says_the_same() {
    let body = b"name=%D0%90%D0%BD%D0%BD%D0%B0&phone=%2B7+900+123-45-67&email=&message=&consent=on&form=key&name2=x";
    let fields = Fields::from_form(body);
    assert_eq!(fields.form_key(), Some("key"));
    let expected = Expected { phone_region: "RU", services: &[], consent: true };
    let lead = Lead::read(&fields, &expected).unwrap();
    assert_eq!((lead.name.as_str(), lead.phone.as_deref(), lead.email), ("Анна", Some("+79001234567"), None));
}

#[test]
fn every_field_that_breaks_a_rule_is_named_at_once() {
    let wrong = json!({
        "name": "", "phone": "12", "email": "nobody", "service": "massage", "message": "x".repeat(2001), "ref": "a b",
        "utm_source": "x".repeat(201), "utm_medium": 5, "page": "javascript:alert(1)", "consent": "maybe", "website": "http://spam",
    });
    let named = ["phone", "email", "service", "message", "page", "ref", "consent", "website", "utm_source", "utm_medium"];
    let mut found = fields_of(&wrong);
    assert!(found.contains(&"name"));
    found.retain(|field| *field != "name");
    assert_eq!(found, named);
    assert_eq!(fields_of(&json!({})), ["name", "phone"], "one way to answer is asked for, not two");
    assert_eq!(fields_of(&json!({ "name": "Анна", "email": "a@b" })), ["email"]);
    assert_eq!(fields_of(&json!({ "name": 7, "phone": "+79001234567" })), ["name"]);
    assert_eq!(fields_of(&json!({ "name": "two\nlines", "phone": "+79001234567" })), ["name"]);
    assert_eq!(fields_of(&json!({ "name": "nul\u{0}", "phone": "+79001234567", "message": "nul\u{0}" })), ["name", "message"]);
}

#[test]
fn a_character_is_what_a_person_sees() {
    let family = "👩‍👩‍👧‍👦";
    let named = |count: usize| json!({ "name": family.repeat(count), "email": "a@example.com" });
    assert!(read(&named(100)).is_ok());
    assert_eq!(fields_of(&named(101)), ["name"]);
}

#[test]
fn consent_is_asked_for_where_the_salon_wants_it() {
    let form = |consent: Value| json!({ "name": "Анна", "phone": "+79001234567", "consent": consent });
    for (consent, given) in
        [(json!(true), true), (json!("1"), true), (json!("off"), false), (json!(false), false), (json!(null), false)]
    {
        assert_eq!(read_with(&form(consent.clone()), true).is_ok(), given, "{consent}");
        assert_eq!(read(&form(consent)).unwrap().consent, given);
    }
}

#[test]
fn what_can_be_no_address_is_none() {
    for good in ["a@example.com", "a.b+c@mail.example.co", "анна@пример.рф"] {
        assert!(email(good).is_ok(), "{good}");
    }
    for bad in [
        "a",
        "@example.com",
        "a@",
        "a@b",
        "a b@example.com",
        "a@exa mple.com",
        "<a@example.com>",
        "a@1.2.3.4",
        "a@[::1]",
        "a@b@c",
        "a..b@b.co",
        ".a@b.co",
        "a.@b.co",
        "a@b..co",
        "a@-b.co",
        "a@b-.co",
        "a@b.co.",
        "a@b_c.co",
        "a@b\u{200b}@c.co",
        "a\u{0}@b.co",
        "a\u{1}@b.co",
        "a\u{7f}@b.co",
    ] {
        assert!(email(bad).is_err(), "{bad}");
    }
    assert!(email(&format!("{}@example.com", "a".repeat(65))).is_err());
    assert_eq!(email("Анна@Пример.рф").unwrap(), "Анна@xn--e1afmkfd.xn--p1ai");
}

#[test]
fn a_name_is_one_that_can_be_read() {
    for (given, kept) in [("\u{202e}exe.png", "exe.png"), ("An\u{200b}na\u{feff}", "Anna"), ("👩\u{200d}🦰", "👩\u{200d}🦰")]
    {
        assert_eq!(line(given, 100).unwrap(), kept);
    }
    for unread in ["\u{200b}\u{200b}", "\u{200d}", "\u{202e}", "two\u{2028}lines", "\u{fe0f}", "\u{3164}", "\u{2800}\u{115f}"] {
        assert!(line(unread, 100).is_err(), "{unread:?}");
    }
}

#[test]
fn a_link_s_parameters_never_stand_in_its_way() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let query = [pair("utm_source", "vk"), pair("utm_medium", &"x".repeat(201)), pair("utm_term", "a\u{0}"), pair("ref", "x")];
    assert_eq!(Utm::of_link(&query), Utm { source: Some("vk".to_owned()), ..Utm::default() });
    assert!(Utm::of_link(&[]).is_empty());
}

#[test]
fn only_an_object_is_a_form() {
    for body in [&b"[]"[..], b"\"x\"", b"{", b"", b"null", b"\xff"] {
        assert!(Fields::from_json(body).is_none());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::String),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!(["x"])),
        Just(json!({ "x": 1 })),
    ]
}

const NAMES: &[&str] =
    &["name", "phone", "email", "service", "message", "ref", "utm_source", "page", "consent", "website", "form"];

proptest! {
    #[test]
    fn whatever_is_written_is_read_or_refused(
        values in proptest::collection::vec(any_value(), NAMES.len()),
        region in "[A-Z]{0,3}",
        consent in any::<bool>(),
    ) {
        let form: Map<String, Value> = NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect();
        let fields = Fields::from_json(Value::Object(form).to_string().as_bytes()).unwrap();
        let services = services();
        match Lead::read(&fields, &Expected { phone_region: &region, services: &services, consent }) {
            Ok(lead) => {
                prop_assert!((1..=100).contains(&length(&lead.name)));
                prop_assert!(lead.phone.is_some() || lead.email.is_some());
                prop_assert!(lead.phone.is_none_or(|phone| phone.starts_with('+') && phone.len() <= 16));
                prop_assert!(!lead.name.contains('\0') && !lead.message.unwrap_or_default().contains('\0'));
                prop_assert!(lead.consent || !consent);
            }
            Err(problems) => {
                let mut fields: Vec<_> = problems.iter().map(|problem| problem.field).collect();
                fields.sort_unstable();
                let all = fields.len();
                fields.dedup();
                prop_assert_eq!(fields.len(), all, "a field is named once");
                prop_assert!(all > 0);
            }
        }
    }

    #[test]
    fn any_bytes_are_some_form(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let expected = Expected { phone_region: "RU", services: &[], consent: false };
        let _ = Lead::read(&Fields::from_form(&body), &expected);
        if let Some(fields) = Fields::from_json(&body) {
            let _ = Lead::read(&fields, &expected);
        }
    }
}
