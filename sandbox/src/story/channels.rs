//! The messengers that the story is told on. One that gets an adapter is one entry more here, with its data in `sandbox/demo`.

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
    /// The client's name, as the channel shows it.
    pub(super) client: &'static str,
    /// The client's number, E.164.
    pub(super) phone: &'static str,
    /// How the salon learns the number.
    pub(super) number: Number,
    /// What happens to a reminder a day and more after the client's last word.
    pub(super) late: Late,
}

/// How a channel tells the client's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// By a button that shares it.
    Shared,
    /// There is no such button: the client types it.
    Typed,
    /// By every message.
    Known,
}

/// What a channel makes of a message that answers nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// It arrives in the salon's words.
    InWords,
    /// It arrives as a template that the vendor has approved.
    AsTemplate,
}

impl Late {
    /// What shows that a reminder arrived in the channel's way.
    pub(super) fn evidence(self, reminder: &Bubble) -> Result<String, Broken> {
        let template = reminder.note.as_deref().filter(|note| note.starts_with("template "));
        match (self, template) {
            (Self::InWords, None) => Ok(reminder.text.clone()),
            (Self::AsTemplate, Some(template)) => Ok(format!("({template}) {}", reminder.text)),
            _ => Err(format!("a reminder {self:?} was expected, and this one is {:?}", reminder.note)),
        }
    }
}

pub(super) const CHANNELS: &[Channel] = &[
    Channel {
        vendor: "telegram",
        name: "Telegram",
        account: "6100000001",
        person: "700100200",
        client: "Анна К",
        phone: "+79161234567",
        number: Number::Shared,
        late: Late::InWords,
    },
    Channel {
        vendor: "max",
        name: "MAX",
        account: "6200000001",
        person: "700200200",
        client: "Вера М",
        phone: "+79162234567",
        number: Number::Shared,
        late: Late::InWords,
    },
    Channel {
        vendor: "vk",
        name: "VK",
        account: "6300001",
        person: "700300200",
        client: "Ксения Р",
        phone: "+79163234567",
        number: Number::Typed,
        late: Late::InWords,
    },
    Channel {
        vendor: "whatsapp",
        name: "WhatsApp",
        account: "642000000000001",
        person: "79164234567",
        client: "Дина С",
        phone: "+79164234567",
        number: Number::Known,
        late: Late::AsTemplate,
    },
];
