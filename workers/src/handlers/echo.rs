//! What goes out through a salon's account comes back: what we sent, or what somebody at the salon wrote in the vendor's own app.

use salon_core::{
    channel::{self, Delivery, MessageRef, Sender},
    crm,
    dialogue::render,
    ids::ChannelAccountId,
    message::Logged,
    store::Tx,
    tenant::channel_account,
};

use super::{
    note_event::{Ignored, later, reported},
    turn::sealer,
};
use crate::{ctx::Ctx, queue::JobError};

/// A message that came back.
pub(super) struct Echo<'a> {
    pub(super) vendor_message_id: &'a str,
    pub(super) text: Option<&'a str>,
    pub(super) operator: Option<bool>,
}

/// `early`: the answer to a send of ours may still be on its way.
pub(super) async fn run(
    ctx: &Ctx,
    tx: &mut Tx,
    account: ChannelAccountId,
    sender: &Sender,
    echo: &Echo<'_>,
    early: bool,
) -> Result<Ignored, JobError> {
    let of = MessageRef::Vendor(echo.vendor_message_id.to_owned());
    if echo.operator == Some(false) || tx.logged(account, &of).await?.is_some() {
        return Ok(Some("our own message"));
    }
    if echo.operator.is_none() {
        if let Some(message) = in_doubt(ctx, tx, account, sender, echo.text).await? {
            return reported(ctx, tx, account, &message, &of, &Delivery::Sent).await;
        }
        if early {
            return Err(later("it may be our own message"));
        }
    }
    overheard(tx, account, sender, echo).await
}

/// Echoes have no key of ours. One that says the very words of a message whose sending is in doubt is that message.
async fn in_doubt(
    ctx: &Ctx,
    tx: &mut Tx,
    account: ChannelAccountId,
    sender: &Sender,
    text: Option<&str>,
) -> Result<Option<Logged>, JobError> {
    let Some(text) = text else { return Ok(None) };
    let doubted = tx.in_doubt(account, &sender.chat_id).await?;
    // All of one chat.
    let Some((first, _)) = doubted.first() else { return Ok(None) };
    let (Some(contact), Some(found)) =
        (tx.contact(first.conversation_id).await?, channel_account(tx, account, &ctx.keyring).await?)
    else {
        return Ok(None);
    };
    let (capabilities, sealer) = (channel::adapter(found.kind).capabilities(), sealer(&found.account, &contact)?);
    for (message, content) in doubted {
        let screen = serde_json::from_value(content).map_err(|error| JobError::unreadable("stored screen", &error))?;
        if render(&screen, capabilities, &sealer).text.trim() == text.trim() {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

async fn overheard(tx: &mut Tx, account: ChannelAccountId, sender: &Sender, echo: &Echo<'_>) -> Result<Ignored, JobError> {
    let contact = tx.meet(account, sender, None).await?;
    let message = tx.overheard(&contact, echo.text, echo.vendor_message_id).await?;
    tx.tell_crm(crm::Wish::RecordMessage, message.0, 1, contact.client_id).await?;
    Ok(None)
}
