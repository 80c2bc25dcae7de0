//! `--register`: tells the vendors where their webhooks go. A vendor that refuses is told by name and does not undo the apply: the
//! addresses stay the same, so the command can be repeated.

use std::{fmt::Display, process::ExitCode};

use super::{CliError, channel::connector, crm::access::Access, out::say};
use crate::{
    app::App,
    booking::calendar,
    crm::BY_HAND,
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
            Ok(Registered::Here) => say!("  registered: {}", webhook.account),
            Ok(Registered::ByHand) => say!("  to be made by hand, as docs/crm.md says: {}", webhook.account),
            Ok(Registered::Nothing) => {}
            Err(why) => {
                failed = true;
                say!("  NOT registered: {}: {why}", webhook.account);
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What a vendor was told.
enum Registered {
    /// Where its webhooks go.
    Here,
    /// Nothing: a person makes them there. But it lets us in.
    ByHand,
    /// Nothing: it is not in use.
    Nothing,
}

/// The inner error is the vendor's, the outer one ours. No transaction is open while a vendor is asked.
async fn one(app: &App, tenant: TenantId, webhook: &Webhook) -> Result<Result<Registered, String>, CliError> {
    let done = match webhook.target {
        Target::Channel(id) => match connector(app).connect(tenant, id).await {
            Ok(connected) => {
                for remark in &connected.remarks {
                    say!("  to be seen to: {}: {remark}", webhook.account);
                }
                Ok(Registered::Here)
            }
            Err(ConnectError::Store(error)) => return Err(error.into()),
            Err(error) => Err(text(error)),
        },
        Target::Crm(id, _) => hooks(app, tenant, id, webhook).await?,
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
            done.map(|()| Registered::Here).map_err(text)
        }
    };
    Ok(done)
}

/// A CRM that registers webhooks tells what each of them proves itself with. One where a person makes them by hand says so, and is asked
/// whether it lets us in: a connection that stopped goes on either way.
async fn hooks(app: &App, tenant: TenantId, id: ConnectionId, webhook: &Webhook) -> Result<Result<Registered, String>, CliError> {
    let mut tx = app.db.tenant(tenant).await?;
    let found = tenant::crm_connection(&mut tx, id, &app.keyring).await?;
    drop(tx);
    let Some(found) = found.filter(|found| found.enabled) else { return Ok(Ok(Registered::Nothing)) };
    let mut access = Access::stored(app, tenant, found).patient();
    let (hooks, registered) = match access.ask(async |crm, call| crm.ensure_webhooks(call, &webhook.address).await).await? {
        Ok(hooks) => (Some(hooks), Registered::Here),
        Err(failure) if failure.code == BY_HAND => match access.ask(async |crm, call| crm.inspect(call).await).await? {
            Ok(_) => (None, Registered::ByHand),
            Err(failure) => return Ok(Err(text(failure))),
        },
        Err(failure) => return Ok(Err(text(failure))),
    };
    let mut tx = app.db.tenant(tenant).await?;
    if let Some(hooks) = hooks {
        tenant::store_hooks(&mut tx, id, hooks, &app.keyring, app.db.ids()).await?;
    }
    tenant::mend_connection(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Ok(registered))
}

fn text(error: impl Display) -> String {
    error.to_string()
}
