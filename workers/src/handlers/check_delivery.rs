//! Some minutes after a reminder or a notice was first tried: if it still waits, or the vendor would report an arrival and has not, the
//! client's next channel is tried. Where the vendor reports nothing, taken is all we can know.

use salon_core::{
    channel::{self, capabilities::Receipts},
    ids::MessageId,
    tenant::channel_account,
};

use super::fallback;
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, id: MessageId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(message) = tx.outgoing(id).await? else { return Ok(()) };
    let account = channel_account(&mut tx, message.channel_account_id, &ctx.keyring).await?;
    let reports =
        account.is_some_and(|account| channel::adapter(account.kind).capabilities().receipts == Receipts::DeliveredAndRead);
    let overdue = match message.state.as_str() {
        // Waits for its next attempt, which now nobody needs.
        "queued" => true,
        "sent" => reports,
        // On its way at this moment, or perhaps there: another channel would make two of it.
        _ => false,
    };
    if overdue && fallback::next(ctx, &mut tx, &message).await? {
        tx.give_way(id).await?;
    }
    Ok(tx.commit().await?)
}
