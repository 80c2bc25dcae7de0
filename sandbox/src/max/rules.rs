//! The vendor's rules that the machine-readable document states only in prose, or not at all.

use serde_json::Value;

use super::answer::Refusal;

/// MAX, "Keyboard": buttons in a row.
const PER_ROW: usize = 7;
/// MAX, "Keyboard": buttons in a row that has one of [`WIDE`].
const PER_WIDE_ROW: usize = 3;
/// MAX, "Keyboard": rows.
const ROWS: usize = 30;
/// MAX, "Keyboard": buttons in all.
const BUTTONS: usize = 210;
/// MAX, `NewMessageBody`: attachments of a message.
const ATTACHMENTS: usize = 12;

const WIDE: &[&str] = &["link", "open_app", "request_geo_location", "request_contact"];
/// MAX, `*AttachmentRequest`: must be the only one, beside a keyboard.
const ALONE: &[&str] = &["audio", "file", "contact", "sticker"];

/// Checks what a message consists of; `format` would need a reader of its own, which this stand-in doesn't have.
pub(super) fn check_message(body: &Value) -> Result<(), Refusal> {
    if !body["format"].is_null() {
        return Err(Refusal::new(501, "not.implemented", "the stand-in does not read formatted text"));
    }
    let attachments = body["attachments"].as_array().map_or(&[][..], Vec::as_slice);
    if attachments.len() > ATTACHMENTS {
        return Err(Refusal::bad_request(format!("attachments: at most {ATTACHMENTS}")));
    }
    let is = |attachment: &Value, kinds: &[&str]| attachment["type"].as_str().is_some_and(|kind| kinds.contains(&kind));
    if attachments.iter().filter(|one| is(one, &["inline_keyboard"])).count() > 1 {
        return Err(Refusal::bad_request("attachments: one inline_keyboard"));
    }
    let others = attachments.iter().filter(|one| !is(one, &["inline_keyboard"])).count();
    if others > 1 && attachments.iter().any(|one| is(one, ALONE)) {
        return Err(Refusal::bad_request("Must be only one file attachment in message"));
    }
    attachments.iter().filter(|one| is(one, &["inline_keyboard"])).try_for_each(|one| check_keyboard(&one["payload"]["buttons"]))
}

fn check_keyboard(rows: &Value) -> Result<(), Refusal> {
    let rows: Vec<&Vec<Value>> = rows.as_array().into_iter().flatten().filter_map(Value::as_array).collect();
    if rows.len() > ROWS {
        return Err(Refusal::bad_request(format!("buttons: at most {ROWS} rows")));
    }
    if rows.iter().map(|row| row.len()).sum::<usize>() > BUTTONS {
        return Err(Refusal::bad_request(format!("buttons: at most {BUTTONS}")));
    }
    for row in rows {
        let wide = row.iter().any(|button| button["type"].as_str().is_some_and(|kind| WIDE.contains(&kind)));
        let most = if wide { PER_WIDE_ROW } else { PER_ROW };
        if row.len() > most {
            return Err(Refusal::bad_request(format!("buttons: at most {most} in this row")));
        }
        if row.iter().any(|button| button["type"] == "open_app" && button["web_app"].is_null()) {
            return Err(Refusal::bad_request("Field 'webApp' cannot be null"));
        }
    }
    Ok(())
}

/// Checks a webhook's address. MAX: `https://`, port 443, no port in the address, a certificate that others trust. On a developer's own
/// machine a product has none of it, so `local` takes any HTTP address.
pub(super) fn check_webhook_url(url: &str, local: bool) -> Result<(), Refusal> {
    let parsed = url::Url::parse(url).map_err(|_| Refusal::bad_request("url: not an address"))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(Refusal::bad_request("url: no host"));
    }
    match parsed.scheme() {
        "https" => {}
        "http" if local => {}
        _ => return Err(Refusal::bad_request("url: must begin with https://")),
    }
    // The parser drops a port that is the scheme's own, MAX takes none in writing.
    let authority = url.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    if !local && authority.contains(':') {
        return Err(Refusal::bad_request("url: only port 443, and not in the address"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn keyboard(rows: &[Vec<&str>]) -> Value {
        let button = |kind: &&str| json!({"type": kind, "text": "a", "payload": "b", "url": "c", "web_app": "d"});
        let rows: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(button).collect()).collect();
        json!({"attachments": [{"type": "inline_keyboard", "payload": {"buttons": rows}}]})
    }

    #[test]
    fn keyboards_have_limits() {
        for fits in [vec![vec!["callback"; 7]; 30], vec![vec!["link"; 3]], vec![vec!["request_contact", "callback", "callback"]]]
        {
            assert_eq!(check_message(&keyboard(&fits)), Ok(()));
        }
        for wrong in [
            vec![vec!["callback"; 8]],
            vec![vec!["callback"]; 31],
            vec![vec!["callback", "callback", "callback", "link"]],
            vec![vec!["open_app"; 4]],
            vec![vec!["request_contact"; 4]],
            vec![vec!["request_geo_location"; 4]],
        ] {
            assert!(check_message(&keyboard(&wrong)).is_err_and(|refusal| refusal.violation), "{wrong:?}");
        }
    }

    #[test]
    fn some_attachments_stand_alone() {
        let of = |kinds: &[&str]| json!({"attachments": kinds.iter().map(|kind| json!({"type": kind})).collect::<Vec<_>>()});
        assert_eq!(check_message(&of(&["file", "inline_keyboard"])), Ok(()));
        assert_eq!(check_message(&of(&["image", "image", "video"])), Ok(()));
        for wrong in
            [&["file", "file"][..], &["image", "contact"], &["sticker", "image"], &["inline_keyboard"; 2], &["image"; 13]]
        {
            assert!(check_message(&of(wrong)).is_err(), "{wrong:?}");
        }
        assert_eq!(check_message(&json!({"text": "<b>a</b>", "format": "html"})).unwrap_err().status, 501);
    }

    #[test]
    fn webhook_addresses() {
        for (url, local, allowed) in [
            ("https://a.example/max", false, true),
            ("https://a.example:443/max", false, false),
            ("https://a.example:8443/max", false, false),
            ("http://a.example/max", false, false),
            ("http://127.0.0.1:9000/max", true, true),
            ("https://127.0.0.1:9000/max", true, true),
            ("ftp://a.example/max", true, false),
            ("not an address", true, false),
        ] {
            assert_eq!(check_webhook_url(url, local).is_ok(), allowed, "{url}");
        }
    }
}
