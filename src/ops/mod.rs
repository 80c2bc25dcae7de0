//! The operator's side: telemetry, health, metrics. Served on an address of its own, never through the gateway.

pub mod health;
pub mod http;
pub mod metrics;
pub mod server;
pub mod telemetry;
pub mod unit;
