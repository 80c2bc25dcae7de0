//! Webhooks in: the secret header, and one update into one event.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};

use super::wire::{Attachment, AttachmentPayload, Maybe, Message, MessageBody, Recipient, Update, User};
use crate::{
    channel::{ChannelEvent, ConsentSignal, EventKind, MediaKind, Sender, Unparsable},
    crypto::{hmac_sha256, same, sha256},
};

/// A kind's name is as long as the vendor likes.
const SHOWN: usize = 64;

/// One update is one event. `token` is what MAX vouches for a person's own number with.
pub(super) fn parse(body: &[u8], token: &SecretString) -> Result<ChannelEvent, Unparsable> {
    let unparsable = || Unparsable("expected a JSON object with a text `update_type` (MAX: Update)".to_owned());
    // By way of a value: a member that comes twice is then no error.
    let value: serde_json::Value = serde_json::from_slice(body).map_err(|_| unparsable())?;
    let update: Update = serde_json::from_value(value).map_err(|_| unparsable())?;
    if update.update_type.is_empty() {
        return Err(unparsable());
    }
    let (id, message_id, at) = (event_id(&update, body), written(&update), happened(&update));
    let (sender, kind) = content(update, token);
    Ok(ChannelEvent { message_id, at, ..ChannelEvent::of(id, sender, kind) })
}

/// MAX gives its events no ids, and may send one twice. A message has its id and an edit the time as well; a press has the keyboard's id,
/// which is the same for every press, and its own time; the rest are told apart by kind, chat, person and time. Where that is not there,
/// the bytes themselves: a repeated delivery has the same ones.
fn event_id(update: &Update, body: &[u8]) -> String {
    let kind = update.update_type.as_str();
    let mid = || update.message.0.as_ref()?.body.0.as_ref()?.mid.0.as_ref();
    let known = match kind {
        "message_created" => mid().map(|mid| format!("{kind}:{mid}")),
        "message_edited" => mid().zip(update.timestamp.0).map(|(mid, at)| format!("{kind}:{mid}:{at}")),
        "message_removed" => update.message_id.0.as_ref().map(|mid| format!("{kind}:{mid}")),
        "message_callback" => update.callback.0.as_ref().and_then(|callback| {
            let (id, at) = (callback.callback_id.0.as_ref()?, callback.timestamp.0.or(update.timestamp.0)?);
            Some(format!("{kind}:{id}:{at}"))
        }),
        _ => update
            .user
            .0
            .as_ref()
            .and_then(|user| Some(format!("{kind}:{}:{}:{}", update.chat_id.0?, user.user_id.0?, update.timestamp.0?))),
    };
    known.unwrap_or_else(|| format!("{}:{}", short(kind), hex::encode(sha256(body))))
}

/// The id of the message that this update brings.
fn written(update: &Update) -> Option<String> {
    let created = update.message.0.as_ref().filter(|_| update.update_type == "message_created");
    created?.body.0.as_ref()?.mid.0.clone()
}

fn happened(update: &Update) -> Option<DateTime<Utc>> {
    let of_message = || update.message.0.as_ref()?.timestamp.0;
    let of_press = || update.callback.0.as_ref()?.timestamp.0;
    let at = match update.update_type.as_str() {
        "message_created" => of_message(),
        "message_callback" => of_press(),
        _ => None,
    };
    at.or(update.timestamp.0).and_then(DateTime::from_timestamp_millis)
}

type Read = (Option<Sender>, EventKind);

fn ignored(reason: impl Into<String>) -> Read {
    (None, EventKind::Ignored { reason: reason.into() })
}

fn short(kind: &str) -> String {
    kind.chars().take(SHOWN).collect()
}

fn content(update: Update, token: &SecretString) -> Read {
    match update.update_type.as_str() {
        "message_created" => created(update, token),
        "message_edited" => edited(update),
        "message_removed" => removed(&update),
        "message_callback" => pressed(update),
        "bot_started" => {
            let payload = update.payload.0.clone().filter(|payload| !payload.is_empty());
            in_dialogue(&update, EventKind::Start { payload })
        }
        "bot_stopped" | "dialog_removed" => in_dialogue(&update, EventKind::Consent { signal: ConsentSignal::Stopped }),
        // Nothing rings there for a time. That is no word against being written to.
        "dialog_muted" | "dialog_unmuted" => ignored("the client's phone is silent, or no longer"),
        "dialog_cleared" => ignored("the client emptied their view of the dialogue"),
        "bot_added" | "bot_removed" | "user_added" | "user_removed" | "chat_title_changed" => ignored("not a dialogue"),
        kind => ignored(format!("kind not handled: {}", short(kind))),
    }
}

/// MAX: a dialogue names the one who did not write as its recipient; groups and channels have ids below zero.
fn is_dialogue(recipient: &Recipient) -> bool {
    match recipient.chat_type.0.as_deref() {
        Some(kind) => kind == "dialog",
        None => recipient.user_id.0.is_some() && recipient.chat_id.0.is_none_or(|id| id > 0),
    }
}

/// The person of a dialogue. Without the chat's id (a press on a message that is gone) the person's own stands for it: what we send goes by
/// that one.
fn person(chat_id: Option<i64>, user: &User, language: Option<String>) -> Result<Sender, &'static str> {
    if user.is_bot.0 == Some(true) {
        return Err("written by a bot");
    }
    let user_id = user.user_id.0.ok_or("no sender")?;
    let given = |name: &Maybe<String>| name.0.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    let names: Vec<String> = [&user.first_name, &user.last_name].into_iter().filter_map(given).collect();
    Ok(Sender {
        chat_id: chat_id.unwrap_or(user_id).to_string(),
        user_id: user_id.to_string(),
        name: if names.is_empty() { given(&user.name) } else { Some(names.join(" ")) },
        phone: None,
        language,
        plain_buttons: None,
    })
}

/// The sender of a message that a client wrote to the bot: never its recipient, which is the bot itself.
fn author(message: &Message, language: Option<String>) -> Result<Sender, &'static str> {
    let recipient = message.recipient.0.as_ref().ok_or("no recipient")?;
    if !is_dialogue(recipient) {
        return Err("not a dialogue");
    }
    person(recipient.chat_id.0, message.sender.0.as_ref().ok_or("no sender")?, language)
}

fn in_dialogue(update: &Update, kind: EventKind) -> Read {
    let Some(user) = &update.user.0 else { return ignored("no sender") };
    if update.chat_id.0.is_some_and(|id| id < 0) {
        return ignored("not a dialogue");
    }
    match person(update.chat_id.0, user, update.user_locale.0.clone()) {
        Ok(sender) => (Some(sender), kind),
        Err(reason) => ignored(reason),
    }
}

fn created(update: Update, token: &SecretString) -> Read {
    // MAX sends this for what it does not pass on to bots.
    let Some(message) = update.message.0 else { return ignored("a message that MAX does not show") };
    match author(&message, update.user_locale.0) {
        Ok(sender) => {
            let kind = matter(message.body.0.unwrap_or_default(), &sender, token);
            (Some(sender), kind)
        }
        Err(reason) => ignored(reason),
    }
}

fn matter(body: MessageBody, sender: &Sender, token: &SecretString) -> EventKind {
    let text = body.text.0.filter(|text| !text.trim().is_empty());
    let attachments = body.attachments.0.unwrap_or_default().into_iter().filter_map(|attachment| attachment.0);
    let found = attachments.filter_map(|attachment| Some((matter_of(&attachment)?, attachment.payload.0.unwrap_or_default())));
    match (found.into_iter().next(), text) {
        (Some((Matter::Card, payload)), _) => shared_contact(&payload, sender, token),
        // Its address only: the token beside it is for sending the same thing on.
        (Some((Matter::File(media), payload)), caption) => {
            EventKind::Media { media, reference: payload.url.0, caption, keeps_seconds: None }
        }
        (None, Some(text)) => start(&text).unwrap_or(EventKind::Text { text, referral: None }),
        // A pure forward, or what MAX has no word for.
        (None, None) => EventKind::Media { media: MediaKind::Unsupported, reference: None, caption: None, keeps_seconds: None },
    }
}

enum Matter {
    Card,
    File(MediaKind),
}

/// What an attachment is; none for what only goes with a text: the preview of a link, a keyboard.
fn matter_of(attachment: &Attachment) -> Option<Matter> {
    Some(match attachment.r#type.0.as_deref()? {
        "share" | "inline_keyboard" => return None,
        "contact" => Matter::Card,
        "audio" => Matter::File(MediaKind::Voice),
        "image" => Matter::File(MediaKind::Photo),
        "video" => Matter::File(MediaKind::Video),
        "file" => Matter::File(MediaKind::Document),
        "sticker" => Matter::File(MediaKind::Sticker),
        "location" => Matter::File(MediaKind::Location),
        _ => Matter::File(MediaKind::Unsupported),
    })
}

/// `/start`, or `/start <payload>`, as a client writes who knows bots from elsewhere.
fn start(text: &str) -> Option<EventKind> {
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let payload = rest.trim();
    (command == "/start").then(|| EventKind::Start { payload: (!payload.is_empty()).then(|| payload.to_owned()) })
}

/// MAX vouches for the number of a card whose `hash` is the hex of HMAC-SHA256 over `vcf_info`, line ends included, under the bot's token:
/// a card passed on from somebody else has none. A card that names another person is not the sender's, whatever its hash.
fn shared_contact(card: &AttachmentPayload, sender: &Sender, token: &SecretString) -> EventKind {
    let vcf = card.vcf_info.0.as_deref().unwrap_or_default();
    let Some(phone) = telephone(vcf) else { return EventKind::Ignored { reason: "a contact without a number".to_owned() } };
    let token = token.expose_secret().as_bytes();
    let given = card.hash.0.as_deref().and_then(|hash| hex::decode(hash).ok()).unwrap_or_default();
    let vouched = same(&given, &hmac_sha256(token, vcf.as_bytes())) && !token.is_empty();
    let owner = card.max_info.0.as_ref().and_then(|owner| owner.user_id.0);
    let own = vouched && owner.is_none_or(|owner| owner.to_string() == sender.user_id);
    EventKind::Contact { phone, own }
}

/// The first number of a vCard: `TEL;TYPE=cell:79001234567`.
fn telephone(vcf: &str) -> Option<String> {
    let value = vcf.lines().find_map(|line| {
        let (property, value) = line.split_once(':')?;
        let name = property.split(';').next()?.rsplit('.').next()?;
        name.eq_ignore_ascii_case("TEL").then_some(value)
    })?;
    // vCard 4.0 writes an address: `TEL;VALUE=uri:tel:+7-900-123-45-67`.
    let number = value.trim();
    let number = number.strip_prefix("tel:").unwrap_or(number);
    (!number.is_empty()).then(|| number.to_owned())
}

fn edited(update: Update) -> Read {
    let Some(message) = update.message.0 else { return ignored("no message") };
    match author(&message, update.user_locale.0) {
        Ok(sender) => {
            let body = message.body.0.unwrap_or_default();
            (Some(sender), EventKind::Edited { of: body.mid.0, text: body.text.0 })
        }
        Err(reason) => ignored(reason),
    }
}

fn removed(update: &Update) -> Read {
    let (Some(of), Some(user)) = (update.message_id.0.clone(), update.user_id.0) else {
        return ignored("no message or no sender");
    };
    if update.chat_id.0.is_some_and(|id| id < 0) {
        return ignored("not a dialogue");
    }
    let user = User { user_id: Maybe(Some(user)), ..User::default() };
    match person(update.chat_id.0, &user, None) {
        Ok(sender) => (Some(sender), EventKind::Removed { of }),
        Err(reason) => ignored(reason),
    }
}

/// The message under the button is the bot's, and null if it is gone: who pressed is in the callback alone.
fn pressed(update: Update) -> Read {
    let Some(callback) = update.callback.0 else { return ignored("no callback") };
    let recipient = update.message.0.and_then(|message| message.recipient.0);
    if recipient.as_ref().is_some_and(|recipient| !is_dialogue(recipient)) {
        return ignored("not a dialogue");
    }
    let user = callback.user.0.unwrap_or_default();
    let sender = match person(recipient.and_then(|recipient| recipient.chat_id.0), &user, update.user_locale.0) {
        Ok(sender) => sender,
        Err(reason) => return ignored(reason),
    };
    match callback.payload.0 {
        Some(payload) => (Some(sender), EventKind::Button { payload, callback_id: callback.callback_id.0 }),
        None => (Some(sender), EventKind::Ignored { reason: "a button without a payload".to_owned() }),
    }
}
