//! The Telegram Bot API as a bot's server sees it: calls under `/telegram/bot{token}/{method}`, updates to webhooks,
//! and the people on the other side of the chats.
//!
//! A product is pointed here by the base address `http://HOST:PORT/telegram`. The rules and texts follow the published
//! specification and the source of Telegram's own Bot API server; only private chats have people in them.

mod answer;
mod content;
mod delivery;
mod http;
mod methods;
mod person;
mod rules;
mod seed;
pub mod spec;
mod state;
mod text;
mod vendor;
mod view;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use self::state::{Bot, Chat};
pub use self::{
    answer::Refusal,
    delivery::Delivery,
    person::{Acted, Action},
    state::Person,
};
use crate::{changes::Changes, ledger::Entry, wire::poster, world::World};

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "telegram";

/// Settings of a new bot.
#[derive(Debug, Clone, Deserialize)]
pub struct NewBot {
    /// `<bot id>:<secret>`.
    pub token: String,
    /// Name shown in the chat.
    pub name: String,
    /// Username without the `@`.
    pub username: String,
}

/// How strictly and how fast the stand-in behaves; the defaults suit tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manners {
    /// Enforce about 1 message a second per chat and 30 per bot, as the hosted service does.
    pub real_limits: bool,
    /// Require HTTPS webhooks on the vendor's ports, as the hosted service does.
    pub public_webhooks: bool,
    /// Milliseconds that stand for one second between two tries of a delivery; 1000 is the vendor's own pace.
    pub retry_ms_per_second: u64,
}

impl Default for Manners {
    fn default() -> Self {
        Self { real_limits: false, public_webhooks: false, retry_ms_per_second: 1000 }
    }
}

/// Why a bot can't be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadBot {
    /// The token does not begin with a bot id and a colon.
    Token,
    /// There is such a bot.
    Known,
}

impl std::fmt::Display for BadBot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "a token is <bot id>:<secret>",
            Self::Known => "there is a bot with this id",
        })
    }
}

impl std::error::Error for BadBot {}

#[derive(Debug, Clone)]
struct File {
    path: String,
    unique_id: String,
    bytes: Arc<[u8]>,
}

/// The stand-in.
#[derive(Debug)]
pub struct Telegram {
    /// For the tasks that outlive the call that starts them.
    me: Weak<Self>,
    world: Arc<World>,
    tasks: Handle,
    client: reqwest::Client,
    bots: RwLock<BTreeMap<i64, Arc<Bot>>>,
    people: RwLock<BTreeMap<i64, Person>>,
    files: Mutex<HashMap<String, File>>,
    deliveries: Mutex<VecDeque<Delivery>>,
    real_limits: AtomicBool,
    public_webhooks: AtomicBool,
    retry_ms_per_second: AtomicU64,
    changed: Changes,
}

impl Telegram {
    /// A Telegram without bots and people, which delivers its updates from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        // TG-SRV: an unanswered delivery is dropped after 60 s, and redirects are not followed.
        let client = poster(Duration::from_secs(60)).build()?;
        let manners = Manners::default();
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            world,
            tasks,
            client,
            bots: RwLock::default(),
            people: RwLock::default(),
            files: Mutex::default(),
            deliveries: Mutex::default(),
            real_limits: AtomicBool::new(manners.real_limits),
            public_webhooks: AtomicBool::new(manners.public_webhooks),
            retry_ms_per_second: AtomicU64::new(manners.retry_ms_per_second),
            changed: Changes::default(),
        }))
    }

    /// Registers a bot and answers its id.
    ///
    /// # Errors
    ///
    /// [`BadBot`].
    pub fn add_bot(&self, new: NewBot) -> Result<i64, BadBot> {
        let id = bot_id(&new.token).ok_or(BadBot::Token)?;
        let mut bots = self.bots.write().unwrap_or_else(PoisonError::into_inner);
        if bots.contains_key(&id) {
            return Err(BadBot::Known);
        }
        bots.insert(id, Arc::new(Bot::new(id, new.token, new.name, new.username)));
        Ok(id)
    }

    /// Takes a bot away: its token answers 401 from now on. Says whether there was one.
    pub fn revoke_bot(&self, id: i64) -> bool {
        let removed = self.bots.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(bot) = &removed {
            bot.state().webhook = None;
            bot.wake.notify_waiters();
        }
        removed.is_some()
    }

    /// Adds a person, or replaces what is known of them.
    pub fn add_person(&self, person: Person) {
        self.people.write().unwrap_or_else(PoisonError::into_inner).insert(person.id, person);
    }

    /// Puts a bot into a group of this negative id; says whether there is such a bot.
    pub fn add_group(&self, bot: i64, group: i64, title: &str) -> bool {
        let info = json!({"id": group, "type": "group", "title": title});
        self.bot(bot).map(|bot| bot.state().chats.insert(group, Chat::new(info))).is_some()
    }

    /// How the stand-in behaves now.
    pub fn manners(&self) -> Manners {
        Manners {
            real_limits: self.real_limits.load(Ordering::Relaxed),
            public_webhooks: self.public_webhooks.load(Ordering::Relaxed),
            retry_ms_per_second: self.retry_ms_per_second.load(Ordering::Relaxed),
        }
    }

    /// Changes how the stand-in behaves.
    pub fn set_manners(&self, manners: Manners) {
        self.real_limits.store(manners.real_limits, Ordering::Relaxed);
        self.public_webhooks.store(manners.public_webhooks, Ordering::Relaxed);
        self.retry_ms_per_second.store(manners.retry_ms_per_second, Ordering::Relaxed);
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub async fn wait_for<T>(&self, patience: Duration, mut probe: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        self.changed.wait_for(patience, || probe(self)).await
    }

    fn bot(&self, id: i64) -> Option<Arc<Bot>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn bot_by_token(&self, token: &str) -> Option<Arc<Bot>> {
        self.bot(bot_id(token)?).filter(|bot| bot.token == token)
    }

    fn person(&self, id: i64) -> Option<Person> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, File>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.changed.touch();
    }

    /// Records what the vendor forbids outside of a call, such as a webhook's answer.
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

fn bot_id(token: &str) -> Option<i64> {
    let (id, secret) = token.split_once(':')?;
    (!secret.is_empty()).then(|| id.parse().ok().filter(|id| *id > 0))?
}
