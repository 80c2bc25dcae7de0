//! `crm.item.*`: the one set of methods for contacts, leads and deals.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    batch::Command,
    call::call,
    fields::{ORIGIN, ORIGINATOR},
    wire::{self, Fields},
};
use crate::{
    crm::{CrmCall, GONE, meaning::Effect},
    vendor::Failure,
};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An enquiry, unless the portal is in the simple mode.
    Lead,
    /// A visit; in the simple mode an enquiry too.
    Deal,
    /// A client.
    Contact,
}

impl Kind {
    /// `entityTypeId`.
    pub(super) const fn type_id(self) -> u8 {
        match self {
            Self::Lead => 1,
            Self::Deal => 2,
            Self::Contact => 3,
        }
    }

    /// The name in an enquiry's record id and in a list's page.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Deal => "deal",
            Self::Contact => "contact",
        }
    }

    /// The kind of a name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Lead, Self::Deal, Self::Contact].into_iter().find(|kind| kind.as_str() == name)
    }

    /// What enquiries are, by the answer of `crm.settings.mode.get`: 2 is the simple mode, in which a new lead becomes a deal at once.
    pub(super) fn of_enquiries(mode: &Value) -> Self {
        if wire::number(mode) == Some(2) { Self::Deal } else { Self::Lead }
    }
}

/// An id of theirs as it goes into parameters. What is no number can't be one of their records.
pub(super) fn numeric(record: &str) -> Result<u64, Failure> {
    record.parse().map_err(|_| Failure::permanent("record_id"))
}

/// `crm.item.add`.
pub(super) fn add(kind: Kind, fields: Fields) -> Value {
    json!({"entityTypeId": kind.type_id(), "fields": Value::from(fields), "useOriginalUfNames": "Y"})
}

/// `crm.item.update`.
pub(super) fn update(kind: Kind, id: u64, fields: Fields) -> Value {
    json!({"entityTypeId": kind.type_id(), "id": id, "fields": Value::from(fields), "useOriginalUfNames": "Y"})
}

/// `crm.item.get`.
pub(super) fn get(kind: Kind, id: u64) -> Value {
    json!({"entityTypeId": kind.type_id(), "id": id, "useOriginalUfNames": "Y"})
}

/// `crm.item.list` for the records with our id.
pub(super) fn by_origin(kind: Kind, id: Uuid) -> Command {
    let filter = json!({"originatorId": ORIGINATOR, ORIGIN: id.to_string()});
    Command::new("crm.item.list", json!({"entityTypeId": kind.type_id(), "select": ["id"], "filter": filter}))
}

/// Says whose a new record is.
pub(super) fn sign(fields: &mut Fields, id: Uuid) {
    fields.set("originatorId", Some(ORIGINATOR));
    fields.set(ORIGIN, Some(id.to_string()));
}

/// The ids in a list's result.
pub(super) fn ids(listed: &Value) -> Vec<String> {
    let items = listed.get("items").map(wire::members).unwrap_or_default();
    items.into_iter().filter_map(|item| item.get("id").and_then(wire::id)).collect()
}

/// The record in a result.
pub(super) fn item(result: &Value) -> Option<&Value> {
    result.get("item").filter(|item| item.is_object())
}

/// Reads a record; none if it is gone.
pub(super) async fn read(crm: &CrmCall<'_>, kind: Kind, id: u64) -> Result<Option<Value>, Failure> {
    match call(crm, "crm.item.get", get(kind, id), Effect::Repeatable).await {
        Ok(answer) => item(&answer.result).cloned().map(Some).ok_or_else(|| Effect::Repeatable.unreadable()),
        Err(failure) if failure.code == GONE => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Makes a record. To be repeated only after a look-up.
pub(super) async fn create(crm: &CrmCall<'_>, kind: Kind, fields: Fields) -> Result<String, Failure> {
    let answer = call(crm, "crm.item.add", add(kind, fields), Effect::Repeatable).await?;
    created(&answer.result)
}

/// The id of a record that was made.
pub(super) fn created(result: &Value) -> Result<String, Failure> {
    let id = item(result).and_then(|item| item.get("id")).and_then(wire::id);
    id.ok_or_else(|| Effect::Repeatable.unreadable())
}

/// Changes a record, if there is anything to change.
pub(super) async fn change(crm: &CrmCall<'_>, kind: Kind, id: u64, fields: Fields) -> Result<(), Failure> {
    if !fields.is_empty() {
        call(crm, "crm.item.update", update(kind, id, fields), Effect::Repeatable).await?;
    }
    Ok(())
}
