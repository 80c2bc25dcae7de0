//! Who calls: an inbound webhook's code in the path, or an application's token.

use axum::http::{HeaderMap, header};
use chrono::{DateTime, Utc};

use super::{
    answer::Refusal,
    form::Parameters,
    spec::Method,
    state::{Grant, State},
};

/// Where a call goes.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// User and code of an inbound webhook.
    pub(super) webhook: Option<(String, String)>,
    pub(super) method: String,
}

impl Target {
    /// The path below `/rest/`.
    pub(super) fn parse(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let bare = |method: &str| method.strip_suffix(".json").unwrap_or(method).to_owned();
        match parts.as_slice() {
            [method] => Self { webhook: None, method: bare(method) },
            [user, code, method] => Self { webhook: Some(((*user).to_owned(), (*code).to_owned())), method: bare(method) },
            // A code may be among the parts: it must not become an operation's name.
            _ => Self { webhook: None, method: "unknown".to_owned() },
        }
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) user: i64,
    /// The application, when it is one.
    pub(super) app: Option<String>,
    pub(super) scopes: Vec<String>,
    /// What operating time is counted by, and how the ledger calls it.
    pub(super) label: String,
}

/// The token of an application's call.
pub(super) fn token<'a>(headers: &'a HeaderMap, parameters: &'a Parameters) -> Option<&'a str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    parameters.get("auth").as_str().or(bearer).filter(|token| !token.is_empty())
}

/// Finds who calls.
pub(super) fn authenticate(
    state: &State,
    webhook: Option<&(String, String)>,
    token: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Caller, Refusal> {
    if let Some((user, code)) = webhook {
        return by_webhook(state, user, code, now);
    }
    let missing = || Refusal::wrong(401, "NO_AUTH_FOUND", "Wrong authorization data");
    let token = token.ok_or_else(missing)?;
    let Grant { client_id, user, until } = state.access_tokens.get(token).ok_or_else(missing)?;
    if *until <= now {
        return Err(Refusal::of_status(401));
    }
    let app = state.app(client_id).ok_or_else(missing)?;
    if !app.allowed {
        return Err(Refusal::happens(403, "user_access_error", "The user does not have access to the application."));
    }
    let label = format!("app {client_id}");
    Ok(Caller { user: *user, app: Some(client_id.clone()), scopes: app.scopes.clone(), label })
}

fn by_webhook(state: &State, user: &str, code: &str, now: DateTime<Utc>) -> Result<Caller, Refusal> {
    let index = state.webhooks.iter().position(|webhook| {
        let live = webhook.expires.is_none_or(|end| end > now);
        live && webhook.code == code && webhook.user.to_string() == user
    });
    let refused = || Refusal::happens(403, "INVALID_CREDENTIALS", "Invalid request credentials");
    let webhook = index.and_then(|index| state.webhooks.get(index)).ok_or_else(refused)?;
    let active = state.users.get(&webhook.user).is_some_and(|user| user.active);
    let label = format!("webhook {} of user {}", index.unwrap_or_default(), webhook.user);
    if active { Ok(Caller { user: webhook.user, app: None, scopes: webhook.scopes.clone(), label }) } else { Err(refused()) }
}

/// Whether the portal answers anybody at all.
pub(super) fn check_portal(state: &State) -> Result<(), Refusal> {
    if state.portal.deleted {
        return Err(Refusal::happens(403, "PORTAL_DELETED", "Portal was deleted"));
    }
    if state.portal.overloaded {
        return Err(Refusal::happens(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload."));
    }
    if state.portal.paid { Ok(()) } else { Err(Refusal::of_status(403)) }
}

/// Whether the caller may call the method.
pub(super) fn check_scope(caller: &Caller, method: &Method) -> Result<(), Refusal> {
    let has = |any: &Vec<String>| any.iter().any(|scope| caller.scopes.contains(scope));
    if !method.scopes.iter().all(has) {
        let by = if caller.app.is_some() { "access token" } else { "webhook token" };
        let text = format!("The request requires higher privileges than provided by the {by}");
        return Err(Refusal::happens(403, "insufficient_scope", text));
    }
    if method.application && caller.app.is_none() {
        // The vendor answers 400 here, as it does for most access errors of methods.
        return Err(Refusal::wrong(400, "ACCESS_DENIED", "Access denied! Application context required"));
    }
    Ok(())
}
