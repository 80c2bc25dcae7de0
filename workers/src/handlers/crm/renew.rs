//! What follows when a CRM refuses our credential.

use std::time::Duration;

use salon_core::{
    crm::EXPIRED,
    tenant::{CrmConnection, Renewal, Renewer, break_connection},
    vendor::{Class, Failure},
};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

/// How soon a call is made again once its access token is renewed, or is being renewed elsewhere.
const RENEWED_WAIT: Duration = Duration::from_secs(1);
/// Renews, or finds that somebody else does or has: the next attempt sees which. An error is the job's.
pub(super) async fn renew(ctx: &Ctx, assignment: &Assignment, used: &CrmConnection) -> Result<(), JobError> {
    let renewer = Renewer { db: &ctx.db, http: &ctx.http, keyring: &ctx.keyring, patience: ctx.crm_patience };
    let Renewal::Failed(failure) = renewer.renew(assignment.tenant, used).await? else { return Ok(()) };
    if matches!(failure.class, Class::Credential | Class::Permanent) {
        let mut tx = ctx.db.tenant(assignment.tenant).await?;
        break_connection(&mut tx, used.id, &format!("the login has ended ({}): log in again", failure.code)).await?;
        tx.commit().await?;
    }
    Err(JobError::Retry((&failure).into()))
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
