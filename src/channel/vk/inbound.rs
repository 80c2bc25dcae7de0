//! Webhooks in: the secret in the body, and one event into one of ours, or two.

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::{Attachment, ClientInfo, Envelope, Message, MessageEvent, MessageNew, Person, Proof};
use crate::{
    channel::{
        Account, AccountSecrets, ChannelEvent, ConsentSignal, EventKind, MediaKind, Sender, SignatureInvalid, Unparsable, proof,
    },
    crypto::sha256,
};

/// VK: peers from here on are chats of many.
const CHATS: i64 = 2_000_000_000;
/// What the button of an empty dialog sends.
const START: &str = "start";
/// What an app that can't press a callback button sends in its place, with the payload inside.
const NOT_SUPPORTED: &str = "not_supported_button";

/// VK signs nothing: it repeats the secret that was set for the server. An event is for one community only, and that must be ours.
pub(super) fn verify(body: &[u8], account: &Account) -> Result<(), SignatureInvalid> {
    let given: Proof = serde_json::from_slice(body).map_err(|_| SignatureInvalid)?;
    let known = proof::is_a_secret(given.secret.as_bytes(), &account.secrets);
    if known && given.group_id.to_string() == account.external_id { Ok(()) } else { Err(SignatureInvalid) }
}

/// VK greets a server with `confirmation`, and wants to see the code alone.
pub(super) fn handshake(body: &[u8], secrets: &AccountSecrets) -> Option<Result<String, SignatureInvalid>> {
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    (envelope.r#type == "confirmation").then(|| {
        let code = secrets.handshake.as_ref().map(ExposeSecret::expose_secret).filter(|code| !code.is_empty());
        code.map(str::to_owned).ok_or(SignatureInvalid)
    })
}

/// One webhook is one event of VK's. An event whose object we can't read is still an event, an ignored one: VK would repeat what is not
/// answered with `ok`, and after several of them send nothing for a while.
pub(super) fn parse(body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| {
        Unparsable("expected a JSON object with a text `type` and an integer `group_id` (VK: callback_base)".to_owned())
    })?;
    if envelope.group_id.to_string() != account.external_id {
        return Err(Unparsable("`group_id` is another community's".to_owned()));
    }
    // VK: an event that comes again has the same id.
    let id = match envelope.event_id.as_str() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("sha256:{}", hex::encode(sha256(body))),
    };
    let Read { sender, kind, message_id, at, key } = content(&envelope.r#type, envelope.object).unwrap_or_else(Read::ignored);
    let opened = key.map(|payload| ChannelEvent::of(format!("{id}:key"), sender.clone(), EventKind::Referral { payload }));
    let event = ChannelEvent { message_id, at, ..ChannelEvent::of(id, sender, kind) };
    Ok(std::iter::once(event).chain(opened).collect())
}

/// An event as far as it was read.
struct Read {
    sender: Option<Sender>,
    kind: EventKind,
    message_id: Option<String>,
    at: Option<DateTime<Utc>>,
    /// What a permission, or a message without words, came with: the payload of a link.
    key: Option<String>,
}

impl Read {
    fn of(sender: Sender, kind: EventKind) -> Self {
        Self { sender: Some(sender), kind, message_id: None, at: None, key: None }
    }

    fn ignored(reason: String) -> Self {
        Self { sender: None, kind: EventKind::Ignored { reason }, message_id: None, at: None, key: None }
    }
}

/// Why nothing comes of an event.
type Refused = String;

fn content(kind: &str, object: Value) -> Result<Read, Refused> {
    match kind {
        "message_new" => message_new(object),
        "message_event" => read(kind, object).and_then(press),
        "message_edit" => read(kind, object).and_then(edited),
        "message_reply" => read(kind, object).and_then(echo),
        "message_allow" => read(kind, object).and_then(|person| consent(person, ConsentSignal::Allowed)),
        "message_deny" => read(kind, object).and_then(|person| consent(person, ConsentSignal::Denied)),
        "user_block" => read(kind, object).and_then(|person| consent(person, ConsentSignal::Blocked)),
        "user_unblock" => read(kind, object).and_then(|person| consent(person, ConsentSignal::Unblocked)),
        "group_join" | "group_leave" => Err("a membership that changes nothing for us".to_owned()),
        "confirmation" => Err("a handshake".to_owned()),
        // A new kind's name is as long as the vendor likes.
        other => Err(format!("kind not handled: {}", other.chars().take(64).collect::<String>())),
    }
}

fn read<T: DeserializeOwned>(kind: &str, object: Value) -> Result<T, Refused> {
    serde_json::from_value(object).map_err(|_| format!("{kind} of an unknown shape"))
}

/// Before 5.103 the message was the object itself.
fn message_new(object: Value) -> Result<Read, Refused> {
    let MessageNew { message, client_info } = match object.get("message") {
        Some(_) => read("message_new", object)?,
        None => MessageNew { message: read("message_new", object)?, client_info: None },
    };
    let mut sender = author(&message)?;
    if let Some(client) = client_info {
        sender.language = client.lang_id.and_then(language).map(str::to_owned);
        sender.plain_buttons = plain_buttons(&client);
    }
    let message_id = id_of(&message);
    let at = message.date.and_then(|at| DateTime::from_timestamp(at, 0));
    let led_here = message.r#ref.clone().filter(|referral| !referral.is_empty());
    let kind = matter(message);
    // Anything but a text or a start has no place of its own for the link that led to it.
    let key = led_here.filter(|_| !matches!(kind, EventKind::Text { .. } | EventKind::Start { .. } | EventKind::Ignored { .. }));
    Ok(Read { message_id, at, key, ..Read::of(sender, kind) })
}

fn plain_buttons(client: &ClientInfo) -> Option<bool> {
    client.button_actions.as_ref().map(|actions| !actions.iter().any(|action| action == "callback"))
}

/// VK: the numbers that the parameter `lang` of its methods lists.
fn language(number: i64) -> Option<&'static str> {
    Some(match number {
        0 => "ru",
        1 => "uk",
        2 => "be",
        3 => "en",
        4 => "es",
        5 => "fi",
        6 => "de",
        7 => "it",
        _ => return None,
    })
}

fn id_of(message: &Message) -> Option<String> {
    message.id.filter(|id| *id > 0).map(|id| id.to_string())
}

/// The other end of a dialog with one person; an error says why this is none.
fn dialog(peer: i64, user: i64) -> Result<Sender, Refused> {
    if peer >= CHATS {
        return Err("a chat of many".to_owned());
    }
    if peer <= 0 || user <= 0 {
        return Err("not a person".to_owned());
    }
    Ok(Sender {
        chat_id: peer.to_string(),
        user_id: user.to_string(),
        name: None,
        phone: None,
        language: None,
        plain_buttons: None,
    })
}

/// The sender of a message a client wrote. VK tells a community of its own messages too.
fn author(message: &Message) -> Result<Sender, Refused> {
    let (Some(from), Some(peer)) = (message.from_id, message.peer_id) else { return Err("no sender".to_owned()) };
    if from < 0 || message.out == Some(1) {
        return Err("the community's own message".to_owned());
    }
    dialog(peer, from)
}

fn matter(message: Message) -> EventKind {
    let text = message.text.filter(|text| !text.is_empty());
    let referral = message.r#ref.filter(|referral| !referral.is_empty());
    match message.payload.and_then(ours) {
        Some(Ours::Start) => return EventKind::Start { payload: referral },
        Some(Ours::Button(payload)) => return EventKind::Button { payload, callback_id: None },
        None => {}
    }
    let place = message.geo.map(|_| (MediaKind::Location, None));
    let attached = message.attachments.unwrap_or_default();
    let found = place.or_else(|| attached.iter().find_map(file));
    match (found, text) {
        (Some((media, reference)), caption) => EventKind::Media { media, reference, caption, keeps_seconds: None },
        // A link in a text is attached to it as well, and a post that is passed on has nothing else.
        (None, Some(text)) => EventKind::Text { text, referral },
        (None, None) if !attached.is_empty() => {
            EventKind::Media { media: MediaKind::Unsupported, reference: None, caption: None, keeps_seconds: None }
        }
        (None, None) => EventKind::Ignored { reason: "content not handled".to_owned() },
    }
}

/// What a payload of ours says.
enum Ours {
    Start,
    Button(String),
}

/// A payload is a text that holds JSON, or the JSON itself. What an app that can't press our button put around ours is taken off once;
/// deeper than that it is nobody's.
fn ours(payload: Value) -> Option<Ours> {
    let payload = unfolded(payload)?;
    let payload = match payload["command"].as_str() {
        Some(START) => return Some(Ours::Start),
        Some(NOT_SUPPORTED) => unfolded(payload.get("payload")?.clone())?,
        _ => payload,
    };
    payload["t"].as_str().map(|token| Ours::Button(token.to_owned()))
}

fn unfolded(payload: Value) -> Option<Value> {
    let payload = match payload {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        other => other,
    };
    payload.is_object().then_some(payload)
}

/// VK names a file by its kind, its owner and its number; there is no address in that, and no key.
fn file(attachment: &Attachment) -> Option<(MediaKind, Option<String>)> {
    let kind = attachment.r#type.as_str();
    let media = match kind {
        "photo" | "graffiti" => MediaKind::Photo,
        "audio_message" => MediaKind::Voice,
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        "doc" => MediaKind::Document,
        "sticker" => MediaKind::Sticker,
        _ => return None,
    };
    let number = |field: &str| attachment.content.get(kind)?.get(field)?.as_i64();
    let reference = match (number("owner_id"), number("id"), number("sticker_id")) {
        (Some(owner), Some(id), _) => Some(format!("{kind}{owner}_{id}")),
        (_, _, Some(sticker)) => Some(format!("{kind}{sticker}")),
        _ => None,
    };
    Some((media, reference))
}

/// A press that is answered out of sight. Its own `event_id` is what the answer names; the envelope's is another.
fn press(event: MessageEvent) -> Result<Read, Refused> {
    let sender = dialog(event.peer_id, event.user_id)?;
    let kind = match event.payload.and_then(ours) {
        Some(Ours::Button(payload)) => EventKind::Button { payload, callback_id: event.event_id },
        _ => EventKind::Ignored { reason: "a button that is not ours".to_owned() },
    };
    Ok(Read::of(sender, kind))
}

fn edited(message: Message) -> Result<Read, Refused> {
    let sender = author(&message)?;
    let at = message.update_time.and_then(|at| DateTime::from_timestamp(at, 0));
    let of = id_of(&message);
    Ok(Read { at, ..Read::of(sender, EventKind::Edited { of, text: message.text }) })
}

/// VK: `admin_author_id` names the person at the community who wrote; what a key sent has none.
fn echo(message: Message) -> Result<Read, Refused> {
    let peer = message.peer_id.unwrap_or_default();
    let sender = dialog(peer, peer)?;
    let vendor_message_id = id_of(&message).ok_or_else(|| "a message without a number".to_owned())?;
    let operator = Some(message.admin_author_id.is_some());
    let at = message.date.and_then(|at| DateTime::from_timestamp(at, 0));
    Ok(Read { at, ..Read::of(sender, EventKind::Echo { vendor_message_id, text: message.text, operator }) })
}

/// VK: a permission may come with the string that its widget was opened with, as a link's payload would.
fn consent(person: Person, signal: ConsentSignal) -> Result<Read, Refused> {
    let sender = dialog(person.user_id, person.user_id)?;
    let key = person.key.filter(|key| signal == ConsentSignal::Allowed && !key.is_empty());
    Ok(Read { key, ..Read::of(sender, EventKind::Consent { signal }) })
}
