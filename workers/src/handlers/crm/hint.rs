//! A CRM's webhook says that something changed. It is a hint: what is true is read.

use salon_core::{
    crm::{Hint, crm},
    ids::{ConnectionId, InboundEventId},
    tenant::{CrmConnection, crm_connection},
    vendor::{Class, Failure},
};

use super::{
    compare::{Pair, compare},
    renew,
};
use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(in super::super) async fn run(ctx: &Ctx, assignment: &Assignment, id: InboundEventId) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(row) = tx.inbound(id).await? else { return Err(JobError::Dead("the event is gone".into())) };
    if row.state != "received" {
        return Ok(());
    }
    let hint: Hint = serde_json::from_value(row.event).map_err(|error| JobError::unreadable("stored event", &error))?;
    let connection = crm_connection(&mut tx, ConnectionId(row.source_id), &ctx.keyring).await?;
    let connection = connection.filter(|connection| connection.enabled && connection.status.is_active());
    let (Some((entity, record)), Some(connection)) = (&hint.about, connection) else {
        tx.end_inbound(id, Some("about nothing of ours, or from a connection that is out of use")).await?;
        return Ok(tx.commit().await?);
    };
    let Some(ours) = tx.linked(connection.id, entity.as_str(), record).await? else {
        tx.end_inbound(id, Some("no record of ours")).await?;
        return Ok(tx.commit().await?);
    };
    tx.commit().await?;
    let adapter = crm(connection.kind);
    ctx.crm_turn(connection.id, connection.rate).await?;
    let call = ctx.crm_call(&connection).prepaid();
    let theirs = match adapter.read(&call, *entity, record).await {
        Ok(theirs) => theirs,
        Err(failure) => return refused(ctx, assignment, id, &connection, failure).await,
    };
    ctx.crm_worked(connection.id);
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let pair = Pair { connection: connection.id, entity: *entity, ours, record, theirs: theirs.as_ref() };
    compare(&mut tx, &pair).await?;
    tx.end_inbound(id, None).await?;
    Ok(tx.commit().await?)
}

/// A credential that is refused stops the connection. Whatever the event would have had read is read by the first reconciliation after it
/// is mended, so it may end, and leaves no letter for a person to sort.
async fn refused(
    ctx: &Ctx,
    assignment: &Assignment,
    id: InboundEventId,
    connection: &CrmConnection,
    failure: Failure,
) -> Result<(), JobError> {
    ctx.crm_failed(connection.id, &failure).await;
    if failure.class != Class::Credential {
        return Err(failure.into());
    }
    renew::or_break(ctx, assignment, connection, &failure).await?;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    tx.end_inbound(id, Some("the CRM refuses our credential: left to reconciliation")).await?;
    Ok(tx.commit().await?)
}
