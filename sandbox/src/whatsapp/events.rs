//! What the stand-in tells webhooks, in the vendor's shapes.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    answer::in_webhook,
    state::{Number, Outgoing, Person, Waba},
};
use crate::meta::bundle::Event;

/// A number and a person between whom something happened.
pub(super) struct Pair<'a> {
    pub(super) waba: &'a Waba,
    pub(super) number: &'a Number,
    pub(super) person: &'a Person,
    /// Webhooks carry business-scoped user ids.
    pub(super) user_ids: bool,
}

impl Pair<'_> {
    /// An entry of `contacts`; `seen` is whether the business wrote to the number, so that it may see it.
    fn contact(&self, seen: bool) -> Value {
        let mut profile = json!({"name": self.person.name});
        if let Some(username) = &self.person.username {
            profile["username"] = json!(username);
        }
        let mut contact = Map::from_iter([("profile".to_owned(), profile)]);
        if seen || !self.person.hides_number {
            contact.insert("wa_id".to_owned(), json!(self.person.wa_id));
        }
        if self.user_ids {
            contact.insert("user_id".to_owned(), json!(self.user_id()));
        }
        Value::Object(contact)
    }

    fn user_id(&self) -> String {
        self.person.user_id(&self.waba.portfolio)
    }

    fn value(&self) -> Value {
        json!({"messaging_product": "whatsapp", "metadata": self.number.metadata()})
    }

    fn event(&self, id: String, value: Value) -> Event {
        Event::change(&self.waba.id, &self.number.id, "messages", id, value)
    }

    /// A message of the person: `content` has its `type` and what belongs to it.
    pub(super) fn message(&self, id: &str, at: DateTime<Utc>, content: Value) -> Event {
        let mut message = json!({"id": id, "timestamp": at.timestamp().to_string()});
        if !self.person.hides_number {
            message["from"] = json!(self.person.wa_id);
        }
        if self.user_ids || self.person.hides_number {
            message["from_user_id"] = json!(self.user_id());
        }
        if let (Some(message), Value::Object(content)) = (message.as_object_mut(), content) {
            message.extend(content);
        }
        let mut value = self.value();
        value["contacts"] = json!([self.contact(false)]);
        value["messages"] = json!([message]);
        self.event(id.to_owned(), value)
    }

    /// System messages webhook: the person's number is another one now. There are no `contacts`.
    pub(super) fn number_changed(&self, id: &str, at: DateTime<Utc>, new: &Person) -> Event {
        let body = format!("User {} changed from {} to {}", self.person.name, self.person.wa_id, new.wa_id);
        let mut system = json!({"type": "user_changed_number", "wa_id": new.wa_id, "body": body});
        let mut message = json!({"from": self.person.wa_id, "id": id, "timestamp": at.timestamp().to_string(), "type": "system"});
        if self.user_ids {
            system["user_id"] = json!(new.user_id(&self.waba.portfolio));
            message["from_user_id"] = json!(self.user_id());
        }
        message["system"] = system;
        let mut value = self.value();
        value["messages"] = json!([message]);
        self.event(id.to_owned(), value)
    }

    /// A status of a message that was sent to the person.
    pub(super) fn status(&self, id: &str, status: &str, at: DateTime<Utc>, sent: &Outgoing, code: Option<i64>) -> Event {
        let visible = sent.by_number || !self.person.hides_number;
        let mut item = bare_status(id, status, at, sent, code);
        if visible {
            item["recipient_id"] = json!(self.person.wa_id);
        }
        if self.user_ids || !visible {
            item["recipient_user_id"] = json!(self.user_id());
        }
        let mut value = self.value();
        if self.user_ids {
            value["contacts"] = json!([self.contact(sent.by_number)]);
        }
        value["statuses"] = json!([item]);
        self.event(format!("{id}:{status}"), value)
    }

    /// What somebody at the salon wrote to the person in the phone app.
    pub(super) fn echo(&self, id: &str, at: DateTime<Utc>, text: &str) -> Event {
        let mut value = self.value();
        let mut message = json!({
            "from": value["metadata"]["display_phone_number"], "id": id, "timestamp": at.timestamp().to_string(),
            "type": "text", "text": {"body": text},
        });
        if !self.person.hides_number {
            message["to"] = json!(self.person.wa_id);
        }
        if self.user_ids {
            message["to_user_id"] = json!(self.user_id());
            value["contacts"] = json!([self.contact(false)]);
        }
        value["message_echoes"] = json!([message]);
        Event::change(&self.waba.id, &self.number.id, "smb_message_echoes", id.to_owned(), value)
    }

    /// User preferences webhook: the person stopped or resumed marketing messages.
    pub(super) fn marketing(&self, stop: bool, at: DateTime<Utc>) -> Event {
        let (word, detail) = if stop {
            ("stop", "User requested to stop marketing messages")
        } else {
            ("resume", "User requested to resume marketing messages")
        };
        let mut value = self.value();
        value["contacts"] = json!([self.contact(false)]);
        let mut preference =
            json!({"detail": detail, "category": "marketing_messages", "value": word, "timestamp": at.timestamp()});
        if !self.person.hides_number {
            preference["wa_id"] = json!(self.person.wa_id);
        }
        if self.user_ids {
            preference["user_id"] = json!(self.user_id());
        }
        value["user_preferences"] = json!([preference]);
        let id = format!("{}:marketing_{word}:{}", self.person.wa_id, at.timestamp_millis());
        Event::change(&self.waba.id, &self.number.id, "user_preferences", id, value)
    }
}

fn bare_status(id: &str, status: &str, at: DateTime<Utc>, sent: &Outgoing, code: Option<i64>) -> Value {
    let mut item = json!({"id": id, "status": status, "timestamp": at.timestamp().to_string()});
    if let Some(data) = &sent.callback_data {
        item["biz_opaque_callback_data"] = json!(data);
    }
    if let Some(code) = code {
        item["errors"] = json!([in_webhook(code)]);
    } else if !sent.pricing.is_null() {
        item["pricing"] = sent.pricing.clone();
    }
    item
}

/// A failed status of a message to a number behind which there is nobody.
pub(super) fn undeliverable(waba: &Waba, number: &Number, id: &str, to: &str, at: DateTime<Utc>, sent: &Outgoing) -> Event {
    let mut item = bare_status(id, "failed", at, sent, Some(131_026));
    item["recipient_id"] = json!(to);
    let value = json!({
        "messaging_product": "whatsapp", "metadata": number.metadata(), "contacts": [{"wa_id": to}], "statuses": [item],
    });
    Event::change(&waba.id, &number.id, "messages", format!("{id}:failed"), value)
}

/// Errors webhook: something is wrong with a number, and not with any message of a client's.
pub(super) fn number_error(waba: &Waba, number: &Number, code: i64, at: DateTime<Utc>) -> Event {
    let value = json!({"messaging_product": "whatsapp", "metadata": number.metadata(), "errors": [in_webhook(code)]});
    let id = format!("error:{code}:{}", at.timestamp_millis());
    Event::change(&waba.id, &number.id, "messages", id, value)
}
