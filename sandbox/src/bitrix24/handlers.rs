//! `event.bind`, `event.get`, `event.unbind`: an application's handlers.

use serde_json::{Value, json};

use super::{
    answer::{Outcome, Refusal},
    methods::Call,
    state::{Handler, State},
};

/// The events that are played.
pub(super) const EVENTS: &[&str] = &[
    "ONCRMLEADADD",
    "ONCRMLEADUPDATE",
    "ONCRMLEADDELETE",
    "ONCRMDEALADD",
    "ONCRMDEALUPDATE",
    "ONCRMDEALDELETE",
    "ONCRMCONTACTADD",
    "ONCRMCONTACTUPDATE",
    "ONCRMCONTACTDELETE",
    "ONCRMACTIVITYADD",
    "ONCRMACTIVITYUPDATE",
    "ONCRMACTIVITYDELETE",
    "ONCRMTIMELINECOMMENTADD",
    "ONCRMTIMELINECOMMENTDELETE",
    "ONBOOKINGADD",
    "ONBOOKINGUPDATE",
    "ONBOOKINGDELETE",
];

/// What a call names.
fn named(call: &Call) -> Result<(String, String, i64), Refusal> {
    if call.parameters.text("event_type").eq_ignore_ascii_case("offline") {
        return Err(Refusal::wrong(400, "ERROR_CORE", "the stand-in does not play offline events"));
    }
    let event = call.parameters.text("event").to_uppercase();
    let auth_type = call.parameters.number("auth_type").unwrap_or_default();
    Ok((event, call.parameters.text("handler").to_owned(), auth_type))
}

pub(super) fn bind(state: &mut State, call: &mut Call) -> Outcome {
    let (event, url, auth_type) = named(call)?;
    if !EVENTS.contains(&event.as_str()) {
        return Err(Refusal::wrong(400, "ERROR_EVENT_NOT_FOUND", "Event not found"));
    }
    if !url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Err(Refusal::wrong(400, "ERROR_CORE", "Unable to set event handler: Wrong handler URL"));
    }
    if auth_type != 0 && auth_type != call.caller.user && !state.is_admin(call.caller.user) {
        return Err(Refusal::access_denied());
    }
    let bound = |handler: &Handler| {
        handler.app == call.caller.app && handler.event == event && handler.url == url && handler.auth_type == auth_type
    };
    if state.handlers.iter().any(bound) {
        return Err(Refusal::happens(400, "ERROR_CORE", "Unable to set event handler: Handler already binded"));
    }
    let (id, token) = (state.next_id("handler"), state.portal.application_token.clone());
    state.handlers.push(Handler { id, event, url, app: call.caller.app.clone(), auth_type, token });
    Ok(json!(true).into())
}

pub(super) fn list(state: &mut State, call: &mut Call) -> Outcome {
    let mine = state.handlers.iter().filter(|handler| handler.app == call.caller.app);
    let shown = mine.map(|handler| {
        json!({"event": handler.event, "handler": handler.url, "auth_type": handler.auth_type.to_string(), "offline": 0})
    });
    Ok(shown.collect::<Value>().into())
}

pub(super) fn unbind(state: &mut State, call: &mut Call) -> Outcome {
    let (event, url, auth_type) = named(call)?;
    if !state.is_admin(call.caller.user) {
        return Err(Refusal::access_denied());
    }
    let any = call.parameters.get("auth_type").is_null();
    let before = state.handlers.len();
    state.handlers.retain(|handler| {
        let meant = handler.event == event && handler.url == url && (any || handler.auth_type == auth_type);
        handler.app != call.caller.app || !meant
    });
    Ok(json!({"count": before - state.handlers.len()}).into())
}
