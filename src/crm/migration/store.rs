//! The row of a change, and what is left of it.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, FromRow};
use uuid::Uuid;

use super::forecast::RECENT;
use crate::{
    ids::{ConnectionId, MigrationId},
    store::{StoreError, Tx},
};

macro_rules! words {
    ($(#[$doc:meta])* $type:ident { $($(#[$of:meta])* $name:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type { $($(#[$of])* $name),+ }

        impl $type {
            /// The name in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }

        impl TryFrom<String> for $type {
            type Error = StoreError;

            fn try_from(name: String) -> Result<Self, StoreError> {
                match name.as_str() { $($text => Ok(Self::$name),)+ _ => Err(StoreError::Corrupt("crm_migration")) }
            }
        }
    };
}

words! {
    /// How far a change is.
    State {
        /// Things are handed over.
        Copying = "copying",
        /// Everything was handed over.
        Ready = "ready",
        /// The old CRM is switched off.
        Confirmed = "confirmed",
        /// It did not come about.
        Reversed = "reversed",
    }
}

words! {
    /// What is handed over, in this order: what somebody waits for comes first, and clients come before what is theirs.
    Stage {
        /// What the old CRM was yet to be told.
        Work = "work",
        /// Clients who are linked there.
        Clients = "clients",
        /// Visits to come.
        Visits = "visits",
        /// Enquiries of the last thirty days that are linked there.
        Enquiries = "enquiries",
        /// Nothing more.
        End = "end",
    }
}

impl Stage {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Work => Self::Clients,
            Self::Clients => Self::Visits,
            Self::Visits => Self::Enquiries,
            Self::Enquiries | Self::End => Self::End,
        }
    }
}

/// A change from one CRM to another.
#[derive(Debug, Clone, FromRow)]
pub struct Migration {
    /// Id.
    pub id: MigrationId,
    /// The old CRM.
    pub from_id: ConnectionId,
    /// The new one.
    pub to_id: ConnectionId,
    /// Which CRM the old one is.
    pub from_kind: String,
    /// Which the new one is.
    pub to_kind: String,
    /// How far it is.
    #[sqlx(try_from = "String")]
    pub state: State,
    /// What is handed over now.
    #[sqlx(try_from = "String")]
    pub stage: Stage,
    /// Up to which row of it.
    pub after: Option<Uuid>,
    /// How much of the old CRM's open work was moved.
    pub work: i64,
    /// How many clients were handed over.
    pub clients: i64,
    /// How many visits to come.
    pub visits: i64,
    /// How many enquiries.
    pub enquiries: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
}

impl Migration {
    /// True until it is confirmed or reversed.
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Copying | State::Ready)
    }
}

/// What became of all that was handed over, and what the new CRM lacks.
#[derive(Debug, Clone, Copy, FromRow)]
pub struct Progress {
    /// Told.
    pub told: i64,
    /// On its way.
    pub open: i64,
    /// Waits for somebody to say which record a client is.
    pub parked: i64,
    /// Was refused or given up, and nobody has seen to it.
    pub dead: i64,
    /// Was given up by an operator.
    pub given_up: i64,
    /// Clients, visits to come and enquiries without a record there, for none of these reasons.
    #[sqlx(default)]
    pub missing: i64,
}

impl Progress {
    /// True if nothing is left to be told.
    pub const fn is_complete(&self) -> bool {
        self.open == 0 && self.parked == 0 && self.dead == 0 && self.missing == 0
    }
}

const MIGRATION: &str =
    "select m.id, m.from_id, m.to_id, f.kind as from_kind, t.kind as to_kind, m.state, m.stage, m.after, m.work, m.clients,
     m.visits, m.enquiries, m.created_at
   from crm_migration m join connection f on f.id = m.from_id join connection t on t.id = m.to_id";

/// The tenant's change that is neither confirmed nor reversed.
///
/// # Errors
/// When the database refuses.
pub async fn open(tx: &mut Tx) -> Result<Option<Migration>, StoreError> {
    let tenant = tx.tenant();
    let sql = AssertSqlSafe(format!("{MIGRATION} where m.tenant_id = $1 and m.state in ('copying', 'ready')"));
    Ok(sqlx::query_as(sql).bind(tenant).fetch_optional(tx.conn()).await?)
}

/// The last change between these two.
///
/// # Errors
/// When the database refuses.
pub async fn latest(tx: &mut Tx, from: ConnectionId, to: ConnectionId) -> Result<Option<Migration>, StoreError> {
    let tenant = tx.tenant();
    let sql = AssertSqlSafe(format!(
        "{MIGRATION} where m.tenant_id = $1 and m.from_id = $2 and m.to_id = $3 order by m.id desc limit 1"
    ));
    Ok(sqlx::query_as(sql).bind(tenant).bind(from).bind(to).fetch_optional(tx.conn()).await?)
}

pub(super) async fn locked(tx: &mut Tx, id: MigrationId) -> Result<Option<Migration>, StoreError> {
    let tenant = tx.tenant();
    let sql = AssertSqlSafe(format!("{MIGRATION} where m.tenant_id = $1 and m.id = $2 for update of m"));
    Ok(sqlx::query_as(sql).bind(tenant).bind(id).fetch_optional(tx.conn()).await?)
}

async fn read(tx: &mut Tx, id: MigrationId) -> Result<Migration, StoreError> {
    locked(tx, id).await?.ok_or(StoreError::Corrupt("crm_migration"))
}

pub(super) async fn insert(tx: &mut Tx, from: ConnectionId, to: ConnectionId) -> Result<Migration, StoreError> {
    let (tenant, now, id) = (tx.tenant(), tx.now(), tx.new_id());
    sqlx::query(
        "insert into crm_migration (id, tenant_id, from_id, to_id, state, stage, created_at, updated_at) values ($1, $2, $3, $4, 'copying', 'work', $5, $5)",
    )
    .bind(id)
    .bind(tenant)
    .bind(from)
    .bind(to)
    .bind(now)
    .execute(tx.conn())
    .await?;
    read(tx, id).await
}

/// Notes where a batch ended, and counts it to the stage it belongs to.
pub(super) async fn advance(
    tx: &mut Tx,
    of: &Migration,
    state: State,
    stage: Stage,
    after: Option<Uuid>,
    handed: i64,
) -> Result<Migration, StoreError> {
    let now = tx.now();
    sqlx::query(
        "update crm_migration set state = $2, stage = $3, after = $4, updated_at = $5,
           work = work + case when $6 = 'work' then $7 else 0 end, clients = clients + case when $6 = 'clients' then $7 else 0 end,
           visits = visits + case when $6 = 'visits' then $7 else 0 end, enquiries = enquiries + case when $6 = 'enquiries' then $7 else 0 end
         where id = $1",
    )
    .bind(of.id)
    .bind(state.as_str())
    .bind(stage.as_str())
    .bind(after)
    .bind(now)
    .bind(of.stage.as_str())
    .bind(handed)
    .execute(tx.conn())
    .await?;
    read(tx, of.id).await
}

pub(super) async fn count_work(tx: &mut Tx, id: MigrationId, moved: i64) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query("update crm_migration set work = work + $2, updated_at = $3 where id = $1")
        .bind(id)
        .bind(moved)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn end(tx: &mut Tx, id: MigrationId, state: State) -> Result<(), StoreError> {
    let now = tx.now();
    sqlx::query("update crm_migration set state = $2, updated_at = $3, ended_at = $3 where id = $1")
        .bind(id)
        .bind(state.as_str())
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How much of the copy is on its way, up to `most`: what the next batch waits for. A dead letter is nothing to wait for.
///
/// # Errors
/// When the database refuses.
pub async fn unfinished(tx: &mut Tx, of: &Migration, most: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar(
        "select count(*) from (select from crm_intent i where i.migration_id = $1 and i.connection_id = $2 and i.state in ('pending', 'sending')
           and not exists (select from job_dead d where d.subject_id = i.id and d.resolved_at is null) limit $3) waiting",
    )
    .bind(of.id)
    .bind(of.to_id)
    .bind(most)
    .fetch_one(tx.conn())
    .await?)
}

/// How far a change is, counted.
///
/// # Errors
/// When the database refuses.
pub async fn progress(tx: &mut Tx, of: &Migration) -> Result<Progress, StoreError> {
    let counted: Progress = sqlx::query_as(
        "select count(*) filter (where state = 'done') as told,
           count(*) filter (where state in ('pending', 'sending') and not dead) as open,
           count(*) filter (where state = 'parked') as parked,
           count(*) filter (where dead or (state in ('failed', 'unknown') and error_code is distinct from 'discarded')) as dead,
           count(*) filter (where state in ('failed', 'unknown') and error_code = 'discarded' and not dead) as given_up
         from (select i.state, i.error_code,
                 exists (select from job_dead d where d.subject_id = i.id and d.resolved_at is null) as dead
               from crm_intent i where i.migration_id = $1 and i.connection_id = $2) copy",
    )
    .bind(of.id)
    .bind(of.to_id)
    .fetch_one(tx.conn())
    .await?;
    Ok(Progress { missing: missing(tx, of).await?, ..counted })
}

/// Looked for by what is there, not by what was handed over.
async fn missing(tx: &mut Tx, of: &Migration) -> Result<i64, StoreError> {
    let (tenant, now) = (tx.tenant(), tx.now());
    Ok(sqlx::query_scalar(
        "with wanted (entity, kind, id) as (
           select 'client', 'ensure_client', l.our_id from crm_link l
             where l.tenant_id = $1 and l.connection_id = $2 and l.entity = 'client' and l.gone_at is null
           union all select 'booking', 'record_booking', b.id from booking b
             where b.tenant_id = $1 and b.client_id is not null and b.status in ('booked', 'cancelling') and b.start_at > $5
           union all select 'enquiry', 'record_enquiry', e.id from crm_link l join enquiry e on e.id = l.our_id
             where l.tenant_id = $1 and l.connection_id = $2 and l.entity = 'enquiry' and l.gone_at is null and e.created_at > $6)
         select count(*) from wanted w
         where not exists (select from crm_link k where k.connection_id = $3 and k.entity = w.entity and k.our_id = w.id and k.gone_at is null)
           and not exists (select from crm_intent i where i.connection_id = $3 and i.kind = w.kind and i.subject_id = w.id
             and (i.state in ('pending', 'sending', 'parked') or (i.migration_id = $4 and i.state in ('failed', 'unknown'))))",
    )
    .bind(tenant)
    .bind(of.from_id)
    .bind(of.to_id)
    .bind(of.id)
    .bind(now)
    .bind(now - RECENT)
    .fetch_one(tx.conn())
    .await?)
}
