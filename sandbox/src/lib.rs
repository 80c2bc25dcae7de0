//! Stand-ins for the vendors salon-core talks to.
//!
//! Each vendor is one module that speaks the vendor's wire format, checks every request against the vendor's own
//! published specification and refuses and records what the vendor would refuse. Nothing here is linked into the two
//! production binaries.
#![allow(
    clippy::disallowed_methods,
    reason = "the sandbox is the outside world: it owns its clock, its randomness, its settings and its HTTP client"
)]

pub mod bitrix24;
pub mod calcom;
mod changes;
pub mod clock;
mod control;
pub mod erxes;
pub mod espocrm;
pub mod fault;
pub mod instagram;
pub mod ledger;
pub mod max;
pub mod messenger;
pub mod meta;
pub mod openapi;
mod pace;
mod page;
mod sandbox;
pub mod story;
pub mod telegram;
pub mod vendor;
pub mod vk;
pub mod whatsapp;
mod wire;
pub mod world;

pub use sandbox::{Options, Sandbox, Scenario};
