//! What Telegram remembers of one bot: its chats, its webhook and the updates that wait for it.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::{Notify, Semaphore};

use crate::pace::Bucket;

/// Somebody with a Telegram account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// User id; the private chat with this person has the same id.
    pub id: i64,
    /// First name.
    pub first_name: String,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Username without the `@`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// IETF language tag of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
    /// The account's own number, as the contact card gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Person {
    /// The Bot API's `User`.
    pub(super) fn user(&self) -> Value {
        let mut user = self.names(&[("language_code", &self.language_code)]);
        user.insert("is_bot".to_owned(), json!(false));
        Value::Object(user)
    }

    /// First and last name.
    pub(super) fn name(&self) -> String {
        [Some(&self.first_name), self.last_name.as_ref()].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ")
    }

    /// The Bot API's `Chat` of a private conversation.
    pub(super) fn chat(&self) -> Value {
        let mut chat = self.names(&[]);
        chat.insert("type".to_owned(), json!("private"));
        Value::Object(chat)
    }

    fn names(&self, more: &[(&str, &Option<String>)]) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("id".to_owned(), json!(self.id));
        object.insert("first_name".to_owned(), json!(self.first_name));
        for (name, value) in [("last_name", &self.last_name), ("username", &self.username)].iter().chain(more) {
            if let Some(value) = value {
                object.insert((*name).to_owned(), json!(value));
            }
        }
        object
    }
}

/// A bot's webhook. A later `setWebhook` replaces all of it.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) max_connections: usize,
    pub(super) slots: Arc<Semaphore>,
}

/// Updates of one lane reach the webhook one after the other; lanes run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Messages and edits of a chat.
    Chat(i64),
    /// Button presses of a user: they may overtake the user's messages, and be overtaken.
    Queries(i64),
    /// The bot's own membership in a chat.
    Membership(i64),
}

/// An update on its way to the webhook.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) update_id: i64,
    pub(super) kind: &'static str,
    /// The content of the field `kind`.
    pub(super) content: Arc<Value>,
    pub(super) expires: DateTime<Utc>,
}

/// One conversation as the bot's server knows it.
#[derive(Debug)]
pub(super) struct Chat {
    /// The Bot API's `Chat`.
    pub(super) info: Value,
    pub(super) private: bool,
    /// A bot can't write to a person who never pressed Start.
    pub(super) started: bool,
    pub(super) blocked: bool,
    pub(super) deactivated: bool,
    pub(super) messages: Vec<Posted>,
    /// The reply keyboard shown under the input line.
    pub(super) keyboard: Option<Value>,
    /// Until when the chat shows `typing`.
    pub(super) typing_until: Option<DateTime<Utc>>,
    /// The last answers to button presses, shown over the chat.
    pub(super) notices: VecDeque<Value>,
    pub(super) pace: Bucket,
}

impl Chat {
    pub(super) fn new(info: Value) -> Self {
        let private = info["type"] == "private";
        Self {
            info,
            private,
            started: !private,
            blocked: false,
            deactivated: false,
            messages: Vec::new(),
            keyboard: None,
            typing_until: None,
            notices: VecDeque::new(),
            pace: Bucket::default(),
        }
    }

    pub(super) fn message(&mut self, id: i64) -> Option<&mut Posted> {
        self.messages.iter_mut().rev().find(|posted| posted.value["message_id"] == id)
    }
}

/// A message in a chat.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    /// The Bot API's `Message`.
    pub(super) value: Value,
    /// Whether the bot wrote it.
    pub(super) by_bot: bool,
}

/// A button press that waits for `answerCallbackQuery`.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) chat: i64,
    pub(super) at: DateTime<Utc>,
    pub(super) answered: bool,
}

/// One bot.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) name: String,
    pub(super) username: String,
    /// Wakes the lanes that wait before a retry.
    pub(super) wake: Notify,
    state: Mutex<State>,
}

/// The changing part of a bot.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) webhook: Option<Webhook>,
    /// Kept when a later `setWebhook` leaves it out.
    pub(super) allowed_updates: Vec<String>,
    pub(super) next_update: i64,
    pub(super) next_message: i64,
    pub(super) chats: BTreeMap<i64, Chat>,
    pub(super) queries: HashMap<String, Query>,
    pub(super) lanes: HashMap<Lane, VecDeque<Pending>>,
    pub(super) running: HashSet<Lane>,
    pub(super) pace: Bucket,
    pub(super) webhook_pace: Bucket,
    pub(super) last_error: Option<(DateTime<Utc>, String)>,
    /// Since when the webhook has answered nothing but 410.
    pub(super) gone_since: Option<DateTime<Utc>>,
}

impl Bot {
    pub(super) fn new(id: i64, token: String, name: String, username: String) -> Self {
        // Where the ids begin differs from bot to bot: a product that mixes bots up must not get away with it.
        let state = State {
            next_update: rand::random_range(100_000_000..900_000_000),
            next_message: rand::random_range(2..2_000),
            ..State::default()
        };
        Self { id, token, name, username, wake: Notify::new(), state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Bot API's `User`.
    pub(super) fn user(&self) -> Value {
        json!({"id": self.id, "is_bot": true, "first_name": self.name, "username": self.username})
    }
}

impl State {
    /// Adds a message to a chat, and answers it with its id.
    pub(super) fn post(&mut self, chat: i64, mut value: Value, by_bot: bool) -> Value {
        let id = self.next_message;
        self.next_message += 1;
        value["message_id"] = json!(id);
        if let Some(chat) = self.chats.get_mut(&chat) {
            chat.messages.push(Posted { value: value.clone(), by_bot });
        }
        value
    }

    /// Puts an update into its lane unless the bot did not ask for its kind; answers its id.
    pub(super) fn enqueue(
        &mut self,
        lane: Lane,
        kind: &'static str,
        content: Value,
        now: DateTime<Utc>,
        lives: TimeDelta,
    ) -> Option<i64> {
        if !self.allowed_updates.is_empty() && !self.allowed_updates.iter().any(|allowed| allowed == kind) {
            return None;
        }
        let update_id = self.next_update;
        self.next_update += 1;
        let pending = Pending { update_id, kind, content: Arc::new(content), expires: now + lives };
        self.lanes.entry(lane).or_default().push_back(pending);
        Some(update_id)
    }

    /// Updates that no webhook has taken yet.
    pub(super) fn pending(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }
}
