//! What the stand-in keeps: people, teams, event types, bookings, reservations and webhooks.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A cal.com user: a master, or the salon's service account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) username: String,
    #[serde(default = "utc")]
    pub(super) time_zone: Tz,
    #[serde(default)]
    pub(super) api_key: Option<String>,
    /// After this moment the key answers "expired".
    #[serde(default)]
    pub(super) api_key_expires_at: Option<DateTime<Utc>>,
    /// Requests a minute; cal.com's default for a key is 120.
    #[serde(default = "default_rate_limit")]
    pub(super) rate_limit: u32,
    #[serde(default)]
    pub(super) schedule: Option<Schedule>,
}

/// Weekly hours in a zone, with dates that differ.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schedule {
    pub(super) time_zone: Tz,
    pub(super) availability: Vec<Hours>,
    #[serde(default)]
    pub(super) overrides: Vec<Override>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hours {
    pub(super) days: Vec<Weekday>,
    #[serde(deserialize_with = "wall_time")]
    pub(super) start_time: NaiveTime,
    #[serde(deserialize_with = "wall_time")]
    pub(super) end_time: NaiveTime,
}

/// Hours of one date, instead of the weekly ones; equal times make it a day off.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Override {
    pub(super) date: NaiveDate,
    #[serde(deserialize_with = "wall_time")]
    pub(super) start_time: NaiveTime,
    #[serde(deserialize_with = "wall_time")]
    pub(super) end_time: NaiveTime,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) slug: String,
    #[serde(default = "utc")]
    pub(super) time_zone: Tz,
    #[serde(default)]
    pub(super) members: Vec<Member>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub(super) user_id: i64,
    #[serde(default = "member_role")]
    pub(super) role: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Scheduling {
    RoundRobin,
    Collective,
    Managed,
}

impl Scheduling {
    pub(super) const fn api(self) -> &'static str {
        match self {
            Self::RoundRobin => "roundRobin",
            Self::Collective => "collective",
            Self::Managed => "managed",
        }
    }

    pub(super) const fn webhook(self) -> &'static str {
        match self {
            Self::RoundRobin => "ROUND_ROBIN",
            Self::Collective => "COLLECTIVE",
            Self::Managed => "MANAGED",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventHost {
    pub(super) user_id: i64,
}

/// A service that can be booked: of a team, or of one user.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventType {
    pub(super) id: i64,
    #[serde(default)]
    pub(super) team_id: Option<i64>,
    #[serde(default)]
    pub(super) owner_id: Option<i64>,
    pub(super) title: String,
    pub(super) slug: String,
    pub(super) length_in_minutes: i64,
    #[serde(default)]
    pub(super) length_in_minutes_options: Vec<i64>,
    #[serde(default)]
    pub(super) slot_interval: Option<i64>,
    /// Minutes.
    #[serde(default)]
    pub(super) minimum_booking_notice: i64,
    /// Minutes; a later move is refused.
    #[serde(default)]
    pub(super) minimum_reschedule_notice: i64,
    #[serde(default)]
    pub(super) before_event_buffer: i64,
    #[serde(default)]
    pub(super) after_event_buffer: i64,
    #[serde(default)]
    pub(super) booking_window: Option<BookingWindow>,
    #[serde(default)]
    pub(super) scheduling_type: Option<Scheduling>,
    #[serde(default)]
    pub(super) hosts: Vec<EventHost>,
    #[serde(default)]
    pub(super) rr_host_subset_enabled: bool,
    #[serde(default)]
    pub(super) locations: Vec<Value>,
    /// Without it: name, and a required e-mail address.
    #[serde(default = "default_fields")]
    pub(super) booking_fields: Vec<Value>,
    #[serde(default)]
    pub(super) requires_confirmation: bool,
    #[serde(default)]
    pub(super) requires_authentication: bool,
    #[serde(default)]
    pub(super) disable_guests: bool,
    #[serde(default)]
    pub(super) disable_cancelling: bool,
    #[serde(default)]
    pub(super) hidden: bool,
}

impl EventType {
    pub(super) fn host_ids(&self) -> Vec<i64> {
        match self.owner_id {
            Some(owner) if self.team_id.is_none() => vec![owner],
            _ => self.hosts.iter().map(|host| host.user_id).collect(),
        }
    }

    pub(super) fn field(&self, slug: &str) -> Option<&Value> {
        self.booking_fields
            .iter()
            .find(|field| field["slug"] == slug)
    }

    pub(super) fn field_is(&self, slug: &str, flag: &str) -> bool {
        self.field(slug).is_some_and(|field| field[flag] == true)
    }
}

/// How far ahead a type can be booked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BookingWindow {
    /// `calendarDays` or `businessDays`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) value: u32,
}

impl BookingWindow {
    pub(super) fn end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let mut end = now;
        let mut left = self.value;
        while left > 0 {
            end += TimeDelta::days(1);
            let weekend = matches!(chrono::Datelike::weekday(&end), Weekday::Sat | Weekday::Sun);
            if !(self.kind == "businessDays" && weekend) {
                left -= 1;
            }
        }
        end
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Accepted,
    Pending,
    Cancelled,
    Rejected,
}

impl Status {
    pub(super) const fn api(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Attendee {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: Option<String>,
    pub(super) time_zone: Tz,
    pub(super) language: String,
    pub(super) absent: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Booking {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) event_type: i64,
    /// The organiser first, then a collective type's other hosts.
    pub(super) hosts: Vec<i64>,
    pub(super) status: Status,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) attendee: Attendee,
    pub(super) guests: Vec<String>,
    pub(super) metadata: Map<String, Value>,
    pub(super) responses: Map<String, Value>,
    pub(super) location: Option<String>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) updated_at: DateTime<Utc>,
    pub(super) cancellation_reason: Option<String>,
    pub(super) cancelled_by: Option<String>,
    pub(super) rejection_reason: Option<String>,
    pub(super) rescheduling_reason: Option<String>,
    pub(super) rescheduled_by: Option<String>,
    pub(super) from_uid: Option<String>,
    pub(super) to_uid: Option<String>,
    pub(super) ical_sequence: u32,
    pub(super) absent_host: bool,
}

impl Booking {
    pub(super) fn host(&self) -> i64 {
        self.hosts.first().copied().unwrap_or_default()
    }

    /// Pending bookings don't hold their time: cal.com offers it to others.
    pub(super) fn holds_time(&self) -> bool {
        self.status == Status::Accepted
    }
}

#[derive(Debug, Clone)]
pub(super) struct Reservation {
    pub(super) uid: String,
    pub(super) event_type: i64,
    pub(super) start: DateTime<Utc>,
    pub(super) end: DateTime<Utc>,
    pub(super) minutes: i64,
    pub(super) until: DateTime<Utc>,
}

/// Whose events a webhook hears. A team's own one can be made in cal.com's UI only: here, by seeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    User(i64),
    EventType(i64),
    Team(i64),
}

#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) id: String,
    pub(super) scope: Scope,
    pub(super) active: bool,
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) template: Option<String>,
    pub(super) triggers: Vec<String>,
}

/// One delivery attempt, for the chat page and the tests.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) at: DateTime<Utc>,
    pub(super) trigger: &'static str,
    pub(super) uid: String,
    /// What the receiver answered; 0 when nobody answered in time.
    pub(super) status: u16,
}

/// Requests of one key in the current minute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Throttle {
    pub(super) window_ends: DateTime<Utc>,
    pub(super) used: u32,
    pub(super) blocked_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) users: BTreeMap<i64, User>,
    pub(super) teams: BTreeMap<i64, Team>,
    pub(super) event_types: BTreeMap<i64, EventType>,
    pub(super) bookings: Vec<Booking>,
    pub(super) reservations: Vec<Reservation>,
    pub(super) webhooks: Vec<Webhook>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) throttles: HashMap<String, Throttle>,
}

impl State {
    pub(super) fn booking(&self, uid: &str) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.uid == uid)
    }

    pub(super) fn booking_mut(&mut self, uid: &str) -> Option<&mut Booking> {
        self.bookings.iter_mut().find(|booking| booking.uid == uid)
    }

    pub(super) fn user_by_key(&self, key: &str) -> Option<&User> {
        self.users
            .values()
            .find(|user| user.api_key.as_deref() == Some(key))
    }

    pub(super) fn role(&self, team: i64, user: i64) -> Option<&str> {
        let members = &self.teams.get(&team)?.members;
        members
            .iter()
            .find(|member| member.user_id == user)
            .map(|member| member.role.as_str())
    }
}

const fn utc() -> Tz {
    Tz::UTC
}

const fn default_rate_limit() -> u32 {
    120
}

fn member_role() -> String {
    "MEMBER".to_owned()
}

fn default_fields() -> Vec<Value> {
    vec![
        serde_json::json!({"type": "name", "isDefault": true, "slug": "name", "required": true}),
        serde_json::json!({"type": "email", "isDefault": true, "slug": "email", "required": true, "hidden": false}),
    ]
}

fn wall_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M").map_err(serde::de::Error::custom)
}
