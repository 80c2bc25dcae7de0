//! Channels: what a messenger can do, and the adapters that speak to one.
pub mod capabilities;
