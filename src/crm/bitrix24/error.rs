//! What Bitrix24's errors mean. `error` may be a code, a number, a sentence or empty, and the status alone tells little: access is
//! refused with 400 too, and an error may come with 200 (Bitrix24 note, 3.3).

use std::{ops::RangeInclusive, time::Duration};

use serde_json::Value;

use crate::{
    crm::{
        EXPIRED, GONE,
        meaning::{Effect, Meaning, REDIRECTED, REFUSED_PAGE, is_page},
    },
    vendor::{Failure, Reply},
};

/// One line of the table: all that is given must fit.
pub(super) struct Row {
    pub(super) status: RangeInclusive<u16>,
    /// The whole of `error`, in lower case.
    pub(super) error: Option<&'static str>,
    /// The beginning of `error_description`, or of an `error` that is a sentence, in lower case.
    pub(super) text: &'static str,
    pub(super) meaning: Meaning,
    pub(super) code: &'static str,
}

const fn coded(error: &'static str, meaning: Meaning, code: &'static str) -> Row {
    Row { status: 0..=u16::MAX, error: Some(error), text: "", meaning, code }
}

const fn said(text: &'static str, meaning: Meaning, code: &'static str) -> Row {
    Row { status: 0..=403, error: None, text, meaning, code }
}

const fn status(status: RangeInclusive<u16>, meaning: Meaning, code: &'static str) -> Row {
    Row { status, error: None, text: "", meaning, code }
}

/// The code of a portal that Bitrix24's own people have blocked.
pub(super) const OVERLOAD: &str = "overload_limit";

/// The code of a method whose operating time is used up, until its counter is reset.
const OPERATING: &str = "operation_time_limit";

/// The first row that fits counts.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    // The bucket of 50 drains by two a second, and is the whole portal's.
    coded("query_limit_exceeded", Meaning::Closed(2), "query_limit_exceeded"),
    // Set by hand, not to be hammered at.
    coded("overload_limit", Meaning::Closed(900), OVERLOAD),
    coded("operation_time_limit", Meaning::Closed(60), OPERATING),
    coded("expired_token", Meaning::Misconfigured, EXPIRED),
    coded("no_auth_found", Meaning::Misconfigured, "no_auth_found"),
    coded("invalid_credentials", Meaning::Misconfigured, "invalid_credentials"),
    coded("invalid_token", Meaning::Misconfigured, "invalid_token"),
    coded("insufficient_scope", Meaning::Misconfigured, "insufficient_scope"),
    coded("user_access_error", Meaning::Misconfigured, "user_access_error"),
    coded("allowed_only_intranet_user", Meaning::Misconfigured, "intranet_users_only"),
    coded("payment_required", Meaning::Misconfigured, "payment_required"),
    coded("portal_deleted", Meaning::Misconfigured, "portal_deleted"),
    coded("invalid_grant", Meaning::Misconfigured, "invalid_grant"),
    coded("invalid_client", Meaning::Misconfigured, "invalid_client"),
    // Plain http, or a broken exchange of tokens.
    coded("invalid_request", Meaning::Misconfigured, "invalid_request"),
    // What is called is fixed, so it is the portal that lacks it: an old box, or a module that is switched off.
    coded("error_method_not_found", Meaning::Misconfigured, "method_not_found"),
    // The same word for a plan without REST (403) and for a record one has no rights to (400).
    Row { status: 403..=403, error: Some("access_denied"), text: "", meaning: Meaning::Misconfigured, code: "rest_not_in_plan" },
    coded("access_denied", Meaning::Refused, "access_denied"),
    coded("not_found", Meaning::Refused, GONE),
    coded("owner_not_found", Meaning::Refused, GONE),
    coded("crm_field_error_value_not_valid", Meaning::Refused, "field_value"),
    coded("crm_field_error_required", Meaning::Refused, "field_required"),
    coded("wrong_datetime_format", Meaning::Refused, "datetime_format"),
    coded("invalid_arg_value", Meaning::Refused, "argument"),
    coded("error_event_not_found", Meaning::Refused, "event_not_found"),
    // Somebody was faster: the next attempt sees what they did.
    coded("can_not_update_completed_todo", Meaning::NothingRan, "todo_completed"),
    coded("error_batch_method_not_allowed", Meaning::Refused, "batch_method"),
    coded("error_batch_length_exceeded", Meaning::Refused, "batch_length"),
    coded("100", Meaning::Refused, "parameter_missing"),
    coded("internal_server_error", Meaning::MayHaveRun, "internal_server_error"),
    coded("error_unexpected_answer", Meaning::MayHaveRun, "unexpected_answer"),
    said("access denied", Meaning::Refused, "access_denied"),
    said("not found", Meaning::Refused, GONE),
    said("activity is not found", Meaning::NothingRan, "todo_gone"),
    said("unable to set event handler: handler already", Meaning::NothingRan, "already_bound"),
    said("communication ", Meaning::Refused, "communication"),
    status(300..=399, Meaning::NothingRan, REDIRECTED),
    status(401..=401, Meaning::Misconfigured, "unauthorized"),
    status(402..=402, Meaning::Misconfigured, "payment_required"),
    status(403..=403, Meaning::Misconfigured, "forbidden"),
    // A wrong address, or a portal that is being moved.
    status(404..=404, Meaning::NothingRan, "not_found"),
    status(408..=408, Meaning::MayHaveRun, "request_timeout"),
    status(429..=429, Meaning::Closed(60), "too_many_requests"),
    status(400..=499, Meaning::Refused, "request_refused"),
    // A gateway's page: nobody knows what stands behind it.
    status(500..=599, Meaning::MayHaveRun, "gateway_error"),
    status(200..=299, Meaning::MayHaveRun, "unknown_error"),
    status(0..=u16::MAX, Meaning::Refused, "unexpected_status"),
];

/// The status a batch's command would have had alone: the answer of a batch doesn't say.
pub(super) const COMMAND: u16 = 400;

/// An error as it came.
#[derive(Default)]
pub(super) struct Fault {
    error: String,
    text: String,
    is_page: bool,
}

impl Fault {
    /// Reads `error` and `error_description`; in version 3 the first holds the second.
    pub(super) fn read(error: Option<&Value>, description: Option<&Value>) -> Self {
        let lower = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.trim().to_lowercase(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        match error {
            Some(Value::Object(inner)) => {
                Self { error: lower(inner.get("code")), text: lower(inner.get("message")), is_page: false }
            }
            other => Self { error: lower(other), text: lower(description), is_page: false },
        }
    }

    /// An answer that says nothing of Bitrix24's.
    pub(super) fn wordless(reply: &Reply) -> Self {
        Self { is_page: is_page(reply), ..Self::default() }
    }
}

/// How long the answer itself says to wait.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    /// `Retry-After`.
    pub(super) header: Option<Duration>,
    /// Until the method's counter is reset.
    pub(super) reset: Option<Duration>,
}

/// Classifies an answer that is an error.
pub(super) fn classify(status: u16, fault: &Fault, waits: Waits, effect: Effect) -> Failure {
    if matches!(status, 401 | 403) && fault.is_page {
        return Failure::new(Meaning::NothingRan.class(effect, waits.header), REFUSED_PAGE);
    }
    let row = TABLE.iter().find(|row| {
        row.status.contains(&status)
            && row.error.is_none_or(|error| error == fault.error)
            && (fault.text.starts_with(row.text) || fault.error.starts_with(row.text))
    });
    let Some(row) = row else { return Failure::permanent("unexpected_status") };
    let said = if row.code == OPERATING { waits.reset.or(waits.header) } else { waits.header };
    Failure::new(row.meaning.class(effect, said), row.code)
}
