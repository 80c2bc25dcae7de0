//! The vendor's own look for doubles: on creation, by name or e-mail, and not by number (EspoCRM note, finding 1 and 2.5).

use serde_json::Value;

use super::{
    answer::Refusal,
    records::Writing,
    state::{Record, State},
};

const MOST: usize = 5;

/// Refuses a record that others look like. What the caller may not read is not looked at (EspoCRM note, 2.5).
pub(super) fn check(state: &State, scope: &str, record: &Record, writing: &Writing<'_>) -> Result<(), Refusal> {
    let Some(entity) = state.entity(scope) else { return Ok(()) };
    let fields = state.settings.duplicate_check.get(scope).unwrap_or(&entity.duplicate_check_field_list);
    let like = |other: &&Record| fields.iter().any(|field| same(field, record, other));
    let found: Vec<Value> =
        state.all(scope).filter(|other| writing.sees(scope, other)).filter(like).take(MOST).cloned().map(Value::Object).collect();
    if found.is_empty() { Ok(()) } else { Err(Refusal::duplicate(found)) }
}

fn same(field: &str, one: &Record, other: &Record) -> bool {
    match field {
        "emailAddress" | "phoneNumber" => {
            let theirs = all(field, other);
            all(field, one).iter().any(|value| theirs.contains(value))
        }
        _ => {
            let text = |record: &Record| record.get(field).and_then(Value::as_str).map(str::to_lowercase);
            text(one).is_some_and(|text_one| !text_one.is_empty() && text(other) == Some(text_one))
        }
    }
}

fn all(field: &str, record: &Record) -> Vec<String> {
    let list = record.get(&format!("{field}Data")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|entry| entry[field].as_str().map(str::to_lowercase)).collect()
}
