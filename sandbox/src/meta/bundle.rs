//! Putting events together into the body of one webhook.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::Object;

/// What an event adds to its account's entry.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    /// To `changes`.
    Change(Value),
    /// To `messaging`.
    Messaging(Value),
    /// An entry of its own, with `field` and `value` in it: comments come so under Instagram Login.
    Flat {
        /// `field`.
        field: String,
        /// `value`.
        value: Value,
    },
}

/// One event on its way to a webhook.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// What a test finds it by again.
    pub(crate) id: String,
    /// `id` of the entry: the WhatsApp Business account or the Instagram account.
    pub(crate) account: String,
    /// Whose settling it delays: the phone number or the Instagram account.
    pub(crate) owner: String,
    /// The webhook field it belongs to.
    pub(crate) field: String,
    pub(crate) piece: Piece,
    /// Post it twice.
    pub(crate) twice: bool,
}

impl Event {
    /// A piece of `changes` under the event's field.
    pub(crate) fn change(account: &str, owner: &str, field: &str, id: String, value: Value) -> Self {
        let piece = Piece::Change(json!({"field": field, "value": value}));
        Self { id, account: account.to_owned(), owner: owner.to_owned(), field: field.to_owned(), piece, twice: false }
    }
}

/// One entry for each account, in the order in which the accounts come first; what can share a `change` does.
pub(super) fn body(object: Object, events: &[Event], now: DateTime<Utc>) -> Value {
    let mut entries: Vec<Map<String, Value>> = Vec::new();
    for event in events {
        if let Piece::Flat { field, value } = &event.piece {
            let mut entry = new_entry(object, event, now);
            entry.extend([("field".to_owned(), json!(field)), ("value".to_owned(), value.clone())]);
            entries.push(entry);
            continue;
        }
        let open = |entry: &Map<String, Value>| entry["id"] == event.account.as_str() && !entry.contains_key("field");
        let at = entries.iter().position(open);
        let at = at.unwrap_or_else(|| {
            entries.push(new_entry(object, event, now));
            entries.len() - 1
        });
        let (list, piece) = match &event.piece {
            Piece::Change(change) => ("changes", change),
            Piece::Messaging(messaging) => ("messaging", messaging),
            Piece::Flat { .. } => continue,
        };
        let list = entries[at].entry(list).or_insert_with(|| json!([]));
        let Some(list) = list.as_array_mut() else { continue };
        if !list.last_mut().is_some_and(|last| merge(last, piece)) {
            list.push(piece.clone());
        }
    }
    json!({"object": object.name(), "entry": entries})
}

/// Instagram's entries carry the time in milliseconds; WhatsApp's only where they are not about messages, in seconds.
fn new_entry(object: Object, event: &Event, now: DateTime<Utc>) -> Map<String, Value> {
    let mut entry = Map::from_iter([("id".to_owned(), json!(event.account))]);
    match object {
        Object::Instagram => _ = entry.insert("time".to_owned(), json!(now.timestamp_millis())),
        Object::WhatsApp if event.field != "messages" => _ = entry.insert("time".to_owned(), json!(now.timestamp())),
        Object::WhatsApp => {}
    }
    entry
}

/// Adds a change's messages or statuses to those of the same number before it, with the contacts that are new.
fn merge(last: &mut Value, next: &Value) -> bool {
    let same = |name: &str| last["value"].get(name).is_some() && last["value"].get(name) == next["value"].get(name);
    let list = |of: &Value| ["messages", "statuses"].into_iter().find(|name| of["value"].get(name).is_some());
    // A message about the person's number has no contacts, and an edit's stand for themselves: only like goes with like.
    let contacts = |of: &Value| of["value"].get("contacts").is_some();
    let Some(name) = list(last) else { return false };
    if list(next) != Some(name) || !same("metadata") || contacts(last) != contacts(next) {
        return false;
    }
    let known = last["value"]["contacts"].as_array().cloned().unwrap_or_default();
    let new = next["value"]["contacts"].as_array().into_iter().flatten().filter(|contact| !known.contains(contact));
    if let Some(contacts) = last["value"]["contacts"].as_array_mut() {
        contacts.extend(new.cloned());
    }
    if let Some(items) = last["value"][name].as_array_mut() {
        items.extend(next["value"][name].as_array().into_iter().flatten().cloned());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(account: &str, number: &str, person: &str, id: &str) -> Event {
        let value = json!({"metadata": {"phone_number_id": number}, "contacts": [{"wa_id": person}], "messages": [{"id": id}]});
        Event::change(account, number, "messages", id.to_owned(), value)
    }

    #[test]
    fn accounts_have_their_entries_and_numbers_their_changes() {
        let status = json!({"metadata": {"phone_number_id": "n1"}, "statuses": [{"id": "s"}]});
        let events = [
            message("a", "n1", "p", "1"),
            message("b", "n3", "p", "2"),
            message("a", "n1", "q", "3"),
            message("a", "n1", "p", "4"),
            message("a", "n2", "p", "5"),
            Event::change("a", "n1", "messages", "s:sent".to_owned(), status),
        ];
        let body = body(Object::WhatsApp, &events, DateTime::UNIX_EPOCH);
        let change = |at: usize| &body["entry"][0]["changes"][at]["value"];
        assert_eq!(
            (&body["entry"][0]["id"], &body["entry"][1]["id"], body["entry"].as_array().unwrap().len()),
            (&json!("a"), &json!("b"), 2)
        );
        assert_eq!(change(0)["messages"], json!([{"id": "1"}, {"id": "3"}, {"id": "4"}]));
        assert_eq!(change(0)["contacts"], json!([{"wa_id": "p"}, {"wa_id": "q"}]));
        assert_eq!((&change(1)["messages"], &change(2)["statuses"]), (&json!([{"id": "5"}]), &json!([{"id": "s"}])));
    }

    #[test]
    fn instagrams_entries_tell_the_time() {
        let piece = Piece::Messaging(json!({"message": {"mid": "m"}}));
        let event =
            Event { id: "m".into(), account: "ig".into(), owner: "ig".into(), field: "messages".into(), piece, twice: false };
        let body = body(Object::Instagram, &[event.clone(), event], DateTime::UNIX_EPOCH);
        assert_eq!((&body["object"], &body["entry"][0]["time"]), (&json!("instagram"), &json!(0)));
        assert_eq!(body["entry"][0]["messaging"].as_array().unwrap().len(), 2);
    }
}
