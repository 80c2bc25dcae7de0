//! `salon-core crm link SLUG --client ID (--record THEIR_ID | --new)`: a person's word on which record a client is. The link is what
//! counts from then on; what waited for it is told.

use std::process::ExitCode;

use serde_json::json;

use super::{Access, Which};
use crate::{
    app::App,
    cli::{CliError, actor, channel, out::say},
    crm::{Ensured, Entity, Wish},
    ids::{ClientId, ConnectionId, TenantId},
    tenant,
    vendor::{Class, Failure},
};

pub(super) async fn run(app: &App, which: &Which, client: ClientId, record: Option<String>) -> Result<ExitCode, CliError> {
    let tenant = channel::of(app, &which.slug).await?;
    let connection = waiting_at(app, tenant, which, client).await?;
    let found = tenant::crm_connection(&mut app.db.tenant(tenant).await?, connection, &app.keyring).await?;
    let found = found.ok_or_else(|| CliError::Failed("the connection is gone".to_owned()))?;
    let access = Access::stored(app, tenant, found).patient();
    let (kind, is_new) = (access.kind, record.is_none());
    let theirs = match record {
        Some(record) => checked(app, tenant, connection, access, client, record).await?,
        None => made(app, tenant, access, client).await?,
    };
    let mut tx = app.db.tenant(tenant).await?;
    tx.set_link(connection, Entity::Client.as_str(), client.0, &theirs, None).await?;
    // Before what waited: our id goes into the record, even if nothing that waited is about the client alone.
    tx.tell_again(connection, Wish::EnsureClient, client.0, client).await?;
    let told = tx.unpark(connection, client).await?;
    let detail = json!({ "crm": kind.as_str(), "record": theirs, "made": is_new, "told": told });
    tenant::audit(&mut tx, &actor(), "crm.linked", &client.to_string(), &detail).await?;
    tx.commit().await?;
    say!("{client} is {theirs} in {kind}{}; {told} that waited are told", if is_new { ", made for them" } else { "" });
    Ok(ExitCode::SUCCESS)
}

/// At which connection the client waits for a decision.
async fn waiting_at(app: &App, tenant: TenantId, which: &Which, client: ClientId) -> Result<ConnectionId, CliError> {
    let parked = app.db.tenant(tenant).await?.parked().await?;
    let at = parked.iter().filter(|parked| parked.client_id == client);
    let at: Vec<ConnectionId> = at
        .filter(|parked| which.kind.is_none_or(|kind| kind.as_str() == parked.kind))
        .map(|parked| parked.connection_id)
        .collect();
    let slug = &which.slug;
    match at[..] {
        [only] => Ok(only),
        [] => Err(CliError::Input(format!(
            "no client {client} of {slug} waits for a decision: `salon-core crm parked {slug}` names those who do"
        ))),
        [..] => Err(CliError::Input(format!("{client} waits in several CRMs: say which with --crm"))),
    }
}

/// The record, if it is there and nobody else.
async fn checked(
    app: &App,
    tenant: TenantId,
    connection: ConnectionId,
    mut access: Access<'_>,
    client: ClientId,
    record: String,
) -> Result<String, CliError> {
    let kind = access.kind;
    let linked = app.db.tenant(tenant).await?.linked(connection, Entity::Client.as_str(), &record).await?;
    if let Some(other) = linked.filter(|other| *other != client.0) {
        return Err(CliError::Input(format!("{record} is the client {other} already")));
    }
    match access.ask(async |crm, call| crm.read(call, Entity::Client, &record).await).await? {
        Ok(Some(_)) => {}
        Ok(None) => return Err(CliError::Input(format!("{kind} has no client {record}"))),
        // This one's records can't be read with what we are let in by.
        Err(Failure { class: Class::Permanent, code, .. }) if code == "no_changes" => {
            say!("{kind} does not say whether there is a client {record}: taken at your word");
        }
        Err(failure) => return Err(CliError::Failed(format!("{kind} does not say whether it has a client {record}: {failure}"))),
    }
    Ok(record)
}

/// A record of its own. By number and by e-mail nothing is looked for: they are what several records share.
async fn made(app: &App, tenant: TenantId, mut access: Access<'_>, client: ClientId) -> Result<String, CliError> {
    let card = app.db.tenant(tenant).await?.client_card(client, None).await?;
    let card = card.alone();
    let kind = access.kind;
    match access.ask(async |crm, call| crm.ensure_client(call, &card).await).await? {
        Ok(Ensured::Is(theirs)) => Ok(theirs),
        Ok(Ensured::Ambiguous(records)) => {
            Err(CliError::Failed(format!("{kind} has several records with our id of this client: {}", records.join(", "))))
        }
        Err(failure) => Err(CliError::Failed(format!("{kind} makes no record: {failure}"))),
    }
}
