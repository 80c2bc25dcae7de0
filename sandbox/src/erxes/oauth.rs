//! OAuth's device flow (RFC 8628) as core serves it: pending is a 428, success is in camel case, a refresh token dies by its use.

use std::sync::Arc;

use axum::{body::Bytes, extract::State as Extracted, http::HeaderMap, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Erxes,
    http::answer,
    state::{State, new_id},
};
use crate::ledger::Entry;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CODE_LIVES: i64 = 600;
const ACCESS_LIVES: TimeDelta = TimeDelta::hours(8);
const REFRESH_LIVES: TimeDelta = TimeDelta::days(30);
/// Asked again sooner than this, a device code's answer is `slow_down`.
const INTERVAL: TimeDelta = TimeDelta::seconds(4);

#[derive(Debug)]
struct Asked {
    device_code: String,
    user_code: String,
    client: String,
    until: DateTime<Utc>,
    polled: Option<DateTime<Utc>>,
    user: Option<String>,
}

#[derive(Debug)]
struct Token {
    token: String,
    user: String,
    client: String,
    until: DateTime<Utc>,
}

/// What was asked for, and what was granted.
#[derive(Debug, Default)]
pub(super) struct Granted {
    asked: Vec<Asked>,
    access: Vec<Token>,
    refresh: Vec<Token>,
}

impl Granted {
    /// Whose token it is.
    pub(super) fn user_of(&self, token: &str, now: DateTime<Utc>) -> Option<&str> {
        self.access.iter().find(|one| one.token == token && one.until > now).map(|one| one.user.as_str())
    }

    pub(super) fn expire(&mut self) {
        self.access.clear();
    }

    fn grant(&mut self, user: &str, client: &str, now: DateTime<Utc>) -> (u16, Value) {
        let mut issue = |list: fn(&mut Self) -> &mut Vec<Token>, prefix: &str, lives: TimeDelta| {
            let token = format!("{prefix}{}", new_id());
            let (user, client) = (user.to_owned(), client.to_owned());
            list(self).push(Token { token: token.clone(), user, client, until: now + lives });
            token
        };
        let access = issue(|granted| &mut granted.access, "at_", ACCESS_LIVES);
        let refresh = issue(|granted| &mut granted.refresh, "rt_", REFRESH_LIVES);
        let expires = ACCESS_LIVES.num_seconds();
        (
            200,
            json!({"tokenType": "Bearer", "accessToken": access, "refreshToken": refresh, "expiresIn": expires, "user": {"_id": user}}),
        )
    }
}

fn refused(status: u16, error: &str) -> (u16, Value) {
    (status, json!({"error": error, "error_description": error}))
}

impl State {
    pub(super) fn approve(&mut self, user_code: &str, user: &str) -> Result<(), String> {
        if !self.users.iter().any(|one| one.id == user) {
            return Err(format!("user {user} doesn't exist"));
        }
        let asked = self.oauth.asked.iter_mut().find(|asked| asked.user_code == user_code);
        let asked = asked.ok_or_else(|| format!("nobody shows the code {user_code}"))?;
        asked.user = Some(user.to_owned());
        Ok(())
    }

    /// The client that proves itself; by the body, or by the header that newer versions read.
    fn client(&self, headers: &HeaderMap, body: &Value) -> Option<String> {
        let header = headers.get("oauth_secret").and_then(|value| value.to_str().ok());
        let given = body["client_secret"].as_str().or(header);
        let client = self.oauth_clients.iter().find(|one| Some(one.client_id.as_str()) == body["client_id"].as_str())?;
        (client.client_secret.is_none() || client.client_secret.as_deref() == given).then(|| client.client_id.clone())
    }

    fn ask(&mut self, client: String, now: DateTime<Utc>) -> (u16, Value) {
        let user_code = new_id()[..8].to_uppercase();
        let device_code = format!("dc_{}", new_id());
        let until = now + TimeDelta::seconds(CODE_LIVES);
        let shown = json!({"device_code": device_code, "user_code": user_code, "verification_uri": "http://erxes.invalid/device",
            "expires_in": CODE_LIVES, "interval": 5});
        self.oauth.asked.push(Asked { device_code, user_code, client, until, polled: None, user: None });
        (200, shown)
    }

    fn redeem(&mut self, client: &str, code: &Value, now: DateTime<Utc>) -> (u16, Value) {
        let granted = &mut self.oauth;
        let found = granted.asked.iter().position(|one| Some(one.device_code.as_str()) == code.as_str() && one.client == client);
        let Some(index) = found.filter(|index| granted.asked[*index].until > now) else { return refused(400, "expired_token") };
        let asked = &mut granted.asked[index];
        if asked.polled.replace(now).is_some_and(|last| now < last + INTERVAL) {
            return refused(400, "slow_down");
        }
        let Some(user) = asked.user.clone() else { return refused(428, "authorization_pending") };
        granted.asked.remove(index);
        granted.grant(&user, client, now)
    }

    fn refresh(&mut self, client: &str, token: &Value, now: DateTime<Utc>) -> (u16, Value) {
        let granted = &mut self.oauth;
        let same = |one: &Token| Some(one.token.as_str()) == token.as_str() && one.client == client && one.until > now;
        let Some(index) = granted.refresh.iter().position(same) else { return refused(401, "invalid_grant") };
        let old = granted.refresh.remove(index);
        granted.grant(&old.user, client, now)
    }
}

pub(super) async fn device_code(Extracted(erxes): Extracted<Arc<Erxes>>, headers: HeaderMap, body: Bytes) -> Response {
    erxes.oauth("oauth/device/code", &headers, &body, |state, client, _, now| state.ask(client, now))
}

pub(super) async fn token(Extracted(erxes): Extracted<Arc<Erxes>>, headers: HeaderMap, body: Bytes) -> Response {
    erxes.oauth("oauth/token", &headers, &body, |state, client, body, now| match body["grant_type"].as_str() {
        Some(DEVICE_CODE) => state.redeem(&client, &body["device_code"], now),
        Some("refresh_token") => state.refresh(&client, &body["refresh_token"], now),
        _ => refused(400, "unsupported_grant_type"),
    })
}

impl Erxes {
    fn oauth(
        &self,
        operation: &str,
        headers: &HeaderMap,
        body: &[u8],
        work: impl FnOnce(&mut State, String, &Value, DateTime<Utc>) -> (u16, Value),
    ) -> Response {
        let now = self.world.now();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let (status, answered) = {
            let mut state = self.state();
            match state.client(headers, &body) {
                Some(client) => work(&mut state, client, &body, now),
                None => refused(401, "invalid_client"),
            }
        };
        // What is asked with and what is granted are secrets: the ledger holds neither.
        let request = json!({"grant_type": body["grant_type"], "client_id": body["client_id"]});
        self.world.ledger.record(Entry {
            at: now,
            vendor: "erxes",
            operation: operation.to_owned(),
            request,
            status,
            violations: Vec::new(),
            fault: None,
        });
        answer(status, &answered)
    }
}
