//! What vendors report about messages afterwards. Reports come late, twice and in any order: a message's state only ever goes forward.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::TimeDelta;
use serde_json::{Value, json};
use sqlx::FromRow;

use crate::{
    channel::{Delivery, MessageRef},
    client::Contact,
    ids::{ChannelAccountId, ClientId, ConversationId, MessageId},
    store::{StoreError, Tx},
    vendor::Class,
};

/// No vendor reports later (WhatsApp may still deliver after 30 days).
const REPORTED_FOR: TimeDelta = TimeDelta::days(35);

/// No echo comes later than this after its message was sent, or what says the same is another message.
const ECHOED_WITHIN: TimeDelta = TimeDelta::hours(1);

/// A message that an event of a vendor's is about.
#[derive(Debug, Clone, FromRow)]
pub struct Logged {
    /// Id.
    pub id: MessageId,
    /// The talk.
    pub conversation_id: ConversationId,
    /// With whom.
    pub client_id: ClientId,
    /// `in` or `out`.
    pub direction: String,
    /// Where it stands.
    pub state: String,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing: it came late, or again.
    Nothing,
    /// The message got further.
    Further,
    /// The report is the first we know of the message having been sent at all: the answer to the send was lost.
    Proven,
    /// It will not arrive.
    Failed,
}

impl Logged {
    /// How far a message of ours got.
    fn rank(&self) -> u8 {
        match self.state.as_str() {
            "delivered" => 2,
            "read" => 3,
            "sent" => 1,
            _ => 0,
        }
    }

    /// Whether its fate is open: being sent, or nobody knows.
    fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "queued" | "sending" | "unknown")
    }

    /// What a report means for it.
    fn progress(&self, report: &Delivery) -> Progress {
        let reached = match report {
            Delivery::Sent => 1,
            Delivery::Delivered => 2,
            Delivery::Read => 3,
            // A failure after a delivery was seen changes nothing: the client has it.
            Delivery::Failed { .. } if self.rank() >= 2 || !(self.is_open() || self.rank() == 1) => return Progress::Nothing,
            Delivery::Failed { .. } => return Progress::Failed,
        };
        match () {
            () if self.is_open() => Progress::Proven,
            () if self.rank() >= 1 && reached > self.rank() => Progress::Further,
            () => Progress::Nothing,
        }
    }
}

impl Tx {
    /// Finds and locks a message of an account by the vendor's id, or by the key that went with the send.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn logged(&mut self, account: ChannelAccountId, of: &MessageRef) -> Result<Option<Logged>, StoreError> {
        let since = self.now() - REPORTED_FOR;
        Ok(sqlx::query_as(
            "select id, conversation_id, client_id, direction, state from message
             where channel_account_id = $1 and id >= uuid_floor($4) and (vendor_message_id = $2 or id = $3)
             order by id desc limit 1 for update",
        )
        .bind(account)
        .bind(of.vendor())
        .bind(of.key())
        .bind(since)
        .fetch_optional(self.conn())
        .await?)
    }

    /// Finds and locks the messages of ours in a chat of which it is not known whether they were sent, with what they were to say; the one
    /// that was tried first comes first.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn in_doubt(&mut self, account: ChannelAccountId, chat_id: &str) -> Result<Vec<(Logged, Value)>, StoreError> {
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            logged: Logged,
            content: Value,
        }
        let now = self.now();
        let rows: Vec<Row> = sqlx::query_as(
            "select m.id, m.conversation_id, m.client_id, m.direction, m.state, m.content
             from conversation c join message m on m.conversation_id = c.id
             where c.channel_account_id = $1 and c.chat_id = $2 and m.id >= uuid_floor($3) and m.direction = 'out'
               and m.state in ('sending', 'unknown') and m.vendor_message_id is null and m.updated_at >= $4
             order by m.begun_at for update of m",
        )
        .bind(account)
        .bind(chat_id)
        .bind(now - REPORTED_FOR)
        .bind(now - ECHOED_WITHIN)
        .fetch_all(self.conn())
        .await?;
        Ok(rows.into_iter().map(|row| (row.logged, row.content)).collect())
    }

    /// Takes a report about a message of ours.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn report(&mut self, message: &Logged, vendor_id: &str, report: &Delivery) -> Result<Progress, StoreError> {
        let progress = message.progress(report);
        let (state, failure) = match report {
            Delivery::Sent => ("sent", None),
            Delivery::Delivered => ("delivered", None),
            Delivery::Read => ("read", None),
            Delivery::Failed { class, code } => ("failed", Some((Class::from(*class).as_str(), code.as_str()))),
        };
        let now = self.now();
        // A report that changes no state is still written down where it says something new: when it was delivered, or why it failed.
        sqlx::query(
            "update message set state = case when $3 then $4 else state end, vendor_message_id = coalesce(vendor_message_id, $2),
               sent_at = coalesce(sent_at, $7), error_class = coalesce($5, error_class), error_code = coalesce($6, error_code),
               delivered_at = case when $4 in ('delivered', 'read') then coalesce(delivered_at, $7) else delivered_at end,
               read_at = case when $4 = 'read' then coalesce(read_at, $7) else read_at end, updated_at = $7
             where id = $1",
        )
        .bind(message.id)
        .bind(vendor_id)
        .bind(progress != Progress::Nothing)
        .bind(state)
        .bind(failure.map(|(class, _)| class))
        .bind(failure.map(|(_, code)| code))
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(progress)
    }

    /// Writes down what somebody at the salon wrote in the vendor's own app.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn overheard(&mut self, contact: &Contact, text: Option<&str>, vendor_id: &str) -> Result<MessageId, StoreError> {
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<MessageId>());
        sqlx::query(
            "insert into message (id, tenant_id, conversation_id, client_id, channel_account_id, direction, kind, content, state, vendor_message_id, sent_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, 'out', 'operator', $6, 'sent', $7, $8, $8, $8)",
        )
        .bind(id)
        .bind(tenant)
        .bind(contact.conversation_id)
        .bind(contact.client_id)
        .bind(contact.channel_account_id)
        .bind(json!({ "text": text }))
        .bind(vendor_id)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(id)
    }

    /// Replaces the text of a message the client changed.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rewrite(&mut self, message: &Logged, text: Option<&str>) -> Result<(), StoreError> {
        self.set_content(message.id, "jsonb_set(content, '{text}', $2) || '{\"edited\": true}'", json!(text)).await
    }

    /// Takes the content of a message away that the client took back, here and where it came in.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn erase(&mut self, message: &Logged) -> Result<(), StoreError> {
        self.set_content(message.id, "$2", json!({ "removed": true })).await?;
        sqlx::query(
            "update inbound_event set event = '{}', raw = '' where id = (select inbound_event_id from message where id = $1)",
        )
        .bind(message.id)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    async fn set_content(&mut self, id: MessageId, expression: &'static str, value: Value) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(sqlx::AssertSqlSafe(format!("update message set content = {expression}, updated_at = $3 where id = $1")))
            .bind(id)
            .bind(value)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::channel::FailedClass;

    fn message(state: &str) -> Logged {
        let id = Uuid::nil();
        let (direction, state) = ("out".to_owned(), state.to_owned());
        Logged { id: MessageId(id), conversation_id: ConversationId(id), client_id: ClientId(id), direction, state }
    }

    fn failed() -> Delivery {
        Delivery::Failed { class: FailedClass::Permanent, code: "131026".to_owned() }
    }

    fn name(report: &Delivery) -> &'static str {
        match report {
            Delivery::Sent => "sent",
            Delivery::Delivered => "delivered",
            Delivery::Read => "read",
            Delivery::Failed { .. } => "failed",
        }
    }

    #[test]
    fn a_failure_counts_until_the_client_has_it() {
        for (state, progress) in [
            ("sending", Progress::Failed),
            ("unknown", Progress::Failed),
            ("sent", Progress::Failed),
            ("delivered", Progress::Nothing),
            ("read", Progress::Nothing),
            ("failed", Progress::Nothing),
            ("expired", Progress::Nothing),
        ] {
            assert_eq!(message(state).progress(&failed()), progress, "{state}");
        }
        assert_eq!(message("unknown").progress(&Delivery::Delivered), Progress::Proven);
        assert_eq!(message("superseded").progress(&Delivery::Read), Progress::Nothing);
    }

    proptest! {
        /// In whatever order the reports come, the furthest one stands at the end, and no report moves a message back.
        #[test]
        fn reports_in_any_order_end_alike(order in Just(vec![0, 1, 2, 1, 0, 2]).prop_shuffle()) {
            let reports = [Delivery::Sent, Delivery::Delivered, Delivery::Read];
            let mut now = message("sent");
            for n in order {
                let before = now.rank();
                if now.progress(&reports[n]) != Progress::Nothing {
                    now.state = name(&reports[n]).to_owned();
                }
                prop_assert!(now.rank() >= before);
            }
            prop_assert_eq!(now.state.as_str(), "read");
        }
    }
}
