//! A chat of a bot's and the messages in it.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::pace::Bucket;

/// A dialogue with one person, or a group.
#[derive(Debug)]
pub(super) struct Chat {
    pub(super) id: i64,
    pub(super) with: With,
    /// The person stopped the bot.
    pub(super) stopped: bool,
    /// Until when the person hears no sound, in milliseconds.
    pub(super) muted_until: Option<i64>,
    pub(super) messages: Vec<Message>,
    /// Until when the chat shows that the bot writes.
    pub(super) typing_until: Option<DateTime<Utc>>,
    /// The last notifications that answered a press, shown over the chat.
    pub(super) notices: VecDeque<Value>,
    pub(super) pace: Bucket,
}

/// Who is in a chat beside the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum With {
    /// One person.
    Person(i64),
    /// A group of this title.
    Group(String),
}

impl Chat {
    pub(super) fn new(id: i64, with: With) -> Self {
        Self {
            id,
            with,
            stopped: false,
            muted_until: None,
            messages: Vec::new(),
            typing_until: None,
            notices: VecDeque::new(),
            pace: Bucket::default(),
        }
    }

    pub(super) const fn person(&self) -> Option<i64> {
        match self.with {
            With::Person(id) => Some(id),
            With::Group(_) => None,
        }
    }

    pub(super) fn message(&mut self, mid: &str) -> Option<&mut Message> {
        self.messages.iter_mut().rev().find(|message| message.mid == mid)
    }

    /// MAX's `Recipient` of a message: in a dialogue whoever did not write it.
    pub(super) fn recipient(&self, bot: i64, by_bot: bool) -> Value {
        match self.with {
            With::Person(person) => {
                json!({"chat_id": self.id, "chat_type": "dialog", "user_id": if by_bot { person } else { bot }})
            }
            With::Group(_) => json!({"chat_id": self.id, "chat_type": "chat"}),
        }
    }
}

/// A message in a chat.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) mid: String,
    pub(super) seq: i64,
    pub(super) at_ms: i64,
    /// MAX's `User`, as it was when the message was written.
    pub(super) sender: Value,
    pub(super) by_bot: bool,
    pub(super) text: Option<String>,
    /// MAX's `Attachment`s.
    pub(super) attachments: Vec<Value>,
    /// MAX's `LinkedMessage`.
    pub(super) link: Option<Value>,
}

impl Message {
    /// MAX's `MessageBody`; without attachments there is no such member.
    pub(super) fn body(&self) -> Value {
        let mut body = json!({"mid": self.mid, "seq": self.seq, "text": self.text});
        if !self.attachments.is_empty() {
            body["attachments"] = json!(self.attachments);
        }
        body
    }

    /// MAX's `Message`.
    pub(super) fn in_chat(&self, recipient: Value) -> Value {
        let mut message = Map::new();
        message.insert("recipient".to_owned(), recipient);
        message.insert("timestamp".to_owned(), json!(self.at_ms));
        message.insert("body".to_owned(), self.body());
        message.insert("sender".to_owned(), self.sender.clone());
        message.extend(self.link.clone().map(|link| ("link".to_owned(), link)));
        Value::Object(message)
    }

    /// Its keyboard's attachment, if it has one.
    pub(super) fn keyboard(&self) -> Option<&Value> {
        self.attachments.iter().find(|attachment| attachment["type"] == "inline_keyboard")
    }

    /// Its buttons by row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Vec<Value>> {
        let rows = self.keyboard().and_then(|keyboard| keyboard["payload"]["buttons"].as_array());
        rows.into_iter().flatten().filter_map(Value::as_array)
    }
}
