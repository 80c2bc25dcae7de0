//! Tenants and their accounts at messengers.

use async_graphql::{Context, Object};

use super::{Brand, Date, text_enum::text_enum};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        loader::AccountsOf,
        page::{Page, SalonPageInfo},
        read::{ChannelAccountRow, TenantRow},
    },
};

text_enum! {
    /// Whether an account works.
    SalonAccountStatus {
        /// In use.
        Active = "active",
        /// Stopped, because the vendor refuses its credentials.
        Broken = "broken",
    }
}

/// A salon.
#[derive(Debug, Clone)]
pub struct SalonTenant(pub(in crate::graphql) TenantRow);

/// A salon.
#[Object]
impl SalonTenant {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    /// The stable key of the salon.
    async fn slug(&self) -> Option<&str> {
        Some(&self.0.slug)
    }

    async fn name(&self) -> Option<&str> {
        Some(&self.0.name)
    }

    /// IANA time zone.
    async fn zone(&self) -> Option<&str> {
        Some(&self.0.zone)
    }

    /// ISO 639-1; the first is the default.
    async fn languages(&self) -> Option<Vec<Option<&str>>> {
        Some(self.0.languages.iter().map(|lang| Some(lang.as_str())).collect())
    }

    /// ISO 3166: where a phone number without a country code is read.
    async fn phone_region(&self) -> Option<&str> {
        Some(&self.0.phone_region)
    }

    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// Hours before the visit until which its client can cancel it in the chat. A move is made in the calendar only.
    async fn cancel_until_hours(&self) -> Option<i32> {
        Some(self.0.cancel_until_hours)
    }

    /// The brand of erxes that this salon is.
    async fn brand(&self) -> Option<Brand> {
        self.0.brand_id.clone().map(Brand)
    }

    /// The team of cal.com that this salon is.
    async fn calcom_team_id(&self) -> Option<&str> {
        self.0.calcom_team_id.as_deref()
    }

    /// The salon's accounts at messengers.
    #[graphql(complexity = "5 * child_complexity + 5")]
    async fn channel_accounts(&self, ctx: &Context<'_>) -> Result<Option<Vec<Option<SalonChannelAccount>>>, Problem> {
        let accounts = view(ctx)?.batches.load_one(AccountsOf(self.0.id)).await?;
        Ok(Some(accounts.unwrap_or_default().into_iter().map(|row| Some(SalonChannelAccount(row))).collect()))
    }

    async fn created_at(&self) -> Option<Date> {
        Some(self.0.created_at.into())
    }

    async fn updated_at(&self) -> Option<Date> {
        Some(self.0.updated_at.into())
    }
}

/// A salon's account at a messenger: one bot, one page, one number.
#[derive(Debug, Clone)]
pub struct SalonChannelAccount(pub(in crate::graphql) ChannelAccountRow);

/// A salon's account at a messenger: one bot, one page, one number.
#[Object]
impl SalonChannelAccount {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    /// Which messenger.
    async fn kind(&self) -> Option<&str> {
        Some(&self.0.kind)
    }

    async fn name(&self) -> Option<&str> {
        Some(&self.0.name)
    }

    async fn status(&self) -> Option<SalonAccountStatus> {
        Some(self.0.status)
    }

    /// Why it is broken.
    async fn broken_reason(&self) -> Option<&str> {
        self.0.broken_reason.as_deref()
    }

    /// The account's public name, as the messenger tells it.
    async fn vendor_name(&self) -> Option<&str> {
        self.0.vendor_name.as_deref()
    }

    /// How many updates waited at the messenger when it was last asked; null where it does not tell.
    async fn pending_updates(&self) -> Option<i64> {
        self.0.pending_updates
    }

    /// What the messenger said was wrong when it was last asked.
    async fn problems(&self) -> Option<Vec<Option<&str>>> {
        Some(self.0.problems.iter().map(|problem| Some(problem.as_str())).collect())
    }

    /// When the messenger was last asked.
    async fn watched_at(&self) -> Option<Date> {
        self.0.watched_at.map(Date)
    }
}

/// A page of salons.
#[derive(Debug)]
pub struct SalonTenantListResponse {
    pub(in crate::graphql) page: Page<TenantRow>,
}

/// A page of salons.
#[Object]
impl SalonTenantListResponse {
    async fn list(&self) -> Option<Vec<Option<SalonTenant>>> {
        Some(self.page.list.iter().cloned().map(|row| Some(SalonTenant(row))).collect())
    }

    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Option<i64>, Problem> {
        Ok(Some(view(ctx)?.sight.count().await?))
    }

    async fn page_info(&self) -> Option<SalonPageInfo> {
        Some(self.page.info.clone())
    }
}
