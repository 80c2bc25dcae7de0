//! What Instagram remembers: professional accounts, people, and their chats.

use std::collections::{BTreeMap, HashMap, VecDeque};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::spec;
use crate::{
    messenger::{Author, Button, Delivery},
    pace::Bucket,
};

/// A professional account.
#[derive(Debug)]
pub(super) struct Account {
    /// The id that webhooks and calls name.
    pub(super) id: String,
    pub(super) username: String,
    pub(super) name: String,
    pub(super) app: String,
    pub(super) tokens: Vec<Token>,
    /// Row of the table of errors that every send meets.
    pub(super) standing: Option<String>,
    /// Rows that the next sends meet, one each.
    pub(super) planned: VecDeque<String>,
    /// The app may send with HUMAN_AGENT.
    pub(super) human_agent: bool,
    pub(super) subscribed_fields: Vec<String>,
    pub(super) pace: Bucket,
}

impl Account {
    /// Another id than [`Account::id`]: what `id` is when an account is asked for itself.
    pub(super) fn app_scoped_id(&self) -> String {
        digits_of(&format!("app/{}/{}", self.app, self.id))
    }
}

/// An Instagram user token.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) value: String,
    pub(super) issued: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
}

/// Somebody with Instagram.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Username, without the `@`: unique among all.
    pub username: String,
    /// Name shown.
    pub name: String,
    /// Number in the profile, which can be shared by a quick reply.
    #[serde(default)]
    pub phone: Option<String>,
}

/// A person's id as one account sees it; another account sees another one.
pub(super) fn igsid(account: &str, username: &str) -> String {
    digits_of(&format!("{account}/{username}"))
}

/// Sixteen digits, as Instagram's scoped ids have.
fn digits_of(text: &str) -> String {
    let hash = Sha256::digest(text);
    let number = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    (1_000_000_000_000_000 + number % 9_000_000_000_000_000).to_string()
}

/// The chat between an account and a person.
#[derive(Debug, Default)]
pub(super) struct Chat {
    pub(super) posts: Vec<Post>,
    /// When the person last wrote; none: never.
    pub(super) last_inbound: Option<DateTime<Utc>>,
    pub(super) typing_until: Option<DateTime<Utc>>,
    pub(super) blocked: bool,
    /// Under the last message, until the person says anything.
    pub(super) quick_replies: Vec<Button>,
}

impl Chat {
    pub(super) fn post(&mut self, mid: &str) -> Option<&mut Post> {
        self.posts.iter_mut().rev().find(|post| post.mid == mid)
    }

    pub(super) fn is_open(&self, now: DateTime<Utc>, by_a_person: bool) -> bool {
        let window = if by_a_person { spec::human_window() } else { spec::window() };
        self.last_inbound.is_some_and(|last| now - last < window)
    }
}

/// A message in a chat.
#[derive(Debug, Clone)]
pub(super) struct Post {
    pub(super) mid: String,
    pub(super) author: Author,
    pub(super) at: DateTime<Utc>,
    pub(super) text: String,
    pub(super) buttons: Vec<Vec<Button>>,
    pub(super) note: Option<String>,
    pub(super) state: Option<Delivery>,
    /// How often it was changed.
    pub(super) edits: u32,
}

impl Post {
    pub(super) fn new(mid: &str, author: Author, at: DateTime<Utc>, text: &str) -> Self {
        let state = (author == Author::Salon).then_some(Delivery::Delivered);
        Self { mid: mid.to_owned(), author, at, text: text.to_owned(), buttons: Vec::new(), note: None, state, edits: 0 }
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<String, Account>,
    /// By username.
    pub(super) people: BTreeMap<String, Person>,
    /// By account and username.
    pub(super) chats: HashMap<(String, String), Chat>,
}

impl State {
    pub(super) fn chat(&mut self, account: &str, person: &str) -> &mut Chat {
        self.chats.entry((account.to_owned(), person.to_owned())).or_default()
    }

    /// The person whom an account knows by this id: somebody who wrote to it.
    pub(super) fn known(&self, account: &str, id: &str) -> Option<&Person> {
        self.people.values().find(|person| {
            let chat = self.chats.get(&(account.to_owned(), person.username.clone()));
            chat.is_some_and(|chat| chat.last_inbound.is_some()) && igsid(account, &person.username) == id
        })
    }
}

/// A message id: long, opaque.
pub(super) fn mid() -> String {
    format!("aWdf{}", BASE64_URL_SAFE_NO_PAD.encode([rand::random::<[u8; 32]>(), rand::random()].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_sees_other_ids() {
        let id = igsid("17841400000000001", "anna");
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        assert_ne!(id, igsid("17841400000000002", "anna"));
        assert_ne!(mid(), mid());
    }
}
