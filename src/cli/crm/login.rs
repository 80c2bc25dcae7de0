//! `salon-core crm login SLUG`: a person gives us access, by typing a code on the CRM's page or by bringing one back from it. No token is
//! ever printed.

use std::{process::ExitCode, time::Duration};

use secrecy::SecretString;
use serde_json::json;

use super::{Access, Which};
use crate::{
    app::App,
    cli::{CliError, actor, out::say},
    crm::{Login, LoginPrompt, Tokens},
    ids::TenantId,
    tenant,
    vendor::{Class, Failure},
};

pub(super) async fn run(app: &App, which: &Which, code: Option<SecretString>) -> Result<ExitCode, CliError> {
    let (tenant, access) = Access::one(app, which).await?;
    let mut access = access.patient();
    if access.account.secrets.oauth.is_none() {
        let why = "the tenant file names no application (`client_id`) to log in with; docs/crm.md says which CRMs know one";
        return Err(CliError::Input(format!("{}: {why}", access.kind)));
    }
    let code = match code {
        Some(code) => code,
        None => match begun(&mut access).await? {
            LoginPrompt { address, user_code, device_code: Some(device_code), interval } => {
                say!("open {address}{}", user_code.map_or_else(String::new, |code| format!(" and type {code}")));
                return finish(app, tenant, &mut access, device_code, interval).await;
            }
            LoginPrompt { address, .. } => {
                say!("open {address}\nand give the code it brings back at once: `salon-core crm login … --code CODE`");
                return Ok(ExitCode::SUCCESS);
            }
        },
    };
    finish(app, tenant, &mut access, code, 0).await
}

async fn begun(access: &mut Access<'_>) -> Result<LoginPrompt, CliError> {
    let begun = access.ask(async |crm, call| crm.begin_login(call).await).await?;
    begun.map_err(|failure| CliError::Failed(format!("{} begins no login: {failure}", access.kind)))
}

/// Asks until the person has decided, at the pace the CRM wants.
async fn finish(
    app: &App,
    tenant: TenantId,
    access: &mut Access<'_>,
    code: SecretString,
    mut interval: u64,
) -> Result<ExitCode, CliError> {
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        match access.ask(async |crm, call| crm.finish_login(call, &code).await).await? {
            Ok(Login::Done(tokens)) => return done(app, tenant, access, tokens).await,
            Ok(Login::Pending { interval: next }) => interval = next.max(1),
            Err(failure) => return Err(CliError::Failed(format!("{} gives no access: {failure}", access.kind))),
        }
    }
}

/// Stored first: a token that is used and lost can't be had again.
async fn done(app: &App, tenant: TenantId, access: &mut Access<'_>, tokens: Tokens) -> Result<ExitCode, CliError> {
    let Some(id) = access.stored.as_ref().map(|(_, found)| found.id) else {
        return Err(CliError::Failed("the connection is gone".to_owned()));
    };
    let mut tx = app.db.tenant(tenant).await?;
    tenant::store_tokens(&mut tx, id, &tokens, &app.keyring, app.db.ids()).await?;
    let detail = json!({ "crm": access.kind.as_str() });
    tenant::audit(&mut tx, &actor(), "crm.login", &id.to_string(), &detail).await?;
    tx.commit().await?;
    access.take(tokens);
    let kind = access.kind;
    match access.ask(async |crm, call| crm.inspect(call).await).await? {
        Err(failure @ Failure { class: Class::Credential | Class::Permanent, .. }) => {
            return Err(CliError::Failed(format!("logged in, but {kind} refuses: {failure}")));
        }
        Err(failure) => say!("logged in to {kind}, which does not answer now: {failure}"),
        Ok(health) => {
            say!("logged in to {kind}; we are {}", health.known_as);
            for remark in &health.remarks {
                say!("  to be seen to: {remark}");
            }
        }
    }
    let mut tx = app.db.tenant(tenant).await?;
    tenant::mend_connection(&mut tx, id).await?;
    tx.commit().await?;
    Ok(ExitCode::SUCCESS)
}
