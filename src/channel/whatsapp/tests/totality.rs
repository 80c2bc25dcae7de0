//! One delivery holds the messages of many people and many salons: whatever is wrong with one part of it, no other part suffers.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{BATCH, FIXTURES, somewhere};
use crate::channel::{ChannelAdapter, ChannelEvent, EventKind, whatsapp::WhatsApp};

/// Deliveries with the places that are tried in each: the batch by itself, and every fixture in front of a batch.
fn deliveries() -> Vec<(Value, Vec<String>)> {
    let batch: Value = serde_json::from_str(BATCH).unwrap();
    let in_front = FIXTURES.iter().map(|(_, fixture)| {
        let mut both: Value = serde_json::from_str(fixture).unwrap();
        let entries = both["entry"].as_array_mut().unwrap();
        entries.extend(batch["entry"].as_array().unwrap().clone());
        let own = places(&both["entry"][0], "/entry/0".to_owned());
        (both, own)
    });
    let all = places(&batch, String::new());
    std::iter::once((batch.clone(), all)).chain(in_front).collect()
}

fn parse(delivery: &Value) -> Option<Vec<ChannelEvent>> {
    WhatsApp.parse(delivery.to_string().as_bytes(), &somewhere()).ok()
}

const ITEMS: &[&str] = &["messages", "statuses", "errors", "message_echoes", "user_preferences"];

/// Where each event comes from: a part of the delivery, and what else of it has a say in it.
struct Origin {
    part: String,
    /// The entry of `contacts` that is the sender's.
    contact: Option<String>,
    change: String,
    entry: String,
}

impl Origin {
    /// Whether what stands at `place` may change the event: it is in the part itself, or holds it, or is shared by all parts of its
    /// change or entry.
    fn is_touched_by(&self, place: &str) -> bool {
        let within = |place: &str, part: &str| place == part || place.starts_with(&format!("{part}/"));
        if within(place, &self.part) || within(&self.part, place) {
            return true;
        }
        let of_change = place.strip_prefix(&format!("{}/", self.change));
        let of_entry = place.strip_prefix(&format!("{}/", self.entry));
        match (of_change, of_entry) {
            // Another part of the same change is nothing to it, nor is another person; its number and its field are.
            (Some(inside), _) if inside.starts_with("value/contacts/") => {
                self.contact.as_ref().is_some_and(|contact| within(place, contact))
            }
            (Some(inside), _) => !ITEMS.iter().any(|items| inside.starts_with(&format!("value/{items}/"))),
            (None, Some(inside)) => !inside.starts_with("changes/"),
            (None, None) => false,
        }
    }
}

/// The origins in the order of the events.
fn origins(delivery: &Value) -> Vec<Origin> {
    let mut origins = Vec::new();
    for (e, entry) in delivery["entry"].as_array().unwrap().iter().enumerate() {
        for (c, change) in entry["changes"].as_array().unwrap().iter().enumerate() {
            let (entry, at) = (format!("/entry/{e}"), format!("/entry/{e}/changes/{c}"));
            let value = &change["value"];
            let contact = |part: &Value| {
                let is_theirs = |contact: &&Value| {
                    let same = |name: &str, of: &str| !part[of].is_null() && contact[name] == part[of];
                    same("wa_id", "from") || same("user_id", "from_user_id") || same("wa_id", "wa_id")
                };
                let index = value["contacts"].as_array()?.iter().position(|contact| is_theirs(&contact))?;
                Some(format!("{at}/value/contacts/{index}"))
            };
            let origin = |part: String| {
                let contact = contact(delivery.pointer(&part).unwrap());
                Origin { part, contact, change: at.clone(), entry: entry.clone() }
            };
            let items = ITEMS.iter().flat_map(|items| {
                let count = value[items].as_array().map_or(0, Vec::len);
                (0..count).map(move |index| format!("value/{items}/{index}"))
            });
            let parts: Vec<Origin> = items.map(|item| origin(format!("{at}/{item}"))).collect();
            if parts.is_empty() { origins.push(origin(at.clone())) } else { origins.extend(parts) }
        }
    }
    origins
}

fn places(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below: Vec<String> = inner.into_iter().flat_map(|(key, value)| places(value, format!("{at}/{key}"))).collect();
    std::iter::once(at).chain(below).collect()
}

fn junk() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"id": {}}),
    ]
}

#[test]
fn any_value_at_any_place_leaves_every_other_event_of_the_batch_whole() {
    for (whole, places) in deliveries() {
        let (events, origins) = (parse(&whole).unwrap(), origins(&whole));
        assert_eq!(events.len(), origins.len());
        for place in places {
            let others = events.iter().zip(&origins).filter(|(_, origin)| !origin.is_touched_by(&place));
            let others: Vec<&ChannelEvent> = others.map(|(event, _)| event).collect();
            for value in junk() {
                let mut damaged = whole.clone();
                *damaged.pointer_mut(&place).unwrap() = value.clone();
                let Some(left) = parse(&damaged) else {
                    assert!(["", "/object", "/entry"].contains(&place.as_str()), "{place} = {value}");
                    continue;
                };
                for event in &others {
                    assert!(left.contains(event), "{place} = {value} lost {event:?}");
                }
                // Nothing goes without a trace, not even the part that was damaged; of an empty list nothing is left to tell.
                assert!(left.len() > others.len() || others.len() == events.len() || place == "/entry", "{place} = {value}");
            }
        }
    }
}

/// A damaged message keeps its id unless the id itself is what is damaged, so that its repetition is still the same event.
#[test]
fn a_damaged_part_keeps_its_id() {
    for (name, fixture) in FIXTURES {
        let whole: Value = serde_json::from_str(fixture).unwrap();
        let id =
            |value: &Value| value.pointer("/entry/0/changes/0/value/messages/0/id").and_then(Value::as_str).map(str::to_owned);
        let Some(wamid) = id(&whole) else { continue };
        for place in
            places(&whole, String::new()).iter().filter(|place| place.starts_with("/entry/0/changes/0/value/messages/0/"))
        {
            for value in junk() {
                let mut damaged = whole.clone();
                *damaged.pointer_mut(place).unwrap() = value;
                let event = &parse(&damaged).unwrap()[0];
                assert_eq!(event.vendor_event_id == wamid, id(&damaged) == Some(wamid.clone()), "{name}: {place}");
            }
        }
    }
}

/// A value that JSON allows and the vendor never writes.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("messages")),
        Just(json!("text")),
        Just(json!("system")),
    ];
    let names = prop_oneof![
        Just("entry"),
        Just("changes"),
        Just("field"),
        Just("value"),
        Just("metadata"),
        Just("phone_number_id"),
        Just("contacts"),
        Just("messages"),
        Just("statuses"),
        Just("errors"),
        Just("id"),
        Just("from"),
        Just("type"),
        Just("text"),
        Just("body"),
        Just("system"),
        Just("wa_id"),
        Just("context"),
        Just("timestamp"),
        Just("code"),
        Just("message_echoes"),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever stands in an entry, it is events, each for one account, and the same ones the next time.
    #[test]
    fn any_entry_is_events(entries in proptest::collection::vec(any_json(), 1..4)) {
        let delivery = json!({"object": "whatsapp_business_account", "entry": entries});
        let events = parse(&delivery).unwrap();
        prop_assert!(events.len() >= entries.len());
        prop_assert_eq!(&events, &parse(&delivery).unwrap());
        for event in &events {
            prop_assert!(!event.vendor_event_id.is_empty());
            let is_somebodys = event.sender.is_some() || matches!(event.kind, EventKind::Status { .. });
            prop_assert!(event.account.is_some() || !is_somebodys, "{:?}", event);
        }
    }

    /// In whatever order a batch's parts come, they are the same events.
    #[test]
    fn the_order_of_a_batch_changes_no_event(order in Just((0..3_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let whole: Value = serde_json::from_str(BATCH).unwrap();
        let mut shuffled = whole.clone();
        for items in ["messages", "statuses"] {
            let at = usize::from(items == "statuses");
            let place = format!("/entry/0/changes/{at}/value/{items}");
            let given = whole.pointer(&place).and_then(Value::as_array).unwrap();
            *shuffled.pointer_mut(&place).unwrap() = order.iter().map(|index| given[*index].clone()).collect();
        }
        let by_id = |delivery: &Value| {
            let mut events = parse(delivery).unwrap();
            events.sort_by(|a, b| a.vendor_event_id.cmp(&b.vendor_event_id));
            events
        };
        prop_assert_eq!(by_id(&whole), by_id(&shuffled));
    }
}
