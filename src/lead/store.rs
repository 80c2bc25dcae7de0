//! Enquiries: written here, read here for the CRM.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{
    attribution::Trail,
    code::TrackingCode,
    form::{Lead, Utm},
};
use crate::{
    crm::Wish,
    crypto::sha256,
    ids::{ClientId, EnquiryId, TenantId, TouchId},
    store::{Db, StoreError, Tx},
};

/// Two tracking codes of a salon that are the same by chance are rare; three in a row are a fault.
const TRIES: usize = 3;

/// A form on its way to its row.
#[derive(Debug)]
pub struct Filing<'a> {
    /// What it says.
    pub lead: &'a Lead,
    /// What the page calls this sending; none if it has no name for it.
    pub key: Option<&'a str>,
    /// The day at the salon: without a key, the same words on the same day are one enquiry.
    pub day: NaiveDate,
    /// What the visitor's browser remembers, if it was sent along.
    pub trail: Option<Trail>,
}

impl Filing<'_> {
    /// Two spaces of names, so that a page's key can't be taken for one of ours.
    fn key(&self) -> String {
        let Lead { name, phone, email, message, .. } = self.lead;
        match self.key {
            Some(key) => format!("given:{key}"),
            None => {
                let said = serde_json::json!([phone, email, name, message, self.day]).to_string();
                format!("said:{}", hex::encode(sha256(said.as_bytes())))
            }
        }
    }

    fn digest(&self) -> Result<[u8; 32], StoreError> {
        let said = serde_json::to_vec(self.lead).map_err(|_| StoreError::Corrupt("enquiry"))?;
        Ok(sha256(&said))
    }
}

/// What came of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filed {
    /// It is a new enquiry.
    New(TrackingCode),
    /// It is here already.
    Repeated(TrackingCode),
    /// Something else came under the same key.
    Conflict,
}

/// Stores a form as an enquiry of the salon, with a client and a wish that the CRM know of it: all of it or nothing.
///
/// The enquiry joins nobody by its phone number: anybody can type anybody's. It gets a client of its own, with the number as it was
/// given and not verified; the CRM's own look-up, and a person there, may find that two are one. Only where the browser's signed cookie
/// names a touch that a client has claimed by writing to us, and the form has that client's number, is the enquiry that client's, and then
/// it changes nothing of theirs.
///
/// # Errors
/// When the database refuses, or does not confirm.
pub async fn file(db: &Db, tenant: TenantId, filing: &Filing<'_>) -> Result<Filed, StoreError> {
    let (key, digest) = (filing.key(), filing.digest()?);
    for _ in 0..TRIES {
        let mut tx = db.tenant(tenant).await?;
        if let Some((known, code)) = tx.enquiry_filed(&key).await? {
            // Without a key of the page's own, what makes it one are the words themselves.
            let same = filing.key.is_none() || known == digest;
            return Ok(if same { Filed::Repeated(TrackingCode::stored(code)) } else { Filed::Conflict });
        }
        let mut bits = [0; 5];
        db.ids().fill(&mut bits);
        let code = TrackingCode::of(bits);
        // Not made: somebody was faster, or has that code. The client goes with the transaction.
        if tx.file_enquiry(filing, &key, &digest, &code).await? {
            tx.commit().await?;
            return Ok(Filed::New(code));
        }
    }
    Err(StoreError::Corrupt("enquiry.tracking_code"))
}

/// An enquiry, as the CRM is told of it.
#[derive(Clone, FromRow)]
pub struct EnquiryRecord {
    /// Id.
    pub id: EnquiryId,
    /// Whose. The client's own name and number may be others: see [`file`].
    pub client_id: ClientId,
    /// Where it came from: `site_form`.
    pub source: String,
    /// As it was filled in.
    pub name: String,
    /// E.164, vouched for by nobody.
    pub phone: Option<String>,
    /// As it was filled in.
    pub email: Option<String>,
    /// The service it is about, by its key in the tenant file.
    pub service_key: Option<String>,
    /// In the visitor's words.
    pub message: Option<String>,
    /// The page the form stands on.
    pub page: Option<String>,
    /// Who sent the visitor: as the form says, or the browser's last touch.
    #[sqlx(rename = "ref")]
    pub referral: Option<String>,
    /// From where the visitor came, likewise.
    #[sqlx(json)]
    pub utm: Utm,
    /// Whether the visitor gave consent.
    pub consent: bool,
    /// What the visitor can name it by.
    pub tracking_code: String,
    /// When it came.
    pub created_at: DateTime<Utc>,
}

/// Nothing of what a visitor wrote.
impl std::fmt::Debug for EnquiryRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnquiryRecord").field("id", &self.id).field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl Tx {
    async fn enquiry_filed(&mut self, key: &str) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as("select digest, tracking_code from enquiry where tenant_id = $1 and idempotency_key = $2")
            .bind(tenant)
            .bind(key)
            .fetch_optional(self.conn())
            .await?)
    }

    /// False if the key or the code is taken.
    async fn file_enquiry(
        &mut self,
        filing: &Filing<'_>,
        key: &str,
        digest: &[u8],
        code: &TrackingCode,
    ) -> Result<bool, StoreError> {
        let (id, tenant, now): (EnquiryId, _, _) = (self.new_id(), self.tenant(), self.now());
        let lead = filing.lead;
        let led_here = match filing.trail {
            Some(trail) => self.led_here(trail.last).await?,
            None => None,
        };
        // Who opens somebody else's link in a chat makes that browser's cookie name them: the number must be theirs, too.
        let theirs = led_here.as_ref().filter(|touch| lead.phone.is_some() && touch.phone == lead.phone);
        let client = match theirs.and_then(|touch| touch.client_id) {
            Some(client) => client,
            None => self.introduce_lead(lead).await?,
        };
        let touch = led_here.as_ref().map(|touch| touch.id);
        // What the form itself says of where the visitor came from is newer.
        let silent = lead.referral.is_none() && lead.utm.is_empty();
        let remembered = led_here.filter(|_| silent).map(|touch| (touch.referral, touch.utm));
        let (referral, utm) = remembered.unwrap_or_else(|| (lead.referral.clone(), lead.utm.clone()));
        let made = sqlx::query(
            "insert into enquiry (id, tenant_id, idempotency_key, digest, source, name, phone, email, service_key, message, page, ref, utm,
               consent, tracking_code, touch_id, client_id, created_at)
             values ($1, $2, $3, $4, 'site_form', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) on conflict do nothing",
        )
        .bind(id)
        .bind(tenant)
        .bind(key)
        .bind(digest)
        .bind(&lead.name)
        .bind(&lead.phone)
        .bind(&lead.email)
        .bind(&lead.service)
        .bind(&lead.message)
        .bind(&lead.page)
        .bind(referral)
        .bind(Json(utm))
        .bind(lead.consent)
        .bind(code.as_str())
        .bind(touch)
        .bind(client)
        .bind(now)
        .execute(self.conn())
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        self.tell_crm(Wish::RecordEnquiry, id.0, 1, client).await?;
        Ok(true)
    }

    /// The touch that a cookie names, if it still is here.
    async fn led_here(&mut self, touch: TouchId) -> Result<Option<LedHere>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select t.id, t.client_id, c.phone, t.ref, t.utm from touch t left join client c on c.id = t.client_id
             where t.tenant_id = $1 and t.id = $2",
        )
        .bind(tenant)
        .bind(touch)
        .fetch_optional(self.conn())
        .await?)
    }

    async fn introduce_lead(&mut self, lead: &Lead) -> Result<ClientId, StoreError> {
        let (tenant, now, client) = (self.tenant(), self.now(), self.new_id::<ClientId>());
        sqlx::query(
            "insert into client (id, tenant_id, name, phone, phone_verified, created_at, updated_at) values ($1, $2, $3, $4, false, $5, $5)",
        )
        .bind(client)
        .bind(tenant)
        .bind(&lead.name)
        .bind(&lead.phone)
        .bind(now)
        .execute(self.conn())
        .await?;
        Ok(client)
    }

    /// An enquiry, for the CRM: the subject of a [`Wish::RecordEnquiry`].
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn enquiry(&mut self, id: Uuid) -> Result<Option<EnquiryRecord>, StoreError> {
        let tenant = self.tenant();
        Ok(sqlx::query_as(
            "select id, client_id, source, name, phone, email, service_key, message, page, ref, utm, consent, tracking_code, created_at
             from enquiry where tenant_id = $1 and id = $2",
        )
        .bind(tenant)
        .bind(id)
        .fetch_optional(self.conn())
        .await?)
    }
}

#[derive(FromRow)]
struct LedHere {
    id: TouchId,
    client_id: Option<ClientId>,
    /// The client's number.
    phone: Option<String>,
    #[sqlx(rename = "ref")]
    referral: Option<String>,
    #[sqlx(json)]
    utm: Utm,
}
