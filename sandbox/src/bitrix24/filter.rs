//! Filters of lists: a prefix before the field's name says how to compare.

use std::cmp::Ordering;

use chrono::{DateTime, FixedOffset, Utc};
use serde_json::{Map, Value};

use super::{form::number, values::instant};

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Equal,
    Not,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    /// The value is somewhere in the text.
    Contains,
    ContainsNot,
    /// `%` in the value stands for anything.
    Like,
    LikeNot,
}

/// Longer prefixes go first.
const PREFIXES: &[(&str, Operation)] = &[
    ("!=%", Operation::LikeNot),
    ("!%=", Operation::LikeNot),
    ("!@", Operation::NotIn),
    ("!%", Operation::ContainsNot),
    ("!=", Operation::Not),
    (">=", Operation::GreaterOrEqual),
    ("<=", Operation::LessOrEqual),
    ("=%", Operation::Like),
    ("%=", Operation::Like),
    (">", Operation::Greater),
    ("<", Operation::Less),
    ("@", Operation::In),
    ("%", Operation::Contains),
    ("!", Operation::Not),
    ("=", Operation::Equal),
];

/// A filter, read.
#[derive(Debug)]
pub(super) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    One { field: String, operation: Comparison },
}

/// How one field is compared with what.
#[derive(Debug)]
pub(super) struct Comparison {
    operation: Operation,
    value: Value,
}

/// What a list knows about a name in its filter.
pub(super) enum Name {
    /// A field, by the name it is kept under.
    Field(String),
    Unknown,
}

impl Filter {
    /// Reads a filter; `Err` is the first name that the list does not know.
    pub(super) fn read(filter: &Map<String, Value>, name: &dyn Fn(&str) -> Name) -> Result<Self, String> {
        let mut parts = Vec::new();
        let any = filter.get("logic").and_then(Value::as_str).is_some_and(|logic| logic.eq_ignore_ascii_case("or"));
        for (key, value) in filter.iter().filter(|(key, _)| *key != "logic") {
            if key.bytes().all(|byte| byte.is_ascii_digit()) {
                let inner = value.as_object().cloned().unwrap_or_default();
                parts.push(Self::read(&inner, name)?);
                continue;
            }
            let prefix = PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix));
            let (bare, operation) =
                prefix.map_or((key.as_str(), Operation::Equal), |(prefix, operation)| (&key[prefix.len()..], *operation));
            let Name::Field(field) = name(bare) else { return Err(bare.to_owned()) };
            parts.push(Self::One { field, operation: Comparison { operation, value: value.clone() } });
        }
        Ok(if any { Self::Any(parts) } else { Self::All(parts) })
    }

    pub(super) fn takes(&self, item: &Map<String, Value>, zone: FixedOffset) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.takes(item, zone)),
            Self::Any(parts) => parts.iter().any(|part| part.takes(item, zone)),
            Self::One { field, operation } => operation.takes(item.get(field).unwrap_or(&Value::Null), zone),
        }
    }

    /// The times in the filter that have no offset, by field.
    pub(super) fn vague_times(&self, zone: FixedOffset) -> Vec<String> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(|part| part.vague_times(zone)).collect(),
            Self::One { field, operation } => {
                let text = operation.value.as_str().filter(|text| text.contains(':'));
                let vague = text.and_then(|text| instant(text, zone)).is_some_and(|(_, exact)| !exact);
                vague.then(|| field.clone()).into_iter().collect()
            }
        }
    }
}

impl Comparison {
    fn takes(&self, kept: &Value, zone: FixedOffset) -> bool {
        let any = |value: &Value| match value {
            Value::Array(list) => list.iter().any(|one| equal(kept, one, zone)),
            one => equal(kept, one, zone),
        };
        let order = || compare(kept, &self.value, zone);
        let text = || text(kept).to_lowercase();
        let pattern = || self::text(&self.value).to_lowercase();
        match self.operation {
            Operation::Equal | Operation::In => any(&self.value),
            Operation::Not | Operation::NotIn => !any(&self.value),
            Operation::Less => order().is_some_and(Ordering::is_lt),
            Operation::LessOrEqual => order().is_some_and(Ordering::is_le),
            Operation::Greater => order().is_some_and(Ordering::is_gt),
            Operation::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
            Operation::Contains => text().contains(&pattern()),
            Operation::ContainsNot => !text().contains(&pattern()),
            Operation::Like => like(&text(), &pattern()),
            Operation::LikeNot => !like(&text(), &pattern()),
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(list) if list.is_empty() => String::new(),
        other => other.to_string(),
    }
}

/// Texts are equal in any case, as in the vendor's database.
fn equal(kept: &Value, wanted: &Value, zone: FixedOffset) -> bool {
    match kept {
        Value::Array(list) if !list.is_empty() => list.iter().any(|one| equal(one, wanted, zone)),
        Value::Number(kept) => {
            let wanted = wanted.as_f64().or_else(|| wanted.as_str()?.trim().parse().ok());
            kept.as_f64().is_some() && kept.as_f64() == wanted
        }
        _ => match (time(kept, zone), time(wanted, zone)) {
            (Some(kept), Some(wanted)) => kept == wanted,
            _ => text(kept).to_lowercase() == text(wanted).to_lowercase(),
        },
    }
}

fn time(value: &Value, zone: FixedOffset) -> Option<DateTime<Utc>> {
    value.as_str().filter(|text| text.contains(':')).and_then(|text| instant(text, zone)).map(|(at, _)| at)
}

/// The order of two values; none when one is empty.
pub(super) fn compare(kept: &Value, wanted: &Value, zone: FixedOffset) -> Option<Ordering> {
    if kept.is_null() || wanted.is_null() {
        return None;
    }
    let whole = |value: &Value| value.as_str().and_then(|text| instant(text, zone)).map(|(at, _)| at);
    if let (Some(kept), Some(wanted)) = (whole(kept), whole(wanted)) {
        return Some(kept.cmp(&wanted));
    }
    if let (Some(kept), Some(wanted)) = (number(kept), number(wanted)) {
        return Some(kept.cmp(&wanted));
    }
    let float = |value: &Value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    match (float(kept), float(wanted)) {
        (Some(kept), Some(wanted)) => kept.partial_cmp(&wanted),
        _ => Some(text(kept).to_lowercase().cmp(&text(wanted).to_lowercase())),
    }
}

/// SQL's LIKE with `%` alone.
fn like(text: &str, pattern: &str) -> bool {
    let parts: Vec<String> = pattern.split('%').map(regex::escape).collect();
    regex::Regex::new(&format!("(?s)^{}$", parts.join(".*"))).is_ok_and(|pattern| pattern.is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn takes(filter: Value, item: Value) -> bool {
        let name = |name: &str| Name::Field(name.to_owned());
        let zone = "+03:00".parse().unwrap();
        Filter::read(filter.as_object().unwrap(), &name).unwrap().takes(item.as_object().unwrap(), zone)
    }

    #[test]
    fn prefixes_say_how_to_compare() {
        let item = json!({"id": 5, "name": "Anna", "originId": "007", "sum": 10.5, "at": "2026-11-26T12:00:00+03:00",
                          "none": null, "contactIds": [1, 2]});
        for (filter, expected) in [
            (json!({"id": "5"}), true),
            (json!({"=name": "anna"}), true),
            (json!({"originId": "7"}), false),
            (json!({"!name": "Olga"}), true),
            (json!({">id": 5}), false),
            (json!({">=id": 5, "<id": 6}), true),
            (json!({"@id": [4, "5"]}), true),
            (json!({"!@id": [4, 5]}), false),
            (json!({"%name": "nn"}), true),
            (json!({"=%name": "an%"}), true),
            (json!({"%=name": "%an"}), false),
            (json!({"!%name": "nn"}), false),
            (json!({">sum": 10}), true),
            (json!({">at": "2026-11-26T08:59:59Z"}), true),
            (json!({">at": "2026-11-26T12:00:00"}), false),
            (json!({"at": "2026-11-26T09:00:00Z"}), true),
            (json!({"none": ""}), true),
            (json!({"!=name": ""}), true),
            (json!({"contactIds": 2}), true),
            (json!({"0": {"logic": "OR", "0": {"id": 1}, "1": {"name": "Anna"}}}), true),
            (json!({"0": {"logic": "OR", "0": {"id": 1}, "1": {"name": "Olga"}}}), false),
        ] {
            assert_eq!(takes(filter.clone(), item.clone()), expected, "{filter}");
        }
    }
}
