//! A screen as data: what is said and what can be chosen. `render` makes a message of it for one channel.

use serde::{Deserialize, Serialize};

use super::session::State;
use super::token::Token;
use crate::lang::Lang;

/// Which screen it is, for logs and measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ScreenId {
    /// The screen of a state.
    State(State),
    /// A message that no state waits behind.
    Message(Message),
}

impl ScreenId {
    /// The two-character code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::State(state) => state.code(),
            Self::Message(message) => message.code(),
        }
    }
}

/// Messages outside the conversation's flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The visit is booked.
    #[serde(rename = "xc")]
    Confirmation,
    /// The visit is near.
    #[serde(rename = "xr")]
    Reminder,
    /// The visit was moved.
    #[serde(rename = "xm")]
    Moved,
    /// The salon cancelled the visit.
    #[serde(rename = "xs")]
    CancelledBySalon,
    /// An outcome that came after the client had gone on.
    #[serde(rename = "xl")]
    Late,
    /// The number is noted; takes the contact keyboard away.
    #[serde(rename = "xp")]
    PhoneNoted,
    /// Somebody at the salon wrote it.
    #[serde(rename = "xo")]
    Operator,
}

impl Message {
    /// The two-character code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Confirmation => "xc",
            Self::Reminder => "xr",
            Self::Moved => "xm",
            Self::CancelledBySalon => "xs",
            Self::Late => "xl",
            Self::PhoneNoted => "xp",
            Self::Operator => "xo",
        }
    }
}

/// A button, or a line that can be answered with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What it says, not cut for any channel.
    pub label: String,
    /// What it does.
    pub token: Token,
}

/// What is to be shown to the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// Which screen it is.
    pub id: ScreenId,
    /// The language of its texts.
    pub lang: Lang,
    /// The text.
    pub text: String,
    /// The numbered choices.
    pub choices: Vec<Choice>,
    /// Ways out (back, home), shown on every page.
    pub nav: Vec<Choice>,
    /// The button for further choices; used only where they do not fit at once.
    pub more: Option<Choice>,
    /// The page to show, from 0, wrapping at the last one.
    pub page: u16,
    /// Choices that go well in one row (4 for times of day).
    pub columns: u8,
    /// How the client's number is asked for, if it is.
    pub ask_contact: Option<AskContact>,
    /// Take a keyboard from under the input field away.
    pub remove_keyboard: bool,
    /// The visit it tells of, part by part, where it tells of one and can be said by a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<Box<VisitFacts>>,
}

/// How a client is asked for their number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskContact {
    /// The label of the button that shares it.
    pub label: String,
    /// What is said in place of the screen's text on a channel that has no such button.
    pub typed: String,
}

/// A visit in words, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitFacts {
    /// The salon's name.
    pub salon: String,
    /// The service.
    pub service: String,
    /// The master; empty if none is known.
    pub staff: String,
    /// Day and time.
    pub when: String,
    /// Where the salon is.
    pub address: Option<String>,
}
