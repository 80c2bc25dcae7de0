//! Keeps an event type's webhook as it should be. cal.com makes webhooks by API per event type only, and lets salons switch them off.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use url::Url;

use super::{
    Repeat, call, error, outbound,
    wire::{self, Webhook},
};
use crate::{
    booking::{CalendarAccount, CalendarError},
    vendor::Http,
};

/// Creates the webhook that posts to `address`, or brings it up to date. Safe to repeat: an address has one webhook per event type.
pub(super) async fn ensure(http: &Http, account: &CalendarAccount, address: &Url, event_type: i64) -> Result<(), CalendarError> {
    let present = call::<Vec<Webhook>>(http, outbound::webhooks(account, event_type), Repeat::Safe).await?.data;
    let ours = present.iter().find(|webhook| webhook.subscriber_url.as_deref().is_some_and(|url| is_same(url, address)));
    match ours {
        Some(webhook) if is_right(webhook, account) => Ok(()),
        Some(webhook) => {
            let id = webhook.id.as_deref().filter(|id| outbound::is_uid(id)).ok_or_else(|| error::unreadable(Repeat::Safe))?;
            put(http, account, address, event_type, Some(id)).await
        }
        None => put(http, account, address, event_type, None).await,
    }
}

async fn put(
    http: &Http,
    account: &CalendarAccount,
    address: &Url,
    event_type: i64,
    id: Option<&str>,
) -> Result<(), CalendarError> {
    let reply = http
        .send(outbound::put_webhook(account, event_type, id, address))
        .await
        .map_err(|error| error::unanswered(error, Repeat::Safe))?;
    // 409: another process was quicker and made the same webhook.
    if reply.is_success() || (id.is_none() && reply.status == 409) { Ok(()) } else { Err(error::classify(&reply, Repeat::Safe)) }
}

fn is_same(url: &str, address: &Url) -> bool {
    Url::parse(url).is_ok_and(|url| url == *address)
}

/// cal.com shows the secret in clear; a build that hides it gets it set again.
fn is_right(webhook: &wire::Webhook, account: &CalendarAccount) -> bool {
    let triggers: BTreeSet<&str> = webhook.triggers.iter().flatten().map(String::as_str).collect();
    let secret = webhook.secret.as_ref().map(|secret| secret.expose_secret());
    webhook.active == Some(true)
        && triggers == outbound::TRIGGERS.iter().copied().collect()
        && secret == Some(account.secrets.webhook_secret.expose_secret())
}
