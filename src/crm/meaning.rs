//! What a CRM's answer proves, and what follows from that for the call. Which answer proves what stands in each adapter's own table.

use std::time::Duration;

use super::Unsent;
use crate::vendor::{Class, Failure, Reply};

/// Longer waits than an hour are a broken clock or a broken gateway: ask again then.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The code of an answer that points elsewhere, which is not followed: to a worker a proxy that moves, to who has just typed the address a
/// wrong one.
pub(super) const REDIRECTED: &str = "redirected";
/// The code of a page with 401 or 403 where the CRM itself answers in JSON: of a firewall's, more likely than not.
pub(super) const REFUSED_PAGE: &str = "refused_page";

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// A question, or a change that finds its own earlier result.
    Repeatable,
    /// Each call adds something.
    Once,
}

/// What an error proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing ran; it may next time.
    NothingRan,
    /// Nothing ran, and nothing of this account will for so many seconds, unless the answer itself says for how long.
    Closed(u64),
    /// It was refused for what it is.
    Refused,
    /// The credential, its rights or a setting is wrong: a person must set it right.
    Misconfigured,
    /// Something ran, nobody knows how far.
    MayHaveRun,
}

impl Meaning {
    /// The class of a failed call with this effect, if the answer says to wait so long.
    pub(super) fn class(self, effect: Effect, said: Option<Duration>) -> Class {
        let said = said.map(|wait| wait.min(LONGEST_WAIT));
        match (self, effect) {
            (Self::Closed(seconds), _) => Class::Retry { after: said.or(Some(Duration::from_secs(seconds))) },
            (Self::NothingRan, _) | (Self::MayHaveRun, Effect::Repeatable) => Class::Retry { after: said },
            (Self::MayHaveRun, Effect::Once) => Class::Unknown,
            (Self::Refused, _) => Class::Permanent,
            (Self::Misconfigured, _) => Class::Credential,
        }
    }
}

impl Effect {
    /// A call that got no answer.
    pub(super) fn unanswered(self, unsent: Unsent) -> Failure {
        let failure = Failure::from(unsent);
        match (failure.class, self) {
            (Class::Unknown, Self::Repeatable) => Failure::retry(failure.code),
            _ => failure,
        }
    }

    /// An answer of success that does not say what came of it: HTML, or half of one.
    pub(super) fn unreadable(self) -> Failure {
        Failure::new(Meaning::MayHaveRun.class(self, None), "unreadable_answer")
    }
}

/// Whether the body is a page of whatever stands before a CRM.
pub(super) fn is_page(reply: &Reply) -> bool {
    reply.body.trim_ascii_start().first() == Some(&b'<')
}

/// How long the answer says to wait (RFC 9110, 10.2.3).
pub(super) fn retry_after(reply: &Reply) -> Option<Duration> {
    reply.seconds_header("retry-after")
}
