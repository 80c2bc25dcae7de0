//! MAX's JSON, as far as we read or write it. MAX's own document calls required what real messages leave out, so nothing but the kind of
//! an update is: what is missing, null or of another type than documented is simply not there.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A member that may be missing or anything.
#[derive(Debug, Default)]
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self(serde_json::from_value(value).ok()))
    }
}

/// A webhook's body. Which members there are depends on the kind. Times are in milliseconds.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Update {
    pub(super) update_type: String,
    pub(super) timestamp: Maybe<i64>,
    pub(super) chat_id: Maybe<i64>,
    pub(super) user_id: Maybe<i64>,
    pub(super) user: Maybe<User>,
    pub(super) user_locale: Maybe<String>,
    pub(super) message: Maybe<Message>,
    pub(super) message_id: Maybe<String>,
    pub(super) callback: Maybe<Callback>,
    pub(super) payload: Maybe<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct User {
    pub(super) user_id: Maybe<i64>,
    pub(super) first_name: Maybe<String>,
    pub(super) last_name: Maybe<String>,
    pub(super) name: Maybe<String>,
    pub(super) is_bot: Maybe<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message {
    pub(super) sender: Maybe<User>,
    pub(super) recipient: Maybe<Recipient>,
    pub(super) timestamp: Maybe<i64>,
    pub(super) body: Maybe<MessageBody>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Recipient {
    pub(super) chat_id: Maybe<i64>,
    pub(super) chat_type: Maybe<String>,
    /// In a dialogue whoever did not write the message; a group has none.
    pub(super) user_id: Maybe<i64>,
}

/// None for a pure forward.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct MessageBody {
    pub(super) mid: Maybe<String>,
    pub(super) text: Maybe<String>,
    pub(super) attachments: Maybe<Vec<Maybe<Attachment>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Attachment {
    pub(super) r#type: Maybe<String>,
    pub(super) payload: Maybe<AttachmentPayload>,
}

/// The members of all kinds of attachments together.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AttachmentPayload {
    pub(super) url: Maybe<String>,
    pub(super) vcf_info: Maybe<String>,
    pub(super) hash: Maybe<String>,
    pub(super) max_info: Maybe<User>,
    pub(super) buttons: Maybe<Vec<Vec<Maybe<SeenButton>>>>,
}

/// A button as MAX gives it back.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct SeenButton {
    pub(super) payload: Maybe<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Callback {
    pub(super) timestamp: Maybe<i64>,
    /// The keyboard's id: each press of it has the same.
    pub(super) callback_id: Maybe<String>,
    pub(super) payload: Maybe<String>,
    pub(super) user: Maybe<User>,
}

/// What an answer says about a failure.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Refusal {
    pub(super) code: Maybe<String>,
}

/// `{"success":true}`, or with the status 200 `{"success":false,"message":".."}`.
#[derive(Deserialize)]
pub(super) struct SimpleResult {
    pub(super) success: bool,
}

/// The answer to a send.
#[derive(Deserialize)]
pub(super) struct SendMessageResult {
    pub(super) message: Message,
}

#[derive(Deserialize)]
pub(super) struct MessageList {
    pub(super) messages: Vec<Maybe<Message>>,
}

#[derive(Deserialize)]
pub(super) struct Me {
    /// Who answers is a bot of MAX's only if it says who it is.
    #[allow(dead_code, reason = "that it is there is what matters")]
    pub(super) user_id: i64,
    #[serde(default)]
    pub(super) username: Maybe<String>,
    #[serde(default)]
    pub(super) first_name: Maybe<String>,
}

#[derive(Deserialize)]
pub(super) struct Subscriptions {
    pub(super) subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
pub(super) struct Subscription {
    pub(super) url: String,
    /// None asks for everything.
    #[serde(default)]
    pub(super) update_types: Maybe<Vec<String>>,
}

/// Plain text: no `format`, so that nothing in a name can break it.
#[derive(Serialize)]
pub(super) struct NewMessageBody<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attachments: Option<[KeyboardAttachment<'a>; 1]>,
}

#[derive(Serialize)]
pub(super) struct KeyboardAttachment<'a> {
    pub(super) r#type: &'static str,
    pub(super) payload: Keyboard<'a>,
}

#[derive(Serialize)]
pub(super) struct Keyboard<'a> {
    pub(super) buttons: Vec<Vec<Button<'a>>>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Button<'a> {
    Callback { text: &'a str, payload: &'a str },
    RequestContact { text: &'a str },
}

#[derive(Serialize)]
pub(super) struct CallbackAnswer {
    pub(super) notification: &'static str,
}

#[derive(Serialize)]
pub(super) struct ActionRequestBody {
    pub(super) action: &'static str,
}

/// Holds a secret: not `Debug`.
#[derive(Serialize)]
pub(super) struct SubscriptionRequestBody<'a> {
    pub(super) url: &'a str,
    pub(super) update_types: &'static [&'static str],
    pub(super) secret: &'a str,
}
