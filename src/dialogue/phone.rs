//! Phone numbers as clients type them.

use phonenumber::{Mode, country};

use super::effect::Phone;

/// E.164 has at most 15 digits; some leave room for a trunk or an international prefix.
const MAX_DIGITS: usize = 20;
/// Nobody needs more to write one number down.
const MAX_TEXT: usize = 64;

/// The number in `text` as E.164, numbers without a country code being of `region`. `None` when it is not a number
/// that can exist.
pub(crate) fn parse(text: &str, region: &str) -> Option<Phone> {
    let (plus, digits) = digits(text)?;
    let international = format!("+{digits}");
    if plus {
        return valid(None, &international);
    }
    let region = region.parse::<country::Id>().ok();
    // A number of another country is often written, and by some channels sent, without its plus.
    region.and_then(|region| valid(Some(region), &digits)).or_else(|| valid(None, &international))
}

fn digits(text: &str) -> Option<(bool, String)> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return None;
    }
    let plus = text.starts_with(['+', '＋']);
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            c if c.is_ascii_digit() => digits.push(c),
            '+' | '＋' if digits.is_empty() => {}
            // Copied numbers come with spaces and direction marks of every kind.
            ' ' | '-' | '(' | ')' | '.' | '\u{a0}' | '\u{202f}' | '\u{2010}'..='\u{2014}' => {}
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {}
            _ => return None,
        }
    }
    (5..=MAX_DIGITS).contains(&digits.len()).then_some((plus, digits))
}

fn valid(region: Option<country::Id>, number: &str) -> Option<Phone> {
    let number = phonenumber::parse(region, number).ok()?;
    number.is_valid().then(|| Phone::new(number.format().mode(Mode::E164).to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn e164(text: &str, region: &str) -> Option<String> {
        parse(text, region).map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn numbers_as_people_write_them() {
        for (text, region, expected) in [
            ("8 (900) 123-45-67", "RU", Some("+79001234567")),
            ("+7 900 123 45 67", "RU", Some("+79001234567")),
            ("79001234567", "RU", Some("+79001234567")),
            ("9001234567", "RU", Some("+79001234567")),
            ("\u{202a}+7\u{a0}900\u{a0}123‑45‑67\u{202c}", "RU", Some("+79001234567")),
            ("87011234567", "KZ", Some("+77011234567")),
            ("+998 90 123 45 67", "RU", Some("+998901234567")),
            ("998901234567", "RU", Some("+998901234567")),
            ("12345", "RU", None),
            ("завтра в 10", "RU", None),
            ("", "RU", None),
            ("+", "RU", None),
            ("+79001234567", "nowhere", Some("+79001234567")),
            ("٠٠٠٠٠٠٠", "RU", None),
        ] {
            assert_eq!(e164(text, region).as_deref(), expected, "{text} in {region}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[0-9+() .x;ext-]{0,70}", region in "[A-Z]{0,3}") {
            if let Some(number) = e164(&text, &region) {
                prop_assert!(number.starts_with('+') && number.len() <= 16, "{}", number);
            }
        }
    }
}
