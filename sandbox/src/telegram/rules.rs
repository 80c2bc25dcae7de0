//! The vendor's rules that the machine-readable specification states only in prose, or not at all.

use serde_json::{Map, Value};

use super::{answer::Refusal, text};

/// Bot API: `callback_data` is 1-64 bytes.
const MAX_CALLBACK_DATA: usize = 64;
/// Bot API: an answer to a callback query is 0-200 characters.
const MAX_NOTICE: usize = 200;
/// Bot API: the one field of an inline button beside its looks.
const BUTTON_KINDS: &[&str] = &[
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
];
/// Bot API: what `sendChatAction` may show.
const CHAT_ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// Checks what the bot wants under its message; `private` says whether the chat is with one person.
pub(super) fn check_markup(markup: &Value, private: bool) -> Result<(), Refusal> {
    for button in buttons(markup, "inline_keyboard") {
        check_inline_button(button)?;
    }
    for button in buttons(markup, "keyboard") {
        if button["text"].as_str().is_some_and(|text| text.trim().is_empty()) {
            return Err(Refusal::bad_request("keyboard button text must be non-empty"));
        }
        let asks = |field: &str| button[field].as_bool().unwrap_or_default();
        if !private && asks("request_contact") {
            return Err(Refusal::bad_request("phone number can be requested in private chats only"));
        }
        if !private && asks("request_location") {
            return Err(Refusal::bad_request("location can be requested in private chats only"));
        }
    }
    Ok(())
}

fn buttons<'a>(markup: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    markup[field].as_array().into_iter().flatten().filter_map(Value::as_array).flatten()
}

fn check_inline_button(button: &Value) -> Result<(), Refusal> {
    let text = button["text"].as_str().unwrap_or_default();
    if text.trim().is_empty() {
        return Err(Refusal::bad_request("inline keyboard button text must be non-empty"));
    }
    match BUTTON_KINDS.iter().filter(|kind| button.get(**kind).is_some()).count() {
        0 => return Err(Refusal::bad_request("text buttons are unallowed in the inline keyboard")),
        1 => {}
        _ => return Err(Refusal::bad_request("exactly one of the optional fields of an inline button must be used")),
    }
    if let Some(data) = button["callback_data"].as_str()
        && !(1..=MAX_CALLBACK_DATA).contains(&data.len())
    {
        return Err(Refusal::bad_request("BUTTON_DATA_INVALID"));
    }
    if let Some(url) = button["url"].as_str()
        && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "tg"))
    {
        return Err(Refusal::bad_request(format!("inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")));
    }
    Ok(())
}

/// Checks the text of an answer to a callback query.
pub(super) fn check_notice(parameters: &Map<String, Value>) -> Result<(), Refusal> {
    match parameters.get("text").and_then(Value::as_str).map(text::units) {
        Some(length) if length > MAX_NOTICE => Err(Refusal::bad_request("MESSAGE_TOO_LONG")),
        _ => Ok(()),
    }
}

/// Checks the name of a chat action.
pub(super) fn check_action(action: &str) -> Result<(), Refusal> {
    if CHAT_ACTIONS.contains(&action) { Ok(()) } else { Err(Refusal::bad_request("wrong parameter action in request")) }
}

/// Checks a webhook's secret: Bot API: 1-256 characters of `A-Z a-z 0-9 _ -`; empty means none.
pub(super) fn check_secret(secret: &str) -> Result<(), Refusal> {
    if secret.len() > 256 {
        Err(Refusal::bad_request("secret token is too long"))
    } else if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        Err(Refusal::bad_request("secret token contains unallowed characters"))
    } else {
        Ok(())
    }
}

/// Checks a webhook's address. The vendor's own server in its `--local` mode also takes plain HTTP and any port.
pub(super) fn check_webhook_url(url: &str, local: bool) -> Result<(), Refusal> {
    let bad = |what: &str| Refusal::bad_request(format!("bad webhook: {what}"));
    let parsed = url::Url::parse(url).map_err(|_| bad("invalid URL specified"))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(bad("invalid URL specified"));
    }
    match (parsed.scheme(), local) {
        ("https", _) | ("http", true) => {}
        _ => return Err(bad("An HTTPS URL must be provided for webhook")),
    }
    if !local && !matches!(parsed.port_or_known_default(), Some(443 | 80 | 88 | 8443)) {
        return Err(bad("Webhook can be set up only on ports 80, 88, 443 or 8443"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inline(button: &Value) -> Result<(), String> {
        check_markup(&json!({"inline_keyboard": [[button]]}), true).map_err(|refusal| refusal.description)
    }

    #[test]
    fn callback_data_is_measured_in_bytes() {
        assert_eq!(inline(&json!({"text": "a", "callback_data": "x".repeat(64)})), Ok(()));
        assert_eq!(inline(&json!({"text": "a", "callback_data": "я".repeat(32)})), Ok(()));
        let refused = Err("Bad Request: BUTTON_DATA_INVALID".to_owned());
        assert_eq!(inline(&json!({"text": "a", "callback_data": "x".repeat(65)})), refused);
        assert_eq!(inline(&json!({"text": "a", "callback_data": "я".repeat(33)})), refused);
        assert_eq!(inline(&json!({"text": "a", "callback_data": ""})), refused);
    }

    #[test]
    fn an_inline_button_does_exactly_one_thing() {
        assert_eq!(inline(&json!({"text": "a", "url": "https://maps.example.org/1", "style": "primary"})), Ok(()));
        assert_eq!(inline(&json!({"text": "a", "switch_inline_query": ""})), Ok(()));
        for wrong in [
            json!({"text": "a"}),
            json!({"text": " ", "callback_data": "a"}),
            json!({"text": "a", "callback_data": "a", "url": "https://a.example"}),
            json!({"text": "a", "url": "javascript:alert(1)"}),
        ] {
            assert!(inline(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_asked_for_only_in_private() {
        let markup = json!({"keyboard": [[{"text": "My number", "request_contact": true}]]});
        assert_eq!(check_markup(&markup, true), Ok(()));
        assert!(check_markup(&markup, false).is_err());
        assert_eq!(check_markup(&json!({"keyboard": [[{"text": "Plain"}]]}), false), Ok(()));
    }

    #[test]
    fn secrets_have_a_length_and_an_alphabet() {
        assert_eq!(check_secret(&"aZ0_-".repeat(51)), Ok(()));
        assert_eq!(check_secret(&"a".repeat(257)).unwrap_err().description, "Bad Request: secret token is too long");
        for wrong in ["a b", "a.b", "пароль"] {
            assert_eq!(check_secret(wrong).unwrap_err().description, "Bad Request: secret token contains unallowed characters");
        }
    }

    #[test]
    fn webhook_addresses() {
        for (url, local, allowed) in [
            ("https://a.example/tg", false, true),
            ("https://a.example:8443/tg", false, true),
            ("https://a.example:9000/tg", false, false),
            ("http://a.example/tg", false, false),
            ("http://127.0.0.1:9000/tg", true, true),
            ("ftp://a.example/tg", true, false),
            ("not a url", true, false),
        ] {
            assert_eq!(check_webhook_url(url, local).is_ok(), allowed, "{url}");
        }
    }

    #[test]
    fn notices_and_chat_actions() {
        let notice = |length: usize| check_notice(json!({"text": "a".repeat(length)}).as_object().unwrap());
        assert_eq!(notice(200), Ok(()));
        assert!(notice(201).is_err());
        assert_eq!(check_action("typing"), Ok(()));
        assert!(check_action("dancing").is_err());
    }
}
