//! The reminders that follow from a booking: rows under (booking, kind, version of the booking), planned by `schedule`.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::Booking;
use crate::{
    ids::{BookingId, ReminderId},
    schedule::{ReminderKind, ReminderPlan},
    store::{StoreError, Tx},
};

/// A reminder, as its worker reads it.
#[derive(Debug, Clone, FromRow)]
pub struct Reminder {
    /// Id.
    pub id: ReminderId,
    /// The visit.
    pub booking_id: BookingId,
    /// `day_before` or `hours_before`.
    pub kind: String,
    /// The version of the booking it was planned for.
    pub booking_version: i64,
    /// When it should go out.
    pub due_at: DateTime<Utc>,
    /// From when on it makes no sense.
    pub expires_at: DateTime<Utc>,
    /// Where it stands.
    pub state: String,
}

impl Reminder {
    /// The kind as a type.
    ///
    /// # Errors
    /// When the row holds a kind we never wrote.
    pub fn kind(&self) -> Result<ReminderKind, StoreError> {
        self.kind.parse().map_err(|_| StoreError::Corrupt("reminder kind"))
    }
}

impl Tx {
    /// Replaces a booking's planned reminders by those of a new plan, under the booking's present version. What the plan left out is on
    /// record too, with its reason.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn plan_reminders(&mut self, booking: &Booking, plan: &ReminderPlan) -> Result<(), StoreError> {
        self.supersede_reminders(booking).await?;
        for planned in &plan.reminders {
            self.insert_reminder(booking, planned.kind, planned.due_at, planned.expires_at, "planned", None).await?;
        }
        for dropped in &plan.dropped {
            self.insert_reminder(
                booking,
                dropped.kind,
                booking.start_at,
                booking.start_at,
                "dropped",
                Some(dropped.reason.as_str()),
            )
            .await?;
        }
        Ok(())
    }

    async fn insert_reminder(
        &mut self,
        booking: &Booking,
        kind: ReminderKind,
        due_at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
        state: &str,
        reason: Option<&str>,
    ) -> Result<(), StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<ReminderId>());
        sqlx::query(
            "insert into reminder (id, tenant_id, booking_id, kind, booking_version, due_at, expires_at, state, reason, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
             on conflict (booking_id, kind, booking_version) do nothing",
        )
        .bind(id)
        .bind(tenant)
        .bind(booking.id)
        .bind(kind.as_str())
        .bind(booking.version)
        .bind(due_at)
        .bind(expires_at)
        .bind(state)
        .bind(reason)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Takes back the reminders of a booking's earlier versions.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn supersede_reminders(&mut self, booking: &Booking) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update reminder set state = 'superseded', reason = 'booking changed', updated_at = $3 where booking_id = $1 and booking_version < $2 and state in ('planned', 'queued')")
            .bind(booking.id)
            .bind(booking.version)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Reads a reminder and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn reminder(&mut self, id: ReminderId) -> Result<Option<Reminder>, StoreError> {
        Ok(sqlx::query_as(
            "select id, booking_id, kind, booking_version, due_at, expires_at, state from reminder where id = $1 for update",
        )
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }

    /// Ends a reminder, or plans it anew for later.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle_reminder(
        &mut self,
        id: ReminderId,
        state: &str,
        reason: Option<&str>,
        due_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update reminder set state = $2, reason = $3, due_at = coalesce($4, due_at), updated_at = $5 where id = $1")
            .bind(id)
            .bind(state)
            .bind(reason)
            .bind(due_at)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}
