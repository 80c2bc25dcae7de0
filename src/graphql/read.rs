//! What the subgraph reads. Every statement over tenants' rows runs in a transaction that sees only tenants in the caller's sight;
//! the functions that take a [`Db`] call the narrow database functions, which hand out ids.
#![allow(clippy::disallowed_methods, reason = "read models are where the subgraph's SQL lives")]

mod enquiries;

pub(super) use self::enquiries::{EnquiryRow, count_enquiries, enquiries};

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::types::{SalonAccountStatus, SalonBookingOrigin, SalonBookingStatus, SalonMessageDirection, SalonMessageState};
use crate::{
    ids::{BookingId, ChannelAccountId, ClientId, ConversationId, MessageId, TenantId},
    store::{Db, StoreError, Tx},
};

/// A tenant with its places in other systems.
#[derive(Debug, Clone, FromRow)]
pub(in crate::graphql) struct TenantRow {
    pub(super) id: TenantId,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) zone: String,
    pub(super) languages: Vec<String>,
    pub(super) phone_region: String,
    pub(super) address: Option<String>,
    pub(super) cancel_until_hours: i32,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) brand_id: Option<String>,
    pub(super) calcom_team_id: Option<String>,
}

/// A tenant's account at a messenger, without its credentials.
#[derive(Debug, Clone, FromRow)]
pub(in crate::graphql) struct ChannelAccountRow {
    pub(super) id: ChannelAccountId,
    pub(super) tenant_id: TenantId,
    pub(super) kind: String,
    pub(super) name: String,
    #[sqlx(try_from = "String")]
    pub(super) status: SalonAccountStatus,
    pub(super) broken_reason: Option<String>,
    pub(super) watched_at: Option<DateTime<Utc>>,
    pub(super) vendor_name: Option<String>,
    pub(super) pending_updates: Option<i64>,
    pub(super) problems: Vec<String>,
}

/// A client and the customer of erxes they are.
#[derive(Debug, Clone, FromRow)]
pub(in crate::graphql) struct ClientRow {
    pub(super) id: ClientId,
    pub(super) tenant_id: TenantId,
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) lang: Option<String>,
    pub(super) customer_id: Option<String>,
}

/// A booking with the names of what was booked.
#[derive(Debug, Clone, FromRow)]
pub(in crate::graphql) struct BookingRow {
    pub(super) id: BookingId,
    pub(super) tenant_id: TenantId,
    pub(super) client_id: Option<ClientId>,
    pub(super) service_title: Option<String>,
    pub(super) staff_name: Option<String>,
    pub(super) start_at: DateTime<Utc>,
    pub(super) end_at: DateTime<Utc>,
    #[sqlx(try_from = "String")]
    pub(super) status: SalonBookingStatus,
    #[sqlx(try_from = "String")]
    pub(super) origin: SalonBookingOrigin,
    pub(super) reason: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    /// Set when asked for by customers.
    pub(super) customer_id: Option<String>,
}

/// A row of the message log.
#[derive(Debug, Clone, FromRow)]
pub(in crate::graphql) struct MessageRow {
    pub(super) id: MessageId,
    pub(super) tenant_id: TenantId,
    pub(super) conversation_id: ConversationId,
    pub(super) client_id: ClientId,
    pub(super) channel_account_id: ChannelAccountId,
    #[sqlx(try_from = "String")]
    pub(super) direction: SalonMessageDirection,
    pub(super) kind: String,
    pub(super) text: Option<String>,
    #[sqlx(try_from = "String")]
    pub(super) state: SalonMessageState,
    pub(super) error_class: Option<String>,
    pub(super) error_code: Option<String>,
    pub(super) booking_id: Option<BookingId>,
    pub(super) hop_of: Option<MessageId>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) sent_at: Option<DateTime<Utc>>,
    pub(super) delivered_at: Option<DateTime<Utc>>,
    pub(super) read_at: Option<DateTime<Utc>>,
    /// Set when asked for by customers.
    pub(super) customer_id: Option<String>,
}

/// Which bookings of a tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct BookingFilter {
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) to: Option<DateTime<Utc>>,
    pub(super) status: Option<SalonBookingStatus>,
    pub(super) client: Option<ClientId>,
}

/// Which messages of a tenant.
#[derive(Debug, Clone, Default)]
pub(super) struct MessageFilter {
    pub(super) conversation: Option<ConversationId>,
    pub(super) client: Option<ClientId>,
    pub(super) state: Option<SalonMessageState>,
}

pub(super) async fn tenant_ids(db: &Db, after: Option<TenantId>, limit: i64) -> Result<Vec<TenantId>, StoreError> {
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    Ok(sqlx::query_scalar("select tenant_ids($1, $2)").bind(after).bind(limit).fetch_all(db.narrow()).await?)
}

pub(super) async fn count_tenants(db: &Db) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from tenant_ids(null, null)").fetch_one(db.narrow()).await?)
}

/// Without ids that hold a NUL: PostgreSQL stores none, so nobody has them, and asking would be an error.
fn storable(ids: &[String]) -> Vec<&str> {
    ids.iter().map(String::as_str).filter(|id| !id.contains('\0')).collect()
}

pub(super) async fn tenants_of_brands(db: &Db, brands: &[String]) -> Result<Vec<(TenantId, String)>, StoreError> {
    Ok(sqlx::query_as("select tenant_id, brand_id from tenant_ids_by_brand($1)")
        .bind(storable(brands))
        .fetch_all(db.narrow())
        .await?)
}

pub(super) async fn tenants_of_customers(db: &Db, customers: &[String]) -> Result<Vec<TenantId>, StoreError> {
    let query = sqlx::query_scalar("select distinct tenant_id from crm_clients_by_their_ids($1)");
    Ok(query.bind(storable(customers)).fetch_all(db.narrow()).await?)
}

pub(super) async fn tenant_exists(tx: &mut Tx, tenant: TenantId) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar("select exists (select from tenant where id = $1)").bind(tenant).fetch_one(tx.conn()).await?)
}

/// All tenants of the transaction, by id.
pub(super) async fn tenants(tx: &mut Tx) -> Result<Vec<TenantRow>, StoreError> {
    let query = sqlx::query_as(
        "select t.id, t.slug, t.name, t.zone, t.languages, t.phone_region, t.address, t.cancel_until_hours, t.created_at, t.updated_at,
           b.external_id as brand_id, c.external_id as calcom_team_id
         from tenant t
         left join tenant_mapping b on b.tenant_id = t.id and b.system = 'erxes_brand'
         left join tenant_mapping c on c.tenant_id = t.id and c.system = 'calcom_team'
         where t.id = any (salon_tenants()) order by t.id",
    );
    Ok(query.fetch_all(tx.conn()).await?)
}

/// All channel accounts of the transaction's tenants, in the order of kind and name.
pub(super) async fn channel_accounts(tx: &mut Tx) -> Result<Vec<ChannelAccountRow>, StoreError> {
    let query = sqlx::query_as(
        "select id, tenant_id, kind, name, status, broken_reason, watched_at, vendor_name, pending_updates, problems from channel_account
         where tenant_id = any (salon_tenants()) order by kind, name",
    );
    Ok(query.fetch_all(tx.conn()).await?)
}

pub(super) async fn clients(tx: &mut Tx, ids: &[ClientId]) -> Result<Vec<ClientRow>, StoreError> {
    let query = sqlx::query_as(
        "select c.id, c.tenant_id, c.name, c.phone, c.lang,
           (select l.their_id from crm_link l join connection k on k.id = l.connection_id and k.kind = 'erxes'
            where l.entity = 'client' and l.our_id = c.id limit 1) as customer_id
         from client c where c.id = any ($1)",
    );
    Ok(query.bind(ids).fetch_all(tx.conn()).await?)
}

/// A title is told in the salon's own language, the first of its list.
macro_rules! booking_columns {
    () => {
        "b.id, b.tenant_id, b.client_id, coalesce(s.titles ->> t.languages[1], s.key) as service_title, f.name as staff_name, b.start_at, b.end_at,
         b.status, b.origin, b.reason, b.created_at, b.updated_at"
    };
}

/// What [`booking_columns`] needs next to `b`.
macro_rules! booking_names {
    () => {
        " join tenant t on t.id = b.tenant_id left join service s on s.id = b.service_id left join staff f on f.id = b.staff_id "
    };
}

/// Which bookings: the first parameters, `$1` to `$5`, of the list and of its count.
macro_rules! booking_filter {
    () => {
        "b.tenant_id = $1 and ($2::timestamptz is null or b.start_at >= $2) and ($3::timestamptz is null or b.start_at < $3)
           and ($4::text is null or b.status = $4) and ($5::uuid is null or b.client_id = $5)"
    };
}

/// In the order of their start. `after` is the place of the last one already seen.
pub(super) async fn bookings(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &BookingFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<BookingRow>, StoreError> {
    let query = sqlx::query_as(concat!(
        "select ",
        booking_columns!(),
        ", null::text as customer_id from booking b",
        booking_names!(),
        "where ",
        booking_filter!(),
        " and ($6::timestamptz is null or (b.start_at, b.id) > ($6, $7::uuid))
         order by b.start_at, b.id limit $8"
    ));
    let query = query
        .bind(tenant)
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.status.map(SalonBookingStatus::as_str))
        .bind(filter.client);
    let query = query.bind(after.map(|(at, _)| at)).bind(after.map(|(_, id)| id)).bind(limit);
    Ok(query.fetch_all(tx.conn()).await?)
}

pub(super) async fn count_bookings(tx: &mut Tx, tenant: TenantId, filter: &BookingFilter) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(concat!("select count(*) from booking b where ", booking_filter!()));
    let query = query
        .bind(tenant)
        .bind(filter.from)
        .bind(filter.to)
        .bind(filter.status.map(SalonBookingStatus::as_str))
        .bind(filter.client);
    Ok(query.fetch_one(tx.conn()).await?)
}

/// The last `limit` bookings of each of these customers of erxes in the transaction's tenants, latest start first.
pub(super) async fn bookings_of_customers(tx: &mut Tx, customers: &[String], limit: i64) -> Result<Vec<BookingRow>, StoreError> {
    let query = sqlx::query_as(concat!(
        "select ",
        booking_columns!(),
        ", l.their_id as customer_id from crm_link l
         join connection k on k.id = l.connection_id and k.kind = 'erxes'
         cross join lateral (select * from booking o where o.client_id = l.our_id order by o.start_at desc, o.id desc limit $2) b",
        booking_names!(),
        "where l.entity = 'client' and l.their_id = any ($1) order by b.start_at desc, b.id desc"
    ));
    Ok(query.bind(storable(customers)).bind(limit).fetch_all(tx.conn()).await?)
}

macro_rules! message_columns {
    () => {
        "m.id, m.tenant_id, m.conversation_id, m.client_id, m.channel_account_id, m.direction, m.kind, m.content ->> 'text' as text,
         m.state, m.error_class, m.error_code, m.booking_id, m.hop_of, m.created_at, m.sent_at, m.delivered_at, m.read_at"
    };
}

/// Which messages: the first parameters, `$1` to `$4`, of the list and of its count.
macro_rules! message_filter {
    () => {
        "m.tenant_id = $1 and ($2::uuid is null or m.conversation_id = $2) and ($3::uuid is null or m.client_id = $3)
           and ($4::text is null or m.state = $4)"
    };
}

/// Latest first. `before` is the id of the last one already seen.
pub(super) async fn messages(
    tx: &mut Tx,
    tenant: TenantId,
    filter: &MessageFilter,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let query = sqlx::query_as(concat!(
        "select ",
        message_columns!(),
        ", null::text as customer_id from message m where ",
        message_filter!(),
        " and ($5::uuid is null or m.id < $5)
         order by m.id desc limit $6"
    ));
    let query =
        query.bind(tenant).bind(filter.conversation).bind(filter.client).bind(filter.state.map(SalonMessageState::as_str));
    Ok(query.bind(before).bind(limit).fetch_all(tx.conn()).await?)
}

pub(super) async fn count_messages(tx: &mut Tx, tenant: TenantId, filter: &MessageFilter) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar(concat!("select count(*) from message m where ", message_filter!()));
    let query =
        query.bind(tenant).bind(filter.conversation).bind(filter.client).bind(filter.state.map(SalonMessageState::as_str));
    Ok(query.fetch_one(tx.conn()).await?)
}

/// The last `limit` messages of each of these customers of erxes in the transaction's tenants, latest first.
pub(super) async fn messages_of_customers(tx: &mut Tx, customers: &[String], limit: i64) -> Result<Vec<MessageRow>, StoreError> {
    let query = sqlx::query_as(concat!(
        "select ",
        message_columns!(),
        ", l.their_id as customer_id from crm_link l
         join connection k on k.id = l.connection_id and k.kind = 'erxes'
         cross join lateral (select * from message o where o.client_id = l.our_id order by o.id desc limit $2) m
         where l.entity = 'client' and l.their_id = any ($1) order by m.id desc"
    ));
    Ok(query.bind(storable(customers)).bind(limit).fetch_all(tx.conn()).await?)
}
