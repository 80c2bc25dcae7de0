//! `--register`: tells the vendors where their webhooks go. A vendor that refuses is told by name and does not undo the apply: the
//! addresses stay the same, so the command can be repeated.

use std::{fmt::Display, process::ExitCode};

use super::{CliError, channel::connector, out::say};
use crate::{
    app::App,
    booking::calendar,
    crm::{BY_HAND, CrmCall, CrmKind, UNATTENDED, crm},
    ids::{ConnectionId, TenantId},
    tenant::{
        self, ConnectError,
        apply::{Applied, Target, Webhook},
    },
};

pub(super) async fn run(app: &App, applied: &Applied) -> Result<ExitCode, CliError> {
    let mut failed = false;
    for webhook in &applied.webhooks {
        match one(app, applied.tenant, webhook).await? {
            Ok(()) => say!("  registered: {}", webhook.account),
            Err(why) => {
                failed = true;
                say!("  NOT registered: {}: {why}", webhook.account);
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The inner error is the vendor's, the outer one ours. No transaction is open while a vendor is asked.
async fn one(app: &App, tenant: TenantId, webhook: &Webhook) -> Result<Result<(), String>, CliError> {
    let done = match webhook.target {
        Target::Channel(id) => match connector(app).connect(tenant, id).await {
            Ok(connected) => {
                for remark in &connected.remarks {
                    say!("  to be seen to: {}: {remark}", webhook.account);
                }
                Ok(())
            }
            Err(ConnectError::Store(error)) => return Err(error.into()),
            Err(error) => Err(text(error)),
        },
        Target::Crm(id, kind) => hooks(app, tenant, id, kind, webhook).await?,
        Target::Calendar => {
            let mut tx = app.db.tenant(tenant).await?;
            let event_types = tenant::load_catalogue(&mut tx).await?.event_types();
            let calendar_account = tenant::calendar_account(&mut tx, &app.keyring).await?;
            drop(tx);
            let Some(found) = calendar_account else { return Ok(Err("the connection is gone".to_owned())) };
            let done = calendar().ensure_webhooks(&app.http, &found.account, &webhook.address, &event_types).await;
            if done.is_ok() {
                let mut tx = app.db.tenant(tenant).await?;
                tenant::mend_connection(&mut tx, found.id).await?;
                tx.commit().await?;
            }
            done.map_err(text)
        }
    };
    Ok(done)
}

/// A CRM that registers webhooks tells what each of them proves itself with. One where a person makes them by hand says so.
async fn hooks(
    app: &App,
    tenant: TenantId,
    id: ConnectionId,
    kind: CrmKind,
    webhook: &Webhook,
) -> Result<Result<(), String>, CliError> {
    let mut tx = app.db.tenant(tenant).await?;
    let found = tenant::crm_connection(&mut tx, id, &app.keyring).await?;
    drop(tx);
    let Some(found) = found.filter(|found| found.enabled) else { return Ok(Ok(())) };
    let call = CrmCall::new(&app.http, &found.account, UNATTENDED);
    match crm(kind).ensure_webhooks(&call, &webhook.address).await {
        Ok(hooks) => {
            let mut tx = app.db.tenant(tenant).await?;
            tenant::store_hooks(&mut tx, id, hooks, &app.keyring, app.db.ids()).await?;
            tenant::mend_connection(&mut tx, id).await?;
            tx.commit().await?;
            Ok(Ok(()))
        }
        Err(failure) if failure.code == BY_HAND => {
            say!("  to be made by hand, as docs/crm.md says: {}", webhook.account);
            Ok(Ok(()))
        }
        Err(failure) => Ok(Err(text(failure))),
    }
}

fn text(error: impl Display) -> String {
    error.to_string()
}
