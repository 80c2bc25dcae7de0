//! WhatsApp's Cloud API as `graph.facebook.com` shows it, its webhooks, and the people with WhatsApp on their phones.
//!
//! A product is pointed here by the base address `http://HOST:PORT/whatsapp`. Every send, answer and webhook is checked against Meta's
//! own OpenAPI document; what that document does not say follows the vendor's pages.

mod action;
mod answer;
mod events;
mod http;
mod manage;
mod person;
mod repairs;
mod rules;
mod seed;
mod send;
mod spec;
mod staff;
mod state;
mod template;
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
pub use self::{action::Action, state::Person, template::Template};
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
    /// Which statuses a message gets.
    pub receipts: Receipts,
    /// Clients' edits and revocations arrive as types of their own. Otherwise as `unsupported`.
    pub typed_edits: bool,
    /// Refuse what fails for the client's sake (131047, 131050) in the answer. Otherwise the call succeeds and a failed status follows.
    pub refuse_at_once: bool,
    /// Webhooks carry business-scoped user ids, as they do since April 2026.
    pub user_ids: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            meta: meta::Manners::default(),
            receipts: Receipts::default(),
            typed_edits: true,
            refuse_at_once: false,
            user_ids: true,
        }
    }
}

/// Which statuses a message gets, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receipts {
    /// `sent`, `delivered`, later `read`.
    #[default]
    InOrder,
    /// `delivered` before `sent`.
    Swapped,
    /// `sent`, later `read`: `delivered` is left out.
    WithoutDelivered,
    /// Each of them twice.
    Repeated,
    /// None at all.
    Silent,
}

impl Receipts {
    const fn on_sending(self) -> &'static [&'static str] {
        match self {
            Self::InOrder => &["sent", "delivered"],
            Self::Swapped => &["delivered", "sent"],
            Self::WithoutDelivered => &["sent"],
            Self::Repeated => &["sent", "sent", "delivered", "delivered"],
            Self::Silent => &[],
        }
    }

    const fn on_reading(self) -> &'static [&'static str] {
        match self {
            Self::InOrder | Self::Swapped | Self::WithoutDelivered => &["read"],
            Self::Repeated => &["read", "read"],
            Self::Silent => &[],
        }
    }
}

/// The stand-in.
#[derive(Debug)]
pub struct WhatsApp {
    platform: Arc<Platform>,
    state: Mutex<State>,
    own: Mutex<Manners>,
}

impl WhatsApp {
    /// A WhatsApp without apps, accounts and people, which delivers its webhooks from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        let platform = Platform::new(Object::WhatsApp, world, tasks)?;
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

    /// A person's business-scoped user id for the business that a number belongs to, if both exist.
    pub fn user_id(&self, number: &str, person: &str) -> Option<String> {
        let state = self.state();
        Some(state.people.get(person)?.user_id(&state.waba_of(number)?.portfolio))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
