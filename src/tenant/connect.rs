//! Connecting a channel account: the credential is tried, the webhook registered, and what the vendor then says is compared with what we
//! asked for. The same for the command line, the API and the watchdog; safe to repeat.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use super::{
    ChannelAccount, accounts,
    apply::webhook_address,
    break_account, channel_account,
    credentials::{account_context, seal},
    mend_account, set_template_status,
    templates::Template,
};
use crate::{
    channel::{AccountInfo, AccountSecrets, ChannelAdapter, TemplateInfo, TemplateStatus, adapter},
    crypto::KeyRing,
    ids::{ChannelAccountId, TenantId},
    store::{Db, StoreError, Tx},
    vendor::{Class, Failure, Http},
};

/// What connecting works with.
#[derive(Debug, Clone, Copy)]
pub struct Connector<'a> {
    /// The database.
    pub db: &'a Db,
    /// The vendors.
    pub http: &'a Http,
    /// Opens and seals credentials.
    pub keyring: &'a KeyRing,
    /// The address under which vendors reach us.
    pub public_url: &'a Url,
}

/// A connected account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// What the vendor says of it.
    pub info: AccountInfo,
    /// What an operator should see to, though the account works: templates that may not be sent, the vendor's own remarks.
    pub remarks: Vec<String>,
}

/// Why an account is not connected.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no such account.
    #[error("there is no such channel account")]
    Gone,
    /// The vendor refuses.
    #[error("{step}: {failure}")]
    Vendor {
        /// At what.
        step: &'static str,
        /// Its answer.
        failure: Failure,
    },
    /// The vendor says yes and then names another address, or none.
    #[error("registered, but the vendor does not name our address: {0}")]
    NotRegistered(String),
    /// Ours.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the watchdog did about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// All is as it should be.
    Fine,
    /// The webhook had fallen off and is registered again.
    Registered,
    /// The credential is refused: the account has stopped.
    Broken,
}

impl Connector<'_> {
    /// Connects an account.
    ///
    /// # Errors
    /// See [`ConnectError`]. A refused credential stops the account; anything else leaves it as it was.
    pub async fn connect(&self, tenant: TenantId, id: ChannelAccountId) -> Result<Connected, ConnectError> {
        let (mut account, address) = self.read(tenant, id).await?;
        let adapter = adapter(account.kind);
        let at = |step| move |failure| ConnectError::Vendor { step, failure };
        let tried = adapter.inspect(self.http, &account.account, Some(&address)).await;
        self.stop_if_refused(tenant, id, &tried).await?;
        tried.map_err(at("credential"))?;
        if let Some(code) = adapter.prepare_webhook(self.http, &account.account).await.map_err(at("handshake"))? {
            account.account.secrets.handshake = Some(code);
            // Before the vendor is told: it greets the address while it is being registered.
            self.store(tenant, id, &account.account.secrets, None).await?;
        }
        adapter.register_webhook(self.http, &account.account, &address).await.map_err(at("webhook"))?;
        let info = adapter.inspect(self.http, &account.account, Some(&address)).await.map_err(at("check"))?;
        if info.webhook_url.as_deref() != Some(address.as_str()) {
            return Err(ConnectError::NotRegistered(info.problems.join("; ")));
        }
        let templates = adapter.templates(self.http, &account.account).await.map_err(at("templates"))?;
        let mut tx = self.db.tenant(tenant).await?;
        let mut remarks = check_templates(&mut tx, id, &templates).await?;
        mend_account(&mut tx, id).await?;
        note(&mut tx, id, &info).await?;
        tx.commit().await?;
        remarks.extend(info.problems.iter().cloned());
        Ok(Connected { info, remarks })
    }

    /// Looks after an account that is in use: its credential is renewed half-way through its life, a webhook that fell off is registered
    /// again, what the vendor says is noted, and a refused credential stops the account.
    ///
    /// # Errors
    /// As [`Connector::connect`].
    pub async fn watch(&self, tenant: TenantId, id: ChannelAccountId) -> Result<Watched, ConnectError> {
        let (mut account, address) = self.read(tenant, id).await?;
        let adapter = adapter(account.kind);
        self.renew(tenant, adapter, &mut account).await?;
        let seen = adapter.inspect(self.http, &account.account, Some(&address)).await;
        if self.stop_if_refused(tenant, id, &seen).await? {
            return Ok(Watched::Broken);
        }
        let info = seen.map_err(|failure| ConnectError::Vendor { step: "look", failure })?;
        if info.webhook_url.as_deref() != Some(address.as_str()) {
            tracing::warn!(account = %id, problems = info.problems.len(), "the webhook had fallen off");
            self.connect(tenant, id).await?;
            return Ok(Watched::Registered);
        }
        let templates = adapter.templates(self.http, &account.account).await;
        let mut tx = self.db.tenant(tenant).await?;
        if let Ok(templates) = &templates {
            check_templates(&mut tx, id, templates).await?;
        }
        note(&mut tx, id, &info).await?;
        tx.commit().await?;
        Ok(Watched::Fine)
    }

    async fn read(&self, tenant: TenantId, id: ChannelAccountId) -> Result<(ChannelAccount, Url), ConnectError> {
        let mut tx = self.db.tenant(tenant).await?;
        let account = channel_account(&mut tx, id, self.keyring).await?.ok_or(ConnectError::Gone)?;
        let keys = accounts::webhooks(&mut tx, self.keyring).await?;
        let key = keys.into_iter().find(|webhook| webhook.target == id.0).ok_or(ConnectError::Gone)?.key?;
        let address =
            webhook_address(self.public_url, account.kind.as_str(), &key).map_err(|_| StoreError::Corrupt("public_url"))?;
        Ok((account, address))
    }

    /// Half-way: a renewal that fails is tried again at the next look, long before the credential runs out.
    async fn renew(
        &self,
        tenant: TenantId,
        adapter: &dyn ChannelAdapter,
        account: &mut ChannelAccount,
    ) -> Result<(), ConnectError> {
        let life = adapter.capabilities().credential_life.and_then(|life| TimeDelta::from_std(life).ok());
        let now = self.db.clock().now();
        if life.is_none_or(|life| now < account.credential_at + life / 2) {
            return Ok(());
        }
        let renewed: Result<Option<SecretString>, Failure> = adapter.renew_credential(self.http, &account.account).await;
        match renewed {
            Ok(Some(token)) => {
                account.account.secrets.token = token;
                Ok(self.store(tenant, account.id, &account.account.secrets, Some(now)).await?)
            }
            Ok(None) => Ok(()),
            Err(failure) => {
                tracing::warn!(account = %account.id, code = %failure.code, "a credential could not be renewed");
                Ok(())
            }
        }
    }

    /// Seals the secrets anew; `since` if the credential itself is a new one.
    async fn store(
        &self,
        tenant: TenantId,
        id: ChannelAccountId,
        secrets: &AccountSecrets,
        since: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let sealed = seal(secrets, &account_context(id), self.keyring, self.db.ids())?;
        let mut tx = self.db.tenant(tenant).await?;
        let now = tx.now();
        sqlx::query(
            "update channel_account set credentials = $2, credential_at = coalesce($3, credential_at), updated_at = $4 where id = $1",
        )
        .bind(id)
        .bind(sealed)
        .bind(since)
        .bind(now)
        .execute(tx.conn())
        .await?;
        tx.tell_change();
        tx.commit().await
    }

    async fn stop_if_refused<T>(
        &self,
        tenant: TenantId,
        id: ChannelAccountId,
        answer: &Result<T, Failure>,
    ) -> Result<bool, StoreError> {
        let Err(failure) = answer else { return Ok(false) };
        if failure.class != Class::Credential {
            return Ok(false);
        }
        let mut tx = self.db.tenant(tenant).await?;
        break_account(&mut tx, id, &failure.to_string()).await?;
        tx.commit().await?;
        metrics::counter!("salon_channel_alerts_total").increment(1);
        tracing::error!(account = %id, code = %failure.code, "the channel account's credential is refused");
        Ok(true)
    }
}

/// What the vendor said of an account when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LastLook {
    /// When.
    pub watched_at: Option<DateTime<Utc>>,
    /// The account's public name.
    pub vendor_name: Option<String>,
    /// How many updates waited at the vendor.
    pub pending_updates: Option<i64>,
    /// What was wrong.
    pub problems: Vec<String>,
}

impl fmt::Display for LastLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(at) = self.watched_at else { return f.write_str("never looked at") };
        write!(f, "{} at {}", self.vendor_name.as_deref().unwrap_or_default(), at.format("%Y-%m-%d %H:%M:%S UTC"))?;
        if let Some(pending) = self.pending_updates {
            write!(f, ", {pending} updates waiting")?;
        }
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

/// What the vendor said of an account when it was last asked.
///
/// # Errors
/// When the database can't be reached, or there is no such account.
pub async fn last_look(tx: &mut Tx, id: ChannelAccountId) -> Result<LastLook, StoreError> {
    sqlx::query_as("select watched_at, vendor_name, pending_updates, problems from channel_account where id = $1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::Corrupt("channel_account"))
}

/// Takes the vendor's word on each template the account uses. Returns what an operator should see to.
async fn check_templates(tx: &mut Tx, id: ChannelAccountId, known: &[TemplateInfo]) -> Result<Vec<String>, StoreError> {
    let mut remarks = Vec::new();
    for used in Template::of_account(tx, id).await? {
        let found = known.iter().find(|one| one.name == used.name && one.language == used.language);
        let status = found.map_or(TemplateStatus::Rejected, |one| one.status);
        set_template_status(tx, id, &used.name, &used.language, status).await?;
        let what = format!("template {} ({})", used.name, used.language);
        match found {
            None => remarks.push(format!("{what}: the vendor has none of that name and language")),
            Some(one) if one.status != TemplateStatus::Approved => remarks.push(format!("{what}: {}", one.status.as_str())),
            Some(one) if one.parameters != used.parameters.len() => remarks.push(format!(
                "{what}: its body takes {} values, the tenant file names {}",
                one.parameters,
                used.parameters.len()
            )),
            Some(_) => {}
        }
    }
    Ok(remarks)
}

/// Keeps what the vendor said, for the API.
async fn note(tx: &mut Tx, id: ChannelAccountId, info: &AccountInfo) -> Result<(), StoreError> {
    let now = tx.now();
    let pending = info.pending_updates.and_then(|pending| i64::try_from(pending).ok());
    sqlx::query(
        "update channel_account set watched_at = $2, vendor_name = $3, pending_updates = $4, problems = $5 where id = $1",
    )
    .bind(id)
    .bind(now)
    .bind(&info.name)
    .bind(pending)
    .bind(&info.problems)
    .execute(tx.conn())
    .await?;
    Ok(())
}
