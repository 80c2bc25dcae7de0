//! Making, reading, changing and deleting records (EspoCRM note, 2.2).

use serde_json::{Value, json};

use super::{
    access::Account,
    answer::{Outcome, Refusal},
    delivery::What,
    duplicates, input,
    schema::{Kind, value_attribute},
    state::{By, Record, State, moment},
};

/// Who writes, and how.
#[derive(Debug)]
pub(super) struct Writing<'a> {
    pub(super) by: &'a By,
    /// None for staff in the vendor's own screens.
    pub(super) account: Option<&'a Account>,
    /// `X-Skip-Duplicate-Check`.
    pub(super) skip_duplicates: bool,
    pub(super) violations: &'a mut Vec<String>,
}

impl Writing<'_> {
    /// Whether the writer's role lets them at a record.
    pub(super) fn sees(&self, scope: &str, record: &Record) -> bool {
        self.account.is_none_or(|account| account.sees(&self.by.user, scope, record))
    }
}

/// Makes a record and returns it.
pub(super) fn create(state: &mut State, scope: &str, body: &Record, writing: &mut Writing<'_>) -> Result<Record, Refusal> {
    let record = prepare(state, scope, body, writing)?;
    Ok(keep(state, scope, record, writing.by))
}

/// The record that would be made, if nothing is against it.
pub(super) fn prepare(state: &State, scope: &str, body: &Record, writing: &mut Writing<'_>) -> Result<Record, Refusal> {
    let entity = state.entity(scope).ok_or_else(Refusal::not_found)?;
    let known = input::known(entity, scope, body, writing.violations);
    let mut record = input::merged(state, scope, None, known)?;
    if scope == "Note" {
        check_note(state, &record, writing)?;
    }
    input::check_links(state, scope, writing.account, None, &mut record)?;
    if !writing.skip_duplicates {
        duplicates::check(state, scope, &record, writing)?;
    }
    Ok(record)
}

/// Keeps a prepared record and returns it as it is kept.
pub(super) fn keep(state: &mut State, scope: &str, record: Record, by: &By) -> Record {
    let id = state.next_id(by.now);
    plant(state, scope, &id, record, by);
    state.record(scope, &id).cloned().unwrap_or_default()
}

/// Keeps a new record under an id, with what the server says about it, and tells of it.
pub(super) fn plant(state: &mut State, scope: &str, id: &str, mut record: Record, by: &By) {
    let name = state.name_of("User", &by.user);
    let now = moment(by.now);
    record.insert("id".to_owned(), id.into());
    record.insert("deleted".to_owned(), false.into());
    record.insert("createdById".to_owned(), by.user.as_str().into());
    record.insert("createdByName".to_owned(), name);
    for stamp in ["createdAt", "modifiedAt"] {
        record.insert(stamp.to_owned(), now.clone());
    }
    if scope == "Note" {
        let number = state.records.get("Note").map_or(0, |notes| notes.len()) + 1;
        record.insert("number".to_owned(), number.into());
    }
    let has_stream = state.entity(scope).is_some_and(|entity| entity.stream);
    state.put(scope, id, record.clone());
    state.announce(scope, What::Create, &record, None, by);
    if has_stream {
        let mut note = Record::new();
        note.insert("type".to_owned(), "Create".into());
        note.insert("parentType".to_owned(), scope.into());
        note.insert("parentId".to_owned(), id.into());
        note.insert("data".to_owned(), json!({}));
        note.insert("post".to_owned(), Value::Null);
        let note_id = state.next_id(by.now);
        plant(state, "Note", &note_id, note, by);
    }
}

/// A post on a record: nobody but an administrator may write anything else (EspoCRM note, 2.2).
fn check_note(state: &State, note: &Record, writing: &Writing<'_>) -> Result<(), Refusal> {
    let text = |name: &str| note.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != "Post" && !writing.account.is_some_and(|account| account.admin) {
        return Err(Refusal::wrong(403, "Only 'Post' type allowed."));
    }
    let (kind, id) = (text("parentType"), text("parentId"));
    let may_read = writing.account.is_none_or(|account| account.check(kind, "read").is_ok());
    if !id.is_empty() && (state.record(kind, id).is_none() || !may_read) {
        return Err(Refusal::happens(403, ""));
    }
    let attachments = note.get("attachmentsIds").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    if text("post").trim().is_empty() && !attachments {
        return Err(Refusal::invalid("post", "required"));
    }
    Ok(())
}

/// Changes a record and returns it.
pub(super) fn update(
    state: &mut State,
    scope: &str,
    id: &str,
    body: &Record,
    writing: &mut Writing<'_>,
) -> Result<Record, Refusal> {
    let entity = state.entity(scope).ok_or_else(Refusal::not_found)?;
    let before = state.record(scope, id).cloned().ok_or_else(Refusal::not_found)?;
    if !writing.sees(scope, &before) {
        return Err(Refusal::happens(403, "No edit access"));
    }
    let known = input::known(entity, scope, body, writing.violations);
    if scope == "Note" && before.get("createdById") != Some(&writing.by.user.as_str().into()) {
        return Err(Refusal::happens(403, ""));
    }
    let mut record = input::merged(state, scope, Some(&before), known)?;
    input::check_links(state, scope, writing.account, Some(&before), &mut record)?;
    rewrite(state, scope, id, &before, record, writing.by);
    Ok(state.record(scope, id).cloned().unwrap_or_default())
}

/// Keeps what became of a record, and tells what changed.
pub(super) fn rewrite(state: &mut State, scope: &str, id: &str, before: &Record, mut record: Record, by: &By) {
    record.insert("modifiedAt".to_owned(), moment(by.now));
    record.insert("modifiedById".to_owned(), by.user.as_str().into());
    record.insert("modifiedByName".to_owned(), state.name_of("User", &by.user));
    state.put(scope, id, record.clone());
    state.announce(scope, What::Update, &record, Some(before), by);
}

/// Deletes a record, and what leads to it.
pub(super) fn remove(state: &mut State, scope: &str, id: &str, by: &By) -> Outcome {
    let record = state.records.get_mut(scope).and_then(|records| records.remove(id)).ok_or_else(Refusal::not_found)?;
    unlink(state, scope, id);
    state.announce(scope, What::Delete, &record, None, by);
    Ok(true.into())
}

/// Takes an id out of the lists of links that hold it. A single link, or a parent, goes on naming what is no more.
fn unlink(state: &mut State, scope: &str, id: &str) {
    let State { schema, records, .. } = state;
    for (other, entity) in schema {
        let fields = entity.fields.iter().filter(|(_, field)| field.kind == Kind::LinkMultiple);
        let names = fields.filter(|(_, field)| field.entity.as_deref() == Some(scope));
        for (name, field) in names {
            let attribute = value_attribute(name, field.kind);
            for record in records.get_mut(other).into_iter().flat_map(|records| records.values_mut()) {
                if let Some(ids) = record.get_mut(&attribute).and_then(Value::as_array_mut) {
                    ids.retain(|linked| linked != id);
                }
                if let Some(names) = record.get_mut(&format!("{name}Names")).and_then(Value::as_object_mut) {
                    names.remove(id);
                }
            }
        }
    }
}
