//! The Bot API's JSON, as far as we read or write it. Every field we read is optional and unknown ones are passed over: new kinds
//! and fields appear without a version change. Ids are up to 52 bits.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A webhook's body: an id and exactly one other field, whose name is the kind.
#[derive(Deserialize)]
pub(super) struct Update {
    pub(super) update_id: i64,
    #[serde(flatten)]
    pub(super) content: Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) id: Option<i64>,
    pub(super) is_bot: Option<bool>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) language_code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Chat {
    pub(super) id: Option<i64>,
    pub(super) r#type: Option<String>,
}

/// Also the `InaccessibleMessage` of an old callback query, which has a chat, an id and the date 0.
#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) message_id: Option<i64>,
    pub(super) from: Option<User>,
    pub(super) chat: Option<Chat>,
    pub(super) business_connection_id: Option<String>,
    pub(super) migrate_to_chat_id: Option<i64>,
    pub(super) text: Option<String>,
    pub(super) caption: Option<String>,
    pub(super) contact: Option<Contact>,
    pub(super) voice: Option<File>,
    pub(super) audio: Option<File>,
    pub(super) photo: Option<Vec<File>>,
    pub(super) video: Option<File>,
    pub(super) video_note: Option<File>,
    pub(super) document: Option<File>,
    pub(super) sticker: Option<File>,
    pub(super) location: Option<Location>,
}

#[derive(Deserialize)]
pub(super) struct Contact {
    pub(super) phone_number: Option<String>,
    pub(super) user_id: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct File {
    pub(super) file_id: Option<String>,
}

/// That there is one is all we use.
#[derive(Deserialize)]
pub(super) struct Location {}

#[derive(Deserialize)]
pub(super) struct CallbackQuery {
    pub(super) id: Option<String>,
    pub(super) from: Option<User>,
    pub(super) message: Option<Message>,
    pub(super) data: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct ChatMemberUpdated {
    pub(super) chat: Option<Chat>,
    pub(super) from: Option<User>,
    pub(super) new_chat_member: Option<ChatMember>,
}

#[derive(Deserialize)]
pub(super) struct ChatMember {
    pub(super) status: Option<String>,
}

/// Every answer's envelope.
#[derive(Deserialize)]
pub(super) struct Answer<T> {
    pub(super) ok: bool,
    pub(super) result: Option<T>,
}

/// What an answer says about a failure.
#[derive(Deserialize, Default)]
pub(super) struct Refusal {
    pub(super) error_code: Option<u16>,
    pub(super) description: Option<String>,
    pub(super) parameters: Option<Parameters>,
}

#[derive(Deserialize)]
pub(super) struct Parameters {
    pub(super) retry_after: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct SentMessage {
    pub(super) message_id: i64,
}

#[derive(Deserialize)]
pub(super) struct Me {
    pub(super) username: Option<String>,
    pub(super) first_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct WebhookInfo {
    pub(super) url: Option<String>,
    pub(super) pending_update_count: Option<u64>,
    pub(super) last_error_message: Option<String>,
}

#[derive(Serialize)]
pub(super) struct SendMessage<'a> {
    pub(super) chat_id: i64,
    pub(super) text: &'a str,
    pub(super) link_preview_options: LinkPreviewOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_markup: Option<ReplyMarkup<'a>>,
}

#[derive(Serialize)]
pub(super) struct SendChatAction {
    pub(super) chat_id: i64,
    pub(super) action: &'static str,
}

#[derive(Serialize)]
pub(super) struct LinkPreviewOptions {
    pub(super) is_disabled: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ReplyMarkup<'a> {
    Inline { inline_keyboard: Vec<Vec<InlineButton<'a>>> },
    Reply { keyboard: [[ContactButton<'a>; 1]; 1], one_time_keyboard: bool, resize_keyboard: bool },
    Remove { remove_keyboard: bool },
}

#[derive(Serialize)]
pub(super) struct InlineButton<'a> {
    pub(super) text: &'a str,
    pub(super) callback_data: &'a str,
}

#[derive(Serialize)]
pub(super) struct ContactButton<'a> {
    pub(super) text: &'a str,
    pub(super) request_contact: bool,
}

#[derive(Serialize)]
pub(super) struct AnswerCallbackQuery<'a> {
    pub(super) callback_query_id: &'a str,
}

/// Holds a secret: not `Debug`.
#[derive(Serialize)]
pub(super) struct SetWebhook<'a> {
    pub(super) url: &'a str,
    pub(super) secret_token: &'a str,
    pub(super) max_connections: u8,
    pub(super) allowed_updates: &'static [&'static str],
    pub(super) drop_pending_updates: bool,
}
