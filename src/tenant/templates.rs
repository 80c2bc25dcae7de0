//! Message templates of a channel account: what is said outside the window in which a vendor takes free text. What each is for stands
//! in the tenant file; whether the vendor lets it be sent is asked for and reported, and kept here.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::{
    channel::{TemplateCall, TemplateStatus},
    dialogue::VisitFacts,
    ids::ChannelAccountId,
    lang::Lang,
    store::{StoreError, Tx},
};

/// What a template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The visit is booked.
    Confirmation,
    /// The visit is near.
    Reminder,
    /// The visit was moved.
    Moved,
    /// The salon cancelled the visit.
    Cancelled,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = &[Self::Confirmation, Self::Reminder, Self::Moved, Self::Cancelled];

    /// The name in the tenant file and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Reminder => "reminder",
            Self::Moved => "moved",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A value that a template's body can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// The salon's name.
    Salon,
    /// The service.
    Service,
    /// The master.
    Staff,
    /// Day and time, as the chat tells them.
    When,
    /// Where the salon is.
    Address,
}

impl Parameter {
    /// The name in the tenant file and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Salon => "salon",
            Self::Service => "service",
            Self::Staff => "staff",
            Self::When => "when",
            Self::Address => "address",
        }
    }

    /// Its value: one line, never empty (Meta refuses line breaks, tabs, runs of spaces and empty values in a template).
    fn of(self, facts: &VisitFacts) -> String {
        let value = match self {
            Self::Salon => facts.salon.as_str(),
            Self::Service => facts.service.as_str(),
            Self::Staff => facts.staff.as_str(),
            Self::When => facts.when.as_str(),
            Self::Address => facts.address.as_deref().unwrap_or_default(),
        };
        let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() { "—".to_owned() } else { line }
    }
}

impl FromStr for Parameter {
    type Err = StoreError;

    fn from_str(name: &str) -> Result<Self, StoreError> {
        [Self::Salon, Self::Service, Self::Staff, Self::When, Self::Address]
            .into_iter()
            .find(|parameter| parameter.as_str() == name)
            .ok_or(StoreError::Corrupt("channel_template.parameters"))
    }
}

/// A template as it is to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// What it says.
    pub purpose: Purpose,
    /// In which of our languages.
    pub lang: Lang,
    /// Its name at the vendor.
    pub name: String,
    /// Its language, as the vendor writes it.
    pub language: String,
    /// The values of its body, in order.
    pub parameters: Vec<Parameter>,
    /// How many quick replies it has; they get the message's choices in their order.
    pub buttons: i16,
}

/// Why a template can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoTemplate {
    /// None is named in the tenant file for this purpose and language.
    Unnamed,
    /// The vendor does not let it be sent, or was not asked yet.
    NotApproved,
}

impl NoTemplate {
    /// The code under which a message fails for it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unnamed => "no_template",
            Self::NotApproved => "template_not_approved",
        }
    }
}

#[derive(FromRow)]
struct TemplateRow {
    name: String,
    language: String,
    parameters: Vec<String>,
    buttons: i16,
    status: String,
}

/// The call of the template for a message, with its values and the payloads of its buttons.
///
/// # Errors
/// When the database can't be reached. The inner result says why there is none.
pub async fn template_call(
    tx: &mut Tx,
    account: ChannelAccountId,
    purpose: Purpose,
    lang: Lang,
    facts: &VisitFacts,
    payloads: &[String],
) -> Result<Result<TemplateCall, NoTemplate>, StoreError> {
    let row: Option<TemplateRow> = sqlx::query_as(
        "select name, language, parameters, buttons, status from channel_template
         where channel_account_id = $1 and purpose = $2 and lang = $3",
    )
    .bind(account)
    .bind(purpose.as_str())
    .bind(lang.code())
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(Err(NoTemplate::Unnamed)) };
    if row.status != TemplateStatus::Approved.as_str() {
        return Ok(Err(NoTemplate::NotApproved));
    }
    let parameters = row.parameters.iter().map(|name| name.parse()).collect::<Result<Vec<Parameter>, _>>()?;
    let values = parameters.into_iter().map(|parameter| parameter.of(facts)).collect();
    // Each quick reply must have its payload: a message with fewer choices repeats its first one, which only shows the visits.
    let buttons = usize::try_from(row.buttons).unwrap_or(0);
    let spare = payloads.first().cloned().unwrap_or_default();
    let payloads = (0..buttons).map(|n| payloads.get(n).unwrap_or(&spare).clone()).collect();
    Ok(Ok(TemplateCall { name: row.name, language: row.language, values, payloads }))
}

/// Makes the account's templates those of the tenant file. One that stays keeps what the vendor said of it. Returns whether anything
/// changed.
///
/// # Errors
/// When the database refuses.
pub(super) async fn put_templates(tx: &mut Tx, account: ChannelAccountId, templates: &[Template]) -> Result<bool, StoreError> {
    let tenant = tx.tenant();
    let keys: Vec<String> = templates.iter().map(|one| format!("{}/{}", one.purpose.as_str(), one.lang.code())).collect();
    let mut changed =
        sqlx::query("delete from channel_template where channel_account_id = $1 and purpose || '/' || lang <> all ($2)")
            .bind(account)
            .bind(keys)
            .execute(tx.conn())
            .await?
            .rows_affected();
    for one in templates {
        let parameters: Vec<&str> = one.parameters.iter().map(|parameter| parameter.as_str()).collect();
        changed += sqlx::query(
            "insert into channel_template as t (tenant_id, channel_account_id, purpose, lang, name, language, parameters, buttons)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (channel_account_id, purpose, lang) do update set name = excluded.name, language = excluded.language,
               parameters = excluded.parameters, buttons = excluded.buttons,
               status = case when (t.name, t.language) = (excluded.name, excluded.language) then t.status else 'pending' end,
               checked_at = case when (t.name, t.language) = (excluded.name, excluded.language) then t.checked_at end
             where (t.name, t.language, t.parameters, t.buttons)
               is distinct from (excluded.name, excluded.language, excluded.parameters, excluded.buttons)",
        )
        .bind(tenant)
        .bind(account)
        .bind(one.purpose.as_str())
        .bind(one.lang.code())
        .bind(&one.name)
        .bind(&one.language)
        .bind(parameters)
        .bind(one.buttons)
        .execute(tx.conn())
        .await?
        .rows_affected();
    }
    Ok(changed > 0)
}

/// Notes what the vendor says of a template. False if the account uses no such template.
///
/// # Errors
/// When the database refuses.
pub async fn set_template_status(
    tx: &mut Tx,
    account: ChannelAccountId,
    name: &str,
    language: &str,
    status: TemplateStatus,
) -> Result<bool, StoreError> {
    let now = tx.now();
    let done = sqlx::query(
        "update channel_template set status = $4, checked_at = $5 where channel_account_id = $1 and name = $2 and language = $3",
    )
    .bind(account)
    .bind(name)
    .bind(language)
    .bind(status.as_str())
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// A template as an account uses it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct Used {
    pub(super) name: String,
    pub(super) language: String,
    pub(super) parameters: Vec<String>,
}

impl Template {
    /// The templates an account uses.
    pub(super) async fn of_account(tx: &mut Tx, account: ChannelAccountId) -> Result<Vec<Used>, StoreError> {
        Ok(sqlx::query_as(
            "select distinct name, language, parameters from channel_template where channel_account_id = $1 order by name, language",
        )
        .bind(account)
        .fetch_all(tx.conn())
        .await?)
    }
}
