//! What a tenant file says. Values are as checked by [`super::load`]; defaults are those of the schema.

use std::collections::BTreeMap;

use chrono::NaiveTime;
use chrono_tz::Tz;
use phonenumber::country;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::channels::Channel;
use super::crms::{Bitrix24, Erxes, Espocrm};
pub use crate::lang::Lang as Language;

/// A salon, as its file describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct TenantFile {
    /// The stable key of the tenant: 3 to 40 characters of `a-z`, `0-9` and `-`.
    pub slug: String,
    /// The salon's name as its clients know it.
    pub name: String,
    /// The zone of every time of day in the file.
    pub zone: Tz,
    /// At least one; the first is the default.
    pub languages: Vec<Language>,
    /// Where a phone number without a country code is read.
    #[serde(default = "russia")]
    pub phone_region: country::Id,
    /// Where the salon is, as shown to clients.
    pub address: Option<String>,
    /// When the salon starts no conversation.
    #[serde(default)]
    pub quiet_hours: QuietHours,
    /// When a client is reminded of a visit.
    #[serde(default)]
    pub reminders: Reminders,
    /// Hours before the visit until which its client can cancel it in the chat, 0 to 168; 0 is until it starts.
    #[serde(default = "two")]
    pub cancel_until_hours: u16,
    /// What happens when a reminder or a notice does not arrive.
    #[serde(default)]
    pub fallback: Fallback,
    /// `None` for a salon whose site has no form.
    pub site: Option<Site>,
    /// `None` for a salon without erxes.
    pub erxes: Option<Erxes>,
    /// `None` for a salon without EspoCRM.
    pub espocrm: Option<Espocrm>,
    /// `None` for a salon without Bitrix24.
    pub bitrix24: Option<Bitrix24>,
    /// The salon's calendar.
    pub calcom: Calcom,
    /// At least one.
    pub channels: Vec<Channel>,
    /// At least one, in the order shown to clients.
    pub services: Vec<Service>,
    /// At least one, in the order shown to clients.
    pub staff: Vec<Staff>,
}

/// A daily window in the salon's zone, from `start` until just before `end`. It runs over midnight when `end` is the
/// earlier one; the two are never equal and at most 20 hours apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct QuietHours {
    /// The first quiet minute.
    #[serde(deserialize_with = "hh_mm")]
    pub start: NaiveTime,
    /// The first minute that is not quiet.
    #[serde(deserialize_with = "hh_mm")]
    pub end: NaiveTime,
}

/// 21:00 to 09:00.
impl Default for QuietHours {
    fn default() -> Self {
        let hour = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or_default();
        Self { start: hour(21), end: hour(9) }
    }
}

/// When a client is reminded of a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Reminders {
    /// The reminder on the day before.
    pub day_before: DayBefore,
    /// Hours before the visit, 1 to 48; `None` for no such reminder.
    pub hours_before: Option<u8>,
}

/// The reminder on the day before a visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "DayBeforeForm")]
pub enum DayBefore {
    /// None.
    Off,
    /// At the time of day of the visit.
    #[default]
    SameTime,
    /// At this time of day, in the salon's zone.
    At(NaiveTime),
}

/// The salon's own site, whose form sends enquiries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Site {
    /// Whose pages may send the form, each `scheme://host[:port]` as browsers write it; at least one.
    pub origins: Vec<String>,
    /// Whether a form must carry consent.
    #[serde(default)]
    pub consent: bool,
}

/// The salon's team in cal.com.
#[derive(Clone, Debug, Deserialize)]
pub struct Calcom {
    /// Address of the API, without `/v2`.
    pub base_url: String,
    /// Key of a service user who is ADMIN or OWNER of the team.
    pub api_key: SecretString,
    /// `None` when the event types belong to the key's user.
    pub team_id: Option<i64>,
    /// Signs cal.com's webhooks; at least 32 characters. `None`: the caller makes one and keeps it.
    pub webhook_secret: Option<SecretString>,
}

/// What happens when a reminder or a notice does not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Fallback {
    /// Names of channels: in which order a client is tried elsewhere. `None`: as the channels stand in the file.
    pub order: Option<Vec<String>>,
    /// How long an arrival is waited for, 1 to 1440 minutes.
    pub after_minutes: u16,
}

/// In the file's order, after ten minutes.
impl Default for Fallback {
    fn default() -> Self {
        Self { order: None, after_minutes: 10 }
    }
}

/// Something a client can book.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Service {
    /// Stable name, unique among services.
    pub key: String,
    /// What clients read; it has a text for each of the salon's languages.
    pub title: LocalText,
    /// How long it takes, 5 to 720 minutes.
    pub minutes: u16,
    /// As shown to clients, with its currency.
    pub price: Option<String>,
}

/// A text for all languages, or one for each.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum LocalText {
    /// The same in every language.
    Same(String),
    /// By language.
    Each(BTreeMap<Language, String>),
}

impl LocalText {
    /// The text in `language`; `None` only for a language the salon does not list.
    #[must_use]
    pub fn get(&self, language: Language) -> Option<&str> {
        match self {
            Self::Same(text) => Some(text),
            Self::Each(texts) => texts.get(&language).map(String::as_str),
        }
    }
}

/// A master.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Staff {
    /// Stable name, unique among staff.
    pub key: String,
    /// As clients know the master.
    pub name: String,
    /// The master's `userId` in cal.com.
    pub host_user_id: Option<i64>,
    /// At least one; a service is named once.
    pub services: Vec<StaffService>,
}

/// A service by a master, which is one event type of cal.com.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StaffService {
    /// Key of a service of the same file.
    pub service: String,
    /// Unique in the file.
    pub event_type_id: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DayBeforeForm {
    Switch(bool),
    At {
        #[serde(deserialize_with = "hh_mm")]
        at: NaiveTime,
    },
}

impl From<DayBeforeForm> for DayBefore {
    fn from(form: DayBeforeForm) -> Self {
        match form {
            DayBeforeForm::Switch(false) => Self::Off,
            DayBeforeForm::Switch(true) => Self::SameTime,
            DayBeforeForm::At { at } => Self::At(at),
        }
    }
}

fn hh_mm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
    let text = String::deserialize(deserializer)?;
    NaiveTime::parse_from_str(&text, "%H:%M").map_err(serde::de::Error::custom)
}

fn russia() -> country::Id {
    country::Id::RU
}

fn two() -> u16 {
    2
}
