//! What is true now of the rows that a CRM is told about.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{BookingState, ClientCard, Link, render};
use crate::{
    channel::ChannelKind,
    ids::{BookingId, ClientId, ConversationId},
    lang::Lang,
    store::{StoreError, Tx},
};

/// A message of the log.
#[derive(Debug, Clone, FromRow)]
pub struct Said {
    /// Id.
    pub id: Uuid,
    /// Whose talk.
    pub client_id: ClientId,
    /// Which talk.
    pub conversation_id: ConversationId,
    /// `in` or `out`.
    pub direction: String,
    /// A screen, or a client's words.
    pub content: serde_json::Value,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a client's card needs beside the client.
#[derive(Debug, Clone, Default, FromRow)]
pub struct ClientFacts {
    channel: Option<String>,
    /// How many visits they did not come to.
    pub no_shows: i64,
}

impl ClientFacts {
    /// The messenger they wrote in last.
    pub fn channel(&self) -> Option<ChannelKind> {
        self.channel.as_deref().and_then(|kind| kind.parse().ok())
    }
}

/// What a visit's card needs.
#[derive(Debug, Clone, FromRow)]
pub struct BookingFacts {
    /// Id.
    pub id: BookingId,
    /// Whose visit.
    pub client_id: Option<ClientId>,
    /// In which talk it was made.
    pub conversation_id: Option<ConversationId>,
    status: String,
    outcome: Option<String>,
    cancelled_by: Option<String>,
    /// Why it was called off.
    pub reason: Option<String>,
    /// Start.
    pub start_at: DateTime<Utc>,
    /// End.
    pub end_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    titles: Option<Json<BTreeMap<String, String>>>,
    /// As shown to clients.
    pub price: Option<String>,
    /// The master's name.
    pub master: Option<String>,
    /// The master's key in the tenant file.
    pub master_key: Option<String>,
}

impl BookingFacts {
    /// How the visit stands; none for what the calendar has not taken: that never was a visit.
    pub fn state(&self) -> Option<BookingState> {
        match (self.status.as_str(), self.outcome.as_deref(), self.cancelled_by.as_deref()) {
            ("booked" | "cancelling", None, _) => Some(BookingState::Planned),
            ("booked" | "cancelling", Some("no_show"), _) => Some(BookingState::NoShow),
            ("booked" | "cancelling", Some(_), _) => Some(BookingState::Completed),
            ("cancelled", _, Some("client")) => Some(BookingState::CancelledByClient),
            ("cancelled", _, _) => Some(BookingState::CancelledBySalon),
            _ => None,
        }
    }

    /// Whether nobody knows if the calendar took it.
    pub fn is_unclear(&self) -> bool {
        self.status == "unclear"
    }

    /// The service in this language, or in any.
    pub fn service(&self, lang: Lang) -> Option<&str> {
        let titles = &self.titles.as_ref()?.0;
        titles.get(lang.code()).or_else(|| titles.values().next()).map(String::as_str)
    }
}

const SAID: &str = "select id, client_id, conversation_id, direction, content, created_at as at from message";

impl Tx {
    /// A message of the log, for the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn said(&mut self, id: Uuid) -> Result<Option<Said>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("{SAID} where id = $1"));
        Ok(sqlx::query_as(sql).bind(id).fetch_optional(self.conn()).await?)
    }

    /// What was said in a talk on one day of the salon's, in order: what clients wrote, and what was sent to them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn said_on(&mut self, conversation: ConversationId, day: NaiveDate) -> Result<Vec<Said>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "{SAID} m where conversation_id = $1 and (direction = 'in' or state in ('sent', 'delivered', 'read'))
               and created_at >= ($2::timestamp at time zone (select zone from tenant t where t.id = m.tenant_id))
               and created_at < (($2 + 1)::timestamp at time zone (select zone from tenant t where t.id = m.tenant_id))
             order by created_at, id"
        ));
        Ok(sqlx::query_as(sql).bind(conversation).bind(day).fetch_all(self.conn()).await?)
    }

    /// A client as a CRM would be told of them now, with their record if it is linked.
    ///
    /// # Errors
    /// When the database refuses, or there is no such client.
    pub async fn client_card(&mut self, id: ClientId, link: Option<&Link>) -> Result<ClientCard, StoreError> {
        let (client, facts, origin) = (self.client(id).await?, self.client_facts(id).await?, self.origin(id).await?);
        Ok(render::client(&client, &facts, origin, link))
    }

    async fn client_facts(&mut self, client: ClientId) -> Result<ClientFacts, StoreError> {
        Ok(sqlx::query_as(
            "select (select a.kind from conversation c join channel_account a on a.id = c.channel_account_id
                     where c.client_id = $1 order by c.last_inbound_at desc nulls last limit 1) as channel,
               (select count(*) from booking b where b.client_id = $1 and b.outcome = 'no_show') as no_shows",
        )
        .bind(client)
        .fetch_one(self.conn())
        .await?)
    }

    /// Where a booking stands, for the CRM.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn booking_facts(&mut self, id: Uuid) -> Result<Option<BookingFacts>, StoreError> {
        Ok(sqlx::query_as(
            "select b.id, b.client_id, b.conversation_id, b.status, b.outcome, b.cancelled_by, b.reason, b.start_at, b.end_at, b.updated_at,
               s.titles, s.price, f.name as master, f.key as master_key
             from booking b left join service s on s.id = b.service_id left join staff f on f.id = b.staff_id where b.id = $1",
        )
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }
}
