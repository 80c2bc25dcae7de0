//! What a messenger can tell us, in our own words. Stored as JSON with the inbound event.

use serde::{Deserialize, Serialize};

/// One event of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelEvent {
    /// The vendor's id for it, unique within the account: what makes a repeated delivery one event.
    pub vendor_event_id: String,
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
    /// The language of the person's app, if the vendor tells (BCP 47).
    pub language: Option<String>,
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
    /// A file of any sort.
    Media {
        /// Of which sort.
        media: MediaKind,
        /// The vendor's reference; never an address, which may carry a token.
        reference: Option<String>,
        /// The text that came with it.
        caption: Option<String>,
    },
    /// A message sent earlier was changed. Never a new turn of the dialogue.
    Edited {
        /// The new text, if it has one.
        text: Option<String>,
    },
    /// The person can no longer be written to.
    Blocked,
    /// The person can be written to again.
    Unblocked,
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
            Self::Blocked => "blocked",
            Self::Unblocked => "unblocked",
            Self::Ignored { .. } => "ignored",
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
}
