//! The root fields, and how the gateway enters our part of core's entities.

use async_graphql::{Context, Object};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    access::{Session, view},
    page::{Page, checked_limit, cost, decode_cursor, parse_name, parse_uuid},
    read::{self, BookingFilter, MessageFilter},
    types::{
        Brand, Customer, Date, SalonBookingListResponse, SalonBookingStatus, SalonDeadLetterListResponse,
        SalonEnquiryListResponse, SalonMessageListResponse, SalonMessageState, SalonTenant, SalonTenantListResponse,
    },
};
use crate::{
    error::{Code, Problem},
    ids::{ClientId, ConversationId, TenantId},
    store::DeadLetters,
};

/// A place in a list ordered by id.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ById {
    #[serde(rename = "_id")]
    id: Uuid,
}

/// A place in a list of bookings. To the microsecond, as PostgreSQL keeps time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByStart {
    #[serde(rename = "startAt")]
    start_at: DateTime<Utc>,
    #[serde(rename = "_id")]
    id: Uuid,
}

/// A place in a list of dead letters. To the microsecond, as PostgreSQL keeps time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ByDeath {
    #[serde(rename = "diedAt")]
    died_at: DateTime<Utc>,
    #[serde(rename = "_id")]
    id: Uuid,
}

/// The root of all queries.
#[derive(Debug)]
pub struct Query;

#[Object]
impl Query {
    /// The salons the caller may see, oldest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn salon_tenants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before")] cursor: Option<String>,
    ) -> Result<Option<SalonTenantListResponse>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let after = decode_cursor::<ById>(cursor.as_deref())?.map(|place| TenantId(place.id));
        let ids = view.sight.tenants_after(after, limit + 1).await?;
        let rows = match view.sight.over(ids).await? {
            None => Vec::new(),
            Some(mut tx) => read::tenants(&mut tx).await?,
        };
        let page = Page::cut(rows, limit, after.is_none(), |row| ById { id: row.id.0 });
        Ok(Some(SalonTenantListResponse { page }))
    }

    /// One salon.
    #[graphql(complexity = "cost(Some(1), child_complexity)")]
    async fn salon_tenant_detail(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "_id")] id: String,
    ) -> Result<Option<SalonTenant>, Problem> {
        let view = view(ctx)?;
        let tenant = TenantId(parse_uuid("_id", &id).map_err(|_| Code::NotFound)?);
        let row = view.batches.load_one(tenant).await?.ok_or(Code::NotFound)?;
        Ok(Some(SalonTenant(row)))
    }

    /// A salon's bookings in the order of their start.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "erxes' lists take flat arguments")]
    async fn salon_bookings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The salon's `_id`")] tenant_id: String,
        #[graphql(desc = "No booking that starts earlier")] from: Option<Date>,
        #[graphql(desc = "Only bookings that start before this")] to: Option<Date>,
        #[graphql(desc = "Only bookings that stand like this")] status: Option<SalonBookingStatus>,
        #[graphql(desc = "Only this client's")] client_id: Option<String>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before")] cursor: Option<String>,
    ) -> Result<Option<SalonBookingListResponse>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let after = decode_cursor::<ByStart>(cursor.as_deref())?.map(|place| (place.start_at, place.id));
        let client = client_id.map(|id| parse_uuid("clientId", &id).map(ClientId)).transpose()?;
        let filter = BookingFilter { from: from.map(|date| date.0), to: to.map(|date| date.0), status, client };
        if filter.from.zip(filter.to).is_some_and(|(from, to)| from >= to) {
            return Err(Problem::new(Code::InvalidArgument, "from: must be before `to`"));
        }
        let (tenant, mut tx) = view.sight.tenant(&tenant_id).await?;
        let rows = read::bookings(&mut tx, tenant, &filter, after, limit + 1).await?;
        let page = Page::cut(rows, limit, after.is_none(), |row| ByStart { start_at: row.start_at, id: row.id.0 });
        Ok(Some(SalonBookingListResponse { tenant, filter, page }))
    }

    /// A salon's message log, latest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "erxes' lists take flat arguments")]
    async fn salon_messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The salon's `_id`")] tenant_id: String,
        #[graphql(desc = "Only this conversation's")] conversation_id: Option<String>,
        #[graphql(desc = "Only this client's")] client_id: Option<String>,
        #[graphql(desc = "Only messages in this state")] state: Option<SalonMessageState>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before")] cursor: Option<String>,
    ) -> Result<Option<SalonMessageListResponse>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let before = decode_cursor::<ById>(cursor.as_deref())?.map(|place| place.id);
        let conversation = conversation_id.map(|id| parse_uuid("conversationId", &id).map(ConversationId)).transpose()?;
        let client = client_id.map(|id| parse_uuid("clientId", &id).map(ClientId)).transpose()?;
        let filter = MessageFilter { conversation, client, state };
        let (tenant, mut tx) = view.sight.tenant(&tenant_id).await?;
        let rows = read::messages(&mut tx, tenant, &filter, before, limit + 1).await?;
        let page = Page::cut(rows, limit, before.is_none(), |row| ById { id: row.id.0 });
        Ok(Some(SalonMessageListResponse { tenant, filter, page }))
    }

    /// What visitors of a salon's site filled in, latest first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    async fn salon_enquiries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The salon's `_id`")] tenant_id: String,
        #[graphql(desc = "Only this client's")] client_id: Option<String>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before")] cursor: Option<String>,
    ) -> Result<Option<SalonEnquiryListResponse>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let before = decode_cursor::<ById>(cursor.as_deref())?.map(|place| place.id);
        let client = client_id.map(|id| parse_uuid("clientId", &id).map(ClientId)).transpose()?;
        let (tenant, mut tx) = view.sight.tenant(&tenant_id).await?;
        let rows = read::enquiries(&mut tx, tenant, client, before, limit + 1).await?;
        let page = Page::cut(rows, limit, before.is_none(), |row| ById { id: row.id.0 });
        Ok(Some(SalonEnquiryListResponse { tenant, client, page }))
    }

    /// Jobs that were given up, the longest dead first.
    #[graphql(complexity = "cost(limit, child_complexity)")]
    #[allow(clippy::too_many_arguments, reason = "erxes' lists take flat arguments")]
    async fn salon_dead_letters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of the salon with this `_id`")] tenant_id: Option<String>,
        #[graphql(desc = "Only those of this queue")] queue: Option<String>,
        #[graphql(desc = "Only those of this job")] kind: Option<String>,
        #[graphql(desc = "Those that somebody has seen to, instead of the open ones")] resolved: Option<bool>,
        #[graphql(desc = "1 to 100, default 20")] limit: Option<i32>,
        #[graphql(desc = "`endCursor` of the page before")] cursor: Option<String>,
    ) -> Result<Option<SalonDeadLetterListResponse>, Problem> {
        let view = view(ctx)?;
        let limit = checked_limit(limit)?;
        let after = decode_cursor::<ByDeath>(cursor.as_deref())?.map(|place| (place.died_at, place.id));
        let (queue, kind) = (parse_name("queue", queue)?, parse_name("kind", kind)?);
        let tenants = view.sight.letters_of(tenant_id.as_deref()).await?;
        let which = DeadLetters { ids: None, tenants, queue, kind, resolved: resolved == Some(true), after };
        let found = view.sight.letters(&which, usize::try_from(limit).unwrap_or_default() + 1).await?;
        let page = Page::cut(found, limit, after.is_none(), |letter| ByDeath { died_at: letter.died_at, id: letter.id.0 });
        Ok(Some(SalonDeadLetterListResponse { which, page }))
    }

    // Entering an entity asks nothing and refuses nobody: a refusal here would null the gateway's whole list of customers, while
    // one at our field nulls that field.
    #[graphql(entity)]
    async fn customer_by_id(&self, ctx: &Context<'_>, #[graphql(name = "_id")] id: String) -> Result<Customer, Problem> {
        Session::count_entity(ctx)?;
        Ok(Customer(id))
    }

    #[graphql(entity)]
    async fn brand_by_id(&self, ctx: &Context<'_>, #[graphql(name = "_id")] id: String) -> Result<Brand, Problem> {
        Session::count_entity(ctx)?;
        Ok(Brand(id))
    }
}
