//! Webhooks in: the secret header, and one update into one event.

use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde_json::Value;

use super::wire::{CallbackQuery, Chat, ChatMemberUpdated, Contact, File, Message, Update, User};
use crate::channel::{
    AccountSecrets, ChannelEvent, ConsentSignal, EventKind, MediaKind, Sender, SignatureInvalid, Unparsable, proof,
};

const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// The secret must come exactly once and be the account's own.
pub(super) fn verify(headers: &HeaderMap, secrets: &AccountSecrets) -> Result<(), SignatureInvalid> {
    proof::shared_secret(headers, SECRET_HEADER, secrets)
}

/// One update is one event. An update whose content we can't read is still an event of its own, an ignored one: an answer other than
/// 2xx would hold up everything behind it in Telegram's queue.
pub(super) fn parse(body: &[u8]) -> Result<ChannelEvent, Unparsable> {
    let update: Update = serde_json::from_slice(body)
        .map_err(|_| Unparsable("expected a JSON object with an integer `update_id` (Bot API: Update)".to_owned()))?;
    let (message_id, at) = written(&update.content);
    let (sender, kind) = content(update.content);
    Ok(ChannelEvent { message_id, at, ..ChannelEvent::of(update.update_id.to_string(), sender, kind) })
}

/// The id and the time of a message that was written just now. A button's message is ours, and an edited one has its own time.
fn written(content: &serde_json::Map<String, Value>) -> (Option<String>, Option<DateTime<Utc>>) {
    let field = |name: &str| content.get("message")?.get(name)?.as_i64();
    (field("message_id").map(|id| id.to_string()), field("date").and_then(|at| DateTime::from_timestamp(at, 0)))
}

type Read = (Option<Sender>, EventKind);

fn ignored(reason: impl Into<String>) -> Read {
    (None, EventKind::Ignored { reason: reason.into() })
}

fn content(mut content: serde_json::Map<String, Value>) -> Read {
    for (name, read) in KINDS {
        if let Some(value) = content.remove(*name) {
            return read(value).unwrap_or_else(|_| ignored(format!("{name} of an unknown shape")));
        }
    }
    match content.keys().next() {
        // A new kind's name is as long as the vendor likes.
        Some(name) => ignored(format!("kind not handled: {}", name.chars().take(64).collect::<String>())),
        None => ignored("empty update"),
    }
}

type Reader = fn(Value) -> serde_json::Result<Read>;

/// Bot API: at most one of the optional fields is present.
const KINDS: &[(&str, Reader)] = &[
    ("message", |value| serde_json::from_value(value).map(message)),
    ("edited_message", |value| serde_json::from_value(value).map(edited)),
    ("callback_query", |value| serde_json::from_value(value).map(callback)),
    ("my_chat_member", |value| serde_json::from_value(value).map(membership)),
];

/// The other end of a private chat; an error says why this is none.
fn private_sender(chat: Option<&Chat>, from: Option<&User>) -> Result<Sender, &'static str> {
    let (Some(chat), Some(from)) = (chat, from) else { return Err("no chat or no sender") };
    if chat.r#type.as_deref() != Some("private") {
        return Err("not a private chat");
    }
    if from.is_bot == Some(true) {
        return Err("written by a bot");
    }
    let (Some(chat_id), Some(_)) = (chat.id, from.id) else { return Err("no chat or no sender") };
    person(chat_id, from).ok_or("no chat or no sender")
}

fn person(chat_id: i64, user: &User) -> Option<Sender> {
    let names: Vec<&str> = [&user.first_name, &user.last_name]
        .into_iter()
        .flatten()
        .map(|name| name.trim())
        .filter(|name| !name.is_empty())
        .collect();
    Some(Sender {
        chat_id: chat_id.to_string(),
        user_id: user.id?.to_string(),
        name: (!names.is_empty()).then(|| names.join(" ")),
        phone: None,
        language: user.language_code.clone(),
        plain_buttons: None,
    })
}

/// The sender of a message a client wrote to the bot itself.
fn author(message: &Message) -> Result<Sender, &'static str> {
    if message.migrate_to_chat_id.is_some() {
        return Err("a group that became a supergroup");
    }
    if message.business_connection_id.is_some() {
        return Err("a message of a business account, not of the bot");
    }
    private_sender(message.chat.as_ref(), message.from.as_ref())
}

fn message(message: Message) -> Read {
    match author(&message) {
        Ok(sender) => {
            let kind = matter(message);
            (Some(sender), kind)
        }
        Err(reason) => ignored(reason),
    }
}

fn matter(message: Message) -> EventKind {
    if let Some(text) = message.text {
        return start(&text).unwrap_or(EventKind::Text { text, referral: None });
    }
    if let Some(contact) = message.contact {
        return shared_contact(contact, message.from.and_then(|from| from.id));
    }
    let largest = message.photo.and_then(|sizes| sizes.into_iter().next_back());
    let files = [
        (message.voice, MediaKind::Voice),
        (message.audio, MediaKind::Audio),
        (largest, MediaKind::Photo),
        (message.video, MediaKind::Video),
        (message.video_note, MediaKind::Video),
        (message.sticker, MediaKind::Sticker),
        (message.document, MediaKind::Document),
        (message.location.map(|_| File { file_id: None }), MediaKind::Location),
    ];
    let found = files.into_iter().find_map(|(file, media)| file.map(|file| (file, media)));
    match found {
        Some((file, media)) => EventKind::Media { media, reference: file.file_id, caption: message.caption, keeps_seconds: None },
        None => EventKind::Ignored { reason: "a service message, or content not handled".to_owned() },
    }
}

/// `/start`, or `/start <payload>` after a deep link `https://t.me/<bot>?start=<payload>`; groups' `/start@bot` is the same command.
fn start(text: &str) -> Option<EventKind> {
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let named = command.split_once('@').map_or(command, |(command, _)| command);
    let payload = rest.trim();
    (named == "/start").then(|| EventKind::Start { payload: (!payload.is_empty()).then(|| payload.to_owned()) })
}

/// Bot API: `contact.user_id` is the owner's id. Only when it is the sender's does Telegram vouch for the number: a forwarded card
/// has another's id, or none.
fn shared_contact(contact: Contact, sender: Option<i64>) -> EventKind {
    match contact.phone_number {
        Some(phone) => EventKind::Contact { phone, own: contact.user_id.is_some() && contact.user_id == sender },
        None => EventKind::Ignored { reason: "a contact without a number".to_owned() },
    }
}

fn edited(message: Message) -> Read {
    match author(&message) {
        Ok(sender) => (
            Some(sender),
            EventKind::Edited { of: message.message_id.map(|id| id.to_string()), text: message.text.or(message.caption) },
        ),
        Err(reason) => ignored(reason),
    }
}

/// The message under the button may be gone from Telegram's memory (then only its chat is known) or from the update altogether; a
/// private chat has its person's id.
fn callback(query: CallbackQuery) -> Read {
    let sender = match query.message {
        Some(message) => private_sender(message.chat.as_ref(), query.from.as_ref()),
        None => query.from.as_ref().and_then(|from| person(from.id?, from)).ok_or("no chat or no sender"),
    };
    match (sender, query.data) {
        (Ok(sender), Some(payload)) => (Some(sender), EventKind::Button { payload, callback_id: query.id }),
        (Ok(sender), None) => (Some(sender), EventKind::Ignored { reason: "a button without data".to_owned() }),
        (Err(reason), _) => ignored(reason),
    }
}

/// Bot API: in a private chat `kicked` means that the client blocked the bot, `member` that they let it in again.
fn membership(change: ChatMemberUpdated) -> Read {
    let sender = match private_sender(change.chat.as_ref(), change.from.as_ref()) {
        Ok(sender) => sender,
        Err(reason) => return ignored(reason),
    };
    let kind = match change.new_chat_member.and_then(|member| member.status).as_deref() {
        Some("kicked") => EventKind::Consent { signal: ConsentSignal::Blocked },
        Some("member") => EventKind::Consent { signal: ConsentSignal::Unblocked },
        _ => EventKind::Ignored { reason: "a membership that changes nothing for us".to_owned() },
    };
    (Some(sender), kind)
}
