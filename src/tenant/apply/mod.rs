//! Brings a tenant file into the database: makes the salon or changes it to match. Applying the same file again changes nothing, and
//! keeps the secrets and webhook addresses that were made the first time. One transaction: a salon is never half changed.
//!
//! Nothing is deleted that a visit, a message or a client may refer to: what the file no longer has becomes inactive.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

mod accounts;
mod catalogue;
mod crms;
mod site;

pub(crate) use accounts::webhook_address;
pub use crms::{Prospect, prospects};

use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{
    file::{DayBefore, QuietHours, Reminders, TenantFile},
    store,
};
use crate::{
    crm::CrmKind,
    crypto::KeyRing,
    ids::{ChannelAccountId, ConnectionId, TenantId},
    schedule::{self, PolicyError, QuietHoursError, ReminderPolicy},
    store::{Db, StoreError, Tx},
};

/// No reminder later than this many minutes before the visit.
const MIN_LEAD_MINUTES: u16 = 30;

/// What came of a file.
#[derive(Debug, Clone)]
pub struct Applied {
    /// The salon.
    pub tenant: TenantId,
    /// Whether anything changed.
    pub outcome: Outcome,
    /// What changed, for people: `service haircut`, `channel telegram/main`.
    pub changes: Vec<String>,
    /// The addresses to be registered at the vendors.
    pub webhooks: Vec<Webhook>,
    /// The key of the form on the salon's site, which stands in the page; none for a salon without one.
    pub form_key: Option<String>,
}

/// Whether anything changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The salon is new.
    Created,
    /// The salon was changed to match.
    Updated,
    /// It matched already.
    Unchanged,
}

/// A webhook's address. Whoever knows it can post to it, so it is printed for the operator and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Which account posts to it.
    pub target: Target,
    /// For people: `telegram/main`, `calcom`.
    pub account: String,
    /// The address.
    pub address: Url,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Which account posts to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A messenger.
    Channel(ChannelAccountId),
    /// The calendar.
    Calendar,
    /// A CRM.
    Crm(ConnectionId, CrmKind),
}

/// Why a file could not be applied; then nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another salon has this team, brand or bot.
    #[error("{field}: {what} belongs to another tenant")]
    Taken {
        /// The field of the file.
        field: String,
        /// What the field names.
        what: &'static str,
    },
    /// The reminders break a rule.
    #[error("reminders: {0}")]
    Reminders(#[from] PolicyError),
    /// The quiet hours break a rule.
    #[error("quiet_hours: {0}")]
    QuietHours(#[from] QuietHoursError),
    /// The public URL can't carry a path.
    #[error("SALON_PUBLIC_URL can't be extended with a path")]
    PublicUrl,
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What one apply works with.
struct Work<'a> {
    db: &'a Db,
    keyring: &'a KeyRing,
    file: &'a TenantFile,
    tx: Tx,
    changes: Vec<String>,
}

impl Work<'_> {
    fn changed(&mut self, rows: u64, what: impl FnOnce() -> String) {
        if rows > 0 {
            self.changes.push(what());
        }
    }
}

/// Applies a file. Two at once for the same salon go one after the other.
///
/// # Errors
/// See [`ApplyError`]; nothing was changed then.
pub async fn apply(db: &Db, keyring: &KeyRing, file: &TenantFile, public_url: &Url) -> Result<Applied, ApplyError> {
    let (tx, is_new) = begin(db, &file.slug).await?;
    let tenant = tx.tenant();
    let mut work = Work { db, keyring, file, tx, changes: Vec::new() };
    work.tenant().await?;
    work.mappings().await?;
    work.calendar().await?;
    work.crms().await?;
    work.channels().await?;
    work.services().await?;
    work.staff().await?;
    let form_key = work.site().await?;
    let webhooks = work.webhooks(public_url).await?;
    let outcome = work.conclude(is_new).await?;
    let Work { tx, changes, .. } = work;
    tx.commit().await?;
    Ok(Applied { tenant, outcome, changes, webhooks, form_key })
}

/// A transaction of the salon that has or will have this slug, and whether it is new. Whoever comes second waits here; a salon made
/// meanwhile is then found, under the id it got.
async fn begin(db: &Db, slug: &str) -> Result<(Tx, bool), ApplyError> {
    let mut known = store::id_by_slug(db, slug).await?;
    loop {
        let tenant = known.unwrap_or_else(|| TenantId(db.ids().next(db.clock())));
        let mut tx = db.tenant(tenant).await?;
        store::lock(&mut tx, slug).await?;
        let now_known: Option<TenantId> =
            sqlx::query_scalar("select tenant_id_by_slug($1)").bind(slug).fetch_one(tx.conn()).await?;
        if now_known == known {
            return Ok((tx, known.is_none()));
        }
        known = now_known;
    }
}

impl Work<'_> {
    async fn tenant(&mut self) -> Result<(), ApplyError> {
        let file = self.file;
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let as_written = || file.channels.iter().map(|channel| channel.name().to_owned()).collect();
        let order: Vec<String> = file.fallback.order.clone().unwrap_or_else(as_written);
        let languages: Vec<&str> = file.languages.iter().map(|lang| lang.code()).collect();
        let rows = sqlx::query(
            "insert into tenant as t (id, slug, name, zone, languages, phone_region, address, quiet_hours, reminder_policy,
               cancel_until_hours, fallback_order, fallback_minutes, created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)
             on conflict (id) do update set name = excluded.name, zone = excluded.zone, languages = excluded.languages,
               phone_region = excluded.phone_region, address = excluded.address, quiet_hours = excluded.quiet_hours,
               reminder_policy = excluded.reminder_policy, cancel_until_hours = excluded.cancel_until_hours,
               fallback_order = excluded.fallback_order, fallback_minutes = excluded.fallback_minutes
             where (t.name, t.zone, t.languages, t.phone_region, t.address, t.quiet_hours, t.reminder_policy, t.cancel_until_hours,
                 t.fallback_order, t.fallback_minutes)
               is distinct from (excluded.name, excluded.zone, excluded.languages, excluded.phone_region, excluded.address,
                 excluded.quiet_hours, excluded.reminder_policy, excluded.cancel_until_hours, excluded.fallback_order, excluded.fallback_minutes)",
        )
        .bind(tenant)
        .bind(&file.slug)
        .bind(&file.name)
        .bind(file.zone.name())
        .bind(languages)
        .bind(file.phone_region.as_ref())
        .bind(&file.address)
        .bind(sqlx::types::Json(quiet_hours(file.quiet_hours)?))
        .bind(sqlx::types::Json(reminder_policy(&file.reminders)?))
        .bind(i32::from(file.cancel_until_hours))
        .bind(order)
        .bind(i32::from(file.fallback.after_minutes))
        .bind(now)
        .execute(self.tx.conn())
        .await?
        .rows_affected();
        self.changed(rows, || "settings".to_owned());
        Ok(())
    }

    /// Which team and which brand the salon is. A team or brand is of one salon only.
    async fn mappings(&mut self) -> Result<(), ApplyError> {
        let team = self.file.calcom.team_id.map(|id| id.to_string());
        let brand = self.file.erxes.as_ref().map(|erxes| erxes.brand_id.clone());
        for (system, field, what, wanted) in
            [("calcom_team", "calcom.team_id", "the team", team), ("erxes_brand", "erxes.brand_id", "the brand", brand)]
        {
            let tenant = self.tx.tenant();
            let statement = match &wanted {
                Some(_) => {
                    "insert into tenant_mapping as m (tenant_id, system, external_id) values ($1, $2, $3)
                     on conflict (tenant_id, system) do update set external_id = excluded.external_id
                     where m.external_id <> excluded.external_id"
                }
                None => "delete from tenant_mapping where tenant_id = $1 and system = $2 and $3::text is null",
            };
            let done = sqlx::query(statement).bind(tenant).bind(system).bind(wanted).execute(self.tx.conn()).await;
            let done = done.map_err(StoreError::from).map_err(|error| match error {
                error if error.violates("tenant_mapping_system_external_id_key") => {
                    ApplyError::Taken { field: field.to_owned(), what }
                }
                error => error.into(),
            })?;
            self.changed(done.rows_affected(), || field.to_owned());
        }
        Ok(())
    }

    /// Counts the change and notes it; a file that changed nothing leaves no trace.
    async fn conclude(&mut self, is_new: bool) -> Result<Outcome, ApplyError> {
        if self.changes.is_empty() {
            return Ok(Outcome::Unchanged);
        }
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let (outcome, action) = if is_new { (Outcome::Created, "tenant.created") } else { (Outcome::Updated, "tenant.updated") };
        if !is_new {
            sqlx::query("update tenant set version = version + 1, updated_at = $2 where id = $1")
                .bind(tenant)
                .bind(now)
                .execute(self.tx.conn())
                .await?;
        }
        store::audit(&mut self.tx, "cli", action, &self.file.slug, &json!({ "changes": self.changes })).await?;
        self.tx.tell_change();
        Ok(outcome)
    }

    fn new_id<T: From<Uuid>>(&self) -> T {
        self.tx.new_id()
    }
}

fn quiet_hours(file: QuietHours) -> Result<schedule::QuietHours, QuietHoursError> {
    schedule::QuietHours::new(file.start, file.end)
}

fn reminder_policy(file: &Reminders) -> Result<ReminderPolicy, PolicyError> {
    let day_before = match file.day_before {
        DayBefore::Off => None,
        DayBefore::SameTime => Some(schedule::DayBefore { at: None }),
        DayBefore::At(time) => Some(schedule::DayBefore { at: Some(time) }),
    };
    ReminderPolicy::new(day_before, file.hours_before, MIN_LEAD_MINUTES)
}
