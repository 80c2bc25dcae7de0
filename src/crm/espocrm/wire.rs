//! EspoCRM's JSON, as far as we read or write it. Which attributes a record has is the salon's business, so a record is read by name.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    fields::scope,
    text::{LINE, cut},
};
use crate::crm::{Entity, Fact, FieldKind, FieldMap};

/// All times are UTC and without a zone; fractions of a second are refused (EspoCRM note, 2.3).
const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

/// A moment as EspoCRM writes it.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format(MOMENT).to_string()
}

/// A moment as EspoCRM writes it, with or without its seconds.
pub(super) fn read_moment(text: &str) -> Option<DateTime<Utc>> {
    let read = |format| NaiveDateTime::parse_from_str(text.trim(), format).ok();
    read(MOMENT).or_else(|| read("%Y-%m-%d %H:%M")).map(|naive| naive.and_utc())
}

/// What is written to a record: only what we have a value for.
#[derive(Clone, Default, Serialize)]
#[serde(transparent)]
pub(super) struct Body(Map<String, Value>);

impl Body {
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(super) fn some(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.set(name, value);
        }
    }

    /// A fact of ours, in the field that the salon keeps it in, if it keeps it.
    pub(super) fn fact(&mut self, map: &FieldMap, entity: Entity, fact: Fact, value: Option<impl Into<Value>>) {
        if let Some(name) = map.name(entity, fact) {
            self.some(name, value);
        }
    }

    /// A line of text: none if it is blank, and no longer than a line may be.
    pub(super) fn line(&mut self, map: &FieldMap, entity: Entity, fact: Fact, value: Option<&str>) {
        self.fact(map, entity, fact, value.map(|text| cut(text, LINE)).filter(|text| !text.is_empty()));
    }

    /// One of our words, in the salon's words.
    pub(super) fn word(&mut self, map: &FieldMap, entity: Entity, fact: Fact, ours: Option<&str>) {
        self.fact(map, entity, fact, ours.map(|ours| map.value(entity, fact, ours)));
    }

    /// Leaves out what the record says already.
    pub(super) fn without_what(&mut self, record: &Record) {
        self.0.retain(|name, value| record.0.get(name) != Some(value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// A record of theirs.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Record(Map<String, Value>);

impl Record {
    /// A text that is not blank.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.text("id")
    }

    pub(super) fn moment(&self, name: &str) -> Option<DateTime<Utc>> {
        read_moment(self.text(name)?)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// False only if it says so.
    pub(super) fn is_false(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool) == Some(false)
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// A fact of ours that is a text.
    pub(super) fn fact(&self, map: &FieldMap, entity: Entity, fact: Fact) -> Option<&str> {
        self.text(map.name(entity, fact)?)
    }
}

/// A part of a list.
#[derive(Deserialize)]
pub(super) struct List {
    pub(super) list: Vec<Record>,
}

/// `GET App/user`: who we are and what we may.
#[derive(Deserialize)]
pub(super) struct Whoami {
    pub(super) user: Record,
    #[serde(default)]
    pub(super) settings: Record,
    #[serde(default)]
    pub(super) acl: Value,
}

/// A field in the metadata.
#[derive(Default, Deserialize)]
pub(super) struct FieldDefinition {
    #[serde(rename = "type", default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) options: Option<Vec<Value>>,
    #[serde(rename = "maxLength", default)]
    pub(super) max_length: Option<u64>,
    #[serde(rename = "readOnly", default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) disabled: bool,
}

impl FieldDefinition {
    pub(super) fn kind(&self) -> FieldKind {
        match self.kind.as_deref() {
            Some("varchar" | "text") => FieldKind::Text,
            Some("enum") => FieldKind::Choice,
            Some("datetime" | "datetimeOptional") => FieldKind::Moment,
            Some("int") => FieldKind::Number,
            _ => FieldKind::Other,
        }
    }

    /// The words of a choice: an `enum` that takes its options from elsewhere has none here. A line's options are mere suggestions.
    pub(super) fn words(&self) -> Option<Vec<String>> {
        let options = self.options.as_ref().filter(|_| self.kind() == FieldKind::Choice)?;
        Some(options.iter().filter_map(|option| option.as_str().map(str::to_owned)).collect())
    }
}

/// What a record of this kind is asked for when changes are listed: what [`crate::crm::RemoteState`] holds, and no more of anybody.
pub(super) fn columns(map: &FieldMap, entity: Entity) -> String {
    let own: &[&str] = match entity {
        Entity::Client | Entity::Enquiry => &["name", "phoneNumber", "emailAddress", "doNotCall", "phoneNumberIsOptedOut"],
        Entity::Booking => &["status", "dateStart", "dateEnd"],
    };
    let facts = [Fact::ExternalId, Fact::State].into_iter().filter_map(|fact| map.name(entity, fact));
    let all: Vec<&str> = ["id", "modifiedAt"].into_iter().chain(own.iter().copied()).chain(facts).collect();
    all.join(",")
}

/// `equals` and its like, in the form that every version reads.
pub(super) struct Where<'a> {
    pub(super) kind: &'static str,
    pub(super) attribute: &'a str,
    pub(super) value: &'a str,
}

/// The query of a list.
pub(super) fn query(conditions: &[Where<'_>], others: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (index, condition) in conditions.iter().enumerate() {
        for (part, value) in [("type", condition.kind), ("attribute", condition.attribute), ("value", condition.value)] {
            pairs.push((format!("where[{index}][{part}]"), value.to_owned()));
        }
    }
    pairs.extend(others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    pairs
}

/// What the record of this kind is called, and its id: what a parent is named by.
pub(super) fn parent(body: &mut Body, entity: Entity, record: &str) {
    body.set("parentType", scope(entity));
    body.set("parentId", record);
}
