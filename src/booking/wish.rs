//! What the dialogue wishes of the calendar, on record before the calendar is asked.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::calendar_lane;
use crate::{
    client::Contact,
    ids::{BookingId, ConversationId, ServiceId, StaffId},
    job::{Job, NewJob},
    store::{StoreError, Tx},
};

/// The name of one wish: this conversation's attempt number so-and-so. The same wish twice gives the same name.
pub fn booking_key(conversation: ConversationId, attempt: u64) -> String {
    format!("{conversation}:{attempt}")
}

/// A wish that the dialogue has confirmed.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The dialogue's attempt.
    pub attempt: u64,
    /// What.
    pub service: ServiceId,
    /// With whom.
    pub staff: StaffId,
    /// The calendar's event type for the two.
    pub event_type_id: i64,
    /// When.
    pub start: DateTime<Utc>,
    /// How long.
    pub minutes: i32,
}

/// What became of a wish at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wished {
    /// The calendar will be asked.
    Asked(BookingId),
    /// This very wish is on record already.
    Known(BookingId),
    /// That master is taken at that time, by another of our own bookings.
    Taken,
}

impl Tx {
    /// Puts a wish on record and has the calendar asked.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn wish(&mut self, contact: &Contact, wish: &Wish) -> Result<Wished, StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<BookingId>());
        let key = booking_key(contact.conversation_id, wish.attempt);
        let made = sqlx::query(
            "insert into booking (id, tenant_id, client_id, conversation_id, service_id, staff_id, event_type_id, booking_key, origin, start_at, end_at, status, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, 'dialogue', $9, $10, 'pending', $11, $11)
             on conflict do nothing",
        )
        .bind(id)
        .bind(tenant)
        .bind(contact.client_id)
        .bind(contact.conversation_id)
        .bind(wish.service)
        .bind(wish.staff)
        .bind(wish.event_type_id)
        .bind(&key)
        .bind(wish.start)
        .bind(wish.start + TimeDelta::minutes(i64::from(wish.minutes)))
        .bind(now)
        .execute(self.conn())
        .await?;
        if made.rows_affected() == 0 {
            return Ok(self.booking_by_key(&key).await?.map_or(Wished::Taken, |known| Wished::Known(known.id)));
        }
        self.booking_event(id, 1, "wished", "client", json!({ "start": wish.start })).await?;
        self.enqueue(NewJob::new(Job::CreateBooking { booking: id }).in_lane(calendar_lane(id)).deadline(wish.start)).await?;
        Ok(Wished::Asked(id))
    }
}
