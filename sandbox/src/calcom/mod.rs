//! A stand-in for cal.com's API v2 in the dialect of version 6.1.3, with its webhooks.
//!
//! It keeps a calendar (users, teams, event types, bookings), refuses what cal.com refuses with cal.com's own texts, and
//! posts signed webhooks at the moments cal.com does: BOOKING_CREATED before the creating call is answered,
//! BOOKING_CANCELLED before the status is written, each at most once.

mod answer;
mod availability;
mod bookings;
mod change;
mod create;
mod delivery;
mod event_types;
mod http;
mod input;
mod model;
mod payload;
mod routes;
mod seed;
mod slots;
mod staff;
mod teams;
#[cfg(test)]
mod tests;
mod throttle;
mod vendor;
mod view;
mod webhooks;

use std::{
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, routing::any};
use serde_json::Value;

use self::model::State;
pub use self::seed::BadSeed;
use crate::{openapi::Spec, wire::poster, world::World};

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "calcom";

/// Our minimal description of cal.com's API: `spec/calcom/SOURCE.txt` tells what it was compared with.
pub const OPENAPI: &str = include_str!("../../spec/calcom/openapi.json");

/// Compiling the schemas takes a while, and every calendar of a process checks against the same ones.
#[allow(clippy::expect_used, reason = "the document is compiled in and every test reads it")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec::parse(OPENAPI).expect("the embedded OpenAPI document"));

/// How long a booking call waits for a webhook's receiver. cal.com sets no limit at all; a stand-in must end.
const RECEIVER_PATIENCE: Duration = Duration::from_secs(5);

/// The stand-in: one calendar, shared by all its routes.
#[derive(Debug)]
pub struct Calcom {
    world: Arc<World>,
    state: Mutex<State>,
    spec: &'static Spec,
    client: reqwest::Client,
}

impl Calcom {
    /// An empty calendar; [`Calcom::seed`] fills it.
    pub fn new(world: Arc<World>) -> Arc<Self> {
        Self::with_patience(world, RECEIVER_PATIENCE)
    }

    fn with_patience(world: Arc<World>, patience: Duration) -> Arc<Self> {
        // Another stand-in may have installed the provider already; that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = poster(patience).build().unwrap_or_default();
        Arc::new(Self { world, state: Mutex::default(), spec: &SPEC, client })
    }

    /// Adds teams, users, event types and webhooks; `seed.rs` documents the shape.
    ///
    /// # Errors
    /// When the value doesn't have that shape, or refers to people who don't exist.
    pub fn seed(&self, value: &Value) -> Result<(), BadSeed> {
        seed::plant(&mut self.state(), value)
    }

    /// Everything a chat page may show: bookings, event types, webhooks and their deliveries.
    pub fn snapshot(&self) -> Value {
        view::snapshot(&self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stand-in's routes: `/v2/...`.
pub fn router(calcom: Arc<Calcom>) -> Router {
    Router::new().route("/{*path}", any(http::entry)).with_state(calcom)
}
