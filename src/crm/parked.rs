//! Intents that wait for a person's word on which of several records a client is.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use sqlx::FromRow;

use super::intent::client_lane;
use crate::{
    ids::{ClientId, ConnectionId, IntentId},
    job::{Job, NewJob},
    store::{StoreError, Tx},
};

/// An intent that waits for somebody to say which of several records a person is.
#[derive(Debug, Clone, FromRow)]
pub struct Parked {
    /// Whose record.
    pub client_id: ClientId,
    /// At which connection.
    pub connection_id: ConnectionId,
    /// Which CRM that is.
    pub kind: String,
    /// Their ids to choose from.
    pub candidates: Vec<String>,
    /// How many intents wait.
    pub waiting: i64,
}

impl Tx {
    /// Sets an intent aside until somebody says which of these records the client is ([`Tx::unpark`]).
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn park_intent(&mut self, id: IntentId, client: ClientId, candidates: &[String]) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update crm_intent set state = 'parked', parked_for = $2, candidates = $3, updated_at = $4 where id = $1 and state <> 'moved'")
            .bind(id)
            .bind(client)
            .bind(candidates)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Whether an intent of this client is set aside at this connection: what follows it must wait too.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn candidates_of(&mut self, connection: ConnectionId, client: ClientId) -> Result<Option<Vec<String>>, StoreError> {
        Ok(sqlx::query_scalar(
            "select candidates from crm_intent where connection_id = $1 and parked_for = $2 and state = 'parked' order by id limit 1",
        )
        .bind(connection)
        .bind(client)
        .fetch_optional(self.conn())
        .await?)
    }

    /// Every client of the tenant who waits for somebody to say which record they are.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn parked(&mut self) -> Result<Vec<Parked>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select p.client_id, p.connection_id, c.kind, f.candidates, p.waiting
             from (select parked_for as client_id, connection_id, (array_agg(id order by id))[1] as first, count(*) as waiting
                   from crm_intent where tenant_id = $1 and state = 'parked' group by 1, 2) p
               join connection c on c.id = p.connection_id join crm_intent f on f.id = p.first order by p.first",
        )
        .bind(tenant)
        .fetch_all(self.conn())
        .await?)
    }

    /// Carries out what was set aside for a client, in its order. Returns how many.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn unpark(&mut self, connection: ConnectionId, client: ClientId) -> Result<usize, StoreError> {
        let now = self.now();
        let mut ids: Vec<IntentId> = sqlx::query_scalar(
            "update crm_intent set state = 'pending', candidates = '{}', updated_at = $3
             where connection_id = $1 and parked_for = $2 and state = 'parked' returning id",
        )
        .bind(connection)
        .bind(client)
        .bind(now)
        .fetch_all(self.conn())
        .await?;
        ids.sort_unstable();
        let lane = client_lane(connection, client);
        for id in &ids {
            self.enqueue(NewJob::new(Job::SyncCrm { intent: *id }).in_lane(lane)).await?;
        }
        Ok(ids.len())
    }
}
