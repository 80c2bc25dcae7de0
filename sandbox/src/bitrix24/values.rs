//! Values as the portal takes and keeps them.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde_json::{Value, json};

use super::{
    answer::{Refusal, stamp},
    fields::{Field, Known, Type},
    form::number,
    state::{Kind, State, UserField},
};

/// An instant of a call, and whether it names its offset; without one it is in the portal's.
pub(super) fn instant(text: &str, zone: FixedOffset) -> Option<(DateTime<Utc>, bool)> {
    let whole = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%z"));
    if let Ok(whole) = whole {
        return Some((whole.to_utc(), true));
    }
    let local = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M"];
    let local = local.into_iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(|day| day.and_time(NaiveTime::MIN));
    Some((local.or_else(day)?.and_local_timezone(zone).single()?.to_utc(), false))
}

/// Reads one field's value.
pub(super) fn read(state: &State, field: &Known, name: &str, value: &Value, ignored: &mut Vec<String>) -> Result<Value, Refusal> {
    let multiple = match field {
        Known::Standard(field) => field.multiple,
        Known::Custom(field) => field.multiple,
    };
    if !multiple {
        return one(state, field, name, value, ignored);
    }
    match value {
        Value::Array(list) => list.iter().map(|value| one(state, field, name, value, ignored)).collect(),
        Value::Object(map) => map.values().map(|value| one(state, field, name, value, ignored)).collect(),
        Value::Null => Ok(json!([])),
        Value::String(text) if text.is_empty() => Ok(json!([])),
        other => {
            let got = if other.is_string() { "string" } else { "integer" };
            let text = format!("Expected iterable value for multiple field, but got {got} instead");
            Err(Refusal::wrong(400, "100", text))
        }
    }
}

fn one(state: &State, field: &Known, name: &str, value: &Value, ignored: &mut Vec<String>) -> Result<Value, Refusal> {
    let empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
    if empty {
        return Ok(Value::Null);
    }
    let read = match field {
        Known::Standard(field) => standard(state, field, name, value, ignored),
        Known::Custom(field) => custom(state, field, name, value, ignored),
    };
    read.ok_or_else(|| Refusal::wrong(400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", format!("Invalid value for field \"{name}\"")))
}

fn standard(state: &State, field: &Field, name: &str, value: &Value, ignored: &mut Vec<String>) -> Option<Value> {
    match field.of {
        Type::Integer | Type::Company => number(value).map(Value::from),
        Type::Double => double(value),
        Type::Text => text(value),
        Type::Flag => flag(value),
        Type::User => number(value).filter(|id| state.users.contains_key(id)).map(Value::from),
        Type::Contact => number(value).filter(|id| state.item(Kind::Contact, *id).is_some()).map(Value::from),
        Type::Lead => number(value).filter(|id| state.item(Kind::Lead, *id).is_some()).map(Value::from),
        Type::Status(entity) => value.as_str().filter(|id| state.status(entity, id).is_some()).map(Value::from),
        Type::Date => date(state, value),
        Type::Datetime => datetime(state, name, value, ignored),
        Type::Multifield => None,
    }
}

fn custom(state: &State, field: &UserField, name: &str, value: &Value, ignored: &mut Vec<String>) -> Option<Value> {
    match field.user_type.as_str() {
        "integer" => number(value).map(Value::from),
        "double" => double(value),
        "boolean" => flag(value),
        "enumeration" => {
            let id = number(value)?;
            field.options.iter().any(|(known, _)| *known == id).then(|| id.into())
        }
        "employee" => number(value).filter(|id| state.users.contains_key(id)).map(Value::from),
        "date" => date(state, value),
        "datetime" => datetime(state, name, value, ignored),
        "file" => Some(value.clone()),
        _ => text(value),
    }
}

fn text(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => Some(value.clone()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(flag) => Some(if *flag { "1" } else { "" }.into()),
        _ => None,
    }
}

fn double(value: &Value) -> Option<Value> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).map(Value::from)
}

fn flag(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(flag) => Some(if *flag { "Y" } else { "N" }.into()),
        Value::Number(number) => Some(if number.as_i64() == Some(0) { "N" } else { "Y" }.into()),
        Value::String(text) if matches!(text.as_str(), "Y" | "1") => Some("Y".into()),
        Value::String(text) if matches!(text.as_str(), "N" | "0") => Some("N".into()),
        _ => None,
    }
}

fn date(state: &State, value: &Value) -> Option<Value> {
    let (at, _) = instant(value.as_str()?, state.zone())?;
    Some(stamp(at, state.zone()).into())
}

fn datetime(state: &State, name: &str, value: &Value, ignored: &mut Vec<String>) -> Option<Value> {
    let (at, exact) = instant(value.as_str()?, state.zone())?;
    if !exact {
        ignored.push(without_offset(name));
    }
    Some(stamp(at, state.zone()).into())
}

/// A date-time without an offset is read in the server's (Bitrix24 note, 3.2: always send one).
pub(super) fn without_offset(name: &str) -> String {
    format!("the time in \"{name}\" has no offset: the server's is taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_an_offset_or_take_the_portals() {
        let zone = "+03:00".parse().unwrap();
        let noon = "2026-11-26T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for (text, expected) in [
            ("2026-11-26T12:00:00Z", Some((noon, true))),
            ("2026-11-26T17:00:00+05:00", Some((noon, true))),
            ("2026-11-26T15:00:00", Some((noon, false))),
            ("2026-11-26 15:00:00", Some((noon, false))),
            ("26.11.2026 15:00", None),
        ] {
            assert_eq!(instant(text, zone), expected, "{text}");
        }
    }
}
