//! What the stand-in tells webhooks, in the vendor's shapes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::state::igsid;
use crate::meta::bundle::{Event, Piece};

/// An account and a person between whom something happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    pub(super) account: &'a str,
    pub(super) person: &'a str,
    pub(super) at: DateTime<Utc>,
}

impl Pair<'_> {
    fn id(&self) -> String {
        igsid(self.account, self.person)
    }

    fn event(&self, field: &str, id: String, what: &str, content: Value, from_person: bool) -> Event {
        let piece = Piece::Messaging(self.messaging(what, content, from_person));
        Event {
            id,
            account: self.account.to_owned(),
            owner: self.account.to_owned(),
            field: field.to_owned(),
            piece,
            twice: false,
        }
    }

    /// One item of `messaging`. The time is in milliseconds.
    pub(super) fn messaging(&self, what: &str, content: Value, from_person: bool) -> Value {
        let (person, account) = (json!({"id": self.id()}), json!({"id": self.account}));
        let (sender, recipient) = if from_person { (person, account) } else { (account, person) };
        let mut item = json!({"sender": sender, "recipient": recipient, "timestamp": self.at.timestamp_millis()});
        item[what] = content;
        item
    }

    /// A message of the person.
    pub(super) fn message(&self, mid: &str, content: Value) -> Event {
        self.event("messages", mid.to_owned(), "message", with_mid(mid, content), true)
    }

    /// A button of a template was pressed.
    pub(super) fn postback(&self, mid: &str, title: &str, payload: &str) -> Event {
        let content = json!({"mid": mid, "title": title, "payload": payload});
        self.event("messaging_postbacks", mid.to_owned(), "postback", content, true)
    }

    /// A reaction, or that it was taken back.
    pub(super) fn reaction(&self, mid: &str, emoji: Option<&str>) -> Event {
        let (action, content) = match emoji {
            Some(emoji) => ("react", json!({"mid": mid, "action": "react", "reaction": "other", "emoji": emoji})),
            None => ("unreact", json!({"mid": mid, "action": "unreact"})),
        };
        self.event("message_reactions", format!("{mid}:{action}:{}", self.at.timestamp_millis()), "reaction", content, true)
    }

    /// The person saw everything up to this message.
    pub(super) fn read(&self, mid: &str) -> Event {
        self.event("messaging_seen", format!("{mid}:read"), "read", json!({"mid": mid}), true)
    }

    /// The person came by an `ig.me` link.
    pub(super) fn referral(&self, reference: &str) -> Event {
        let content = json!({"ref": reference, "source": "IGME-SOURCE-LINK", "type": "OPEN_THREAD"});
        let id = format!("referral:{}:{reference}:{}", self.id(), self.at.timestamp_millis());
        self.event("messaging_referral", id, "referral", content, true)
    }

    /// A text of the person is another one now.
    pub(super) fn edit(&self, mid: &str, text: &str, number: u32) -> Event {
        let content = json!({"mid": mid, "text": text, "num_edit": number});
        self.event("message_edit", format!("{mid}:edit:{number}"), "message_edit", content, true)
    }

    /// The person took a message back.
    pub(super) fn deletion(&self, mid: &str) -> Event {
        let content = json!({"mid": mid, "is_deleted": true});
        self.event("messages", format!("{mid}:deleted"), "message", content, true)
    }

    /// A message that went out through the account, by whatever way.
    pub(super) fn echo(&self, mid: &str, mut content: Value, flagged: bool) -> Event {
        if flagged {
            content["is_echo"] = json!(true);
        }
        self.event("message_echoes", format!("{mid}:echo"), "message", with_mid(mid, content), false)
    }
}

fn with_mid(mid: &str, mut content: Value) -> Value {
    content["mid"] = json!(mid);
    content
}
