//! What can go wrong between us and the database.

use crate::{
    crypto::SealError,
    error::{Code, Problem},
};

/// A failed read or write. The text may name tables and columns: it is for logs, never for a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or could not be reached.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A stored value is not what we store there.
    #[error("stored {0} can't be read")]
    Corrupt(&'static str),
    /// A credential can't be opened.
    #[error("credential: {0}")]
    Seal(#[from] SealError),
    /// The database role breaks the promise that tenants are kept apart.
    #[error("the role of DATABASE_URL {0}: run under a role that owns nothing and cannot bypass row-level security")]
    Role(&'static str),
}

impl StoreError {
    /// True if the failure is a violation of this constraint.
    pub fn violates(&self, constraint: &str) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(error)) if error.constraint() == Some(constraint))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "store");
        match error {
            StoreError::Database(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::PoolClosed) => {
                Code::Unavailable.into()
            }
            _ => Code::Internal.into(),
        }
    }
}
