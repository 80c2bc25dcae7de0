//! What EspoCRM's errors mean (EspoCRM note, 2.5). The reason is in a header, the body may be empty, and a 409 is two things: an array is
//! somebody who looks like this one, an object a record that somebody else changed meanwhile.

use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    crm::meaning::{Effect, Meaning, REDIRECTED, retry_after},
    vendor::{Failure, Reply},
};

/// Ten wrong keys in a minute lock an address out, and every key behind it (EspoCRM note, 2.1).
const LOCKED_OUT: u64 = 60;

/// The code of an answer that says: there is no such record, or no such thing at all.
pub(super) const NOT_FOUND: &str = "not_found";
/// The code of a refusal that may be about the record alone: no right to it, or, under what is to be made below it, it is no more.
pub(super) const FORBIDDEN: &str = "forbidden";
/// The code of an answer that says: something of that name is there.
pub(super) const CONFLICT: &str = "conflict";

/// What the body looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Any, or none.
    Any,
    /// A page of whatever stands before EspoCRM.
    Html,
    /// A JSON array.
    Array,
}

/// One line of the table: all that is given must fit.
pub(super) struct Row {
    pub(super) status: RangeInclusive<u16>,
    pub(super) shape: Shape,
    /// The beginning of the reason, the message or the label, in lower case.
    pub(super) text: &'static str,
    pub(super) meaning: Meaning,
    pub(super) code: &'static str,
}

const fn row(status: RangeInclusive<u16>, shape: Shape, text: &'static str, meaning: Meaning, code: &'static str) -> Row {
    Row { status, shape, text, meaning, code }
}

/// The first row that fits counts.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    row(400..=400, Shape::Any, "validationfailure", Meaning::Refused, "invalid_field"),
    // A field that records are looked for by was removed: nobody could be found again.
    row(400..=400, Shape::Any, "not existing attribute", Meaning::Misconfigured, "no_such_field"),
    row(400..=400, Shape::Any, "", Meaning::Refused, "bad_request"),
    // A wrong address, a move or a log-in page of whatever stands before it.
    row(300..=399, Shape::Any, "", Meaning::NothingRan, REDIRECTED),
    row(401..=401, Shape::Html, "", Meaning::NothingRan, "unauthorized_page"),
    // Not to be repeated: see LOCKED_OUT.
    row(401..=401, Shape::Any, "", Meaning::Misconfigured, "api_key"),
    row(403..=403, Shape::Any, "max failed login", Meaning::Closed(LOCKED_OUT), "locked_out"),
    row(403..=403, Shape::Any, "assignment failure", Meaning::Misconfigured, "assignment"),
    row(403..=403, Shape::Any, "no create access", Meaning::Misconfigured, "scope"),
    row(403..=403, Shape::Any, "no access to ", Meaning::Misconfigured, "scope"),
    row(403..=403, Shape::Any, "max size", Meaning::Refused, "max_size"),
    // A firewall's page, more likely than not.
    row(403..=403, Shape::Html, "", Meaning::NothingRan, "forbidden_page"),
    // One record may be closed to us and all others open: no reason to stop the account.
    row(403..=403, Shape::Any, "", Meaning::Refused, FORBIDDEN),
    // A wrong address, or a proxy that is being deployed. Never "this record is gone".
    row(404..=404, Shape::Html, "", Meaning::NothingRan, "not_found_page"),
    row(404..=404, Shape::Any, "", Meaning::Refused, NOT_FOUND),
    // Names or e-mails that are equal are not one person: never taken for success.
    row(409..=409, Shape::Array, "", Meaning::Refused, "duplicate"),
    row(409..=409, Shape::Any, "duplicate", Meaning::Refused, "duplicate"),
    row(409..=409, Shape::Any, "modified", Meaning::NothingRan, "modified"),
    row(409..=409, Shape::Any, "", Meaning::Refused, CONFLICT),
    row(429..=429, Shape::Any, "", Meaning::NothingRan, "too_many_requests"),
    row(400..=499, Shape::Any, "", Meaning::Refused, "request_refused"),
    // Maintenance mode; from a proxy, nobody behind it.
    row(503..=503, Shape::Any, "", Meaning::NothingRan, "maintenance"),
    row(500..=599, Shape::Html, "", Meaning::MayHaveRun, "gateway_error"),
    row(500..=599, Shape::Any, "", Meaning::MayHaveRun, "server_error"),
    // A page where JSON was due: a log-in form, a parked domain, a warning of PHP's.
    row(200..=299, Shape::Html, "", Meaning::MayHaveRun, "page_instead_of_answer"),
    row(200..=299, Shape::Any, "", Meaning::MayHaveRun, "unreadable_answer"),
    row(0..=u16::MAX, Shape::Any, "", Meaning::Refused, "unexpected_status"),
];

/// The body of an error, as far as it says anything.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Fault {
    message: Option<String>,
    #[serde(rename = "messageTranslation")]
    translation: Option<Translation>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Translation {
    label: Option<String>,
    data: Option<Value>,
}

/// Classifies an answer that holds no result.
pub(super) fn classify(reply: &Reply, effect: Effect) -> Failure {
    let fault: Fault = reply.json().unwrap_or_default();
    let translation = fault.translation.unwrap_or_default();
    let reason = reply.headers.get("x-status-reason").and_then(|reason| reason.to_str().ok()).map(str::to_owned);
    let texts: Vec<String> =
        [reason, fault.message, translation.label].into_iter().flatten().map(|text| text.trim().to_lowercase()).collect();
    let shape = shape(&reply.body);
    let row = TABLE.iter().find(|row| {
        row.status.contains(&reply.status)
            && (row.shape == Shape::Any || row.shape == shape)
            && (row.text.is_empty() || texts.iter().any(|text| text.starts_with(row.text)))
    });
    let Some(row) = row else { return Failure::permanent("unexpected_status").quoting(reply) };
    let class = row.meaning.class(effect, retry_after(reply));
    let failure = match translation.data.as_ref().and_then(named_field) {
        Some(field) if row.code == "invalid_field" => Failure::new(class, format!("invalid_field:{field}")),
        _ => Failure::new(class, row.code),
    };
    failure.quoting(reply)
}

/// `field` or `field:rule`, if both look like names: nothing else may get into a code.
fn named_field(data: &Value) -> Option<String> {
    let name = |key: &str| {
        let text = data.get(key)?.as_str()?;
        let plain = (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        plain.then_some(text)
    };
    let field = name("field")?;
    Some(name("type").map_or_else(|| field.to_owned(), |rule| format!("{field}:{rule}")))
}

fn shape(body: &[u8]) -> Shape {
    match body.trim_ascii_start().first() {
        Some(b'<') => Shape::Html,
        Some(b'[') => Shape::Array,
        _ => Shape::Any,
    }
}
