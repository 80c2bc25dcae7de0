//! What a person can do on the phone.

use serde::Deserialize;

/// What a person does in a chat with a business.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Writes, perhaps in answer to a message, perhaps behind an ad.
    Text {
        /// What.
        text: String,
        /// The message that is quoted.
        #[serde(default)]
        reply_to: Option<String>,
        /// Click-to-WhatsApp ad that opened the chat.
        #[serde(default)]
        ad: Option<String>,
    },
    /// Presses a button, or picks a row of a list.
    Press {
        /// The message it is on; the last one that has it if left out.
        #[serde(default)]
        message: Option<String>,
        /// Its id or payload.
        press: String,
    },
    /// Shares a contact card: the own one, or of somebody else if a number is given.
    Contact {
        /// Somebody else's number, as it is written on the card.
        #[serde(default)]
        phone: Option<String>,
        /// Somebody else's name.
        #[serde(default)]
        name: Option<String>,
    },
    /// Sends a picture.
    Image {
        /// Text under it.
        #[serde(default)]
        caption: Option<String>,
    },
    /// Sends a voice note.
    Voice,
    /// Sends a sticker.
    Sticker,
    /// Sends a place.
    Location {
        /// Degrees.
        latitude: f64,
        /// Degrees.
        longitude: f64,
    },
    /// Sends what the Cloud API does not support, such as a poll.
    Unsupported,
    /// Reacts to a message; without an emoji the reaction is taken back.
    React {
        /// The message.
        message: String,
        /// The emoji.
        #[serde(default)]
        emoji: Option<String>,
    },
    /// Changes a text sent earlier.
    Edit {
        /// One of the person's own messages.
        message: String,
        /// What it says now.
        text: String,
    },
    /// Takes a message back.
    Delete {
        /// One of the person's own messages.
        message: String,
    },
    /// Opens the chat and sees what is new.
    Read,
    /// Moves the account to another number; with it come another `wa_id` and other user ids.
    ChangeNumber {
        /// Digits, with country code.
        to: String,
    },
    /// Blocks the business: it learns nothing of that.
    Block,
    /// Unblocks it.
    Unblock,
    /// Stops or resumes marketing messages, and keeps the rest.
    Marketing {
        /// True to stop.
        stop: bool,
    },
}
