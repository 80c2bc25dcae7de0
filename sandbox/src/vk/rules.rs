//! The vendor's rules that its schema states only in prose, or not at all.

use serde_json::Value;

use super::{answer::Refusal, spec::spec};

/// VK: messages.send takes 4096 characters. Its schema says 9000, its pages and its libraries 4096.
const MAX_TEXT: usize = 4096;
/// VK: a button's label is 40 characters at most.
const MAX_LABEL: usize = 40;
/// VK: a button's payload is 255 characters at most.
const MAX_PAYLOAD: usize = 255;
/// VK: a keyboard has at most 5 buttons in a row.
const MAX_ROW: usize = 5;
/// VK: rows and buttons in all of a keyboard on a message, and of one under the input field.
const MAX_INLINE: (usize, usize) = (6, 10);
const MAX_UNDER: (usize, usize) = (10, 40);
/// VK: a snackbar's text is 90 characters at most.
const MAX_SNACKBAR: usize = 90;

const TOO_LONG: i64 = 914;
const KEYBOARD_INVALID: i64 = 911;

/// Checks a message's text.
pub(super) fn check_text(text: &str) -> Result<(), Refusal> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(Refusal::parameter("message is empty or invalid")),
        0..=MAX_TEXT => Ok(()),
        _ => Err(Refusal::wrong(TOO_LONG, "")),
    }
}

/// Reads a keyboard parameter; none when it is left out.
pub(super) fn keyboard(text: &str) -> Result<Option<Value>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let keyboard: Value = serde_json::from_str(text).map_err(|_| invalid("keyboard is not JSON"))?;
    if let Some(problem) = spec().check_type("messages_keyboard", &keyboard).into_iter().next() {
        return Err(invalid(problem));
    }
    let inline = keyboard["inline"] == true;
    if inline && keyboard["one_time"] == true {
        return Err(invalid("an inline keyboard can't be one_time"));
    }
    let rows: Vec<&Vec<Value>> = keyboard["buttons"].as_array().into_iter().flatten().filter_map(Value::as_array).collect();
    let (max_rows, max_buttons) = if inline { MAX_INLINE } else { MAX_UNDER };
    if rows.len() > max_rows || rows.iter().any(|row| row.is_empty() || row.len() > MAX_ROW) {
        return Err(invalid("rows of the keyboard"));
    }
    if rows.iter().map(|row| row.len()).sum::<usize>() > max_buttons {
        return Err(invalid("too much buttons"));
    }
    rows.into_iter().flatten().try_for_each(check_button)?;
    Ok(Some(keyboard))
}

fn check_button(button: &Value) -> Result<(), Refusal> {
    let action = &button["action"];
    if let Some(label) = action["label"].as_str()
        && !(1..=MAX_LABEL).contains(&label.chars().count())
    {
        return Err(invalid("button label length"));
    }
    if let Some(payload) = action["payload"].as_str() {
        if payload.chars().count() > MAX_PAYLOAD {
            return Err(invalid("button payload is too long"));
        }
        if !matches!(serde_json::from_str(payload), Ok(Value::Object(_))) {
            return Err(invalid("button payload must be a JSON object"));
        }
    }
    if let Some(link) = action["link"].as_str()
        && !url::Url::parse(link).is_ok_and(|link| matches!(link.scheme(), "http" | "https"))
    {
        return Err(invalid("button link"));
    }
    Ok(())
}

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::wrong(KEYBOARD_INVALID, what)
}

/// Checks what an answer to a pressed button asks the client to show; nothing just stops its spinner.
pub(super) fn event_data(text: &str) -> Result<Value, Refusal> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let data: Value = serde_json::from_str(text).map_err(|_| Refusal::parameter("event_data is not JSON"))?;
    let has = |field: &str| data[field].as_str().is_some_and(|text| !text.is_empty());
    let fits = match data["type"].as_str() {
        Some("show_snackbar") => has("text") && data["text"].as_str().is_some_and(|text| text.chars().count() <= MAX_SNACKBAR),
        Some("open_link") => has("link"),
        Some("open_app") => data["app_id"].is_i64() && has("hash"),
        _ => false,
    };
    if fits { Ok(data) } else { Err(Refusal::parameter("event_data is invalid")) }
}

/// Checks a callback server's address.
pub(super) fn check_url(url: &str) -> Result<(), Refusal> {
    let fits = url::Url::parse(url)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()));
    if fits { Ok(()) } else { Err(Refusal::parameter("url is invalid")) }
}

/// The minor number of an API version that events can have. VK: 5.81 and newer; the newest is 5.199.
pub(super) fn event_version(text: &str) -> Option<u32> {
    text.strip_prefix("5.")?.parse().ok().filter(|minor| (81..=199).contains(minor))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn button(action: Value) -> Value {
        json!({"action": action, "color": "primary"})
    }

    fn callback(label: &str, payload: &str) -> Value {
        button(json!({"type": "callback", "label": label, "payload": payload}))
    }

    fn fits(keyboard: &Value) -> bool {
        keyboard_of(keyboard).is_ok()
    }

    fn keyboard_of(value: &Value) -> Result<Option<Value>, i64> {
        keyboard(&value.to_string()).map_err(|refusal| refusal.code)
    }

    fn rows(inline: bool, rows: &[usize]) -> Value {
        let row = |length: &usize| vec![callback("a", "{}"); *length];
        json!({"inline": inline, "buttons": rows.iter().map(row).collect::<Vec<_>>()})
    }

    #[test]
    fn keyboards_have_their_sizes() {
        for (inline, lengths, allowed) in [
            (true, vec![5, 5], true),
            (true, vec![5, 5, 1], false),
            (true, vec![1; 6], true),
            (true, vec![1; 7], false),
            (true, vec![6], false),
            (false, vec![4; 10], true),
            (false, vec![5; 9], false),
            (false, vec![1; 11], false),
            (false, vec![], true),
            (false, vec![0], false),
        ] {
            assert_eq!(fits(&rows(inline, &lengths)), allowed, "{inline} {lengths:?}");
        }
        assert!(!fits(&json!({"inline": true, "one_time": true, "buttons": []})));
        assert!(fits(&json!({"inline": false, "one_time": true, "buttons": []})));
        assert_eq!(keyboard(""), Ok(None));
        assert_eq!(keyboard("[]").unwrap_err().code, 911);
    }

    #[test]
    fn buttons_are_measured_in_characters() {
        for (button, allowed) in [
            (callback(&"я".repeat(40), "{}"), true),
            (callback(&"я".repeat(41), "{}"), false),
            (callback("", "{}"), false),
            (callback("a", &format!(r#"{{"t":"{}"}}"#, "я".repeat(247))), true),
            (callback("a", &format!(r#"{{"t":"{}"}}"#, "я".repeat(248))), false),
            (callback("a", r#""text""#), false),
            (callback("a", "no json"), false),
            (button(json!({"type": "open_link", "label": "a", "link": "https://a.example"})), true),
            (button(json!({"type": "open_link", "label": "a", "link": "javascript:alert(1)"})), false),
            (button(json!({"type": "location", "payload": "{}"})), true),
            (button(json!({"type": "phone", "label": "a"})), false),
            (json!({"action": {"type": "text", "label": "a"}, "color": "default"}), false),
        ] {
            assert_eq!(fits(&json!({"inline": true, "buttons": [[button]]})), allowed, "{button}");
        }
    }

    #[test]
    fn texts_are_measured_in_characters() {
        assert_eq!(check_text(&"🙂".repeat(4096)), Ok(()));
        assert_eq!(check_text(&"я".repeat(4097)).unwrap_err().code, 914);
        assert_eq!(check_text(" \n").unwrap_err().code, 100);
    }

    #[test]
    fn answers_to_buttons() {
        let snackbar = |length: usize| json!({"type": "show_snackbar", "text": "я".repeat(length)}).to_string();
        assert_eq!(event_data(""), Ok(Value::Null));
        assert!(event_data(&snackbar(90)).is_ok());
        assert!(event_data(r#"{"type":"open_link","link":"https://a.example"}"#).is_ok());
        for wrong in [&snackbar(91), &snackbar(0), r#"{"type":"alert"}"#, "hello"] {
            assert_eq!(event_data(wrong).unwrap_err().code, 100, "{wrong}");
        }
    }

    #[test]
    fn addresses_and_versions() {
        assert!(check_url("http://127.0.0.1:9000/vk").is_ok() && check_url("https://a.example").is_ok());
        assert!(check_url("ftp://a.example").is_err() && check_url("a.example").is_err());
        assert_eq!(
            ["5.199", "5.81", "5.80", "5.200", "6.1", "199"].map(event_version),
            [Some(199), Some(81), None, None, None, None]
        );
    }
}
