//! Work that becomes due without anybody asking.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::postgres::types::PgInterval;

use super::{Db, StoreError, migrations::MONTHS_AHEAD};
use crate::{
    crm::{CrmKind, INBOX_ACTIVE, crm, inboxes},
    job::Queue,
    lead::attribution,
};

/// Marks of seen events older than this are pruned: Meta repeats for 7 days, nobody longer.
const SEEN_KEPT: TimeDelta = TimeDelta::days(14);

impl Db {
    /// Turns due reminders into jobs. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn enqueue_due_reminders(&self, limit: i32) -> Result<i64, StoreError> {
        let made = sqlx::query_scalar("select reminders_enqueue_due($1, $2)")
            .bind(self.clock.now())
            .bind(limit)
            .fetch_one(self.narrow())
            .await?;
        if made > 0 {
            self.waker.wake([Queue::Reminder]);
        }
        Ok(made)
    }

    /// When the next reminder is due.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn next_reminder(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar("select reminders_next_due()").fetch_one(self.narrow()).await?)
    }

    /// Enqueues a reconciliation for every calendar that has none open. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn enqueue_reconciliations(&self) -> Result<i64, StoreError> {
        let made = sqlx::query_scalar("select reconcile_enqueue($1)").bind(self.clock.now()).fetch_one(self.narrow()).await?;
        if made > 0 {
            self.waker.wake([Queue::Calendar]);
        }
        Ok(made)
    }

    /// Enqueues a reconciliation for every CRM in use that can list its changes and has none open. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn enqueue_crm_reconciliations(&self) -> Result<i64, StoreError> {
        let listing = CrmKind::ALL.iter().filter(|kind| !crm(**kind).capabilities().changes.is_empty());
        let kinds: Vec<&str> = listing.map(|kind| kind.as_str()).collect();
        Ok(sqlx::query_scalar("select crm_reconcile_enqueue($1, $2)")
            .bind(self.clock.now())
            .bind(kinds)
            .fetch_one(self.narrow())
            .await?)
    }

    /// Enqueues a look after the channel accounts of every tenant that has none open. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn enqueue_channel_watches(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("select watch_enqueue($1)").bind(self.clock.now()).fetch_one(self.narrow()).await?)
    }

    /// Enqueues a reading of every CRM's inbox in which a talk goes on, where none is open. Returns how many.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn enqueue_inbox_polls(&self) -> Result<i64, StoreError> {
        let kinds: Vec<&str> = inboxes().map(CrmKind::as_str).collect();
        let now = self.clock.now();
        let made = sqlx::query_scalar("select inbox_enqueue($1, $2, $3)")
            .bind(now)
            .bind(kinds)
            .bind(now - INBOX_ACTIVE)
            .fetch_one(self.narrow())
            .await?;
        if made > 0 {
            self.waker.wake([Queue::Crm]);
        }
        Ok(made)
    }

    /// Takes the turn of something that recurs, if it is due and nobody else took it.
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn take_turn(&self, name: &str, every: Duration) -> Result<bool, StoreError> {
        let every = PgInterval { months: 0, days: 0, microseconds: i64::try_from(every.as_micros()).unwrap_or(i64::MAX) };
        Ok(sqlx::query_scalar("select schedule_take($1, $2, $3)")
            .bind(name)
            .bind(self.clock.now())
            .bind(every)
            .fetch_one(self.narrow())
            .await?)
    }

    /// Makes partitions ahead, drops those past their retention, prunes marks of seen events and touches that nobody came with. Returns (made, dropped, pruned).
    ///
    /// # Errors
    /// When the database can't be reached.
    pub async fn maintain(&self) -> Result<(i32, i32, i64), StoreError> {
        let now = self.clock.now();
        let made =
            sqlx::query_scalar("select partitions_ensure($1, $2)").bind(now).bind(MONTHS_AHEAD).fetch_one(self.narrow()).await?;
        let dropped = sqlx::query_scalar("select partitions_drop_old($1)").bind(now).fetch_one(self.narrow()).await?;
        let pruned: i64 =
            sqlx::query_scalar("select inbound_seen_prune($1, 10000)").bind(now - SEEN_KEPT).fetch_one(self.narrow()).await?;
        let forgotten: i64 =
            sqlx::query_scalar("select touch_prune($1, 10000)").bind(now - attribution::LIFE).fetch_one(self.narrow()).await?;
        Ok((made, dropped, pruned + forgotten))
    }
}
