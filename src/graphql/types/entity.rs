//! Entities of core that we add fields to. `_id: String` exactly, and no field that core has: anything else fails the gateway's
//! composition (erxes note, section 1.6). Ids come from the caller; what they open is decided by the caller's sight.

use async_graphql::{Context, Object};

use super::{SalonBooking, SalonMessage, SalonTenant};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        loader::{BookingsOf, BrandKey, MessagesOf},
        page::{checked_limit, cost},
    },
};

/// A customer of erxes, by its id.
#[derive(Debug, Clone)]
pub struct Customer(pub(in crate::graphql) String);

// Undescribed: a description would compete with core's.
#[Object]
impl Customer {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<&str> {
        Some(&self.0)
    }

    /// The customer's last bookings in the salons the caller may see, latest start first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn salon_bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
    ) -> Result<Option<Vec<Option<SalonBooking>>>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let rows = view.batches.load_one(BookingsOf(self.0.clone(), limit)).await?.unwrap_or_default();
        Ok(Some(first(rows, limit).map(|row| Some(SalonBooking(row))).collect()))
    }

    /// The customer's last messages, latest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn salon_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
    ) -> Result<Option<Vec<Option<SalonMessage>>>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let rows = view.batches.load_one(MessagesOf(self.0.clone(), limit)).await?.unwrap_or_default();
        Ok(Some(first(rows, limit).map(|row| Some(SalonMessage(row))).collect()))
    }
}

/// A customer may be a client of several salons, and each of them gave up to `limit` rows.
fn first<T>(rows: Vec<T>, limit: i64) -> impl Iterator<Item = T> {
    rows.into_iter().take(usize::try_from(limit).unwrap_or_default())
}

/// A brand of erxes, by its id.
#[derive(Debug, Clone)]
pub struct Brand(pub(in crate::graphql) String);

// Undescribed, as above.
#[Object]
impl Brand {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<&str> {
        Some(&self.0)
    }

    /// The salon that this brand is.
    #[graphql(complexity = "cost(Some(1), child_complexity)")]
    async fn salon_tenant(&self, ctx: &Context<'_>) -> Result<Option<SalonTenant>, Problem> {
        Ok(view(ctx)?.batches.load_one(BrandKey(self.0.clone())).await?.map(SalonTenant))
    }
}
