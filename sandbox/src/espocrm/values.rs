//! What a value must look like, by the kind of its field (EspoCRM note, 2.3).

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;

use super::{
    answer::Refusal,
    schema::{Field, Kind},
    state::MOMENT,
};

/// What a line holds where its field does not say.
const LINE: usize = 255;

/// Brings a value into the form that is kept, or says which rule it fails.
pub(super) fn clean(name: &str, field: &Field, value: Value) -> Result<Value, Refusal> {
    let blank = value.is_null() || (value == "" && !matches!(field.kind, Kind::Enum | Kind::Text));
    if blank {
        return Ok(Value::Null);
    }
    let option = |word: &Value| {
        let options = field.options.as_deref().unwrap_or_default();
        word.as_str().is_some_and(|word| options.iter().any(|option| option == word))
    };
    let (passes, rule) = match field.kind {
        Kind::Varchar | Kind::Url | Kind::PersonName | Kind::Text => return line(name, field, value),
        Kind::Datetime | Kind::DatetimeOptional => {
            let at = value.as_str().and_then(instant);
            return at.map(Value::from).ok_or_else(|| Refusal::invalid(name, "valid"));
        }
        Kind::Enum => (option(&value), "valid"),
        Kind::MultiEnum => (value.as_array().is_some_and(|words| words.iter().all(option)), "valid"),
        Kind::Bool => (value.is_boolean(), "valid"),
        Kind::Int => (value.is_i64(), "valid"),
        Kind::Float | Kind::Currency => (value.is_number(), "valid"),
        Kind::Date => (value.as_str().is_some_and(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()), "valid"),
        Kind::Link | Kind::LinkParent => (value.as_str().is_some_and(is_id), "pattern"),
        Kind::LinkMultiple => (value.as_array().is_some_and(|ids| ids.iter().all(Value::is_string)), "pattern"),
        Kind::JsonArray => (value.is_array(), "array"),
        Kind::JsonObject | Kind::Phone | Kind::Email => (true, ""),
    };
    if passes { Ok(value) } else { Err(Refusal::invalid(name, rule)) }
}

fn is_id(text: &str) -> bool {
    text.len() <= 24 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn line(name: &str, field: &Field, value: Value) -> Result<Value, Refusal> {
    let Some(text) = value.as_str() else { return Err(Refusal::invalid(name, "valid")) };
    let most = field.max_length.or((field.kind != Kind::Text).then_some(LINE));
    if most.is_some_and(|most| text.chars().count() > most) {
        return Err(Refusal::invalid(name, "maxLength"));
    }
    Ok(value)
}

/// `YYYY-MM-DD HH:mm:ss` or without the seconds, in UTC; or ATOM with an offset. ATOM has no fractions of a second, so what
/// JavaScript's `toISOString` writes is refused.
fn instant(text: &str) -> Option<String> {
    let format = match text.len() {
        19 => Some(MOMENT),
        16 => Some("%Y-%m-%d %H:%M"),
        _ => None,
    };
    let plain = format.and_then(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let atom = || {
        let at = DateTime::parse_from_rfc3339(text).ok().filter(|_| !text.contains('.') && text.contains('T'))?;
        Some(at.naive_utc())
    };
    plain.or_else(atom).map(|at| at.format(MOMENT).to_string())
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn moments_are_utc_or_atom() {
        let kept = Some("2026-05-01 08:00:00".to_owned());
        for text in ["2026-05-01 08:00:00", "2026-05-01 08:00", "2026-05-01T10:00:00+02:00", "2026-05-01T08:00:00Z"] {
            assert_eq!(instant(text), kept, "{text}");
        }
        for text in ["2026-05-01T08:00:00.000Z", "2026-05-01T08:00:00", "2026-05-01", "01.05.2026 08:00", "2026-5-1 8:00:00", ""]
        {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
