//! What Instagram's refusals mean: a code, and mostly a subcode that says which of many things it is. There is no list of them for Instagram
//! Login; these are the Messenger Platform's, and what others have seen. The HTTP status says nothing.

use std::time::Duration;

use crate::{
    channel::meta::{Errors, Fault},
    vendor::{Class, Failure},
};

const RETRY: Class = Class::Retry { after: None };

/// Waits for which an answer has a figure only in a header, if at all.
const fn wait(seconds: u64) -> Class {
    Class::Retry { after: Some(Duration::from_secs(seconds)) }
}

/// The code, the subcode if it matters, the meaning, our name. The first row that fits counts.
type Row = (i64, Option<i64>, Class, &'static str);

/// Messenger Platform, error codes; Graph API, handling errors.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    // The window. There are no templates here: what follows is the client's next channel.
    (10, Some(2_534_022), Class::NeedsTemplate, "window_closed"),
    (10, Some(2_018_278), Class::NeedsTemplate, "window_closed"),
    // The person.
    (10, Some(2_018_108), Class::Unreachable, "cannot_receive"),
    (551, None, Class::Unreachable, "unavailable"),
    (200, Some(1_545_041), Class::Unreachable, "unavailable"),
    (100, Some(2_534_014), Class::Unreachable, "no_such_user"),
    (100, Some(2_018_001), Class::Unreachable, "no_such_user"),
    // The account may not send for a time. More messages make it worse, and it ends by itself.
    (10, Some(1_893_063), wait(3_600), "restricted"),
    // The account. Its owner can switch "allow access to messages" off in the app.
    (200, Some(2_534_041), Class::Credential, "access_to_messages"),
    (100, Some(2_534_029), Class::Credential, "blocked"),
    (190, None, Class::Credential, "token"),
    (102, None, Class::Credential, "session"),
    (3, None, Class::Credential, "permission"),
    (10, None, Class::Credential, "permission"),
    (200, None, Class::Credential, "permission"),
    (368, None, Class::Credential, "restricted"),
    // Limits: of the Send API within a second, of the app, the user, the page and the account within an hour.
    (613, None, wait(5), "rate"),
    (4, None, wait(60), "app_limit"),
    (17, None, wait(60), "user_limit"),
    (32, None, wait(60), "page_limit"),
    (80_002, None, wait(60), "account_limit"),
    // Passing troubles. "Received Invalid JSON reply" was seen on messages that had been sent.
    (1, Some(1_357_046), Class::Unknown, "invalid_reply"),
    (1, None, RETRY, "unknown"),
    (2, None, RETRY, "unavailable"),
    (1_200, None, RETRY, "unavailable"),
    // The owner deleted the thread; the one private reply to a comment is used up. Seen as codes and as subcodes.
    (2_534_001, None, Class::Permanent, "thread_deleted"),
    (2_534_025, None, Class::Permanent, "replied_already"),
    (100, Some(2_534_001), Class::Permanent, "thread_deleted"),
    (100, Some(2_534_025), Class::Permanent, "replied_already"),
    // Our own mistakes.
    (100, None, Class::Permanent, PARAMETER),
];

const PARAMETER: &str = "parameter";

fn find(fault: &Fault) -> Option<Failure> {
    let (code, subcode) = (fault.code()?, fault.subcode());
    let (.., class, name) =
        TABLE.iter().find(|(known, detail, ..)| *known == code && (detail.is_none() || *detail == subcode))?;
    Some(Failure::new(*class, format!("{code}:{name}")))
}

pub(super) static ERRORS: Errors = Errors { known: find, usage_limits: &[613, 4, 17, 32, 80_002] };

/// True where something in the call is not known to the vendor.
pub(super) fn is_about_a_parameter(failure: &Failure) -> bool {
    failure.code.strip_prefix("100:") == Some(PARAMETER)
}
