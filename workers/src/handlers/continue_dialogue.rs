//! Something the dialogue waited for has come about.

use salon_core::{
    dialogue::{Input, SystemEvent},
    ids::ConversationId,
};

use super::turn::{Turn, own_account};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(
    ctx: &Ctx,
    assignment: &Assignment,
    conversation: ConversationId,
    event: SystemEvent,
) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(contact) = tx.contact(conversation).await? else { return Err(JobError::Dead("the conversation is gone".into())) };
    let account = own_account(ctx, &mut tx, &contact).await?.account;
    Turn { tx: &mut tx, contact, vouched: false, account: &account }.take(Input::System(event)).await?;
    Ok(tx.commit().await?)
}
