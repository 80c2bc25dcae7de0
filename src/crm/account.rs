//! As whom a CRM is called, and how.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::fields::FieldMap;
use crate::vendor::{Class, Failure, Http, HttpError, Pacer, Rate, Reply, Request};

/// A CRM connection's secrets, as sealed in its row.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CrmSecrets {
    /// What proves us: an app token, an API key, a webhook's code, or the access token of [`CrmSecrets::oauth`].
    #[serde(default, alias = "app_token")]
    pub token: Option<SecretString>,
    /// What signs our requests, where a CRM wants that.
    #[serde(default)]
    pub signing_key: Option<SecretString>,
    /// How the access token is renewed.
    #[serde(default)]
    pub oauth: Option<OAuth>,
    /// What their webhooks prove themselves with, where it is one secret for all.
    #[serde(default)]
    pub webhook_secret: Option<SecretString>,
    /// Whose their webhooks say they are, where their secret alone doesn't say it (Bitrix24's `member_id`). Checked if it is set.
    #[serde(default)]
    pub member_id: Option<String>,
    /// The webhooks registered with them, each with a secret of its own.
    #[serde(default)]
    pub hooks: Vec<HookSecret>,
}

/// An OAuth 2.0 client (RFC 6749) and its refresh token.
#[derive(Debug, Clone, Deserialize)]
pub struct OAuth {
    /// The client's id.
    pub client_id: String,
    /// Its secret; none for a public client.
    #[serde(default)]
    pub client_secret: Option<SecretString>,
    /// Rotates: each renewal kills the one before. None before somebody has logged in.
    #[serde(default)]
    pub refresh_token: Option<SecretString>,
}

/// New tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For calls.
    pub access: SecretString,
    /// For the next renewal.
    pub refresh: SecretString,
}

/// A webhook registered with them.
#[derive(Debug, Clone, Deserialize)]
pub struct HookSecret {
    /// Their id of it.
    pub id: String,
    /// Which event it posts.
    pub event: String,
    /// What it signs with.
    pub secret: SecretString,
}

/// What an adapter needs to act for a tenant.
#[derive(Debug, Clone)]
pub struct CrmAccount {
    /// The CRM's address, without a trailing slash.
    pub base_url: Url,
    /// What else the tenant file says of it; each adapter has a type of its own for that ([`CrmAccount::settings`]).
    pub settings: Value,
    /// Which of their fields hold our facts.
    pub fields: FieldMap,
    /// The credential.
    pub secrets: CrmSecrets,
}

impl CrmAccount {
    /// The adapter's own settings.
    ///
    /// # Errors
    /// When a stored value doesn't fit: a permanent failure that says so.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.settings).map_err(|_| Failure::permanent("settings"))
    }

    /// The token, or the failure of an account that has none.
    ///
    /// # Errors
    /// When there is none.
    pub fn token(&self) -> Result<&SecretString, Failure> {
        self.secrets.token.as_ref().ok_or_else(|| Failure::new(Class::Credential, "no_credential"))
    }
}

/// Whether calls keep a pace.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// Where all processes count.
    pub pacer: &'a Pacer,
    /// Under which name.
    pub key: &'a str,
    /// How often.
    pub rate: Rate,
}

/// How long a person who waits for the answer waits for one call.
pub const INTERACTIVE: Duration = Duration::from_secs(3);
/// How long a worker waits for one call.
pub const UNATTENDED: Duration = Duration::from_secs(15);

/// A way to call one account: every request of an adapter goes through [`CrmCall::send`].
#[derive(Debug)]
pub struct CrmCall<'a> {
    http: &'a Http,
    /// As whom.
    pub account: &'a CrmAccount,
    /// How long one request may take.
    pub patience: Duration,
    pace: Option<Pace<'a>>,
    prepaid: AtomicBool,
    answered: AtomicBool,
}

impl<'a> CrmCall<'a> {
    /// Calls without a pace: for what a person does once.
    pub fn new(http: &'a Http, account: &'a CrmAccount, patience: Duration) -> Self {
        Self { http, account, patience, pace: None, prepaid: AtomicBool::new(false), answered: AtomicBool::new(false) }
    }

    /// Calls that keep a pace. The first request was counted already.
    #[must_use]
    pub fn paced(mut self, pace: Pace<'a>) -> Self {
        self.pace = Some(pace);
        self.prepaid = AtomicBool::new(true);
        self
    }

    /// Waits for its turn and sends. The request's own time-out should be [`CrmCall::patience`].
    ///
    /// # Errors
    /// [`HttpError`], or the time until its turn if that is too far off to wait for here.
    pub async fn send(&self, request: Request) -> Result<Reply, Unsent> {
        if let Some(pace) = self.pace
            && !self.prepaid.swap(false, Ordering::Relaxed)
        {
            self.turn(pace).await?;
        }
        let reply = self.http.send(request).await?;
        if reply.is_success() {
            self.answered.store(true, Ordering::Relaxed);
        }
        Ok(reply)
    }

    /// Whether any request was answered well: whatever failed after that, the CRM is there.
    pub fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    async fn turn(&self, pace: Pace<'_>) -> Result<(), Unsent> {
        let limits = [(pace.key.to_owned(), pace.rate)];
        let mut waited = Duration::ZERO;
        while let Err(after) = pace.pacer.acquire(&limits).await {
            waited += after;
            if waited > self.patience {
                return Err(Unsent::Paced(after));
            }
            tokio::time::sleep(after).await;
        }
        Ok(())
    }

    /// Keeps everybody from calling this account for a while: the answer said that a limit is near.
    pub async fn ease(&self, wait: Duration) {
        if let Some(pace) = self.pace {
            pace.pacer.pause(pace.key, wait).await;
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsent {
    /// It was not sent, or not answered.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Its turn comes only after this long: it was not sent.
    #[error("too many calls of this account")]
    Paced(Duration),
}

impl From<Unsent> for Failure {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Http(error) => error.into(),
            Unsent::Paced(after) => Self::new(Class::Retry { after: Some(after) }, "paced"),
        }
    }
}
