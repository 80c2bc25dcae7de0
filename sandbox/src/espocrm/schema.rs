//! Which fields the scopes have: our description `spec/espocrm/entities.json`, and custom fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The description: `spec/espocrm/SOURCE.txt` tells where it comes from.
const ENTITIES: &str = include_str!("../../spec/espocrm/entities.json");

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Kind {
    Varchar,
    Text,
    PersonName,
    Enum,
    MultiEnum,
    Bool,
    Int,
    Float,
    Currency,
    Date,
    Datetime,
    DatetimeOptional,
    Email,
    Phone,
    Url,
    Link,
    LinkParent,
    LinkMultiple,
    JsonArray,
    JsonObject,
}

/// A field, as metadata shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) required: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) read_only: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) options: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) type_list: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entity_list: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) max_length: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) default: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    /// What a link leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) entity: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) is_custom: bool,
    /// What is kept and shown, and means nothing here.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Where the other ends of a link are.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) struct Link {
    pub(super) entity: String,
    #[serde(default)]
    pub(super) own: Option<String>,
    #[serde(default)]
    pub(super) reverse: Option<String>,
    #[serde(default)]
    pub(super) children: Option<String>,
}

/// A scope.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entity {
    pub(super) object: bool,
    pub(super) stream: bool,
    pub(super) order_by: String,
    pub(super) order: String,
    pub(super) duplicate_check_field_list: Vec<String>,
    pub(super) fields: BTreeMap<String, Field>,
    pub(super) links: BTreeMap<String, Link>,
}

/// What an attribute is of its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The value, or the id of a link.
    Value,
    /// `phoneNumberData` and `emailAddressData`.
    Data,
    /// The type of a parent.
    ParentType,
    /// What comes of the other parts: names, flags.
    Derived,
}

/// All scopes.
pub(super) type Schema = BTreeMap<String, Entity>;

/// The scopes of a new installation.
#[allow(clippy::expect_used, reason = "the document is embedded and every test reads it")]
pub(super) fn own() -> Schema {
    serde_json::from_str(ENTITIES).expect("the embedded description")
}

impl Entity {
    /// The field that an attribute belongs to.
    pub(super) fn attribute(&self, name: &str) -> Option<(&str, &Field, Part)> {
        self.fields.iter().find_map(|(field, definition)| {
            let (_, part) = attributes(field, definition.kind).into_iter().find(|(attribute, _)| attribute == name)?;
            Some((field.as_str(), definition, part))
        })
    }
}

/// The attributes of a field.
pub(super) fn attributes(field: &str, kind: Kind) -> Vec<(String, Part)> {
    let named = |suffix: &str, part| (format!("{field}{suffix}"), part);
    match kind {
        Kind::Link => vec![named("Id", Part::Value), named("Name", Part::Derived)],
        Kind::LinkParent => vec![named("Id", Part::Value), named("Type", Part::ParentType), named("Name", Part::Derived)],
        Kind::LinkMultiple => {
            vec![named("Ids", Part::Value), named("Names", Part::Derived), named("Columns", Part::Derived)]
        }
        Kind::Phone | Kind::Email => vec![
            named("", Part::Value),
            named("Data", Part::Data),
            named("IsOptedOut", Part::Derived),
            named("IsInvalid", Part::Derived),
        ],
        Kind::Currency => vec![named("", Part::Value), named("Currency", Part::Derived)],
        Kind::DatetimeOptional => vec![named("", Part::Value), named("Date", Part::Derived)],
        _ => vec![named("", Part::Value)],
    }
}

/// The attribute that holds a field's value.
pub(super) fn value_attribute(field: &str, kind: Kind) -> String {
    attributes(field, kind).into_iter().next().map(|(name, _)| name).unwrap_or_default()
}

impl Field {
    /// A field of a kind, with nothing else said of it.
    pub(super) fn of(kind: Kind) -> Self {
        Self {
            kind,
            required: false,
            read_only: false,
            options: None,
            type_list: None,
            entity_list: None,
            max_length: None,
            default: None,
            after: None,
            entity: None,
            is_custom: false,
            more: Map::new(),
        }
    }
}
