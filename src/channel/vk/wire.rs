//! VK's JSON, as far as we use it. Reading is lenient: VK adds members at will.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// VK: `callback_base`, with the object that each kind has.
#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) r#type: String,
    pub(super) group_id: i64,
    /// Read as any value: an event without a usable id is still an event.
    #[serde(default)]
    pub(super) event_id: Value,
    #[serde(default)]
    pub(super) object: Value,
}

/// What proves an event. Holds a secret: not `Debug`.
#[derive(Deserialize)]
pub(super) struct Proof {
    pub(super) group_id: i64,
    pub(super) secret: String,
}

/// Since 5.103 a new message comes with what the client's app can do.
#[derive(Deserialize)]
pub(super) struct MessageNew {
    pub(super) message: Message,
    pub(super) client_info: Option<ClientInfo>,
}

#[derive(Deserialize)]
pub(super) struct ClientInfo {
    pub(super) button_actions: Option<Vec<String>>,
    pub(super) lang_id: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct Message {
    /// The message's number in the community; 0 where VK has none to give.
    pub(super) id: Option<i64>,
    pub(super) date: Option<i64>,
    pub(super) update_time: Option<i64>,
    pub(super) from_id: Option<i64>,
    pub(super) peer_id: Option<i64>,
    pub(super) out: Option<i64>,
    pub(super) text: Option<String>,
    /// A text that holds JSON, or the JSON itself.
    pub(super) payload: Option<Value>,
    pub(super) r#ref: Option<String>,
    pub(super) attachments: Option<Vec<Attachment>>,
    pub(super) geo: Option<Map<String, Value>>,
    pub(super) admin_author_id: Option<i64>,
}

/// An attachment: its kind, and a member of that name.
#[derive(Deserialize)]
pub(super) struct Attachment {
    pub(super) r#type: String,
    #[serde(flatten)]
    pub(super) content: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct MessageEvent {
    pub(super) user_id: i64,
    pub(super) peer_id: i64,
    pub(super) event_id: Option<String>,
    /// An object; VK's schema says a text.
    pub(super) payload: Option<Value>,
}

/// What events about a person have in common.
#[derive(Deserialize)]
pub(super) struct Person {
    pub(super) user_id: i64,
    /// `message_allow`: what the widget was opened with.
    pub(super) key: Option<String>,
}

/// Every answer's envelope.
#[derive(Deserialize)]
pub(super) struct Answer<T> {
    pub(super) response: Option<T>,
    pub(super) error: Option<Refusal>,
}

/// VK: `base_error`. Its `request_params` repeat what was asked and are never read.
#[derive(Deserialize)]
pub(super) struct Refusal {
    pub(super) error_code: i64,
}

/// VK: `messages_send_user_ids_response_item`.
#[derive(Deserialize)]
pub(super) struct SentTo {
    pub(super) peer_id: Option<i64>,
    pub(super) message_id: Option<i64>,
    pub(super) error: Option<RecipientRefusal>,
}

#[derive(Deserialize)]
pub(super) struct RecipientRefusal {
    pub(super) code: i64,
}

#[derive(Deserialize)]
pub(super) struct Groups {
    #[serde(default)]
    pub(super) groups: Vec<Group>,
}

#[derive(Deserialize)]
pub(super) struct Group {
    pub(super) id: i64,
    pub(super) name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Profile {
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) permissions: Vec<Permission>,
}

#[derive(Deserialize)]
pub(super) struct Permission {
    pub(super) name: String,
}

/// Holds a secret: not `Debug`.
#[derive(Deserialize)]
pub(super) struct ConfirmationCode {
    pub(super) code: String,
}

#[derive(Deserialize)]
pub(super) struct AddedServer {
    pub(super) server_id: i64,
}

#[derive(Deserialize)]
pub(super) struct Servers {
    #[serde(default)]
    pub(super) items: Vec<Server>,
}

/// A callback server. Holds a secret: not `Debug`.
#[derive(Deserialize)]
pub(super) struct Server {
    pub(super) id: i64,
    pub(super) url: String,
    /// `unconfigured`, `failed`, `wait`, `ok`.
    pub(super) status: String,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) secret_key: String,
}

#[derive(Deserialize)]
pub(super) struct Settings {
    pub(super) api_version: Option<String>,
    #[serde(default)]
    pub(super) events: Map<String, Value>,
}

/// A keyboard; VK takes it as a text.
#[derive(Serialize)]
pub(super) struct Keyboard<'a> {
    pub(super) inline: bool,
    pub(super) buttons: Vec<Vec<Button<'a>>>,
}

#[derive(Serialize)]
pub(super) struct Button<'a> {
    pub(super) action: Action<'a>,
}

#[derive(Serialize)]
pub(super) struct Action<'a> {
    /// `callback` or `text`.
    pub(super) r#type: &'static str,
    pub(super) label: &'a str,
    /// A text that holds a JSON object.
    pub(super) payload: String,
}

/// The object behind our buttons.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    pub(super) t: &'a str,
}
