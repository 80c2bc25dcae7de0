//! Webhooks in: a form with bracket keys. The proof is a secret that stands in the form itself and covers none of it (Bitrix24 note,
//! 3.4), so a post is never more than a hint to read.

use secrecy::ExposeSecret;
use url::form_urlencoded;

use crate::{
    channel::{SignatureInvalid, Unparsable},
    crm::{CrmSecrets, Entity, Hint},
    crypto::same,
};

use super::{enquiries, items::Kind};

/// A vendor's name for an event is as long as it likes.
const NAME_CHARS: usize = 64;

/// The value of a key that must come once.
fn once(body: &[u8], key: &str) -> Option<String> {
    let mut values = form_urlencoded::parse(body).filter(|(name, _)| name == key);
    let value = values.next()?.1.into_owned();
    values.next().is_none().then_some(value).filter(|value| !value.is_empty())
}

/// The token must be the account's own, and the portal too where the account says which it is.
pub(super) fn verify(body: &[u8], secrets: &CrmSecrets) -> Result<(), SignatureInvalid> {
    let expected = secrets.webhook_secret.as_ref().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty());
    let given = once(body, "auth[application_token]");
    let (Some(expected), Some(given)) = (expected, given) else { return Err(SignatureInvalid) };
    let portal = secrets
        .member_id
        .as_ref()
        .is_none_or(|member| once(body, "auth[member_id]").is_some_and(|given| same(given.as_bytes(), member.as_bytes())));
    // Both are compared whatever the first says.
    if same(given.as_bytes(), expected.as_bytes()) & portal { Ok(()) } else { Err(SignatureInvalid) }
}

/// One post is one event about one record. A deal is a visit, or in the simple mode an enquiry: a post doesn't say, so it is a hint about
/// either, and what isn't linked concerns nobody.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Hint>, Unparsable> {
    let event = once(body, "event").ok_or_else(|| Unparsable("expected a form with one `event`".to_owned()))?.to_uppercase();
    let id = once(body, "data[FIELDS][ID]").filter(|id| id.parse::<u64>().is_ok());
    let what: String = event.chars().take(NAME_CHARS).collect();
    // The time is in whole seconds: two changes within one are one event, and one read sees both. Who is changed again after that read
    // is posted with a later second, or is found by asking for changes.
    let ts = once(body, "ts").unwrap_or_default();
    let ts: String = ts.chars().take(NAME_CHARS).collect();
    let hint = |about: Option<(Entity, String)>| {
        let entity = about.as_ref().map_or("none", |(entity, _)| entity.as_str());
        let vendor_event_id = format!("{what}:{}:{ts}:{entity}", id.as_deref().unwrap_or_default());
        Hint { vendor_event_id, about, what: what.clone() }
    };
    let Some(id) = &id else { return Ok(vec![hint(None)]) };
    let enquiry = |kind| Some((Entity::Enquiry, enquiries::record(kind, id)));
    Ok(match event.as_str() {
        "ONCRMCONTACTUPDATE" | "ONCRMCONTACTDELETE" => vec![hint(Some((Entity::Client, id.clone())))],
        "ONCRMLEADUPDATE" | "ONCRMLEADDELETE" => vec![hint(enquiry(Kind::Lead))],
        "ONCRMDEALUPDATE" | "ONCRMDEALDELETE" => {
            vec![hint(Some((Entity::Booking, id.clone()))), hint(enquiry(Kind::Deal))]
        }
        _ => vec![hint(None)],
    })
}
