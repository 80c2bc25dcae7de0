//! Job handlers of salon-core, and what runs them. The web process can't import this crate.

mod bulkhead;
mod circuit;
pub mod ctx;
pub mod handlers;
pub mod queue;
pub mod runtime;
mod ticker;

pub use bulkhead::{Bulkhead, Place};
pub use circuit::Circuits;
