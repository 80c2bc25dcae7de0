//! A person's name is asked for at the messenger, where its events don't carry it. The calendar and the CRM show it.

use salon_core::{channel, crm, ids::ConversationId, tenant::channel_account};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, conversation: ConversationId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(contact) = tx.contact(conversation).await? else { return Ok(()) };
    let Some(found) = channel_account(&mut tx, contact.channel_account_id, &ctx.keyring).await? else { return Ok(()) };
    drop(tx);
    let name = channel::adapter(found.kind).name_of(&ctx.http, &found.account, &contact.user_id).await?;
    let Some(name) = name else { return Ok(()) };
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if tx.set_name(contact.client_id, &name).await? {
        let client = contact.client_id;
        tx.tell_crm(crm::Wish::EnsureClient, client.0, tx.now().timestamp_millis(), client).await?;
    }
    Ok(tx.commit().await?)
}
