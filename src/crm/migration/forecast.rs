//! What a change would move, counted without writing anything and without asking a CRM.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::TimeDelta;
use sqlx::FromRow;

use crate::{
    ids::ConnectionId,
    store::{StoreError, Tx},
};

/// Enquiries that are older have been answered or forgotten; they stay in the old CRM.
pub(super) const RECENT: TimeDelta = TimeDelta::days(30);

/// What there is to move, and what may need a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Forecast {
    /// Clients with a record in the old CRM.
    pub clients: i64,
    /// Of them, those who have one in the new CRM already.
    pub linked: i64,
    /// Of them, those without a number and an e-mail: nothing finds their record there, so that they get a new one.
    pub unfindable: i64,
    /// Of them, those whose number is another one's too: it may be left to a person to say who is who.
    pub sharing: i64,
    /// Visits to come.
    pub visits: i64,
    /// Enquiries of the last thirty days with a record in the old CRM.
    pub enquiries: i64,
    /// What the old CRM was yet to be told.
    pub work: i64,
    /// Of it, what waits for somebody to say which record a client is.
    pub parked: i64,
    /// What waits for the same at the new CRM.
    pub parked_there: i64,
    /// Open dead letters of the old CRM.
    pub dead: i64,
}

/// Counts.
///
/// # Errors
/// When the database refuses.
pub async fn foresee(tx: &mut Tx, from: ConnectionId, to: ConnectionId) -> Result<Forecast, StoreError> {
    let (tenant, now) = (tx.tenant(), tx.now());
    Ok(sqlx::query_as(
        "with theirs as (
           select c.id, c.phone from crm_link l join client c on c.id = l.our_id
           where l.tenant_id = $1 and l.connection_id = $2 and l.entity = 'client' and l.gone_at is null),
         numbers as (select phone from theirs where phone is not null group by phone having count(*) > 1),
         work as (select state from crm_intent where tenant_id = $1 and connection_id = $2 and state in ('pending', 'sending', 'parked'))
         select (select count(*) from theirs) as clients,
           (select count(*) from theirs t join crm_link k on k.our_id = t.id
              where k.connection_id = $3 and k.entity = 'client' and k.gone_at is null) as linked,
           (select count(*) from theirs t where t.phone is null
              and not exists (select from enquiry e where e.client_id = t.id and e.email is not null)) as unfindable,
           (select count(*) from theirs where phone in (select phone from numbers)) as sharing,
           (select count(*) from booking b where b.tenant_id = $1 and b.client_id is not null and b.status in ('booked', 'cancelling')
              and b.start_at > $4) as visits,
           (select count(*) from crm_link l join enquiry e on e.id = l.our_id where l.tenant_id = $1 and l.connection_id = $2
              and l.entity = 'enquiry' and l.gone_at is null and e.created_at > $5) as enquiries,
           (select count(*) from work) as work,
           (select count(*) from work where state = 'parked') as parked,
           (select count(*) from crm_intent where tenant_id = $1 and connection_id = $3 and state = 'parked') as parked_there,
           (select count(*) from job_dead d join crm_intent i on i.id = d.subject_id
              where d.tenant_id = $1 and d.resolved_at is null and i.connection_id = $2) as dead",
    )
    .bind(tenant)
    .bind(from)
    .bind(to)
    .bind(now)
    .bind(now - RECENT)
    .fetch_one(tx.conn())
    .await?)
}
