//! What the conversation may know of the world at one step, read by the caller beforehand.

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;

use super::ids::{BookingId, ServiceId, StaffId};
use super::token::TokenSealer;
use crate::{lang::Lang, schedule::to_local};

/// A title that may differ by language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// Used where `by_lang` has nothing.
    pub plain: String,
    /// The title in particular languages.
    pub by_lang: Vec<(Lang, String)>,
}

impl Title {
    /// The title for a reader of `lang`.
    pub fn in_lang(&self, lang: Lang) -> &str {
        self.by_lang.iter().find(|(known, _)| *known == lang).map_or(&self.plain, |(_, title)| title)
    }
}

impl From<&str> for Title {
    fn from(plain: &str) -> Self {
        Self { plain: plain.to_owned(), by_lang: Vec::new() }
    }
}

/// A service that can be booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// Its title.
    pub title: Title,
    /// How long it takes.
    pub minutes: u32,
    /// The price as it is to be shown, with its currency.
    pub price: Option<String>,
}

/// A master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// Their id.
    pub id: StaffId,
    /// The name shown to clients.
    pub name: String,
    /// The services they do.
    pub services: Vec<ServiceId>,
}

/// A coming visit of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Our booking.
    pub booking: BookingId,
    /// The service's title in the client's language.
    pub service_title: String,
    /// The master's name.
    pub staff_name: String,
    /// When it starts.
    pub start: DateTime<Utc>,
    /// Whether the salon's rules let the client cancel it now.
    pub cancellable: bool,
}

/// Everything a step may look at besides the session and the input.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The present moment.
    pub now: DateTime<Utc>,
    /// The salon's zone; every day and time in the conversation is in it.
    pub zone: Tz,
    /// The salon's name.
    pub salon_name: &'a str,
    /// The salon's address.
    pub address: Option<&'a str>,
    /// The client's phone number in E.164, if known.
    pub phone: Option<&'a str>,
    /// The client's language, if known from elsewhere; the session's own choice goes first.
    pub lang: Option<Lang>,
    /// The languages the salon answers in, the preferred first. With one there is nothing to ask.
    pub languages: &'a [Lang],
    /// The services that can be booked, in the salon's order.
    pub services: &'a [Service],
    /// The masters, in the salon's order.
    pub staff: &'a [Staff],
    /// The client's coming visits.
    pub visits: &'a [Visit],
    /// The country whose numbers are typed without a code (ISO 3166-1 alpha-2, such as `RU`).
    pub region: &'a str,
    /// How many days ahead, counting today, can be booked.
    pub horizon_days: u16,
    /// Opens the payloads of pressed buttons. The same key must seal the screens.
    pub tokens: &'a TokenSealer,
}

impl Facts<'_> {
    /// The day of `at` in the salon's zone.
    pub(super) fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        to_local(at, self.zone).date()
    }

    /// Today in the salon's zone.
    pub(super) fn today(&self) -> NaiveDate {
        self.day_of(self.now)
    }

    /// The last day that can be booked.
    pub(super) fn last_day(&self) -> NaiveDate {
        add_days(self.today(), u64::from(self.horizon_days.saturating_sub(1)))
    }

    pub(super) fn service(&self, id: Option<ServiceId>) -> Option<&Service> {
        self.services.iter().find(|service| Some(service.id) == id)
    }

    pub(super) fn member(&self, id: Option<StaffId>) -> Option<&Staff> {
        self.staff.iter().find(|member| Some(member.id) == id)
    }

    /// The masters who do this service.
    pub(super) fn staff_for(&self, service: Option<ServiceId>) -> impl Iterator<Item = &Staff> {
        self.staff.iter().filter(move |member| service.is_some_and(|id| member.services.contains(&id)))
    }

    pub(super) fn visit(&self, id: Option<BookingId>) -> Option<&Visit> {
        self.visits.iter().find(|visit| Some(visit.booking) == id)
    }
}

/// `days` after `date`, or `date` at the end of the calendar.
pub(super) fn add_days(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(date)
}
