//! Job handlers of salon-core, and what runs them. The web process can't import this crate.

pub mod queue;
