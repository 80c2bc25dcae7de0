//! What may be kept of a vendor's answer for the operator who has to find out why a job was given up: status, field names, error codes and
//! known words. Answers repeat what was sent, so everything else is a person's data or a secret until shown otherwise, and is dropped.

mod words;

use std::fmt;

use serde_json::{Map, Value};

use super::Reply;

/// The longest quote, in characters.
const LONGEST: usize = 300;
/// Larger bodies are not read: no vendor's error is this long, and an answer is quoted while a worker waits.
const READABLE: usize = 64 * 1024;
/// How deep an answer is looked into.
const DEPTH: usize = 8;
/// How many elements of a list are shown: the rest says the same.
const ELEMENTS: usize = 3;
/// How many entries of an object are looked at.
const ENTRIES: usize = 40;

/// Stands for what was dropped.
const DROPPED: &str = "…";

/// Where EspoCRM puts the reason of a refusal (EspoCRM note, 2.5).
const REASON: &str = "x-status-reason";

/// The keys whose values may be shown, and as what.
const SHOWN: &[(&str, Kind)] = &[
    ("error", Kind::Code),
    ("code", Kind::Code),
    ("status", Kind::Code),
    ("type", Kind::Code),
    ("label", Kind::Code),
    ("reason", Kind::Code),
    ("category", Kind::Code),
    ("scope", Kind::Code),
    ("field", Kind::Field),
    ("message", Kind::Text),
    ("error_description", Kind::Text),
];

/// What a value is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A code, or a sentence where a code was due (Bitrix24 note, 3.3).
    Code,
    /// The name of a field.
    Field,
    /// A sentence.
    Text,
    /// Anything: not shown.
    Other,
}

/// An excerpt of a vendor's answer: at most 300 characters, without a person's data and without secrets, so it may be stored, shown and
/// logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Quote(Box<str>);

impl Quote {
    /// The excerpt of this answer. Never fails, and its work is bounded whatever the answer holds.
    pub fn of(reply: &Reply) -> Self {
        let mut excerpt = Excerpt::default();
        excerpt.put(&reply.status.to_string());
        if let Some(reason) = reply.headers.get(REASON).and_then(|reason| reason.to_str().ok()) {
            excerpt.put(" (");
            excerpt.put(&words::text(reason));
            excerpt.put(")");
        }
        match Body::of(&reply.body) {
            Body::Json(value) => {
                excerpt.put(" ");
                excerpt.value(&value, Kind::Other, DEPTH);
            }
            Body::Unread(what) => excerpt.put(what),
        }
        Self(excerpt.text.into())
    }

    /// The excerpt of one command's error in an answer to several.
    pub fn of_part(status: u16, part: &Value) -> Self {
        let mut excerpt = Excerpt::default();
        excerpt.put(&status.to_string());
        excerpt.put(" ");
        // A command's error may stand there without a key of its own.
        excerpt.value(part, Kind::Code, DEPTH);
        Self(excerpt.text.into())
    }

    /// The excerpt as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

enum Body {
    Json(Value),
    /// Why there is nothing to quote, with a blank before it.
    Unread(&'static str),
}

impl Body {
    fn of(bytes: &[u8]) -> Self {
        if bytes.len() > READABLE {
            return Self::Unread(" too long to quote");
        }
        let bytes = bytes.trim_ascii();
        match bytes.first() {
            None => Self::Unread(" no body"),
            Some(b'<') => Self::Unread(" HTML"),
            Some(_) => serde_json::from_slice(bytes).map_or(Self::Unread(" not JSON"), Self::Json),
        }
    }
}

/// The excerpt as it grows. Nothing follows once it is full.
#[derive(Default)]
struct Excerpt {
    text: String,
    length: usize,
    full: bool,
}

impl Excerpt {
    fn put(&mut self, piece: &str) {
        if self.full {
            return;
        }
        let length = piece.chars().count();
        // One character is kept for the mark that says it is cut.
        if self.length + length < LONGEST {
            self.text.push_str(piece);
            self.length += length;
        } else {
            self.text.push_str(DROPPED);
            self.full = true;
        }
    }

    fn value(&mut self, value: &Value, kind: Kind, depth: usize) {
        match value {
            _ if depth == 0 || self.full => self.put(DROPPED),
            Value::Object(entries) => self.object(entries, depth),
            Value::Array(elements) => self.list(elements, kind, depth),
            scalar => self.put(&shown(scalar, kind).unwrap_or_else(|| DROPPED.to_owned())),
        }
    }

    /// What may be shown comes first: an answer's other fields must not push it out.
    fn object(&mut self, entries: &Map<String, Value>, depth: usize) {
        let mut entries: Vec<_> = entries.iter().take(ENTRIES).map(|(key, value)| (key, value, kind_of(key))).collect();
        entries.sort_by_key(|(_, value, kind)| (*kind == Kind::Other, !value.is_object() && !value.is_array()));
        self.put("{");
        for (n, (key, value, kind)) in entries.into_iter().enumerate() {
            if n > 0 {
                self.put(", ");
            }
            self.put(words::field(key).unwrap_or(DROPPED));
            if kind != Kind::Other || value.is_object() || value.is_array() {
                self.put(": ");
                self.value(value, kind, depth - 1);
            }
        }
        self.put("}");
    }

    fn list(&mut self, elements: &[Value], kind: Kind, depth: usize) {
        self.put("[");
        for (n, element) in elements.iter().take(ELEMENTS).enumerate() {
            if n > 0 {
                self.put(", ");
            }
            // Short numbers in a row may be the groups of a longer one.
            let number = element.is_number() || element.as_str().is_some_and(words::is_number);
            self.value(element, if number { Kind::Other } else { kind }, depth - 1);
        }
        if elements.len() > ELEMENTS {
            self.put(", …");
        }
        self.put("]");
    }
}

fn kind_of(key: &str) -> Kind {
    SHOWN.iter().find(|(shown, _)| *shown == key).map_or(Kind::Other, |(_, kind)| *kind)
}

fn shown(value: &Value, kind: Kind) -> Option<String> {
    match (value, kind) {
        (_, Kind::Other) => None,
        (Value::Null | Value::Bool(_), _) => Some(value.to_string()),
        (Value::Number(number), Kind::Code) => number.as_u64().filter(|number| *number < 1000).map(|number| number.to_string()),
        (Value::String(text), Kind::Code) if words::is_number(text) => Some(text.clone()).filter(|text| text.len() < 4),
        (Value::String(text), Kind::Field) => words::field(text).map(str::to_owned),
        (Value::String(text), Kind::Code | Kind::Text) => Some(words::text(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
