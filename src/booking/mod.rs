//! The booking port: what a calendar is to the rest of the system, and our own record of what was asked of it. cal.com is the truth
//! about availability and bookings; our rows say which wish of which client each one is.

pub mod calcom;
mod outcome;
mod reminders;
mod store;
mod wish;

pub use outcome::Outcome;
pub use reminders::Reminder;
pub use store::{Booking, calendar_lane};
pub use wish::{Wish, Wished, booking_key};

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use http::HeaderMap;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    channel::{SignatureInvalid, Unparsable},
    lang::Lang,
    vendor::{Failure, Http},
};

/// A calendar connection's secrets, as sealed in its row.
#[derive(Debug, Clone, Deserialize)]
pub struct CalendarSecrets {
    /// cal.com: an API key of an admin of the tenant's team.
    pub api_key: SecretString,
    /// What the calendar signs its webhooks with.
    pub webhook_secret: SecretString,
}

/// What an adapter needs to act for a tenant.
#[derive(Debug, Clone)]
pub struct CalendarAccount {
    /// The calendar's address, without a trailing slash and without a version.
    pub base_url: Url,
    /// The tenant's team, if it has one; without, the key's own user.
    pub team_id: Option<i64>,
    /// Which `cal-api-version` each family of endpoints is asked for, where it differs from the adapter's own table.
    pub versions: BTreeMap<String, String>,
    /// The credential.
    pub secrets: CalendarSecrets,
}

/// A question for free times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotQuery {
    /// The event type: one service of one master.
    pub event_type_id: i64,
    /// Not before.
    pub from: DateTime<Utc>,
    /// Not at or after.
    pub to: DateTime<Utc>,
    /// The salon's zone.
    pub zone: Tz,
}

/// A booking to be made.
#[derive(Debug, Clone)]
pub struct NewBooking {
    /// Our deterministic name for this wish: stored with the booking, searched for before a second create.
    pub key: String,
    /// The event type.
    pub event_type_id: i64,
    /// Start.
    pub start: DateTime<Utc>,
    /// The client's name.
    pub name: String,
    /// The client's number in E.164.
    pub phone: String,
    /// The client's zone.
    pub zone: Tz,
    /// The client's language.
    pub lang: Lang,
}

/// What the calendar says about a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarBooking {
    /// The calendar's id, a capability: whoever knows it can move and cancel the booking. Never logged.
    pub uid: String,
    /// The booking this one replaced, after a move.
    pub previous_uid: Option<String>,
    /// The booking that replaced this one.
    pub next_uid: Option<String>,
    /// Where it stands.
    pub status: CalendarStatus,
    /// Start.
    pub start: DateTime<Utc>,
    /// End.
    pub end: DateTime<Utc>,
    /// The event type.
    pub event_type_id: Option<i64>,
    /// Our key, where the calendar kept it.
    pub key: Option<String>,
    /// When the calendar last changed it, where it tells.
    pub updated_at: Option<DateTime<Utc>>,
    /// Somebody at the salon noted that the client did not come.
    #[serde(default)]
    pub no_show: bool,
}

/// Where a booking stands at the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarStatus {
    /// It will take place.
    Accepted,
    /// The salon has yet to confirm it.
    Pending,
    /// It was cancelled, or moved (then there is a successor).
    Cancelled,
    /// The salon declined it.
    Rejected,
}

/// An event type of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventType {
    /// Id.
    pub id: i64,
    /// Title.
    pub title: String,
    /// Length in minutes.
    pub minutes: i64,
}

/// A webhook of the calendar: a hint to read, never a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarHint {
    /// What makes a repeated delivery one event.
    pub vendor_event_id: String,
    /// The calendar's name for what happened.
    pub trigger: String,
    /// The booking it is about; none for events that are about something else.
    pub uid: Option<String>,
    /// The booking it replaced, for a move.
    pub previous_uid: Option<String>,
}

/// Why the calendar did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Somebody else has that time: a normal outcome.
    #[error("the slot is taken")]
    SlotTaken,
    /// Too soon, too late, or in the past.
    #[error("the time is out of bounds")]
    OutOfBounds,
    /// The client or the salon has too many bookings.
    #[error("a booking limit is reached")]
    LimitReached,
    /// There is no such booking or event type.
    #[error("not found")]
    NotFound,
    /// It is cancelled already; with the uid of its successor, if the calendar names it.
    #[error("already cancelled")]
    AlreadyCancelled {
        /// The booking that replaced it.
        next_uid: Option<String>,
    },
    /// Anything else, classified.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A calendar. Stateless, like every adapter.
#[async_trait]
pub trait Calendar: Send + Sync {
    /// Free times of an event type, sorted.
    async fn slots(&self, http: &Http, account: &CalendarAccount, query: &SlotQuery)
    -> Result<Vec<DateTime<Utc>>, CalendarError>;

    /// Makes a booking. Not idempotent: after an unknown outcome, [`Calendar::find`] comes first.
    async fn create(
        &self,
        http: &Http,
        account: &CalendarAccount,
        booking: &NewBooking,
    ) -> Result<CalendarBooking, CalendarError>;

    /// Looks for the booking that carries this wish's key.
    async fn find(
        &self,
        http: &Http,
        account: &CalendarAccount,
        booking: &NewBooking,
    ) -> Result<Option<CalendarBooking>, CalendarError>;

    /// Reads a booking.
    async fn get(&self, http: &Http, account: &CalendarAccount, uid: &str) -> Result<CalendarBooking, CalendarError>;

    /// Moves a booking: the answer is a new booking with a new uid.
    async fn reschedule(
        &self,
        http: &Http,
        account: &CalendarAccount,
        uid: &str,
        start: DateTime<Utc>,
    ) -> Result<CalendarBooking, CalendarError>;

    /// Cancels a booking.
    async fn cancel(&self, http: &Http, account: &CalendarAccount, uid: &str, reason: &str) -> Result<(), CalendarError>;

    /// Bookings changed at or after `since`, oldest change first, all pages.
    async fn changed_since(
        &self,
        http: &Http,
        account: &CalendarAccount,
        since: DateTime<Utc>,
    ) -> Result<Vec<CalendarBooking>, CalendarError>;

    /// The event types the account can book.
    async fn event_types(&self, http: &Http, account: &CalendarAccount) -> Result<Vec<EventType>, CalendarError>;

    /// Makes sure that each of these event types posts to `address`, signed with the account's secret.
    async fn ensure_webhooks(
        &self,
        http: &Http,
        account: &CalendarAccount,
        address: &Url,
        event_types: &[i64],
    ) -> Result<(), CalendarError>;

    /// Checks a webhook's signature over the raw bytes, in constant time.
    ///
    /// # Errors
    /// When it is missing or wrong.
    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &CalendarSecrets) -> Result<(), SignatureInvalid>;

    /// Reads a webhook.
    ///
    /// # Errors
    /// Only for a body that is not the vendor's format at all.
    fn parse(&self, body: &[u8]) -> Result<CalendarHint, Unparsable>;
}

/// The one place that names the calendar.
pub fn calendar() -> &'static dyn Calendar {
    &calcom::Calcom
}
