//! An access token that has run out is renewed by one process at a time: the old refresh token dies by it (Bitrix24 note, 3.1; erxes
//! note, 2.4), and a second renewal with it would end the login.

use std::time::Duration;

use salon_core::{
    crm::{CrmCall, EXPIRED, crm},
    tenant::{self, CrmConnection, break_connection},
    vendor::{Class, Failure},
};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// How soon a call is made again once its access token is renewed, or is being renewed elsewhere.
const RENEWED_WAIT: Duration = Duration::from_secs(1);
/// How long a process has to renew, before another one may think that it died.
const LEASE: Duration = Duration::from_secs(60);

/// Renews, or finds that somebody else does or has. An error is the job's.
pub(super) async fn renew(ctx: &Ctx, assignment: &Assignment, used: &CrmConnection) -> Result<(), JobError> {
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let Some(now) = tenant::begin_renewal(&mut tx, used, LEASE, &ctx.keyring).await? else {
        // Somebody else is at it, or has done it: the next attempt sees which.
        return Ok(tx.commit().await?);
    };
    tx.commit().await?;
    let call = CrmCall::new(&ctx.http, &now.account, ctx.crm_patience);
    let renewed = crm(now.kind).renew(&call).await;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    match renewed {
        Ok(tokens) => tenant::store_tokens(&mut tx, now.id, &tokens, &ctx.keyring, ctx.db.ids()).await?,
        Err(failure) => {
            tenant::end_renewal(&mut tx, now.id).await?;
            if matches!(failure.class, Class::Credential | Class::Permanent) {
                break_connection(&mut tx, now.id, &format!("the login has ended ({}): log in again", failure.code)).await?;
            }
            tx.commit().await?;
            return Err(JobError::Retry((&failure).into()));
        }
    }
    Ok(tx.commit().await?)
}

/// What follows when the CRM refuses the credential: it is renewed if it has run out, else the connection stops.
pub(super) async fn or_break(
    ctx: &Ctx,
    assignment: &Assignment,
    connection: &CrmConnection,
    failure: &Failure,
) -> Result<(), JobError> {
    if failure.code == EXPIRED && connection.account.secrets.oauth.is_some() {
        renew(ctx, assignment, connection).await?;
        return Err(JobError::Later { after: RENEWED_WAIT, why: "the access token had run out".into() });
    }
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    break_connection(&mut tx, connection.id, &failure.to_string()).await?;
    Ok(tx.commit().await?)
}
