//! A person gives us access: OAuth's device flow (RFC 8628), and the renewal of what it yields. The routes are core's; the gateway hands
//! everything but `/graphql` on to core, so that they are under the account's address (`<base>/oauth/…`), like `<base>/graphql`.
//!
//! Access tokens live for eight hours, refresh tokens for 30 days with a client secret and 90 without, and a refresh token dies by its use
//! (erxes note, 2.4): the answer that was lost is the login that is lost, so a renewal without an answer is not repeated here.
//!
//! The client's secret goes into the body, as the note has it, and into the header `oauth_secret` as well, where newer versions read it.

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    access::endpoint,
    error,
    wire::{DeviceCode, Granted},
};
use crate::{
    crm::{CrmCall, Login, LoginPrompt, OAuth, Tokens, meaning::Effect},
    vendor::{Class, Failure, Request},
};

const SECRET: HeaderName = HeaderName::from_static("oauth_secret");
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// RFC 8628, 3.2: five seconds, unless the answer says otherwise.
const INTERVAL: u64 = 5;
/// RFC 8628, 3.5: five more after each `slow_down`. Nothing is remembered here, so that this is the interval from then on.
const SLOWER: u64 = 2 * INTERVAL;
/// No interval of theirs is longer than the ten minutes a device code lives.
const LONGEST_INTERVAL: u64 = 600;

pub(super) async fn begin(crm: &CrmCall<'_>) -> Result<LoginPrompt, Failure> {
    let asked: DeviceCode = post(crm, &["oauth", "device", "code"], Map::new(), Effect::Repeatable).await?;
    let address = asked.verification_uri.parse().map_err(|_| Failure::permanent("verification_uri"))?;
    let interval = asked.interval.unwrap_or(INTERVAL).clamp(1, LONGEST_INTERVAL);
    Ok(LoginPrompt { address, user_code: Some(asked.user_code), device_code: Some(asked.device_code), interval })
}

pub(super) async fn finish(crm: &CrmCall<'_>, device_code: &SecretString) -> Result<Login, Failure> {
    let mut body = Map::new();
    body.insert("grant_type".to_owned(), DEVICE_CODE.into());
    body.insert("device_code".to_owned(), device_code.expose_secret().into());
    match post::<Granted>(crm, &["oauth", "token"], body, Effect::Once).await {
        Ok(granted) => Ok(Login::Done(tokens(granted))),
        Err(failure) => match (failure.code.as_ref(), failure.class) {
            ("authorization_pending", _) => Ok(Login::Pending { interval: INTERVAL }),
            ("slow_down", Class::Retry { after }) => {
                Ok(Login::Pending { interval: after.map_or(SLOWER, |after| after.as_secs()).clamp(SLOWER, LONGEST_INTERVAL) })
            }
            _ => Err(failure),
        },
    }
}

pub(super) async fn renew(crm: &CrmCall<'_>) -> Result<Tokens, Failure> {
    let refresh = client(crm)?.refresh_token.as_ref().ok_or_else(no_login)?;
    let mut body = Map::new();
    body.insert("grant_type".to_owned(), "refresh_token".into());
    body.insert("refresh_token".to_owned(), refresh.expose_secret().into());
    post(crm, &["oauth", "token"], body, Effect::Once).await.map(tokens)
}

fn tokens(granted: Granted) -> Tokens {
    Tokens { access: granted.access_token, refresh: granted.refresh_token }
}

fn client<'a>(crm: &'a CrmCall<'_>) -> Result<&'a OAuth, Failure> {
    crm.account.secrets.oauth.as_ref().ok_or_else(no_login)
}

fn no_login() -> Failure {
    Failure::new(Class::Credential, "no_credential")
}

async fn post<T: DeserializeOwned>(
    crm: &CrmCall<'_>,
    path: &[&str],
    mut body: Map<String, Value>,
    effect: Effect,
) -> Result<T, Failure> {
    let client = client(crm)?;
    body.insert("client_id".to_owned(), json!(client.client_id));
    if let Some(secret) = &client.client_secret {
        body.insert("client_secret".to_owned(), secret.expose_secret().into());
    }
    let mut request = Request::post_json(endpoint(crm.account, path)?, &body, crm.patience);
    if let Some(secret) = &client.client_secret {
        request = request.secret_header(SECRET, secret.expose_secret());
    }
    let reply = crm.send(request).await.map_err(|unsent| effect.unanswered(unsent))?;
    if !reply.is_success() {
        return Err(error::classify_oauth(&reply, effect));
    }
    reply.json().ok_or_else(|| effect.unreadable().quoting(&reply))
}
