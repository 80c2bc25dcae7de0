//! Webhooks in: which of ours it is stands in the signature; the body has neither the event nor a time (EspoCRM note, 2.7).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::fields::scope;
use crate::{
    channel::{SignatureInvalid, Unparsable},
    crm::{CrmSecrets, Entity, Hint, HookSecret},
    crypto::{hmac_sha256, same, sha256},
};

/// `base64(id ":" hex(hmac))`.
const SIGNATURE: &str = "signature";
/// `base64(id ":" hmac)`, until EspoCRM 11.
const OLD_SIGNATURE: &str = "x-signature";

/// A webhook's id, and what it shows to be of EspoCRM.
struct Proof {
    id: Vec<u8>,
    mac: Vec<u8>,
    in_hexadecimal: bool,
}

/// The new form counts if it is there; a header that comes twice is none.
fn proof(headers: &HeaderMap) -> Option<Proof> {
    let in_hexadecimal = headers.contains_key(SIGNATURE);
    let mut given = headers.get_all(if in_hexadecimal { SIGNATURE } else { OLD_SIGNATURE }).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return None };
    let decoded = STANDARD.decode(value.as_bytes()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    Some(Proof { id: decoded[..colon].to_vec(), mac: decoded[colon + 1..].to_vec(), in_hexadecimal })
}

fn hook<'a>(proof: &Proof, secrets: &'a CrmSecrets) -> Option<&'a HookSecret> {
    secrets.hooks.iter().find(|hook| hook.id.as_bytes() == proof.id)
}

pub(super) fn verify(headers: &HeaderMap, body: &[u8], secrets: &CrmSecrets) -> Result<(), SignatureInvalid> {
    let proof = proof(headers).ok_or(SignatureInvalid)?;
    let hook = hook(&proof, secrets).ok_or(SignatureInvalid)?;
    let mac = hmac_sha256(hook.secret.expose_secret().as_bytes(), body);
    let proven = match proof.in_hexadecimal {
        true => same(&proof.mac, hex::encode(mac).as_bytes()),
        false => same(&proof.mac, &mac),
    };
    if proven { Ok(()) } else { Err(SignatureInvalid) }
}

/// EspoCRM posts up to 50 events at once.
const MOST: usize = 50;

/// One hint for each element. A batch that is sent again is known by what is in it; so is a second change to the very same values, which
/// is found by asking for changes if it is missed here.
pub(super) fn parse(headers: &HeaderMap, body: &[u8], secrets: &CrmSecrets) -> Result<Vec<Hint>, Unparsable> {
    // Not taken apart before they are counted: a value for each of a million elements would take a gigabyte.
    let elements: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|_| Unparsable("expected a JSON array with one object for each event (EspoCRM webhooks)".to_owned()))?;
    if elements.len() > MOST {
        return Err(Unparsable(format!("expected at most {MOST} events at once (EspoCRM webhooks)")));
    }
    let hook = proof(headers).and_then(|proof| hook(&proof, secrets));
    Ok(elements.iter().map(|element| hint(hook, element.get())).collect())
}

/// Longer elements are not made values of: a megabyte of brackets would take a hundred. They are known by their bytes.
const READABLE: usize = 64 * 1024;

/// What we need of an element.
#[derive(Deserialize)]
struct Element {
    id: Option<String>,
}

fn hint(hook: Option<&HookSecret>, element: &str) -> Hint {
    let (id, event) = hook.map_or(("", "unknown"), |hook| (hook.id.as_str(), hook.event.as_str()));
    let kind = event.split('.').next().unwrap_or_default();
    let entity = Entity::ALL.into_iter().find(|entity| scope(*entity) == kind);
    let record = serde_json::from_str(element).ok().and_then(|Element { id }| id).filter(|record| !record.is_empty());
    let same = match element.len() {
        // However it is spelt.
        ..=READABLE => serde_json::from_str::<Value>(element).map_or_else(|_| element.to_owned(), |value| value.to_string()),
        _ => element.to_owned(),
    };
    Hint {
        vendor_event_id: hex::encode(sha256(format!("{id}:{same}").as_bytes())),
        about: entity.zip(record),
        what: event.to_owned(),
    }
}
