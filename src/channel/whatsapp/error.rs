//! What WhatsApp's refusals mean. The vendor says to build on `code` and `details` and on nothing else: not on the HTTP status, not on
//! titles. One table for both places an error comes from: the answer to a call, and a status of a message that was taken at first.

use std::time::Duration;

use serde_json::Value;

use super::wire::{ErrorBody, Fault, read};
use crate::vendor::{Class, Failure, Reply};

const RETRY: Class = Class::Retry { after: None };

/// Waits that the vendor describes and puts no figure in an answer for.
const fn wait(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// Longer waits than a day are no waits: the back-off may ask again.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Limits of an app and of a business account: how long they last is in a header.
const USAGE_LIMITS: &[i64] = &[4, 80_007];

/// Codes from..=to, the meaning, our name. The first row that fits counts.
type Row = (i64, i64, Class, &'static str);

/// WhatsApp Business Platform, error codes.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    // The window, and the person.
    (131_047, 131_047, Class::NeedsTemplate, "window_closed"),
    (131_026, 131_026, Class::Unreachable, "undeliverable"),
    (131_049, 131_049, Class::Permanent, "held_back"),
    (131_050, 131_050, Class::Permanent, "no_marketing"),
    (130_472, 130_472, Class::Permanent, "experiment"),
    (130_403, 130_403, Class::Permanent, "blocked_by_us"),
    (130_497, 130_497, Class::Permanent, "country"),
    // Limits. That of a pair holds up one client only, so it is no wait of the account's; the vendor wants it to grow with each try.
    (131_056, 131_056, RETRY, "pair_limit"),
    (130_429, 130_429, wait(5), "throughput"),
    (80_007, 80_007, wait(60), "account_limit"),
    (4, 4, wait(60), "app_limit"),
    // Clients blocked or reported the number, or a template was filed wrongly: more messages make it worse. For hours.
    (131_048, 131_048, wait(2 * 3_600), "spam_limit"),
    (131_064, 131_064, wait(2 * 3_600), "misclassified"),
    (131_063, 131_063, Class::Permanent, "marketing_disabled"),
    // Passing troubles. Code 1 is also said of bad requests; the attempts are counted.
    (1, 2, RETRY, "unknown"),
    (131_000, 131_000, RETRY, "something_wrong"),
    (131_016, 131_016, RETRY, "unavailable"),
    (133_004, 133_004, RETRY, "unavailable"),
    (131_057, 131_057, wait(60), "maintenance"),
    (2_494_100, 2_494_100, wait(300), "maintenance"),
    (133_015, 133_015, wait(300), "just_deleted"),
    // Our own mistakes.
    (131_008, 131_008, Class::Permanent, "parameter_missing"),
    (131_009, 131_009, Class::Permanent, "parameter_invalid"),
    (100, 100, Class::Permanent, "parameter"),
    (131_051, 131_051, Class::Permanent, "type_unsupported"),
    (135_000, 135_000, Class::Permanent, "parameters"),
    (131_021, 131_021, Class::Permanent, "to_oneself"),
    (131_052, 131_052, Class::Permanent, "media_download"),
    (131_053, 131_053, Class::Permanent, "media_upload"),
    (131_055, 131_055, Class::Permanent, "marketing_api"),
    (134_100, 134_102, Class::Permanent, "marketing_api"),
    // Templates.
    (132_000, 132_000, Class::Permanent, "template_count"),
    (132_001, 132_001, Class::Permanent, "template_missing"),
    (132_005, 132_005, Class::Permanent, "template_too_long"),
    (132_007, 132_007, Class::Permanent, "template_policy"),
    (132_012, 132_012, Class::Permanent, "template_format"),
    (132_015, 132_015, Class::Permanent, "template_paused"),
    (132_016, 132_016, Class::Permanent, "template_disabled"),
    (132_018, 132_018, Class::Permanent, "template_parameter"),
    (132_068, 132_069, Class::Permanent, "flow"),
    (2_388_019, 2_388_299, Class::Permanent, "template_management"),
    // The account.
    (190, 190, Class::Credential, "token"),
    (0, 0, Class::Credential, "authentication"),
    (3, 3, Class::Credential, "permission"),
    (10, 10, Class::Credential, "permission"),
    (200, 299, Class::Credential, "permission"),
    (131_005, 131_005, Class::Credential, "permission"),
    (368, 368, Class::Credential, "restricted"),
    (131_031, 131_031, Class::Credential, "locked"),
    (131_042, 131_042, Class::Credential, "payment"),
    (131_045, 131_045, Class::Credential, "not_registered"),
    (133_010, 133_010, Class::Credential, "not_registered"),
    (33, 33, Class::Credential, "number_deleted"),
    (131_037, 131_037, Class::Credential, "display_name"),
    // Registering a number, which we don't do.
    (133_000, 133_000, Class::Permanent, "deregister_again"),
    (133_005, 133_009, Class::Permanent, "pin"),
    (133_016, 133_016, Class::Permanent, "registered_too_often"),
];

/// What an error code means, wherever it stands. One that is not in the table is not worth another try.
pub(super) fn meaning(code: i64) -> Failure {
    find(code).unwrap_or_else(|| Failure::permanent(format!("{code}:other")))
}

fn find(code: i64) -> Option<Failure> {
    let (.., class, name) = TABLE.iter().find(|(from, to, ..)| (*from..=*to).contains(&code))?;
    Some(Failure::new(*class, format!("{code}:{name}")))
}

/// The refusal in an answer, if it is one.
pub(super) fn refusal(reply: &Reply) -> Option<Failure> {
    let error = reply.json::<Value>().and_then(|body| read::<ErrorBody>(&body).error);
    if reply.is_success() && error.is_none() {
        return None;
    }
    let fault = error.unwrap_or_default();
    Some(match fault.code().map(|code| (code, find(code))) {
        Some((code, Some(known))) => stated(known, code, reply),
        Some((code, None)) => unknown_code(code, &fault, reply),
        None => without_code(reply),
    })
}

/// A retry after the wait that the answer names, if it names one.
fn stated(known: Failure, code: i64, reply: &Reply) -> Failure {
    let Class::Retry { after } = known.class else { return known };
    let usage = USAGE_LIMITS.contains(&code).then(|| regain(reply)).flatten();
    let named = usage.or_else(|| reply.seconds_header("retry-after")).map(|wait| wait.min(LONGEST_WAIT));
    Failure { class: Class::Retry { after: named.or(after) }, ..known }
}

/// Graph API, rate limits: the header `X-Business-Use-Case-Usage` says for each kind of use in how many minutes it is open again.
fn regain(reply: &Reply) -> Option<Duration> {
    let usage: Value = serde_json::from_slice(reply.headers.get("x-business-use-case-usage")?.as_bytes()).ok()?;
    let uses = usage.as_object()?.values().filter_map(Value::as_array).flatten();
    let minutes = uses.filter_map(|one| one["estimated_time_to_regain_access"].as_u64()).max().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_secs(minutes.saturating_mul(60)))
}

fn unknown_code(code: i64, fault: &Fault, reply: &Reply) -> Failure {
    match reply.status {
        _ if fault.is_transient == Some(true) => Failure::retry(format!("{code}:transient")),
        401 => Failure::new(Class::Credential, format!("{code}:unauthorized")),
        429 => too_many(format!("{code}:too_many_requests"), reply),
        500..=599 => Failure::unknown(format!("{code}:server_error")),
        _ => meaning(code),
    }
}

/// An answer of something between the vendor and us, or of the vendor in trouble. Whether a message was taken nobody knows; a status
/// with our key will tell.
fn without_code(reply: &Reply) -> Failure {
    match reply.status {
        401 => Failure::new(Class::Credential, "unauthorized"),
        429 => too_many("too_many_requests".to_owned(), reply),
        408 | 500..=599 => Failure::unknown("server_error"),
        _ => Failure::permanent("unexpected_status"),
    }
}

fn too_many(code: String, reply: &Reply) -> Failure {
    let after = reply.seconds_header("retry-after").map(|wait| wait.min(LONGEST_WAIT));
    Failure::new(Class::Retry { after }, code)
}
