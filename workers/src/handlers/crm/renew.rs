//! What follows when a CRM refuses our credential.

use std::time::Duration;

use salon_core::{
    crm::EXPIRED,
    ops::unit,
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
    let (own, tenant, connection) = (ctx.clone(), assignment.tenant, used.clone());
    // In a task of its own: a run that loses its lease is dropped where it stands, and new tokens with it would be a lost login.
    let renewing = tokio::spawn(unit::carry(async move {
        let renewer = Renewer { db: &own.db, http: &own.http, keyring: &own.keyring, patience: own.crm_patience };
        renewer.renew(tenant, &connection).await
    }));
    let renewed = renewing.await.map_err(|_| JobError::Retry("the renewal broke off".into()))?;
    let Renewal::Failed(failure) = renewed? else { return Ok(()) };
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
