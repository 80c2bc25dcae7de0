//! Webhooks in: one delivery into the events of many accounts and people.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::wire::{Attachment, Change, Delivery, Edit, Entry, Item, Message, Party, Postback, Pressed, Referral, is_scoped_id};
use crate::channel::{
    ChannelEvent, EventKind, MediaKind, MessageRef, Sender, Unparsable,
    meta::{list, named, read, short, some, whole},
    report::Delivery as Fate,
};

/// Fields whose value is what `messaging` has an item for. Two of them are spelled in two ways.
const CHATS: &[&str] = &[
    "messages",
    "message_echoes",
    "message_edit",
    "message_reactions",
    "messaging_reactions",
    "messaging_postbacks",
    "messaging_seen",
    "messaging_referral",
    "messaging_referrals",
];

/// Times before March 1973 in milliseconds are seconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Takes a delivery apart. What can't be read is an event of its own, an ignored one, and takes nothing else with it.
pub(super) fn parse(body: &[u8]) -> Result<Vec<ChannelEvent>, Unparsable> {
    let delivery: Option<Delivery> = serde_json::from_slice(body).ok();
    let delivery = delivery.filter(|delivery| delivery.object == "instagram").ok_or_else(|| {
        Unparsable("expected a JSON object with `object`: \"instagram\" and a list `entry` (Instagram webhooks)".to_owned())
    })?;
    Ok(delivery.entry.iter().flat_map(entry).collect())
}

fn ignored(reason: impl Into<String>) -> EventKind {
    EventKind::Ignored { reason: reason.into() }
}

fn entry(raw: &Value) -> Vec<ChannelEvent> {
    let entry: Entry = read(raw);
    let account = some(&entry.id);
    let chats = list(&entry.messaging).iter().flat_map(|raw| item(raw, account));
    let mut events: Vec<ChannelEvent> = chats.chain(list(&entry.changes).iter().flat_map(|raw| change(raw, account))).collect();
    if let Some(field) = some(&entry.field) {
        events.push(not_ours(raw, field));
    }
    if events.is_empty() {
        events.push(ChannelEvent::of(named(&[raw]), None, ignored("an entry that holds no chat")));
    }
    events.into_iter().map(|event| addressed(event, account)).collect()
}

/// An event goes to the account it came for. Without one nobody knows whose it is.
fn addressed(event: ChannelEvent, account: Option<&str>) -> ChannelEvent {
    match account {
        Some(account) => ChannelEvent { account: Some(account.to_owned()), ..event },
        None => ChannelEvent::of(event.vendor_event_id, None, ignored("an entry without an account")),
    }
}

fn change(raw: &Value, account: Option<&str>) -> Vec<ChannelEvent> {
    let change: Change = read(raw);
    match (some(&change.field), &change.value) {
        (Some(field), Some(value)) if CHATS.contains(&field) => item(value, account),
        (Some(field), _) => vec![not_ours(raw, field)],
        (None, _) => vec![ChannelEvent::of(named(&[raw]), None, ignored("a change without a field"))],
    }
}

fn not_ours(raw: &Value, field: &str) -> ChannelEvent {
    ChannelEvent::of(named(&[raw]), None, ignored(format!("field not handled: {}", short(field))))
}

/// Milliseconds; in tests of the App Dashboard seconds, as a text.
fn moment(timestamp: &Value) -> Option<DateTime<Utc>> {
    match whole(timestamp)? {
        seconds @ 0..SECONDS_BELOW => DateTime::from_timestamp(seconds, 0),
        millis => DateTime::from_timestamp_millis(millis),
    }
}

/// An item of `messaging`: what happened between the account and one person, and perhaps the link by which they came.
fn item(raw: &Value, account: Option<&str>) -> Vec<ChannelEvent> {
    let item: Item = read(raw);
    let (from, to) = (id_of(&item.sender), id_of(&item.recipient));
    let flagged = item.message.as_ref().is_some_and(|message| message.is_echo == Some(true));
    // Not every echo has the flag.
    let by_account = flagged || (account.is_some() && from == account);
    let sender = if by_account { to.filter(|to| Some(*to) != account) } else { from }.and_then(person);
    let at = item.timestamp.as_ref().and_then(moment);
    let told = match &sender {
        // A message to oneself is one.
        None if by_account => Told::of(None, ignored("an echo to nobody")),
        None => Told::of(None, ignored("no sender")),
        Some(_) if by_account => echo(&item),
        Some(sender) => content(&item, sender, raw),
    };
    let id = told.id.unwrap_or_else(|| named(&[raw]));
    // Anything but a text has no place of its own for the link that led to it.
    let beside = told.led_here.filter(|_| !matches!(told.kind, EventKind::Text { .. })).map(|payload| ChannelEvent {
        at,
        ..ChannelEvent::of(format!("{id}:referral"), sender.clone(), EventKind::Referral { payload })
    });
    let event = ChannelEvent {
        message_id: told.message_id,
        reply_to: told.reply_to,
        at,
        ..ChannelEvent::of(id, sender.clone(), told.kind)
    };
    std::iter::once(event).chain(beside).collect()
}

fn id_of(party: &Option<Party>) -> Option<&str> {
    some(&party.as_ref()?.id)
}

/// Instagram gives neither name nor number with what a person writes.
fn person(id: &str) -> Option<Sender> {
    let sender = || Sender {
        chat_id: id.to_owned(),
        user_id: id.to_owned(),
        name: None,
        phone: None,
        language: None,
        plain_buttons: None,
    };
    is_scoped_id(id).then(sender)
}

/// What an item says. Without an id it has nothing but its content to be told by.
struct Told {
    id: Option<String>,
    kind: EventKind,
    message_id: Option<String>,
    reply_to: Option<String>,
    led_here: Option<String>,
}

impl Told {
    fn of(id: Option<String>, kind: EventKind) -> Self {
        Self { id, kind, message_id: None, reply_to: None, led_here: None }
    }
}

/// What went out through the account, by whatever tool; ours comes back as well, and may come before the answer to the send.
fn echo(item: &Item) -> Told {
    let Some(message) = &item.message else { return Told::of(None, ignored("done by the salon itself")) };
    match some(&message.mid) {
        Some(mid) if message.is_deleted == Some(true) => {
            Told::of(Some(format!("{mid}:deleted")), ignored("the salon took its own message back"))
        }
        Some(mid) => {
            let kind = EventKind::Echo { vendor_message_id: mid.to_owned(), text: message.text.clone(), operator: None };
            Told::of(Some(format!("{mid}:echo")), kind)
        }
        None => Told::of(None, ignored("an echo without an id")),
    }
}

fn content(item: &Item, sender: &Sender, raw: &Value) -> Told {
    let time = item.timestamp.as_ref().and_then(whole);
    if let Some(message) = &item.message {
        return said(message);
    }
    if let Some(postback) = &item.postback {
        return pressed(postback);
    }
    if let Some(edit) = &item.message_edit {
        return edited(edit);
    }
    if let Some(reaction) = &item.reaction {
        let id = some(&reaction.mid).zip(some(&reaction.action)).zip(time);
        return Told::of(id.map(|((mid, action), at)| format!("{mid}:{action}:{at}")), ignored("wants no answer: reaction"));
    }
    if let Some(read) = &item.read {
        return match some(&read.mid) {
            Some(mid) => {
                let kind = EventKind::Status { of: MessageRef::Vendor(mid.to_owned()), state: Fate::Read };
                Told::of(Some(format!("{mid}:read")), kind)
            }
            None => Told::of(None, ignored("read, but not what")),
        };
    }
    if let Some(referral) = &item.referral {
        let Some(payload) = payload_of(referral) else { return Told::of(None, ignored("a link without a payload")) };
        let id = time.map(|at| format!("referral:{}:{payload}:{at}", sender.user_id));
        return Told::of(id, EventKind::Referral { payload });
    }
    let is_new = |key: &&String| !["sender", "recipient", "timestamp"].contains(&key.as_str());
    let what = raw.as_object().and_then(|members| members.keys().find(is_new)).map_or("nothing", String::as_str);
    Told::of(None, ignored(format!("kind not handled: {}", short(what))))
}

fn payload_of(referral: &Referral) -> Option<String> {
    some(&referral.r#ref).or(some(&referral.ad_id)).map(str::to_owned)
}

fn said(message: &Message) -> Told {
    let mid = some(&message.mid).map(str::to_owned);
    if message.is_deleted == Some(true) {
        let id = mid.as_ref().map(|mid| format!("{mid}:deleted"));
        return Told::of(id, mid.map_or_else(|| ignored("a message taken back, but not which"), |of| EventKind::Removed { of }));
    }
    let led_here = message.referral.as_ref().and_then(payload_of);
    let kind = matter(message, led_here.as_deref());
    Told {
        message_id: mid.clone(),
        reply_to: message.reply_to.as_ref().and_then(|quoted| some(&quoted.mid)).map(str::to_owned),
        led_here,
        ..Told::of(mid, kind)
    }
}

/// What a message is.
fn matter(message: &Message, led_here: Option<&str>) -> EventKind {
    let text = some(&message.text).filter(|text| !text.trim().is_empty());
    if message.is_unsupported == Some(true) {
        return unsupported(text);
    }
    if let Some(tap) = &message.quick_reply {
        if let Some(phone) = own_number(tap, text) {
            return EventKind::Contact { phone, own: true };
        }
        if let Some(payload) = some(&tap.payload) {
            return EventKind::Button { payload: payload.to_owned(), callback_id: None };
        }
    }
    let attachment = list(&message.attachments).iter().map(read::<Attachment>).find(|one| one.r#type.is_some());
    match (attachment, text) {
        (Some(attachment), caption) => attached(attachment, caption),
        (None, Some(text)) => EventKind::Text { text: text.to_owned(), referral: led_here.map(str::to_owned) },
        // What has no word yet.
        (None, None) => unsupported(None),
    }
}

fn unsupported(caption: Option<&str>) -> EventKind {
    let caption = caption.map(str::to_owned);
    EventKind::Media { media: MediaKind::Unsupported, reference: None, caption, keeps_seconds: None }
}

/// Quick replies: a tap on `user_phone_number` sends the number of the person's own profile, as the text and as the payload. Whatever else
/// stands on a quick reply has a payload of another kind: ours are sealed.
fn own_number(tap: &Pressed, text: Option<&str>) -> Option<String> {
    let number = some(&tap.payload).or(text)?;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_number = number.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')'));
    let is_own = is_number && (7..=15).contains(&digits(number).len()) && text.is_none_or(|text| digits(text) == digits(number));
    is_own.then(|| number.to_owned())
}

fn attached(attachment: Attachment, caption: Option<&str>) -> EventKind {
    let media = match attachment.r#type.as_deref().unwrap_or_default() {
        // To thank for it is the most one should do.
        "story_mention" => return ignored("wants no answer: story_mention"),
        "audio" => MediaKind::Voice,
        "image" => MediaKind::Photo,
        "video" | "ig_reel" | "reel" => MediaKind::Video,
        "file" => MediaKind::Document,
        "like_heart" => MediaKind::Sticker,
        // Somebody's post; what vanishes (`ephemeral`) has no address.
        _ => MediaKind::Unsupported,
    };
    // The address is all there is, and does not hold for long.
    let reference = attachment.payload.and_then(|file| file.url).filter(|url| !url.is_empty());
    EventKind::Media { media, reference, caption: caption.map(str::to_owned), keeps_seconds: None }
}

/// A button of a template, of the menu, or an ice breaker. One that somebody made without a payload says what is written on it.
fn pressed(postback: &Postback) -> Told {
    let mid = some(&postback.mid).map(str::to_owned);
    let led_here = postback.referral.as_ref().and_then(payload_of);
    let kind = match (some(&postback.payload), some(&postback.title)) {
        (Some(payload), _) => EventKind::Button { payload: payload.to_owned(), callback_id: None },
        (None, Some(title)) => EventKind::Text { text: title.to_owned(), referral: led_here.clone() },
        (None, None) => ignored("a button without a payload"),
    };
    Told { message_id: mid.clone(), led_here, ..Told::of(mid, kind) }
}

/// Each edit of a message is an event of its own, counted from 1.
fn edited(edit: &Edit) -> Told {
    let Some(mid) = some(&edit.mid) else { return Told::of(None, ignored("an edit of no message")) };
    let id = edit.num_edit.as_ref().and_then(whole).map(|number| format!("{mid}:edit:{number}"));
    Told::of(id, EventKind::Edited { of: Some(mid.to_owned()), text: edit.text.clone() })
}
