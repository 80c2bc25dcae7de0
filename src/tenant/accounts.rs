//! Reads a salon's accounts at the messengers, opens their credentials, and stops or mends them. Everything here takes a transaction of
//! the tenant.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::{
    credentials::{account_context, endpoint_context, open},
    status::{REMOVED, Status, Table, address},
};
use crate::{
    channel::{Account, ChannelKind, Pacing, adapter},
    crypto::{KeyRing, Sealed},
    ids::{ChannelAccountId, TenantId},
    store::{Db, StoreError, Tx},
};

/// A salon's account at a messenger.
#[derive(Debug, Clone)]
pub struct ChannelAccount {
    /// Id.
    pub id: ChannelAccountId,
    /// Which messenger.
    pub kind: ChannelKind,
    /// The name in the tenant file.
    pub name: String,
    /// What the adapter needs.
    pub account: Account,
    /// Sends in a second, if not as the vendor publishes.
    pub per_second: Option<u32>,
    /// Since when its credential is in use.
    pub credential_at: DateTime<Utc>,
    /// Whether it is used.
    pub status: Status,
}

#[derive(FromRow)]
struct AccountRow {
    id: ChannelAccountId,
    kind: String,
    name: String,
    base_url: String,
    external_id: Option<String>,
    parent_id: Option<String>,
    per_second: Option<i32>,
    credentials: Vec<u8>,
    credential_at: DateTime<Utc>,
    status: String,
    broken_reason: Option<String>,
}

const ACCOUNT: &str = "select id, kind, name, base_url, external_id, parent_id, per_second, credentials, credential_at, status, broken_reason from channel_account";

impl ChannelAccount {
    /// How often it may send: as its vendor publishes, or as the tenant file says.
    pub fn pacing(&self) -> Pacing {
        let published = adapter(self.kind).pacing();
        Pacing { account: published.account.or_as_told(self.per_second), ..published }
    }
}

impl AccountRow {
    fn open(self, keyring: &KeyRing) -> Result<ChannelAccount, StoreError> {
        let secrets = open(self.credentials, &account_context(self.id), keyring)?;
        Ok(ChannelAccount {
            id: self.id,
            kind: self.kind.parse().map_err(|_| StoreError::Corrupt("channel_account.kind"))?,
            name: self.name,
            account: Account {
                base_url: address(&self.base_url)?,
                external_id: self.external_id.unwrap_or_default(),
                parent_id: self.parent_id,
                secrets,
            },
            per_second: self.per_second.map(i32::unsigned_abs),
            credential_at: self.credential_at,
            status: Status::read(&self.status, self.broken_reason),
        })
    }
}

/// A channel account of the transaction's tenant; none for another tenant's.
///
/// # Errors
/// When its credentials can't be opened.
pub async fn channel_account(tx: &mut Tx, id: ChannelAccountId, keyring: &KeyRing) -> Result<Option<ChannelAccount>, StoreError> {
    let row: Option<AccountRow> =
        sqlx::query_as(AssertSqlSafe(format!("{ACCOUNT} where id = $1"))).bind(id).fetch_optional(tx.conn()).await?;
    row.map(|row| row.open(keyring)).transpose()
}

/// The account that a messenger knows under this id, whosever it is.
///
/// # Errors
/// When the database can't be reached.
pub async fn account_named(
    db: &Db,
    kind: ChannelKind,
    external_id: &str,
) -> Result<Option<(TenantId, ChannelAccountId)>, StoreError> {
    Ok(sqlx::query_as("select tenant_id, id from channel_account_named($1, $2)")
        .bind(kind.as_str())
        .bind(external_id)
        .fetch_optional(db.narrow())
        .await?)
}

/// Every channel account of the tenant, by kind and name; one whose credentials can't be opened as that error, under its name.
///
/// # Errors
/// When the database can't be reached.
pub async fn channel_accounts(
    tx: &mut Tx,
    keyring: &KeyRing,
) -> Result<Vec<(String, Result<ChannelAccount, StoreError>)>, StoreError> {
    let tenant = tx.tenant();
    let sql = format!("{ACCOUNT} where tenant_id = $1 order by kind, name");
    let rows: Vec<AccountRow> = sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).fetch_all(tx.conn()).await?;
    Ok(rows.into_iter().map(|row| (format!("{}/{}", row.kind, row.name), row.open(keyring))).collect())
}

/// Stops a channel account: nothing is sent through it until its credentials are replaced. False if it had stopped already.
///
/// # Errors
/// When the database refuses.
pub async fn break_account(tx: &mut Tx, id: ChannelAccountId, reason: &str) -> Result<bool, StoreError> {
    Table::ChannelAccount.stop(tx, id.0, reason).await
}

/// Puts a channel account back to work, after its vendor was seen to take its credentials. False if it worked already.
///
/// # Errors
/// When the database refuses.
pub async fn mend_account(tx: &mut Tx, id: ChannelAccountId) -> Result<bool, StoreError> {
    Table::ChannelAccount.mend(tx, id.0).await
}

/// An account's webhook address, as far as it is stored: its key.
#[derive(Debug)]
pub struct WebhookKey {
    /// Which vendor posts to it: a channel's name, or `calcom`.
    pub source: String,
    /// The channel account or the connection.
    pub target: Uuid,
    /// The account, for people: `telegram/main`, `calcom`.
    pub account: String,
    /// False for an account that the tenant file no longer names.
    pub in_file: bool,
    /// The key; the error if it can't be opened.
    pub key: Result<SecretString, StoreError>,
}

/// The tenant's webhook addresses, by account.
///
/// # Errors
/// When the database can't be reached.
pub async fn webhooks(tx: &mut Tx, keyring: &KeyRing) -> Result<Vec<WebhookKey>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<(String, Uuid, Vec<u8>, String, bool)> = sqlx::query_as(
        "select e.source, e.target_id, e.sealed_key, coalesce(a.kind || '/' || a.name, e.source) as account,
           coalesce(a.broken_reason, c.broken_reason) is distinct from $2 as in_file
         from endpoint e left join channel_account a on a.id = e.target_id left join connection c on c.id = e.target_id where e.tenant_id = $1 order by account",
    )
    .bind(tenant)
    .bind(REMOVED)
    .fetch_all(tx.conn())
    .await?;
    let opened = rows.into_iter().map(|(source, target, blob, account, in_file)| {
        let key = keyring.open(&Sealed(blob), &endpoint_context(target)).map_err(StoreError::from);
        let key = key.and_then(|key| String::from_utf8(key).map_err(|_| StoreError::Corrupt("endpoint.sealed_key")));
        WebhookKey { source, target, account, in_file, key: key.map(Into::into) }
    });
    Ok(opened.collect())
}
