//! What a CRM can do, as data. The core branches on these fields and never on a vendor's name.

use crate::vendor::Rate;

/// How a CRM keeps something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// As a record of its own, which can be found again and changed.
    Records,
    /// As a text on the client's record.
    Notes,
}

/// How a CRM is told what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transcript {
    /// Message by message, as it is said: the CRM has an inbox.
    Messages,
    /// A day's talk as one text, after the day is over.
    Daily,
}

/// A CRM's abilities.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Enquiries.
    pub enquiries: Keeps,
    /// Visits.
    pub bookings: Keeps,
    /// Things to do.
    pub tasks: Keeps,
    /// What was said.
    pub transcript: Transcript,
    /// The longest note, in characters.
    pub note_chars: usize,
    /// Whether changes there reach us by webhook.
    pub webhooks: bool,
    /// Of which kinds of record it can list the changes.
    pub changes: &'static [super::Entity],
    /// Whether people answer clients in it, so that [`Crm::replies_since`](super::Crm::replies_since) has to be asked.
    pub inbox: bool,
    /// Whether a person is let in by name and password ([`Person`](super::Person)).
    pub passwords: bool,
    /// How often one account may be called, all our processes together.
    pub rate: Rate,
}
