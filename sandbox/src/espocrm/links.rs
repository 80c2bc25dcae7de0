//! Links between records, and the stream of a record (EspoCRM note, 2.2).

use serde_json::{Map, Value};

use super::{
    answer::{Outcome, Refusal},
    listing,
    query::Search,
    schema::Link,
    state::{Record, State},
};

/// `GET {Type}/{id}/stream`: what was written on the record, and on its meetings and tasks; the newest first.
pub(super) fn stream(state: &State, scope: &str, id: &str, search: &Search, no_total: bool) -> Outcome {
    state.record(scope, id).ok_or_else(Refusal::not_found)?;
    if !state.entity(scope).is_some_and(|entity| entity.stream) {
        return Err(Refusal::wrong(404, ""));
    }
    let names = |record: &Record, kind: &str, parent: &str| {
        record.get("parentType") == Some(&kind.into()) && record.get("parentId") == Some(&parent.into())
    };
    let mut notes: Vec<&Record> = state
        .all("Note")
        .filter(|note| {
            let (kind, parent) = (text(note, "parentType"), text(note, "parentId"));
            let below =
                || matches!(kind, "Meeting" | "Task") && state.record(kind, parent).is_some_and(|it| names(it, scope, id));
            names(note, scope, id) || below()
        })
        .collect();
    notes.sort_by_key(|note| std::cmp::Reverse(note.get("number").and_then(Value::as_u64)));
    let more = notes.len() > search.offset + search.most;
    let total = match (no_total, more) {
        (true, true) => Value::from(-1),
        (true, false) => Value::from(-2),
        (false, _) => notes.len().into(),
    };
    let list: Vec<Value> = notes.into_iter().skip(search.offset).take(search.most).cloned().map(Value::Object).collect();
    Ok(serde_json::json!({"total": total, "list": list}))
}

fn text<'a>(record: &'a Record, name: &str) -> &'a str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn link<'a>(state: &'a State, scope: &str, name: &str) -> Result<&'a Link, Refusal> {
    let entity = state.entity(scope).ok_or_else(Refusal::not_found)?;
    entity.links.get(name).ok_or_else(|| Refusal::wrong(404, format!("No link {name}.")))
}

/// `GET {Type}/{id}/{link}`.
pub(super) fn list(
    state: &State,
    (scope, id, name): (&str, &str, &str),
    search: &Search,
    no_total: bool,
    violations: &mut Vec<String>,
) -> Outcome {
    let record = state.record(scope, id).ok_or_else(Refusal::not_found)?;
    let link = link(state, scope, name)?;
    let linked = state.all(&link.entity).filter(|other| is_linked(link, scope, record, other));
    listing::answer(state, &link.entity, linked, search, no_total, violations)
}

fn is_linked(link: &Link, scope: &str, record: &Record, other: &Record) -> bool {
    let has = |record: &Record, field: &str, id: Option<&Value>| {
        let ids = record.get(&format!("{field}Ids")).and_then(Value::as_array);
        ids.is_some_and(|ids| ids.iter().any(|linked| Some(linked) == id))
    };
    if let Some(field) = &link.own {
        return has(record, field, other.get("id"));
    }
    if let Some(field) = &link.reverse {
        return has(other, field, record.get("id"));
    }
    link.children.as_deref().is_some_and(|field| {
        other.get(&format!("{field}Type")) == Some(&scope.into()) && other.get(&format!("{field}Id")) == record.get("id")
    })
}

/// The ids that a body names.
pub(super) fn ids(body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
    let one = body.get("id").and_then(Value::as_str).map(str::to_owned);
    let many = body.get("ids").and_then(Value::as_array).into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned));
    let all: Vec<String> = one.into_iter().chain(many).collect();
    if all.is_empty() { Err(Refusal::wrong(400, "No id or ids.")) } else { Ok(all) }
}

/// `POST` and `DELETE {Type}/{id}/{link}`.
pub(super) fn change(state: &mut State, (scope, id, name): (&str, &str, &str), others: &[String], add: bool) -> Outcome {
    state.record(scope, id).ok_or_else(Refusal::not_found)?;
    let link = link(state, scope, name)?.clone();
    for other in others {
        if state.record(&link.entity, other).is_none() {
            return Err(Refusal::happens(404, ""));
        }
        let shown = |state: &State, scope: &str, id: &str| state.name_of(scope, id);
        if let Some(field) = &link.own {
            let name = shown(state, &link.entity, other);
            set(state, (scope, id), field, (other, name), add);
        } else if let Some(field) = &link.reverse {
            let name = shown(state, scope, id);
            set(state, (&link.entity, other), field, (id, name), add);
        } else if let Some(field) = &link.children
            && let Some(record) = state.record_mut(&link.entity, other)
        {
            record.insert(format!("{field}Type"), if add { scope.into() } else { Value::Null });
            record.insert(format!("{field}Id"), if add { id.into() } else { Value::Null });
        }
    }
    Ok(true.into())
}

fn set(state: &mut State, (scope, id): (&str, &str), field: &str, (other, name): (&str, Value), add: bool) {
    let Some(record) = state.record_mut(scope, id) else { return };
    if let Some(ids) = record.get_mut(&format!("{field}Ids")).and_then(Value::as_array_mut) {
        ids.retain(|linked| linked != other);
        if add {
            ids.push(other.into());
        }
    }
    if let Some(names) = record.get_mut(&format!("{field}Names")).and_then(Value::as_object_mut) {
        names.remove(other);
        if add {
            names.insert(other.to_owned(), name);
        }
    }
}
