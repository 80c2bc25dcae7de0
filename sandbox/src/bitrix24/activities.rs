//! `crm.activity.*`: universal activities, made by `crm.activity.todo.add`, and the old methods that read and complete them.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    answer::{Outcome, Refusal},
    methods::Call,
    state::{Item, Kind, State, is_owned},
    values::{instant, without_offset},
};

/// The fields that the old methods show.
pub(super) const FIELDS: &[&str] = &[
    "ID",
    "OWNER_ID",
    "OWNER_TYPE_ID",
    "TYPE_ID",
    "PROVIDER_ID",
    "PROVIDER_TYPE_ID",
    "PROVIDER_GROUP_ID",
    "ASSOCIATED_ENTITY_ID",
    "SUBJECT",
    "CREATED",
    "LAST_UPDATED",
    "START_TIME",
    "END_TIME",
    "DEADLINE",
    "COMPLETED",
    "STATUS",
    "RESPONSIBLE_ID",
    "PRIORITY",
    "NOTIFY_TYPE",
    "NOTIFY_VALUE",
    "DESCRIPTION",
    "DESCRIPTION_TYPE",
    "DIRECTION",
    "LOCATION",
    "SETTINGS",
    "ORIGINATOR_ID",
    "ORIGIN_ID",
    "AUTHOR_ID",
    "EDITOR_ID",
    "PROVIDER_PARAMS",
    "PROVIDER_DATA",
];

/// Those of them that `crm.activity.update` changes. `DEADLINE` is not set directly.
const WRITABLE: &[&str] = &[
    "SUBJECT",
    "DESCRIPTION",
    "DESCRIPTION_TYPE",
    "COMPLETED",
    "STATUS",
    "RESPONSIBLE_ID",
    "PRIORITY",
    "LOCATION",
    "START_TIME",
    "END_TIME",
    "NOTIFY_TYPE",
    "NOTIFY_VALUE",
    "DIRECTION",
    "ORIGINATOR_ID",
    "ORIGIN_ID",
];

/// What the old methods show of an activity: what only the new ones take has lower-case names here.
pub(super) fn shown(activity: &Item) -> Item {
    activity
        .iter()
        .filter(|(name, _)| FIELDS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

pub(super) fn add(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, owner) = owner(state, call)?;
    call.must_write(state)?;
    let deadline = deadline(state, call, "deadline")?;
    let id = state.next_id("activity");
    let (now, due) = (state.stamp(call.now), state.stamp(deadline));
    let me = call.caller.user.to_string();
    let activity = json!({
        "ID": id.to_string(), "OWNER_ID": owner.to_string(), "OWNER_TYPE_ID": kind.id().to_string(), "TYPE_ID": "6",
        "PROVIDER_ID": "CRM_TODO", "PROVIDER_TYPE_ID": "TODO", "PROVIDER_GROUP_ID": null, "ASSOCIATED_ENTITY_ID": "0",
        "SUBJECT": "", "CREATED": now, "LAST_UPDATED": now, "START_TIME": due, "END_TIME": due, "DEADLINE": due,
        "COMPLETED": "N", "STATUS": "1", "RESPONSIBLE_ID": me, "PRIORITY": "2", "NOTIFY_TYPE": "0", "NOTIFY_VALUE": "0",
        "DESCRIPTION": "", "DESCRIPTION_TYPE": "1", "DIRECTION": "0", "LOCATION": "", "SETTINGS": [], "ORIGINATOR_ID": null,
        "ORIGIN_ID": null, "AUTHOR_ID": me, "EDITOR_ID": me, "PROVIDER_PARAMS": [], "PROVIDER_DATA": null,
        "pingOffsets": [], "colorId": null,
    });
    let mut activity = activity.as_object().cloned().unwrap_or_default();
    describe(state, call, &mut activity);
    state.activities.insert(id, activity);
    call.happened("ONCRMACTIVITYADD".to_owned(), id);
    Ok(json!({"id": id}).into())
}

/// `crm.activity.todo.update` and its brothers for one field.
pub(super) fn update_todo(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, owner) = owner(state, call)?;
    call.must_write(state)?;
    let id = call.id();
    let found = state.activities.get(&id).filter(|activity| is_owned(activity, kind, owner)).cloned();
    let mut activity = found.ok_or_else(|| Refusal::happens(400, "NOT_FOUND", "Not found."))?;
    if activity["COMPLETED"] == "Y" {
        return Err(Refusal::happens(400, "CAN_NOT_UPDATE_COMPLETED_TODO", "Can not update completed todo"));
    }
    let at = match call.method {
        "crm.activity.todo.update" => Some("deadline"),
        "crm.activity.todo.updateDeadline" => Some("value"),
        _ => None,
    };
    if let Some(name) = at {
        let due = deadline(state, call, name)?;
        for field in ["DEADLINE", "START_TIME", "END_TIME"] {
            activity.insert(field.to_owned(), state.stamp(due));
        }
    }
    match call.method {
        "crm.activity.todo.update" => describe(state, call, &mut activity),
        "crm.activity.todo.updateDescription" => {
            activity.insert("DESCRIPTION".to_owned(), call.parameters.get("value").clone());
        }
        "crm.activity.todo.updateResponsibleUser" => responsible(state, call, "value", &mut activity),
        _ => {}
    }
    save(state, call, id, activity);
    Ok(json!({"id": id}).into())
}

pub(super) fn get(state: &mut State, call: &mut Call) -> Outcome {
    if !state.may_read(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let activity = state.activities.get(&call.id()).ok_or_else(not_found)?;
    Ok(Value::Object(shown(activity)).into())
}

/// `crm.activity.update`: the only way to complete a universal activity (`COMPLETED`).
pub(super) fn update(state: &mut State, call: &mut Call) -> Outcome {
    if !state.may_write(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let id = call.id();
    let mut activity = state.activities.get(&id).cloned().ok_or_else(not_found)?;
    for (name, value) in call.parameters.object("fields") {
        if !WRITABLE.contains(&name.as_str()) {
            call.violations.push(format!("field \"{name}\" is not changed here and ignored"));
            continue;
        }
        let value = if name.ends_with("_TIME") {
            let at = value.as_str().and_then(|text| instant(text, state.zone()));
            let (at, exact) = at.ok_or_else(|| Refusal::wrong(400, "", format!("The field {name} is not valid.")))?;
            if !exact {
                call.violations.push(without_offset(&name));
            }
            state.stamp(at)
        } else {
            value.as_i64().map_or(value, |number| number.to_string().into())
        };
        if name == "COMPLETED" {
            let done = value == "Y";
            activity.insert("STATUS".to_owned(), if done { "2" } else { "1" }.into());
        }
        activity.insert(name, value);
    }
    save(state, call, id, activity);
    Ok(json!(true).into())
}

pub(super) fn delete(state: &mut State, call: &mut Call) -> Outcome {
    if !state.may_write(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let id = call.id();
    state.activities.remove(&id).ok_or_else(not_found)?;
    call.happened("ONCRMACTIVITYDELETE".to_owned(), id);
    Ok(json!(true).into())
}

fn not_found() -> Refusal {
    Refusal::happens(400, "", "Activity is not found.")
}

fn save(state: &mut State, call: &mut Call, id: i64, mut activity: Item) {
    activity.insert("LAST_UPDATED".to_owned(), state.stamp(call.now));
    activity.insert("EDITOR_ID".to_owned(), call.caller.user.to_string().into());
    state.activities.insert(id, activity);
    call.happened("ONCRMACTIVITYUPDATE".to_owned(), id);
}

/// The record an activity belongs to.
fn owner(state: &State, call: &Call) -> Result<(Kind, i64), Refusal> {
    let id = call.parameters.number("ownerId").unwrap_or_default();
    let kind = Kind::by_id(call.parameters.number("ownerTypeId").unwrap_or_default());
    let lost = || Refusal::happens(400, "OWNER_NOT_FOUND", "Owner was not found");
    let kind = kind.filter(|kind| state.item(*kind, id).is_some()).ok_or_else(lost)?;
    Ok((kind, id))
}

fn deadline(state: &State, call: &mut Call, name: &str) -> Result<DateTime<Utc>, Refusal> {
    let text = call.parameters.text(name);
    let wrong = || Refusal::wrong(400, "WRONG_DATETIME_FORMAT", "Wrong datetime format");
    let (at, exact) = instant(text, state.zone()).ok_or_else(wrong)?;
    if !exact {
        call.violations.push(without_offset(name));
    }
    Ok(at)
}

/// What `add` and `update` may say besides the deadline.
fn describe(state: &State, call: &mut Call, activity: &mut Item) {
    for (name, field) in [("title", "SUBJECT"), ("description", "DESCRIPTION")] {
        if let Some(text) = call.parameters.get(name).as_str() {
            activity.insert(field.to_owned(), text.into());
        }
    }
    responsible(state, call, "responsibleId", activity);
    if call.parameters.get("pingOffsets").is_array() {
        activity.insert("pingOffsets".to_owned(), call.parameters.get("pingOffsets").clone());
    }
    match call.parameters.number("colorId") {
        None => {}
        Some(color @ 1..=7) => {
            activity.insert("colorId".to_owned(), color.into());
        }
        Some(other) => call.violations.push(format!("colorId {other} is none of 1 to 7")),
    }
}

fn responsible(state: &State, call: &mut Call, name: &str, activity: &mut Item) {
    match call.parameters.number(name) {
        None => {}
        Some(user) if state.users.contains_key(&user) => {
            activity.insert("RESPONSIBLE_ID".to_owned(), user.to_string().into());
        }
        Some(user) => call.violations.push(format!("{name}: user {user} doesn't exist")),
    }
}
