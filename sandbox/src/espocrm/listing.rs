//! Lists of records, and one record of a list.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    answer::{Outcome, Refusal},
    filter,
    query::Search,
    schema::{Entity, Kind},
    state::{Record, State},
};

/// Answers `{total, list}` of those of `records` that the search is for.
pub(super) fn answer<'a>(
    state: &State,
    scope: &str,
    records: impl Iterator<Item = &'a Record>,
    search: &Search,
    no_total: bool,
    violations: &mut Vec<String>,
) -> Outcome {
    let entity = state.entity(scope).ok_or_else(Refusal::not_found)?;
    filter::check(entity, &search.conditions)?;
    let order_by = search.order_by.as_deref().unwrap_or(&entity.order_by);
    if order_by != "id" && entity.attribute(order_by).is_none() {
        return Err(Refusal::wrong(400, format!("Bad orderBy '{order_by}'.")));
    }
    for name in search.select.iter().flatten() {
        if name != "id" && entity.attribute(name).is_none() {
            violations.push(format!("attribute {name} of {scope} doesn't exist and is not selected"));
        }
    }
    let mut found: Vec<&Record> = records
        .filter(|record| filter::holds(entity, record, &search.conditions))
        .filter(|record| search.text.as_deref().is_none_or(|text| by_text(record, text)))
        .collect();
    let descending = search.descending.unwrap_or(if search.order_by.is_some() { false } else { entity.order == "desc" });
    found.sort_by(|one, other| {
        let order = sorted(one.get(order_by), other.get(order_by)).then_with(|| sorted(one.get("id"), other.get("id")));
        if descending { order.reverse() } else { order }
    });
    let more = found.len() > search.offset + search.most;
    // Where nobody counts, the total only tells whether there is more.
    let total = if no_total { if more { json!(-1) } else { json!(-2) } } else { json!(found.len()) };
    let page = found.into_iter().skip(search.offset).take(search.most);
    let list: Vec<Value> = page.map(|record| row(entity, record, search.select.as_deref())).collect();
    Ok(json!({"total": total, "list": list}))
}

fn sorted(one: Option<&Value>, other: Option<&Value>) -> Ordering {
    let (one, other) = (one.unwrap_or(&Value::Null), other.unwrap_or(&Value::Null));
    // Nothing comes first.
    other.is_null().cmp(&one.is_null()).then_with(|| filter::ordering(one, other).unwrap_or(Ordering::Equal))
}

fn by_text(record: &Record, text: &str) -> bool {
    let begins = |name: &str| {
        let value = record.get(name).and_then(Value::as_str).unwrap_or_default();
        value.to_lowercase().starts_with(&text.to_lowercase())
    };
    ["name", "firstName", "lastName", "emailAddress", "phoneNumber"].into_iter().any(begins)
}

/// A record in a list: without the lists that only a record of its own has, unless they are asked for.
fn row(entity: &Entity, record: &Record, select: Option<&[String]>) -> Value {
    let shown = record.iter().filter(|(name, _)| match select {
        Some(names) => *name == "id" || names.contains(name),
        None => !is_list(entity, name),
    });
    shown.map(|(name, value)| (name.clone(), value.clone())).collect::<Record>().into()
}

fn is_list(entity: &Entity, attribute: &str) -> bool {
    entity.attribute(attribute).is_some_and(|(field, definition, _)| match definition.kind {
        Kind::LinkMultiple => true,
        Kind::Phone | Kind::Email => attribute == format!("{field}Data"),
        _ => false,
    })
}
