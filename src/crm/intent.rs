//! What a CRM should know: one intent for each wish, connection and version of the subject. Rendered when it is carried out, never frozen.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Days, NaiveDate, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::{CrmKind, Transcript, crm};
use crate::{
    ids::{ClientId, ConnectionId, ConversationId, IntentId},
    job::{Job, NewJob, lane},
    store::{StoreError, Tx},
    vendor::{Failure, Rate},
};

macro_rules! wishes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A wish that the CRM know something.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Wish { $($(#[$doc])* $name),+ }

        impl Wish {
            /// The name in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            pub(super) fn named(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

wishes! {
    /// A client's record, as the client is now.
    EnsureClient = "ensure_client",
    /// One message of the log, where the CRM has an inbox.
    RecordMessage = "record_message",
    /// Where a booking stands.
    RecordBooking = "record_booking",
    /// Somebody filled in a form.
    RecordEnquiry = "record_enquiry",
    /// A referral brought a client into a chat.
    RecordTouch = "record_touch",
    /// A day's talk, where the CRM has no inbox. The version is the day.
    AppendTranscript = "append_transcript",
    /// Somebody at the salon has to do something about a booking.
    CreateTask = "create_task",
}

/// An intent, as its worker reads it.
#[derive(Debug, Clone, FromRow)]
pub struct Intent {
    /// Id.
    pub id: IntentId,
    /// At which connection.
    pub connection_id: ConnectionId,
    /// Which CRM that is.
    connection_kind: String,
    per_second: Option<i64>,
    /// What should be known.
    kind: String,
    /// About which row.
    pub subject_id: Uuid,
    /// Which version of it.
    pub subject_version: i64,
    /// `pending`, `sending`, `done`, `unknown`, `failed`, `parked`, `moved`.
    pub state: String,
    /// When the CRM was last called for it.
    pub updated_at: DateTime<Utc>,
}

impl Intent {
    /// What should be known.
    ///
    /// # Errors
    /// When the row says what this build does not know.
    pub fn wish(&self) -> Result<Wish, StoreError> {
        Wish::named(&self.kind).ok_or(StoreError::Corrupt("crm_intent.kind"))
    }

    /// How often its CRM may be called.
    ///
    /// # Errors
    /// When the row says what this build does not know.
    pub fn rate(&self) -> Result<Rate, StoreError> {
        let told = self.per_second.and_then(|count| u32::try_from(count).ok());
        Ok(crm(self.crm()?).capabilities().rate.or_as_told(told))
    }

    /// True if a job that runs for it has something to do. A refused one has a dead letter: when a job comes all the same, that was
    /// replayed, or the run before this one died between the two.
    pub fn is_to_be_told(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "sending" | "failed")
    }

    /// Of which day's talk it is, where the version of its subject is a day.
    pub fn day(&self) -> Option<NaiveDate> {
        day_of(self.subject_version)
    }

    /// Which CRM is told.
    ///
    /// # Errors
    /// When the row says what this build does not know.
    pub fn crm(&self) -> Result<CrmKind, StoreError> {
        self.connection_kind.parse().map_err(|_| StoreError::Corrupt("connection.kind"))
    }
}

/// A connection that is told, and how.
#[derive(Debug, FromRow)]
struct Listener {
    id: ConnectionId,
    kind: String,
    transcripts: bool,
}

/// One client's records go one at a time: two parallel look-ups would both create.
pub(super) fn client_lane(connection: ConnectionId, client: ClientId) -> Uuid {
    lane("crm", connection.0, &client.to_string())
}

/// A day's talk is not in its client's lane: a job that waits for the night would hold up what follows it there.
pub(super) fn talk_lane(connection: ConnectionId, conversation: ConversationId) -> Uuid {
    lane("crm-talk", connection.0, &conversation.to_string())
}

/// The day that the version of a day's talk is; none for what is no day.
pub(super) fn day_of(version: i64) -> Option<NaiveDate> {
    NaiveDate::default().checked_add_days(Days::new(u64::try_from(version).ok()?))
}

const INTENT: &str =
    "select i.id, i.connection_id, c.kind as connection_kind, (c.settings ->> 'per_second')::bigint as per_second, i.kind, i.subject_id, i.subject_version, i.state, i.updated_at
   from crm_intent i join connection c on c.id = i.connection_id";

impl Tx {
    /// Has every CRM in use told. The same wish about the same version of the same row is one intent.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tell_crm(&mut self, wish: Wish, subject: Uuid, version: i64, client: ClientId) -> Result<(), StoreError> {
        for listener in self.listeners().await? {
            let kind: CrmKind = listener.kind.parse().map_err(|_| StoreError::Corrupt("connection.kind"))?;
            match (wish, listener.transcripts, crm(kind).capabilities().transcript) {
                (Wish::RecordMessage, false, _) => {}
                (Wish::RecordMessage, true, Transcript::Daily) => self.tell_at_days_end(listener.id, subject).await?,
                _ => {
                    let lane = client_lane(listener.id, client);
                    self.intend(listener.id, wish, subject, version, |job| job.in_lane(lane)).await?;
                }
            }
        }
        Ok(())
    }

    /// Has one CRM told again of what it was told before.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn tell_again(
        &mut self,
        connection: ConnectionId,
        wish: Wish,
        subject: Uuid,
        client: ClientId,
    ) -> Result<(), StoreError> {
        let lane = client_lane(connection, client);
        // No version of the subject: below zero, and never the same twice.
        let version = -self.now().timestamp_micros();
        self.intend(connection, wish, subject, version, |job| job.in_lane(lane)).await
    }

    /// Whether something about this row has yet to be told to this CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_being_told(&mut self, connection: ConnectionId, subject: Uuid) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar(
            "select exists (select from crm_intent where connection_id = $1 and subject_id = $2 and state in ('pending', 'sending', 'parked'))",
        )
        .bind(connection)
        .bind(subject)
        .fetch_one(self.conn())
        .await?)
    }

    async fn listeners(&mut self) -> Result<Vec<Listener>, StoreError> {
        let kinds: Vec<&str> = CrmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Ok(sqlx::query_as(
            "select id, kind, coalesce((settings ->> 'transcripts')::boolean, true) as transcripts from connection
             where kind = any ($1) and coalesce((settings ->> 'enabled')::boolean, true) order by kind",
        )
        .bind(kinds)
        .fetch_all(self.conn())
        .await?)
    }

    /// A day's messages of one talk are one intent, which is carried out when the day is over where the salon is.
    async fn tell_at_days_end(&mut self, connection: ConnectionId, message: Uuid) -> Result<(), StoreError> {
        let Some((conversation, day)) = self.day_of_message(message).await? else { return Ok(()) };
        let Some(date) = day_of(day) else { return Ok(()) };
        let after = self.after_day(date).await?;
        let lane = talk_lane(connection, conversation);
        self.intend(connection, Wish::AppendTranscript, conversation.0, day, |job| job.in_lane(lane).run_at(after)).await
    }

    /// In which talk a message stands, and on which day where the salon is, counted from 1970.
    pub(super) async fn day_of_message(&mut self, message: Uuid) -> Result<Option<(ConversationId, i64)>, StoreError> {
        Ok(sqlx::query_as(
            "select m.conversation_id, ((m.created_at at time zone t.zone)::date - date '1970-01-01')::bigint
             from message m join tenant t on t.id = m.tenant_id where m.id = $1",
        )
        .bind(message)
        .fetch_optional(self.conn())
        .await?)
    }

    /// When a day is surely over where the salon is.
    pub(super) async fn after_day(&mut self, day: NaiveDate) -> Result<DateTime<Utc>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_scalar("select (($2 + 1)::timestamp at time zone zone) + interval '10 minutes' from tenant where id = $1")
            .bind(tenant)
            .bind(day)
            .fetch_one(self.conn())
            .await?)
    }

    async fn intend(
        &mut self,
        connection: ConnectionId,
        wish: Wish,
        subject: Uuid,
        version: i64,
        how: impl FnOnce(NewJob) -> NewJob,
    ) -> Result<(), StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
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
            self.enqueue(how(NewJob::new(Job::SyncCrm { intent: id }))).await?;
        }
        Ok(())
    }

    /// Reads an intent and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn intent(&mut self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{INTENT} where i.id = $1 for update of i"));
        Ok(sqlx::query_as(sql).bind(id).fetch_optional(self.conn()).await?)
    }

    /// Changes an intent's state. One that was moved to another CRM stays so, unless it turns out that this one was told after all.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn settle_intent(&mut self, id: IntentId, state: &str, failure: Option<&Failure>) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(
            "update crm_intent set state = $2, error_class = $3, error_code = $4, attempts = attempts + case when $2 = 'sending' then 1 else 0 end, updated_at = $5
             where id = $1 and (state <> 'moved' or $2 = 'done')",
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
}
