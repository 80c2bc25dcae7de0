//! Talks that a CRM's inbox holds as well, and up to when it was read.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use super::{CrmKind, crm};
use crate::{
    ids::{ConnectionId, ConversationId},
    store::{StoreError, Tx},
};

/// A talk in which nobody wrote for so long is no longer looked for in the inbox.
pub const INBOX_ACTIVE: TimeDelta = TimeDelta::days(3);

/// The CRMs in whose inbox clients are answered.
pub fn inboxes() -> impl Iterator<Item = CrmKind> {
    CrmKind::ALL.iter().copied().filter(|kind| crm(*kind).capabilities().inbox)
}

/// A talk with us, and in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct InboxTalk {
    /// With us.
    pub ours: ConversationId,
    /// Their id of it.
    pub theirs: String,
}

impl Tx {
    /// Up to when the inbox was read, locked until this transaction ends: who reads it meanwhile waits. `otherwise` if it never was.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn lock_inbox(&mut self, connection: ConnectionId, otherwise: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
        let tenant = self.tenant();
        // An update that changes nothing is what locks the row that is there, and returns it.
        Ok(sqlx::query_scalar(
            "insert into crm_watermark as w (tenant_id, connection_id, entity, read_until) values ($1, $2, 'inbox', $3)
             on conflict (connection_id, entity) do update set read_until = w.read_until returning read_until",
        )
        .bind(tenant)
        .bind(connection)
        .bind(otherwise)
        .fetch_one(self.conn())
        .await?)
    }

    /// Notes that the inbox was read up to then. Never goes back.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inbox_read(&mut self, connection: ConnectionId, until: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("update crm_watermark set read_until = $2 where connection_id = $1 and entity = 'inbox' and read_until < $2")
            .bind(connection)
            .bind(until)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// The talks of an inbox in which somebody wrote since then, the latest first, and no more than `most`.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn inbox_talks(
        &mut self,
        connection: ConnectionId,
        since: DateTime<Utc>,
        most: i64,
    ) -> Result<Vec<InboxTalk>, StoreError> {
        Ok(sqlx::query_as(
            "select l.our_id as ours, l.their_id as theirs from crm_link l join conversation v on v.id = l.our_id
             where l.connection_id = $1 and l.entity = 'conversation' and l.gone_at is null and v.updated_at >= $2
             order by v.updated_at desc limit $3",
        )
        .bind(connection)
        .bind(since)
        .bind(most)
        .fetch_all(self.conn())
        .await?)
    }
}
