//! Registering webhooks. Each event is a webhook of its own, with an id and a secret that EspoCRM makes up.

use secrecy::SecretString;
use url::Url;

use super::{
    api,
    error::NOT_FOUND,
    wire::{Body, Record},
};
use crate::{
    crm::{CrmCall, HookSecret, meaning::Effect},
    vendor::Failure,
};

/// What is listened to. Not to what is made there: nothing of ours is in it.
pub(super) const EVENTS: [&str; 5] = ["Contact.update", "Contact.delete", "Meeting.update", "Meeting.delete", "Lead.update"];

/// One of ours that is still there is kept; one of ours whose secret nobody has, because an answer was lost or the address changed, is
/// removed first. EspoCRM lists a user's own webhooks only, and takes fifty of them.
pub(super) async fn ensure(call: &CrmCall<'_>, address: &Url) -> Result<Vec<HookSecret>, Failure> {
    let query = [("maxSize".to_owned(), "200".to_owned()), ("offset".to_owned(), "0".to_owned())];
    let there = api::list(call, &["Webhook"], &query).await?;
    let mut kept: Vec<HookSecret> = Vec::new();
    for hook in &there {
        let (Some(id), Some(event)) = (hook.id(), hook.text("event")) else { continue };
        let known = call.account.secrets.hooks.iter().find(|known| known.id == id);
        let here = hook.text("url") == Some(address.as_str());
        let wanted = here && EVENTS.contains(&event) && !hook.is_false("isActive");
        match known {
            Some(known) if wanted && kept.iter().all(|other| other.event != event) => {
                kept.push(HookSecret { event: event.to_owned(), ..known.clone() });
            }
            // Somebody else's are not touched.
            None if !here => {}
            _ => remove(call, id).await?,
        }
    }
    let mut hooks = Vec::with_capacity(EVENTS.len());
    for event in EVENTS {
        match kept.iter().find(|hook| hook.event == event) {
            Some(hook) => hooks.push(hook.clone()),
            None => hooks.push(register(call, address, event).await?),
        }
    }
    Ok(hooks)
}

async fn remove(call: &CrmCall<'_>, id: &str) -> Result<(), Failure> {
    match api::send(call, api::Ask::delete(&["Webhook", id])).await {
        Err(failure) if failure.code != NOT_FOUND => Err(failure),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Repeatable: one whose answer is lost is removed by the next attempt.
async fn register(call: &CrmCall<'_>, address: &Url, event: &str) -> Result<HookSecret, Failure> {
    let mut body = Body::default();
    body.set("event", event);
    body.set("url", address.as_str());
    // What this key writes comes back to nobody (since 9.2; dropped without a word before).
    body.set("skipOwn", true);
    let (id, made): (String, Record) = api::create(call, "Webhook", &body, Effect::Repeatable).await?;
    let secret: SecretString = made.text("secretKey").ok_or_else(|| Failure::permanent("no_webhook_secret"))?.into();
    Ok(HookSecret { id, event: event.to_owned(), secret })
}
