//! What comes back from a CRM. A webhook is a hint to read, never a fact; only what [`RemoteState`] holds may change anything of ours.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::BookingState;

/// What a record of theirs is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// A client.
    Client,
    /// An enquiry.
    Enquiry,
    /// A visit.
    Booking,
}

impl Entity {
    /// Every kind of record.
    pub const ALL: [Self; 3] = [Self::Client, Self::Enquiry, Self::Booking];

    /// The name in the database, in files and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Enquiry => "enquiry",
            Self::Booking => "booking",
        }
    }
}

/// A CRM's webhook, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// What makes a repeated delivery one event.
    pub vendor_event_id: String,
    /// What is read now; none where nothing of ours is concerned.
    pub about: Option<(Entity, String)>,
    /// The vendor's name for what happened, for the log.
    pub what: String,
}

/// A record of theirs, as far as the core may take something from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteState {
    /// Their id.
    pub record: String,
    /// Our id in it, if it has one.
    pub external_id: Option<String>,
    /// When it was last changed there.
    pub changed_at: Option<DateTime<Utc>>,
    /// A client's name.
    pub name: Option<String>,
    /// Numbers and e-mails, normalised where they can be.
    pub contacts: Vec<String>,
    /// True if somebody noted that this person must not be written to.
    pub no_contact: bool,
    /// How a visit stands.
    pub booking: Option<BookingState>,
    /// When a visit begins.
    pub start: Option<DateTime<Utc>>,
    /// When it ends.
    pub end: Option<DateTime<Utc>>,
}

/// A part of a list of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemotePage {
    /// The records, oldest change first.
    pub records: Vec<RemoteState>,
    /// What asks for the next part; none after the last.
    pub next: Option<String>,
}

/// Who answered in a CRM's inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepliedBy {
    /// A person at the salon.
    Operator,
    /// The CRM's own bot.
    Bot,
}

/// An answer to a client, given in a CRM's inbox.
#[derive(Clone, PartialEq, Eq)]
pub struct InboxReply {
    /// Their id of it.
    pub id: String,
    /// Plain text. Empty for one that is only an attachment.
    pub text: String,
    /// When, by their clock.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: RepliedBy,
}

/// Without the words.
impl std::fmt::Debug for InboxReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboxReply").field("id", &self.id).field("at", &self.at).field("by", &self.by).finish_non_exhaustive()
    }
}
