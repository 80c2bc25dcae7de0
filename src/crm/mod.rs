//! The CRM port: what a salon's customer system is to the rest of the system. What it should know is an intent; which of its records
//! are ours is a link; both live with us. Its ids never enter the domain.

mod account;
pub mod bitrix24;
mod call;
mod capabilities;
mod card;
mod change;
#[cfg(test)]
mod conformance;
mod drift;
pub mod erxes;
pub mod espocrm;
pub mod fields;
mod inbox;
mod intent;
mod link;
mod meaning;
pub mod migration;
mod parked;
mod port;
mod registry;
pub mod render;
mod subject;
mod untold;

pub use account::{CrmAccount, CrmSecrets, HookSecret, OAuth, Person, Tokens};
pub use call::{CrmCall, INTERACTIVE, PACED, Pace, UNATTENDED, Unsent, pace_key};
pub use capabilities::{Capabilities, Keeps, Transcript};
pub use card::{Author, BookingCard, BookingState, Card, ClientCard, EnquiryCard, NoteCard, Noted, TaskCard, Touched};
pub use change::{Entity, Hint, InboxReply, RemotePage, RemoteState, RepliedBy};
pub use drift::{DriftCount, Repair};
pub use fields::{Fact, FieldKind, FieldMap, FieldSettings, FieldSpec, TheirField};
pub use inbox::{INBOX_ACTIVE, InboxTalk, inboxes};
pub use intent::{Intent, Wish};
pub use link::{Link, digest};
pub use parked::Parked;
pub use port::{BY_HAND, Crm, EXPIRED, Ensured, GONE, Health, Login, LoginPrompt};
pub use registry::{CrmKind, UnknownCrm, crm};
pub use subject::{BookingFacts, ClientFacts, Said};
pub use untold::Untold;
