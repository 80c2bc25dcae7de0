//! cal.com's JSON, as far as it is read. Lenient on purpose: fields come and go between hosted cal.com, self-hosted builds and
//! versions, so nothing but the envelope is required here and unknown fields are never refused; what a caller cannot do without is
//! checked where it is needed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::booking::{CalendarBooking, CalendarStatus};

/// The metadata entry that holds our key.
pub(super) const KEY: &str = "salonBooking";

/// Every answer that is not an error.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) status: String,
    pub(super) data: T,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) pagination: Option<Pagination>,
}

/// Offset paging. `currentPage` starts at 0 or 1, depending on the build: not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pagination {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) has_next_page: Option<bool>,
}

/// Both families of error bodies: Nest's own (`error.message`) and the bare one of cal.com's `HttpError` (`message`).
#[derive(Deserialize)]
pub(super) struct ApiError {
    #[serde(default, deserialize_with = "lenient")]
    error: Option<ErrorDetail>,
    #[serde(default)]
    message: Value,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(default)]
    message: Value,
}

impl ApiError {
    /// The text for people, the only thing that tells most refusals apart.
    pub(super) fn text(&self) -> Option<String> {
        self.error.as_ref().and_then(|error| flat(&error.message)).or_else(|| flat(&self.message))
    }
}

/// A message is a string, or a list of them where a validation pipe wrote it.
fn flat(message: &Value) -> Option<String> {
    match message {
        Value::String(text) => Some(text.clone()),
        Value::Array(texts) => Some(texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")),
        _ => None,
    }
}

/// One booking, or the occurrences of a recurring one.
///
/// The list comes first: serde also reads a struct from a list, field by field, and would take one for a booking.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum BookingData {
    Many(Vec<Booking>),
    One(Box<Booking>),
}

impl BookingData {
    pub(super) fn first(self) -> Option<Booking> {
        match self {
            Self::Many(bookings) => bookings.into_iter().next(),
            Self::One(booking) => Some(*booking),
        }
    }
}

/// A booking.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Booking {
    #[serde(default, deserialize_with = "text")]
    pub(super) uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    start: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "lenient")]
    end: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "lenient")]
    event_type_id: Option<i64>,
    #[serde(default, deserialize_with = "text")]
    rescheduled_from_uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    rescheduled_to_uid: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "lenient")]
    updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    metadata: Value,
    #[serde(default, deserialize_with = "lenient")]
    attendees: Option<Vec<Guest>>,
}

/// Who booked. cal.com says of each whether they came.
#[derive(Deserialize)]
struct Guest {
    #[serde(default, deserialize_with = "lenient")]
    absent: Option<bool>,
}

impl Booking {
    /// Our key, where the booking carries one.
    pub(super) fn key(&self) -> Option<&str> {
        self.metadata.get(KEY)?.as_str()
    }

    /// When it last changed: `updatedAt` is null until the first change after the creation.
    pub(super) fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at.max(self.created_at)
    }

    /// Cancelled or declined.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.status(), Some(CalendarStatus::Cancelled | CalendarStatus::Rejected))
    }

    fn status(&self) -> Option<CalendarStatus> {
        Some(match self.status.as_deref()? {
            "accepted" => CalendarStatus::Accepted,
            "pending" | "awaiting_host" => CalendarStatus::Pending,
            "cancelled" => CalendarStatus::Cancelled,
            "rejected" => CalendarStatus::Rejected,
            _ => return None,
        })
    }

    /// The booking in our words; `None` when it lacks something we cannot do without.
    pub(super) fn read(self) -> Option<CalendarBooking> {
        Some(CalendarBooking {
            status: self.status()?,
            start: self.start?,
            end: self.end?,
            event_type_id: self.event_type_id,
            key: self.key().map(str::to_owned),
            updated_at: self.changed_at(),
            // One of our bookings has one attendee; of several, the visit took place if any of them came.
            no_show: self
                .attendees
                .as_ref()
                .is_some_and(|all| !all.is_empty() && all.iter().all(|guest| guest.absent == Some(true))),
            uid: self.uid?,
            previous_uid: self.rescheduled_from_uid,
            next_uid: self.rescheduled_to_uid,
        })
    }
}

/// Free times by local day; `{}` when there are none.
pub(super) type Slots = BTreeMap<String, Vec<Slot>>;

/// A free time, in the zone that was asked for.
#[derive(Deserialize)]
pub(super) struct Slot {
    pub(super) start: DateTime<Utc>,
}

/// An event type.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventType {
    pub(super) id: i64,
    #[serde(default, deserialize_with = "text")]
    pub(super) title: Option<String>,
    pub(super) length_in_minutes: i64,
    #[serde(default, deserialize_with = "text")]
    pub(super) scheduling_type: Option<String>,
}

/// The user behind a key.
#[derive(Deserialize)]
pub(super) struct Me {
    pub(super) username: String,
}

/// A webhook as cal.com has it on record. Its `id` is a UUID, though the OpenAPI document calls it a number.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    #[serde(default, deserialize_with = "text")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) subscriber_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) active: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) secret: Option<SecretString>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) triggers: Option<Vec<String>>,
}

/// A webhook as we want it. No `Debug`: it holds the secret.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookInput<'a> {
    pub(super) active: bool,
    pub(super) subscriber_url: &'a str,
    pub(super) secret: &'a str,
    pub(super) triggers: &'a [&'a str],
    pub(super) version: &'a str,
}

/// A booking to make. Only documented fields and no nulls: the body is checked by a pipe that refuses anything else. Metadata holds
/// strings only, since numbers pass that pipe and then fail further in.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateBooking<'a> {
    pub(super) start: String,
    pub(super) event_type_id: i64,
    pub(super) attendee: Attendee<'a>,
    pub(super) metadata: BTreeMap<&'a str, &'a str>,
}

/// The client, by number alone: an e-mail address would make cal.com write to it, and an invented one is a stranger's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Attendee<'a> {
    pub(super) name: &'a str,
    pub(super) phone_number: &'a str,
    pub(super) time_zone: &'a str,
    pub(super) language: &'a str,
}

/// A move.
#[derive(Serialize)]
pub(super) struct Reschedule {
    pub(super) start: String,
}

/// A cancellation.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cancel<'a> {
    pub(super) cancellation_reason: &'a str,
}

/// A webhook's body: with a `payload`, or flat (`MEETING_*` and rendered templates).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Hook {
    Wrapped(Wrapped),
    Flat(Flat),
}

/// `{"triggerEvent", "createdAt", "payload": {…}}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wrapped {
    pub(super) trigger_event: String,
    pub(super) payload: HookBody,
}

/// `{"triggerEvent", …}`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flat {
    pub(super) trigger_event: String,
    #[serde(flatten)]
    pub(super) body: HookBody,
}

/// What is read of a webhook. `BOOKING_NO_SHOW_UPDATED` says `bookingUid` for `uid`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HookBody {
    #[serde(default, deserialize_with = "text")]
    pub(super) uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) booking_uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) reschedule_uid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) start_time: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) status: Option<String>,
}

/// A value of the expected type, or nothing.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    Value::deserialize(from).map(|value| serde_json::from_value(value).ok())
}

/// A non-empty string or a number, as text. A NUL is refused: Postgres cannot store it, and no id of cal.com's holds one.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    Ok(Some(text).filter(|text| !text.is_empty() && !text.contains('\0')))
}
