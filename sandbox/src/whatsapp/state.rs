//! What WhatsApp remembers: business accounts with their numbers and templates, people, and their chats.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::template::Template;
use crate::{
    messenger::{Author, Button, Delivery},
    pace::Bucket,
};

/// Messages API: free-form messages go out for 24 hours after the client's last message.
pub(super) const WINDOW: TimeDelta = TimeDelta::hours(24);

/// A WhatsApp Business account.
#[derive(Debug)]
pub(super) struct Waba {
    pub(super) id: String,
    pub(super) name: String,
    /// The business it belongs to; user ids are scoped to it.
    pub(super) portfolio: String,
    /// Of a system user of this app.
    pub(super) app: String,
    pub(super) token: String,
    pub(super) token_expired: bool,
    pub(super) templates: Vec<Template>,
}

/// A business phone number.
#[derive(Debug)]
pub(super) struct Number {
    pub(super) id: String,
    pub(super) waba: String,
    /// With country code and spaces, as it is shown.
    pub(super) display: String,
    pub(super) verified_name: String,
    /// `GREEN`, `YELLOW`, `RED`, `NA`.
    pub(super) quality: String,
    /// `CONNECTED`, `FLAGGED`, `RESTRICTED`, `DISCONNECTED` ...
    pub(super) status: String,
    /// Messages a second, in and out: 80, or 1000 after the upgrade, or 20 beside the phone app.
    pub(super) throughput: f64,
    pub(super) pace: Bucket,
    /// Codes with which the next sends fail.
    pub(super) planned: VecDeque<Planned>,
}

impl Number {
    /// `metadata` in webhooks: the digits alone.
    pub(super) fn metadata(&self) -> Value {
        json!({"display_phone_number": digits(&self.display), "phone_number_id": self.id})
    }
}

/// A failure that the next send meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Planned {
    pub(super) code: i64,
    /// In a failed status, after the call was answered 200.
    #[serde(default)]
    pub(super) later: bool,
}

/// Somebody with WhatsApp.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Number with country code, digits only: what WhatsApp calls the account's id.
    pub wa_id: String,
    /// Profile name.
    pub name: String,
    /// Username, without the `@`.
    #[serde(default)]
    pub username: Option<String>,
    /// Webhooks don't show the number, as it is with people who have a username.
    #[serde(default)]
    pub hides_number: bool,
    /// Other numbers that lead here when they are dialled, such as the Brazilian form without the 9.
    #[serde(default)]
    pub dialled: Vec<String>,
    /// Country of the user id.
    #[serde(default = "default_country")]
    pub country: String,
    /// Tells others when messages were read.
    #[serde(default = "yes")]
    pub read_receipts: bool,
    /// The phone is off: what is sent to it is not delivered.
    #[serde(default)]
    pub offline: bool,
}

fn default_country() -> String {
    "US".to_owned()
}

fn yes() -> bool {
    true
}

impl Person {
    /// Business-scoped user id: another one for every business, and a new one with every number.
    pub(super) fn user_id(&self, portfolio: &str) -> String {
        let hash = Sha256::digest(format!("{portfolio}/{}", self.wa_id));
        let number = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        format!("{}.{:020}", self.country, number)
    }

    pub(super) fn answers_to(&self, dialled: &str) -> bool {
        self.wa_id == dialled || self.dialled.iter().any(|number| number == dialled)
    }
}

/// The chat between a business number and a person.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub(super) posts: Vec<Post>,
    /// When the person last wrote.
    pub(super) last_inbound: Option<DateTime<Utc>>,
    pub(super) typing_until: Option<DateTime<Utc>>,
    pub(super) blocked: bool,
    /// The person wants no marketing messages.
    pub(super) no_marketing: bool,
    pub(super) pace: Bucket,
}

impl Chat {
    pub(super) fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.last_inbound.is_some_and(|last| now - last < WINDOW)
    }

    pub(super) fn post(&mut self, id: &str) -> Option<&mut Post> {
        self.posts.iter_mut().rev().find(|post| post.id == id)
    }
}

/// A message in a chat.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) id: String,
    pub(super) author: Author,
    pub(super) at: DateTime<Utc>,
    pub(super) text: String,
    pub(super) buttons: Vec<Vec<Button>>,
    pub(super) note: Option<String>,
    /// Of the business' own.
    pub(super) state: Option<Delivery>,
    /// What the vendor keeps of a message of the business: for its statuses.
    pub(super) sent: Option<Outgoing>,
    /// It never got to the phone.
    pub(super) hidden: bool,
}

impl Post {
    /// What somebody wrote on a phone.
    pub(super) fn said(id: &str, author: Author, at: DateTime<Utc>, text: &str, note: Option<&str>) -> Self {
        let note = note.map(str::to_owned);
        Self {
            id: id.to_owned(),
            author,
            at,
            text: text.to_owned(),
            buttons: Vec::new(),
            note,
            state: None,
            sent: None,
            hidden: false,
        }
    }
}

/// What the statuses of a sent message, and the answers to it, repeat of it.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) callback_data: Option<String>,
    /// Sent to a number, so that statuses may name one.
    pub(super) by_number: bool,
    /// What the statuses say about the price.
    pub(super) pricing: Value,
    /// How a reply names its button: a template's quick reply, or a button or row of an interactive message.
    pub(super) replies: Replies,
    /// What a list says about its rows, by their ids: an answer repeats it.
    pub(super) descriptions: BTreeMap<String, String>,
}

/// As what a press on a message's button arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replies {
    /// `type: button`.
    Template,
    /// `interactive`, `button_reply`.
    Button,
    /// `interactive`, `list_reply`.
    List,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) wabas: BTreeMap<String, Waba>,
    pub(super) numbers: BTreeMap<String, Number>,
    /// By `wa_id`.
    pub(super) people: BTreeMap<String, Person>,
    /// By number and `wa_id`.
    pub(super) chats: HashMap<(String, String), Chat>,
}

impl State {
    pub(super) fn chat(&mut self, number: &str, person: &str) -> &mut Chat {
        self.chats.entry((number.to_owned(), person.to_owned())).or_default()
    }

    pub(super) fn person_by_number(&self, dialled: &str) -> Option<&Person> {
        self.people.get(dialled).or_else(|| self.people.values().find(|person| person.answers_to(dialled)))
    }

    pub(super) fn person_by_user_id(&self, user_id: &str, portfolio: &str) -> Option<&Person> {
        self.people.values().find(|person| person.user_id(portfolio) == user_id)
    }

    pub(super) fn waba_of(&self, number: &str) -> Option<&Waba> {
        self.wabas.get(&self.numbers.get(number)?.waba)
    }
}

/// A number without what is written around its digits.
pub(super) fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

/// A message id, long, with `=`, and now and then with `/` and `+`, as WhatsApp's are.
pub(super) fn wamid(person: &str) -> String {
    let mut bytes = vec![0x1c, 0x18, u8::try_from(person.len()).unwrap_or_default()];
    bytes.extend(person.as_bytes());
    bytes.extend([0x15, 0x02, 0x00]);
    bytes.extend(rand::random::<[u8; 17]>());
    while bytes.len() % 3 != 1 {
        bytes.push(0);
    }
    format!("wamid.{}", BASE64_STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_belongs_to_one_business_and_one_number() {
        let mut person: Person = serde_json::from_value(json!({"wa_id": "16505551234", "name": "Anna"})).unwrap();
        let id = person.user_id("b1");
        assert!(id.starts_with("US.") && id[3..].len() == 20 && id[3..].bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        assert_ne!(id, person.user_id("b2"));
        person.wa_id = "12195555358".to_owned();
        assert_ne!(id, person.user_id("b1"));
    }

    #[test]
    fn message_ids_look_like_the_vendors() {
        let id = wamid("16505551234");
        assert!(id.starts_with("wamid.HBg") && id.ends_with("=="), "{id}");
        assert_ne!(id, wamid("16505551234"));
    }
}
