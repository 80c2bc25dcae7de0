//! A person's name is asked for at the messenger, where its events don't carry it. The calendar and the CRM show it.

use salon_core::{
    channel, crm,
    ids::ConversationId,
    tenant::channel_account,
    vendor::{Class, Failure},
};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment, conversation: ConversationId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(contact) = tx.contact(conversation).await? else { return Ok(()) };
    let Some(found) = channel_account(&mut tx, contact.channel_account_id, &ctx.keyring).await? else { return Ok(()) };
    drop(tx);
    let _place = ctx.bulkhead.messenger(&found)?;
    let name = match channel::adapter(found.kind).name_of(&ctx.http, &found.account, &contact.user_id).await {
        Ok(Some(name)) => name,
        // Somebody without a name is served all the same: what the vendor will never tell is not worth a dead letter.
        Ok(None) | Err(Failure { class: Class::Permanent | Class::Unreachable | Class::NeedsTemplate, .. }) => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    if tx.set_name(contact.client_id, &name).await? {
        let client = contact.client_id;
        tx.tell_crm(crm::Wish::EnsureClient, client.0, tx.now().timestamp_millis(), client).await?;
    }
    Ok(tx.commit().await?)
}
