//! salon-core joins a salon's messengers, its cal.com calendar and its CRM: a message becomes a booking dialogue, the dialogue a
//! booking, the booking a CRM record, a confirmation and reminders, for many salons at once.
//!
//! The tree shows the architecture; `docs/architecture.md` walks one message through it.

pub mod app;
pub mod booking;
pub mod channel;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crm;
pub mod crypto;
pub mod dialogue;
pub mod error;
pub mod graphql;
pub mod ids;
pub mod ingress;
pub mod job;
pub mod lang;
pub mod lead;
pub mod message;
pub mod ops;
pub mod schedule;
pub mod store;
pub mod tenant;
pub mod vendor;
