//! Reads a salon's accounts at the vendors, opens their credentials, and stops or mends them. Everything here takes a transaction of
//! the tenant.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use sqlx::{AssertSqlSafe, FromRow};
use url::Url;
use uuid::Uuid;

use super::{
    credentials::{account_context, connection_context, endpoint_context, open},
    store::audit,
};
use crate::{
    booking::CalendarAccount,
    channel::{Account, ChannelKind, Pacing, adapter},
    crm::{CrmAccount, CrmKind, CrmSecrets, FieldMap, FieldSettings, crm},
    crypto::{KeyRing, Sealed},
    ids::{ChannelAccountId, ConnectionId, TenantId},
    store::{Db, StoreError, Tx},
    vendor::Rate,
};

/// Why an account that the tenant file no longer names is out of use.
pub(super) const REMOVED: &str = "no longer in the tenant file";

/// Whether an account is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Active,
    /// It is not, until somebody sees to it.
    Broken {
        /// Why, without anything secret.
        reason: String,
    },
}

impl Status {
    fn read(status: &str, reason: Option<String>) -> Self {
        match status {
            "active" => Self::Active,
            _ => Self::Broken { reason: reason.unwrap_or_default() },
        }
    }

    /// True if the account is out of use because the tenant file no longer names it.
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Broken { reason } if reason == REMOVED)
    }

    /// True if the account is used.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

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

/// A salon's calendar.
#[derive(Debug, Clone)]
pub struct CalendarConnection {
    /// Id.
    pub id: ConnectionId,
    /// What the adapter needs.
    pub account: CalendarAccount,
    /// Whether it is used.
    pub status: Status,
}

/// A salon's CRM.
#[derive(Debug, Clone)]
pub struct CrmConnection {
    /// Id.
    pub id: ConnectionId,
    /// Which CRM.
    pub kind: CrmKind,
    /// What the adapter needs.
    pub account: CrmAccount,
    /// False: the salon keeps the connection but wants nothing sent.
    pub enabled: bool,
    /// Whether what was said is told.
    pub transcripts: bool,
    /// How often it may be called, all our processes together.
    pub rate: Rate,
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
        match self.per_second {
            Some(count) => Pacing { account: Rate { count, per: Duration::from_secs(1), burst: count }, ..published },
            None => published,
        }
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

#[derive(FromRow)]
struct ConnectionRow {
    id: ConnectionId,
    kind: String,
    base_url: String,
    settings: serde_json::Value,
    credentials: Vec<u8>,
    status: String,
    broken_reason: Option<String>,
}

async fn connection(tx: &mut Tx, kind: &str) -> Result<Option<ConnectionRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "select id, kind, base_url, settings, credentials, status, broken_reason from connection where tenant_id = $1 and kind = $2",
    )
    .bind(tenant)
    .bind(kind)
    .fetch_optional(tx.conn())
    .await?)
}

#[derive(Deserialize)]
struct CalcomSettings {
    team_id: Option<i64>,
    #[serde(default)]
    versions: BTreeMap<String, String>,
}

/// What every CRM's settings hold; the rest is the adapter's own.
#[derive(Deserialize)]
pub(super) struct CrmSettings {
    pub(super) enabled: bool,
    #[serde(default = "yes")]
    transcripts: bool,
    per_second: Option<u32>,
    #[serde(flatten)]
    fields: FieldSettings,
}

fn yes() -> bool {
    true
}

/// The tenant's calendar.
///
/// # Errors
/// When its credentials can't be opened, or a stored value can't be read.
pub async fn calendar_account(tx: &mut Tx, keyring: &KeyRing) -> Result<Option<CalendarConnection>, StoreError> {
    let Some(row) = connection(tx, "calcom").await? else { return Ok(None) };
    let settings: CalcomSettings =
        serde_json::from_value(row.settings).map_err(|_| StoreError::Corrupt("connection.settings"))?;
    let secrets = open(row.credentials, &connection_context(row.id), keyring)?;
    let account =
        CalendarAccount { base_url: address(&row.base_url)?, team_id: settings.team_id, versions: settings.versions, secrets };
    Ok(Some(CalendarConnection { id: row.id, account, status: Status::read(&row.status, row.broken_reason) }))
}

/// The tenant's CRMs, in use or not, by kind; one whose credentials can't be opened as that error.
///
/// # Errors
/// When the database can't be reached.
pub async fn crm_connections(
    tx: &mut Tx,
    keyring: &KeyRing,
) -> Result<Vec<(CrmKind, Result<CrmConnection, StoreError>)>, StoreError> {
    let tenant = tx.tenant();
    let kinds: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
    let rows: Vec<ConnectionRow> = sqlx::query_as(
        "select id, kind, base_url, settings, credentials, status, broken_reason from connection
         where tenant_id = $1 and kind = any ($2) order by kind",
    )
    .bind(tenant)
    .bind(kinds)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(|row| Ok((row.crm_kind()?, row.open_crm(keyring)))).collect()
}

/// One CRM of the tenant; none for another tenant's.
///
/// # Errors
/// When its credentials can't be opened, or a stored value can't be read.
pub async fn crm_connection(tx: &mut Tx, id: ConnectionId, keyring: &KeyRing) -> Result<Option<CrmConnection>, StoreError> {
    let row: Option<ConnectionRow> =
        sqlx::query_as("select id, kind, base_url, settings, credentials, status, broken_reason from connection where id = $1")
            .bind(id)
            .fetch_optional(tx.conn())
            .await?;
    row.map(|row| row.open_crm(keyring)).transpose()
}

impl ConnectionRow {
    fn crm_kind(&self) -> Result<CrmKind, StoreError> {
        self.kind.parse().map_err(|_| StoreError::Corrupt("connection.kind"))
    }

    fn open_crm(self, keyring: &KeyRing) -> Result<CrmConnection, StoreError> {
        let kind = self.crm_kind()?;
        let secrets = open(self.credentials, &connection_context(self.id), keyring)?;
        let (settings, account) = crm_settings(kind, address(&self.base_url)?, self.settings, secrets)?;
        Ok(CrmConnection {
            id: self.id,
            kind,
            account,
            enabled: settings.enabled,
            transcripts: settings.transcripts,
            rate: match settings.per_second {
                Some(count) => Rate { count, per: Duration::from_secs(1), burst: count },
                None => crm(kind).capabilities().rate,
            },
            status: Status::read(&self.status, self.broken_reason),
        })
    }
}

/// A CRM's settings, and what its adapter needs.
pub(super) fn crm_settings(
    kind: CrmKind,
    base_url: Url,
    settings: serde_json::Value,
    secrets: CrmSecrets,
) -> Result<(CrmSettings, CrmAccount), StoreError> {
    let common = CrmSettings::deserialize(&settings).map_err(|_| StoreError::Corrupt("connection.settings"))?;
    let fields = FieldMap::new(crm(kind).fields(), &common.fields);
    Ok((common, CrmAccount { base_url, settings, fields, secrets }))
}

/// Without a trailing slash in its path, as the adapters want it.
fn address(text: &str) -> Result<Url, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("base_url"))
}

/// Stops a channel account: nothing is sent through it until its credentials are replaced. False if it had stopped already.
///
/// # Errors
/// When the database refuses.
pub async fn break_account(tx: &mut Tx, id: ChannelAccountId, reason: &str) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = sqlx::query(
        "update channel_account set status = 'broken', broken_reason = $2, updated_at = $3 where id = $1 and status = 'active'",
    )
    .bind(id)
    .bind(reason)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    noted(tx, changed, "channel_account.broken", id.0, Some(reason)).await
}

/// Stops a connection: nothing is asked of it until its credentials are replaced. False if it had stopped already.
///
/// # Errors
/// When the database refuses.
pub async fn break_connection(tx: &mut Tx, id: ConnectionId, reason: &str) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = sqlx::query(
        "update connection set status = 'broken', broken_reason = $2, updated_at = $3 where id = $1 and status = 'active'",
    )
    .bind(id)
    .bind(reason)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    noted(tx, changed, "connection.broken", id.0, Some(reason)).await
}

/// Switches a CRM off: it is told nothing any more, and keeps its links. False if it was off.
///
/// # Errors
/// When the database refuses.
pub async fn switch_off(tx: &mut Tx, id: ConnectionId) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = sqlx::query(
        "update connection set settings = jsonb_set(settings, '{enabled}', 'false'), updated_at = $2
         where id = $1 and coalesce((settings ->> 'enabled')::boolean, true)",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    noted(tx, changed, "connection.switched_off", id.0, None).await
}

/// Puts a channel account back to work, after its vendor was seen to take its credentials. False if it worked already.
///
/// # Errors
/// When the database refuses.
pub async fn mend_account(tx: &mut Tx, id: ChannelAccountId) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = sqlx::query(
        "update channel_account set status = 'active', broken_reason = null, updated_at = $2 where id = $1 and status = 'broken'",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    noted(tx, changed, "channel_account.mended", id.0, None).await
}

/// Puts a connection back to work, after its vendor was seen to take its credentials. False if it worked already.
///
/// # Errors
/// When the database refuses.
pub async fn mend_connection(tx: &mut Tx, id: ConnectionId) -> Result<bool, StoreError> {
    let now = tx.now();
    let changed = sqlx::query(
        "update connection set status = 'active', broken_reason = null, updated_at = $2 where id = $1 and status = 'broken'",
    )
    .bind(id)
    .bind(now)
    .execute(tx.conn())
    .await?
    .rows_affected();
    noted(tx, changed, "connection.mended", id.0, None).await
}

async fn noted(tx: &mut Tx, changed: u64, action: &str, subject: Uuid, reason: Option<&str>) -> Result<bool, StoreError> {
    if changed > 0 {
        audit(tx, "system", action, &subject.to_string(), &json!({ "reason": reason })).await?;
    }
    Ok(changed > 0)
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
           a.broken_reason is distinct from $2 as in_file
         from endpoint e left join channel_account a on a.id = e.target_id where e.tenant_id = $1 order by account",
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
