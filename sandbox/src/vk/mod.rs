//! VK's API as a community's server sees it: calls under `/vk/method/{name}`, events to callback servers, and the people on the
//! other side of the dialogs.
//!
//! A product is pointed here by the base address `http://HOST:PORT/vk`. Parameters, answers and events are checked against
//! VK's own schema of API 5.199; what the schema leaves open follows VK's pages. Only dialogs with people are played, no chats.

mod answer;
mod callback;
mod delivery;
mod form;
mod http;
mod methods;
mod person;
mod rules;
mod schema;
mod seed;
mod server;
pub mod spec;
mod staff;
mod state;
mod vendor;
mod view;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, RwLock, Weak},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

use self::state::Group;
pub use self::{
    answer::Refusal,
    delivery::Delivery,
    state::{Client, Person},
};
use crate::{changes::Changes, ledger::Entry, wire::poster, world::World};

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "vk";

/// VK publishes no limit for an answer to an event; its repetitions of slow ones fit this one.
const ANSWER_WITHIN: Duration = Duration::from_secs(8);

/// How strictly and how fast the stand-in behaves; the defaults suit tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manners {
    /// Refuse the 21st call of a key in a second, as the hosted service does.
    pub real_limits: bool,
    /// Milliseconds that stand for one second between two tries of a delivery; 1000 is the vendor's own pace.
    pub retry_ms_per_second: u64,
}

impl Default for Manners {
    fn default() -> Self {
        Self { real_limits: false, retry_ms_per_second: 1000 }
    }
}

/// The stand-in.
#[derive(Debug)]
pub struct Vk {
    /// For the tasks that outlive the call that starts them.
    me: Weak<Self>,
    world: Arc<World>,
    tasks: Handle,
    client: reqwest::Client,
    groups: RwLock<BTreeMap<i64, Arc<Group>>>,
    /// The community each key belongs to.
    keys: RwLock<HashMap<String, i64>>,
    people: RwLock<BTreeMap<i64, Person>>,
    deliveries: Mutex<VecDeque<Delivery>>,
    manners: RwLock<Manners>,
    changed: Changes,
}

impl Vk {
    /// A VK without communities and people, which delivers its events from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        let client = poster(ANSWER_WITHIN).build()?;
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            world,
            tasks,
            client,
            groups: RwLock::default(),
            keys: RwLock::default(),
            people: RwLock::default(),
            deliveries: Mutex::default(),
            manners: RwLock::default(),
            changed: Changes::default(),
        }))
    }

    /// How the stand-in behaves now.
    pub fn manners(&self) -> Manners {
        *self.manners.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how the stand-in behaves.
    pub fn set_manners(&self, manners: Manners) {
        *self.manners.write().unwrap_or_else(PoisonError::into_inner) = manners;
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub async fn wait_for<T>(&self, patience: Duration, mut probe: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        self.changed.wait_for(patience, || probe(self)).await
    }

    fn group(&self, id: i64) -> Option<Arc<Group>> {
        self.groups.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn group_by_key(&self, key: &str) -> Option<Arc<Group>> {
        let id = self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key).copied()?;
        self.group(id)
    }

    fn person(&self, id: i64) -> Option<Person> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn touch(&self) {
        self.changed.touch();
    }

    /// Records what the vendor forbids outside of a call, such as an answer to an event.
    fn complain(&self, operation: &str, request: Value, status: u16, violations: Vec<String>) {
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation: operation.to_owned(),
            request,
            status,
            violations,
            fault: None,
        });
    }
}
