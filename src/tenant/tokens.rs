//! Access tokens of a CRM: renewed by one process at a time, stored before they are used.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{
    accounts::{CrmConnection, crm_connection},
    credentials::{connection_context, seal},
};
use crate::{
    crm::{CrmSecrets, HookSecret, Tokens},
    crypto::KeyRing,
    ids::{ConnectionId, Ids},
    store::{StoreError, Tx},
};

/// Takes the renewal of a connection's token for `lease`. None if somebody else has it, or has renewed since `used` was read.
///
/// # Errors
/// When the database refuses, or the credentials can't be opened.
pub async fn begin_renewal(
    tx: &mut Tx,
    used: &CrmConnection,
    lease: Duration,
    keyring: &KeyRing,
) -> Result<Option<CrmConnection>, StoreError> {
    let now = tx.now();
    let taken = sqlx::query(
        "update connection set renewing_until = $2 where id = $1 and (renewing_until is null or renewing_until <= $3)",
    )
    .bind(used.id)
    .bind(now + lease)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    if taken == 0 {
        return Ok(None);
    }
    let token =
        |connection: &CrmConnection| connection.account.secrets.token.as_ref().map(|token| token.expose_secret().to_owned());
    let stored = crm_connection(tx, used.id, keyring).await?;
    match stored {
        Some(stored) if token(&stored) == token(used) => Ok(Some(stored)),
        _ => {
            end_renewal(tx, used.id).await?;
            Ok(None)
        }
    }
}

/// Gives a renewal back.
///
/// # Errors
/// When the database refuses.
pub async fn end_renewal(tx: &mut Tx, id: ConnectionId) -> Result<(), StoreError> {
    sqlx::query("update connection set renewing_until = null where id = $1").bind(id).execute(tx.conn()).await?;
    Ok(())
}

/// Stores new tokens, and ends the renewal.
///
/// # Errors
/// When the database refuses, or the credentials can't be opened.
pub async fn store_tokens(
    tx: &mut Tx,
    id: ConnectionId,
    tokens: &Tokens,
    keyring: &KeyRing,
    ids: &dyn Ids,
) -> Result<(), StoreError> {
    change_secrets(tx, id, keyring, ids, |secrets| {
        secrets.token = Some(tokens.access.clone());
        if let Some(oauth) = &mut secrets.oauth {
            oauth.refresh_token = Some(tokens.refresh.clone());
        }
    })
    .await?;
    end_renewal(tx, id).await
}

/// Stores what the webhooks registered with the CRM prove themselves with.
///
/// # Errors
/// When the database refuses, or the credentials can't be opened.
pub async fn store_hooks(
    tx: &mut Tx,
    id: ConnectionId,
    hooks: Vec<HookSecret>,
    keyring: &KeyRing,
    ids: &dyn Ids,
) -> Result<(), StoreError> {
    change_secrets(tx, id, keyring, ids, |secrets| secrets.hooks = hooks).await?;
    // The web processes keep what opens an address in memory.
    tx.tell_change();
    Ok(())
}

async fn change_secrets(
    tx: &mut Tx,
    id: ConnectionId,
    keyring: &KeyRing,
    ids: &dyn Ids,
    change: impl FnOnce(&mut CrmSecrets),
) -> Result<(), StoreError> {
    // Locked, so that two changes don't undo each other.
    sqlx::query("select 1 from connection where id = $1 for update").bind(id).execute(tx.conn()).await?;
    let Some(mut connection) = crm_connection(tx, id, keyring).await? else { return Ok(()) };
    change(&mut connection.account.secrets);
    let sealed = seal(&connection.account.secrets, &connection_context(id), keyring, ids)?;
    let now = tx.now();
    sqlx::query("update connection set credentials = $2, updated_at = $3 where id = $1")
        .bind(id)
        .bind(sealed)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
