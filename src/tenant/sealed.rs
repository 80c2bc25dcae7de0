//! What lies sealed under the key ring, as a whole: which key each value lies under, and sealing anew when keys are rotated.
//!
//! A table that gets a sealed column gets a line in [`values`] and one in [`Place`]: what is missing here stays under its old key.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::{collections::BTreeMap, fmt};

use serde_json::json;
use uuid::Uuid;

use super::{
    credentials::{account_context, connection_context, endpoint_context},
    store::{audit, lock},
};
use crate::{
    crypto::{KeyRing, SealError, Sealed},
    ids::{ChannelAccountId, ConnectionId, TenantId},
    store::{Db, StoreError, Tx},
};

/// Where a sealed value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `channel_account.credentials`
    Channel(ChannelAccountId),
    /// `connection.credentials`
    Connection(ConnectionId),
    /// `endpoint.sealed_key`, by the account it belongs to.
    Endpoint(Uuid),
}

impl Place {
    fn context(self) -> String {
        match self {
            Self::Channel(id) => account_context(id),
            Self::Connection(id) => connection_context(id),
            Self::Endpoint(target) => endpoint_context(target),
        }
    }

    const fn update(self) -> (&'static str, Uuid) {
        match self {
            Self::Channel(id) => ("update channel_account set credentials = $2 where id = $1", id.0),
            Self::Connection(id) => ("update connection set credentials = $2 where id = $1", id.0),
            Self::Endpoint(target) => ("update endpoint set sealed_key = $2 where target_id = $1", target),
        }
    }
}

/// A value that could not be sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unopened {
    /// Which one, for people: `lotos channel_account/…`.
    pub what: String,
    /// Why.
    pub why: SealError,
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// What sealing anew came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// How many, by the key they lay under.
    pub anew: BTreeMap<String, u64>,
    /// How many lay under the current key already, and were not touched.
    pub current: u64,
    /// Those that could not be opened; they are as they were.
    pub unopened: Vec<Unopened>,
}

/// How many of the tenant's values lie under each key. What is no sealed value counts under an empty id.
///
/// # Errors
/// When the database can't be reached.
pub async fn keys_in_use(tx: &mut Tx) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut used = BTreeMap::new();
    for (_, value) in values(tx).await? {
        *used.entry(value.key_id().unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(used)
}

/// Seals a tenant's values under the ring's current key, in one transaction. What lies under it already is not written, so that a run
/// that was broken off goes on where it was.
///
/// # Errors
/// When the database refuses; then nothing of this tenant was changed.
pub async fn reseal(db: &Db, keyring: &KeyRing, tenant: TenantId, actor: &str) -> Result<Resealed, StoreError> {
    let mut tx = db.tenant(tenant).await?;
    let slug: String = sqlx::query_scalar("select slug from tenant where id = $1").bind(tenant).fetch_one(tx.conn()).await?;
    // `tenant apply` writes an unchanged credential back as it had read it: between the two, that would bring the old key back.
    lock(&mut tx, &slug).await?;
    let mut done = Resealed::default();
    for (place, value) in values(&mut tx).await? {
        match anew(db, keyring, place, &value) {
            Ok(None) => done.current += 1,
            Ok(Some((under, sealed))) => {
                let (statement, id) = place.update();
                sqlx::query(statement).bind(id).bind(sealed.0).execute(tx.conn()).await?;
                *done.anew.entry(under).or_default() += 1;
            }
            Err(why) => done.unopened.push(Unopened { what: format!("{slug} {}", place.context()), why }),
        }
    }
    if !done.anew.is_empty() {
        let detail = json!({ "from": done.anew, "to": keyring.current() });
        audit(&mut tx, actor, "keys.resealed", &slug, &detail).await?;
    }
    tx.commit().await?;
    Ok(done)
}

/// The value under the current key, and the key it lay under; none if that is the same.
fn anew(db: &Db, keyring: &KeyRing, place: Place, value: &Sealed) -> Result<Option<(String, Sealed)>, SealError> {
    let under = value.key_id()?;
    if under == keyring.current() {
        return Ok(None);
    }
    let context = place.context();
    let plain = keyring.open(value, &context)?;
    Ok(Some((under.to_owned(), keyring.seal(&plain, &context, db.ids())?)))
}

async fn values(tx: &mut Tx) -> Result<Vec<(Place, Sealed)>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<(String, Uuid, Vec<u8>)> = sqlx::query_as(
        "select 'channel_account', id, credentials from channel_account where tenant_id = $1
         union all select 'connection', id, credentials from connection where tenant_id = $1
         union all select 'endpoint', target_id, sealed_key from endpoint where tenant_id = $1",
    )
    .bind(tenant)
    .fetch_all(tx.conn())
    .await?;
    let placed = rows.into_iter().map(|(table, id, blob)| {
        let place = match table.as_str() {
            "channel_account" => Place::Channel(ChannelAccountId(id)),
            "connection" => Place::Connection(ConnectionId(id)),
            _ => Place::Endpoint(id),
        };
        (place, Sealed(blob))
    });
    Ok(placed.collect())
}
