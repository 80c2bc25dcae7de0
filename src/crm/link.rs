//! Which of a CRM's records are ours.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::{
    crypto::sha256,
    ids::{ConnectionId, ConversationId},
    store::{StoreError, Tx},
};

/// A record of theirs that is one of our rows.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Link {
    /// Their id.
    pub their_id: String,
    /// A digest of what was told last; none if it is not known.
    pub told: Option<Vec<u8>>,
}

/// A digest of a card: the same card need not be told twice, and what comes back unchanged is our own.
pub fn digest(card: &impl Serialize) -> Vec<u8> {
    // Cards hold nothing that JSON can't.
    serde_json::to_vec(card).map(|bytes| sha256(&bytes).to_vec()).unwrap_or_default()
}

impl Tx {
    /// Their record for one of our rows; none if there is none, or no more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn link(&mut self, connection: ConnectionId, entity: &str, ours: Uuid) -> Result<Option<Link>, StoreError> {
        let sql =
            "select their_id, told from crm_link where connection_id = $1 and entity = $2 and our_id = $3 and gone_at is null";
        Ok(sqlx::query_as(sql).bind(connection).bind(entity).bind(ours).fetch_optional(self.conn()).await?)
    }

    /// Notes their record for one of our rows, and what was told of it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_link(
        &mut self,
        connection: ConnectionId,
        entity: &str,
        ours: Uuid,
        theirs: &str,
        told: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sqlx::query(
            "insert into crm_link (tenant_id, connection_id, entity, our_id, their_id, told, told_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, $7)
             on conflict (connection_id, entity, our_id) do update set their_id = excluded.their_id, told = excluded.told,
               told_at = excluded.told_at, gone_at = null",
        )
        .bind(tenant)
        .bind(connection)
        .bind(entity)
        .bind(ours)
        .bind(theirs)
        .bind(told)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Notes that a record of theirs is no more. What is told next looks for another one, or makes it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn link_gone(&mut self, connection: ConnectionId, entity: &str, theirs: &str) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(
            "update crm_link set gone_at = $4 where connection_id = $1 and entity = $2 and their_id = $3 and gone_at is null",
        )
        .bind(connection)
        .bind(entity)
        .bind(theirs)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Forgets what was told of a row, so that it is told again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn forget_told(&mut self, connection: ConnectionId, entity: &str, ours: Uuid) -> Result<(), StoreError> {
        sqlx::query("update crm_link set told = null where connection_id = $1 and entity = $2 and our_id = $3")
            .bind(connection)
            .bind(entity)
            .bind(ours)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Our row behind a record of theirs.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn linked(&mut self, connection: ConnectionId, entity: &str, theirs: &str) -> Result<Option<Uuid>, StoreError> {
        let sql =
            "select our_id from crm_link where connection_id = $1 and entity = $2 and their_id = $3 and gone_at is null limit 1";
        Ok(sqlx::query_scalar(sql).bind(connection).bind(entity).bind(theirs).fetch_optional(self.conn()).await?)
    }

    /// Their ids of notes that stand for messages of this talk already.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn linked_messages(
        &mut self,
        connection: ConnectionId,
        conversation: ConversationId,
    ) -> Result<Vec<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "select l.their_id from crm_link l join message m on m.id = l.our_id where l.connection_id = $1 and l.entity = 'message' and m.conversation_id = $2",
        )
        .bind(connection)
        .bind(conversation)
        .fetch_all(self.conn())
        .await?)
    }
}
