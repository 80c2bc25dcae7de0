//! A stand-in for a Bitrix24 portal: its REST API (version 2), its OAuth server and its outgoing events.
//!
//! Calls come to `/bitrix24/rest/{userId}/{code}/{method}[.json]` with an inbound webhook, or to
//! `/bitrix24/rest/{method}[.json]` with an application's token in `auth` (body or query) or in a bearer header. The OAuth
//! server answers at `/bitrix24/oauth/token/`. What the vendor refuses is refused in its envelope; what it silently drops
//! (unknown fields, read-only fields, parameters of another case) is dropped and recorded as a violation. The real service
//! takes HTTPS alone; this one takes HTTP.

mod access;
mod activities;
mod answer;
mod batch;
mod booking;
mod camel;
mod delivery;
mod directory;
mod duplicates;
mod fields;
mod filter;
mod form;
mod handlers;
mod http;
mod items;
mod limits;
mod listing;
mod methods;
mod multifield;
mod oauth;
mod seed;
mod spec;
mod staff;
mod state;
mod statuses;
#[cfg(test)]
mod tests;
mod timeline;
mod userfields;
mod values;
mod vendor;
mod view;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
};

use self::{delivery::Post, state::State};
use crate::{wire::poster, world::World};

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "bitrix24";

/// How long a delivery waits for its receiver. The vendor names no limit; a stand-in must end.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The stand-in: one portal.
#[derive(Debug)]
pub struct Bitrix24 {
    world: Arc<World>,
    client: reqwest::Client,
    state: Mutex<State>,
    outbox: mpsc::UnboundedSender<Post>,
    /// Events on their way.
    open: watch::Sender<usize>,
}

impl Bitrix24 {
    /// A portal with the vendor's own directories and nobody in it, which delivers its events from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: &Handle) -> Result<Arc<Self>, reqwest::Error> {
        let client = poster(ANSWER_WITHIN).build()?;
        let (outbox, posts) = mpsc::unbounded_channel();
        let state = Mutex::new(State { statuses: statuses::own(), ..State::default() });
        let portal = Arc::new(Self { world, client, state, outbox, open: watch::Sender::new(0) });
        tasks.spawn(delivery::deliver(Arc::downgrade(&portal), posts));
        Ok(portal)
    }

    /// Waits until every event has been delivered or is lost; false when that takes longer than `patience`.
    pub async fn settled(&self, patience: Duration) -> bool {
        let mut open = self.open.subscribe();
        let none = open.wait_for(|open| *open == 0);
        matches!(tokio::time::timeout(patience, none).await, Ok(Ok(_)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
