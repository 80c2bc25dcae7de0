//! A button's press is acknowledged to the messenger: until then its client shows a spinner.

use salon_core::{
    channel::{self, ChannelEvent, EventKind, Press},
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
    let (EventKind::Button { callback_id: Some(callback_id), .. }, Some(sender)) = (&event.kind, &event.sender) else {
        return Ok(());
    };
    let press = Press { callback_id, chat_id: &sender.chat_id, user_id: &sender.user_id };
    // A spinner that turns a little longer harms nobody: whatever the vendor says, this is not worth a dead letter.
    if let Err(failure) = channel::adapter(found.kind).acknowledge(&ctx.http, &found.account, &press).await {
        tracing::debug!(class = failure.class.as_str(), code = %failure.code, "press not acknowledged");
    }
    Ok(())
}
