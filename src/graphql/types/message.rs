//! The message log.

use async_graphql::{Context, Object};

use super::{Date, SalonChannelAccount, SalonClient, SalonTenant, client::masked, text_enum::text_enum};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        loader::{AccountKey, ClientKey},
        page::{Page, SalonPageInfo},
        read::{self, MessageFilter, MessageRow},
    },
    ids::TenantId,
};

/// The kind of a message whose text is the number on a contact card.
const CONTACT_CARD: &str = "contact";

text_enum! {
    /// Which way a message went.
    SalonMessageDirection {
        /// From the client.
        In = "in",
        /// To the client.
        Out = "out",
    }
}

text_enum! {
    /// What became of a message.
    SalonMessageState {
        /// Came in.
        Received = "received",
        /// Waits to be sent.
        Queued = "queued",
        /// Is being sent.
        Sending = "sending",
        /// Taken by the messenger.
        Sent = "sent",
        /// On the client's device.
        Delivered = "delivered",
        /// Read by the client.
        Read = "read",
        /// Refused for good.
        Failed = "failed",
        /// May or may not have been sent: the messenger's answer was lost.
        Unknown = "unknown",
        /// Dropped, because its time had passed.
        Expired = "expired",
        /// Dropped, because a newer one takes its place.
        Superseded = "superseded",
    }
}

/// A message in or out.
#[derive(Debug, Clone)]
pub struct SalonMessage(pub(in crate::graphql) MessageRow);

/// A message in or out.
#[Object]
impl SalonMessage {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<SalonTenant>, Problem> {
        Ok(view(ctx)?.batches.load_one(self.0.tenant_id).await?.map(SalonTenant))
    }

    async fn conversation_id(&self) -> Option<String> {
        Some(self.0.conversation_id.to_string())
    }

    async fn client(&self, ctx: &Context<'_>) -> Result<Option<SalonClient>, Problem> {
        let key = ClientKey(self.0.tenant_id, self.0.client_id);
        Ok(view(ctx)?.batches.load_one(key).await?.map(SalonClient))
    }

    async fn channel_account(&self, ctx: &Context<'_>) -> Result<Option<SalonChannelAccount>, Problem> {
        let key = AccountKey(self.0.tenant_id, self.0.channel_account_id);
        Ok(view(ctx)?.batches.load_one(key).await?.map(SalonChannelAccount))
    }

    async fn direction(&self) -> Option<SalonMessageDirection> {
        Some(self.0.direction)
    }

    /// What kind of message.
    async fn kind(&self) -> Option<&str> {
        Some(&self.0.kind)
    }

    /// What it says; null for a message that has no text. A contact card's number is masked like `SalonClient.phone`.
    async fn text(&self, ctx: &Context<'_>) -> Result<Option<String>, Problem> {
        let hide = self.0.kind == CONTACT_CARD && !view(ctx)?.phones;
        Ok(self.0.text.as_deref().map(|text| if hide { masked(text) } else { text.to_owned() }))
    }

    async fn state(&self) -> Option<SalonMessageState> {
        Some(self.0.state)
    }

    /// What kind of failure, in our words.
    async fn error_class(&self) -> Option<&str> {
        self.0.error_class.as_deref()
    }

    /// The messenger's own code of the failure.
    async fn error_code(&self) -> Option<&str> {
        self.0.error_code.as_deref()
    }

    /// The booking it is about.
    async fn booking_id(&self) -> Option<String> {
        self.0.booking_id.map(|id| id.to_string())
    }

    /// The message of another channel in whose place it went out.
    async fn in_place_of(&self) -> Option<String> {
        self.0.hop_of.map(|id| id.to_string())
    }

    async fn created_at(&self) -> Option<Date> {
        Some(self.0.created_at.into())
    }

    async fn sent_at(&self) -> Option<Date> {
        self.0.sent_at.map(Date)
    }

    async fn delivered_at(&self) -> Option<Date> {
        self.0.delivered_at.map(Date)
    }

    async fn read_at(&self) -> Option<Date> {
        self.0.read_at.map(Date)
    }
}

/// A page of messages.
#[derive(Debug)]
pub struct SalonMessageListResponse {
    pub(in crate::graphql) tenant: TenantId,
    pub(in crate::graphql) filter: MessageFilter,
    pub(in crate::graphql) page: Page<MessageRow>,
}

/// A page of messages.
#[Object]
impl SalonMessageListResponse {
    async fn list(&self) -> Option<Vec<Option<SalonMessage>>> {
        Some(self.page.list.iter().cloned().map(|row| Some(SalonMessage(row))).collect())
    }

    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Option<i64>, Problem> {
        let Some(mut tx) = view(ctx)?.sight.over([self.tenant]).await? else { return Ok(None) };
        Ok(Some(read::count_messages(&mut tx, self.tenant, &self.filter).await?))
    }

    async fn page_info(&self) -> Option<SalonPageInfo> {
        Some(self.page.info.clone())
    }
}
