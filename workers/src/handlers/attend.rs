//! The client sees that what they did was seen: a press is acknowledged (until then its button shows a spinner), or an answer is shown
//! to be on its way.

use salon_core::{
    channel::{self, ChannelEvent, EventKind, Press, Recipient},
    ids::{ChannelAccountId, InboundEventId},
    tenant::channel_account,
};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: InboundEventId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(row) = tx.inbound(id).await? else { return Ok(()) };
    let event: ChannelEvent = serde_json::from_value(row.event).map_err(|error| JobError::unreadable("stored event", &error))?;
    let Some(found) = channel_account(&mut tx, ChannelAccountId(row.source_id), &ctx.keyring).await? else { return Ok(()) };
    drop(tx);
    let (adapter, Some(sender)) = (channel::adapter(found.kind), &event.sender) else { return Ok(()) };
    let to =
        Recipient { chat_id: &sender.chat_id, user_id: &sender.user_id, plain_buttons: sender.plain_buttons.unwrap_or(false) };
    let _place = ctx.bulkhead.messenger(&found)?;
    let done = match &event.kind {
        EventKind::Button { callback_id: Some(callback_id), .. } => {
            let press = Press { callback_id, chat_id: &sender.chat_id, user_id: &sender.user_id };
            adapter.acknowledge(&ctx.http, &found.account, &press).await
        }
        _ => adapter.attend(&ctx.http, &found.account, to, event.message_id.as_deref()).await,
    };
    // A spinner that turns a little longer harms nobody: whatever the vendor says, this is not worth a dead letter.
    if let Err(failure) = done {
        tracing::debug!(class = failure.class.as_str(), code = %failure.code, "the client does not see that they were seen");
    }
    Ok(())
}
