//! Message text as Telegram measures it: trimmed, after entities were parsed, in UTF-16 units.

use super::answer::Refusal;

/// Bot API: text is 1-4096 characters after entities parsing.
pub(super) const MAX_UNITS: usize = 4096;

/// The tags Telegram's HTML mode knows.
const TAGS: &[&str] = &[
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "tg-spoiler",
    "a",
    "tg-emoji",
    "code",
    "pre",
    "blockquote",
];

/// Length in UTF-16 units.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The text a person sees, or the reason Telegram refuses it.
pub(super) fn visible(text: &str, parse_mode: Option<&str>) -> Result<String, Refusal> {
    let parsed = match parse_mode.map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => text.to_owned(),
        Some("html") => parse_html(text)?,
        // Fails closed: a product that needs Markdown should find that the stand-in does not read it.
        Some(_) => return Err(Refusal::bad_request("unsupported parse_mode")),
    };
    let trimmed = parsed.trim();
    match units(trimmed) {
        0 => Err(Refusal::bad_request("message text is empty")),
        1..=MAX_UNITS => Ok(trimmed.to_owned()),
        _ => Err(Refusal::bad_request("message is too long")),
    }
}

fn parse_html(text: &str) -> Result<String, Refusal> {
    let cant = |what: String| Refusal::bad_request(format!("can't parse entities: {what}"));
    let mut plain = String::with_capacity(text.len());
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let offset = text.len() - rest.len() + at;
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('&') {
            let (character, after) = entity(after).unwrap_or(('&', after));
            plain.push(character);
            rest = after;
            continue;
        }
        let (tag, after) =
            rest[1..].split_once('>').ok_or_else(|| cant(format!("unclosed start tag at byte offset {offset}")))?;
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        if !TAGS.contains(&name.as_str()) {
            return Err(cant(format!("unsupported start tag \"{name}\" at byte offset {offset}")));
        }
        if !tag.starts_with('/') {
            open.push(name);
        } else if open.pop().as_deref() != Some(&name) {
            return Err(cant(format!("unexpected end tag at byte offset {offset}")));
        }
        rest = after;
    }
    plain.push_str(rest);
    match open.pop() {
        Some(name) => Err(cant(format!("can't find end tag corresponding to start tag \"{name}\""))),
        None => Ok(plain),
    }
}

/// Bot API: HTML mode knows these named entities and all numerical ones.
fn entity(after_ampersand: &str) -> Option<(char, &str)> {
    let (name, rest) = after_ampersand.split_once(';')?;
    let character = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(text: &str, mode: Option<&str>) -> String {
        visible(text, mode).unwrap_err().description
    }

    #[test]
    fn length_is_counted_in_utf16_units_after_parsing() {
        assert_eq!(visible(&"я".repeat(4096), None).map(|text| units(&text)), Ok(4096));
        assert_eq!(visible(&"🙂".repeat(2048), None).map(|text| units(&text)), Ok(4096));
        assert_eq!(description(&"🙂".repeat(2049), None), "Bad Request: message is too long");
        let tagged = format!("<b>{}</b>", "a".repeat(4096));
        assert!(visible(&tagged, Some("HTML")).is_ok());
        assert_eq!(description(&tagged, None), "Bad Request: message is too long");
    }

    #[test]
    fn nothing_to_see_is_refused() {
        for (text, mode) in [("", None), (" \n\t", None), ("<b> </b>", Some("HTML"))] {
            assert_eq!(description(text, mode), "Bad Request: message text is empty");
        }
    }

    #[test]
    fn html_is_read_as_telegram_reads_it() {
        assert_eq!(visible("a <b>b &lt;c&#62; &co</b>", Some("html")).unwrap(), "a b <c> &co");
        for broken in ["a < b", "<b>a", "a</b>", "<div>a</div>", "<b><i>a</b></i>"] {
            assert!(description(broken, Some("HTML")).starts_with("Bad Request: can't parse entities: "), "{broken}");
        }
        assert_eq!(visible("a < b", None).unwrap(), "a < b");
    }
}
