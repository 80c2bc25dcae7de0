//! Reads salons, their catalogues and their accounts. Everything here takes a transaction of the tenant, except the few look-ups that
//! find out whose turn it is.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::collections::BTreeMap;

use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::directory::{Catalogue, Chat, Endpoint, Service, Site, Staff, StaffService, Tenant};
use crate::{
    crypto::sha256,
    ids::{ServiceId, StaffId, TenantId},
    lang::Lang,
    schedule::{QuietHours, ReminderPolicy},
    store::{Db, StoreError, Tx},
};

/// The id of the salon with this slug.
///
/// # Errors
/// When the database can't be reached.
pub async fn id_by_slug(db: &Db, slug: &str) -> Result<Option<TenantId>, StoreError> {
    if !can_be_stored(slug) {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("select tenant_id_by_slug($1)").bind(slug).fetch_one(db.narrow()).await?)
}

/// Up to `limit` salons after `after`, by id.
///
/// # Errors
/// When the database can't be reached.
pub async fn ids(db: &Db, after: Option<TenantId>, limit: i32) -> Result<Vec<TenantId>, StoreError> {
    Ok(sqlx::query_scalar("select tenant_ids($1, $2)").bind(after).bind(limit).fetch_all(db.narrow()).await?)
}

/// PostgreSQL stores no U+0000: nobody has such a name, and asking for it would be an error of ours.
fn can_be_stored(name: &str) -> bool {
    !name.contains('\0')
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
    fallback_minutes: i32,
    version: i64,
}

/// The transaction's salon.
///
/// # Errors
/// When it does not exist ([`sqlx::Error::RowNotFound`]), or a stored value can't be read.
pub async fn load_tenant(tx: &mut Tx) -> Result<Tenant, StoreError> {
    let id = tx.tenant();
    let row: TenantRow = sqlx::query_as(
        "select id, slug, name, zone, languages, phone_region, address, quiet_hours, reminder_policy, cancel_until_hours, fallback_minutes, version
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
        fallback_minutes: row.fallback_minutes.unsigned_abs(),
        version: row.version,
    })
}

#[derive(FromRow)]
struct ServiceRow {
    id: ServiceId,
    key: String,
    titles: Json<BTreeMap<Lang, String>>,
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

/// The salon's site, if it has a form that is in use.
///
/// # Errors
/// When the database can't be reached.
pub async fn load_site(tx: &mut Tx) -> Result<Option<Site>, StoreError> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as("select form_key, origins, consent from site where tenant_id = $1 and active")
        .bind(tenant)
        .fetch_optional(tx.conn())
        .await?)
}

/// Whose form carries this key.
///
/// # Errors
/// When the database can't be reached.
pub async fn tenant_of_form(db: &Db, form_key: &str) -> Result<Option<TenantId>, StoreError> {
    if !can_be_stored(form_key) {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("select site_by_form($1)").bind(form_key).fetch_one(db.narrow()).await?)
}

/// Whether any salon has forms on pages of this origin.
///
/// # Errors
/// When the database can't be reached.
pub async fn is_site_of_some_tenant(db: &Db, origin: &str) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select site_origin_known($1)").bind(origin).fetch_one(db.narrow()).await?)
}

/// The salon's chats, as far as a link can lead to them: those in use, the oldest first.
///
/// # Errors
/// When the database can't be reached, or a stored value can't be read.
pub async fn load_chats(tx: &mut Tx) -> Result<Vec<Chat>, StoreError> {
    let tenant = tx.tenant();
    let rows: Vec<(String, String, Option<String>, Option<String>)> = sqlx::query_as(
        "select kind, name, external_id, vendor_name from channel_account where tenant_id = $1 and status = 'active' order by id",
    )
    .bind(tenant)
    .fetch_all(tx.conn())
    .await?;
    let chat = |(kind, name, external_id, public_name): (String, String, Option<String>, Option<String>)| {
        let kind = kind.parse().map_err(|_| StoreError::Corrupt("channel_account.kind"))?;
        Ok(Chat { kind, name, external_id: external_id.unwrap_or_default(), public_name })
    };
    rows.into_iter().map(chat).collect()
}

/// Keeps everybody else who would change this salon's accounts waiting until the transaction ends. Not the salon's row: there is none
/// yet while its file is applied for the first time.
pub(super) async fn lock(tx: &mut Tx, slug: &str) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('tenant apply ' || $1, 0))").bind(slug).execute(tx.conn()).await?;
    Ok(())
}

/// Adds to the tenant's audit log.
pub(crate) async fn audit(
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
