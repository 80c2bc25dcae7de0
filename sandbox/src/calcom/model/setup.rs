//! What a seed describes: people, teams and event types.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A cal.com user: a master, or the salon's service account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct User {
    pub(in crate::calcom) id: i64,
    pub(in crate::calcom) name: String,
    pub(in crate::calcom) email: String,
    pub(in crate::calcom) username: String,
    #[serde(default = "utc")]
    pub(in crate::calcom) time_zone: Tz,
    #[serde(default)]
    pub(in crate::calcom) api_key: Option<String>,
    /// After this moment the key answers "expired".
    #[serde(default)]
    pub(in crate::calcom) api_key_expires_at: Option<DateTime<Utc>>,
    /// Requests a minute; cal.com's default for a key is 120.
    #[serde(default = "default_rate_limit")]
    pub(in crate::calcom) rate_limit: u32,
    #[serde(default)]
    pub(in crate::calcom) schedule: Option<Schedule>,
}

/// Weekly hours in a zone, with dates that differ.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct Schedule {
    pub(in crate::calcom) time_zone: Tz,
    pub(in crate::calcom) availability: Vec<Hours>,
    #[serde(default)]
    pub(in crate::calcom) overrides: Vec<Override>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct Hours {
    pub(in crate::calcom) days: Vec<Weekday>,
    #[serde(deserialize_with = "wall_time")]
    pub(in crate::calcom) start_time: NaiveTime,
    #[serde(deserialize_with = "wall_time")]
    pub(in crate::calcom) end_time: NaiveTime,
}

/// Hours of one date, instead of the weekly ones; equal times make it a day off.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct Override {
    pub(in crate::calcom) date: NaiveDate,
    #[serde(deserialize_with = "wall_time")]
    pub(in crate::calcom) start_time: NaiveTime,
    #[serde(deserialize_with = "wall_time")]
    pub(in crate::calcom) end_time: NaiveTime,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct Team {
    pub(in crate::calcom) id: i64,
    pub(in crate::calcom) name: String,
    pub(in crate::calcom) slug: String,
    #[serde(default = "utc")]
    pub(in crate::calcom) time_zone: Tz,
    #[serde(default)]
    pub(in crate::calcom) members: Vec<Member>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct Member {
    pub(in crate::calcom) user_id: i64,
    #[serde(default = "member_role")]
    pub(in crate::calcom) role: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) enum Scheduling {
    RoundRobin,
    Collective,
    Managed,
}

impl Scheduling {
    pub(in crate::calcom) const fn api(self) -> &'static str {
        match self {
            Self::RoundRobin => "roundRobin",
            Self::Collective => "collective",
            Self::Managed => "managed",
        }
    }

    pub(in crate::calcom) const fn webhook(self) -> &'static str {
        match self {
            Self::RoundRobin => "ROUND_ROBIN",
            Self::Collective => "COLLECTIVE",
            Self::Managed => "MANAGED",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct EventHost {
    pub(in crate::calcom) user_id: i64,
}

/// A service that can be booked: of a team, or of one user.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::calcom) struct EventType {
    pub(in crate::calcom) id: i64,
    #[serde(default)]
    pub(in crate::calcom) team_id: Option<i64>,
    #[serde(default)]
    pub(in crate::calcom) owner_id: Option<i64>,
    pub(in crate::calcom) title: String,
    pub(in crate::calcom) slug: String,
    pub(in crate::calcom) length_in_minutes: i64,
    #[serde(default)]
    pub(in crate::calcom) length_in_minutes_options: Vec<i64>,
    #[serde(default)]
    pub(in crate::calcom) slot_interval: Option<i64>,
    /// Minutes.
    #[serde(default)]
    pub(in crate::calcom) minimum_booking_notice: i64,
    /// Minutes; a later move is refused.
    #[serde(default)]
    pub(in crate::calcom) minimum_reschedule_notice: i64,
    #[serde(default)]
    pub(in crate::calcom) before_event_buffer: i64,
    #[serde(default)]
    pub(in crate::calcom) after_event_buffer: i64,
    #[serde(default)]
    pub(in crate::calcom) booking_window: Option<BookingWindow>,
    #[serde(default)]
    pub(in crate::calcom) scheduling_type: Option<Scheduling>,
    #[serde(default)]
    pub(in crate::calcom) hosts: Vec<EventHost>,
    #[serde(default)]
    pub(in crate::calcom) rr_host_subset_enabled: bool,
    #[serde(default)]
    pub(in crate::calcom) locations: Vec<Value>,
    /// Without it: name, and a required e-mail address.
    #[serde(default = "default_fields")]
    pub(in crate::calcom) booking_fields: Vec<Value>,
    #[serde(default)]
    pub(in crate::calcom) requires_confirmation: bool,
    #[serde(default)]
    pub(in crate::calcom) requires_authentication: bool,
    #[serde(default)]
    pub(in crate::calcom) disable_guests: bool,
    #[serde(default)]
    pub(in crate::calcom) disable_cancelling: bool,
    #[serde(default)]
    pub(in crate::calcom) hidden: bool,
}

impl EventType {
    pub(in crate::calcom) fn host_ids(&self) -> Vec<i64> {
        match self.owner_id {
            Some(owner) if self.team_id.is_none() => vec![owner],
            _ => self.hosts.iter().map(|host| host.user_id).collect(),
        }
    }

    pub(in crate::calcom) fn field(&self, slug: &str) -> Option<&Value> {
        self.booking_fields.iter().find(|field| field["slug"] == slug)
    }

    pub(in crate::calcom) fn field_is(&self, slug: &str, flag: &str) -> bool {
        self.field(slug).is_some_and(|field| field[flag] == true)
    }
}

/// How far ahead a type can be booked.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::calcom) struct BookingWindow {
    /// `calendarDays` or `businessDays`.
    #[serde(rename = "type")]
    pub(in crate::calcom) kind: String,
    pub(in crate::calcom) value: u32,
}

impl BookingWindow {
    pub(in crate::calcom) fn end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
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
