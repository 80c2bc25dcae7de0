//! The messengers that the story is told on. One that gets an adapter is one entry more here, with its data in `sandbox/demo`.

use serde_json::{Value, json};

use super::Broken;
use crate::messenger::Bubble;

/// A messenger, the salon's account in it, and the client who writes to it.
#[derive(Debug)]
pub(super) struct Channel {
    /// Name in paths, faults and the ledger.
    pub(super) vendor: &'static str,
    /// Name for people.
    pub(super) name: &'static str,
    /// The salon's account, by the vendor's id.
    pub(super) account: &'static str,
    /// The client, by the vendor's id.
    pub(super) person: &'static str,
    /// The client's number, E.164.
    pub(super) phone: &'static str,
    /// How the salon learns the number.
    pub(super) number: Number,
    /// What happens to a reminder a day and more after the client's last word.
    pub(super) late: Late,
    /// Something that did not come from the vendor, as its stand-in is told to post it.
    pub(super) forgery: fn() -> Value,
}

/// How a channel tells the client's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// By a button that shares it.
    Shared,
    /// There is no such button: the client types it.
    Typed,
}

/// What a channel makes of a message that answers nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// It arrives in the salon's words.
    InWords,
}

impl Late {
    /// What shows that a reminder arrived in the channel's way.
    pub(super) fn evidence(self, reminder: &Bubble) -> Result<String, Broken> {
        match self {
            Self::InWords if reminder.note.is_none() => Ok(reminder.text.clone()),
            Self::InWords => Err(format!("the reminder is no plain message but {:?}", reminder.note)),
        }
    }
}

pub(super) const CHANNELS: &[Channel] = &[
    Channel {
        vendor: "telegram",
        name: "Telegram",
        account: "6100000001",
        person: "700100200",
        phone: "+79161234567",
        number: Number::Shared,
        late: Late::InWords,
        forgery: || {
            let message = json!({"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "forged"});
            json!({"do": "forge", "bot": 6_100_000_001_i64, "update": {"update_id": 1, "message": message}, "secret": "wrong"})
        },
    },
    Channel {
        vendor: "max",
        name: "MAX",
        account: "6200000001",
        person: "700200200",
        phone: "+79162234567",
        number: Number::Shared,
        late: Late::InWords,
        forgery: || {
            let update = json!({"update_type": "bot_stopped", "timestamp": 1, "chat_id": 1, "user": {"user_id": 1}});
            json!({"bot": 6_200_000_001_i64, "forge": update, "secret": "wrong"})
        },
    },
];
