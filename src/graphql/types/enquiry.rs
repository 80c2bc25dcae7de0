//! Enquiries.

use async_graphql::{Context, Object};

use super::{Date, SalonClient, SalonTenant, client::masked};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        loader::ClientKey,
        page::{Page, SalonPageInfo},
        read::{self, EnquiryRow},
    },
    ids::{ClientId, TenantId},
};

/// What a visitor of the salon's site filled in.
#[derive(Debug, Clone)]
pub struct SalonEnquiry(pub(in crate::graphql) EnquiryRow);

/// What a visitor of the salon's site filled in.
#[Object]
impl SalonEnquiry {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<SalonTenant>, Problem> {
        Ok(view(ctx)?.batches.load_one(self.0.tenant_id).await?.map(SalonTenant))
    }

    /// Whose it is. Their own name and number may be others: nobody vouches for what is typed into a form.
    async fn client(&self, ctx: &Context<'_>) -> Result<Option<SalonClient>, Problem> {
        Ok(view(ctx)?.batches.load_one(ClientKey(self.0.tenant_id, self.0.client_id)).await?.map(SalonClient))
    }

    /// What the visitor was told to name it by.
    async fn tracking_code(&self) -> Option<&str> {
        Some(&self.0.tracking_code)
    }

    async fn name(&self) -> Option<&str> {
        Some(&self.0.name)
    }

    /// E.164. Only its last two digits are shown to a caller who can't manage the salon.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<String>, Problem> {
        let in_full = view(ctx)?.phones;
        Ok(self.0.phone.as_deref().map(|phone| if in_full { phone.to_owned() } else { masked(phone) }))
    }

    /// Null for a caller who can't manage the salon.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>, Problem> {
        let in_full = view(ctx)?.phones;
        Ok(self.0.email.as_deref().filter(|_| in_full))
    }

    /// The service in the salon's first language.
    async fn service_title(&self) -> Option<&str> {
        self.0.service_title.as_deref()
    }

    /// In the visitor's own words.
    async fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The page on which the form stood.
    async fn page(&self) -> Option<&str> {
        self.0.page.as_deref()
    }

    /// Who sent the visitor.
    async fn referral(&self) -> Option<&str> {
        self.0.referral.as_deref()
    }

    async fn utm_source(&self) -> Option<&str> {
        self.0.utm.source.as_deref()
    }

    async fn utm_medium(&self) -> Option<&str> {
        self.0.utm.medium.as_deref()
    }

    async fn utm_campaign(&self) -> Option<&str> {
        self.0.utm.campaign.as_deref()
    }

    /// Whether the visitor ticked the box.
    async fn consent(&self) -> Option<bool> {
        Some(self.0.consent)
    }

    async fn created_at(&self) -> Option<Date> {
        Some(self.0.created_at.into())
    }
}

/// A page of enquiries.
#[derive(Debug)]
pub struct SalonEnquiryListResponse {
    pub(in crate::graphql) tenant: TenantId,
    pub(in crate::graphql) client: Option<ClientId>,
    pub(in crate::graphql) page: Page<EnquiryRow>,
}

/// A page of enquiries.
#[Object]
impl SalonEnquiryListResponse {
    async fn list(&self) -> Option<Vec<Option<SalonEnquiry>>> {
        Some(self.page.list.iter().cloned().map(|row| Some(SalonEnquiry(row))).collect())
    }

    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Option<i64>, Problem> {
        let Some(mut tx) = view(ctx)?.sight.over([self.tenant]).await? else { return Ok(None) };
        Ok(Some(read::count_enquiries(&mut tx, self.tenant, self.client).await?))
    }

    async fn page_info(&self) -> Option<SalonPageInfo> {
        Some(self.page.info.clone())
    }
}
