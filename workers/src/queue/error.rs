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
