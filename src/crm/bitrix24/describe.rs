//! What the portal says of itself, against what we are going to write: it drops a field it doesn't know without a word (Bitrix24 note,
//! finding 2).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    batch::{Answers, Command, batch},
    call,
    fields::ORIGIN,
    items::Kind,
    settings::Settings,
    wire,
};
use crate::{
    crm::{CrmCall, Entity, Fact, FieldKind, FieldSpec, Health, fields::Described, fields::TheirField, meaning::Effect},
    vendor::Failure,
};

/// One of these lets us see who is a user.
const USER_SCOPES: &[&str] = &["user", "user_brief", "user_basic"];

fn fields_of(kind: Kind) -> Command {
    Command::new("crm.item.fields", json!({"entityTypeId": kind.type_id(), "useOriginalUfNames": "Y"}))
}

fn directory(name: &str) -> Command {
    Command::new("crm.status.list", json!({"filter": {"ENTITY_ID": name}}))
}

/// The places of [`describe`]'s commands before those about users.
const MODE: usize = 0;
const SCOPE: usize = 1;
const CONTACT: usize = 2;
const LEAD: usize = 3;
const DEAL: usize = 4;
const SOURCES: usize = 5;
const STAGES: usize = 6;
const USERS: usize = 7;

/// Fields, and what else would not fit.
pub(super) async fn describe(crm: &CrmCall<'_>) -> Result<Described, Failure> {
    let settings = Settings::of(crm.account)?;
    let mut commands = vec![
        Command::new("crm.settings.mode.get", json!({})),
        Command::new("scope", json!({})),
        fields_of(Kind::Contact),
        fields_of(Kind::Lead),
        fields_of(Kind::Deal),
        directory("SOURCE"),
        directory(&settings.stage_directory()),
    ];
    // As many as a batch holds; a salon with more masters has the rest found out by the first booking.
    let users: Vec<u64> = settings.users().into_iter().take(40).collect();
    commands.extend(users.iter().map(|id| Command::new("user.get", json!({"ID": id}))));
    let answers = batch(crm, &commands, false, Effect::Repeatable).await?;
    let enquiries = if Kind::of_enquiries(answers.result(MODE)?) == Kind::Deal { DEAL } else { LEAD };
    let mut described = Described::default();
    for (entity, at) in [(Entity::Client, CONTACT), (Entity::Enquiry, enquiries), (Entity::Booking, DEAL)] {
        described.fields.insert(entity, their_fields(answers.result(at)?));
    }
    let scopes = scopes(answers.result(SCOPE)?);
    described.problems.extend(missing_scopes(&scopes));
    described.problems.extend(misplaced_ids(crm));
    described.problems.extend(unknown_words(&settings, &answers)?);
    if USER_SCOPES.iter().any(|scope| scopes.iter().any(|there| there == scope)) {
        for (at, id) in users.iter().enumerate() {
            described.problems.extend(absent_user(answers.result(USERS + at)?, *id));
        }
    }
    Ok(described)
}

/// Our field of a kind is named as the portal names it; its own are in camel case.
fn their_fields(result: &Value) -> BTreeMap<String, TheirField> {
    let Some(fields) = result.get("fields").and_then(Value::as_object) else { return BTreeMap::new() };
    fields.iter().map(|(name, field)| (name.clone(), their_field(field))).collect()
}

fn their_field(field: &Value) -> TheirField {
    // Several values in one field are a list, and we write one.
    let several =
        matches!(field.get("isMultiple"), Some(Value::Bool(true))) || wire::field(field, "isMultiple").as_deref() == Some("Y");
    let kind = match wire::field(field, "type").as_deref() {
        _ if several => FieldKind::Other,
        Some("string" | "text") => FieldKind::Text,
        Some("integer") => FieldKind::Number,
        Some("datetime") => FieldKind::Moment,
        Some("enumeration" | "crm_status") => FieldKind::Choice,
        _ => FieldKind::Other,
    };
    let items = field.get("items").map(wire::members).unwrap_or_default();
    let options: Vec<String> = items.into_iter().filter_map(|item| wire::field(item, "ID")).collect();
    TheirField { kind, options: (kind == FieldKind::Choice && !options.is_empty()).then_some(options) }
}

fn scopes(result: &Value) -> Vec<String> {
    wire::members(result).into_iter().filter_map(wire::text).collect()
}

fn missing_scopes(scopes: &[String]) -> Vec<String> {
    let has = |wanted: &[&str]| wanted.iter().any(|wanted| scopes.iter().any(|scope| scope == wanted));
    let mut problems = Vec::new();
    if !has(&["crm"]) {
        problems.push("the scope crm is missing: nothing can be written".to_owned());
    }
    if !has(USER_SCOPES) {
        problems.push("the scope user_brief is missing: whether the users exist can't be seen".to_owned());
    }
    problems
}

/// Records are found again by `originatorId` and `originId` together, so our id can't be kept anywhere else.
fn misplaced_ids(crm: &CrmCall<'_>) -> Vec<String> {
    let other = |entity: &Entity| crm.account.fields.name(*entity, Fact::ExternalId).is_some_and(|name| name != ORIGIN);
    let others = Entity::ALL.into_iter().filter(other);
    others.map(|entity| format!("{}.external_id: our id is always kept in {ORIGIN}", entity.as_str())).collect()
}

fn unknown_words(settings: &Settings, answers: &Answers) -> Result<Vec<String>, Failure> {
    let known = |at: usize| -> Result<Vec<String>, Failure> {
        Ok(wire::members(answers.result(at)?).into_iter().filter_map(|row| wire::field(row, "STATUS_ID")).collect())
    };
    let mut problems = Vec::new();
    if !known(SOURCES)?.contains(&settings.source_id) {
        problems.push(format!("source_id: there is no source {:?}", settings.source_id));
    }
    let stages = known(STAGES)?;
    let unknown = settings.stages.all().filter(|stage| !stages.iter().any(|known| known == stage));
    problems.extend(unknown.map(|stage| format!("stages: there is no stage {stage:?} in {}", settings.stage_directory())));
    Ok(problems)
}

fn absent_user(result: &Value, id: u64) -> Option<String> {
    let users = wire::members(result);
    let Some(user) = users.first() else { return Some(format!("there is no user {id}")) };
    let gone = matches!(user.get("ACTIVE"), Some(Value::Bool(false))) || wire::field(user, "ACTIVE").as_deref() == Some("N");
    gone.then(|| format!("the user {id} has left"))
}

/// Makes fields and returns the names that are there then. Needs an administrator's
/// credential.
pub(super) async fn create(crm: &CrmCall<'_>, missing: &[&FieldSpec]) -> Result<Vec<String>, Failure> {
    let mode = Command::new("crm.settings.mode.get", json!({})).alone(crm, Effect::Repeatable).await?;
    let kind = |entity: Entity| match entity {
        Entity::Client => Kind::Contact,
        Entity::Enquiry => Kind::of_enquiries(&mode),
        Entity::Booking => Kind::Deal,
    };
    let mut kinds: Vec<Kind> = missing.iter().map(|spec| kind(spec.entity)).collect();
    kinds.dedup();
    let mut commands: Vec<Command> = missing.iter().map(|spec| new_field(kind(spec.entity), spec)).collect();
    commands.extend(kinds.iter().map(|kind| fields_of(*kind)));
    let answers = batch(crm, &commands, false, Effect::Repeatable).await?;
    for (at, spec) in missing.iter().enumerate() {
        let described = kinds.iter().position(|there| *there == kind(spec.entity)).unwrap_or_default() + missing.len();
        // One that another attempt had made is refused now, and is there.
        if !their_fields(answers.result(described)?).contains_key(spec.theirs) {
            answers.result(at)?;
            return Err(Failure::permanent("field_not_made"));
        }
    }
    Ok(missing.iter().map(|spec| spec.theirs.to_owned()).collect())
}

fn new_field(kind: Kind, spec: &FieldSpec) -> Command {
    let method = match kind {
        Kind::Contact => "crm.contact.userfield.add",
        Kind::Lead => "crm.lead.userfield.add",
        Kind::Deal => "crm.deal.userfield.add",
    };
    let of = match spec.kind {
        FieldKind::Moment => "datetime",
        FieldKind::Number => "integer",
        FieldKind::Text | FieldKind::Choice | FieldKind::Other => "string",
    };
    // The portal puts the prefix before the name itself.
    let name = spec.theirs.strip_prefix("UF_CRM_").unwrap_or(spec.theirs);
    Command::new(method, json!({"fields": {"FIELD_NAME": name, "USER_TYPE_ID": of, "LABEL": spec.label, "SHOW_FILTER": "Y"}}))
}

/// Asks whether the connection works.
pub(super) async fn inspect(crm: &CrmCall<'_>) -> Result<Health, Failure> {
    Settings::of(crm.account)?;
    let commands = [Command::new("profile", json!({})), Command::new("scope", json!({})), fields_of(Kind::Contact)];
    let answers = batch(crm, &commands, false, Effect::Repeatable).await?;
    let user = answers.result(0)?.get("ID").and_then(wire::id).unwrap_or_else(|| "?".to_owned());
    // Rights in the CRM are the user's, whatever the scopes are.
    answers.result(2)?;
    let mut remarks = missing_scopes(&scopes(answers.result(1)?));
    if crm.account.secrets.webhook_secret.is_none() {
        remarks.push("no application_token is known: changes made there are found by asking alone".to_owned());
    }
    let known_as =
        format!("{} of user {user}", if call::is_application(crm.account) { "an application" } else { "an inbound webhook" });
    Ok(Health { known_as, version: None, remarks })
}
