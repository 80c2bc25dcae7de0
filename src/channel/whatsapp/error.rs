//! What WhatsApp's refusals mean. The vendor says to build on `code` and `details` and on nothing else: not on the HTTP status, not on
//! titles. One table for both places an error comes from: the answer to a call, and a status of a message that was taken at first.

use std::time::Duration;

use crate::{
    channel::meta::{self, Errors},
    vendor::{Class, Failure},
};

const RETRY: Class = Class::Retry { after: None };

/// Waits that the vendor describes and puts no figure in an answer for.
const fn wait(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

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

/// What an error code means, wherever it stands.
pub(super) fn meaning(code: i64) -> Failure {
    find(code).unwrap_or_else(|| meta::not_listed(code))
}

fn find(code: i64) -> Option<Failure> {
    let (.., class, name) = TABLE.iter().find(|(from, to, ..)| (*from..=*to).contains(&code))?;
    Some(Failure::new(*class, format!("{code}:{name}")))
}

/// Limits of an app and of a business account say in a header how long they last.
pub(super) static ERRORS: Errors = Errors { known: |fault| find(fault.code()?), usage_limits: &[4, 80_007] };
