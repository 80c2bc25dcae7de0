//! What erxes' errors mean. Every error of a resolver comes as HTTP 200 with `INTERNAL_SERVER_ERROR`, so it is known by its category
//! and its text; the gateway's own come with a status.

use std::ops::RangeInclusive;

use super::wire::Answer;
use crate::{
    crm::meaning::{Effect, Meaning, REDIRECTED, REFUSED_PAGE, is_page, retry_after},
    vendor::{Failure, Reply},
};

/// Nobody is logged in.
pub(super) const LOGIN_REQUIRED: &str = "login_required";
/// Somebody is, and may not.
pub(super) const PERMISSION_REQUIRED: &str = "permission_required";
/// The person may, and did not grant it to this token.
pub(super) const SCOPE_REQUIRED: &str = "scope_required";
/// There is no such customer.
pub(super) const CUSTOMER_NOT_FOUND: &str = "customer_not_found";
/// Another customer has this number, e-mail or code.
pub(super) const DUPLICATED: &str = "duplicated";

/// One line of the table: all that is given must fit.
pub(super) struct Row {
    pub(super) status: RangeInclusive<u16>,
    pub(super) category: Option<&'static str>,
    /// The beginning of the message, or of the gateway's `error` or `code`, in lower case.
    pub(super) text: &'static str,
    pub(super) meaning: Meaning,
    pub(super) code: &'static str,
}

const fn row(
    status: RangeInclusive<u16>,
    category: Option<&'static str>,
    text: &'static str,
    meaning: Meaning,
    code: &'static str,
) -> Row {
    Row { status, category, text, meaning, code }
}

/// The first row that fits counts.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    row(429..=429, None, "", Meaning::NothingRan, "too_many_requests"),
    row(300..=399, None, "", Meaning::NothingRan, REDIRECTED),
    row(401..=401, None, "", Meaning::Misconfigured, "app_token"),
    row(403..=403, None, "", Meaning::Misconfigured, "forbidden"),
    // A wrong address, or a gateway that is being deployed.
    row(404..=404, None, "", Meaning::NothingRan, "not_found"),
    // A document or a request the gateway refuses: validation comes before execution.
    row(400..=499, None, "", Meaning::Refused, "request_refused"),
    // The gateway found nobody behind itself.
    row(502..=502, None, "econnrefused", Meaning::NothingRan, "upstream_down"),
    row(500..=599, None, "", Meaning::MayHaveRun, "gateway_error"),
    row(200..=299, None, "login required", Meaning::Misconfigured, LOGIN_REQUIRED),
    row(200..=299, None, "user not authenticated", Meaning::Misconfigured, LOGIN_REQUIRED),
    // `conversationMessageAdd` checks nobody, and takes its author's id apart before it stores anything.
    row(200..=299, None, "failed to add message to conversation: cannot destructure property '_id' of 'user'", Meaning::Misconfigured, LOGIN_REQUIRED),
    row(200..=299, None, "invalid app token", Meaning::Misconfigured, "app_token"),
    row(200..=299, None, "permission required", Meaning::Misconfigured, PERMISSION_REQUIRED),
    row(200..=299, None, "oauth scope required", Meaning::Misconfigured, SCOPE_REQUIRED),
    row(200..=299, None, "integration not found", Meaning::Misconfigured, "integration_not_found"),
    row(200..=299, None, "channel not found", Meaning::Misconfigured, "channel_not_found"),
    row(200..=299, Some("EXPECTED"), "customer not found", Meaning::Refused, CUSTOMER_NOT_FOUND),
    row(200..=299, Some("EXPECTED"), "duplicated ", Meaning::Refused, DUPLICATED),
    row(200..=299, Some("EXPECTED"), "", Meaning::Refused, "expected_error"),
    row(200..=299, Some("SYSTEM"), "", Meaning::MayHaveRun, "system_error"),
    row(200..=299, Some("PROVIDER"), "", Meaning::MayHaveRun, "provider_error"),
    row(200..=299, None, "", Meaning::MayHaveRun, "unknown_error"),
    row(0..=u16::MAX, None, "", Meaning::Refused, "unexpected_status"),
];

/// Classifies an answer that holds no result.
pub(super) fn classify(reply: &Reply, effect: Effect) -> Failure {
    if matches!(reply.status, 401 | 403) && is_page(reply) {
        return Failure::new(Meaning::NothingRan.class(effect, retry_after(reply)), REFUSED_PAGE).quoting(reply);
    }
    let answer: Answer = reply.json().unwrap_or_default();
    let first = answer.errors.into_iter().flatten().next();
    let category = first.as_ref().and_then(|error| error.extensions.as_ref()).and_then(|extensions| extensions.category.clone());
    let texts: Vec<String> = [first.and_then(|error| error.message), answer.error, answer.code]
        .into_iter()
        .flatten()
        .map(|text| text.to_lowercase())
        .collect();
    let row = TABLE.iter().find(|row| {
        row.status.contains(&reply.status)
            && row.category.is_none_or(|wanted| category.as_deref() == Some(wanted))
            && (row.text.is_empty() || texts.iter().any(|text| text.starts_with(row.text)))
    });
    let Some(row) = row else { return Failure::permanent("unexpected_status").quoting(reply) };
    Failure::new(row.meaning.class(effect, retry_after(reply)), row.code).quoting(reply)
}

/// Whether a person at the salon may not do this: another way is taken, and nothing is broken by it.
pub(super) fn is_forbidden(failure: &Failure) -> bool {
    failure.code == PERMISSION_REQUIRED || failure.code == SCOPE_REQUIRED
}

/// What the OAuth routes answer (erxes note, 2.4), by the `error` of RFC 6749 and RFC 8628; what is not listed is classified like any
/// other answer of the gateway.
pub(super) const OAUTH: &[(&str, Meaning)] = &[
    ("authorization_pending", Meaning::NothingRan),
    ("slow_down", Meaning::NothingRan),
    ("temporarily_unavailable", Meaning::NothingRan),
    ("access_denied", Meaning::Misconfigured),
    // Of a device code. It has our code's name, and is mended by no renewal.
    ("expired_token", Meaning::Misconfigured),
    ("invalid_client", Meaning::Misconfigured),
    ("invalid_grant", Meaning::Misconfigured),
    ("invalid_request", Meaning::Refused),
];

/// Classifies a refusal of the OAuth routes.
pub(super) fn classify_oauth(reply: &Reply, effect: Effect) -> Failure {
    let answer: Answer = reply.json().unwrap_or_default();
    let Some((code, meaning)) = OAUTH.iter().find(|(code, _)| answer.error.as_deref() == Some(*code)) else {
        return classify(reply, effect);
    };
    let code = if *code == "expired_token" { "device_code_expired" } else { code };
    Failure::new(meaning.class(effect, retry_after(reply)), code).quoting(reply)
}
