//! The envelope: `{"result", "total", "next", "time"}`, or `{"error", "error_description"}`.

use chrono::{DateTime, FixedOffset, Utc};
use serde_json::{Map, Value, json};

/// What a method answers.
#[derive(Debug, Default)]
pub(super) struct Success {
    pub(super) result: Value,
    /// Lists only.
    pub(super) total: Option<usize>,
    /// Where the next page begins; none on the last one.
    pub(super) next: Option<usize>,
}

impl From<Value> for Success {
    fn from(result: Value) -> Self {
        Self { result, total: None, next: None }
    }
}

/// What comes of a call.
pub(super) type Outcome = Result<Success, Refusal>;

/// An error of the vendor's.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// A code, an empty string, a number in a string, or a sentence: Bitrix24 note, 3.3.
    pub(super) error: Value,
    pub(super) description: String,
    /// Whether the call itself was wrong, as opposed to what can happen to a right one.
    pub(super) violation: bool,
}

impl Refusal {
    fn new(status: u16, error: &str, description: impl Into<String>, violation: bool) -> Self {
        Self { status, error: error.into(), description: description.into(), violation }
    }

    /// A call that a right product does not make.
    pub(super) fn wrong(status: u16, error: &str, description: impl Into<String>) -> Self {
        Self::new(status, error, description, true)
    }

    /// What a right product must be ready for.
    pub(super) fn happens(status: u16, error: &str, description: impl Into<String>) -> Self {
        Self::new(status, error, description, false)
    }

    /// An error whose code is a number, as the booking module has them.
    pub(super) fn numbered(code: i64, description: impl Into<String>, violation: bool) -> Self {
        Self { status: 400, error: code.into(), description: description.into(), violation }
    }

    /// The vendor's code 100: a required parameter is missing.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::wrong(400, "100", format!("Could not find value for parameter {{{parameter}}}"))
    }

    pub(super) fn no_item() -> Self {
        Self::happens(400, "NOT_FOUND", "Item not found")
    }

    pub(super) fn access_denied() -> Self {
        Self::happens(400, "ACCESS_DENIED", "Access denied")
    }

    /// The error of a planned HTTP status.
    pub(super) fn of_status(status: u16) -> Self {
        let (error, description) = match status {
            401 => ("expired_token", "The access token provided has expired."),
            402 => ("PAYMENT_REQUIRED", "Payment required"),
            403 => ("ACCESS_DENIED", "REST is available only on commercial plans."),
            404 => ("ERROR_METHOD_NOT_FOUND", "Method not found!"),
            429 => ("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit."),
            503 => ("QUERY_LIMIT_EXCEEDED", "Too many requests"),
            400 => ("", "Access denied."),
            500 => ("INTERNAL_SERVER_ERROR", "Internal server error"),
            _ => ("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response"),
        };
        Self::happens(status, error, description)
    }

    /// How a violation tells it.
    pub(super) fn text(&self) -> String {
        format!("{}: {}", self.error.as_str().map_or_else(|| self.error.to_string(), str::to_owned), self.description)
    }

    pub(super) fn body(&self) -> Value {
        json!({"error": self.error, "error_description": self.description})
    }
}

/// A method's share of the operating limit, as replies tell it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Operating {
    /// Seconds spent in the last ten minutes.
    pub(super) spent: f64,
    /// Unix time at which the oldest minute is forgotten.
    pub(super) reset_at: i64,
}

/// An instant as the portal writes it: to the second, in the portal's offset.
pub(super) fn stamp(at: DateTime<Utc>, zone: FixedOffset) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The `time` of a reply; without counters when the portal keeps none.
pub(super) fn time(begun: DateTime<Utc>, ended: DateTime<Utc>, zone: FixedOffset, operating: Option<Operating>) -> Value {
    let seconds = |at: DateTime<Utc>| at.timestamp_micros() as f64 / 1e6;
    let duration = seconds(ended) - seconds(begun);
    let mut time = json!({
        "start": seconds(begun), "finish": seconds(ended), "duration": duration, "processing": duration,
        "date_start": stamp(begun, zone), "date_finish": stamp(ended, zone),
    });
    if let Some(operating) = operating {
        time["operating_reset_at"] = json!(operating.reset_at);
        time["operating"] = json!(operating.spent);
    }
    time
}

/// PHP's arrays as JSON shows them: a list when the keys are 0, 1, 2 and so on (an empty one too), an object otherwise.
pub(super) fn php(pairs: Vec<(String, Value)>) -> Value {
    let listed = pairs.iter().enumerate().all(|(index, (key, _))| *key == index.to_string());
    if listed {
        pairs.into_iter().map(|(_, value)| value).collect()
    } else {
        Value::Object(pairs.into_iter().collect::<Map<_, _>>())
    }
}
