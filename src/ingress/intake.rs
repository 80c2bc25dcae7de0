//! A proven webhook into the events that are stored for it. Pure.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::doors::{Door, Lock};
use crate::{
    booking::CalendarHint,
    channel::{ChannelEvent, EventKind},
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

/// Takes a webhook apart. Always at least one event: what can't be read is stored as refused, so that it can be looked at and the
/// vendor does not send it forever. The body lies with the first event only.
pub(super) fn events(door: &Door, body: Vec<u8>, trace: &str, mut fresh_id: impl FnMut() -> Uuid) -> Vec<NewInbound> {
    let drafts = drafts(door, &body, &mut fresh_id);
    let mut raw = Some(body);
    let store = |(id, draft): (Uuid, Draft)| NewInbound {
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

fn drafts(door: &Door, body: &[u8], fresh_id: &mut impl FnMut() -> Uuid) -> Vec<(Uuid, Draft)> {
    let read = match &door.lock {
        Lock::Channel(adapter, _) => adapter.parse(body).map(|events| {
            events
                .into_iter()
                .map(|event| (fresh_id(), event))
                .map(|(id, event)| (id, said(door.target, id, &event)))
                .collect::<Vec<_>>()
        }),
        Lock::Calendar(calendar, _) => calendar.parse(body).map(|hint| {
            let id = fresh_id();
            vec![(id, hinted(door.target, id, &hint))]
        }),
    };
    match read {
        Ok(drafts) if drafts.is_empty() => {
            vec![(fresh_id(), unnamed(body, "empty", Fate::Ignored("holds no event".to_owned())))]
        }
        Ok(drafts) => drafts,
        Err(unparsable) => vec![(fresh_id(), unnamed(body, "malformed", Fate::Refused(storable(&unparsable.0))))],
    }
}

fn said(account: Uuid, id: Uuid, event: &ChannelEvent) -> Draft {
    let fate = match &event.kind {
        EventKind::Ignored { reason } => Fate::Ignored(storable(reason)),
        _ => {
            let lane = event.sender.as_ref().map(|sender| lane("chat", account, &sender.chat_id));
            Fate::Work(Job::HandleInbound { inbound_event: InboundEventId(id) }, lane)
        }
    };
    Draft { vendor_event_id: event.vendor_event_id.clone(), kind: event.kind.name(), event: stored_json(event), fate }
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
