//! What the caller is to do after a step, in this order, in the transaction that stores the session.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::ids::{BookingId, ServiceId, StaffId};
use super::screen::Screen;
use crate::lang::Lang;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Send this screen.
    Show(Screen),
    /// Look up free times; answer with `SlotsLoaded` or `SlotsFailed`.
    LoadSlots {
        /// To be given back with the answer.
        request: u64,
        /// For this service.
        service: ServiceId,
        /// With this master; `None`: with any.
        staff: Option<StaffId>,
        /// The first day, in the salon's zone.
        from: NaiveDate,
        /// The last day, inclusive.
        to: NaiveDate,
    },
    /// Make a booking; answer with `Booked`, `SlotTaken`, `BookingRefused` or `BookingUnclear`.
    Book {
        /// Unique in the conversation: the booking key is made of it, so that a repeated job books once.
        attempt_key: u64,
        /// The service.
        service: ServiceId,
        /// The master, also where the client said "any".
        staff: StaffId,
        /// The start.
        start: DateTime<Utc>,
    },
    /// Cancel a visit; answer with `Cancelled` or `CancelFailed`.
    Cancel {
        /// Unique in the conversation, as for `Book`.
        attempt_key: u64,
        /// The visit.
        booking: BookingId,
    },
    /// Remember the client's language.
    SetLanguage(Lang),
    /// Remember the client's phone number.
    SetPhone(Phone),
}

/// A phone number in E.164. Hidden from `Debug`: it is personal data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phone(String);

impl Phone {
    pub(super) fn new(e164: String) -> Self {
        Self(e164)
    }

    /// The number, with its plus.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(..)")
    }
}
