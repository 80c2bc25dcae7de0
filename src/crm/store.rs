//! What the CRM should know (intents) and which of its records are ours (links).
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::CrmKind;
use crate::{
    ids::{ClientId, ConnectionId, ConversationId, IntentId},
    job::{Job, NewJob, lane},
    store::{StoreError, Tx},
    vendor::Failure,
};

/// A wish that the CRM know something. Rendered from the domain when it is carried out, never frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// A client's record, as the client is now.
    EnsureClient,
    /// One message of the log.
    RecordMessage,
    /// Where a booking stands.
    RecordBooking,
}

impl Wish {
    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EnsureClient => "ensure_client",
            Self::RecordMessage => "record_message",
            Self::RecordBooking => "record_booking",
        }
    }
}

/// An intent, as its worker reads it.
#[derive(Debug, Clone, FromRow)]
pub struct Intent {
    /// Id.
    pub id: IntentId,
    /// At which CRM.
    pub connection_id: ConnectionId,
    /// What should be known.
    pub kind: String,
    /// About which row.
    pub subject_id: Uuid,
    /// Which version of it.
    pub subject_version: i64,
    /// `pending`, `sending`, `done`, `unknown`, `failed`.
    pub state: String,
    /// When the CRM was last called for it.
    pub updated_at: DateTime<Utc>,
}

/// What a message or a booking says, for the CRM.
#[derive(Debug, Clone, FromRow)]
pub struct Subject {
    /// Whose.
    pub client_id: Option<ClientId>,
    /// In which talk.
    pub conversation_id: Option<ConversationId>,
    /// `in` or `out` for a message.
    pub direction: String,
    /// A message's content, or a booking's facts.
    pub content: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

impl Tx {
    /// Has every active CRM connection of the tenant told. The same wish about the same version of the same row is one intent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tell_crm(&mut self, wish: Wish, subject: Uuid, version: i64, client: ClientId) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        let kinds: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let connections: Vec<ConnectionId> = sqlx::query_scalar(
            "select id from connection where kind = any ($1) and coalesce((settings ->> 'enabled')::boolean, true)",
        )
        .bind(kinds)
        .fetch_all(self.conn())
        .await?;
        for connection in connections {
            let id: IntentId = self.new_id();
            let made = sqlx::query(
                "insert into crm_intent (id, tenant_id, connection_id, kind, subject_id, subject_version, state, created_at, updated_at)
                 values ($1, $2, $3, $4, $5, $6, 'pending', $7, $7) on conflict do nothing",
            )
            .bind(id)
            .bind(tenant)
            .bind(connection)
            .bind(wish.as_str())
            .bind(subject)
            .bind(version)
            .bind(now)
            .execute(self.conn())
            .await?;
            if made.rows_affected() > 0 {
                // One client's records go one at a time: two parallel look-ups would both create.
                self.enqueue(NewJob::new(Job::SyncCrm { intent: id }).in_lane(lane("crm", connection.0, &client.to_string())))
                    .await?;
            }
        }
        Ok(())
    }

    /// Reads an intent and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intent(&mut self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        Ok(sqlx::query_as("select id, connection_id, kind, subject_id, subject_version, state, updated_at from crm_intent where id = $1 for update")
            .bind(id)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Moves an intent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle_intent(&mut self, id: IntentId, state: &str, failure: Option<&Failure>) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(
            "update crm_intent set state = $2, error_class = $3, error_code = $4, attempts = attempts + case when $2 = 'sending' then 1 else 0 end, updated_at = $5
             where id = $1",
        )
        .bind(id)
        .bind(state)
        .bind(failure.map(|failure| failure.class.as_str()))
        .bind(failure.map(|failure| failure.code.as_ref()))
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Their id for one of our rows.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn link(&mut self, connection: ConnectionId, entity: &str, ours: Uuid) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar("select their_id from crm_link where connection_id = $1 and entity = $2 and our_id = $3")
            .bind(connection)
            .bind(entity)
            .bind(ours)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Notes their id for one of our rows.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_link(&mut self, connection: ConnectionId, entity: &str, ours: Uuid, theirs: &str) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        sqlx::query(
            "insert into crm_link (tenant_id, connection_id, entity, our_id, their_id, created_at) values ($1, $2, $3, $4, $5, $6)
             on conflict (connection_id, entity, our_id) do update set their_id = excluded.their_id",
        )
        .bind(tenant)
        .bind(connection)
        .bind(entity)
        .bind(ours)
        .bind(theirs)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Which of these ids of theirs are linked already.
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

    /// A message of the log, for the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn message_subject(&mut self, id: Uuid) -> Result<Option<Subject>, StoreError> {
        Ok(sqlx::query_as("select client_id, conversation_id, direction, content, created_at as at from message where id = $1")
            .bind(id)
            .fetch_optional(self.conn())
            .await?)
    }

    /// Where a booking stands, for the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn booking_subject(&mut self, id: Uuid) -> Result<Option<Subject>, StoreError> {
        Ok(sqlx::query_as(
            "select b.client_id, b.conversation_id, 'out' as direction, b.updated_at as at,
               jsonb_build_object('status', b.status, 'start', b.start_at, 'service', s.titles, 'staff', f.name) as content
             from booking b left join service s on s.id = b.service_id left join staff f on f.id = b.staff_id where b.id = $1",
        )
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }
}
