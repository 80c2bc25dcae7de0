//! Whether an account at a vendor is used.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use serde_json::json;
use sqlx::AssertSqlSafe;
use url::Url;
use uuid::Uuid;

use super::store::audit;
use crate::store::{StoreError, Tx};

/// Why an account that the tenant file no longer names is out of use.
pub(super) const REMOVED: &str = "no longer in the tenant file";

/// Whether an account is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Active,
    /// It is not, until somebody sees to it.
    Broken {
        /// Why, without anything secret.
        reason: String,
    },
}

impl Status {
    pub(super) fn read(status: &str, reason: Option<String>) -> Self {
        match status {
            "active" => Self::Active,
            _ => Self::Broken { reason: reason.unwrap_or_default() },
        }
    }

    /// True if the account is out of use because the tenant file no longer names it.
    pub fn is_removed(&self) -> bool {
        matches!(self, Self::Broken { reason } if reason == REMOVED)
    }

    /// True if the account is used.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

/// Which of a salon's accounts: messengers' are one table, the calendar and CRMs another.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    ChannelAccount,
    Connection,
}

impl Table {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ChannelAccount => "channel_account",
            Self::Connection => "connection",
        }
    }

    /// False if it had stopped already.
    pub(super) async fn stop(self, tx: &mut Tx, id: Uuid, reason: &str) -> Result<bool, StoreError> {
        let (table, now) = (self.as_str(), tx.now());
        let sql = format!(
            "update {table} set status = 'broken', broken_reason = $2, updated_at = $3 where id = $1 and status = 'active'"
        );
        let changed = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(reason).bind(now).execute(tx.conn()).await?;
        noted(tx, changed.rows_affected(), &format!("{table}.broken"), id, Some(reason)).await
    }

    /// False if it worked already.
    pub(super) async fn mend(self, tx: &mut Tx, id: Uuid) -> Result<bool, StoreError> {
        let (table, now) = (self.as_str(), tx.now());
        let sql = format!(
            "update {table} set status = 'active', broken_reason = null, updated_at = $2 where id = $1 and status = 'broken'"
        );
        let changed = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(now).execute(tx.conn()).await?;
        noted(tx, changed.rows_affected(), &format!("{table}.mended"), id, None).await
    }
}

/// Writes a change of a status to the audit log, if there was one. Returns whether there was.
pub(super) async fn noted(
    tx: &mut Tx,
    changed: u64,
    action: &str,
    subject: Uuid,
    reason: Option<&str>,
) -> Result<bool, StoreError> {
    if changed > 0 {
        audit(tx, "system", action, &subject.to_string(), &json!({ "reason": reason })).await?;
    }
    Ok(changed > 0)
}

/// Without a trailing slash in its path, as the adapters want it.
pub(super) fn address(text: &str) -> Result<Url, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt("base_url"))
}
