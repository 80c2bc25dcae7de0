//! A salon as the rest of the system reads it.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    channel::ChannelKind,
    ids::{ServiceId, StaffId, TenantId},
    lang::Lang,
    schedule::{QuietHours, ReminderPolicy},
};

/// A salon's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Id.
    pub id: TenantId,
    /// Its stable name.
    pub slug: String,
    /// Its name as clients know it.
    pub name: String,
    /// The zone of every time of day it speaks of.
    pub zone: Tz,
    /// At least one; the first is the default.
    pub languages: Vec<Lang>,
    /// ISO 3166 region in which a phone number without a country code is read.
    pub phone_region: String,
    /// Where it is, as shown to clients.
    pub address: Option<String>,
    /// When it starts no conversation, in its zone.
    pub quiet_hours: QuietHours,
    /// When clients are reminded.
    pub reminder_policy: ReminderPolicy,
    /// Hours before a visit until which its client can cancel it in the chat.
    pub cancel_until_hours: u32,
    /// How long a reminder or a notice may take to arrive before the client's next channel is tried.
    pub fallback_minutes: u32,
    /// Raised by every change of the salon, its accounts and its catalogue.
    pub version: i64,
}

impl Tenant {
    /// The language of a client whose own is not known, or not spoken here.
    pub fn default_lang(&self) -> Lang {
        self.languages.first().copied().unwrap_or_default()
    }

    /// The language to speak to a client who prefers `wanted`.
    pub fn speak(&self, wanted: Option<Lang>) -> Lang {
        wanted.filter(|lang| self.languages.contains(lang)).unwrap_or_else(|| self.default_lang())
    }
}

/// Something a client can book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Id.
    pub id: ServiceId,
    /// Its stable name in the tenant file.
    pub key: String,
    /// What clients read, by language.
    pub titles: BTreeMap<Lang, String>,
    /// How long it takes.
    pub minutes: u32,
    /// As shown to clients, with its currency.
    pub price: Option<String>,
    /// False: no longer offered; past and planned visits still name it.
    pub active: bool,
}

impl Service {
    /// The title in `lang`, or in any language rather than none.
    pub fn title(&self, lang: Lang) -> &str {
        self.titles.get(&lang).or_else(|| self.titles.values().next()).map_or(self.key.as_str(), String::as_str)
    }
}

/// A service by a master: one event type of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaffService {
    /// Which service.
    pub service: ServiceId,
    /// The calendar's event type for it.
    pub event_type_id: i64,
}

/// A master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Id.
    pub id: StaffId,
    /// The stable name in the tenant file.
    pub key: String,
    /// As clients know the master.
    pub name: String,
    /// The master's user in the calendar.
    pub host_id: Option<i64>,
    /// What the master does, in the order of services.
    pub services: Vec<StaffService>,
    /// False: no longer works here; past and planned visits still name the master.
    pub active: bool,
}

/// A salon's services and masters in the order shown to clients, those no longer offered last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Services.
    pub services: Vec<Service>,
    /// Masters.
    pub staff: Vec<Staff>,
}

impl Catalogue {
    /// A service by id, offered or not.
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    /// A master by id, working or not.
    pub fn master(&self, id: StaffId) -> Option<&Staff> {
        self.staff.iter().find(|staff| staff.id == id)
    }

    /// The masters who do a service now, with the event type of each.
    pub fn masters_of(&self, service: ServiceId) -> impl Iterator<Item = (&Staff, i64)> {
        self.staff.iter().filter(|staff| staff.active).filter_map(move |staff| {
            staff.services.iter().find(|done| done.service == service).map(|done| (staff, done.event_type_id))
        })
    }

    /// Whose event type this is, and of which service.
    pub fn by_event_type(&self, event_type_id: i64) -> Option<(&Staff, &Service)> {
        self.staff.iter().find_map(|staff| {
            let done = staff.services.iter().find(|done| done.event_type_id == event_type_id)?;
            Some((staff, self.service(done.service)?))
        })
    }

    /// Every event type that can be booked.
    pub fn event_types(&self) -> Vec<i64> {
        self.staff.iter().filter(|staff| staff.active).flat_map(|staff| &staff.services).map(|done| done.event_type_id).collect()
    }
}

/// The form on a salon's site.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Site {
    /// Which form: it stands in the page and is no secret.
    pub form_key: String,
    /// Whose pages may send it, as browsers write an origin.
    pub origins: Vec<String>,
    /// Whether it must carry consent.
    pub consent: bool,
}

/// A chat that a link can lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    /// In which messenger.
    pub kind: ChannelKind,
    /// The channel's name in the tenant file.
    pub name: String,
    /// The account's id at the vendor; empty where nothing tells.
    pub external_id: String,
    /// The account's public name, once the vendor has told it.
    pub public_name: Option<String>,
}

/// Where a webhook belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whose it is.
    pub tenant: TenantId,
    /// Which vendor posts to it: a channel's name, or `calcom`.
    pub source: String,
    /// The channel account or the connection.
    pub target: Uuid,
}
