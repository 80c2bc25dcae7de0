//! Reads salons, their catalogues and their accounts. Everything here takes a transaction of the tenant, except the few look-ups that
//! find out whose turn it is.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use sqlx::{FromRow, types::Json};
use url::Url;
use uuid::Uuid;

use super::{
    credentials::{account_context, connection_context, endpoint_context, open},
    directory::{Catalogue, Endpoint, Service, Staff, StaffService, Tenant},
};
use crate::{
    booking::CalendarAccount,
    channel::{Account, ChannelKind},
    crm::CrmAccount,
    crypto::{KeyRing, Sealed, sha256},
    ids::{ChannelAccountId, ConnectionId, ServiceId, StaffId, TenantId},
    schedule::{QuietHours, ReminderPolicy},
    store::{Db, StoreError, Tx},
};

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
    /// What the adapter needs.
    pub account: CrmAccount,
    /// False: the salon keeps the connection but wants nothing sent.
    pub enabled: bool,
    /// Whether it is used.
    pub status: Status,
}

/// The id of the salon with this slug.
///
/// # Errors
/// When the database can't be reached.
pub async fn id_by_slug(db: &Db, slug: &str) -> Result<Option<TenantId>, StoreError> {
    Ok(sqlx::query_scalar("select tenant_id_by_slug($1)").bind(slug).fetch_one(db.narrow()).await?)
}

/// Up to `limit` salons after `after`, by id.
///
/// # Errors
/// When the database can't be reached.
pub async fn ids(db: &Db, after: Option<TenantId>, limit: i32) -> Result<Vec<TenantId>, StoreError> {
    Ok(sqlx::query_scalar("select tenant_ids($1, $2)").bind(after).bind(limit).fetch_all(db.narrow()).await?)
}

/// Whose webhook address carries this key. Only its SHA-256 leaves the process.
///
/// # Errors
/// When the database can't be reached.
pub async fn resolve_endpoint(db: &Db, key: &str) -> Result<Option<Endpoint>, StoreError> {
    let found: Option<(TenantId, String, Uuid)> = sqlx::query_as("select tenant_id, source, target_id from endpoint_resolve($1)")
        .bind(sha256(key.as_bytes()).as_slice())
        .fetch_optional(db.narrow())
        .await?;
    Ok(found.map(|(tenant, source, target)| Endpoint { tenant, source, target }))
}

#[derive(FromRow)]
struct TenantRow {
    id: TenantId,
    slug: String,
    name: String,
    zone: String,
    languages: Vec<String>,
    phone_region: String,
    address: Option<String>,
    quiet_hours: Option<Json<QuietHours>>,
    reminder_policy: Json<ReminderPolicy>,
    cancel_until_hours: i32,
    version: i64,
}

/// The transaction's salon.
///
/// # Errors
/// When it does not exist ([`sqlx::Error::RowNotFound`]), or a stored value can't be read.
pub async fn load_tenant(tx: &mut Tx) -> Result<Tenant, StoreError> {
    let id = tx.tenant();
    let row: TenantRow = sqlx::query_as(
        "select id, slug, name, zone, languages, phone_region, address, quiet_hours, reminder_policy, cancel_until_hours, version
         from tenant where id = $1",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?;
    let languages: Result<Vec<_>, _> = row.languages.iter().map(|code| code.parse()).collect();
    Ok(Tenant {
        id: row.id,
        slug: row.slug,
        name: row.name,
        zone: row.zone.parse().map_err(|_| StoreError::Corrupt("tenant.zone"))?,
        languages: languages.map_err(|_| StoreError::Corrupt("tenant.languages"))?,
        phone_region: row.phone_region,
        address: row.address,
        quiet_hours: row.quiet_hours.map_or(QuietHours::NONE, |quiet| quiet.0),
        reminder_policy: row.reminder_policy.0,
        cancel_until_hours: row.cancel_until_hours.unsigned_abs(),
        version: row.version,
    })
}

#[derive(FromRow)]
struct ServiceRow {
    id: ServiceId,
    key: String,
    titles: Json<BTreeMap<crate::lang::Lang, String>>,
    minutes: i32,
    price: Option<String>,
    active: bool,
}

#[derive(FromRow)]
struct StaffRow {
    id: StaffId,
    key: String,
    name: String,
    host_id: Option<i64>,
    active: bool,
    services: Vec<ServiceId>,
    event_types: Vec<i64>,
}

/// The salon's services and masters.
///
/// # Errors
/// When the database can't be reached, or a stored value can't be read.
pub async fn load_catalogue(tx: &mut Tx) -> Result<Catalogue, StoreError> {
    let tenant = tx.tenant();
    let services: Vec<ServiceRow> = sqlx::query_as(
        "select id, key, titles, minutes, price, active from service where tenant_id = $1 order by active desc, position, key",
    )
    .bind(tenant)
    .fetch_all(tx.conn())
    .await?;
    let staff: Vec<StaffRow> = sqlx::query_as(
        "select s.id, s.key, s.name, s.host_id, s.active,
           coalesce(array_agg(d.service_id order by v.position, v.key) filter (where d.staff_id is not null), '{}') as services,
           coalesce(array_agg(d.event_type_id order by v.position, v.key) filter (where d.staff_id is not null), '{}') as event_types
         from staff s left join staff_service d on d.staff_id = s.id left join service v on v.id = d.service_id
         where s.tenant_id = $1 group by s.id order by s.active desc, s.position, s.key",
    )
    .bind(tenant)
    .fetch_all(tx.conn())
    .await?;
    Ok(Catalogue { services: services.into_iter().map(service).collect(), staff: staff.into_iter().map(master).collect() })
}

fn service(row: ServiceRow) -> Service {
    Service {
        id: row.id,
        key: row.key,
        titles: row.titles.0,
        minutes: row.minutes.unsigned_abs(),
        price: row.price,
        active: row.active,
    }
}

fn master(row: StaffRow) -> Staff {
    let pairs = row.services.into_iter().zip(row.event_types);
    let services = pairs.map(|(service, event_type_id)| StaffService { service, event_type_id }).collect();
    Staff { id: row.id, key: row.key, name: row.name, host_id: row.host_id, services, active: row.active }
}

#[derive(FromRow)]
struct AccountRow {
    id: ChannelAccountId,
    kind: String,
    name: String,
    base_url: String,
    credentials: Vec<u8>,
    status: String,
    broken_reason: Option<String>,
}

impl AccountRow {
    fn open(self, keyring: &KeyRing) -> Result<ChannelAccount, StoreError> {
        let secrets = open(self.credentials, &account_context(self.id), keyring)?;
        Ok(ChannelAccount {
            id: self.id,
            kind: self.kind.parse().map_err(|_| StoreError::Corrupt("channel_account.kind"))?,
            name: self.name,
            account: Account { base_url: address(&self.base_url)?, secrets },
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
        sqlx::query_as("select id, kind, name, base_url, credentials, status, broken_reason from channel_account where id = $1")
            .bind(id)
            .fetch_optional(tx.conn())
            .await?;
    row.map(|row| row.open(keyring)).transpose()
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
    let rows: Vec<AccountRow> = sqlx::query_as(
        "select id, kind, name, base_url, credentials, status, broken_reason from channel_account where tenant_id = $1 order by kind, name",
    )
    .bind(tenant)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (format!("{}/{}", row.kind, row.name), row.open(keyring))).collect())
}

#[derive(FromRow)]
struct ConnectionRow {
    id: ConnectionId,
    base_url: String,
    settings: serde_json::Value,
    credentials: Vec<u8>,
    status: String,
    broken_reason: Option<String>,
}

async fn connection(tx: &mut Tx, kind: &str) -> Result<Option<ConnectionRow>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "select id, base_url, settings, credentials, status, broken_reason from connection where tenant_id = $1 and kind = $2",
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

#[derive(Deserialize)]
struct ErxesSettings {
    integration_id: String,
    enabled: bool,
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

/// The tenant's CRM.
///
/// # Errors
/// When its credentials can't be opened, or a stored value can't be read.
pub async fn crm_account(tx: &mut Tx, keyring: &KeyRing) -> Result<Option<CrmConnection>, StoreError> {
    let Some(row) = connection(tx, "erxes").await? else { return Ok(None) };
    let settings: ErxesSettings = serde_json::from_value(row.settings).map_err(|_| StoreError::Corrupt("connection.settings"))?;
    let secrets = open(row.credentials, &connection_context(row.id), keyring)?;
    let account = CrmAccount { base_url: address(&row.base_url)?, integration_id: settings.integration_id, secrets };
    Ok(Some(CrmConnection {
        id: row.id,
        account,
        enabled: settings.enabled,
        status: Status::read(&row.status, row.broken_reason),
    }))
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

/// Adds to the tenant's audit log.
pub(super) async fn audit(
    tx: &mut Tx,
    actor: &str,
    action: &str,
    subject: &str,
    detail: &serde_json::Value,
) -> Result<(), StoreError> {
    let (id, tenant, now): (Uuid, _, _) = (tx.new_id(), tx.tenant(), tx.now());
    sqlx::query("insert into audit_log (id, tenant_id, actor, action, subject, detail, at) values ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(tenant)
        .bind(actor)
        .bind(action)
        .bind(subject)
        .bind(detail)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The keys of the tenant's webhook addresses: source, target, key.
///
/// # Errors
/// When a key can't be opened.
pub async fn webhooks(tx: &mut Tx, keyring: &KeyRing) -> Result<Vec<(String, Uuid, SecretString)>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<(String, Uuid, Vec<u8>)> =
        sqlx::query_as("select source, target_id, sealed_key from endpoint where tenant_id = $1 order by source, target_id")
            .bind(tenant)
            .fetch_all(tx.conn())
            .await?;
    let opened = rows.into_iter().map(|(source, target, blob)| {
        let key = keyring.open(&Sealed(blob), &endpoint_context(target))?;
        let key = String::from_utf8(key).map_err(|_| StoreError::Corrupt("endpoint.sealed_key"))?;
        Ok((source, target, key.into()))
    });
    opened.collect()
}

/// How much there is of a salon, for an operator's glance.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct TenantNumbers {
    /// People who wrote.
    pub clients: i64,
    /// Visits ahead that are booked.
    pub bookings_ahead: i64,
    /// Messages that wait to be sent.
    pub messages_waiting: i64,
}

impl TenantNumbers {
    /// Counts.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn load(tx: &mut Tx) -> Result<Self, StoreError> {
        let (tenant, now) = (tx.tenant(), tx.now());
        Ok(sqlx::query_as(
            "select (select count(*) from client where tenant_id = $1) as clients,
               (select count(*) from booking where tenant_id = $1 and status = 'booked' and start_at > $2) as bookings_ahead,
               (select count(*) from message where tenant_id = $1 and state in ('queued', 'sending')) as messages_waiting",
        )
        .bind(tenant)
        .bind(now)
        .fetch_one(tx.conn())
        .await?)
    }
}
