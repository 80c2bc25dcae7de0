//! Bitrix24's JSON, as far as we read it. PHP writes it: numbers come as strings, an empty object as an empty list, and anything
//! may be missing.

use chrono::{DateTime, FixedOffset, SecondsFormat, TimeZone, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::vendor::Reply;

/// An answer, good or bad.
#[derive(Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    pub(super) result: Option<Value>,
    #[serde(default)]
    pub(super) error: Option<Value>,
    #[serde(default)]
    pub(super) error_description: Option<Value>,
    /// Where the next page of a list begins.
    #[serde(default)]
    pub(super) next: Option<Value>,
    #[serde(default)]
    time: Option<Value>,
}

impl Body {
    /// An answer's body; none if it is no object.
    pub(super) fn of(reply: &Reply) -> Option<Self> {
        // A list would be read too, member by member.
        let body: Value = reply.json()?;
        body.is_object().then(|| Self::deserialize(body).ok()).flatten()
    }

    /// The reply's counters.
    pub(super) fn operating(&self) -> Operating {
        self.time.as_ref().map(Operating::read).unwrap_or_default()
    }
}

/// How much of a method's working time is used up. A portal may keep no such counters.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Operating {
    /// Seconds spent within ten minutes.
    pub(super) spent: f64,
    /// Seconds from the reply until the oldest of them are forgotten, by the portal's own clock.
    pub(super) resets_in: Option<f64>,
}

impl Operating {
    /// Reads the `time` of a reply or of a command.
    pub(super) fn read(time: &Value) -> Self {
        let seconds = |name: &str| time.get(name).and_then(float).filter(|seconds| seconds.is_finite());
        let resets_in = seconds("operating_reset_at").zip(seconds("finish")).map(|(reset, finish)| (reset - finish).max(0.0));
        Self { spent: seconds("operating").unwrap_or_default(), resets_in }
    }
}

/// A number, or one in a string.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A text that is not empty; a number is one too.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A field's text.
pub(super) fn field(item: &Value, name: &str) -> Option<String> {
    item.get(name).and_then(text)
}

/// A field's moment.
pub(super) fn moment(item: &Value, name: &str) -> Option<DateTime<Utc>> {
    item.get(name).and_then(Value::as_str).and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|at| at.to_utc())
}

/// An id, as we keep it.
pub(super) fn id(value: &Value) -> Option<String> {
    number(value).filter(|id| *id > 0).map(|id| id.to_string())
}

/// A list's members; PHP may have made an object of it.
pub(super) fn members(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

/// A member of what PHP calls an array: a list while its keys are 0, 1, 2 and so on, an object otherwise.
pub(super) fn member(value: &Value, key: usize) -> Option<&Value> {
    match value {
        Value::Array(list) => list.get(key),
        Value::Object(map) => map.get(&key.to_string()),
        _ => None,
    }
}

/// A moment as Bitrix24 is told it. Without an offset it would be the server's time (Bitrix24 note, 3.2).
pub(super) fn at<Z: TimeZone>(moment: &DateTime<Z>) -> String
where
    Z::Offset: chrono::Offset,
{
    let offset = chrono::Offset::fix(moment.offset());
    moment.with_timezone::<FixedOffset>(&offset).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// Fields to write. What we don't have is left out, so that nothing is blanked.
#[derive(Clone, Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Sets a field, if there is a value.
    pub(super) fn set<V: Into<Value>>(&mut self, name: &str, value: Option<V>) {
        if let Some(value) = value.map(Into::into).filter(|value| !value.is_null() && value.as_str() != Some("")) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Leaves out what the record holds already.
    pub(super) fn changed(mut self, record: &Value) -> Self {
        self.0.retain(|name, value| record.get(name).is_none_or(|there| !same(there, value)));
        self
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Object(fields.0)
    }
}

/// Whether a record's value is what would be written: numbers may be texts, and moments have the portal's offset.
fn same(there: &Value, ours: &Value) -> bool {
    if let (Value::Array(there), Value::Array(ours)) = (there, ours) {
        return there.len() == ours.len() && there.iter().zip(ours).all(|(there, ours)| same(there, ours));
    }
    let moment = |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    match (moment(there), moment(ours)) {
        (Some(there), Some(ours)) => there == ours,
        _ => there == ours || text(there).is_some_and(|there| Some(there) == text(ours)),
    }
}
