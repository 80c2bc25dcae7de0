//! What was found to differ between a CRM and us, and up to where its changes were read.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::Entity;
use crate::{
    ids::{ClientId, ConnectionId},
    store::{StoreError, Tx},
};

/// How long a finding is kept.
const KEPT: TimeDelta = TimeDelta::days(30);

/// What became of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// The CRM is told again: we, or the calendar, are right.
    ToldAgain,
    /// We follow: the CRM is right.
    TakenOver,
    /// Somebody should look at it.
    Reported,
}

impl Repair {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ToldAgain => "told_again",
            Self::TakenOver => "taken_over",
            Self::Reported => "reported",
        }
    }
}

/// A finding, counted.
#[derive(Debug, Clone, FromRow)]
pub struct DriftCount {
    /// Which CRM.
    pub kind: String,
    /// Which kind of record.
    pub entity: String,
    /// What differed.
    pub what: String,
    /// What became of it.
    pub repair: String,
    /// How often.
    pub count: i64,
    /// When last.
    pub last: DateTime<Utc>,
}

impl Tx {
    /// Notes a difference. `what` is one of a few words, never a value.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn note_drift(
        &mut self,
        connection: ConnectionId,
        (entity, ours, theirs): (Entity, Uuid, &str),
        what: &'static str,
        repair: Repair,
    ) -> Result<(), StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<Uuid>());
        sqlx::query(
            "insert into crm_drift (id, tenant_id, connection_id, entity, our_id, their_id, what, repair, seen_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(id)
        .bind(tenant)
        .bind(connection)
        .bind(entity.as_str())
        .bind(ours)
        .bind(theirs)
        .bind(what)
        .bind(repair.as_str())
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Whether this difference of this record was noted since then: a repair that does not hold is not made again and again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn has_drifted(&mut self, ours: Uuid, what: &str, since: DateTime<Utc>) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_scalar(
            "select exists (select from crm_drift where tenant_id = $1 and our_id = $2 and what = $3 and seen_at >= $4)",
        )
        .bind(tenant)
        .bind(ours)
        .bind(what)
        .bind(since)
        .fetch_one(self.conn())
        .await?)
    }

    /// The differences found since then, counted; older ones than thirty days are dropped.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn drift(&mut self, since: DateTime<Utc>) -> Result<Vec<DriftCount>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sqlx::query("delete from crm_drift where tenant_id = $1 and seen_at < $2")
            .bind(tenant)
            .bind(now - KEPT)
            .execute(self.conn())
            .await?;
        Ok(sqlx::query_as(
            "select c.kind, d.entity, d.what, d.repair, count(*) as count, max(d.seen_at) as last
             from crm_drift d join connection c on c.id = d.connection_id where d.tenant_id = $1 and d.seen_at >= $2
             group by 1, 2, 3, 4 order by 1, 2, 3, 4",
        )
        .bind(tenant)
        .bind(since)
        .fetch_all(self.conn())
        .await?)
    }

    /// Up to where the changes of one kind of record were read.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn crm_watermark(&mut self, connection: ConnectionId, entity: Entity) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar("select read_until from crm_watermark where connection_id = $1 and entity = $2")
            .bind(connection)
            .bind(entity.as_str())
            .fetch_optional(self.conn())
            .await?)
    }

    /// Notes that the changes were read up to there. Never moves back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_crm_watermark(
        &mut self,
        connection: ConnectionId,
        entity: Entity,
        until: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sqlx::query(
            "insert into crm_watermark as w (tenant_id, connection_id, entity, read_until) values ($1, $2, $3, $4)
             on conflict (connection_id, entity) do update set read_until = greatest(w.read_until, excluded.read_until)",
        )
        .bind(tenant)
        .bind(connection)
        .bind(entity.as_str())
        .bind(until)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Records of visits to come that nobody has looked at for longest, and marks them as looked at.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn records_to_check(&mut self, connection: ConnectionId, limit: i64) -> Result<Vec<(Uuid, String)>, StoreError> {
        let now = self.now();
        Ok(sqlx::query_as(
            "update crm_link l set checked_at = $2 where (l.connection_id, l.entity, l.our_id) in
               (select k.connection_id, k.entity, k.our_id from crm_link k join booking b on b.id = k.our_id
                where k.connection_id = $1 and k.entity = 'booking' and k.gone_at is null and b.status = 'booked' and b.start_at > $2
                order by k.checked_at nulls first limit $3)
             returning l.our_id, l.their_id",
        )
        .bind(connection)
        .bind(now)
        .bind(limit)
        .fetch_all(self.conn())
        .await?)
    }

    /// Wants no advertising any more, in no channel: somebody at the salon noted so in the CRM. False if that was known.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn stop_advertising(&mut self, client: ClientId) -> Result<bool, StoreError> {
        let now = self.now();
        let changed = sqlx::query(
            "update client_identity set no_advertising = true, updated_at = $2 where client_id = $1 and not no_advertising",
        )
        .bind(client)
        .bind(now)
        .execute(self.conn())
        .await?
        .rows_affected();
        Ok(changed > 0)
    }
}
