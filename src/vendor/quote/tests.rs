use http::HeaderMap;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn quote(status: u16, body: impl Into<Vec<u8>>) -> String {
    Quote::of(&Reply { status, headers: HeaderMap::new(), body: body.into() }).to_string()
}

#[test]
fn what_an_operator_needs_is_kept() {
    let espo = json!({ "messageTranslation": { "label": "validationFailure", "scope": null, "data": { "field": "phoneNumber", "type": "required" } } });
    assert_eq!(
        quote(400, espo.to_string()),
        "400 {messageTranslation: {label: validationFailure, scope: null, data: {field: phoneNumber, type: required}}}"
    );
    let erxes = json!({ "data": null, "errors": [{ "message": "Customer not found", "extensions": { "category": "EXPECTED" }, "path": ["x"] }] });
    assert_eq!(
        quote(200, erxes.to_string()),
        "200 {errors: [{message: Customer not found, extensions: {category: EXPECTED}, path: […]}], data}"
    );
    let bitrix = json!({ "error": "CRM_FIELD_ERROR_REQUIRED", "error_description": "The field \"Phone\" of Anna (+79161234567) is required" });
    assert_eq!(
        quote(400, bitrix.to_string()),
        "400 {error: CRM_FIELD_ERROR_REQUIRED, error_description: The field Phone of … is required}"
    );
    assert_eq!(
        quote(409, json!([{ "id": "6f1c", "name": "Anna", "status": "Planned" }]).to_string()),
        "409 [{status: …, id, name}]"
    );
    assert_eq!(quote(400, r#"{"error":100,"status":"79161234567"}"#), "400 {error: 100, status: …}");
}

#[test]
fn the_reason_in_the_header_is_read_like_any_text() {
    let mut headers = HeaderMap::new();
    headers.insert(REASON, "No access to 'Meeting' of Anna.".parse().unwrap());
    assert_eq!(Quote::of(&Reply { status: 403, headers, body: vec![] }).as_str(), "403 (No access to Meeting of …) no body");
}

#[test]
fn what_is_no_json_is_named_and_not_shown() {
    assert_eq!(quote(502, " <html><title>Anna</title>"), "502 HTML");
    assert_eq!(quote(500, "Anna +79161234567"), "500 not JSON");
    assert_eq!(quote(500, b"\xff\xfe\x00{".to_vec()), "500 not JSON");
    assert_eq!(quote(500, ""), "500 no body");
    assert_eq!(quote(500, vec![b'['; 4 * 1024 * 1024]), "500 too long to quote");
    assert_eq!(quote(500, vec![b'['; 60_000]), "500 not JSON", "nested deeper than the parser goes");
}

#[test]
fn a_long_answer_is_cut_and_says_so() {
    let many: Vec<_> =
        (0..30).map(|n| (format!("field{}", n % 10 + n / 10 * 10), json!({ "message": "not found ".repeat(5) }))).collect();
    let text = quote(400, serde_json::Value::Object(many.into_iter().collect()).to_string());
    assert!(text.chars().count() <= LONGEST && text.ends_with('…'), "{text}");
}

/// What must never be seen.
fn secret() -> impl Strategy<Value = String> {
    let people = [
        "Anna",
        "Мария Иванова",
        "McDonald",
        "DeSouza",
        "olga petrova",
        "ANNA PETROVA",
        "O'Brien",
        "Jean-Paul",
        "Anna-Maria Field",
    ];
    prop_oneof![
        r"\+?[0-9]{7,14}",
        r"\+7 \([0-9]{3}\) [0-9]{3}-[0-9]{2}-[0-9]{2}",
        r"[a-z]{3,10}(\.[a-z]{3,8})?@[a-z]{3,8}\.(ru|com|org)",
        prop::sample::select(people.to_vec()).prop_map(str::to_owned),
        r"[A-Z][a-z]{8,12} [A-Z][a-z]{8,12}",
        r"[А-Я][а-я]{2,10}",
        r"(sk_|ghp_|EAA)?[A-Za-z0-9]{24,64}",
        r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        r"https://[a-z]{4,10}\.ru/rest/1/[a-z0-9]{16}/",
    ]
}

/// A key: one of those whose values are shown, or another.
fn key() -> impl Strategy<Value = String> {
    let shown: Vec<&str> = SHOWN.iter().map(|(key, _)| *key).collect();
    prop_oneof![3 => prop::sample::select(shown).prop_map(str::to_owned), 1 => "[a-z]{1,8}([A-Z][a-z]{1,8})?", 1 => any::<String>()]
}

/// Any JSON, in which this value stands in some places.
fn planted(secret: String) -> impl Strategy<Value = Value> {
    let around = ("[a-z ]{0,12}", "[a-z .,]{0,12}");
    let alone = Just(Value::String(secret.clone()));
    let in_text = around.prop_map(move |(before, after)| Value::String(format!("{before} {secret} {after}")));
    let leaf = prop_oneof![2 => alone, 2 => in_text, 1 => any::<i64>().prop_map(Value::from), 1 => any::<bool>().prop_map(Value::from), 1 => Just(Value::Null)];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((key(), inner), 0..6).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Whether any piece of the value that says something is in the text.
fn tells(text: &str, secret: &str) -> bool {
    let pieces = secret.split(|c: char| !c.is_alphanumeric()).filter(|piece| piece.chars().count() >= 4);
    let known = ["field", "https", "rest"];
    text.contains(secret)
        || pieces
            .filter(|piece| !known.contains(&piece.to_lowercase().as_str()))
            .any(|piece| text.split(|c: char| !c.is_alphanumeric()).any(|word| word == piece))
}

proptest! {
    #[test]
    fn no_person_and_no_secret_is_in_a_quote((secret, body) in secret().prop_flat_map(|secret| (Just(secret.clone()), planted(secret)))) {
        let text = quote(400, body.to_string());
        prop_assert!(!tells(text.split_once(' ').map_or("", |(_, rest)| rest), &secret), "{secret}: {text}");
        prop_assert!(text.chars().count() <= LONGEST && !text.chars().any(char::is_control), "{text}");
    }

    #[test]
    fn nor_is_one_that_stands_where_a_key_should(key in prop_oneof![r"\+?[0-9]{7,14}", r"[a-z]{3,9}@[a-z]{3,9}\.ru", "[a-f0-9]{32}", "[A-Z][a-z]{8,11}", "(anna|olga|maria|ivan)"]) {
        let body = Value::Object([(key.clone(), json!({ "message": "not found" }))].into_iter().collect());
        prop_assert_eq!(quote(400, body.to_string()), "400 {…: {message: not found}}");
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>, status: u16) {
        let text = quote(status, body);
        prop_assert!(text.chars().count() <= LONGEST && !text.chars().any(char::is_control));
    }
}
