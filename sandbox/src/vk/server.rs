//! Callback servers of a community, and the events on their way to them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::rules;

/// How far a callback server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// It was asked for the confirmation code.
    Wait,
    /// It gave another answer.
    Failed,
    /// It gets events.
    Ok,
}

/// A callback server of a community.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) title: String,
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) status: Status,
    /// Minor number of the API version its events have; the major is 5.
    pub(super) version: u32,
    pub(super) flags: BTreeSet<String>,
}

/// An event on its way.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: &'static str,
    pub(super) object: Value,
    /// Posted twice each time, as told by a fault.
    pub(super) twice: bool,
}

/// Events about one person reach one server in order, as long as it takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    pub(super) server: i64,
    pub(super) peer: i64,
}

impl Server {
    /// The envelope of an event for this server. Since 5.103 a new message comes with what the client can do; before, alone.
    pub(super) fn envelope(&self, group: i64, event: &Event) -> Value {
        let object = match (event.kind, event.object.get("message")) {
            ("message_new", Some(message)) if self.version < 103 => message,
            _ => &event.object,
        };
        let mut envelope = json!({"type": event.kind, "event_id": event.id, "v": self.version(), "group_id": group});
        if event.kind != "confirmation" {
            envelope["object"] = object.clone();
        }
        if !self.secret.is_empty() {
            envelope["secret"] = json!(self.secret);
        }
        envelope
    }

    pub(super) fn version(&self) -> String {
        format!("5.{}", self.version)
    }

    pub(super) fn set_version(&mut self, text: &str) -> bool {
        let version = rules::event_version(text);
        self.version = version.unwrap_or(self.version);
        version.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_server_shapes_its_events() {
        let object = json!({"message": {"text": "hi"}, "client_info": {}});
        let event = Event { id: "e".into(), kind: "message_new", object, twice: false };
        let mut server = Server {
            title: "salon".into(),
            url: "http://127.0.0.1:1/".into(),
            secret: "s".into(),
            status: Status::Ok,
            version: 199,
            flags: BTreeSet::new(),
        };
        assert_eq!(server.envelope(7, &event)["object"]["message"]["text"], "hi");
        assert!(server.set_version("5.81") && !server.set_version("5.7"));
        let old = server.envelope(7, &event);
        assert_eq!((&old["object"]["text"], &old["v"], &old["secret"]), (&json!("hi"), &json!("5.81"), &json!("s")));
    }
}
