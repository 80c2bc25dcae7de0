use serde_json::json;

use super::*;

fn problems(method: &str, parameters: Value) -> Vec<String> {
    let Value::Object(parameters) = parameters else { panic!("parameters are an object") };
    let mut problems: Vec<_> = spec().check_call(method, &parameters).iter().map(ToString::to_string).collect();
    problems.sort();
    problems
}

#[test]
fn accepts_what_the_bot_api_documents() {
    let cases = [
        ("getMe", json!({})),
        ("SENDMESSAGE", json!({"chat_id": 1, "text": "hi"})),
        ("sendMessage", json!({"chat_id": "@salon", "text": "hi", "link_preview_options": {"is_disabled": true}})),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "hi", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b"}], []]}}),
        ),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "hi", "reply_markup": {"keyboard": [[{"text": "a", "request_contact": true}]], "one_time_keyboard": true}}),
        ),
        ("sendMessage", json!({"chat_id": 1, "text": "hi", "reply_markup": {"remove_keyboard": true}})),
        ("setWebhook", json!({"url": "https://a.example", "allowed_updates": ["message"], "max_connections": 40})),
        ("sendLocation", json!({"chat_id": 1, "latitude": 1.5, "longitude": 2})),
    ];
    for (method, parameters) in cases {
        assert_eq!(problems(method, parameters), Vec::<String>::new(), "{method}");
    }
}

#[test]
fn names_the_place_of_each_problem() {
    let cases = [
        ("noSuchMethod", json!({}), vec!["noSuchMethod: method not found"]),
        ("sendMessage", json!({"chat_id": 1}), vec!["text: required, but missing"]),
        ("sendMessage", json!({"chat_id": 1.5, "text": 7}), vec!["chat_id: must be Integer", "text: must be String"]),
        ("sendMessage", json!({"chat_id": 1, "text": "a", "button": 1}), vec!["button: unknown field"]),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "a", "parse_mode": null}),
            vec!["parse_mode: null, where a field is left out"],
        ),
        ("sendMessage", json!({"chat_id": 1, "text": "a", "protect_content": "yes"}), vec!["protect_content: must be Boolean"]),
        ("sendMessage", json!({"chat_id": 1, "text": "a", "entities": {}}), vec!["entities: must be Array of MessageEntity"]),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [[{"text": "ok"}, {"callback_data": "b"}]]}}),
            vec!["reply_markup.inline_keyboard[0][1].text: required, but missing"],
        ),
        (
            "sendMessage",
            json!({"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [{"text": "flat"}]}}),
            vec!["reply_markup.inline_keyboard[0]: must be Array of InlineKeyboardButton"],
        ),
        ("setWebhook", json!({"url": "https://a.example", "certificate": {}}), vec!["certificate: must be InputFile"]),
    ];
    for (method, parameters, expected) in cases {
        assert_eq!(problems(method, parameters), expected, "{method}");
    }
}

#[test]
fn only_what_telegram_refuses_is_refused() {
    let found = spec()
        .check_call("sendMessage", json!({"chat_id": 1, "text": "a", "button": 1, "parse_mode": null}).as_object().unwrap());
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|problem| !problem.refused));
}

#[test]
fn a_union_is_told_apart_by_its_constant() {
    let member = json!({"status": "kicked", "user": {"id": 1, "is_bot": true, "first_name": "S"}, "until_date": 0});
    assert_eq!(spec().check_type("ChatMember", &member), vec![]);
    let mut wrong = member;
    wrong["status"] = json!("banished");
    assert!(!spec().check_type("ChatMember", &wrong).is_empty());
}

#[test]
fn forms_are_read_by_the_fields_types() {
    let pairs = [("chat_id", "7"), ("text", "5"), ("protect_content", "true"), ("reply_markup", r#"{"force_reply":true}"#)];
    let read = spec().read_form("sendMessage", pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())));
    assert_eq!(
        Value::Object(read),
        json!({"chat_id": "7", "text": "5", "protect_content": true, "reply_markup": {"force_reply": true}})
    );
}

#[test]
fn the_fixtures_are_updates() {
    let fixtures = [
        include_str!("../../../spec/telegram/fixtures/audio.json"),
        include_str!("../../../spec/telegram/fixtures/callback_query.json"),
        include_str!("../../../spec/telegram/fixtures/contact_own.json"),
        include_str!("../../../spec/telegram/fixtures/edited_message.json"),
        include_str!("../../../spec/telegram/fixtures/location.json"),
        include_str!("../../../spec/telegram/fixtures/photo.json"),
        include_str!("../../../spec/telegram/fixtures/text_start.json"),
    ];
    for fixture in fixtures {
        let mut update: Value = serde_json::from_str(fixture).unwrap();
        assert_eq!(spec().check_type("Update", &update), vec![]);
        update["update_id"] = json!("text");
        assert!(!spec().check_type("Update", &update).is_empty());
    }
}
