//! Enquiries from salons' sites.

use super::{DateTime, FromRow, StoreError, TenantId, Tx, Utc, Uuid};
use crate::{
    ids::{ClientId, EnquiryId},
    lead::Utm,
};

/// An enquiry with the title of what it is about.
#[derive(Clone, FromRow)]
pub(in crate::graphql) struct EnquiryRow {
    pub(in crate::graphql) id: EnquiryId,
    pub(in crate::graphql) tenant_id: TenantId,
    pub(in crate::graphql) client_id: ClientId,
    pub(in crate::graphql) tracking_code: String,
    pub(in crate::graphql) name: String,
    pub(in crate::graphql) phone: Option<String>,
    pub(in crate::graphql) email: Option<String>,
    pub(in crate::graphql) service_title: Option<String>,
    pub(in crate::graphql) message: Option<String>,
    pub(in crate::graphql) page: Option<String>,
    #[sqlx(rename = "ref")]
    pub(in crate::graphql) referral: Option<String>,
    #[sqlx(json)]
    pub(in crate::graphql) utm: Utm,
    pub(in crate::graphql) consent: bool,
    pub(in crate::graphql) created_at: DateTime<Utc>,
}

/// Nothing of what a visitor wrote.
impl std::fmt::Debug for EnquiryRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnquiryRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Latest first. `before` is the id of the last one already seen.
pub(in crate::graphql) async fn enquiries(
    tx: &mut Tx,
    tenant: TenantId,
    client: Option<ClientId>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<EnquiryRow>, StoreError> {
    let query = sqlx::query_as(
        "select e.id, e.tenant_id, e.client_id, e.tracking_code, e.name, e.phone, e.email,
           coalesce(s.titles ->> t.languages[1], e.service_key) as service_title, e.message, e.page, e.ref, e.utm, e.consent, e.created_at
         from enquiry e join tenant t on t.id = e.tenant_id left join service s on s.tenant_id = e.tenant_id and s.key = e.service_key
         where e.tenant_id = $1 and ($2::uuid is null or e.client_id = $2) and ($3::uuid is null or e.id < $3)
         order by e.id desc limit $4",
    );
    Ok(query.bind(tenant).bind(client).bind(before).bind(limit).fetch_all(tx.conn()).await?)
}

/// How many there are.
pub(in crate::graphql) async fn count_enquiries(
    tx: &mut Tx,
    tenant: TenantId,
    client: Option<ClientId>,
) -> Result<i64, StoreError> {
    let query = sqlx::query_scalar("select count(*) from enquiry where tenant_id = $1 and ($2::uuid is null or client_id = $2)");
    Ok(query.bind(tenant).bind(client).fetch_one(tx.conn()).await?)
}
