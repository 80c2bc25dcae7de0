//! `salon-core channel connect SLUG NAME` and `channel list SLUG`.

use std::process::ExitCode;

use super::{CliError, out::say};
use crate::{
    app::App,
    ids::TenantId,
    tenant::{self, ConnectError, Connector, Status},
};

pub(super) async fn connect(app: &App, slug: &str, name: &str) -> Result<ExitCode, CliError> {
    let tenant = of(app, slug).await?;
    let accounts = tenant::channel_accounts(&mut app.db.tenant(tenant).await?, &app.keyring).await?;
    let Some((full, account)) = accounts.into_iter().find(|(full, _)| full == name || full.ends_with(&format!("/{name}"))) else {
        return Err(CliError::Input(format!("{slug} has no channel named {name}: `salon-core channel list {slug}` names them")));
    };
    match connector(app).connect(tenant, account?.id).await {
        Ok(connected) => {
            say!("{full} connected: {}", connected.info.name);
            for remark in &connected.remarks {
                say!("  to be seen to: {remark}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(ConnectError::Store(error)) => Err(error.into()),
        Err(error) => Err(CliError::Failed(format!("{full} NOT connected: {error}"))),
    }
}

pub(super) async fn list(app: &App, slug: &str) -> Result<ExitCode, CliError> {
    let tenant = of(app, slug).await?;
    let mut tx = app.db.tenant(tenant).await?;
    for (name, account) in tenant::channel_accounts(&mut tx, &app.keyring).await? {
        match account {
            Err(error) => say!("{name}: {error}"),
            Ok(account) => {
                let status = match &account.status {
                    Status::Active => "in use".to_owned(),
                    Status::Broken { reason } => format!("stopped: {reason}"),
                };
                let seen = tenant::last_look(&mut tx, account.id).await?;
                say!("{name}: {status}; {seen}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn of(app: &App, slug: &str) -> Result<TenantId, CliError> {
    tenant::id_by_slug(&app.db, slug).await?.ok_or_else(|| CliError::Input(format!("there is no salon {slug}")))
}

pub(super) fn connector(app: &App) -> Connector<'_> {
    Connector { db: &app.db, http: &app.http, keyring: &app.keyring, public_url: &app.config.listen.public_url }
}
