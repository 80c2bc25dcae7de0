//! What can happen to a conversation.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::BookingId;
use super::session::Slot;

/// One thing the client did, or one outcome that came back.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// The client opened the conversation (`/start`, a deep link).
    Start {
        /// The deep link's payload.
        payload: Option<String>,
    },
    /// The client wrote.
    Text(String),
    /// The client pressed a button.
    Choice {
        /// Its payload as the channel gave it, not yet trusted.
        token: String,
    },
    /// The client sent a contact card.
    Contact {
        /// The number, with or without the leading plus.
        phone: String,
        /// Whether the channel says that it is the sender's own.
        own: bool,
    },
    /// A photo, voice note, sticker, or anything else without text.
    Media,
    /// An outcome of something the dialogue asked for.
    System(SystemEvent),
}

/// Only the kind: what a client writes does not belong in logs.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { .. } => f.write_str("Start"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Choice { token } => write!(f, "Choice({} bytes)", token.len()),
            Self::Contact { own, .. } => write!(f, "Contact(own: {own})"),
            Self::Media => f.write_str("Media"),
            Self::System(event) => event.fmt(f),
        }
    }
}

/// The outcome of an effect. An outcome nobody waits for any more changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum SystemEvent {
    /// Free times for `Effect::LoadSlots`.
    SlotsLoaded {
        /// The `request` of the effect.
        request: u64,
        /// What is free, in any order.
        slots: Vec<Slot>,
    },
    /// The free times could not be looked up.
    SlotsFailed {
        /// The `request` of the effect.
        request: u64,
    },
    /// The booking is made.
    Booked {
        /// The `attempt_key` of `Effect::Book`.
        attempt: u64,
        /// Our booking.
        booking: BookingId,
    },
    /// Somebody else took the time first.
    SlotTaken {
        /// The `attempt_key` of `Effect::Book`.
        attempt: u64,
        /// What is free now in the days last asked for; empty when not known, then it is asked for.
        slots: Vec<Slot>,
    },
    /// The booking will not be made.
    BookingRefused {
        /// The `attempt_key` of `Effect::Book`.
        attempt: u64,
        /// Why.
        reason: Refusal,
    },
    /// Whether the booking was made is not known yet; one of the other outcomes follows.
    BookingUnclear {
        /// The `attempt_key` of `Effect::Book`.
        attempt: u64,
    },
    /// The visit is cancelled, as the client asked.
    Cancelled {
        /// The booking.
        booking: BookingId,
    },
    /// The visit could not be cancelled.
    CancelFailed {
        /// The booking.
        booking: BookingId,
    },
    /// Somebody else (the salon, another channel) moved or cancelled the visit.
    BookingChangedElsewhere {
        /// The booking.
        booking: BookingId,
    },
}

/// Why a booking was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The service is no longer offered.
    ServiceGone,
    /// The master no longer does it.
    StaffGone,
    /// The time is in the past or nearer than the salon allows.
    TooSoon,
    /// The client has as many visits as the salon allows.
    LimitReached,
    /// The client's phone number was not accepted.
    PhoneRejected,
    /// Anything else.
    Other,
}
