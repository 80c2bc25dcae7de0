//! What MAX remembers of one bot: its dialogues and groups, its subscriptions and the events on their way to them.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::chat::{Chat, Message};
use crate::pace::Bucket;

/// MAX: without a 200 for this long the bot is unsubscribed, and nothing tells it.
const PATIENCE: TimeDelta = TimeDelta::hours(8);

/// Somebody with a MAX account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// User id; never the id of a dialogue.
    pub id: i64,
    /// First name.
    pub first_name: String,
    /// Last name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Public name without the `@`; few people have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// IETF language tag of the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The account's own number: digits without a plus, as the contact card gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Person {
    /// MAX's `User`. A name that a person doesn't have is left out.
    pub(super) fn user(&self, now_ms: i64) -> Value {
        let mut user = json!({
            "user_id": self.id, "first_name": self.first_name, "is_bot": false, "last_activity_time": now_ms, "name": self.name(),
        });
        for (member, value) in [("last_name", &self.last_name), ("username", &self.username)] {
            if let Some(value) = value {
                user[member] = json!(value);
            }
        }
        user
    }

    /// First and last name.
    pub(super) fn name(&self) -> String {
        self.last_name.as_ref().map_or_else(|| self.first_name.clone(), |last| format!("{} {last}", self.first_name))
    }
}

/// An address that gets a bot's events. A bot may have several: another address is one more, the same one replaces.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Ours; a removed and renewed subscription is another one.
    pub(super) key: u64,
    pub(super) url: String,
    pub(super) secret: Option<String>,
    /// None asks for everything.
    pub(super) update_types: Option<Vec<String>>,
    pub(super) since: DateTime<Utc>,
    /// When the first try failed after the last success.
    pub(super) failing_since: Option<DateTime<Utc>>,
    /// Events not tried yet, by chat.
    pub(super) lanes: HashMap<i64, VecDeque<Event>>,
    /// Chats whose lane has a task.
    pub(super) running: HashSet<i64>,
    /// Events neither taken nor given up.
    pub(super) open: usize,
}

impl Subscription {
    fn wants(&self, kind: &str) -> bool {
        self.update_types.as_ref().is_none_or(|kinds| kinds.iter().any(|wanted| wanted == kind))
    }
}

/// Something that happened, as it is posted: every repetition is the same to the byte.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// MAX gives its events no ids. This is what tells one from another, put together from what is in it.
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) chat: i64,
    pub(super) body: Arc<str>,
}

/// A keyboard that was pressed: where an answer with its `callback_id` goes.
#[derive(Debug, Clone)]
pub(super) struct Pressed {
    pub(super) chat: i64,
    pub(super) mid: String,
}

/// One bot.
#[derive(Debug)]
pub(super) struct Bot {
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) name: String,
    pub(super) username: String,
    /// Wakes those who wait before a repetition when a subscription goes.
    pub(super) wake: Notify,
    state: Mutex<State>,
}

/// The changing part of a bot.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) subscriptions: Vec<Subscription>,
    pub(super) chats: BTreeMap<i64, Chat>,
    /// Dialogues by the person.
    dialogues: HashMap<i64, i64>,
    pub(super) pressed: HashMap<String, Pressed>,
    pub(super) pace: Bucket,
    /// Events that happened while nobody was subscribed to them: no later subscription gets them.
    pub(super) unheard: u64,
    last_ms: i64,
    last_key: u64,
}

impl Bot {
    pub(super) fn new(id: i64, token: String, name: String, username: String) -> Self {
        Self { id, token, name, username, wake: Notify::new(), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// MAX's `User`.
    pub(super) fn user(&self, now_ms: i64) -> Value {
        json!({
            "user_id": self.id, "first_name": self.name, "username": self.username, "is_bot": true,
            "last_activity_time": now_ms, "name": self.name,
        })
    }
}

impl State {
    /// The time in milliseconds, no two of a bot's moments alike: a press is told from the next one on the same keyboard by its time.
    pub(super) fn moment(&mut self, now: DateTime<Utc>) -> i64 {
        self.last_ms = now.timestamp_millis().max(self.last_ms + 1);
        self.last_ms
    }

    /// The id of the dialogue with a person, if it was ever begun.
    pub(super) fn dialogue(&self, person: i64) -> Option<i64> {
        self.dialogues.get(&person).copied()
    }

    /// Adds a chat.
    pub(super) fn open(&mut self, chat: Chat) {
        if let Some(person) = chat.person() {
            self.dialogues.insert(person, chat.id);
        }
        self.chats.insert(chat.id, chat);
    }

    /// The chat that a message is in, if it is there: the first half of its id is the chat's.
    pub(super) fn chat_of(&mut self, mid: &str) -> Option<&mut Chat> {
        let chat = mid.strip_prefix("mid.").and_then(|digits| digits.get(..16));
        let chat = u64::from_str_radix(chat?, 16).ok()?.cast_signed();
        self.chats.get_mut(&chat).filter(|chat| chat.messages.iter().any(|message| message.mid == mid))
    }

    /// A message of this time in this chat, with ids as MAX makes them: `seq` is the time with 16 more bits, `mid` the chat and that.
    pub(super) fn write(&mut self, chat: i64, now: DateTime<Utc>, sender: Value, by_bot: bool) -> Message {
        let at_ms = self.moment(now);
        let seq = (at_ms << 16) | i64::from(rand::random_range(0_u16..u16::MAX));
        Message {
            mid: format!("mid.{chat:016x}{seq:016x}"),
            seq,
            at_ms,
            sender,
            by_bot,
            text: None,
            attachments: Vec::new(),
            link: None,
        }
    }

    /// Adds a subscription, or changes the one with this address.
    pub(super) fn subscribe(&mut self, url: &str, secret: Option<String>, update_types: Option<Vec<String>>, now: DateTime<Utc>) {
        if let Some(known) = self.subscriptions.iter_mut().find(|known| known.url == url) {
            known.secret = secret;
            known.update_types = update_types;
            return;
        }
        self.last_key += 1;
        self.subscriptions.push(Subscription {
            key: self.last_key,
            url: url.to_owned(),
            secret,
            update_types,
            since: now,
            failing_since: None,
            lanes: HashMap::new(),
            running: HashSet::new(),
            open: 0,
        });
    }

    /// Takes away the subscriptions that gave no 200 for too long.
    pub(super) fn expire(&mut self, now: DateTime<Utc>) {
        self.subscriptions.retain(|one| one.failing_since.is_none_or(|since| now - since < PATIENCE));
    }

    /// Gives an event to every subscription that wants it; says whether there is one.
    pub(super) fn tell(&mut self, event: &Event, now: DateTime<Utc>) -> bool {
        self.expire(now);
        let mut heard = false;
        for subscription in self.subscriptions.iter_mut().filter(|subscription| subscription.wants(event.kind)) {
            subscription.lanes.entry(event.chat).or_default().push_back(event.clone());
            subscription.open += 1;
            heard = true;
        }
        self.unheard += u64::from(!heard);
        heard
    }

    pub(super) fn subscription(&mut self, key: u64) -> Option<&mut Subscription> {
        self.subscriptions.iter_mut().find(|subscription| subscription.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::chat::With, *};

    #[test]
    fn ids_and_times_are_of_maxs_kind() {
        let mut state = State::default();
        let now = DateTime::from_timestamp_millis(1_785_000_002_100).unwrap();
        let (first, second) = (state.write(182_182_182, now, json!({}), false), state.write(-70, now, json!({}), true));
        assert!(first.seq > 1 << 53 && second.at_ms > first.at_ms);
        assert!(first.mid.starts_with("mid.000000000adbe126") && second.mid.starts_with("mid.ffffffffffffffba"), "{second:?}");
        assert_eq!(first.mid.len(), "mid.".len() + 32);
    }

    #[test]
    fn messages_and_dialogues_are_found() {
        let mut state = State::default();
        let (dialogue, group) = (Chat::new(182, With::Person(7)), Chat::new(-70, With::Group("Staff".to_owned())));
        state.open(dialogue);
        state.open(group);
        let message = state.write(-70, DateTime::UNIX_EPOCH, json!({}), false);
        let mid = message.mid.clone();
        state.chats.get_mut(&-70).unwrap().messages.push(message);
        assert_eq!((state.dialogue(7), state.dialogue(182)), (Some(182), None));
        assert_eq!(state.chat_of(&mid).map(|chat| chat.id), Some(-70));
        for unknown in
            ["", "mid.", "mid.1", "mid.zzzzzzzzzzzzzzzz", "mid.00000000000000b60000000000000000", "mid.яяяяяяяяяяяяяяяя"]
        {
            assert!(state.chat_of(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn subscriptions_add_up_and_the_same_address_replaces() {
        let mut state = State::default();
        let now = DateTime::UNIX_EPOCH;
        let event = |kind| Event { id: "e".to_owned(), kind, chat: 1, body: "{}".into() };
        state.subscribe("a", None, None, now);
        state.subscribe("b", None, Some(vec!["bot_started".to_owned()]), now);
        state.subscribe("a", Some("secret".to_owned()), Some(vec!["message_created".to_owned()]), now);
        assert_eq!(state.subscriptions.len(), 2);
        assert!(state.tell(&event("message_created"), now) && !state.tell(&event("bot_stopped"), now));
        assert_eq!((state.subscriptions[0].open, state.subscriptions[1].open, state.unheard), (1, 0, 1));
        state.subscriptions[0].failing_since = Some(now);
        state.expire(now + TimeDelta::hours(8) - TimeDelta::milliseconds(1));
        assert_eq!(state.subscriptions.len(), 2);
        state.expire(now + TimeDelta::hours(8));
        assert_eq!(state.subscriptions.len(), 1);
    }
}
