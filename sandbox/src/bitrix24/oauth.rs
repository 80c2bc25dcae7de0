//! The OAuth server: `/oauth/token/`. A refresh token works once: a second use, even a parallel one, is `invalid_grant`.

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    answer::Refusal,
    form::Parameters,
    seed::{ACCESS_LIFE, REFRESH_LIFE},
    state::{Grant, State, secret},
};

/// Renews an application's tokens. The statuses of the refusals are ours: the vendor's pages name only the codes.
pub(super) fn renew(state: &mut State, ask: &Parameters, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Value, Refusal> {
    if ask.text("grant_type") != "refresh_token" {
        return Err(Refusal::wrong(400, "invalid_request", "The stand-in plays grant_type=refresh_token alone"));
    }
    if let Some(lost) = ["client_id", "client_secret", "refresh_token"].into_iter().find(|name| ask.text(name).is_empty()) {
        return Err(Refusal::wrong(400, "invalid_request", format!("Invalid request: {lost} is missing")));
    }
    let app = state.app(ask.text("client_id")).filter(|app| app.client_secret == ask.text("client_secret"));
    let app = app.cloned().ok_or_else(|| Refusal::happens(400, "invalid_client", "Invalid client"))?;
    if app.payment_required {
        return Err(Refusal::of_status(402));
    }
    let token = ask.text("refresh_token").to_owned();
    let good = state.refresh_tokens.get(&token).is_some_and(|grant| grant.client_id == app.client_id && grant.until > now);
    if !good {
        return Err(Refusal::happens(400, "invalid_grant", "Invalid grant"));
    }
    state.refresh_tokens.remove(&token);
    state.renewals += 1;
    let (access, refresh) = (secret(), secret());
    let grant = |life| Grant { client_id: app.client_id.clone(), user: app.user, until: now + life };
    state.access_tokens.insert(access.clone(), grant(ACCESS_LIFE));
    state.refresh_tokens.insert(refresh.clone(), grant(REFRESH_LIFE));
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok(json!({
        "access_token": access,
        "refresh_token": refresh,
        "expires": (now + ACCESS_LIFE).timestamp(),
        "expires_in": ACCESS_LIFE.num_seconds(),
        "client_endpoint": format!("http://{host}/bitrix24/rest/"),
        "server_endpoint": "https://oauth.bitrix.info/rest/",
        "domain": "oauth.bitrix.info",
        "member_id": state.portal.member_id,
        "scope": app.scopes.join(","),
        "status": "L",
        "user_id": app.user,
    }))
}
