//! `crm.timeline.comment.*` and `crm.timeline.logmessage.add`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    form::number,
    methods::Call,
    state::{Kind, State},
};

/// The fields of a comment.
pub(super) const FIELDS: &[&str] = &["ID", "ENTITY_ID", "ENTITY_TYPE", "CREATED", "COMMENT", "AUTHOR_ID", "FILES"];

fn owner_lost() -> Refusal {
    Refusal::happens(400, "OWNER_NOT_FOUND", "Owner was not found")
}

fn required(fields: &Map<String, Value>, name: &str) -> Result<Value, Refusal> {
    let value = fields.get(name).filter(|value| !value.is_null()).cloned();
    value.ok_or_else(|| Refusal::wrong(400, "100", format!("Required fields: {name}")))
}

fn drop_unknown(call: &mut Call, fields: &Map<String, Value>, known: &[&str]) {
    let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
    call.violations.extend(unknown.map(|name| format!("field \"{name}\" is not known and ignored")));
}

pub(super) fn add(state: &mut State, call: &mut Call) -> Outcome {
    let fields = call.parameters.object("fields");
    drop_unknown(call, &fields, &["ENTITY_ID", "ENTITY_TYPE", "COMMENT", "AUTHOR_ID", "FILES"]);
    let id = number(&required(&fields, "ENTITY_ID")?).unwrap_or_default();
    let kind = required(&fields, "ENTITY_TYPE")?.as_str().and_then(Kind::by_name);
    let kind = kind.filter(|kind| state.item(*kind, id).is_some()).ok_or_else(owner_lost)?;
    call.must_write(state)?;
    let text = required(&fields, "COMMENT")?;
    let text = text.as_str().filter(|text| !text.trim().is_empty());
    let text = text.ok_or_else(|| Refusal::wrong(400, "INVALID_ARG_VALUE", "Empty comment"))?;
    let author = fields.get("AUTHOR_ID").and_then(number).filter(|user| state.users.contains_key(user));
    let files = files(state, call, fields.get("FILES"));
    let id_of_comment = state.next_id("comment");
    let comment = json!({
        "ID": id_of_comment.to_string(), "ENTITY_ID": id.to_string(), "ENTITY_TYPE": kind.name().to_lowercase(),
        "CREATED": state.stamp(call.now), "COMMENT": text, "AUTHOR_ID": author.unwrap_or(call.caller.user).to_string(),
        "FILES": files,
    });
    state.comments.insert(id_of_comment, comment.as_object().cloned().unwrap_or_default());
    call.happened("ONCRMTIMELINECOMMENTADD".to_owned(), id_of_comment);
    Ok(json!(id_of_comment).into())
}

/// `[[name, base64]]`; what is not of that shape is dropped.
fn files(state: &mut State, call: &mut Call, given: Option<&Value>) -> Value {
    let mut files = Map::new();
    for file in given.and_then(Value::as_array).into_iter().flatten() {
        let content = file[1].as_str().and_then(|content| STANDARD.decode(content).ok());
        let (Some(name), Some(content)) = (file[0].as_str(), content) else {
            call.violations.push("a file is [name, base64]".to_owned());
            continue;
        };
        let id = state.next_id("file");
        files.insert(id.to_string(), json!({"id": id, "name": name, "size": content.len(), "type": "file"}));
    }
    // PHP's empty array.
    if files.is_empty() { json!([]) } else { Value::Object(files) }
}

pub(super) fn get(state: &mut State, call: &mut Call) -> Outcome {
    call.must_read(state)?;
    let comment = state.comments.get(&call.id()).cloned();
    Ok(Value::Object(comment.ok_or_else(|| Refusal::happens(400, "NOT_FOUND", "Not found."))?).into())
}

pub(super) fn delete(state: &mut State, call: &mut Call) -> Outcome {
    call.must_write(state)?;
    let id = call.id();
    state.comments.remove(&id).ok_or_else(|| Refusal::happens(400, "NOT_FOUND", "Not found."))?;
    call.happened("ONCRMTIMELINECOMMENTDELETE".to_owned(), id);
    Ok(Value::Null.into())
}

pub(super) fn add_log_message(state: &mut State, call: &mut Call) -> Outcome {
    let fields = call.parameters.object("fields");
    drop_unknown(call, &fields, &["entityTypeId", "entityId", "title", "text", "iconCode"]);
    let id = number(&required(&fields, "entityId")?).unwrap_or_default();
    let kind = number(&required(&fields, "entityTypeId")?).and_then(Kind::by_id);
    let (title, text) = (required(&fields, "title")?, required(&fields, "text")?);
    let icon = required(&fields, "iconCode")?;
    let kind = kind.filter(|kind| state.item(*kind, id).is_some()).ok_or_else(owner_lost)?;
    call.must_write(state)?;
    let message_id = state.next_id("logmessage");
    let message = json!({
        "id": message_id, "created": state.stamp(call.now), "authorId": call.caller.user, "title": title, "text": text,
        "iconCode": icon,
    });
    let mut kept = message.as_object().cloned().unwrap_or_default();
    kept.extend([("entityTypeId".to_owned(), json!(kind.id())), ("entityId".to_owned(), json!(id))]);
    state.log_messages.insert(message_id, kept);
    Ok(json!({"logMessage": message}).into())
}
