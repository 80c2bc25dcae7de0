//! Instagram messaging as `graph.instagram.com` shows it (Instagram API with Instagram Login), its webhooks, and the people with
//! Instagram on their phones.
//!
//! A product is pointed here by the base address `http://HOST:PORT/instagram`. There is no document of the vendor's to check against:
//! the rules are data beside this crate, each with its source.

mod account;
mod action;
mod events;
mod http;
mod person;
mod seed;
mod send;
mod spec;
mod staff;
mod state;
#[cfg(test)]
mod tests;
mod vendor;
mod view;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use self::state::State;
pub use self::{action::Action, state::Person};
use crate::{
    meta::{self, Delivery, Object, Platform},
    world::World,
};

/// How the stand-in behaves; the defaults suit tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manners {
    /// How webhooks are delivered.
    #[serde(flatten)]
    pub meta: meta::Manners,
    /// When the account hears of its own messages.
    pub echo: Echo,
    /// Echoes say that they are some. Otherwise only their sender tells.
    pub echo_flag: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { meta: meta::Manners::default(), echo: Echo::default(), echo_flag: true }
    }
}

/// When the account hears of a message that was sent through the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Echo {
    /// As a webhook like the others.
    #[default]
    Soon,
    /// Before the call that sent it is answered.
    BeforeTheAnswer,
    /// Not at all.
    Never,
}

/// The stand-in.
#[derive(Debug)]
pub struct Instagram {
    platform: Arc<Platform>,
    state: Mutex<State>,
    own: Mutex<Manners>,
}

impl Instagram {
    /// An Instagram without apps, accounts and people, which delivers its webhooks from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        let platform = Platform::new(Object::Instagram, world, tasks)?;
        Ok(Arc::new(Self { platform, state: Mutex::default(), own: Mutex::default() }))
    }

    /// How the stand-in behaves now.
    pub fn manners(&self) -> Manners {
        Manners { meta: self.platform.manners(), ..*self.own.lock().unwrap_or_else(PoisonError::into_inner) }
    }

    /// Changes how the stand-in behaves.
    pub fn set_manners(&self, manners: Manners) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = manners;
        self.platform.set_manners(manners.meta);
    }

    /// The last attempts to deliver webhooks, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.platform.deliveries()
    }

    /// Tries again at once whatever webhook waits for its repetition.
    pub fn repeat_now(&self) {
        self.platform.repeat_now();
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub async fn wait_for<T>(&self, patience: Duration, mut probe: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        self.platform.wait_for(patience, || probe(self)).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
