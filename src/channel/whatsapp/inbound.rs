//! Webhooks in: one delivery into the events of many accounts, numbers and people.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{
    error,
    wire::{
        Card, Change, Changed, Content, Delivery, Entry, Media, Message, Person, Phone, Preference, Status, System,
        TemplateUpdate, is_user_id, number,
    },
};
use crate::channel::{
    Account, AccountNotice, ChannelEvent, ConsentSignal, EventKind, FailedClass, MediaKind, MessageRef, Sender, TemplateStatus,
    Unparsable,
    meta::{Fault, LONGEST_NAME, list, named, read, short, some, whole},
    report::Delivery as Fate,
};

/// How long Meta keeps what a client sent.
const MEDIA_KEPT: u64 = 7 * 86_400;

/// Unsupported messages that are no new words of the client's: nothing to answer.
const QUIET: &[&str] = &["edit", "revoke", "reaction", "pin", "keep_in_chat", "poll_update"];

/// Fields about the account, and where in their value it says what happened.
const NOTICES: &[(&str, &[&str])] = &[
    ("message_template_quality_update", &["/new_quality_score"]),
    ("template_category_update", &["/new_category"]),
    ("phone_number_quality_update", &["/event"]),
    ("phone_number_name_update", &["/decision"]),
    ("account_update", &["/event"]),
    ("account_review_update", &["/decision"]),
    ("account_alerts", &["/alert_type", "/alert_info/alert_type"]),
    ("business_capability_update", &["/max_daily_conversations_per_business", "/max_daily_conversation_per_phone"]),
    ("security", &["/event"]),
];

/// Takes a delivery apart. What can't be read is an event of its own, an ignored one, and takes nothing else with it.
pub(super) fn parse(body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
    let delivery: Option<Delivery> = serde_json::from_slice(body).ok();
    let delivery = delivery.filter(|delivery| delivery.object == "whatsapp_business_account").ok_or_else(|| {
        Unparsable("expected a JSON object with `object`: \"whatsapp_business_account\" and a list `entry` (Webhooks)".to_owned())
    })?;
    Ok(delivery.entry.iter().flat_map(|raw| entry(raw, account)).collect())
}

fn ignored(reason: impl Into<String>) -> EventKind {
    EventKind::Ignored { reason: reason.into() }
}

/// Unix seconds, which most webhooks write as a text.
fn moment(timestamp: &Option<Value>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(whole(timestamp.as_ref()?)?, 0)
}

fn entry(raw: &Value, account: &Account) -> Vec<ChannelEvent> {
    let entry: Entry = read(raw);
    let changes = list(&entry.changes);
    if changes.is_empty() {
        return vec![ChannelEvent::of(named(&[raw]), None, ignored("an entry without changes"))];
    }
    changes.iter().flat_map(|raw| change(raw, &entry, account)).collect()
}

fn change(raw: &Value, entry: &Entry, account: &Account) -> Vec<ChannelEvent> {
    let change: Change = read(raw);
    let value = change.value.unwrap_or_default();
    let time = entry.time.clone().unwrap_or_default();
    let id = || named(&[&time, raw]);
    match some(&change.field) {
        Some(field @ ("messages" | "smb_message_echoes" | "user_preferences")) => {
            let content: Content = read(&value);
            let number = content.metadata.as_ref().and_then(|metadata| some(&metadata.phone_number_id));
            let mut events = of_a_number(field, &content, &time);
            if events.is_empty() {
                events.push(ChannelEvent::of(id(), None, ignored("a change that holds nothing")));
            }
            events.into_iter().map(|event| addressed(event, number)).collect()
        }
        Some(field) => vec![ChannelEvent::of(id(), None, notice(field, &value, entry, account))],
        None => vec![ChannelEvent::of(id(), None, ignored("a change without a field"))],
    }
}

/// An event goes to the number it came for. Without one nobody knows whose it is.
fn addressed(event: ChannelEvent, number: Option<&str>) -> ChannelEvent {
    match number {
        Some(number) => ChannelEvent { account: Some(number.to_owned()), ..event },
        None => ChannelEvent::of(event.vendor_event_id, None, ignored("no `metadata.phone_number_id`")),
    }
}

fn of_a_number(field: &str, content: &Content, time: &Value) -> Vec<ChannelEvent> {
    let contacts: Vec<Person> = list(&content.contacts).iter().map(read).collect();
    match field {
        "smb_message_echoes" => list(&content.message_echoes).iter().map(echo).collect(),
        "user_preferences" => list(&content.user_preferences).iter().map(|raw| preference(raw, &contacts)).collect(),
        _ => {
            let messages = list(&content.messages).iter().flat_map(|raw| message(raw, &contacts));
            let statuses = list(&content.statuses).iter().map(status);
            let errors = list(&content.errors).iter().map(|raw| trouble(raw, time));
            messages.chain(statuses).chain(errors).collect()
        }
    }
}

/// A person by what is known of them: first by the user id, which stays when the number is hidden, then by the number. Answers go to the
/// number as long as there is one.
fn person(wa_id: Option<&str>, user_id: Option<&str>, contacts: &[Person]) -> Option<Sender> {
    let wa_id = wa_id.and_then(number);
    let user_id = user_id.filter(|id| is_user_id(id));
    let is_theirs = |contact: &&Person| {
        let by_number = contact.wa_id.as_deref().and_then(number).is_some_and(|id| Some(id) == wa_id);
        by_number || some(&contact.user_id).is_some_and(|id| Some(id) == user_id)
    };
    let contact = contacts.iter().find(is_theirs);
    let wa_id = wa_id.or_else(|| number(contact?.wa_id.as_deref()?));
    let user_id = user_id.or_else(|| contact?.user_id.as_deref().filter(|id| is_user_id(id)));
    let profile = contact.and_then(|contact| contact.profile.as_ref());
    let name = profile.and_then(|profile| some(&profile.name).or(some(&profile.username))).map(str::trim);
    Some(Sender {
        chat_id: wa_id.or(user_id)?.to_owned(),
        user_id: user_id.or(wa_id)?.to_owned(),
        name: name.filter(|name| !name.is_empty()).map(str::to_owned),
        phone: wa_id.map(|digits| format!("+{digits}")),
        language: None,
        plain_buttons: None,
    })
}

fn message(raw: &Value, contacts: &[Person]) -> Vec<ChannelEvent> {
    let message: Message = read(raw);
    let id = some(&message.id).map_or_else(|| named(&[raw]), str::to_owned);
    let at = moment(&message.timestamp);
    if let Some(system) = message.system.as_ref().filter(|_| message.r#type.as_deref() == Some("system")) {
        return moves(&message, system, &id).into_iter().map(|event| ChannelEvent { at, ..event }).collect();
    }
    let sender = match &message.group_id {
        Some(_) => None,
        None => person(message.from.as_deref(), message.from_user_id.as_deref(), contacts),
    };
    let Some(sender) = sender else {
        let reason = if message.group_id.is_some() { "a message in a group" } else { "no sender" };
        return vec![ChannelEvent { at, ..ChannelEvent::of(id, None, ignored(reason)) }];
    };
    let led_here = message.referral.as_ref().and_then(|from| some(&from.source_id).or(some(&from.source_url)));
    let kind = matter(&message, &sender, led_here).unwrap_or_else(ignored);
    // Anything but a text has no place of its own for the link that led to it.
    let beside = led_here.filter(|_| !matches!(kind, EventKind::Text { .. })).map(|payload| {
        let referral = EventKind::Referral { payload: payload.to_owned() };
        ChannelEvent { at, ..ChannelEvent::of(format!("{id}:referral"), Some(sender.clone()), referral) }
    });
    let event = ChannelEvent {
        message_id: some(&message.id).map(str::to_owned),
        reply_to: message.context.as_ref().and_then(|context| some(&context.id)).map(str::to_owned),
        at,
        ..ChannelEvent::of(id, Some(sender), kind)
    };
    std::iter::once(event).chain(beside).collect()
}

/// What a message is; an error says why it is nothing for us.
fn matter(message: &Message, sender: &Sender, led_here: Option<&str>) -> Result<EventKind, String> {
    let kind = some(&message.r#type).ok_or("a message without a type")?;
    match kind {
        "text" => text(message, led_here),
        "button" | "interactive" => press(message),
        "contacts" => card(list(&message.contacts), sender),
        "audio" if message.audio.as_ref().is_some_and(|audio| audio.voice == Some(true)) => {
            Ok(file(MediaKind::Voice, &message.audio))
        }
        "audio" => Ok(file(MediaKind::Audio, &message.audio)),
        "image" => Ok(file(MediaKind::Photo, &message.image)),
        "video" => Ok(file(MediaKind::Video, &message.video)),
        "document" => Ok(file(MediaKind::Document, &message.document)),
        "location" => Ok(bare(MediaKind::Location)),
        "edit" => changed(&message.edit).map(|(of, now)| EventKind::Edited { of: Some(of), text: now.as_ref().and_then(words) }),
        "revoke" => changed(&message.revoke).map(|(of, _)| EventKind::Removed { of }),
        "unsupported" | "unknown" => match message.unsupported.as_ref().and_then(|what| some(&what.r#type)) {
            Some(what) if QUIET.contains(&what) => Err(format!("unsupported: {what}")),
            _ => Ok(bare(MediaKind::Unsupported)),
        },
        // Kept, and left without an answer.
        "reaction" | "sticker" | "order" => Err(format!("wants no answer: {kind}")),
        other => Err(format!("type not handled: {}", short(other))),
    }
}

fn text(message: &Message, led_here: Option<&str>) -> Result<EventKind, String> {
    let text = message.text.as_ref().and_then(|text| text.body.clone()).ok_or("a text without a body")?;
    Ok(EventKind::Text { text, referral: led_here.map(str::to_owned) })
}

/// A tap on a quick reply of a template is a `button`, one on a reply button or a row of a list is `interactive`: for us they are one. A
/// quick reply that was sent without a payload says what is written on it.
fn press(message: &Message) -> Result<EventKind, String> {
    let replied = message.interactive.as_ref().and_then(|it| it.button_reply.as_ref().or(it.list_reply.as_ref()));
    let pressed = message.button.as_ref();
    let payload = replied.and_then(|reply| some(&reply.id)).or_else(|| some(&pressed?.payload));
    match (payload, pressed.and_then(|pressed| some(&pressed.text))) {
        (Some(payload), _) => Ok(EventKind::Button { payload: payload.to_owned(), callback_id: None }),
        (None, Some(label)) => Ok(EventKind::Text { text: label.to_owned(), referral: None }),
        (None, None) => Err("a button without a payload".to_owned()),
    }
}

/// A card is the client's own only if it names the very number that the message came from; what else stands on it anybody can write.
fn card(contacts: &[Value], sender: &Sender) -> Result<EventKind, String> {
    let phones = contacts.iter().flat_map(|raw| read::<Card>(raw).phones.unwrap_or_default());
    let phones: Vec<Phone> = phones.map(|raw| read(&raw)).collect();
    let theirs = sender.phone.as_deref().and_then(number);
    let is_own = |phone: &Phone| theirs.is_some() && phone.wa_id.as_deref().and_then(number) == theirs;
    if phones.iter().any(is_own)
        && let Some(phone) = sender.phone.clone()
    {
        return Ok(EventKind::Contact { phone, own: true });
    }
    let phone = phones.iter().find_map(|phone| some(&phone.phone).or(some(&phone.wa_id)));
    Ok(EventKind::Contact { phone: phone.ok_or("a contact without a number")?.to_owned(), own: false })
}

fn file(media: MediaKind, file: &Option<Media>) -> EventKind {
    let file = file.as_ref();
    let caption = file.and_then(|file| file.caption.clone());
    EventKind::Media { media, reference: file.and_then(|file| file.id.clone()), caption, keeps_seconds: Some(MEDIA_KEPT) }
}

fn bare(media: MediaKind) -> EventKind {
    EventKind::Media { media, reference: None, caption: None, keeps_seconds: None }
}

/// Which message was changed, and what it is now.
fn changed(changed: &Option<Changed>) -> Result<(String, Option<Message>), String> {
    let changed = changed.as_ref();
    let of = changed.and_then(|changed| some(&changed.original_message_id)).ok_or("a change of no message")?;
    Ok((of.to_owned(), changed.and_then(|changed| changed.message.as_ref()).map(read)))
}

/// The text of a message, or under its file.
fn words(message: &Message) -> Option<String> {
    let text = message.text.as_ref().and_then(|text| text.body.clone());
    let files = [&message.image, &message.video, &message.document];
    text.or_else(|| files.into_iter().flatten().find_map(|file| file.caption.clone()))
}

/// A client changed the number, and with it the user id; or the user id alone. Each old id that is known moves to its new one: by which of
/// them we know the client, the adapter can't tell.
fn moves(message: &Message, system: &System, id: &str) -> Vec<ChannelEvent> {
    let known = matches!(some(&system.r#type), Some("user_changed_number" | "user_changed_user_id"));
    let numbers = message.from.as_deref().and_then(number).zip(system.wa_id.as_deref().and_then(number));
    let old_user_id = some(&system.previous_user_id).or(some(&message.from_user_id));
    let user_ids = old_user_id.zip(some(&system.user_id)).filter(|(old, new)| is_user_id(old) && is_user_id(new));
    let moved = [numbers, user_ids].into_iter().flatten().filter(|(old, new)| known && old != new).enumerate();
    let events: Vec<ChannelEvent> = moved
        .filter_map(|(index, (old, new))| {
            let id = if index == 0 { id.to_owned() } else { format!("{id}:user_id") };
            // The old number is theirs no longer.
            let sender = Sender { phone: None, ..person(Some(old), Some(old), &[])? };
            Some(ChannelEvent::of(id, Some(sender), EventKind::Moved { to: new.to_owned() }))
        })
        .collect();
    if events.is_empty() {
        let reason = format!("system message not handled: {}", short(system.r#type.as_deref().unwrap_or_default()));
        return vec![ChannelEvent::of(id, None, ignored(reason))];
    }
    events
}

/// Statuses come late, twice and in any order, and each of them once for every app that hears the account.
fn status(raw: &Value) -> ChannelEvent {
    let status: Status = read(raw);
    let at = moment(&status.timestamp);
    let (Some(id), Some(word)) = (some(&status.id), some(&status.status)) else {
        return ChannelEvent { at, ..ChannelEvent::of(named(&[raw]), None, ignored("a status of nothing")) };
    };
    let state = match word {
        "sent" => Some(Fate::Sent),
        "delivered" => Some(Fate::Delivered),
        "read" => Some(Fate::Read),
        "failed" => Some(failed(list(&status.errors))),
        _ => None,
    };
    let key = status.biz_opaque_callback_data.as_deref().and_then(|data| data.parse::<Uuid>().ok());
    let of = match key {
        Some(key) => MessageRef::Both { vendor: id.to_owned(), key },
        None => MessageRef::Vendor(id.to_owned()),
    };
    let kind =
        state.map_or_else(|| ignored(format!("status not handled: {}", short(word))), |state| EventKind::Status { of, state });
    ChannelEvent { at, ..ChannelEvent::of(format!("{id}:{word}"), None, kind) }
}

fn failed(errors: &[Value]) -> Fate {
    match errors.iter().find_map(|error| read::<Fault>(error).code()).map(error::meaning) {
        Some(failure) => Fate::Failed { class: failure.class.into(), code: failure.code.into_owned() },
        None => Fate::Failed { class: FailedClass::Permanent, code: "failed".to_owned() },
    }
}

/// An error of the number as such. It has no id and no time of its own: the same error in entries without a time is one event.
fn trouble(raw: &Value, time: &Value) -> ChannelEvent {
    let code = read::<Fault>(raw).code().map_or_else(|| "error".to_owned(), |code| error::meaning(code).code.into_owned());
    ChannelEvent::of(named(&[time, raw]), None, EventKind::Account { notice: AccountNotice::Alert { code } })
}

/// What somebody at the salon wrote in the phone app that shares the number.
fn echo(raw: &Value) -> ChannelEvent {
    let message: Message = read(raw);
    let id = some(&message.id).map_or_else(|| named(&[raw]), str::to_owned);
    let sender = person(message.to.as_deref(), message.to_user_id.as_deref(), &[]);
    let kind = match (&sender, some(&message.id), some(&message.r#type)) {
        (_, _, Some(kind @ ("edit" | "revoke" | "reaction"))) => ignored(format!("the salon's own {kind}")),
        (Some(_), Some(id), _) => {
            EventKind::Echo { vendor_message_id: id.to_owned(), text: words(&message), operator: Some(true) }
        }
        _ => ignored("an echo to nobody"),
    };
    ChannelEvent { at: moment(&message.timestamp), ..ChannelEvent::of(id, sender, kind) }
}

/// A client stopped advertising, or takes it again.
fn preference(raw: &Value, contacts: &[Person]) -> ChannelEvent {
    let preference: Preference = read(raw);
    let sender = person(preference.wa_id.as_deref(), preference.user_id.as_deref(), contacts);
    let kind = match (&sender, some(&preference.category), some(&preference.value)) {
        (Some(_), Some("marketing_messages"), Some("stop")) => EventKind::Consent { signal: ConsentSignal::Unsubscribed },
        (Some(_), Some("marketing_messages"), Some("resume")) => EventKind::Consent { signal: ConsentSignal::Resubscribed },
        _ => ignored("a preference not handled"),
    };
    ChannelEvent { at: moment(&preference.timestamp), ..ChannelEvent::of(named(&[raw]), sender, kind) }
}

/// What concerns the business account. Meta sends these to the app's one callback, so they may be another salon's.
fn notice(field: &str, value: &Value, entry: &Entry, account: &Account) -> EventKind {
    let places = NOTICES.iter().find(|(name, _)| *name == field).map(|(_, places)| *places);
    let is_template = field == "message_template_status_update";
    if places.is_none() && !is_template {
        return ignored(format!("field not handled: {}", short(field)));
    }
    if account.parent_id.as_deref().is_some_and(|own| entry.id.as_deref() != Some(own)) {
        return ignored("about another business account");
    }
    let update: TemplateUpdate = read(value);
    let status = update.event.as_deref().filter(|_| is_template).and_then(template_status);
    let notice = match (status, some(&update.message_template_name), some(&update.message_template_language)) {
        (Some(status), Some(name), Some(language)) => {
            AccountNotice::Template { name: name.to_owned(), language: language.to_owned(), status }
        }
        _ => {
            let word = places.unwrap_or(&["/event"]).iter().find_map(|place| value.pointer(place).and_then(word));
            AccountNotice::Alert { code: word.map_or_else(|| field.to_owned(), |word| format!("{field}:{word}")) }
        }
    };
    EventKind::Account { notice }
}

/// A word of the vendor's own, and nothing longer.
fn word(value: &Value) -> Option<String> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    ((1..=LONGEST_NAME).contains(&text.len()) && text.chars().all(plain)).then_some(text)
}

/// Templates: the states and the events that say whether one may be sent. Not among them are FLAGGED and LOCKED, which may still be sent,
/// UNARCHIVED, which says nothing of it, and LIMIT_EXCEEDED, which is about the account.
pub(super) fn template_status(word: &str) -> Option<TemplateStatus> {
    match word {
        "APPROVED" | "REINSTATED" => Some(TemplateStatus::Approved),
        "PENDING" | "IN_APPEAL" => Some(TemplateStatus::Pending),
        "REJECTED" => Some(TemplateStatus::Rejected),
        "PAUSED" | "ARCHIVED" => Some(TemplateStatus::Paused),
        "DISABLED" | "DELETED" | "PENDING_DELETION" => Some(TemplateStatus::Disabled),
        _ => None,
    }
}
