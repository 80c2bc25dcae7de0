//! Having changes posted to us. Only an application may ask for that; for an inbound webhook a person makes an outgoing one in the
//! portal, with the same events.

use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::{
    batch::{Command, batch},
    call, wire,
};
use crate::{
    crm::{BY_HAND, CrmCall, HookSecret, meaning::Effect},
    vendor::Failure,
};

/// What is posted: changes and deletions of the records that could be ours. New ones never are.
pub(super) const EVENTS: &[&str] =
    &["ONCRMCONTACTUPDATE", "ONCRMCONTACTDELETE", "ONCRMDEALUPDATE", "ONCRMDEALDELETE", "ONCRMLEADUPDATE", "ONCRMLEADDELETE"];

/// Makes sure that every event is posted to `address`. Nobody but the portal's own posts tells the `application_token`, so it must be
/// known before.
pub(super) async fn ensure(crm: &CrmCall<'_>, address: &Url) -> Result<Vec<HookSecret>, Failure> {
    if !call::is_application(crm.account) {
        return Err(Failure::permanent(BY_HAND));
    }
    let token = crm.account.secrets.webhook_secret.as_ref().ok_or_else(|| Failure::permanent("application_token_missing"))?;
    let bound = Command::new("event.get", json!({})).alone(crm, Effect::Repeatable).await?;
    let missing: Vec<Command> =
        EVENTS.iter().filter(|event| !is_bound(&bound, event, address)).map(|event| bind(event, address)).collect();
    if !missing.is_empty() {
        batch(crm, &missing, false, Effect::Repeatable).await?.all(missing.len())?;
    }
    Ok(hooks(token))
}

fn hooks(token: &SecretString) -> Vec<HookSecret> {
    // They have no ids: an event and an address name one.
    let hook = |event: &&str| HookSecret { id: (*event).to_owned(), event: (*event).to_owned(), secret: token.clone() };
    EVENTS.iter().map(hook).collect()
}

fn is_bound(bound: &Value, event: &str, address: &Url) -> bool {
    wire::members(bound).into_iter().any(|handler| {
        let same_event = wire::field(handler, "event").is_some_and(|bound| bound.eq_ignore_ascii_case(event));
        let online = handler.get("offline").and_then(wire::number).unwrap_or_default() == 0;
        same_event && online && wire::field(handler, "handler").as_deref() == Some(address.as_str())
    })
}

fn bind(event: &str, address: &Url) -> Command {
    Command::new("event.bind", json!({"event": event, "handler": address.as_str()}))
}
