//! What goes out: to whom, what, and under which key.

use uuid::Uuid;

use crate::dialogue::Rendered;

/// To whom a message goes.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// The vendor's id of the chat.
    pub chat_id: &'a str,
    /// The vendor's id of the person.
    pub user_id: &'a str,
    /// The person's app can't show buttons that are answered out of sight ([`super::Sender::plain_buttons`]).
    pub plain_buttons: bool,
}

/// One message to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outbound<'a> {
    /// To whom.
    pub to: Recipient<'a>,
    /// What.
    pub body: Body<'a>,
    /// Our id of the message, the same however often it is tried: what a vendor that recognises repeated sends is given, and what comes back
    /// in its reports where it repeats our data.
    pub key: Uuid,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// A message in our own words.
    Free(&'a Rendered),
    /// A template the vendor has approved. Only for channels that declare [`super::Capabilities::templates`].
    Template(&'a TemplateCall),
}

impl<'a> Body<'a> {
    /// The message in our own words, if it is one.
    pub const fn free(&self) -> Option<&'a Rendered> {
        match self {
            Self::Free(rendered) => Some(rendered),
            Self::Template(_) => None,
        }
    }
}

/// A template with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCall {
    /// Its name.
    pub name: String,
    /// Its language, as the vendor writes it.
    pub language: String,
    /// The values of its body, in order: one line each, never empty.
    pub values: Vec<String>,
    /// The payloads of its quick replies, in order.
    pub payloads: Vec<String>,
}

/// A message the vendor took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The vendor's id for it, unique within the chat.
    pub vendor_message_id: String,
}

/// A press of a button that waits for its answer.
#[derive(Debug, Clone, Copy)]
pub struct Press<'a> {
    /// What the vendor wants to see acknowledged.
    pub callback_id: &'a str,
    /// The chat the button is in.
    pub chat_id: &'a str,
    /// Who pressed it.
    pub user_id: &'a str,
}
