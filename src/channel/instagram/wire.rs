//! Instagram's messaging JSON, as far as we read or write it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::channel::meta::lenient;

/// A webhook's body.
#[derive(Deserialize)]
pub(super) struct Delivery {
    pub(super) object: String,
    pub(super) entry: Vec<Value>,
}

lenient! {
    /// What happened to one account. Chats come as `messaging`; comments come with `field` in the entry itself; tests of the App Dashboard
    /// as `changes`.
    Entry { id: String, messaging: Vec<Value>, changes: Vec<Value>, field: String }

    /// `value` is of the kind that `field` names.
    Change { field: String, value: Value }

    /// Something between an account and a person: of the members after `timestamp` it has one.
    Item {
        sender: Party,
        recipient: Party,
        timestamp: Value,
        message: Message,
        postback: Postback,
        message_edit: Edit,
        reaction: Reaction,
        read: Seen,
        referral: Referral,
    }

    Party { id: String }

    /// A message of the person, or one that went out through the account (`is_echo`).
    Message {
        mid: String,
        text: String,
        is_echo: bool,
        is_deleted: bool,
        is_unsupported: bool,
        quick_reply: Pressed,
        attachments: Vec<Value>,
        reply_to: Quoted,
        referral: Referral,
    }

    Pressed { payload: String }

    Quoted { mid: String }

    Attachment { r#type: String, payload: File }

    File { url: String }

    /// A button of a template, of the menu, or an ice breaker.
    Postback { mid: String, title: String, payload: String, referral: Referral }

    Edit { mid: String, text: String, num_edit: Value }

    Reaction { mid: String, action: String }

    Seen { mid: String }

    /// By which link or advertisement the person came.
    Referral { r#ref: String, ad_id: String }

    SentMessage { message_id: String }

    Me { user_id: Value, username: String, name: String }

    Profile { name: String, username: String }

    Page { data: Vec<Value> }

    SubscribedApp { subscribed_fields: Vec<Value> }

    /// Holds a secret.
    Token { access_token: String }
}

/// An id of a person: Instagram's own, for this account only.
pub(super) fn is_scoped_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A message to one person, as an answer: without a tag.
#[derive(Serialize)]
pub(super) struct SendMessage<'a> {
    pub(super) recipient: To<'a>,
    pub(super) message: Words<'a>,
}

#[derive(Serialize)]
pub(super) struct To<'a> {
    pub(super) id: &'a str,
}

#[derive(Serialize)]
pub(super) struct Words<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) quick_replies: Vec<QuickReply<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "content_type", rename_all = "snake_case")]
pub(super) enum QuickReply<'a> {
    Text {
        title: &'a str,
        payload: &'a str,
    },
    /// Instagram writes the number on it.
    UserPhoneNumber,
}

/// Sender actions: nothing else may be beside the recipient.
#[derive(Serialize)]
pub(super) struct SenderAction<'a> {
    pub(super) recipient: To<'a>,
    pub(super) sender_action: &'static str,
}
