//! What VK remembers: people, communities, their dialogs and their callback servers.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::server::{Event, Lane, Server, Status};

/// VK: `random_id` is compared within the last hour ..
const REPEAT_WITHIN: TimeDelta = TimeDelta::hours(1);
/// .. and at most with the last 100 messages of the dialog.
const REPEAT_AMONG: usize = 100;
/// VK: a community key may ask 20 times in a second.
const PER_SECOND: usize = 20;

/// Somebody with a VK account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// User id; the dialog with this person has the same id as peer.
    pub id: i64,
    /// First name.
    pub first_name: String,
    /// Last name.
    #[serde(default)]
    pub last_name: String,
    /// What the person's app can do.
    #[serde(default)]
    pub client: Client,
    /// The account was deleted.
    #[serde(default)]
    pub deactivated: bool,
}

/// VK's `client_info`: the abilities of the app a message was written with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Client {
    /// Kinds of buttons it can press.
    pub button_actions: Vec<String>,
    /// Shows keyboards under the input field.
    pub keyboard: bool,
    /// Shows keyboards on messages.
    pub inline_keyboard: bool,
    /// Shows carousels.
    pub carousel: bool,
    /// VK's number of its language; 0 is Russian.
    pub lang_id: i64,
}

impl Default for Client {
    fn default() -> Self {
        let actions = ["text", "vkpay", "open_app", "location", "open_link", "open_photo", "callback"];
        Self {
            button_actions: actions.map(str::to_owned).to_vec(),
            keyboard: true,
            inline_keyboard: true,
            carousel: true,
            lang_id: 0,
        }
    }
}

impl Client {
    pub(super) fn presses(&self, action: &str) -> bool {
        self.button_actions.iter().any(|able| able == action)
    }
}

/// Who wrote a message, as the person's app shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Person,
    Api,
    Operator,
}

/// A message in a dialog.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    /// VK's message.
    pub(super) value: Value,
    pub(super) writer: Writer,
    pub(super) at: DateTime<Utc>,
    /// Taken back by the person; VK tells communities nothing of it.
    pub(super) deleted: bool,
}

/// The dialog between a community and a person.
#[derive(Debug, Default)]
pub(super) struct Dialog {
    /// The person wrote first, or allowed messages.
    pub(super) allowed: bool,
    /// The community has the person in its blacklist.
    pub(super) banned: bool,
    pub(super) member: bool,
    pub(super) messages: Vec<Posted>,
    /// The keyboard under the input field.
    pub(super) keyboard: Option<Value>,
    /// Until when the community is shown as writing.
    pub(super) typing_until: Option<DateTime<Utc>>,
    /// Snackbars and links that answers to button presses showed, the last ones.
    pub(super) notices: VecDeque<Value>,
}

impl Dialog {
    /// The message the API sent under this `random_id`, if VK still compares with it.
    pub(super) fn sent_as(&self, random_id: i64, now: DateTime<Utc>) -> Option<&Posted> {
        self.messages.iter().rev().take(REPEAT_AMONG).find(|posted| {
            posted.writer == Writer::Api && posted.value["random_id"] == random_id && now - posted.at <= REPEAT_WITHIN
        })
    }

    /// A message by its id in the community.
    pub(super) fn message(&mut self, id: i64) -> Option<&mut Posted> {
        self.messages.iter_mut().rev().find(|posted| posted.value["id"] == id)
    }

    /// A message by its number in the dialog.
    pub(super) fn numbered(&mut self, number: i64) -> Option<&mut Posted> {
        self.messages.iter_mut().rev().find(|posted| posted.value["conversation_message_id"] == number)
    }
}

/// A press of a callback button that waits for its answer.
#[derive(Debug, Clone)]
pub(super) struct Press {
    pub(super) peer: i64,
    pub(super) at: DateTime<Utc>,
}

/// A community.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) id: i64,
    state: Mutex<State>,
}

/// The changing part of a community.
#[derive(Debug)]
pub(super) struct State {
    pub(super) name: String,
    pub(super) screen_name: String,
    /// Rights of the key: `messages`, `manage`.
    pub(super) rights: Vec<String>,
    /// VK's error for each call once the key is dead: 5 or 27.
    pub(super) dead: Option<i64>,
    /// Bot features are switched on in the settings.
    pub(super) bots: bool,
    /// What a server must answer to be confirmed.
    pub(super) code: String,
    pub(super) servers: BTreeMap<i64, Server>,
    pub(super) next_server: i64,
    pub(super) next_message: i64,
    pub(super) dialogs: BTreeMap<i64, Dialog>,
    pub(super) presses: HashMap<String, Press>,
    pub(super) lanes: HashMap<Lane, VecDeque<Arc<Event>>>,
    pub(super) running: HashSet<Lane>,
    /// Events (and confirmations) that are neither taken nor given up.
    pub(super) open: usize,
    recent: VecDeque<DateTime<Utc>>,
}

impl Group {
    pub(super) fn new(id: i64) -> Self {
        // Where the ids begin differs from community to community: a product that mixes them up must not get away with it.
        let state = State {
            name: String::new(),
            screen_name: String::new(),
            rights: Vec::new(),
            dead: None,
            bots: true,
            code: random_hex(4),
            servers: BTreeMap::new(),
            next_server: rand::random_range(1..900),
            next_message: rand::random_range(1_000..900_000),
            dialogs: BTreeMap::new(),
            presses: HashMap::new(),
            lanes: HashMap::new(),
            running: HashSet::new(),
            open: 0,
            recent: VecDeque::new(),
        };
        Self { id, state: Mutex::new(state) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds a message to a dialog, and answers it as VK shows it.
    pub(super) fn post(&mut self, peer: i64, mut value: Value, writer: Writer, at: DateTime<Utc>) -> Value {
        let id = self.next_message;
        self.next_message += 1;
        let dialog = self.dialogs.entry(peer).or_default();
        let number =
            dialog.messages.last().and_then(|posted| posted.value["conversation_message_id"].as_i64()).unwrap_or_default() + 1;
        let common = json!({
            "id": id, "conversation_message_id": number, "peer_id": peer, "date": at.timestamp(), "version": 10_000_000 + id,
            "out": i32::from(writer != Writer::Person), "attachments": [], "fwd_messages": [], "important": false, "is_hidden": false,
            "random_id": 0, "text": "",
        });
        if let (Some(value), Value::Object(common)) = (value.as_object_mut(), common) {
            for (name, is) in common {
                value.entry(name).or_insert(is);
            }
        }
        dialog.messages.push(Posted { value: value.clone(), writer, at, deleted: false });
        value
    }

    /// Puts an event into the lanes of the servers that want its kind; answers its id, if there are any.
    pub(super) fn enqueue(&mut self, peer: i64, kind: &'static str, object: Value, twice: bool) -> Option<String> {
        let event = Arc::new(Event { id: random_hex(20), kind, object, twice });
        let hears = |server: &Server| server.status == Status::Ok && server.flags.contains(kind);
        let hearing: Vec<i64> = self.servers.iter().filter(|(_, server)| hears(server)).map(|(id, _)| *id).collect();
        for server in &hearing {
            self.lanes.entry(Lane { server: *server, peer }).or_default().push_back(Arc::clone(&event));
            self.open += 1;
        }
        (!hearing.is_empty()).then(|| event.id.clone())
    }

    /// Counts a call; false when the key asks too often.
    pub(super) fn may_ask(&mut self, now: DateTime<Utc>) -> bool {
        while self.recent.front().is_some_and(|at| now - *at >= TimeDelta::seconds(1)) {
            self.recent.pop_front();
        }
        let may = self.recent.len() < PER_SECOND;
        if may {
            self.recent.push_back(now);
        }
        may
    }
}

/// Lower-case hex of so many random bytes.
pub(super) fn random_hex(bytes: usize) -> String {
    (0..bytes).map(|_| format!("{:02x}", rand::random::<u8>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(state: &mut State, random_id: i64, at: DateTime<Utc>) {
        state.post(5, json!({"random_id": random_id, "from_id": -7}), Writer::Api, at);
    }

    #[test]
    fn a_random_id_counts_for_an_hour_and_a_hundred_messages() {
        let group = Group::new(7);
        let (mut state, start) = (group.state(), DateTime::UNIX_EPOCH);
        sent(&mut state, 42, start);
        let known = |state: &State, at| state.dialogs[&5].sent_as(42, at).is_some();
        assert!(known(&state, start + TimeDelta::hours(1)));
        assert!(!known(&state, start + TimeDelta::seconds(3_601)));
        for other in 0..99 {
            sent(&mut state, 1_000 + other, start);
        }
        assert!(known(&state, start));
        sent(&mut state, 2_000, start);
        assert!(!known(&state, start));
    }

    #[test]
    fn a_random_id_of_an_operator_or_another_dialog_is_no_repeat() {
        let group = Group::new(7);
        let (mut state, now) = (group.state(), DateTime::UNIX_EPOCH);
        state.post(5, json!({"random_id": 42}), Writer::Operator, now);
        state.post(6, json!({"random_id": 42}), Writer::Api, now);
        assert!(state.dialogs[&5].sent_as(42, now).is_none());
    }

    #[test]
    fn twenty_calls_in_a_second() {
        let group = Group::new(7);
        let (mut state, now) = (group.state(), DateTime::UNIX_EPOCH);
        assert!((0..20).all(|_| state.may_ask(now)));
        assert!(!state.may_ask(now + TimeDelta::milliseconds(999)));
        assert!(state.may_ask(now + TimeDelta::seconds(1)));
    }
}
