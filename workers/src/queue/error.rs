//! How a handler says that its job is not done.

use std::{fmt, time::Duration};

use salon_core::{
    store::StoreError,
    vendor::{Class, Failure, Quote},
};

/// Why a job is not done, and what follows.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Again, with the job's own back-off.
    #[error("{0}")]
    Retry(Cause),
    /// Again after this long; not the job's fault, so not an attempt (a vendor's waiting time, our own pacing).
    #[error("{why}")]
    Later {
        /// How long to wait.
        after: Duration,
        /// Why.
        why: Cause,
    },
    /// Never again without an operator.
    #[error("{0}")]
    Dead(Cause),
}

/// Why a run failed: what is logged and kept, and beside it what a vendor answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// In words.
    pub text: String,
    /// The vendor's answer, if that is why.
    pub answer: Option<Quote>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self { text, answer: None }
    }
}

impl From<&str> for Cause {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<&Failure> for Cause {
    fn from(failure: &Failure) -> Self {
        Self { text: failure.to_string(), answer: failure.quote.clone() }
    }
}

impl JobError {
    /// What is stored can't be read. Not with serde's own text: it repeats the value, which may be what a client wrote, and the reason
    /// of a dead letter is shown and logged.
    pub fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self::Dead(format!("{what} can't be read: {}", category(error)).into())
    }
}

/// What is wrong with the JSON, without a word of it.
pub(crate) fn category(error: &serde_json::Error) -> &'static str {
    use serde_json::error::Category;
    match error.classify() {
        Category::Io => "no input",
        Category::Syntax => "not JSON",
        Category::Data => "wrong shape",
        Category::Eof => "cut off",
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Corrupt(_) | StoreError::Seal(_) => Self::Dead(error.to_string().into()),
            _ => Self::Retry(error.to_string().into()),
        }
    }
}

/// For calls that may be repeated freely (reads). Whoever changes something at a vendor treats [`Class::Unknown`] before this.
impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        let why = Cause::from(&failure);
        match failure.class {
            Class::Retry { after: Some(after) } => Self::Later { after, why },
            Class::Retry { after: None } | Class::Unknown => Self::Retry(why),
            Class::Permanent | Class::Unreachable | Class::NeedsTemplate | Class::Credential => Self::Dead(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_value_is_not_repeated() {
        let error = serde_json::from_str::<u64>("\"+79161234567\"").unwrap_err();
        assert!(error.to_string().contains("79161234567"), "else there is nothing to hide");
        assert_eq!(JobError::unreadable("stored event", &error).to_string(), "stored event can't be read: wrong shape");
    }
}
