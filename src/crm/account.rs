//! As whom a CRM is called.

use secrecy::SecretString;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::fields::FieldMap;
use crate::vendor::{Class, Failure};

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
    /// Instead of all that: somebody who may more than we. Never stored.
    #[serde(skip)]
    pub person: Option<Person>,
}

/// A person's own login at a CRM, for the one thing that they are at the keyboard for.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their name there.
    pub user: String,
    /// Their password.
    pub password: SecretString,
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
