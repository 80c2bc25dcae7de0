//! Access tokens of a CRM: renewed by one process at a time, stored before they are used.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;

use super::{
    connections::{CrmConnection, crm_connection},
    credentials::{connection_context, seal},
};
use crate::{
    crm::{CrmCall, CrmSecrets, HookSecret, Tokens, crm},
    crypto::KeyRing,
    ids::{ConnectionId, Ids, TenantId},
    store::{Db, StoreError, Tx},
    vendor::{Failure, Http},
};

/// How long a process has to renew, before another one may think that it died.
const LEASE: Duration = Duration::from_secs(60);

/// What became of the renewal of a login.
#[derive(Debug)]
pub enum Renewal {
    /// It is renewed, by us or by another process: the connection as it is stored now.
    Done(Box<CrmConnection>),
    /// Another process is at it.
    Elsewhere,
    /// The CRM did not renew it.
    Failed(Failure),
}

/// What renewing works with.
#[derive(Debug, Clone, Copy)]
pub struct Renewer<'a> {
    /// The database.
    pub db: &'a Db,
    /// The CRMs.
    pub http: &'a Http,
    /// Opens and seals credentials.
    pub keyring: &'a KeyRing,
    /// How long the CRM's answer is waited for.
    pub patience: Duration,
}

impl Renewer<'_> {
    /// Renews the access token that `used` was read with. One process at a time does, since the old refresh token dies by it (Bitrix24
    /// note, 3.1; erxes note, 2.4) and a second renewal with it would end the login. No transaction is open during the call.
    ///
    /// # Errors
    /// When the database refuses, or the credentials can't be opened.
    pub async fn renew(&self, tenant: TenantId, used: &CrmConnection) -> Result<Renewal, StoreError> {
        let mut tx = self.db.tenant(tenant).await?;
        let begun = begin(&mut tx, used, self.keyring).await?;
        tx.commit().await?;
        let (now, until) = match begun {
            Begun::Ours(now, until) => (now, until),
            Begun::Elsewhere => return Ok(Renewal::Elsewhere),
            Begun::Done(now) => return Ok(Renewal::Done(now)),
        };
        let renewed = crm(now.kind).renew(&CrmCall::new(self.http, &now.account, self.patience)).await;
        let mut tx = self.db.tenant(tenant).await?;
        let renewal = match renewed {
            Ok(tokens) => {
                store_tokens(&mut tx, now.id, &tokens, self.keyring, self.db.ids()).await?;
                let stored = crm_connection(&mut tx, now.id, self.keyring).await?;
                stored.map_or(Renewal::Elsewhere, |stored| Renewal::Done(Box::new(stored)))
            }
            Err(failure) => {
                give_back(&mut tx, now.id, until).await?;
                // A process that stood still longer than its lease comes with a token that another one has used up.
                match crm_connection(&mut tx, now.id, self.keyring).await? {
                    Some(stored) if token(&stored) != token(used) => Renewal::Done(Box::new(stored)),
                    _ => Renewal::Failed(failure),
                }
            }
        };
        tx.commit().await?;
        Ok(renewal)
    }
}

enum Begun {
    /// Until this moment.
    Ours(Box<CrmConnection>, DateTime<Utc>),
    Elsewhere,
    Done(Box<CrmConnection>),
}

async fn begin(tx: &mut Tx, used: &CrmConnection, keyring: &KeyRing) -> Result<Begun, StoreError> {
    let now = tx.now();
    let until = now + LEASE;
    let taken = sqlx::query(
        "update connection set renewing_until = $2 where id = $1 and (renewing_until is null or renewing_until <= $3)",
    )
    .bind(used.id)
    .bind(until)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    let Some(stored) = crm_connection(tx, used.id, keyring).await? else { return Ok(Begun::Elsewhere) };
    let stored = Box::new(stored);
    match (token(&stored) == token(used), taken > 0) {
        (true, true) => Ok(Begun::Ours(stored, until)),
        (true, false) => Ok(Begun::Elsewhere),
        (false, taken) => {
            if taken {
                give_back(tx, used.id, until).await?;
            }
            Ok(Begun::Done(stored))
        }
    }
}

fn token(connection: &CrmConnection) -> Option<&str> {
    connection.account.secrets.token.as_ref().map(ExposeSecret::expose_secret)
}

/// Gives back this lease, and none that another process has taken since.
async fn give_back(tx: &mut Tx, id: ConnectionId, until: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update connection set renewing_until = null where id = $1 and renewing_until = $2")
        .bind(id)
        .bind(until)
        .execute(tx.conn())
        .await?;
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
    // Whoever has the lease finds the new token, whatever came of theirs.
    sqlx::query("update connection set renewing_until = null where id = $1").bind(id).execute(tx.conn()).await?;
    Ok(())
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
