//! What happens: bookings, reservations, webhooks and their deliveries.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{EventType, Team, User};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::calcom) enum Status {
    Accepted,
    Pending,
    Cancelled,
    Rejected,
}

impl Status {
    pub(in crate::calcom) const fn api(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Pending => "pending",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

#[derive(Debug, Clone)]
pub(in crate::calcom) struct Attendee {
    pub(in crate::calcom) name: String,
    pub(in crate::calcom) email: String,
    pub(in crate::calcom) phone: Option<String>,
    pub(in crate::calcom) time_zone: Tz,
    pub(in crate::calcom) language: String,
    pub(in crate::calcom) absent: bool,
}

#[derive(Debug, Clone)]
pub(in crate::calcom) struct Booking {
    pub(in crate::calcom) id: i64,
    pub(in crate::calcom) uid: String,
    pub(in crate::calcom) event_type: i64,
    /// The organiser first, then a collective type's other hosts.
    pub(in crate::calcom) hosts: Vec<i64>,
    pub(in crate::calcom) status: Status,
    pub(in crate::calcom) start: DateTime<Utc>,
    pub(in crate::calcom) end: DateTime<Utc>,
    pub(in crate::calcom) attendee: Attendee,
    pub(in crate::calcom) guests: Vec<String>,
    pub(in crate::calcom) metadata: Map<String, Value>,
    pub(in crate::calcom) responses: Map<String, Value>,
    pub(in crate::calcom) location: Option<String>,
    pub(in crate::calcom) created_at: DateTime<Utc>,
    pub(in crate::calcom) updated_at: DateTime<Utc>,
    pub(in crate::calcom) cancellation_reason: Option<String>,
    pub(in crate::calcom) cancelled_by: Option<String>,
    pub(in crate::calcom) rejection_reason: Option<String>,
    pub(in crate::calcom) rescheduling_reason: Option<String>,
    pub(in crate::calcom) rescheduled_by: Option<String>,
    pub(in crate::calcom) from_uid: Option<String>,
    pub(in crate::calcom) to_uid: Option<String>,
    pub(in crate::calcom) ical_sequence: u32,
    pub(in crate::calcom) absent_host: bool,
}

impl Booking {
    pub(in crate::calcom) fn host(&self) -> i64 {
        self.hosts.first().copied().unwrap_or_default()
    }

    /// Pending bookings don't hold their time: cal.com offers it to others.
    pub(in crate::calcom) fn holds_time(&self) -> bool {
        self.status == Status::Accepted
    }
}

#[derive(Debug, Clone)]
pub(in crate::calcom) struct Reservation {
    pub(in crate::calcom) uid: String,
    pub(in crate::calcom) event_type: i64,
    pub(in crate::calcom) start: DateTime<Utc>,
    pub(in crate::calcom) end: DateTime<Utc>,
    pub(in crate::calcom) minutes: i64,
    pub(in crate::calcom) until: DateTime<Utc>,
}

/// Whose events a webhook hears. A team's own one can be made in cal.com's UI only: here, by seeding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::calcom) enum Scope {
    User(i64),
    EventType(i64),
    Team(i64),
}

#[derive(Debug, Clone)]
pub(in crate::calcom) struct Webhook {
    pub(in crate::calcom) id: String,
    pub(in crate::calcom) scope: Scope,
    pub(in crate::calcom) active: bool,
    pub(in crate::calcom) url: String,
    pub(in crate::calcom) secret: Option<String>,
    pub(in crate::calcom) template: Option<String>,
    pub(in crate::calcom) triggers: Vec<String>,
}

/// One delivery attempt, for the chat page and the tests.
#[derive(Debug, Clone)]
pub(in crate::calcom) struct Delivery {
    pub(in crate::calcom) at: DateTime<Utc>,
    pub(in crate::calcom) trigger: &'static str,
    pub(in crate::calcom) uid: String,
    /// What the receiver answered; 0 when nobody answered in time.
    pub(in crate::calcom) status: u16,
}

/// Requests of one key in the current minute.
#[derive(Debug, Clone, Copy)]
pub(in crate::calcom) struct Throttle {
    pub(in crate::calcom) window_ends: DateTime<Utc>,
    pub(in crate::calcom) used: u32,
    pub(in crate::calcom) blocked_until: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
pub(in crate::calcom) struct State {
    pub(in crate::calcom) users: BTreeMap<i64, User>,
    pub(in crate::calcom) teams: BTreeMap<i64, Team>,
    pub(in crate::calcom) event_types: BTreeMap<i64, EventType>,
    pub(in crate::calcom) bookings: Vec<Booking>,
    pub(in crate::calcom) reservations: Vec<Reservation>,
    pub(in crate::calcom) webhooks: Vec<Webhook>,
    pub(in crate::calcom) deliveries: Vec<Delivery>,
    pub(in crate::calcom) throttles: HashMap<String, Throttle>,
}

impl State {
    pub(in crate::calcom) fn booking(&self, uid: &str) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.uid == uid)
    }

    pub(in crate::calcom) fn booking_mut(&mut self, uid: &str) -> Option<&mut Booking> {
        self.bookings.iter_mut().find(|booking| booking.uid == uid)
    }

    pub(in crate::calcom) fn user_by_key(&self, key: &str) -> Option<&User> {
        self.users.values().find(|user| user.api_key.as_deref() == Some(key))
    }

    pub(in crate::calcom) fn role(&self, team: i64, user: i64) -> Option<&str> {
        let members = &self.teams.get(&team)?.members;
        members.iter().find(|member| member.user_id == user).map(|member| member.role.as_str())
    }
}
