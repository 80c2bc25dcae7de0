//! From what a caller sends to a record that could be kept.

use serde_json::{Map, Value, json};

use super::{
    access::Account,
    answer::Refusal,
    multifield,
    schema::{Entity, Field, Kind, Part, attributes, value_attribute},
    state::{MOMENT, Record, State, read_moment},
    values::clean,
};

/// What a server sets itself and takes from nobody (EspoCRM note, 2.2).
const SYSTEM: &[&str] = &[
    "id",
    "createdAt",
    "createdById",
    "createdByName",
    "modifiedAt",
    "modifiedById",
    "modifiedByName",
    "deleted",
    "versionNumber",
];

/// The attributes of an input that count. The others are dropped without a word to the caller.
pub(super) fn known(entity: &Entity, scope: &str, body: &Record, violations: &mut Vec<String>) -> Record {
    let mut kept = Record::new();
    for (name, value) in body {
        let found = entity.attribute(name);
        let dropped = match &found {
            _ if SYSTEM.contains(&name.as_str()) => Some("is the server's and is dropped"),
            None => Some("doesn't exist and is dropped"),
            Some((_, field, _)) if field.read_only => Some("is read-only and is dropped"),
            // The vendor's own screens send the names of linked records along, and it takes nothing from them.
            Some((_, _, Part::Derived)) if !name.ends_with("Name") && !name.ends_with("Names") => {
                Some("is not played here and is dropped")
            }
            Some(_) => None,
        };
        match (dropped, found) {
            (Some(why), _) => violations.push(format!("attribute {name} of {scope} {why}")),
            (None, Some((_, _, Part::Derived))) | (None, None) => {}
            (None, Some(_)) => {
                kept.insert(name.clone(), value.clone());
            }
        }
    }
    kept
}

/// The record that an input makes of `before`, if all its fields pass.
pub(super) fn merged(state: &State, scope: &str, before: Option<&Record>, mut input: Record) -> Result<Record, Refusal> {
    let entity = state.entity(scope).ok_or_else(Refusal::not_found)?;
    let mut record = before.cloned().unwrap_or_else(|| empty(entity));
    if scope == "Meeting" {
        keep_duration(before, &mut input);
    }
    for (name, field) in &entity.fields {
        match field.kind {
            Kind::Phone | Kind::Email => {
                let (single, list) = (input.remove(name), input.remove(&format!("{name}Data")));
                multifield::apply(&mut record, name, field, single, list, state.settings.phone_international)?;
            }
            _ => take(&mut record, &mut input, name, field)?,
        }
    }
    for (name, field) in &entity.fields {
        let value = record.get(&value_attribute(name, field.kind)).unwrap_or(&Value::Null);
        let missing = value.is_null() || *value == "" || value.as_array().is_some_and(Vec::is_empty);
        if field.required && missing {
            return Err(Refusal::invalid(name, "required"));
        }
        let moment = |value: Option<&Value>| value.and_then(Value::as_str).and_then(read_moment);
        if let Some(other) = &field.after
            && let (Some(end), Some(start)) = (moment(Some(value)), moment(record.get(other)))
            && end < start
        {
            return Err(Refusal::invalid(name, "after"));
        }
    }
    person_name(entity, &mut record);
    Ok(record)
}

/// The attributes of a record nobody has said anything about.
fn empty(entity: &Entity) -> Record {
    let mut record = Record::new();
    for (name, field) in &entity.fields {
        for (attribute, part) in attributes(name, field.kind) {
            let value = match (field.kind, part) {
                (Kind::LinkMultiple, Part::Value) => json!([]),
                (Kind::LinkMultiple, _) => json!({}),
                (Kind::Phone | Kind::Email, Part::Data) => json!([]),
                (Kind::Phone | Kind::Email, Part::Derived) | (Kind::Bool, _) => json!(false),
                _ => Value::Null,
            };
            record.insert(attribute, value);
        }
        if let Some(default) = &field.default {
            record.insert(name.clone(), default.clone());
        }
    }
    record
}

fn take(record: &mut Record, input: &mut Record, name: &str, field: &Field) -> Result<(), Refusal> {
    for (attribute, part) in attributes(name, field.kind) {
        let Some(value) = input.remove(&attribute) else { continue };
        let value = if part == Part::ParentType {
            let types = field.entity_list.as_deref().unwrap_or_default();
            let known = value.is_null() || value.as_str().is_some_and(|kind| types.iter().any(|known| known == kind));
            if known { value } else { return Err(Refusal::invalid(name, "valid")) }
        } else {
            clean(name, field, value)?
        };
        let none = value.is_null() && field.kind == Kind::LinkMultiple;
        record.insert(attribute, if none { json!([]) } else { value });
    }
    Ok(())
}

/// A new beginning without a new end keeps the duration (EspoCRM note, 2.3).
fn keep_duration(before: Option<&Record>, input: &mut Record) {
    let Some(before) = before else { return };
    let moment = |record: &Record, name: &str| record.get(name).and_then(Value::as_str).and_then(read_moment);
    if input.contains_key("dateEnd") {
        return;
    }
    let new = input
        .get("dateStart")
        .and_then(Value::as_str)
        .and_then(|text| clean("dateStart", &moment_field(), text.into()).ok()?.as_str().and_then(read_moment));
    if let (Some(new), Some(start), Some(end)) = (new, moment(before, "dateStart"), moment(before, "dateEnd")) {
        input.insert("dateEnd".to_owned(), (new + (end - start)).format(MOMENT).to_string().into());
    }
}

fn moment_field() -> Field {
    Field::of(Kind::Datetime)
}

fn person_name(entity: &Entity, record: &mut Record) {
    let is_person = entity.fields.get("name").is_some_and(|field| field.kind == Kind::PersonName);
    if is_person {
        let part = |name: &str| record.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name: Vec<&str> = ["firstName", "lastName"].into_iter().filter_map(part).collect();
        let name = if name.is_empty() { Value::Null } else { name.join(" ").into() };
        record.insert("name".to_owned(), name);
    }
}

/// Whether what a record leads to is there, and whether the caller may assign it; `account` is none for staff. What did not
/// change is not looked at again.
pub(super) fn check_links(
    state: &State,
    scope: &str,
    account: Option<&Account>,
    before: Option<&Record>,
    record: &mut Record,
) -> Result<(), Refusal> {
    let Some(entity) = state.entity(scope) else { return Ok(()) };
    for (name, field) in entity.fields.iter().filter(|(_, field)| !field.read_only) {
        let attribute = value_attribute(name, field.kind);
        let value = record.get(&attribute).cloned().unwrap_or_default();
        let changed = before.and_then(|before| before.get(&attribute)) != Some(&value);
        let target = match field.kind {
            Kind::LinkParent => record.get(&format!("{name}Type")).and_then(Value::as_str).unwrap_or_default().to_owned(),
            _ => field.entity.clone().unwrap_or_default(),
        };
        let link = Link { state, name, target: &target, changed };
        let shown = match field.kind {
            Kind::Link | Kind::LinkParent => match value.as_str() {
                None if field.kind == Kind::LinkParent => continue,
                None => (format!("{name}Name"), Value::Null),
                Some(user) if name == "assignedUser" => {
                    if changed {
                        check_assignment(state, account, user)?;
                    }
                    (format!("{name}Name"), state.name_of(&target, user))
                }
                Some(id) => (format!("{name}Name"), link.one(id)?),
            },
            Kind::LinkMultiple => (format!("{name}Names"), link.many(&value)?),
            _ => continue,
        };
        record.extend([shown]);
    }
    Ok(())
}

/// A link of a record that is about to be kept.
struct Link<'a> {
    state: &'a State,
    name: &'a str,
    target: &'a str,
    changed: bool,
}

impl Link<'_> {
    /// What the other end is called.
    fn one(&self, id: &str) -> Result<Value, Refusal> {
        if self.changed && self.state.record(self.target, id).is_none() {
            return Err(Refusal::wrong(403, format!("Can't relate with non-existing record: {}", self.name)));
        }
        Ok(self.state.name_of(self.target, id))
    }

    /// What the other ends are called, by id.
    fn many(&self, ids: &Value) -> Result<Value, Refusal> {
        let ids = ids.as_array().into_iter().flatten().filter_map(Value::as_str);
        let names: Result<Map<String, Value>, Refusal> = ids.map(|id| Ok((id.to_owned(), self.one(id)?))).collect();
        names.map(Value::Object)
    }
}

fn check_assignment(state: &State, account: Option<&Account>, user: &str) -> Result<(), Refusal> {
    let is_there = state.record("User", user).is_some_and(|record| record.get("isActive") == Some(&true.into()));
    if is_there && account.is_none_or(|account| account.may_assign(user)) {
        return Ok(());
    }
    Err(Refusal::happens(403, "Assignment failure"))
}
