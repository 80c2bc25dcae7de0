//! The conditions of a search.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    answer::Refusal,
    schema::{Entity, Kind},
    state::Record,
};

const COMPARING: &[&str] = &[
    "equals",
    "notEquals",
    "in",
    "notIn",
    "contains",
    "notContains",
    "startsWith",
    "endsWith",
    "like",
    "isNull",
    "isNotNull",
    "isTrue",
    "isFalse",
    "greaterThan",
    "lessThan",
    "greaterThanOrEquals",
    "lessThanOrEquals",
    "between",
    "after",
    "before",
    "on",
    "linkedWith",
];

/// Refuses conditions that the vendor doesn't know.
pub(super) fn check(entity: &Entity, conditions: &[Value]) -> Result<(), Refusal> {
    conditions.iter().try_for_each(|condition| {
        let kind = condition["type"].as_str().unwrap_or_default();
        if matches!(kind, "or" | "and" | "not") {
            let inner = condition["value"].as_array().map(Vec::as_slice).unwrap_or_default();
            return check(entity, inner);
        }
        if !COMPARING.contains(&kind) {
            return Err(Refusal::wrong(400, format!("Where type '{kind}' is unknown, or not played here.")));
        }
        let name = attribute(condition);
        let is_link = kind == "linkedWith" && (entity.links.contains_key(name) || entity.fields.contains_key(name));
        if is_link || name == "id" || name == "deleted" || entity.attribute(name).is_some() {
            Ok(())
        } else {
            Err(Refusal::wrong(400, format!("Attribute '{name}' does not exist.")))
        }
    })
}

/// Whether all conditions hold for a record.
pub(super) fn holds(entity: &Entity, record: &Record, conditions: &[Value]) -> bool {
    conditions.iter().all(|condition| one(entity, record, condition))
}

fn attribute(condition: &Value) -> &str {
    condition["attribute"].as_str().or_else(|| condition["field"].as_str()).unwrap_or_default()
}

fn one(entity: &Entity, record: &Record, condition: &Value) -> bool {
    let (kind, value) = (condition["type"].as_str().unwrap_or_default(), &condition["value"]);
    let inner = value.as_array().map(Vec::as_slice).unwrap_or_default();
    match kind {
        "or" => return inner.iter().any(|condition| one(entity, record, condition)),
        "and" => return holds(entity, record, inner),
        "not" => return !holds(entity, record, inner),
        _ => {}
    }
    let name = attribute(condition);
    // A number or an address is looked for among all that a record has.
    let multiple = entity.fields.get(name).is_some_and(|field| matches!(field.kind, Kind::Phone | Kind::Email));
    let list = record.get(&format!("{name}Data")).and_then(Value::as_array).filter(|list| multiple && !list.is_empty());
    let linked = (kind == "linkedWith").then(|| record.get(&format!("{name}Ids")).and_then(Value::as_array)).flatten();
    let kept: Vec<Value> = match (list, linked) {
        (Some(list), _) => list.iter().map(|entry| entry[name].clone()).collect(),
        (_, Some(ids)) => ids.clone(),
        _ => vec![record.get(name).cloned().unwrap_or_default()],
    };
    match kind {
        "notEquals" | "notIn" | "notContains" => kept.iter().all(|kept| compare(kind, kept, value)),
        _ => kept.iter().any(|kept| compare(kind, kept, value)),
    }
}

fn compare(kind: &str, kept: &Value, value: &Value) -> bool {
    let order = |than: &Value| if kept.is_null() { None } else { ordering(kept, than) };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    match kind {
        "equals" | "on" => order(value) == Some(Ordering::Equal),
        // As in SQL, nothing is unequal to nothing; EspoCRM adds "or is null".
        "notEquals" => order(value) != Some(Ordering::Equal),
        "in" | "linkedWith" => match value {
            Value::Array(values) => values.iter().any(|value| order(value) == Some(Ordering::Equal)),
            single => order(single) == Some(Ordering::Equal),
        },
        "notIn" => value.as_array().is_none_or(|values| values.iter().all(|value| order(value) != Some(Ordering::Equal))),
        "contains" => !kept.is_null() && text(kept).contains(&text(value)),
        "notContains" => !text(kept).contains(&text(value)),
        "startsWith" => !kept.is_null() && text(kept).starts_with(&text(value)),
        "endsWith" => !kept.is_null() && text(kept).ends_with(&text(value)),
        "like" => like(&text(kept), &text(value)),
        "isNull" => kept.is_null(),
        "isNotNull" => !kept.is_null(),
        "isTrue" => *kept == true,
        "isFalse" => *kept != true,
        "greaterThan" | "after" => order(value) == Some(Ordering::Greater),
        "lessThan" | "before" => order(value) == Some(Ordering::Less),
        "greaterThanOrEquals" => order(value).is_some_and(Ordering::is_ge),
        "lessThanOrEquals" => order(value).is_some_and(Ordering::is_le),
        "between" => order(&value[0]).is_some_and(Ordering::is_ge) && order(&value[1]).is_some_and(Ordering::is_le),
        _ => false,
    }
}

/// `%` stands for any text.
fn like(text: &str, pattern: &str) -> bool {
    match pattern.split_once('%') {
        None => text == pattern,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            let ends = text.char_indices().map(|(index, _)| index).chain([text.len()]);
            ends.into_iter().any(|index| like(&text[index..], rest))
        }),
    }
}

/// The database's order: numbers by size, texts without regard to case. A query's values are all texts.
pub(super) fn ordering(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::Number(number), Value::String(text)) => number.as_f64()?.partial_cmp(&text.parse().ok()?),
        (Value::Bool(one), Value::Bool(other)) => Some(one.cmp(other)),
        (Value::Bool(one), Value::String(text)) => Some(one.cmp(&matches!(text.as_str(), "true" | "1"))),
        (Value::String(one), Value::String(other)) => Some(one.to_lowercase().cmp(&other.to_lowercase())),
        _ => None,
    }
}
