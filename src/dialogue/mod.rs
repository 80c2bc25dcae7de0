//! The booking conversation as a pure state machine: `(session, input, facts) -> (session, effects)`.
//!
//! No I/O, no clock, no randomness. [`step`] is total: it takes any input in any state and never panics. The caller
//! runs it inside one transaction (session read `FOR UPDATE`, session and effects stored together) and turns the
//! effects into jobs, whose outcomes come back as [`SystemEvent`]s. [`render()`] makes a message of a screen for one
//! channel's [`Capabilities`](crate::channel::capabilities::Capabilities).

mod effect;
mod facts;
pub mod ids;
mod input;
mod machine;
mod messages;
mod phone;
mod render;
mod screen;
mod session;
mod states;
mod system;
mod texts;
mod token;
mod words;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::edge::edge_screens;

pub use effect::{Effect, Phone};
pub use facts::{Facts, Service, Staff, Title, Visit};
pub use input::{Input, Refusal, SystemEvent};
pub use messages::{ReminderKind, SalonCard, confirmation, from_operator, reminder, visit_cancelled_by_salon, visit_moved};
pub(crate) use phone::parse as parse_phone;
pub use render::{Button, Keyboard, Rendered, render};
pub use screen::{AskContact, Choice, Message, Screen, ScreenId, VisitFacts};
pub use session::{Draft, IDLE_AFTER, Offer, Session, Slot, State};
pub use texts::Notice;
pub use token::{Bound, ChoiceId, MAX_PAYLOAD, ShortKey, Token, TokenSealer};

use machine::Machine;

/// The result of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The session to store.
    pub session: Session,
    /// What to do, in this order.
    pub effects: Vec<Effect>,
}

/// Takes the conversation one input further.
///
/// A press that belongs to an earlier session version, or that we did not make, does nothing but show the current
/// screen; the repetition of the last accepted press shows it without complaint.
pub fn step(session: Session, input: &Input, facts: &Facts<'_>) -> Turn {
    let mut machine = Machine::new(session, facts);
    match input {
        Input::System(event) => system::handle(&mut machine, event),
        heard => machine.hear(heard),
    }
    machine.finish()
}
