//! What fields there are, and how ours are made.

use std::collections::BTreeMap;

use http::Method;
use serde_json::Value;

use super::{
    Settings, api,
    error::{CONFLICT, FORBIDDEN},
    fields::{FIELDS, scope},
    text::LINE,
    wire::{Body, FieldDefinition},
};
use crate::{
    crm::{
        CrmCall, Entity, FieldKind, FieldSpec,
        fields::{Described, TheirField},
        meaning::Effect,
    },
    vendor::Failure,
};

type Definitions = BTreeMap<String, FieldDefinition>;

pub(super) async fn describe(call: &CrmCall<'_>) -> Result<Described, Failure> {
    let settings: Settings = call.account.settings()?;
    let mut described = Described::default();
    for entity in Entity::ALL {
        let definitions = definitions(call, entity).await?;
        described.problems.extend(too_short(call, entity, &definitions));
        described.problems.extend(closed(call, entity, &definitions));
        if entity == Entity::Enquiry {
            described.problems.extend(source_problem(&settings, &definitions));
        }
        let fields = definitions
            .into_iter()
            .map(|(name, definition)| (name, TheirField { kind: definition.kind(), options: definition.words() }));
        described.fields.insert(entity, fields.collect());
    }
    for user in settings.users() {
        described.problems.extend(user_problem(call, user).await?);
    }
    Ok(described)
}

/// Nothing is left of a definition that can't be read but its name: it holds something else than our facts.
async fn definitions(call: &CrmCall<'_>, entity: Entity) -> Result<Definitions, Failure> {
    let key = [("key".to_owned(), format!("entityDefs.{}.fields", scope(entity)))];
    let raw: BTreeMap<String, Value> = api::get(call, &["Metadata"], &key).await?;
    let read = |value| serde_json::from_value(value).unwrap_or(FieldDefinition::default());
    Ok(raw.into_iter().map(|(name, value)| (name, read(value))).collect())
}

/// EspoCRM makes a line of a hundred characters unless it is told otherwise, and refuses the whole record for a longer value.
fn too_short(call: &CrmCall<'_>, entity: Entity, definitions: &Definitions) -> Vec<String> {
    let specs = FIELDS.iter().filter(|spec| spec.entity == entity && spec.kind == FieldKind::Text);
    let names = specs.filter_map(|spec| call.account.fields.name(entity, spec.fact));
    names
        .filter_map(|name| {
            let most = definitions.get(name)?.max_length.filter(|most| *most < LINE as u64)?;
            Some(format!("{}: the field {name} takes {most} characters; it should take {LINE}", scope(entity)))
        })
        .collect()
}

/// A field that is read-only or disabled is so for everybody: what we send for it is dropped.
fn closed(call: &CrmCall<'_>, entity: Entity, definitions: &Definitions) -> Vec<String> {
    let names = FIELDS.iter().filter(|spec| spec.entity == entity).filter_map(|spec| call.account.fields.name(entity, spec.fact));
    let closed =
        names.filter(|name| definitions.get(*name).is_some_and(|definition| definition.read_only || definition.disabled));
    closed.map(|name| format!("{}: the field {name} is read-only or disabled, for us too", scope(entity))).collect()
}

/// EspoCRM refuses every lead with a source that is not on its list.
fn source_problem(settings: &Settings, definitions: &Definitions) -> Option<String> {
    let sources = definitions.get("source")?.words()?;
    let ours = &settings.lead_source;
    (!sources.contains(ours)).then(|| format!("lead_source: {ours:?} is not among the sources of a lead"))
}

/// A role that may not read users leaves it unsaid.
async fn user_problem(call: &CrmCall<'_>, user: &str) -> Result<Option<String>, Failure> {
    let found = match api::fetch(call, "User", user).await {
        Err(failure) if failure.code == FORBIDDEN => return Ok(None),
        found => found?,
    };
    Ok(match found {
        None => Some(format!("there is no user {user}")),
        Some(record) if record.is_false("isActive") => Some(format!("the user {user} is not active")),
        Some(record) if matches!(record.text("type"), Some("api" | "portal" | "system")) => {
            Some(format!("the user {user} is no person: nobody would see what is assigned to it"))
        }
        Some(_) => None,
    })
}

/// One field after the other; EspoCRM rebuilds itself after each.
pub(super) async fn create(call: &CrmCall<'_>, missing: &[&FieldSpec]) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for spec in missing {
        let given = match make(call, spec).await {
            Ok(made) => made,
            // An attempt before this one got as far as that.
            Err(failure) if failure.code == CONFLICT => None,
            Err(failure) => return Err(failure),
        };
        let name = match given {
            Some(name) => name,
            None if definitions(call, spec.entity).await?.contains_key(spec.theirs) => spec.theirs.to_owned(),
            None => return Err(Failure::permanent(format!("field_not_made:{}", spec.theirs))),
        };
        // An installation may have the prefix switched off: then what was made is not what we write to.
        if name != spec.theirs {
            return Err(Failure::permanent(format!("field_named_otherwise:{}", spec.theirs)));
        }
        names.push(name);
    }
    Ok(names)
}

/// Returns the name it got, if the answer tells.
async fn make(call: &CrmCall<'_>, spec: &FieldSpec) -> Result<Option<String>, Failure> {
    let body = definition(spec);
    let path = ["Admin", "fieldManager", scope(spec.entity)];
    let ask = api::Ask { method: Method::POST, body: Some(&body), ..api::Ask::get(&path, &[]) };
    let made: super::wire::Record = api::read(&api::send(call, ask).await?, Effect::Repeatable)?;
    Ok(made.text("name").map(str::to_owned))
}

/// EspoCRM puts the prefix before the name itself.
pub(super) fn definition(spec: &FieldSpec) -> Body {
    let mut body = Body::default();
    body.set("name", without_prefix(spec.theirs));
    body.set("label", spec.label);
    body.set(
        "type",
        match spec.kind {
            FieldKind::Choice => "enum",
            FieldKind::Moment => "datetime",
            FieldKind::Number => "int",
            FieldKind::Text | FieldKind::Other => "varchar",
        },
    );
    match spec.kind {
        // The empty word first: who has said nothing yet has no language.
        FieldKind::Choice => body.set("options", [&[""], spec.options].concat()),
        FieldKind::Text => body.set("maxLength", LINE),
        FieldKind::Moment | FieldKind::Number | FieldKind::Other => {}
    }
    body
}

/// `externalId` of `cExternalId`.
fn without_prefix(name: &str) -> String {
    let mut rest = name.strip_prefix('c').unwrap_or(name).chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}
