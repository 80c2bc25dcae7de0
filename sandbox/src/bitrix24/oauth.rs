//! The OAuth server: `/oauth/token/`. A refresh token works once: a second use, even a parallel one, is `invalid_grant`.

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    answer::Refusal,
    form::Parameters,
    seed::{ACCESS_LIFE, App, CODE_LIFE, REFRESH_LIFE},
    state::{Grant, State, secret},
};

/// Gives an application its tokens, for a code or for a refresh token. The statuses of the refusals are ours: the vendor's pages name
/// only the codes.
pub(super) fn grant(state: &mut State, ask: &Parameters, headers: &HeaderMap, now: DateTime<Utc>) -> Result<Value, Refusal> {
    let proof = match ask.text("grant_type") {
        "refresh_token" => "refresh_token",
        "authorization_code" => "code",
        _ => return Err(Refusal::wrong(400, "invalid_request", "Invalid request: grant_type")),
    };
    if let Some(lost) = ["client_id", "client_secret", proof].into_iter().find(|name| ask.text(name).is_empty()) {
        return Err(Refusal::wrong(400, "invalid_request", format!("Invalid request: {lost} is missing")));
    }
    let app = state.app(ask.text("client_id")).filter(|app| app.client_secret == ask.text("client_secret"));
    let app = app.cloned().ok_or_else(|| Refusal::happens(400, "invalid_client", "Invalid client"))?;
    if app.payment_required {
        return Err(Refusal::of_status(402));
    }
    // Neither a code nor a refresh token works twice.
    let grants = if proof == "code" { &mut state.codes } else { &mut state.refresh_tokens };
    let grant = match grants.get(ask.text(proof)) {
        Some(grant) if grant.client_id == app.client_id && grant.until > now => grants.remove(ask.text(proof)),
        _ => None,
    };
    let user = grant.ok_or_else(|| Refusal::happens(400, "invalid_grant", "Invalid grant"))?.user;
    state.renewals += u64::from(proof == "refresh_token");
    let host = headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
    Ok(issue(state, &app, user, host, now))
}

/// New tokens of an application for a user.
fn issue(state: &mut State, app: &App, user: i64, host: &str, now: DateTime<Utc>) -> Value {
    let (access, refresh) = (secret(), secret());
    let granted = |life| Grant { client_id: app.client_id.clone(), user, until: now + life };
    state.access_tokens.insert(access.clone(), granted(ACCESS_LIFE));
    state.refresh_tokens.insert(refresh.clone(), granted(REFRESH_LIFE));
    json!({
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
        "user_id": user,
    })
}

/// A person lets an application in on the portal's own page; the code goes back with the browser.
pub(super) fn authorize(state: &mut State, client_id: &str, user: i64, now: DateTime<Utc>) -> Result<String, String> {
    state.app(client_id).ok_or_else(|| format!("application {client_id} doesn't exist"))?;
    let code = secret();
    let grant = Grant { client_id: client_id.to_owned(), user, until: now + CODE_LIFE };
    state.codes.insert(code.clone(), grant);
    Ok(code)
}
