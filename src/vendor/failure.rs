//! Every failure of a vendor falls into one of these classes; what happens next follows from the class alone.

use std::{borrow::Cow, time::Duration};

use super::{HttpError, Quote, Reply};

/// What a failed call means for the work it was part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing was done; the same call may succeed later. With a time stated by the vendor, waiting it out is a delay and not an
    /// attempt; without one, the ordinary back-off applies and the attempt counts.
    Retry {
        /// The vendor's own figure, if it gave one.
        after: Option<Duration>,
    },
    /// Nothing was done, and the same call will never succeed.
    Permanent,
    /// This person can't be reached at this address (blocked us, never started, gone): try another channel.
    Unreachable,
    /// Free text is not allowed now; an approved template would be.
    NeedsTemplate,
    /// The credential is refused: stop the account, tell the salon.
    Credential,
    /// The request was written and no answer came: the work may be done. Look before doing it again.
    Unknown,
}

impl Class {
    /// The class as it is stored and counted: a fixed, small set.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry { .. } => "retry",
            Self::Permanent => "permanent",
            Self::Unreachable => "unreachable",
            Self::NeedsTemplate => "needs_template",
            Self::Credential => "credential",
            Self::Unknown => "unknown",
        }
    }
}

/// A classified failure. `code` is the vendor's own code or a short name of ours: never a person's data, never a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} ({code})", class.as_str())]
pub struct Failure {
    /// What it means.
    pub class: Class,
    /// What it was.
    pub code: Cow<'static, str>,
    /// What the vendor answered, as far as it may be shown. No part of what the failure is: two failures are equal without it.
    pub quote: Option<Quote>,
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        (self.class, &self.code) == (other.class, &other.code)
    }
}

impl Eq for Failure {}

impl Failure {
    /// A failure of this class.
    pub fn new(class: Class, code: impl Into<Cow<'static, str>>) -> Self {
        Self { class, code: code.into(), quote: None }
    }

    /// The same, with what the vendor answered.
    #[must_use]
    pub fn quoting(self, reply: &Reply) -> Self {
        Self { quote: Some(Quote::of(reply)), ..self }
    }

    /// Retry with the ordinary back-off.
    pub fn retry(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::Retry { after: None }, code)
    }

    /// Never again.
    pub fn permanent(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::Permanent, code)
    }

    /// May have happened.
    pub fn unknown(code: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Class::Unknown, code)
    }
}

/// The class of a call that got no answer at all.
impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Refused(_) => Self::permanent("address_refused"),
            HttpError::NotSent => Self::retry("not_sent"),
            HttpError::NotTrusted => Self::retry("certificate_not_trusted"),
            HttpError::NoAnswer => Self::unknown("no_answer"),
            HttpError::AnswerTooLarge => Self::unknown("answer_too_large"),
        }
    }
}
