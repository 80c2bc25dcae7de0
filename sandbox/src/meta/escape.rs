//! JSON as Meta writes it into webhooks.

use std::fmt::Write;

/// Escapes the compact JSON text `json`. Outside of strings JSON has none of these characters, so that the text can be walked as it is.
///
/// Messenger Platform, webhooks: everything beyond ASCII as `\uXXXX` with lower-case digits, in UTF-16. Older pages add `\/` for `/`,
/// and `\u003C`, `\u0025`, `\u0040` for `<`, `%`, `@`.
pub(super) fn as_meta_does(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + json.len() / 4);
    for character in json.chars() {
        match character {
            '/' => escaped.push_str("\\/"),
            '<' => escaped.push_str("\\u003C"),
            '%' => escaped.push_str("\\u0025"),
            '@' => escaped.push_str("\\u0040"),
            character if character.is_ascii() => escaped.push(character),
            character => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // A string takes everything that is written to it.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn escapes_and_means_the_same() {
        let value = json!({"body": "café a@b.co / 👍 <50% \"q\" \\ \n", "цена": 1.5});
        let escaped = as_meta_does(&value.to_string());
        assert!(escaped.is_ascii());
        for part in [r"caf\u00e9 a\u0040b.co \/ \ud83d\udc4d \u003C50\u0025", r#"\"q\" \\ \n"#, r"\u0446\u0435\u043d\u0430"] {
            assert!(escaped.contains(part), "{escaped}");
        }
        assert_eq!(serde_json::from_str::<Value>(&escaped).unwrap(), value);
    }
}
