//! A stand-in for EspoCRM 9.3.10: its REST API and its webhooks.
//!
//! The API is at `/espocrm/api/v1/...`, so a product's base address is `{sandbox}/espocrm`. Callers prove themselves with
//! `X-Api-Key` or `X-Hmac-Authorization`. What the vendor refuses is refused with its status and `X-Status-Reason`; what it
//! silently drops (attributes it doesn't know, system and read-only ones) is dropped and recorded as a violation. Rules are
//! cited as "EspoCRM note, 2.5". Webhooks go to internal addresses as if an administrator had allowed each of them.

mod access;
mod admin;
mod answer;
mod delivery;
mod duplicates;
mod filter;
mod hooks;
mod http;
mod input;
mod leads;
mod links;
mod listing;
mod multifield;
mod query;
mod records;
mod routes;
mod schema;
mod seed;
mod spec;
mod staff;
mod state;
#[cfg(test)]
mod tests;
mod values;
mod vendor;
mod view;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
};

use self::state::State;
use crate::{wire::poster, world::World};

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "espocrm";

/// How long the sender of webhooks waits (EspoCRM note, 2.7).
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The stand-in: one installation.
#[derive(Debug)]
pub struct EspoCrm {
    world: Arc<World>,
    client: reqwest::Client,
    state: Mutex<State>,
    /// Something was put into the queue of webhooks.
    work: Arc<Notify>,
    /// Events that are due or on their way.
    open: watch::Sender<usize>,
}

impl EspoCrm {
    /// An installation with the vendor's own fields and nobody in it, which delivers its webhooks from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: &Handle) -> Result<Arc<Self>, reqwest::Error> {
        let client = poster(ANSWER_WITHIN).connect_timeout(CONNECT_WITHIN).build()?;
        let (work, open) = (Arc::new(Notify::new()), watch::Sender::new(0));
        let crm = Arc::new(Self { world, client, state: Mutex::new(State::default()), work, open });
        tasks.spawn(delivery::deliver(Arc::downgrade(&crm)));
        Ok(crm)
    }

    /// Waits until no event is due: each is delivered, lost, or waits for its next try. False when that takes longer than
    /// `patience`.
    pub async fn settled(&self, patience: Duration) -> bool {
        let mut open = self.open.subscribe();
        let none = open.wait_for(|open| *open == 0);
        matches!(tokio::time::timeout(patience, none).await, Ok(Ok(_)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
