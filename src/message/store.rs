//! The message log's rows.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::FromRow;

use crate::{
    client::Contact,
    dialogue::Screen,
    ids::{BookingId, ChannelAccountId, ClientId, ConversationId, InboundEventId, MessageId, ReminderId},
    job::{Job, NewJob, WorkClass, lane},
    store::{StoreError, Tx},
    vendor::Failure,
};

/// An answer that comes a day late is worse than none.
const ANSWER_KEEPS: TimeDelta = TimeDelta::hours(24);

/// A message about to be sent.
#[derive(Debug, Clone)]
pub struct NewOutgoing<'a> {
    /// What it shows.
    pub screen: &'a Screen,
    /// `answer`, `reminder` or `notice`: decides how urgent it is.
    pub kind: &'static str,
    /// The visit it is about.
    pub booking: Option<BookingId>,
    /// The reminder it carries out.
    pub reminder: Option<ReminderId>,
    /// From when on it makes no sense any more. None: a day from now.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A message to be sent, as its worker reads it.
#[derive(Debug, Clone, FromRow)]
pub struct Outgoing {
    /// Id.
    pub id: MessageId,
    /// The talk.
    pub conversation_id: ConversationId,
    /// To whom.
    pub client_id: ClientId,
    /// Through which account.
    pub channel_account_id: ChannelAccountId,
    /// What kind.
    pub kind: String,
    /// What it shows.
    pub content: Value,
    /// Where it stands.
    pub state: String,
    /// How often a send was begun.
    pub attempts: i32,
    /// How often it was sent again although it may have arrived.
    pub resends: i32,
    /// The visit it is about.
    pub booking_id: Option<BookingId>,
    /// The reminder it carries out.
    pub reminder_id: Option<ReminderId>,
    /// From when on it makes no sense any more.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub enum Outcome<'a> {
    /// The vendor took it.
    Sent {
        /// The vendor's id.
        vendor_message_id: &'a str,
    },
    /// Not sent yet: back to waiting.
    Waiting(&'a Failure),
    /// It will not be sent.
    Failed(&'a Failure),
    /// It may have been sent, and is not sent again.
    Unknown(&'a Failure),
    /// Its time has passed.
    Expired,
    /// What it would say is no longer so.
    Superseded,
}

impl Tx {
    /// Writes a message and the job that sends it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn say(&mut self, contact: &Contact, new: NewOutgoing<'_>) -> Result<MessageId, StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<MessageId>());
        let content = serde_json::to_value(new.screen).map_err(|_| StoreError::Corrupt("screen"))?;
        let expires_at = new.expires_at.unwrap_or(now + ANSWER_KEEPS);
        sqlx::query(
            "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, booking_id, reminder_id, expires_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 'out', $6, $7, 'queued', $8, $9, $10, $11, $11)",
        )
        .bind(id)
        .bind(tenant)
        .bind(contact.conversation_id)
        .bind(contact.client_id)
        .bind(contact.channel_account_id)
        .bind(new.kind)
        .bind(content)
        .bind(new.booking)
        .bind(new.reminder)
        .bind(expires_at)
        .bind(now)
        .execute(self.conn())
        .await?;
        // A person waits for an answer; everything else waits behind it, nearest expiry first.
        let class = if new.kind == "answer" { WorkClass::Interactive } else { WorkClass::Timely };
        let send = NewJob::new(Job::SendMessage { message: id })
            .in_lane(lane("out", contact.channel_account_id.0, &contact.chat_id))
            .class(class)
            .deadline(expires_at);
        self.enqueue(send).await?;
        Ok(id)
    }

    /// Writes down what a client said.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn heard(
        &mut self,
        contact: &Contact,
        kind: &str,
        content: &Value,
        event: InboundEventId,
    ) -> Result<MessageId, StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<MessageId>());
        sqlx::query(
            "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, inbound_event_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 'in', $6, $7, 'received', $8, $9, $9)",
        )
        .bind(id)
        .bind(tenant)
        .bind(contact.conversation_id)
        .bind(contact.client_id)
        .bind(contact.channel_account_id)
        .bind(kind)
        .bind(content)
        .bind(event)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(id)
    }

    /// The screens last shown in a conversation, newest first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn last_screens(&mut self, conversation: ConversationId, limit: i64) -> Result<Vec<Value>, StoreError> {
        Ok(sqlx::query_scalar(
            "select content from message where conversation_id = $1 and direction = 'out' order by id desc limit $2",
        )
        .bind(conversation)
        .bind(limit)
        .fetch_all(self.conn())
        .await?)
    }

    /// Reads a message to be sent and locks it.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn outgoing(&mut self, id: MessageId) -> Result<Option<Outgoing>, StoreError> {
        Ok(sqlx::query_as(
            "select id, conversation_id, client_id, channel_account_id, kind, content, state, attempts, resends, booking_id, reminder_id, expires_at
             from message where id = $1 and direction = 'out' for update",
        )
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }

    /// Notes that a send begins, `again` if an earlier one may have arrived. Returns the number of this attempt: the fence of its
    /// result. None if the message has ended or another send was begun since it was read after `attempts` of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn begin_send(&mut self, id: MessageId, attempts: i32, again: bool) -> Result<Option<i32>, StoreError> {
        let now = self.now();
        Ok(sqlx::query_scalar(
            "update message set state = 'sending', attempts = attempts + 1, resends = resends + case when $3 then 1 else 0 end, updated_at = $4
             where id = $1 and attempts = $2 and state in ('queued', 'sending') returning attempts",
        )
        .bind(id)
        .bind(attempts)
        .bind(again)
        .bind(now)
        .fetch_optional(self.conn())
        .await?)
    }

    /// Writes down what became of attempt number `attempt`. A result of an older attempt changes nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn end_send(&mut self, id: MessageId, attempt: i32, outcome: &Outcome<'_>) -> Result<bool, StoreError> {
        let (state, vendor_id, failure) = match outcome {
            Outcome::Sent { vendor_message_id } => ("sent", Some(*vendor_message_id), None),
            Outcome::Waiting(failure) => ("queued", None, Some(*failure)),
            Outcome::Failed(failure) => ("failed", None, Some(*failure)),
            Outcome::Unknown(failure) => ("unknown", None, Some(*failure)),
            Outcome::Expired => ("expired", None, None),
            Outcome::Superseded => ("superseded", None, None),
        };
        let now = self.now();
        let done = sqlx::query(
            "update message set state = $3, vendor_message_id = coalesce($4, vendor_message_id), error_class = $5, error_code = $6,
               sent_at = case when $3 = 'sent' then $7 else sent_at end, updated_at = $7
             where id = $1 and attempts = $2 and state in ('queued', 'sending')",
        )
        .bind(id)
        .bind(attempt)
        .bind(state)
        .bind(vendor_id)
        .bind(failure.map(|failure| failure.class.as_str()))
        .bind(failure.map(|failure| failure.code.as_ref()))
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
