//! OAuth's device flow (RFC 8628) as core serves it: pending is a 428, success is in camel case, a refresh token dies by its use.

use std::sync::Arc;

use axum::{body::Bytes, extract::State as Extracted, http::HeaderMap, response::Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Erxes,
    http::Answer,
    state::{State, new_id},
};
use crate::wire;

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const CODE_LIVES: TimeDelta = TimeDelta::seconds(600);
const ACCESS_LIVES: TimeDelta = TimeDelta::hours(8);
/// Of a client with a secret, and of one without (erxes note, 2.4).
const REFRESH_LIVES: TimeDelta = TimeDelta::days(30);
const PUBLIC_REFRESH_LIVES: TimeDelta = TimeDelta::days(90);
/// A client is told to wait for five seconds; asked again sooner than this, a device code's answer is `slow_down`.
const INTERVAL: TimeDelta = TimeDelta::seconds(4);
/// As many codes are shown to one address within the period. All callers of a sandbox come from one.
const MOST_CODES: usize = 5;
const CODES_PERIOD: TimeDelta = TimeDelta::minutes(10);

/// An application that proved itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Client {
    id: String,
    has_secret: bool,
}

#[derive(Debug)]
struct Asked {
    device_code: String,
    user_code: String,
    client: Client,
    until: DateTime<Utc>,
    polled: Option<DateTime<Utc>>,
    approval: Option<Approval>,
}

/// What a person granted.
#[derive(Debug, Clone)]
struct Approval {
    user: String,
    scopes: Vec<String>,
}

/// A token that was granted.
#[derive(Debug)]
pub(super) struct Token {
    token: String,
    pub(super) user: String,
    /// What it is limited to; empty for no limit.
    pub(super) scopes: Vec<String>,
    client: Client,
    until: DateTime<Utc>,
}

/// What was asked for, and what was granted.
#[derive(Debug, Default)]
pub(super) struct Granted {
    asked: Vec<Asked>,
    /// When codes were asked for.
    shown: Vec<DateTime<Utc>>,
    access: Vec<Token>,
    refresh: Vec<Token>,
}

impl Granted {
    /// A live access token.
    pub(super) fn granted(&self, token: &str, now: DateTime<Utc>) -> Option<&Token> {
        self.access.iter().find(|one| one.token == token && one.until > now)
    }

    pub(super) fn expire(&mut self) {
        self.access.clear();
    }

    fn grant(&mut self, Approval { user, scopes }: Approval, client: &Client, now: DateTime<Utc>) -> Answer {
        let refresh_lives = if client.has_secret { REFRESH_LIVES } else { PUBLIC_REFRESH_LIVES };
        let token = |prefix: &str, lives: TimeDelta| {
            let (user, scopes, client) = (user.clone(), scopes.clone(), client.clone());
            Token { token: format!("{prefix}{}", new_id()), user, scopes, client, until: now + lives }
        };
        let (access, refresh) = (token("at_", ACCESS_LIVES), token("rt_", refresh_lives));
        let body = json!({"tokenType": "Bearer", "accessToken": access.token, "refreshToken": refresh.token,
                          "expiresIn": ACCESS_LIVES.num_seconds(), "user": {"_id": user}});
        self.access.push(access);
        self.refresh.push(refresh);
        (200, body)
    }
}

fn refused(status: u16, error: &str) -> Answer {
    (status, json!({"error": error, "error_description": error}))
}

impl State {
    pub(super) fn approve(&mut self, user_code: &str, user: &str, scopes: &[&str]) -> Result<(), String> {
        if !self.users.iter().any(|one| one.id == user) {
            return Err(format!("user {user} doesn't exist"));
        }
        let asked = self.oauth.asked.iter_mut().find(|asked| asked.user_code == user_code);
        let asked = asked.ok_or_else(|| format!("nobody shows the code {user_code}"))?;
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        asked.approval = Some(Approval { user: user.to_owned(), scopes });
        Ok(())
    }

    /// The client that proves itself; by the body, or by the header that newer versions read.
    fn client(&self, headers: &HeaderMap, body: &Value) -> Option<Client> {
        let header = headers.get("oauth_secret").and_then(|value| value.to_str().ok());
        let given = body["client_secret"].as_str().or(header);
        let client = self.oauth_clients.iter().find(|one| Some(one.client_id.as_str()) == body["client_id"].as_str())?;
        let has_secret = client.client_secret.is_some();
        let proven = !has_secret || client.client_secret.as_deref() == given;
        proven.then(|| Client { id: client.client_id.clone(), has_secret })
    }

    fn ask(&mut self, client: Client, now: DateTime<Utc>) -> Answer {
        let granted = &mut self.oauth;
        granted.shown.retain(|at| now - *at < CODES_PERIOD);
        if granted.shown.len() >= MOST_CODES {
            return refused(400, "invalid_request");
        }
        granted.shown.push(now);
        let user_code = new_id()[..8].to_uppercase();
        let device_code = format!("dc_{}", new_id());
        let shown = json!({"device_code": device_code, "user_code": user_code, "verification_uri": "http://erxes.invalid/device",
            "expires_in": CODE_LIVES.num_seconds(), "interval": 5});
        granted.asked.push(Asked { device_code, user_code, client, until: now + CODE_LIVES, polled: None, approval: None });
        (200, shown)
    }

    fn redeem(&mut self, client: &Client, code: &Value, now: DateTime<Utc>) -> Answer {
        let granted = &mut self.oauth;
        let found = granted.asked.iter().position(|one| Some(one.device_code.as_str()) == code.as_str() && one.client == *client);
        let Some(index) = found.filter(|index| granted.asked[*index].until > now) else { return refused(400, "expired_token") };
        let asked = &mut granted.asked[index];
        if asked.polled.replace(now).is_some_and(|last| now < last + INTERVAL) {
            return refused(400, "slow_down");
        }
        let Some(approval) = asked.approval.clone() else { return refused(428, "authorization_pending") };
        granted.asked.remove(index);
        granted.grant(approval, client, now)
    }

    fn refresh(&mut self, client: &Client, token: &Value, now: DateTime<Utc>) -> Answer {
        let granted = &mut self.oauth;
        let same = |one: &Token| Some(one.token.as_str()) == token.as_str() && one.client == *client && one.until > now;
        let Some(index) = granted.refresh.iter().position(same) else { return refused(401, "invalid_grant") };
        let old = granted.refresh.remove(index);
        granted.grant(Approval { user: old.user, scopes: old.scopes }, client, now)
    }
}

type Extract = Extracted<Arc<Erxes>>;

pub(super) async fn device_code(Extracted(erxes): Extract, headers: HeaderMap, body: Bytes) -> Response {
    erxes.oauth("oauth/device/code", headers, body, |state, client, _, now| state.ask(client, now)).await
}

pub(super) async fn token(Extracted(erxes): Extract, headers: HeaderMap, body: Bytes) -> Response {
    let work = |state: &mut State, client: Client, body: &Value, now| match body["grant_type"].as_str() {
        Some(DEVICE_CODE) => state.redeem(&client, &body["device_code"], now),
        Some("refresh_token") => state.refresh(&client, &body["refresh_token"], now),
        _ => refused(400, "unsupported_grant_type"),
    };
    erxes.oauth("oauth/token", headers, body, work).await
}

impl Erxes {
    async fn oauth(
        self: Arc<Self>,
        operation: &str,
        headers: HeaderMap,
        body: Bytes,
        work: fn(&mut State, Client, &Value, DateTime<Utc>) -> Answer,
    ) -> Response {
        let operation = operation.to_owned();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        // What is asked with and what is granted are secrets: the ledger holds neither.
        let shown = json!({"grant_type": body["grant_type"], "client_id": body["client_id"]});
        wire::answer(async move {
            let answer = |broken, _: &mut Vec<String>| {
                let mut state = self.state();
                match state.client(&headers, &body) {
                    _ if broken => refused(500, "server_error"),
                    Some(client) => work(&mut state, client, &body, self.world.now()),
                    None => refused(401, "invalid_client"),
                }
            };
            self.serve(operation, shown, answer).await
        })
        .await
    }
}
