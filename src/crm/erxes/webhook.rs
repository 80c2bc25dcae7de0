//! The "Outgoing webhook" action of an automation (erxes note, 4.1). erxes signs no body: the body is what an administrator typed, and its
//! `jwt` option signs fixed claims with a shared secret. So the proof is of the sender and not of the words, which are a hint at most:
//!
//! - `{"type":"customer","customerId":"{{ trigger._id }}"}`: this customer was changed;
//! - `{"type":"campaign","campaignId":"spring","customerId":"{{ trigger._id }}"}`: this customer is in a campaign.
//!
//! A placeholder that erxes could not fill in stays as it is typed; such a body is refused.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use http::{HeaderMap, header};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    channel::{SignatureInvalid, Unparsable},
    crm::{CrmSecrets, Entity, Hint},
    crypto::{hmac_sha256, same, sha256},
};

/// Whom the token must be for.
pub(super) const AUDIENCE: &str = "salon-core";
/// The longest a token may live, in seconds: it proves no body, so that one that leaks is soon worth nothing.
const LONGEST_LIFE: i64 = 300;
/// Names of kinds that are not ours, and ids, are no longer than this.
const LONGEST: usize = 64;

#[derive(Deserialize)]
struct Head {
    alg: String,
    /// Extensions that a reader must understand (RFC 7515, 4.1.11). We understand none.
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    nbf: Option<f64>,
    aud: Value,
}

/// `Authorization: Bearer <JWT>`, HS256 and nothing else, once.
pub(super) fn verify(headers: &HeaderMap, secrets: &CrmSecrets, now: DateTime<Utc>) -> Result<(), SignatureInvalid> {
    let secret = secrets.webhook_secret.as_ref().map(|secret| secret.expose_secret().as_bytes()).unwrap_or_default();
    // Anyone can sign with an empty secret.
    if secret.is_empty() { Err(SignatureInvalid) } else { check(token(headers)?, secret, now) }
}

fn token(headers: &HeaderMap) -> Result<&str, SignatureInvalid> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(SignatureInvalid) };
    let value = value.to_str().map_err(|_| SignatureInvalid)?;
    let (scheme, token) = value.split_once(' ').ok_or(SignatureInvalid)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(SignatureInvalid) }
}

fn check(token: &str, secret: &[u8], now: DateTime<Utc>) -> Result<(), SignatureInvalid> {
    let (signed, signature) = token.rsplit_once('.').ok_or(SignatureInvalid)?;
    let (head, claims) = signed.split_once('.').ok_or(SignatureInvalid)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| SignatureInvalid)?;
    if !same(&hmac_sha256(secret, signed.as_bytes()), &signature) {
        return Err(SignatureInvalid);
    }
    let (head, claims): (Head, Claims) = (decoded(head)?, decoded(claims)?);
    let now = now.timestamp() as f64;
    let for_us = match &claims.aud {
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(AUDIENCE)),
        one => one.as_str() == Some(AUDIENCE),
    };
    let timely = claims.exp > now && claims.exp <= now + LONGEST_LIFE as f64 && claims.nbf.is_none_or(|from| from <= now);
    if head.alg == "HS256" && head.crit.is_none() && for_us && timely { Ok(()) } else { Err(SignatureInvalid) }
}

fn decoded<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, SignatureInvalid> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| SignatureInvalid)?;
    serde_json::from_slice(&bytes).map_err(|_| SignatureInvalid)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    customer_id: Option<String>,
    campaign_id: Option<String>,
}

pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Hint>, Unparsable> {
    let text = std::str::from_utf8(body).map_err(|_| Unparsable("expected UTF-8".to_owned()))?;
    if text.contains("{{") {
        return Err(Unparsable("a placeholder is not filled in".to_owned()));
    }
    let body: Body = serde_json::from_str(text).map_err(|_| Unparsable("expected a JSON object with a type".to_owned()))?;
    let hint = match body.kind.as_str() {
        "customer" => {
            let customer = id(body.customer_id, "customerId")?;
            // Nothing tells two changes of one customer apart but the token, which is signed anew for each.
            let proof = headers.get(header::AUTHORIZATION).map(header::HeaderValue::as_bytes).unwrap_or_default();
            Hint { vendor_event_id: event(&[proof, text.as_bytes()]), about: Some((Entity::Client, customer)), what: body.kind }
        }
        "campaign" => {
            let (campaign, customer) = (id(body.campaign_id, "campaignId")?, id(body.customer_id, "customerId")?);
            let vendor_event_id = event(&[b"campaign", campaign.as_bytes(), customer.as_bytes()]);
            Hint { vendor_event_id, about: None, what: body.kind }
        }
        _ => Hint { vendor_event_id: event(&[text.as_bytes()]), about: None, what: body.kind.chars().take(LONGEST).collect() },
    };
    if hint.what.is_empty() || hint.what.contains('\0') { Err(Unparsable("expected a type".to_owned())) } else { Ok(vec![hint]) }
}

fn id(given: Option<String>, name: &str) -> Result<String, Unparsable> {
    let fits = |id: &String| (1..=LONGEST).contains(&id.len()) && !id.chars().any(char::is_control);
    given.filter(fits).ok_or_else(|| Unparsable(format!("expected an id in {name}")))
}

/// Hashed, because event ids appear in logs. Each part with its length, so that no two lists of parts are one text.
fn event(parts: &[&[u8]]) -> String {
    let all: Vec<u8> = parts.iter().flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part].concat()).collect();
    hex::encode(sha256(&all))
}
