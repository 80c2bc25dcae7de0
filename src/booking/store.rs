//! Our rows about bookings, and their history.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::FromRow;
use uuid::Uuid;

use super::CalendarBooking;
use crate::{
    ids::{BookingId, ClientId, ConversationId, ServiceId, StaffId},
    job::{Job, NewJob, lane},
    store::{StoreError, Tx},
};

/// A visit, as our row has it.
#[derive(Debug, Clone, FromRow)]
pub struct Booking {
    /// Id.
    pub id: BookingId,
    /// Whose; none for a booking somebody made in the calendar itself.
    pub client_id: Option<ClientId>,
    /// Where it was made.
    pub conversation_id: Option<ConversationId>,
    /// What.
    pub service_id: Option<ServiceId>,
    /// With whom.
    pub staff_id: Option<StaffId>,
    /// The calendar's event type.
    pub event_type_id: i64,
    /// The deterministic name of the wish.
    pub booking_key: String,
    /// Start.
    pub start_at: DateTime<Utc>,
    /// End.
    pub end_at: DateTime<Utc>,
    /// `pending`, `booked`, `cancelling`, `cancelled`, `refused`, `unclear`.
    pub status: String,
    /// Raised by every change that makes an earlier reminder wrong.
    pub version: i64,
    /// When the calendar was first asked to create it.
    pub create_begun_at: Option<DateTime<Utc>>,
    /// The calendar's id.
    pub calendar_uid: Option<String>,
}

impl Booking {
    /// The number of the dialogue's attempt that this row carries out (see [`booking_key`]).
    pub fn attempt_key(&self) -> u64 {
        self.booking_key.rsplit_once(':').and_then(|(_, attempt)| attempt.parse().ok()).unwrap_or(0)
    }
}

/// The lane of everything that is asked of the calendar about one booking.
pub fn calendar_lane(booking: BookingId) -> Uuid {
    lane("calendar", booking.0, "")
}

const COLUMNS: &str = "select id, client_id, conversation_id, service_id, staff_id, event_type_id, booking_key, start_at, end_at, status, version, create_begun_at, calendar_uid from booking";

impl Tx {
    /// Reads a booking and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn booking(&mut self, id: BookingId) -> Result<Option<Booking>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} where id = $1 for update")))
            .bind(id)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Finds a booking by the name of its wish.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn booking_by_key(&mut self, key: &str) -> Result<Option<Booking>, StoreError> {
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("{COLUMNS} where booking_key = $1 for update")))
            .bind(key)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Finds a booking by any uid of its chain, and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn booking_by_uid(&mut self, uid: &str) -> Result<Option<Booking>, StoreError> {
        let sql = format!("{COLUMNS} where id = (select booking_id from booking_uid where uid = $1) for update");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(uid).fetch_optional(self.conn()).await?)
    }

    /// A client's visits to come, nearest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn visits_to_come(&mut self, client: ClientId, limit: i64) -> Result<Vec<Booking>, StoreError> {
        let now = self.now();
        let sql = format!("{COLUMNS} where client_id = $1 and status = 'booked' and start_at > $2 order by start_at limit $3");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(client).bind(now).bind(limit).fetch_all(self.conn()).await?)
    }

    /// Notes that the calendar is about to be asked to create: from now on a look-up comes first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_create(&mut self, id: BookingId) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update booking set create_begun_at = coalesce(create_begun_at, $2), updated_at = $2 where id = $1")
            .bind(id)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Writes down where a booking stands now, with its history.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn move_booking(
        &mut self,
        booking: &Booking,
        status: &str,
        actor: &str,
        seen: Option<&CalendarBooking>,
        reason: Option<&str>,
    ) -> Result<Booking, StoreError> {
        let now = self.now();
        if let Some(seen) = seen {
            self.link_uid(booking.id, &seen.uid).await?;
        }
        sqlx::query(
            "update booking set status = $2, version = version + 1, reason = $3, calendar_uid = coalesce($4, calendar_uid),
               start_at = coalesce($5, start_at), end_at = coalesce($6, end_at), calendar_updated_at = coalesce($7, calendar_updated_at), updated_at = $8,
               cancelled_by = case when $2 = 'cancelled' then case when $9 = 'client' then 'client' else 'salon' end end,
               outcome = case when $2 = 'booked' then outcome end
             where id = $1",
        )
        .bind(booking.id)
        .bind(status)
        .bind(reason)
        .bind(seen.map(|seen| &seen.uid))
        .bind(seen.map(|seen| seen.start))
        .bind(seen.map(|seen| seen.end))
        .bind(seen.and_then(|seen| seen.updated_at))
        .bind(now)
        .bind(actor)
        .execute(self.conn())
        .await?;
        let changed = self.booking(booking.id).await?.ok_or(StoreError::Corrupt("booking"))?;
        let detail = json!({ "start": changed.start_at, "end": changed.end_at, "reason": reason });
        self.booking_event(booking.id, changed.version, status, actor, detail).await?;
        Ok(changed)
    }

    async fn link_uid(&mut self, booking: BookingId, uid: &str) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sqlx::query(
            "insert into booking_uid (tenant_id, uid, booking_id, created_at) values ($1, $2, $3, $4) on conflict do nothing",
        )
        .bind(tenant)
        .bind(uid)
        .bind(booking)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    pub(super) async fn booking_event(
        &mut self,
        booking: BookingId,
        version: i64,
        kind: &str,
        actor: &str,
        detail: Value,
    ) -> Result<(), StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<Uuid>());
        sqlx::query("insert into booking_event (id, tenant_id, booking_id, version, kind, actor, detail, at) values ($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(id)
            .bind(tenant)
            .bind(booking)
            .bind(version)
            .bind(kind)
            .bind(actor)
            .bind(detail)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// A cancellation failed: the booking stands as before, and so do its reminders.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn keep_booking(&mut self, booking: &Booking, reason: &str) -> Result<Booking, StoreError> {
        let now = self.now();
        sqlx::query("update booking set status = 'booked', reason = $2, updated_at = $3 where id = $1")
            .bind(booking.id)
            .bind(reason)
            .bind(now)
            .execute(self.conn())
            .await?;
        self.booking_event(booking.id, booking.version, "cancel_failed", "calendar", json!({ "reason": reason })).await?;
        self.booking(booking.id).await?.ok_or(StoreError::Corrupt("booking"))
    }

    /// Has the calendar asked to cancel, if the booking still stands.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn ask_cancel(&mut self, id: BookingId, client: ClientId) -> Result<bool, StoreError> {
        let now = self.now();
        let changed = sqlx::query(
            "update booking set status = 'cancelling', updated_at = $3 where id = $1 and client_id = $2 and status = 'booked'",
        )
        .bind(id)
        .bind(client)
        .bind(now)
        .execute(self.conn())
        .await?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        self.enqueue(NewJob::new(Job::CancelBooking { booking: id }).in_lane(calendar_lane(id))).await?;
        Ok(true)
    }

    /// Puts a booking on record that somebody made in the calendar itself. False if it is known.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn import_booking(&mut self, seen: &CalendarBooking) -> Result<bool, StoreError> {
        let Some(event_type) = seen.event_type_id else { return Ok(false) };
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<BookingId>());
        let made = sqlx::query(
            "insert into booking (id, tenant_id, service_id, staff_id, event_type_id, booking_key, origin, start_at, end_at, status, calendar_uid, calendar_updated_at, created_at, updated_at)
             values ($1, $2, (select service_id from staff_service where event_type_id = $3), (select staff_id from staff_service where event_type_id = $3), $3, $4, 'calendar', $5, $6, 'booked', $7, $8, $9, $9)
             on conflict do nothing",
        )
        .bind(id)
        .bind(tenant)
        .bind(event_type)
        .bind(format!("calendar:{}", seen.uid))
        .bind(seen.start)
        .bind(seen.end)
        .bind(&seen.uid)
        .bind(seen.updated_at)
        .bind(now)
        .execute(self.conn())
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        self.link_uid(id, &seen.uid).await?;
        self.booking_event(id, 1, "booked", "calendar", json!({ "start": seen.start })).await?;
        Ok(true)
    }

    /// How far the poll has read this tenant's calendar.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn watermark(&mut self) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(sqlx::query_scalar("select watermark from calendar_watermark").fetch_optional(self.conn()).await?)
    }

    /// Moves the watermark forward, never back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_watermark(&mut self, to: DateTime<Utc>) -> Result<(), StoreError> {
        let tenant = self.tenant();
        sqlx::query("insert into calendar_watermark values ($1, $2) on conflict (tenant_id) do update set watermark = greatest(calendar_watermark.watermark, excluded.watermark)")
            .bind(tenant)
            .bind(to)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}
