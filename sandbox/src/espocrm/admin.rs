//! What the installation tells about itself, and custom fields (EspoCRM note, 2.6).

use serde_json::{Map, Value, json};

use super::{
    access::{Account, Level},
    answer::{Outcome, Refusal},
    schema::{Entity, Field, Kind},
    state::{By, State},
};

/// A custom line holds a hundred characters unless it says otherwise.
const CUSTOM_LINE: usize = 100;

/// `GET Metadata`: the part that `key` names, null if there is none.
pub(super) fn metadata(state: &State, key: Option<&str>) -> Value {
    let part = |view: fn(&Entity) -> Value| -> Map<String, Value> {
        state.schema.iter().map(|(scope, entity)| (scope.clone(), view(entity))).collect()
    };
    let mut scopes = part(|entity| json!({"object": entity.object, "entity": true, "stream": entity.stream}));
    for (scope, entity) in &state.schema {
        let checked = state.settings.duplicate_check.get(scope).unwrap_or(&entity.duplicate_check_field_list);
        scopes[scope]["duplicateCheckFieldList"] = json!(checked);
    }
    let all = json!({"entityDefs": part(|entity| json!({"fields": entity.fields})), "scopes": scopes});
    let Some(key) = key else { return all };
    let found = key.split('.').try_fold(&all, |place, name| place.get(name));
    found.cloned().unwrap_or_default()
}

/// `GET App/user`.
pub(super) fn me(state: &State, account: &Account, by: &By) -> Outcome {
    let user = state.record("User", &by.user).cloned().ok_or_else(Refusal::not_found)?;
    let rights = |level: Level| {
        let (create, read, write) = match level {
            Level::No => ("no", "no", "no"),
            Level::Own => ("yes", "own", "own"),
            Level::Read => ("no", "all", "no"),
            Level::All => ("yes", "all", "all"),
        };
        json!({"create": create, "read": read, "edit": write, "delete": write, "stream": read})
    };
    let mut table: Map<String, Value> = state.schema.keys().map(|scope| (scope.clone(), rights(account.level(scope)))).collect();
    table.insert("Webhook".to_owned(), (account.level("Webhook") == Level::All).into());
    let assignment = match &account.assignable {
        Some(users) if users.is_empty() && !account.admin => "no",
        Some(_) if !account.admin => "team",
        _ => "all",
    };
    Ok(json!({
        "user": user,
        "acl": {"table": table, "assignmentPermission": assignment},
        "preferences": {"timeZone": "", "language": ""},
        "token": null,
        "settings": {"version": state.settings.version, "phoneNumberInternational": state.settings.phone_international,
                     "recordListMaxSizeLimit": 200, "timeZone": "UTC"},
    }))
}

/// `POST Admin/fieldManager/{scope}`: returns the definition with the name it got.
pub(super) fn add_field(state: &mut State, scope: &str, body: &Map<String, Value>) -> Outcome {
    let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
    let proper = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !proper {
        return Err(Refusal::wrong(400, "Bad field name."));
    }
    let name = if state.settings.custom_prefix { prefixed(name) } else { name.to_owned() };
    let entity = state.entity(scope).ok_or_else(|| Refusal::wrong(404, ""))?;
    if entity.fields.contains_key(&name) {
        return Err(Refusal::happens(409, format!("Field '{name}' already exists in '{scope}'.")));
    }
    let mut definition = body.clone();
    definition.remove("name");
    plant_field(state, scope, &name, definition.into()).map_err(|text| Refusal::wrong(400, text))?;
    field(state, scope, &name)
}

/// `referralCode` becomes `cReferralCode`.
fn prefixed(name: &str) -> String {
    let mut rest = name.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    std::iter::once('c').chain(first).chain(rest).collect()
}

/// Adds a custom field under its full name; records that are there get it empty.
pub(super) fn plant_field(state: &mut State, scope: &str, name: &str, definition: Value) -> Result<(), String> {
    let mut field: Field = serde_json::from_value(definition).map_err(|error| format!("{name}: {error}"))?;
    if matches!(field.kind, Kind::Link | Kind::LinkParent | Kind::LinkMultiple | Kind::PersonName | Kind::Phone | Kind::Email) {
        return Err(format!("{name}: no custom field of this type is played"));
    }
    field.is_custom = true;
    if field.kind == Kind::Varchar && field.max_length.is_none() {
        field.max_length = Some(CUSTOM_LINE);
    }
    let default = match (&field.default, field.kind) {
        (Some(default), _) => default.clone(),
        (None, Kind::Bool) => false.into(),
        (None, _) => Value::Null,
    };
    let entity = state.schema.get_mut(scope).ok_or_else(|| format!("no scope {scope}"))?;
    entity.fields.insert(name.to_owned(), field);
    for record in state.records.get_mut(scope).into_iter().flat_map(|records| records.values_mut()) {
        record.entry(name.to_owned()).or_insert_with(|| default.clone());
    }
    Ok(())
}

/// `GET Admin/fieldManager/{scope}/{name}`.
pub(super) fn field(state: &State, scope: &str, name: &str) -> Outcome {
    let field = state.entity(scope).and_then(|entity| entity.fields.get(name)).ok_or_else(Refusal::not_found)?;
    let mut view = json!(field);
    view["name"] = name.into();
    Ok(view)
}

/// `PUT Admin/fieldManager/{scope}/{name}`.
pub(super) fn edit_field(state: &mut State, scope: &str, name: &str, body: &Map<String, Value>) -> Outcome {
    let mut definition = field(state, scope, name)?;
    for (key, value) in body.iter().filter(|(key, _)| *key != "type") {
        definition[key] = value.clone();
    }
    let changed: Field = serde_json::from_value(definition).map_err(|error| Refusal::wrong(400, error.to_string()))?;
    let fields = state.schema.get_mut(scope).map(|entity| &mut entity.fields);
    if let Some(kept) = fields.and_then(|fields| fields.get_mut(name)) {
        *kept = Field { more: changed.more.into_iter().filter(|(key, _)| key != "name").collect(), ..changed };
    }
    field(state, scope, name)
}

/// `DELETE Admin/fieldManager/{scope}/{name}`: a custom field only.
pub(super) fn remove_field(state: &mut State, scope: &str, name: &str) -> Outcome {
    let fields = state.schema.get_mut(scope).map(|entity| &mut entity.fields).ok_or_else(Refusal::not_found)?;
    match fields.get(name) {
        None => return Err(Refusal::not_found()),
        Some(field) if !field.is_custom => return Err(Refusal::wrong(403, "Not a custom field.")),
        Some(_) => {}
    }
    fields.remove(name);
    for record in state.records.get_mut(scope).into_iter().flat_map(|records| records.values_mut()) {
        record.remove(name);
    }
    Ok(true.into())
}
