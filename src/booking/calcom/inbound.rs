//! cal.com's webhooks: their signature and what they hint at. A webhook arrives before the change it tells of is written, may lack
//! our metadata (on cancel and confirm), may come twice or never; so it only ever causes a read.

use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::wire::{Flat, Hook, HookBody, Wrapped};
use crate::{
    booking::{CalendarHint, CalendarSecrets},
    channel::{SignatureInvalid, Unparsable},
};

/// Lower-case hex of HMAC-SHA256 over the exact bytes, without a prefix. A webhook without a secret says `no-secret-provided`, and a
/// scheduled one whose row is gone has no such header: both are refused.
const SIGNATURE: &str = "x-cal-signature-256";

/// Checks the signature in constant time.
pub(super) fn verify(headers: &HeaderMap, body: &[u8], secrets: &CalendarSecrets) -> Result<(), SignatureInvalid> {
    let mut given = headers.get_all(SIGNATURE).iter();
    let (Some(signature), None) = (given.next(), given.next()) else {
        return Err(SignatureInvalid);
    };
    let secret = secrets.webhook_secret.expose_secret();
    // Anyone can sign with an empty secret.
    if secret.is_empty() {
        return Err(SignatureInvalid);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| SignatureInvalid)?;
    mac.update(body);
    let expected = hex::encode(mac.finalize().into_bytes());
    // Slices of unequal length are unequal.
    if bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) { Ok(()) } else { Err(SignatureInvalid) }
}

/// Reads a webhook of either form; a trigger we don't know is a hint like any other.
pub(super) fn parse(body: &[u8]) -> Result<CalendarHint, Unparsable> {
    let hook = serde_json::from_slice(body).map_err(|_| Unparsable("expected a JSON object with a triggerEvent".to_owned()))?;
    let (trigger, facts) = match hook {
        Hook::Wrapped(Wrapped { trigger_event, payload }) => (trigger_event, payload),
        Hook::Flat(Flat { trigger_event, body }) => (trigger_event, body),
    };
    if trigger.is_empty() || trigger.contains('\0') {
        return Err(Unparsable("expected a name in triggerEvent".to_owned()));
    }
    let vendor_event_id = event_id(&trigger, &facts, body);
    Ok(CalendarHint { vendor_event_id, trigger, uid: facts.uid.or(facts.booking_uid), previous_uid: facts.reschedule_uid })
}

/// What makes a repeated delivery one event: there is no delivery id, so it is (trigger, uid, start, status). `createdAt` is the
/// moment of sending, which differs between two webhook rows that match the same event, so it is not part of it.
///
/// Events without these (absence marked and unmarked, time off, forms) are told apart by their bytes: two of them may differ in
/// nothing but `createdAt`. Hashed, because the uid is a capability and event ids appear in logs.
fn event_id(trigger: &str, facts: &HookBody, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    match (&facts.uid, &facts.start_time, &facts.status) {
        (Some(uid), Some(start), Some(status)) => {
            for part in [trigger, uid, &moment(start), status] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        _ => hash.update(body),
    }
    hex::encode(hash.finalize())
}

/// Times are written in three ways (`Z`, `.000Z`, `+00:00`), depending on the code path that sends them.
fn moment(text: &str) -> String {
    DateTime::parse_from_rfc3339(text)
        .map_or_else(|_| text.to_owned(), |time| time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Millis, true))
}
