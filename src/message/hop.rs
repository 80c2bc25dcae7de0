//! From one channel to the next: which others a client can be reached in.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use sqlx::FromRow;

use super::Outgoing;
use crate::{
    ids::{ChannelAccountId, ClientId, ConversationId, MessageId},
    store::{StoreError, Tx},
};

/// A channel in which a client has a chat and lets us write.
#[derive(Debug, Clone, FromRow)]
pub struct Way {
    /// The chat.
    pub conversation_id: ConversationId,
    /// The account it goes through.
    pub channel_account_id: ChannelAccountId,
}

impl Tx {
    /// The ways to a client, best first: in the salon's own order, then by where the client last wrote. Accounts out of use and clients who
    /// forbade it are no ways.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn ways_to(&mut self, client: ClientId) -> Result<Vec<Way>, StoreError> {
        Ok(sqlx::query_as(
            "select c.id as conversation_id, c.channel_account_id
             from conversation c join channel_account a on a.id = c.channel_account_id join tenant t on t.id = c.tenant_id
             where c.client_id = $1 and a.status = 'active'
               and exists (select from client_identity i
                           where i.channel_account_id = c.channel_account_id and i.client_id = c.client_id and i.reachable)
             order by array_position(t.fallback_order, a.name) nulls last, c.last_inbound_at desc nulls last",
        )
        .bind(client)
        .fetch_all(self.conn())
        .await?)
    }

    /// The accounts through which a message was tried already, itself included.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tried(&mut self, message: &Outgoing) -> Result<Vec<ChannelAccountId>, StoreError> {
        let first = message.hop_of.unwrap_or(message.id);
        Ok(sqlx::query_scalar("select channel_account_id from message where id = $1 or hop_of = $1")
            .bind(first)
            .fetch_all(self.conn())
            .await?)
    }

    /// Takes a message that still waits out of the way: another channel has taken it over. False if it does not wait any more.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn give_way(&mut self, id: MessageId) -> Result<bool, StoreError> {
        let now = self.now();
        let done = sqlx::query("update message set state = 'superseded', updated_at = $2 where id = $1 and state = 'queued'")
            .bind(id)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(done.rows_affected() > 0)
    }
}
