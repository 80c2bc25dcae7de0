//! Clients, their identities per channel, and their conversations.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::FromRow;

use crate::{
    channel::{Recipient, Sender},
    ids::{ChannelAccountId, ClientId, ConversationId},
    lang::Lang,
    store::{StoreError, Tx},
};

/// A person.
#[derive(Debug, Clone, FromRow)]
pub struct Client {
    /// Id.
    pub id: ClientId,
    /// Name as the channel shows it.
    pub name: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// True only if a channel vouches for the number.
    pub phone_verified: bool,
    /// The language they chose.
    pub lang: Option<String>,
}

impl Client {
    /// The language they chose, if we still speak it.
    pub fn language(&self) -> Option<Lang> {
        self.lang.as_deref().and_then(Lang::from_tag)
    }
}

/// A person in a chat: where an event came from and an answer goes.
#[derive(Debug, Clone, FromRow)]
pub struct Contact {
    /// The talk.
    pub conversation_id: ConversationId,
    /// The person.
    pub client_id: ClientId,
    /// Through which account.
    pub channel_account_id: ChannelAccountId,
    /// The vendor's id of the chat.
    pub chat_id: String,
    /// The vendor's id of the person.
    pub user_id: String,
    /// Their app shows only plain buttons.
    pub plain_buttons: bool,
    /// When they last wrote, by the vendor's clock; none if that opens no window any more.
    pub last_inbound_at: Option<DateTime<Utc>>,
    /// Where the dialogue stands.
    pub session: Value,
    /// False when the person has blocked us.
    pub reachable: bool,
}

impl Contact {
    /// As an adapter wants to know them.
    pub fn recipient(&self) -> Recipient<'_> {
        Recipient { chat_id: &self.chat_id, user_id: &self.user_id, plain_buttons: self.plain_buttons }
    }
}

const CONTACT: &str = "select c.id as conversation_id, c.client_id, c.channel_account_id, c.chat_id, c.user_id, c.plain_buttons, c.last_inbound_at, c.session,
    coalesce((select bool_or(i.reachable) from client_identity i where i.channel_account_id = c.channel_account_id and i.client_id = c.client_id), true) as reachable
  from conversation c where c.id = $1 for update of c";

impl Tx {
    /// Finds or creates the person, their identity and the conversation an event belongs to, and locks the conversation. `wrote_at` is the
    /// moment of what they wrote; none for what is no message of theirs.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn meet(
        &mut self,
        account: ChannelAccountId,
        sender: &Sender,
        wrote_at: Option<DateTime<Utc>>,
    ) -> Result<Contact, StoreError> {
        let client = match self.known(account, &sender.user_id).await? {
            Some(client) => client,
            None => self.introduce(account, sender).await?,
        };
        let (tenant, now, id) = (self.tenant(), self.now(), self.new_id::<ConversationId>());
        let conversation: ConversationId = sqlx::query_scalar(
            "insert into conversation as c (id, tenant_id, channel_account_id, chat_id, user_id, plain_buttons, client_id, session, last_inbound_at, created_at, updated_at)
             values ($1, $2, $3, $4, $5, coalesce($6, false), $7, '{}', $8, $9, $9)
             on conflict (channel_account_id, chat_id) do update set client_id = excluded.client_id, user_id = excluded.user_id,
               plain_buttons = coalesce($6, c.plain_buttons), last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at)
             returning id",
        )
        .bind(id)
        .bind(tenant)
        .bind(account)
        .bind(&sender.chat_id)
        .bind(&sender.user_id)
        .bind(sender.plain_buttons)
        .bind(client)
        .bind(wrote_at)
        .bind(now)
        .fetch_one(self.conn())
        .await?;
        self.contact(conversation).await?.ok_or(StoreError::Corrupt("conversation"))
    }

    async fn known(&mut self, account: ChannelAccountId, external_id: &str) -> Result<Option<ClientId>, StoreError> {
        Ok(sqlx::query_scalar("select client_id from client_identity where channel_account_id = $1 and external_id = $2")
            .bind(account)
            .bind(external_id)
            .fetch_optional(self.conn())
            .await?)
    }

    async fn introduce(&mut self, account: ChannelAccountId, sender: &Sender) -> Result<ClientId, StoreError> {
        let (tenant, now, client) = (self.tenant(), self.now(), self.new_id::<ClientId>());
        sqlx::query("insert into client (id, tenant_id, name, created_at, updated_at) values ($1, $2, $3, $4, $4)")
            .bind(client)
            .bind(tenant)
            .bind(&sender.name)
            .bind(now)
            .execute(self.conn())
            .await?;
        // Two first messages at once meet here: the second writer takes the first one's client, and its own stays unused.
        let winner: ClientId = sqlx::query_scalar(
            "insert into client_identity (tenant_id, channel_account_id, external_id, client_id, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $5)
             on conflict (channel_account_id, external_id) do update set updated_at = excluded.updated_at
             returning client_id",
        )
        .bind(tenant)
        .bind(account)
        .bind(&sender.user_id)
        .bind(client)
        .bind(now)
        .fetch_one(self.conn())
        .await?;
        Ok(winner)
    }

    /// Reads and locks a conversation.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn contact(&mut self, conversation: ConversationId) -> Result<Option<Contact>, StoreError> {
        Ok(sqlx::query_as(CONTACT).bind(conversation).fetch_optional(self.conn()).await?)
    }

    /// Stores where a dialogue stands.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn save_session(&mut self, conversation: ConversationId, session: &Value) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update conversation set session = $2, updated_at = $3 where id = $1")
            .bind(conversation)
            .bind(session)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Reads a person.
    ///
    /// # Errors
    /// When the database refuses, or there is no such person.
    pub async fn client(&mut self, id: ClientId) -> Result<Client, StoreError> {
        sqlx::query_as("select id, name, phone, phone_verified, lang from client where id = $1")
            .bind(id)
            .fetch_optional(self.conn())
            .await?
            .ok_or(StoreError::Corrupt("client"))
    }

    /// Notes whether a person can be written to on a channel. Returns whether that is news.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_reachable(
        &mut self,
        account: ChannelAccountId,
        client: ClientId,
        reachable: bool,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let changed = sqlx::query(
            "update client_identity set reachable = $3, updated_at = $4 where channel_account_id = $1 and client_id = $2 and reachable <> $3",
        )
        .bind(account)
        .bind(client)
        .bind(reachable)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Notes a person's name, if none is known. Returns whether that is news.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_name(&mut self, client: ClientId, name: &str) -> Result<bool, StoreError> {
        let now = self.now();
        let changed = sqlx::query("update client set name = left($2, 200), updated_at = $3 where id = $1 and name is null")
            .bind(client)
            .bind(name)
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Notes that a person wants, or does not want, advertising on a channel.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_advertising(&mut self, account: ChannelAccountId, client: ClientId, wanted: bool) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query(
            "update client_identity set no_advertising = not $3, updated_at = $4 where channel_account_id = $1 and client_id = $2",
        )
        .bind(account)
        .bind(client)
        .bind(wanted)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(())
    }

    /// Notes by which link a person came; the first one counts.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_referral(&mut self, conversation: ConversationId, referral: &str) -> Result<(), StoreError> {
        sqlx::query("update conversation set referral = coalesce(referral, left($2, 512)) where id = $1")
            .bind(conversation)
            .bind(referral)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Notes that the vendor takes no free text for this conversation until the client writes again.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn close_window(&mut self, conversation: ConversationId) -> Result<(), StoreError> {
        sqlx::query("update conversation set last_inbound_at = null where id = $1")
            .bind(conversation)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// A person goes by another id on a channel from now on. False if somebody has that id already: then nothing changes, for whoever
    /// has a number now need not be who had it before.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn rename(&mut self, account: ChannelAccountId, from: &Sender, to: &str) -> Result<bool, StoreError> {
        if self.known(account, to).await?.is_some() {
            return Ok(false);
        }
        let now = self.now();
        // The number that the old id stood for is no longer vouched for: it may be somebody else's soon.
        sqlx::query(
            "update client set phone_verified = false, updated_at = $3 where phone = '+' || $2
               and id = (select client_id from client_identity where channel_account_id = $1 and external_id = $2)",
        )
        .bind(account)
        .bind(&from.user_id)
        .bind(now)
        .execute(self.conn())
        .await?;
        let moved = sqlx::query(
            "update client_identity set external_id = $3, updated_at = $4 where channel_account_id = $1 and external_id = $2",
        )
        .bind(account)
        .bind(&from.user_id)
        .bind(to)
        .bind(now)
        .execute(self.conn())
        .await?;
        sqlx::query(
            "update conversation c set chat_id = $3, user_id = $3, updated_at = $4 where channel_account_id = $1 and chat_id = $2
               and not exists (select from conversation o where o.channel_account_id = $1 and o.chat_id = $3)",
        )
        .bind(account)
        .bind(&from.chat_id)
        .bind(to)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(moved.rows_affected() > 0)
    }

    /// Notes the language a person chose.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_language(&mut self, client: ClientId, lang: Lang) -> Result<(), StoreError> {
        let now = self.now();
        sqlx::query("update client set lang = $2, updated_at = $3 where id = $1")
            .bind(client)
            .bind(lang.code())
            .bind(now)
            .execute(self.conn())
            .await?;
        Ok(())
    }

    /// Notes a person's number. A number the channel vouches for joins them with the person who has it already, and the id of that
    /// person is returned; a typed number joins nobody.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn set_phone(&mut self, contact: &Contact, phone: &str, verified: bool) -> Result<ClientId, StoreError> {
        let now = self.now();
        if verified && let Some(owner) = self.owner_of(phone).await?.filter(|owner| *owner != contact.client_id) {
            self.move_to(contact, owner).await?;
            return Ok(owner);
        }
        sqlx::query(
            "update client set phone = $2, phone_verified = $3, updated_at = $4
             where id = $1 and (not phone_verified or $3)",
        )
        .bind(contact.client_id)
        .bind(phone)
        .bind(verified)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(contact.client_id)
    }

    async fn owner_of(&mut self, phone: &str) -> Result<Option<ClientId>, StoreError> {
        Ok(sqlx::query_scalar("select id from client where phone = $1 and phone_verified")
            .bind(phone)
            .fetch_optional(self.conn())
            .await?)
    }

    /// The identity and the conversation go over to the owner of the number; what the person did before comes along.
    async fn move_to(&mut self, contact: &Contact, owner: ClientId) -> Result<(), StoreError> {
        for statement in [
            "update client_identity set client_id = $2 where client_id = $1",
            "update conversation set client_id = $2 where client_id = $1",
            "update booking set client_id = $2 where client_id = $1",
            "update enquiry set client_id = $2 where client_id = $1",
            "update touch set client_id = $2 where client_id = $1",
            "update client o set first_touch_id = coalesce(o.first_touch_id, c.first_touch_id),
               last_touch_id = coalesce(c.last_touch_id, o.last_touch_id) from client c where c.id = $1 and o.id = $2",
        ] {
            sqlx::query(statement).bind(contact.client_id).bind(owner).execute(self.conn()).await?;
        }
        Ok(())
    }
}
