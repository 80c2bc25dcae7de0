//! What Meta's platforms share: the Graph API's answers and errors, one app for many accounts, the handshake, and webhooks: signed
//! over the exact bytes, in batches, repeated for days.

pub(crate) mod app;
pub(crate) mod bundle;
mod delivery;
mod escape;
pub(crate) mod graph;
pub(crate) mod http;
mod manners;
mod signature;
#[cfg(test)]
pub(crate) mod testing;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::Value;
use tokio::{runtime::Handle, sync::watch};

use self::delivery::Desk;
pub use self::{
    app::{App, Callback},
    delivery::Delivery,
    manners::Manners,
};
use crate::{changes::Changes, ledger::Entry, wire::poster, world::World};

/// A platform's own figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// WhatsApp Business Platform.
    WhatsApp,
    /// Instagram Platform.
    Instagram,
}

impl Object {
    /// The name under which faults and ledger entries speak of this vendor.
    pub(crate) const fn vendor(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp",
            Self::Instagram => "instagram",
        }
    }

    /// `object` in webhooks and subscriptions.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WhatsApp => "whatsapp_business_account",
            Self::Instagram => "instagram",
        }
    }

    /// How long a webhook may take to answer. WhatsApp's pages name no figure: the 20 s of the old Messenger FAQ. Instagram: 5 s on
    /// the Messenger page.
    const fn patience(self) -> Duration {
        match self {
            Self::WhatsApp => Duration::from_secs(20),
            Self::Instagram => Duration::from_secs(5),
        }
    }

    /// How long a webhook is repeated. WhatsApp, webhooks overview: up to 7 days. Instagram Platform, webhooks: 36 hours.
    const fn keeps_for(self) -> TimeDelta {
        match self {
            Self::WhatsApp => TimeDelta::days(7),
            Self::Instagram => TimeDelta::hours(36),
        }
    }
}

/// One of Meta's platforms: its apps, their subscriptions, and the way to their webhooks.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) world: Arc<World>,
    pub(crate) object: Object,
    tasks: Handle,
    client: reqwest::Client,
    manners: Mutex<Manners>,
    desk: Mutex<Desk>,
    changed: Changes,
    /// Counts the calls to repeat at once what waits for its repetition.
    wake: watch::Sender<u64>,
}

impl Platform {
    pub(crate) fn new(object: Object, world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        let client = poster(object.patience()).user_agent("facebookexternalua").build()?;
        Ok(Arc::new(Self {
            world,
            object,
            tasks,
            client,
            manners: Mutex::default(),
            desk: Mutex::default(),
            changed: Changes::default(),
            wake: watch::Sender::new(0),
        }))
    }

    pub(crate) fn manners(&self) -> Manners {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how webhooks are delivered. What was held back goes out when it no longer is.
    pub(crate) fn set_manners(self: &Arc<Self>, manners: Manners) {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = manners;
        self.start_pumps();
    }

    /// Tells [`Platform::wait_for`] that something is different now.
    pub(crate) fn touch(&self) {
        self.changed.touch();
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub(crate) async fn wait_for<T>(&self, patience: Duration, probe: impl FnMut() -> Option<T>) -> Option<T> {
        self.changed.wait_for(patience, probe).await
    }

    /// Records what the vendor forbids outside of a call, or what we ourselves got wrong.
    pub(crate) fn complain(&self, operation: &str, request: Value, violations: Vec<String>) {
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: self.object.vendor(),
            operation: operation.to_owned(),
            request,
            status: 0,
            violations,
            fault: None,
        });
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
