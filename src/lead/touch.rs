//! Touches: that somebody came by a link, and which chat brought it along.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{
    attribution::{Code, LIFE},
    form::Utm,
};
use crate::{
    client::Contact,
    crm::Wish,
    ids::{ClientId, ConversationId, TenantId, TouchId},
    store::{Db, StoreError, Tx},
};

/// A coming by a link, on its way to its row.
#[derive(Debug)]
pub struct NewTouch<'a> {
    /// Its id, which the link and the cookie carry.
    pub id: TouchId,
    /// The code for where a link can carry nothing.
    pub code: &'a Code,
    /// To which messenger the link leads.
    pub channel: &'static str,
    /// Who sent the visitor.
    pub referral: Option<&'a str>,
    /// From where.
    pub utm: &'a Utm,
    /// The page that led here.
    pub landing: Option<&'a str>,
    /// The first touch of the same browser, if this is a later one.
    pub first: Option<TouchId>,
}

/// Stores a touch. False if its code is in use: then it is none.
///
/// # Errors
/// When the database refuses.
pub async fn note_touch(db: &Db, tenant: TenantId, touch: &NewTouch<'_>) -> Result<bool, StoreError> {
    let mut tx = db.tenant(tenant).await?;
    let now = tx.now();
    let made = sqlx::query(
        "insert into touch (id, tenant_id, code_hash, channel, ref, utm, landing, first_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
    )
    .bind(touch.id)
    .bind(tenant)
    .bind(touch.code.hash().as_slice())
    .bind(touch.channel)
    .bind(touch.referral)
    .bind(Json(touch.utm))
    .bind(touch.landing)
    .bind(touch.first)
    .bind(now)
    .execute(tx.conn())
    .await?;
    tx.commit().await?;
    Ok(made.rows_affected() > 0)
}

/// By which link a client came to a chat, as the CRM is told of it. Only claimed touches are read.
#[derive(Debug, Clone, FromRow)]
pub struct TouchRecord {
    /// Id.
    pub id: TouchId,
    /// Who claimed it.
    pub client_id: ClientId,
    /// In which chat.
    pub conversation_id: Option<ConversationId>,
    /// To which messenger the link led.
    pub channel: String,
    /// Who sent the client.
    #[sqlx(rename = "ref")]
    pub referral: Option<String>,
    /// From where.
    #[sqlx(json)]
    pub utm: Utm,
    /// The page that led to the link.
    pub landing: Option<String>,
    /// When the link was followed.
    pub created_at: DateTime<Utc>,
    /// When the chat brought it along.
    pub claimed_at: DateTime<Utc>,
    /// The client's first touch, which never changes: when, and who sent them then.
    pub first_at: Option<DateTime<Utc>>,
    /// See `first_at`.
    pub first_referral: Option<String>,
    /// The client's last touch so far: who sent them then.
    pub last_referral: Option<String>,
}

/// From where a client came, as far as their touches and forms tell, and what only a form told of them.
#[derive(Clone, Default, PartialEq, Eq, FromRow)]
pub struct Origin {
    /// When they first came by a link, or, of who only filled in a form, when that was. Never changes.
    pub first_at: Option<DateTime<Utc>>,
    /// Who sent them then.
    pub first_referral: Option<String>,
    /// Who sent them last.
    pub last_referral: Option<String>,
    /// The address of their latest form, as claimed.
    pub email: Option<String>,
}

/// Nothing of what a visitor wrote.
impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("first_at", &self.first_at).finish_non_exhaustive()
    }
}

impl Tx {
    /// From where a client came, for the CRM's record of them.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn origin(&mut self, client: ClientId) -> Result<Origin, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select coalesce(f.created_at, e.created_at) as first_at, case when f.id is null then e.ref else f.ref end as first_referral,
               case when l.id is null then z.ref else l.ref end as last_referral, m.email
             from client c left join touch f on f.id = c.first_touch_id left join touch l on l.id = c.last_touch_id
               left join lateral (select ref, created_at from enquiry where client_id = c.id order by id limit 1) e on true
               left join lateral (select ref from enquiry where client_id = c.id order by id desc limit 1) z on true
               left join lateral (select email from enquiry where client_id = c.id and email is not null order by id desc limit 1) m on true
             where c.tenant_id = $1 and c.id = $2",
        )
        .bind(tenant)
        .bind(client)
        .fetch_optional(self.conn())
        .await?
        .unwrap_or_default())
    }

    /// A chat brought a touch's token: the touch is this client's, the client's first touch if there was none, and the last in any case.
    /// Returns whether it was: one that is over, or is somebody's already, changes nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim_touch(&mut self, contact: &Contact, touch: TouchId) -> Result<bool, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        let claimed: Option<(Option<TouchId>, Option<String>)> = sqlx::query_as(
            "update touch set claimed_at = $3, client_id = $4, conversation_id = $5
             where tenant_id = $1 and id = $2 and claimed_at is null and created_at > $6 returning first_id, ref",
        )
        .bind(tenant)
        .bind(touch)
        .bind(now)
        .bind(contact.client_id)
        .bind(contact.conversation_id)
        .bind(now - LIFE)
        .fetch_optional(self.conn())
        .await?;
        let Some((first, referral)) = claimed else { return Ok(false) };
        let first = match first {
            Some(first) => self.claim_first(contact, first).await?.unwrap_or(touch),
            None => touch,
        };
        sqlx::query(
            "update client set first_touch_id = coalesce(first_touch_id, $2), last_touch_id = $3, updated_at = $4 where id = $1",
        )
        .bind(contact.client_id)
        .bind(first)
        .bind(touch)
        .bind(now)
        .execute(self.conn())
        .await?;
        if let Some(referral) = referral {
            self.set_referral(contact.conversation_id, &referral).await?;
        }
        self.tell_crm(Wish::RecordTouch, touch.0, 1, contact.client_id).await?;
        Ok(true)
    }

    /// As [`Tx::claim_touch`], by the code that stands in a text.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn claim_code(&mut self, contact: &Contact, code: &Code) -> Result<bool, StoreError> {
        let tenant = self.tenant();
        let touch: Option<TouchId> = sqlx::query_scalar("select id from touch where tenant_id = $1 and code_hash = $2")
            .bind(tenant)
            .bind(code.hash().as_slice())
            .fetch_optional(self.conn())
            .await?;
        match touch {
            Some(touch) => self.claim_touch(contact, touch).await,
            None => Ok(false),
        }
    }

    /// The browser's first touch goes with a later one, unless it is another client's.
    async fn claim_first(&mut self, contact: &Contact, first: TouchId) -> Result<Option<TouchId>, StoreError> {
        let (tenant, now) = (self.tenant(), self.now());
        Ok(sqlx::query_scalar(
            "update touch set claimed_at = coalesce(claimed_at, $3), client_id = $4, conversation_id = coalesce(conversation_id, $5)
             where tenant_id = $1 and id = $2 and (client_id is null or client_id = $4) returning id",
        )
        .bind(tenant)
        .bind(first)
        .bind(now)
        .bind(contact.client_id)
        .bind(contact.conversation_id)
        .fetch_optional(self.conn())
        .await?)
    }

    /// A claimed touch, for the CRM: the subject of a [`Wish::RecordTouch`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn touch(&mut self, id: Uuid) -> Result<Option<TouchRecord>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select t.id, t.client_id, t.conversation_id, t.channel, t.ref, t.utm, t.landing, t.created_at, t.claimed_at,
               f.created_at as first_at, f.ref as first_referral, l.ref as last_referral
             from touch t join client c on c.id = t.client_id left join touch f on f.id = c.first_touch_id
               left join touch l on l.id = c.last_touch_id
             where t.tenant_id = $1 and t.id = $2 and t.claimed_at is not null",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }
}
