//! How much of what the CRMs were to be told never will be, unless somebody sees to it.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use sqlx::FromRow;

use crate::store::{StoreError, Tx};

/// What one CRM was not told.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Untold {
    /// Which CRM.
    pub kind: String,
    /// So many it refused, or were given up.
    pub failed: i64,
    /// Of so many nobody knows.
    pub unknown: i64,
}

impl Tx {
    /// What the tenant's CRMs were not told, counted.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn untold(&mut self) -> Result<Vec<Untold>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select c.kind, count(*) filter (where i.state = 'failed') as failed, count(*) filter (where i.state = 'unknown') as unknown
             from crm_intent i join connection c on c.id = i.connection_id
             where i.tenant_id = $1 and i.state in ('failed', 'unknown') group by 1 order by 1",
        )
        .bind(tenant)
        .fetch_all(self.conn())
        .await?)
    }
}
