//! What EspoCRM answers: a value, or an error whose reason is in a header (EspoCRM note, 2.5).

use serde_json::{Value, json};

pub(super) type Outcome = Result<Value, Refusal>;

/// An error.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// `X-Status-Reason`; empty for none.
    pub(super) reason: String,
    /// Null for an empty body.
    pub(super) body: Value,
    /// Whether a correct product never gets it.
    pub(super) violation: Option<String>,
}

impl Refusal {
    /// An error that happens to a correct product.
    pub(super) fn happens(status: u16, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), body: Value::Null, violation: None }
    }

    /// An error that a correct product never gets.
    pub(super) fn wrong(status: u16, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { status, violation: Some(reason.clone()), reason, body: Value::Null }
    }

    pub(super) fn not_found() -> Self {
        Self::happens(404, "")
    }

    /// A field that does not pass: one field in each answer.
    pub(super) fn invalid(field: &str, rule: &str) -> Self {
        let translation = json!({"label": "validationFailure", "scope": null, "data": {"field": field, "type": rule}});
        Self {
            status: 400,
            reason: "validationFailure".to_owned(),
            body: json!({"messageTranslation": translation}),
            violation: Some(format!("{field} fails the rule {rule}")),
        }
    }

    /// Records that look like the new one.
    pub(super) fn duplicate(records: Vec<Value>) -> Self {
        Self { status: 409, reason: "duplicate".to_owned(), body: Value::Array(records), violation: None }
    }

    /// What a planned fault with this status is answered with.
    pub(super) fn of_status(code: u16) -> Self {
        let reason = match code {
            403 => "Access denied",
            409 => "Conflict",
            500 => "Internal server error",
            503 => "Maintenance mode",
            _ => "",
        };
        Self::happens(code, reason)
    }

    /// The same, without a word in the ledger about who is to blame: for what staff and seeds do.
    pub(super) fn text(&self) -> String {
        match &self.violation {
            Some(text) => text.clone(),
            None => format!("{} {}", self.status, self.reason).trim_end().to_owned(),
        }
    }
}
