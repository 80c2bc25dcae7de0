//! The channel port: what every messenger is to the rest of the system. A vendor is one folder with the same file names as its
//! siblings and one line in [`adapter`]; the core branches on [`Capabilities`], never on a vendor's name.

pub mod capabilities;
#[cfg(test)]
mod conformance;
mod event;
pub mod telegram;

pub use capabilities::Capabilities;
pub use event::{ChannelEvent, EventKind, MediaKind, Sender};

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use http::HeaderMap;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    dialogue::Rendered,
    vendor::{Failure, Http, Rate},
};

/// A messenger that has an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelKind {
    /// Telegram Bot API.
    Telegram,
}

impl ChannelKind {
    /// Every channel there is: the registry the conformance suite walks.
    pub const ALL: &'static [Self] = &[Self::Telegram];

    /// The name in addresses, files and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
        }
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChannelKind {
    type Err = UnknownChannel;

    fn from_str(name: &str) -> Result<Self, UnknownChannel> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or(UnknownChannel)
    }
}

/// There is no adapter of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no such channel")]
pub struct UnknownChannel;

/// The one place that names every adapter.
pub fn adapter(kind: ChannelKind) -> &'static dyn ChannelAdapter {
    match kind {
        ChannelKind::Telegram => &telegram::Telegram,
    }
}

/// A channel account's secrets, as sealed in its row.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountSecrets {
    /// What we call the vendor with (Telegram: the bot token).
    pub token: SecretString,
    /// What the vendor proves its webhooks with (Telegram: the secret token).
    pub webhook_secret: SecretString,
}

/// What an adapter needs to act for an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The vendor's address, without a trailing slash.
    pub base_url: Url,
    /// The credential.
    pub secrets: AccountSecrets,
}

/// A webhook that does not prove where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's signature is missing or wrong")]
pub struct SignatureInvalid;

/// A body that is not what the vendor documents. The text names what was expected, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unparsable(pub String);

/// A vendor's published limits for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// For one credential.
    pub account: Rate,
    /// For one chat.
    pub chat: Rate,
}

/// A message the vendor took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The vendor's id for it, unique within the chat.
    pub vendor_message_id: String,
}

/// What a vendor says about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountInfo {
    /// The account's public name (Telegram: the bot's user name).
    pub name: String,
    /// The webhook address the vendor has on record, if any.
    pub webhook_url: Option<String>,
    /// How many updates wait at the vendor, where it tells.
    pub pending_updates: Option<u64>,
}

/// A messenger. An adapter is a stateless translator between the vendor's wire format and our types: no database in it, no HTTP
/// client made in it, no clock read in it.
#[async_trait]
pub trait ChannelAdapter: Send + Sync {
    /// Which messenger this is.
    fn kind(&self) -> ChannelKind;

    /// What it can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// How often it may be called.
    fn pacing(&self) -> Pacing;

    /// The largest webhook body the vendor sends, in bytes.
    fn body_limit(&self) -> usize;

    /// Checks the vendor's own proof over the raw bytes, in constant time.
    ///
    /// # Errors
    /// When the proof is missing or wrong.
    fn verify(&self, headers: &HeaderMap, body: &[u8], secrets: &AccountSecrets) -> Result<(), SignatureInvalid>;

    /// Takes a webhook apart into its events (a batch of five is five). Kinds we don't know become [`EventKind::Ignored`].
    ///
    /// # Errors
    /// Only for a body that is not the vendor's format at all.
    fn parse(&self, body: &[u8]) -> Result<Vec<ChannelEvent>, Unparsable>;

    /// Sends one message to a chat.
    ///
    /// # Errors
    /// Classified by the vendor's table of errors.
    async fn send(&self, http: &Http, account: &Account, chat_id: &str, message: &Rendered) -> Result<Sent, Failure>;

    /// Tells the vendor that a button's press was seen, where it wants to know.
    ///
    /// # Errors
    /// Classified; a press that is too old to be answered is a success.
    async fn acknowledge(&self, http: &Http, account: &Account, callback_id: &str) -> Result<(), Failure>;

    /// Asks the vendor who the account is and where its webhooks go.
    ///
    /// # Errors
    /// Classified.
    async fn inspect(&self, http: &Http, account: &Account) -> Result<AccountInfo, Failure>;

    /// Registers `address` as the account's webhook, with the full set of options every time.
    ///
    /// # Errors
    /// Classified.
    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure>;
}
