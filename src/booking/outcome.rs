//! How visits end, and bookings of which nobody knows whether they stand.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use serde_json::json;

use super::Booking;
use crate::{
    crm,
    ids::BookingId,
    store::{StoreError, Tx},
};

/// How a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took place, as far as anybody said.
    Completed,
    /// The client did not come.
    NoShow,
}

impl Outcome {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoShow => "no_show",
        }
    }
}

impl Tx {
    /// Nobody knows whether the calendar took the booking: somebody at the salon is asked to look, by way of the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn leave_unclear(&mut self, booking: &Booking, actor: &str, why: &str) -> Result<Booking, StoreError> {
        let unclear = self.move_booking(booking, "unclear", actor, None, Some(why)).await?;
        if let Some(client) = unclear.client_id {
            self.tell_crm(crm::Wish::CreateTask, unclear.id.0, unclear.version, client).await?;
        }
        Ok(unclear)
    }

    /// Writes down how a visit ended. None if that is known already, or the visit does not stand.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_visit(&mut self, booking: BookingId, outcome: Outcome, actor: &str) -> Result<Option<Booking>, StoreError> {
        let now = self.now();
        let changed = sqlx::query(
            "update booking set outcome = $2, version = version + 1, updated_at = $3
             where id = $1 and status in ('booked', 'cancelling') and outcome is distinct from $2",
        )
        .bind(booking)
        .bind(outcome.as_str())
        .bind(now)
        .execute(self.conn())
        .await?
        .rows_affected();
        if changed == 0 {
            return Ok(None);
        }
        let changed = self.booking(booking).await?.ok_or(StoreError::Corrupt("booking"))?;
        self.booking_event(booking, changed.version, outcome.as_str(), actor, json!({})).await?;
        Ok(Some(changed))
    }

    /// Visits that ended before this moment and of which nobody has said how.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn visits_over(&mut self, before: DateTime<Utc>, limit: i64) -> Result<Vec<BookingId>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_scalar(
            "select id from booking where tenant_id = $1 and status = 'booked' and outcome is null and end_at < $2 order by end_at limit $3",
        )
        .bind(tenant)
        .bind(before)
        .bind(limit)
        .fetch_all(self.conn())
        .await?)
    }
}
