//! A proven webhook into the events that are stored for it. Pure.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use http::HeaderMap;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::doors::{Door, Lock};
use crate::{
    booking::CalendarHint,
    channel::{ChannelEvent, EventKind},
    crm::Hint,
    crypto::sha256,
    ids::InboundEventId,
    job::{Job, lane},
    store::inbound::{Fate, NewInbound},
};

/// PostgreSQL indexes values of up to 2,700 bytes; no vendor's id is near this.
const LONGEST_EVENT_ID: usize = 200;

/// An event on its way to its row.
struct Draft {
    vendor_event_id: String,
    kind: &'static str,
    event: Value,
    fate: Fate,
}

/// What a webhook holds, before it is known whose each part is.
pub(super) enum Content {
    /// A messenger's events.
    Said(Vec<ChannelEvent>),
    /// A calendar's hint.
    Hinted(CalendarHint),
    /// A CRM's hints.
    Changed(Vec<Hint>),
    /// Not what the vendor documents.
    Unreadable(String),
}

impl Content {
    /// Reads a proven webhook.
    pub(super) fn read(lock: &Lock, headers: &HeaderMap, body: &[u8]) -> Self {
        match lock {
            Lock::Channel(adapter, account) => {
                adapter.parse(body, account).map_or_else(|unparsable| Self::Unreadable(unparsable.0), Self::said)
            }
            Lock::Calendar(calendar, _) => {
                calendar.parse(body).map_or_else(|unparsable| Self::Unreadable(unparsable.0), Self::Hinted)
            }
            Lock::Crm(crm, secrets) => {
                crm.parse(headers, body, secrets).map_or_else(|unparsable| Self::Unreadable(unparsable.0), Self::changed)
            }
        }
    }

    fn said(events: Vec<ChannelEvent>) -> Self {
        if events.len() > MOST_UPDATES {
            return Self::Unreadable(format!("expected at most {MOST_UPDATES} events at once"));
        }
        Self::Said(events)
    }

    /// Each hint is a row and a job, so that no CRM's post may hold as many as it likes; and no record's id is as long as it likes.
    fn changed(mut hints: Vec<Hint>) -> Self {
        if hints.len() > MOST_HINTS {
            return Self::Unreadable(format!("expected at most {MOST_HINTS} events at once"));
        }
        for hint in &mut hints {
            hint.about.take_if(|(_, record)| record.len() > LONGEST_EVENT_ID);
        }
        Self::Changed(hints)
    }

    /// The accounts beside the door's own that it is addressed to. What can be no account's id is left out, and so is what goes beyond the
    /// largest batch there is: each of them is looked up.
    pub(super) fn others(&self, lock: &Lock) -> BTreeSet<&str> {
        let Self::Said(events) = self else { return BTreeSet::new() };
        let named = events.iter().filter_map(|event| event.account.as_deref()).filter(|account| !is_own(lock, account));
        let named: BTreeSet<&str> = named.filter(|account| is_an_id(account)).collect();
        named.into_iter().take(MOST_ACCOUNTS).collect()
    }

    /// Whether all of it is the door's own.
    fn is_all_own(&self, lock: &Lock) -> bool {
        match self {
            Self::Said(events) => events.iter().filter_map(|event| event.account.as_deref()).all(|account| is_own(lock, account)),
            Self::Hinted(_) | Self::Changed(_) | Self::Unreadable(_) => true,
        }
    }
}

/// More than any CRM posts at once; what is refused is found by the next reconciliation.
const MOST_HINTS: usize = 200;

/// Meta: up to 1,000 updates in a delivery.
const MOST_ACCOUNTS: usize = 1000;
/// Each of them perhaps an event, and another one for what is told beside it.
const MOST_UPDATES: usize = 2 * MOST_ACCOUNTS;

fn is_an_id(account: &str) -> bool {
    (1..=64).contains(&account.len()) && account.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn is_own(lock: &Lock, account: &str) -> bool {
    matches!(lock, Lock::Channel(_, own) if own.external_id == account)
}

/// The rows of a webhook. Always at least one: what can't be read is stored as refused, so that it can be looked at and the vendor does
/// not send it forever. `others` are the doors of further accounts that this very delivery proved itself to. The body lies with the
/// first event only, and nowhere if it holds anybody else's.
pub(super) fn events(
    door: &Door,
    others: &HashMap<String, Arc<Door>>,
    content: Content,
    body: Vec<u8>,
    trace: &str,
    mut fresh_id: impl FnMut() -> Uuid,
) -> Vec<NewInbound> {
    let shared = !content.is_all_own(&door.lock);
    let drafts = drafts(door, others, content, &body, &mut fresh_id);
    let mut raw = Some(body).filter(|_| !shared);
    let store = |(door, id, draft): (&Door, Uuid, Draft)| NewInbound {
        id: InboundEventId(id),
        tenant: door.tenant,
        source: door.source.as_str(),
        source_id: door.target,
        vendor_event_id: event_id(&draft.vendor_event_id),
        kind: draft.kind,
        event: draft.event,
        raw: raw.take().unwrap_or_default(),
        fate: draft.fate,
        trace: Some(trace.to_owned()),
    };
    drafts.into_iter().map(store).collect()
}

fn drafts<'a>(
    door: &'a Door,
    others: &'a HashMap<String, Arc<Door>>,
    content: Content,
    body: &[u8],
    fresh_id: &mut impl FnMut() -> Uuid,
) -> Vec<(&'a Door, Uuid, Draft)> {
    match content {
        Content::Said(events) if events.is_empty() => vec![(door, fresh_id(), empty(body))],
        Content::Changed(hints) if hints.is_empty() => vec![(door, fresh_id(), empty(body))],
        Content::Changed(hints) => {
            let drafts = hints.into_iter().map(|hint| {
                let id = fresh_id();
                (door, id, changed(door.target, id, &hint))
            });
            drafts.collect()
        }
        Content::Said(events) => {
            let addressed = events.into_iter().map(|event| {
                let id = fresh_id();
                match event.account.as_deref().filter(|account| !is_own(&door.lock, account)) {
                    None => (door, id, said(door.target, id, &event)),
                    Some(account) => match others.get(account) {
                        Some(other) => (other.as_ref(), id, said(other.target, id, &event)),
                        None => (door, id, strangers(&event)),
                    },
                }
            });
            addressed.collect()
        }
        Content::Hinted(hint) => {
            let id = fresh_id();
            vec![(door, id, hinted(door.target, id, &hint))]
        }
        Content::Unreadable(why) => vec![(door, fresh_id(), unnamed(body, "malformed", Fate::Refused(storable(&why))))],
    }
}

fn said(account: Uuid, id: Uuid, event: &ChannelEvent) -> Draft {
    let inbound_event = InboundEventId(id);
    let chat = || event.sender.as_ref().map(|sender| sender.chat_id.as_str());
    let fate = match &event.kind {
        EventKind::Ignored { reason } => Fate::Ignored(storable(reason)),
        kind if kind.is_for_the_dialogue() => {
            Fate::Work(Job::HandleInbound { inbound_event }, chat().map(|chat| lane("chat", account, chat)))
        }
        // Reports of one message go one at a time, and hold up no chat.
        EventKind::Status { of, .. } => Fate::Work(Job::NoteEvent { inbound_event }, Some(lane("status", account, of.vendor()))),
        _ => Fate::Work(Job::NoteEvent { inbound_event }, chat().map(|chat| lane("note", account, chat))),
    };
    Draft { vendor_event_id: event.vendor_event_id.clone(), kind: event.kind.name(), event: stored_json(event), fate }
}

/// An event of an account that is not here, or that this delivery does not prove itself to. Whose it is we can't know, so nothing of it is
/// kept.
fn strangers(event: &ChannelEvent) -> Draft {
    let fate = Fate::Ignored("addressed to an account that is not here".to_owned());
    Draft { vendor_event_id: event.vendor_event_id.clone(), kind: event.kind.name(), event: json!({}), fate }
}

fn hinted(connection: Uuid, id: Uuid, hint: &CalendarHint) -> Draft {
    let fate = match &hint.uid {
        Some(uid) => {
            let job = Job::ReadCalendarHint { inbound_event: InboundEventId(id) };
            Fate::Work(job, Some(lane("hint", connection, uid)))
        }
        None => Fate::Ignored("about no booking".to_owned()),
    };
    Draft { vendor_event_id: hint.vendor_event_id.clone(), kind: "hint", event: stored_json(hint), fate }
}

/// Hints about one record are read one at a time.
fn changed(connection: Uuid, id: Uuid, hint: &Hint) -> Draft {
    let fate = match &hint.about {
        Some((entity, record)) => {
            let job = Job::ReadCrmHint { inbound_event: InboundEventId(id) };
            Fate::Work(job, Some(lane("crm-hint", connection, &format!("{}/{record}", entity.as_str()))))
        }
        None => Fate::Ignored("about nothing of ours".to_owned()),
    };
    Draft { vendor_event_id: hint.vendor_event_id.clone(), kind: "crm_hint", event: stored_json(hint), fate }
}

fn empty(body: &[u8]) -> Draft {
    unnamed(body, "empty", Fate::Ignored("holds no event".to_owned()))
}

/// A body without an id of the vendor's: the same bytes are the same event.
fn unnamed(body: &[u8], kind: &'static str, fate: Fate) -> Draft {
    Draft { vendor_event_id: digest(body), kind, event: json!({}), fate }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(sha256(bytes)))
}

fn event_id(id: &str) -> String {
    if id.len() > LONGEST_EVENT_ID { digest(id.as_bytes()) } else { storable(id) }
}

/// PostgreSQL holds U+0000 neither in text nor in jsonb; the raw bytes keep it.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn stored_json(event: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_else(|_| json!({}));
    clean(&mut value);
    value
}

/// The keys are ours; only values can hold what a stranger wrote.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) if text.contains('\0') => *text = storable(text),
        Value::Array(items) => items.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        _ => {}
    }
}

/// True when the vendor sent what it does not document.
pub(super) fn is_refused(events: &[NewInbound]) -> bool {
    events.iter().any(|event| matches!(event.fate, Fate::Refused(_)))
}

#[cfg(test)]
#[path = "intake_tests.rs"]
mod tests;
