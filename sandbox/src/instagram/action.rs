//! What a person can do on the phone.

use serde::Deserialize;

/// What a person does in a chat with an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Writes, perhaps in answer to a message.
    Text {
        /// What.
        text: String,
        /// The message that is quoted.
        #[serde(default)]
        reply_to: Option<String>,
    },
    /// Comes by an `ig.me` link, and says nothing yet.
    Refer {
        /// The link's payload.
        payload: String,
    },
    /// Presses a button of a template, or a quick reply under the last message.
    Press {
        /// The template's message; none for a quick reply.
        #[serde(default)]
        message: Option<String>,
        /// Its payload.
        press: String,
    },
    /// Shares the number in the profile by the quick reply for that.
    SharePhone,
    /// Sends a file: `image`, `audio`, `video`, `file`, `share`, `reel`, `ig_reel`.
    Attachment {
        /// Of which type.
        kind: String,
    },
    /// Sends something that vanishes: no address comes with it.
    Ephemeral,
    /// Sends what the API does not support.
    Unsupported,
    /// Sends a GIF or a sticker, of which the account may hear nothing at all.
    Gif,
    /// Answers a story of the account.
    StoryReply {
        /// What.
        text: String,
    },
    /// Mentions the account in a story.
    StoryMention,
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
    /// Blocks the account: it learns of that by its next message.
    Block,
    /// Unblocks it.
    Unblock,
}
