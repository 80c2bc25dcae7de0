//! Bookings.

use async_graphql::{Context, Object};

use super::{Date, SalonClient, SalonTenant, text_enum::text_enum};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        loader::ClientKey,
        page::{Page, SalonPageInfo},
        read::{self, BookingFilter, BookingRow},
    },
    ids::TenantId,
};

text_enum! {
    /// Where a booking stands.
    SalonBookingStatus {
        /// Asked for; the calendar has not answered yet.
        Pending = "pending",
        /// In the calendar.
        Booked = "booked",
        /// The calendar is asked to cancel.
        Cancelling = "cancelling",
        /// Cancelled.
        Cancelled = "cancelled",
        /// The calendar refused it.
        Refused = "refused",
        /// The calendar's answer was lost; reconciliation finds out.
        Unclear = "unclear",
    }
}

text_enum! {
    /// Where a booking was made.
    SalonBookingOrigin {
        /// In a conversation with us.
        Dialogue = "dialogue",
        /// In the calendar itself.
        Calendar = "calendar",
    }
}

/// A visit, however often it is moved.
#[derive(Debug, Clone)]
pub struct SalonBooking(pub(in crate::graphql) BookingRow);

/// A visit, however often it is moved.
#[Object]
impl SalonBooking {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<SalonTenant>, Problem> {
        Ok(view(ctx)?.batches.load_one(self.0.tenant_id).await?.map(SalonTenant))
    }

    async fn client(&self, ctx: &Context<'_>) -> Result<Option<SalonClient>, Problem> {
        let view = view(ctx)?;
        let Some(client) = self.0.client_id else { return Ok(None) };
        Ok(view.batches.load_one(ClientKey(self.0.tenant_id, client)).await?.map(SalonClient))
    }

    /// The service in the salon's first language.
    async fn service_title(&self) -> Option<&str> {
        self.0.service_title.as_deref()
    }

    async fn staff_name(&self) -> Option<&str> {
        self.0.staff_name.as_deref()
    }

    async fn start_at(&self) -> Option<Date> {
        Some(self.0.start_at.into())
    }

    async fn end_at(&self) -> Option<Date> {
        Some(self.0.end_at.into())
    }

    async fn status(&self) -> Option<SalonBookingStatus> {
        Some(self.0.status)
    }

    async fn origin(&self) -> Option<SalonBookingOrigin> {
        Some(self.0.origin)
    }

    /// Why it was refused or cancelled.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    async fn created_at(&self) -> Option<Date> {
        Some(self.0.created_at.into())
    }

    async fn updated_at(&self) -> Option<Date> {
        Some(self.0.updated_at.into())
    }
}

/// A page of bookings.
#[derive(Debug)]
pub struct SalonBookingListResponse {
    pub(in crate::graphql) tenant: TenantId,
    pub(in crate::graphql) filter: BookingFilter,
    pub(in crate::graphql) page: Page<BookingRow>,
}

/// A page of bookings.
#[Object]
impl SalonBookingListResponse {
    async fn list(&self) -> Option<Vec<Option<SalonBooking>>> {
        Some(self.page.list.iter().cloned().map(|row| Some(SalonBooking(row))).collect())
    }

    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Option<i64>, Problem> {
        let Some(mut tx) = view(ctx)?.sight.over([self.tenant]).await? else { return Ok(None) };
        Ok(Some(read::count_bookings(&mut tx, self.tenant, &self.filter).await?))
    }

    async fn page_info(&self) -> Option<SalonPageInfo> {
        Some(self.page.info.clone())
    }
}
