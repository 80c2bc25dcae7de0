//! What the page, the story and the tests need from a stand-in for a messenger, whatever vendor it plays: a person with a phone, the
//! chat as that phone shows it, and what a thumb can do there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::vendor::Vendor;

/// One message as the person's phone shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bubble {
    /// The vendor's id, unique in the chat.
    pub id: String,
    /// Who wrote it.
    pub author: Author,
    /// What it says.
    pub text: String,
    /// Buttons on it, by row. A list behind one button is shown as one row for each entry.
    pub buttons: Vec<Vec<Button>>,
    /// What else there is to see: `photo`, `template visit_reminder`, `list: Times`, `deleted`.
    pub note: Option<String>,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// How far the salon's message got, where the vendor reports it.
    pub state: Option<Delivery>,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The client.
    Person,
    /// The salon, through the API.
    Salon,
    /// Somebody at the salon, in the vendor's own app.
    Operator,
}

/// A button as it can be pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    /// What it says.
    pub label: String,
    /// What [`Act::Press`] takes: the payload behind the label.
    pub press: String,
    /// What pressing it does.
    pub kind: ButtonKind,
}

/// What pressing a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ButtonKind {
    /// Tells the salon.
    Reply,
    /// Shares the person's own number.
    Contact,
    /// Opens an address; the salon learns nothing.
    Link,
}

/// How far a message of the salon's got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// The vendor has it.
    Sent,
    /// It is on the phone.
    Delivered,
    /// The person has seen it.
    Read,
}

/// What a phone shows over the chat for a moment, in answer to a press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When the salon said it; tells it from the one before.
    pub at: DateTime<Utc>,
    /// What it says.
    pub text: String,
}

/// A chat as one person sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Oldest first.
    pub bubbles: Vec<Bubble>,
    /// Buttons in place of the phone's keyboard, by row; empty without.
    pub keyboard: Vec<Vec<Button>>,
    /// The salon is shown as typing.
    pub typing: bool,
    /// The person does not let the salon write.
    pub blocked: bool,
    /// The last answer to a press that was shown over the chat.
    pub notice: Option<Notice>,
}

/// Why a person can't do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CannotAct {
    /// No such bot.
    NoBot,
    /// No such person.
    NoPerson,
    /// The chat was not begun or is stopped, the bot is blocked, or the account is deleted.
    NoChat,
    /// No such message, or not one that this person can do this to.
    NoMessage,
    /// No message has such a button.
    NoButton,
    /// The person has no number to share.
    NoPhone,
    /// The text is empty or too long, or the file is not base64.
    BadContent,
}

impl std::fmt::Display for CannotAct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoBot => "no such bot",
            Self::NoPerson => "no such person",
            Self::NoChat => "the chat is not open",
            Self::NoMessage => "no such message",
            Self::NoButton => "no message has such a button",
            Self::NoPhone => "the person has no number",
            Self::BadContent => "empty, too long, or not base64",
        })
    }
}

impl std::error::Error for CannotAct {}

/// What a person does.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Opens the chat and presses what the vendor has for a beginning (Start, the first message), perhaps by a link with a payload.
    Open {
        /// The link's payload.
        #[serde(default)]
        payload: Option<String>,
    },
    /// Writes.
    Text {
        /// What.
        text: String,
    },
    /// Presses a button.
    Press {
        /// The message it is on; none for the keyboard under the chat.
        #[serde(default)]
        message: Option<String>,
        /// The button's `press`. One that no message has is a forged payload, where the vendor lets people forge.
        press: String,
    },
    /// Shares a contact card.
    Contact {
        /// True for the person's own, by the vendor's means of proof; false for somebody else's.
        own: bool,
    },
    /// Sends something that is no text.
    Media {
        /// What.
        media: Media,
        /// With a text, where the vendor allows it.
        #[serde(default)]
        caption: Option<String>,
    },
    /// Changes a message sent earlier.
    Edit {
        /// Which.
        message: String,
        /// What it says now.
        text: String,
    },
    /// Takes a message back.
    Delete {
        /// Which.
        message: String,
    },
    /// Forbids the salon to write, by the vendor's means (block, stop, deny).
    Block,
    /// Allows it again.
    Unblock,
}

/// What can be sent beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// A picture.
    Photo,
    /// A voice note.
    Voice,
    /// A place.
    Location,
    /// What the vendor calls a sticker, or does not support at all.
    Sticker,
}

/// A stand-in for a messenger.
#[async_trait::async_trait]
pub trait Messenger: Vendor {
    /// The salons' accounts: the vendor's id and the name.
    fn accounts(&self) -> Vec<(String, String)>;

    /// The people with a phone: the vendor's id and the name.
    fn people(&self) -> Vec<(String, String)>;

    /// The chat between an account and a person, if both exist; empty before its beginning.
    fn chat(&self, account: &str, person: &str) -> Option<Chat>;

    /// Lets a person do something. Returns the vendor's ids of the events that follow for the account's webhook, so that a test can find
    /// each of them again; delivery goes on by itself, with the vendor's own repetitions.
    ///
    /// # Errors
    ///
    /// Why it can't be done, in plain words.
    fn act_as(&self, account: &str, person: &str, act: Act) -> Result<Vec<String>, String>;

    /// True when no webhook of the account is under way or waits for its repetition.
    fn is_settled(&self, account: &str) -> bool;

    /// Posts a message to the account's webhook as somebody would who is not the vendor and guesses at its proof. Returns the HTTP
    /// status it was answered with.
    ///
    /// # Errors
    ///
    /// When the account has no webhook, or it can't be reached.
    async fn forge(&self, account: &str) -> Result<u16, String>;
}
