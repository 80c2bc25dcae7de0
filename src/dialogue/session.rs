//! What is remembered of a conversation between two of its messages.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::{BookingId, ServiceId, StaffId};
use super::texts::Notice;
use super::token::Token;
use crate::lang::Lang;

/// After this long without a word from the client the draft is dropped and the conversation starts anew.
pub const IDLE_AFTER: TimeDelta = TimeDelta::hours(24);

/// The number of the stored form: raised when the old form must not be read as the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
struct Format(u8);

impl Default for Format {
    fn default() -> Self {
        Self(1)
    }
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// Where the conversation stands. The two-character code names the screen in button payloads.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum State {
            $($(#[$doc])* #[serde(rename = $code)] $name,)+
        }

        impl State {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The two-character code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The state of a code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

states! {
    /// Nothing said yet, or nothing for a day.
    #[default]
    Idle = "id",
    /// Which language.
    Lang = "la",
    /// The client's phone number.
    Contact = "ct",
    /// The menu.
    Home = "hm",
    /// Which service.
    Service = "sv",
    /// Which master.
    Staff = "st",
    /// Free times are being looked up.
    Loading = "ld",
    /// Which day.
    Day = "dy",
    /// Which time.
    Slot = "sl",
    /// Is all of it right.
    Confirm = "cf",
    /// The booking is being made.
    Booking = "bg",
    /// The booking is made.
    Booked = "bd",
    /// The client's visits.
    My = "my",
    /// One visit.
    Visit = "vi",
    /// Really cancel the visit.
    Cancel = "cn",
    /// The visit is being cancelled.
    Cancelling = "cg",
}

/// A free time with the master who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The start of the visit.
    #[serde(rename = "t", with = "chrono::serde::ts_seconds")]
    pub start: DateTime<Utc>,
    /// Who is free.
    #[serde(rename = "m")]
    pub staff: StaffId,
}

/// The booking so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// The chosen service.
    pub service: Option<ServiceId>,
    /// The chosen master; `None`: any.
    pub staff: Option<StaffId>,
    /// The chosen day, in the salon's zone.
    pub day: Option<NaiveDate>,
    /// The chosen time.
    pub slot: Option<Slot>,
}

/// What a choice on the current screen does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offer {
    /// Speak this language.
    Lang(Lang),
    /// Ask for the language.
    ChangeLang,
    /// Start a booking.
    Book,
    /// List the visits.
    MyVisits,
    /// Book this service.
    Service(ServiceId),
    /// With whoever is free.
    AnyStaff,
    /// With this master.
    Staff(StaffId),
    /// On this day.
    Day(NaiveDate),
    /// Look for days from this one on.
    DaysFrom(NaiveDate),
    /// Choose the master anew.
    OtherStaff,
    /// At this time.
    Slot(Slot),
    /// Ask for the free times once more.
    Reload,
    /// Make the booking.
    Confirm,
    /// Choose the time anew.
    OtherTime,
    /// Show this visit.
    Visit(BookingId),
    /// Ask whether to cancel this visit.
    AskCancel(BookingId),
    /// Cancel this visit.
    CancelVisit(BookingId),
    /// Leave this visit as it is.
    KeepVisit(BookingId),
}

/// One client's conversation with one salon in one channel; stored by the caller as JSON, in the transaction that
/// also stores the step's effects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    format: Format,
    /// Where the conversation stands.
    pub state: State,
    /// Grows with every accepted move. A fresh session starts at the clock's milliseconds, so that buttons and
    /// booking attempts of a session that was lost are never taken for those of its successor.
    pub version: u64,
    /// The language the client chose here.
    pub lang: Option<Lang>,
    /// The booking so far. Kept until the next booking starts, whatever happens in between.
    pub draft: Draft,
    /// What the current screen offers, in the order of its numbers.
    pub offered: Vec<Offer>,
    /// The page of the current screen, from 0; wraps at the last one.
    pub page: u16,
    /// The free times that were loaded, sorted.
    pub slots: Vec<Slot>,
    /// The days `slots` covers, in the salon's zone.
    pub window: Option<(NaiveDate, NaiveDate)>,
    /// The request for free times that is under way.
    pub loading: Option<u64>,
    /// What to say when the free times have come.
    pub then_say: Option<Notice>,
    /// Booking attempts without a known outcome, oldest first.
    pub pending: Vec<u64>,
    /// The outcome of the latest attempt is unknown for now.
    pub unclear: bool,
    /// The visit on the current screen.
    pub booking: Option<BookingId>,
    /// The visit whose cancellation is under way.
    pub cancelling: Option<BookingId>,
    /// The last accepted press, so that its repetition is not taken for an old button.
    pub last_press: Option<Token>,
    /// When the client last said anything.
    pub updated_at: Option<DateTime<Utc>>,
}

impl Session {
    /// The session stored as `value`. A form we cannot read becomes a fresh session that keeps the version, so that
    /// old buttons stay old.
    pub fn restore(value: Value) -> Self {
        let version = value.get("version").and_then(Value::as_u64).unwrap_or_default();
        let mut session =
            serde_json::from_value::<Self>(value).ok().filter(|session| session.format == Format::default()).unwrap_or_default();
        session.version = version.min(u64::MAX / 2);
        session
    }

    /// The form to store.
    pub fn store(&self) -> Value {
        // Every field has a JSON form (no maps with structured keys, no failing serializer).
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether the client has been silent so long that the conversation starts anew.
    pub(super) fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.updated_at.is_some_and(|at| now.signed_duration_since(at) >= IDLE_AFTER)
    }

    /// Back to the beginning. The language, the version and the outcomes still awaited stay.
    pub(super) fn reset(&mut self, now: DateTime<Utc>) {
        let clock = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        *self = Self {
            version: self.version.max(clock.saturating_sub(1)),
            lang: self.lang,
            pending: std::mem::take(&mut self.pending),
            cancelling: self.cancelling,
            updated_at: self.updated_at,
            ..Self::default()
        };
    }
}
