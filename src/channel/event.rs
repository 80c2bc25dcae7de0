//! What a messenger can tell us, in our own words. Stored as JSON with the inbound event.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::report::{AccountNotice, Delivery, MessageRef};

/// One event of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelEvent {
    /// What makes a repeated delivery one event, unique within the account: the vendor's id for it, or what identifies it where the
    /// vendor gives none.
    pub vendor_event_id: String,
    /// The account it is addressed to, by its id at the vendor, where one delivery may carry the events of several accounts (Meta: one
    /// app serves many). None: the account whose address it came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The vendor's id of the message it brings, in the chat, where later events name it (an edit, a reply, a message taken back) or a call
    /// must (WhatsApp: a read mark).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The vendor's id of the message it answers or quotes, where the vendor tells (WhatsApp: `context`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// When it happened, by the vendor's clock, where the vendor tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Who wrote, and where an answer goes. None for events that are not about a private chat.
    pub sender: Option<Sender>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The person at the other end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Where an answer goes.
    pub chat_id: String,
    /// The vendor's id of the person.
    pub user_id: String,
    /// The name the person shows, if any.
    pub name: Option<String>,
    /// The person's own phone number in its international form, with the plus, where the vendor vouches for it with every message
    /// (WhatsApp: `wa_id`, which is the number the account was opened with; some countries write it otherwise today).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The language of the person's app, if the vendor tells (BCP 47).
    pub language: Option<String>,
    /// True if the person's app can't show a button that is answered out of sight, false if it can (VK: `client_info.button_actions`). None
    /// where the vendor doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_buttons: Option<bool>,
}

impl ChannelEvent {
    /// An event of a private chat.
    pub fn of(vendor_event_id: impl Into<String>, sender: Option<Sender>, kind: EventKind) -> Self {
        let vendor_event_id = vendor_event_id.into();
        Self { vendor_event_id, account: None, message_id: None, reply_to: None, at: None, sender, kind }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The person opened the chat, perhaps by a link that carries a payload.
    Start {
        /// The link's payload.
        payload: Option<String>,
    },
    /// Text.
    Text {
        /// As written.
        text: String,
        /// The payload of the link or the advertisement that led here, where it comes with the first words (VK: `ref`, WhatsApp: `referral`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        referral: Option<String>,
    },
    /// A button was pressed.
    Button {
        /// The payload we put on the button.
        payload: String,
        /// What the vendor wants to see acknowledged.
        callback_id: Option<String>,
    },
    /// A contact card.
    Contact {
        /// The number as the vendor gives it.
        phone: String,
        /// True only if the vendor vouches that it is the sender's own.
        own: bool,
    },
    /// A file of any sort, or something the vendor itself can't show us.
    Media {
        /// Of which sort.
        media: MediaKind,
        /// How it can be fetched: the vendor's id for it; its address only where the vendor has nothing else, and never one that carries a
        /// credential of ours.
        reference: Option<String>,
        /// The text that came with it.
        caption: Option<String>,
        /// For how many seconds the vendor keeps it, where it tells or is known to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keeps_seconds: Option<u64>,
    },
    /// A message sent earlier was changed. Never a new turn of the dialogue.
    Edited {
        /// The vendor's id of the message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        of: Option<String>,
        /// The new text, if it has one.
        text: Option<String>,
    },
    /// The person took a message back: its content must go, what was done because of it stays.
    Removed {
        /// The vendor's id of the message.
        of: String,
    },
    /// The person allows or forbids us to write.
    Consent {
        /// What exactly.
        signal: ConsentSignal,
    },
    /// What became of a message of ours.
    Status {
        /// Which message.
        of: MessageRef,
        /// What became of it.
        state: Delivery,
    },
    /// A message that went out through the account: ours, come back, or one that somebody at the salon wrote in the vendor's own app.
    Echo {
        /// The vendor's id of the message.
        vendor_message_id: String,
        /// What it says.
        text: Option<String>,
        /// True if the vendor says that a person wrote it, false if it says that we did. None: compare the ids.
        operator: Option<bool>,
    },
    /// The person came by a link that carries a payload, and has said nothing yet.
    Referral {
        /// The link's payload.
        payload: String,
    },
    /// The person goes by another id from now on (WhatsApp: a changed number).
    Moved {
        /// The new id, of the person and of the chat.
        to: String,
    },
    /// Something about the account itself, not about a chat.
    Account {
        /// What.
        notice: AccountNotice,
    },
    /// Stored, counted, and nothing else.
    Ignored {
        /// Why.
        reason: String,
    },
}

impl EventKind {
    /// The kind's name as stored and counted.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Text { .. } => "text",
            Self::Button { .. } => "button",
            Self::Contact { .. } => "contact",
            Self::Media { .. } => "media",
            Self::Edited { .. } => "edited",
            Self::Removed { .. } => "removed",
            Self::Consent { .. } => "consent",
            Self::Status { .. } => "status",
            Self::Echo { .. } => "echo",
            Self::Referral { .. } => "referral",
            Self::Moved { .. } => "moved",
            Self::Account { .. } => "account",
            Self::Ignored { .. } => "ignored",
        }
    }

    /// True if the dialogue takes a turn because of it, or must know of it in the order of the chat.
    pub const fn is_for_the_dialogue(&self) -> bool {
        matches!(
            self,
            Self::Start { .. }
                | Self::Text { .. }
                | Self::Button { .. }
                | Self::Contact { .. }
                | Self::Media { .. }
                | Self::Edited { .. }
                | Self::Consent { .. }
        )
    }
}

/// How a person allows or forbids us to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentSignal {
    /// Said yes to messages (VK: `message_allow`; MAX: `bot_started` without a link is a start, not this).
    Allowed,
    /// Said no to messages (VK: `message_deny`).
    Denied,
    /// Blocked us, or was blocked by the salon: nothing can be sent.
    Blocked,
    /// Let us in again.
    Unblocked,
    /// Stopped the bot or removed the chat (MAX: `bot_stopped`, `dialog_removed`).
    Stopped,
    /// Wants no advertising (WhatsApp: `user_preferences`); confirmations and reminders go on.
    Unsubscribed,
    /// Takes advertising again.
    Resubscribed,
}

impl ConsentSignal {
    /// Whether the person can be written to afterwards; none if that stays as it is.
    pub const fn reachable(self) -> Option<bool> {
        match self {
            Self::Allowed | Self::Unblocked => Some(true),
            Self::Denied | Self::Blocked | Self::Stopped => Some(false),
            Self::Unsubscribed | Self::Resubscribed => None,
        }
    }
}

/// Sorts of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A voice note.
    Voice,
    /// Sound.
    Audio,
    /// A picture.
    Photo,
    /// A film.
    Video,
    /// Any other file.
    Document,
    /// A sticker.
    Sticker,
    /// A place.
    Location,
    /// What the vendor doesn't pass on: it only says that there was something.
    Unsupported,
}
