//! Reads a salon's calendar and CRMs, opens their credentials, and stops or mends them. Everything here takes a transaction of the tenant.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::collections::BTreeMap;

use serde::Deserialize;
use sqlx::{AssertSqlSafe, FromRow};
use url::Url;

use super::{
    credentials::{connection_context, open},
    status::{Status, Table, address, noted},
};
use crate::{
    booking::CalendarAccount,
    crm::{CrmAccount, CrmKind, CrmSecrets, FieldMap, FieldSettings, crm},
    crypto::KeyRing,
    ids::ConnectionId,
    job::Queue,
    store::{StoreError, Tx},
    vendor::Rate,
};

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

const CONNECTION: &str = "select id, kind, base_url, settings, credentials, status, broken_reason from connection";

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
    let sql = format!("{CONNECTION} where tenant_id = $1 and kind = $2");
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).bind(kind).fetch_optional(tx.conn()).await?)
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
    let sql = format!("{CONNECTION} where tenant_id = $1 and kind = any ($2) order by kind");
    let rows: Vec<ConnectionRow> = sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).bind(kinds).fetch_all(tx.conn()).await?;
    rows.into_iter().map(|row| Ok((row.crm_kind()?, row.open_crm(keyring)))).collect()
}

/// One CRM of the tenant; none for another tenant's.
///
/// # Errors
/// When its credentials can't be opened, or a stored value can't be read.
pub async fn crm_connection(tx: &mut Tx, id: ConnectionId, keyring: &KeyRing) -> Result<Option<CrmConnection>, StoreError> {
    let row: Option<ConnectionRow> =
        sqlx::query_as(AssertSqlSafe(format!("{CONNECTION} where id = $1"))).bind(id).fetch_optional(tx.conn()).await?;
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
            rate: crm(kind).capabilities().rate.or_as_told(settings.per_second),
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

/// Stops a connection: nothing is asked of it until its credentials are replaced. False if it had stopped already.
///
/// # Errors
/// When the database refuses.
pub async fn break_connection(tx: &mut Tx, id: ConnectionId, reason: &str) -> Result<bool, StoreError> {
    Table::Connection.stop(tx, id.0, reason).await
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

/// Puts a connection back to work, after its vendor was seen to take its credentials, and what waited for that. False if it worked
/// already.
///
/// # Errors
/// When the database refuses.
pub async fn mend_connection(tx: &mut Tx, id: ConnectionId) -> Result<bool, StoreError> {
    let mended = Table::Connection.mend(tx, id.0).await?;
    if mended {
        wake_waiting(tx, id).await?;
    }
    Ok(mended)
}

/// Has what waits for a CRM, because it was stopped or switched off, tried at once.
///
/// # Errors
/// When the database refuses.
pub(super) async fn wake_waiting(tx: &mut Tx, id: ConnectionId) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query("select crm_wake($1, $2)").bind(id).bind(now).execute(tx.conn()).await?;
    tx.wake(Queue::Crm);
    Ok(())
}
