//! MAX's Bot API as a bot's server sees it: calls under `/max`, events to every subscribed webhook, and the people on the other side.
//!
//! A product is pointed here by the base address `http://HOST:PORT/max`. The judge of every call is MAX's own OpenAPI document
//! (`spec.rs`); what it states in prose only is in `rules.rs`. Of attachments a bot can send keyboards only, and plain text.

mod answer;
mod chat;
mod delivery;
mod group;
mod hand;
mod http;
mod methods;
mod person;
mod repairs;
mod rules;
mod seed;
pub mod spec;
mod state;
mod vendor;
mod view;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::runtime::Handle;

pub use self::{
    answer::Refusal,
    delivery::Delivery,
    group::GroupAction,
    person::{Acted, Action},
    state::Person,
};
use self::{
    delivery::Courier,
    state::{Bot, Event, State},
};
use crate::world::World;

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "max";

/// Settings of a new bot.
#[derive(Debug, Clone, Deserialize)]
pub struct NewBot {
    /// The bot's user id.
    pub id: i64,
    /// What the product calls with; any text without spaces.
    pub token: String,
    /// Name shown in the chat.
    pub name: String,
    /// Public name without the `@`.
    pub username: String,
}

/// How strictly and how fast the stand-in behaves; the defaults suit tests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manners {
    /// Enforce 2 messages a second per dialogue and 30 calls a second per bot.
    pub real_limits: bool,
    /// Require HTTPS webhooks on port 443.
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
    /// The token is empty or has a space in it.
    Token,
    /// There is a bot with this id or this token.
    Known,
}

impl std::fmt::Display for BadBot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "a token is a word",
            Self::Known => "there is a bot with this id or token",
        })
    }
}

impl std::error::Error for BadBot {}

/// The stand-in.
#[derive(Debug)]
pub struct Max {
    world: Arc<World>,
    courier: Arc<Courier>,
    bots: RwLock<BTreeMap<i64, Arc<Bot>>>,
    people: RwLock<BTreeMap<i64, Person>>,
    real_limits: AtomicBool,
    public_webhooks: AtomicBool,
}

impl Max {
    /// A MAX without bots and people, which delivers its events from `tasks`.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be built, as without a TLS provider.
    pub fn new(world: Arc<World>, tasks: Handle) -> Result<Arc<Self>, reqwest::Error> {
        let manners = Manners::default();
        let courier = Courier::new(Arc::clone(&world), tasks, manners.retry_ms_per_second)?;
        Ok(Arc::new(Self {
            world,
            courier,
            bots: RwLock::default(),
            people: RwLock::default(),
            real_limits: AtomicBool::new(manners.real_limits),
            public_webhooks: AtomicBool::new(manners.public_webhooks),
        }))
    }

    /// Registers a bot.
    ///
    /// # Errors
    ///
    /// [`BadBot`].
    pub fn add_bot(&self, new: NewBot) -> Result<(), BadBot> {
        if new.token.is_empty() || new.token.contains(' ') {
            return Err(BadBot::Token);
        }
        let mut bots = self.bots.write().unwrap_or_else(PoisonError::into_inner);
        if bots.values().any(|bot| bot.id == new.id || bot.token == new.token) {
            return Err(BadBot::Known);
        }
        bots.insert(new.id, Arc::new(Bot::new(new.id, new.token, new.name, new.username)));
        Ok(())
    }

    /// Takes a bot away, as moderation does: its token answers 401 from now on. Says whether there was one.
    pub fn revoke_bot(&self, id: i64) -> bool {
        let removed = self.bots.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(bot) = &removed {
            bot.state().subscriptions.clear();
            bot.wake.notify_waiters();
        }
        removed.is_some()
    }

    /// Adds a person, or replaces what is known of them.
    pub fn add_person(&self, person: Person) {
        self.people.write().unwrap_or_else(PoisonError::into_inner).insert(person.id, person);
    }

    /// How the stand-in behaves now.
    pub fn manners(&self) -> Manners {
        Manners {
            real_limits: self.real_limits.load(Ordering::Relaxed),
            public_webhooks: self.public_webhooks.load(Ordering::Relaxed),
            retry_ms_per_second: self.courier.retry_ms_per_second.load(Ordering::Relaxed),
        }
    }

    /// Changes how the stand-in behaves. A pause before a repetition that has begun stays as long as it was.
    pub fn set_manners(&self, manners: Manners) {
        self.real_limits.store(manners.real_limits, Ordering::Relaxed);
        self.public_webhooks.store(manners.public_webhooks, Ordering::Relaxed);
        self.courier.retry_ms_per_second.store(manners.retry_ms_per_second, Ordering::Relaxed);
    }

    /// The last attempts to deliver, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.courier.deliveries()
    }

    /// Whether every event of the bot has been taken by, or given up for, each subscription that wants it.
    pub fn is_settled(&self, bot: i64) -> bool {
        self.bot(bot).is_none_or(|bot| bot.state().subscriptions.iter().all(|subscription| subscription.open == 0))
    }

    /// The id of the dialogue between a bot and a person, once it was begun; `chat_id` in calls.
    pub fn dialogue(&self, bot: i64, person: i64) -> Option<i64> {
        self.bot(bot)?.state().dialogue(person)
    }

    /// Posts something that did not come from MAX to the bot's first subscription, with a secret of the caller's choice; answers the
    /// HTTP status.
    ///
    /// # Errors
    ///
    /// When the bot has no subscription, or it can't be reached.
    pub async fn forge(&self, bot: i64, update: &Value, secret: Option<&str>) -> Result<u16, String> {
        let bot = self.bot(bot).ok_or("no such bot")?;
        self.courier.forge(&bot, update, secret).await
    }

    /// Asks `probe` now and after every change until it answers, at most for `patience`.
    pub async fn wait_for<T>(&self, patience: Duration, mut probe: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        self.courier.changed.wait_for(patience, || probe(self)).await
    }

    fn bot(&self, id: i64) -> Option<Arc<Bot>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn bot_by_token(&self, token: &str) -> Option<Arc<Bot>> {
        self.bots.read().unwrap_or_else(PoisonError::into_inner).values().find(|bot| bot.token == token).cloned()
    }

    fn person(&self, id: i64) -> Option<Person> {
        self.people.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Never the id of a bot or a person: whoever takes one for the other must not get away with it.
    fn new_dialogue_id(&self) -> i64 {
        let taken = |id: i64| self.bot(id).is_some() || self.person(id).is_some();
        std::iter::repeat_with(|| rand::random_range(100_000_000_000_i64..900_000_000_000))
            .find(|id| !taken(*id))
            .unwrap_or_default()
    }

    /// Hands an event to the subscriptions that want it, and says whether there is one. `Courier::run` sends it on its way.
    fn tell(&self, state: &mut State, kind: &'static str, chat: i64, id: &str, update: &Value) -> bool {
        let wrong = spec::spec().check_update(update);
        if !wrong.is_empty() {
            self.record("Update", update.clone(), 0, wrong, None);
        }
        let event = Event { id: id.to_owned(), kind, chat, body: update.to_string().into() };
        state.tell(&event, self.world.now())
    }

    fn touch(&self) {
        self.courier.touch();
    }
}

fn extend(update: &mut Value, more: Value) {
    if let (Some(update), Value::Object(more)) = (update.as_object_mut(), more) {
        update.extend(more);
    }
}
