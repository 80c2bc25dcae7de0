//! Credentials as they lie in their rows: JSON, sealed for the very row it is in. A blob that is copied to another row, or to
//! another tenant's, opens no more.

use std::fmt::Display;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    booking::CalendarSecrets,
    channel::AccountSecrets,
    crm::CrmSecrets,
    crypto::{KeyRing, Sealed},
    ids::{ChannelAccountId, ConnectionId, Ids},
    store::StoreError,
};

/// What seals a channel account's credentials to their row.
pub(super) fn account_context(id: ChannelAccountId) -> String {
    format!("channel_account/{id}")
}

/// What seals a connection's credentials to their row.
pub(super) fn connection_context(id: ConnectionId) -> String {
    format!("connection/{id}")
}

/// What seals an endpoint's key to the account it belongs to.
pub(super) fn endpoint_context(target: impl Display) -> String {
    format!("endpoint/{target}")
}

/// Secrets that can be put into a row. The types themselves serialize nowhere, so that no secret leaves by accident.
pub(super) trait ToSeal {
    fn to_json(&self) -> Value;
}

impl ToSeal for AccountSecrets {
    fn to_json(&self) -> Value {
        let also_valid: Vec<&str> = self.also_valid.iter().map(ExposeSecret::expose_secret).collect();
        json!({
            "token": self.token.expose_secret(),
            "webhook_secret": self.webhook_secret.expose_secret(),
            "also_valid": also_valid,
            "handshake": self.handshake.as_ref().map(ExposeSecret::expose_secret),
        })
    }
}

impl ToSeal for CalendarSecrets {
    fn to_json(&self) -> Value {
        json!({ "api_key": self.api_key.expose_secret(), "webhook_secret": self.webhook_secret.expose_secret() })
    }
}

impl ToSeal for CrmSecrets {
    fn to_json(&self) -> Value {
        let bare = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        let hooks: Vec<Value> = self
            .hooks
            .iter()
            .map(|hook| json!({ "id": hook.id, "event": hook.event, "secret": hook.secret.expose_secret() }))
            .collect();
        json!({
            "token": bare(&self.token),
            "signing_key": bare(&self.signing_key),
            "oauth": self.oauth.as_ref().map(|oauth| json!({
                "client_id": oauth.client_id,
                "client_secret": bare(&oauth.client_secret),
                "refresh_token": bare(&oauth.refresh_token),
            })),
            "webhook_secret": bare(&self.webhook_secret),
            "member_id": self.member_id,
            "hooks": hooks,
        })
    }
}

pub(super) fn seal(secrets: &impl ToSeal, context: &str, keyring: &KeyRing, ids: &dyn Ids) -> Result<Vec<u8>, StoreError> {
    Ok(keyring.seal(secrets.to_json().to_string().as_bytes(), context, ids)?.0)
}

pub(super) fn open<T: DeserializeOwned>(blob: Vec<u8>, context: &str, keyring: &KeyRing) -> Result<T, StoreError> {
    let plain = keyring.open(&Sealed(blob), context)?;
    // What serde says could repeat a secret.
    serde_json::from_slice(&plain).map_err(|_| StoreError::Corrupt("credentials"))
}

/// 32 random bytes in base64url, 43 characters: nobody guesses it, and every vendor takes it as a secret and as a part of a path
/// (Bot API, `setWebhook`: `secret_token` is 1-256 characters of `A-Z a-z 0-9 _ -`).
pub(super) fn random_key(ids: &dyn Ids) -> SecretString {
    let mut bytes = [0_u8; 32];
    ids.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes).into()
}
