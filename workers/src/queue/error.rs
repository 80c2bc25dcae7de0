//! How a handler says that its job is not done.

use std::time::Duration;

use salon_core::{
    store::StoreError,
    vendor::{Class, Failure},
};

/// Why a job is not done, and what follows.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Again, with the job's own back-off.
    #[error("{0}")]
    Retry(String),
    /// Again after this long; not the job's fault, so not an attempt (a vendor's waiting time, our own pacing).
    #[error("{why}")]
    Later {
        /// How long to wait.
        after: Duration,
        /// Why.
        why: String,
    },
    /// Never again without an operator.
    #[error("{0}")]
    Dead(String),
}

impl JobError {
    /// What is stored can't be read. Not with serde's own text: it repeats the value, which may be what a client wrote, and the reason
    /// of a dead letter is shown and logged.
    pub fn unreadable(what: &str, error: &serde_json::Error) -> Self {
        Self::Dead(format!("{what} can't be read: {}", category(error)))
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
            StoreError::Corrupt(_) | StoreError::Seal(_) => Self::Dead(error.to_string()),
            _ => Self::Retry(error.to_string()),
        }
    }
}

/// For calls that may be repeated freely (reads). Whoever changes something at a vendor treats [`Class::Unknown`] before this.
impl From<Failure> for JobError {
    fn from(failure: Failure) -> Self {
        match failure.class {
            Class::Retry { after: Some(after) } => Self::Later { after, why: failure.to_string() },
            Class::Retry { after: None } | Class::Unknown => Self::Retry(failure.to_string()),
            Class::Permanent | Class::Unreachable | Class::NeedsTemplate | Class::Credential => Self::Dead(failure.to_string()),
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
