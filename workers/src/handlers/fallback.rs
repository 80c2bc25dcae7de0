//! A message that its channel could not deliver goes to the client's next channel. Only what the client did not ask for in this very chat:
//! a reminder, a notice. It says what the first one said, and whether that is still so is asked again when it is sent
//! (`send_message.rs`), so that a late first delivery never stands beside another that says something else.

use salon_core::{
    dialogue::Screen,
    message::{Hop, NewOutgoing, Outgoing, Way},
    store::Tx,
    tenant::channel_account,
};

use super::{turn::sealer, wording};
use crate::{ctx::Ctx, queue::JobError};

/// True if a message of this kind is worth another channel.
pub(super) fn is_worth_it(message: &Outgoing) -> bool {
    matches!(message.kind.as_str(), "reminder" | "notice")
}

/// Writes the message for the next channel. False if there is none: the client has no further chat, or none that takes such a message now.
pub(super) async fn next(ctx: &Ctx, tx: &mut Tx, message: &Outgoing) -> Result<bool, JobError> {
    if !is_worth_it(message) {
        return Ok(false);
    }
    let tried = tx.tried(message).await?;
    let screen: Screen =
        serde_json::from_value(message.content.clone()).map_err(|error| JobError::unreadable("stored screen", &error))?;
    for way in tx.ways_to(message.client_id).await? {
        if tried.contains(&way.channel_account_id) || !takes(ctx, tx, &way, &screen).await? {
            continue;
        }
        let Some(contact) = tx.contact(way.conversation_id).await? else { continue };
        let kind = if message.kind == "reminder" { "reminder" } else { "notice" };
        let new = NewOutgoing {
            screen: &screen,
            kind,
            booking: message.booking_id.zip(message.booking_version),
            reminder: message.reminder_id,
            expires_at: message.expires_at,
            hop: Some(Hop { of: message.hop_of.unwrap_or(message.id), number: message.hop + 1 }),
        };
        tx.say(&contact, new).await?;
        metrics::counter!("salon_fallbacks_total").increment(1);
        return Ok(true);
    }
    Ok(false)
}

/// Whether a channel would take the message at this moment.
pub(super) async fn takes(ctx: &Ctx, tx: &mut Tx, way: &Way, screen: &Screen) -> Result<bool, JobError> {
    let Some(account) = channel_account(tx, way.channel_account_id, &ctx.keyring).await? else { return Ok(false) };
    let Some(contact) = tx.contact(way.conversation_id).await? else { return Ok(false) };
    let sealer = sealer(&account.account, &contact)?;
    Ok(wording::put(tx, &account, &contact, screen, &sealer).await?.is_ok())
}
