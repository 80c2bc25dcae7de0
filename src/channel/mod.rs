//! The channel port: what every messenger is to the rest of the system. A vendor is one folder with the same file names as its
//! siblings and one line in [`registry`]; the core branches on [`Capabilities`], never on a vendor's name.

pub mod capabilities;
#[cfg(test)]
mod conformance;
mod event;
pub mod instagram;
mod link;
pub mod max;
mod meta;
mod outbound;
mod proof;
mod registry;
mod report;
pub mod telegram;
pub mod vk;
pub mod whatsapp;

pub use capabilities::Capabilities;
pub use event::{ChannelEvent, ConsentSignal, EventKind, MediaKind, Sender};
pub use link::ChatLink;
pub use outbound::{Body, Outbound, Press, Recipient, Sent, TemplateCall};
pub use registry::{ChannelKind, UnknownChannel, adapter};
pub use report::{AccountNotice, Delivery, FailedClass, MessageRef, TemplateStatus};

use std::borrow::Cow;

use async_trait::async_trait;
use http::HeaderMap;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    dialogue::Rendered,
    vendor::{Failure, Http, Rate},
};

/// A channel account's secrets, as sealed in its row.
#[derive(Debug, Clone, Deserialize)]
pub struct AccountSecrets {
    /// What we call the vendor with.
    pub token: SecretString,
    /// What the vendor proves its webhooks with: a shared secret, or the key of its signature.
    pub webhook_secret: SecretString,
    /// Further secrets that prove a webhook as well: one that is being rotated out, or a vendor's second one (Instagram's own app secret
    /// beside Meta's).
    #[serde(default)]
    pub also_valid: Vec<SecretString>,
    /// What a vendor's handshake is about: what it must show us (Meta: the verify token), or what it wants to see (VK: the confirmation
    /// code).
    #[serde(default)]
    pub handshake: Option<SecretString>,
}

impl AccountSecrets {
    /// Secrets of a vendor that knows one of each.
    pub const fn new(token: SecretString, webhook_secret: SecretString) -> Self {
        Self { token, webhook_secret, also_valid: Vec::new(), handshake: None }
    }

    /// Everything that proves a webhook, the present secret first.
    pub fn proofs(&self) -> impl Iterator<Item = &SecretString> {
        std::iter::once(&self.webhook_secret).chain(&self.also_valid)
    }
}

/// What an adapter needs to act for an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The vendor's address, without a trailing slash.
    pub base_url: Url,
    /// The account's id at the vendor, where its calls or its webhooks name it (VK: the community; WhatsApp: the phone number id; Instagram:
    /// the professional account). Empty where nothing does.
    pub external_id: String,
    /// The id of what the account belongs to, where calls name it (WhatsApp: the business account, WABA).
    pub parent_id: Option<String>,
    /// The credentials.
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

/// What a vendor says about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountInfo {
    /// The account's public name (Telegram: the bot's user name).
    pub name: String,
    /// The webhook address the vendor has on record for us; none if it has none, or one that is not ours.
    pub webhook_url: Option<String>,
    /// How many updates wait at the vendor, where it tells.
    pub pending_updates: Option<u64>,
    /// What the vendor says is wrong with the registration or the account, in its own words (Telegram: `last_error_message`; VK: a server's
    /// status `failed`; WhatsApp: a number's quality `RED`). Empty when all is well.
    pub problems: Vec<String>,
}

/// A message template as the vendor has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplateInfo {
    /// Its name.
    pub name: String,
    /// Its language, as the vendor writes it.
    pub language: String,
    /// Whether it may be sent.
    pub status: TemplateStatus,
    /// How many values its body takes.
    pub parameters: usize,
}

/// How a vendor first calls an address, before it sends anything to it.
#[derive(Debug, Clone, Copy)]
pub enum Handshake<'a> {
    /// With a GET: the query's names and values, decoded.
    Query(&'a [(String, String)]),
    /// With a POST that is no event; its proof has been checked.
    Body(&'a [u8]),
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

    /// Checks the vendor's own proof over the raw bytes, in constant time. Where a body says which account it is for, and a body is for
    /// one account only, that must be this one.
    ///
    /// # Errors
    /// When the proof is missing or wrong.
    fn verify(&self, headers: &HeaderMap, body: &[u8], account: &Account) -> Result<(), SignatureInvalid>;

    /// The answer to the vendor's handshake, to be sent as it is. None: this is no handshake.
    ///
    /// # Errors
    /// When the vendor does not show what it must.
    fn handshake(&self, _request: Handshake<'_>, _account: &Account) -> Option<Result<String, SignatureInvalid>> {
        None
    }

    /// What a webhook that is stored is answered with, beside its 200. Never anything that was in the webhook: vendors carry out answers
    /// (Telegram a JSON `method`, VK `remove`).
    fn answer(&self) -> &'static str {
        ""
    }

    /// What a webhook that could not be stored is answered with as `Retry-After`, in seconds. None where the vendor's own schedule is better
    /// than any figure of ours (Telegram repeats at once, then after 2, 4, 8 s; it would wait as long as we say).
    fn come_back(&self) -> Option<u16> {
        None
    }

    /// The link by which a person opens a chat with the account. None without a name to make it of.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url>;

    /// Takes a webhook apart into its events (a batch of five is five). Kinds we don't know become [`EventKind::Ignored`].
    ///
    /// # Errors
    /// Only for a body that is not the vendor's format at all.
    fn parse(&self, body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable>;

    /// Sends one message to a chat.
    ///
    /// # Errors
    /// Classified by the vendor's table of errors.
    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure>;

    /// Looks in the chat for a message whose sending has an unknown outcome, where the vendor lets us read the chat.
    ///
    /// # Errors
    /// Classified.
    async fn find(
        &self,
        _http: &Http,
        _account: &Account,
        _to: Recipient<'_>,
        _message: &Rendered,
        _begun: chrono::DateTime<chrono::Utc>,
    ) -> Result<Option<Sent>, Failure> {
        Ok(None)
    }

    /// Tells the vendor that a button's press was seen, where it wants to know.
    ///
    /// # Errors
    /// Classified; a press that is too old to be answered is a success.
    async fn acknowledge(&self, _http: &Http, _account: &Account, _press: &Press<'_>) -> Result<(), Failure> {
        Ok(())
    }

    /// Shows the client that the message was seen and an answer is being written, where the vendor has a sign for it. `message` is the
    /// [`ChannelEvent::message_id`] of what they wrote.
    ///
    /// # Errors
    /// Classified; nothing depends on it.
    async fn attend(&self, _http: &Http, _account: &Account, _to: Recipient<'_>, _message: Option<&str>) -> Result<(), Failure> {
        Ok(())
    }

    /// Asks the vendor for a person's name, where its events don't carry it ([`Capabilities::names_in_events`]).
    ///
    /// # Errors
    /// Classified; nothing depends on it.
    async fn name_of(&self, _http: &Http, _account: &Account, _user_id: &str) -> Result<Option<String>, Failure> {
        Ok(None)
    }

    /// Asks the vendor who the account is and where its webhooks go. `address` is where they should go.
    ///
    /// # Errors
    /// Classified.
    async fn inspect(&self, http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure>;

    /// What the handshake that [`ChannelAdapter::register_webhook`] sets off will ask for, where the vendor decides that (VK: the confirmation
    /// code). The caller stores it as [`AccountSecrets::handshake`] before it registers.
    ///
    /// # Errors
    /// Classified.
    async fn prepare_webhook(&self, _http: &Http, _account: &Account) -> Result<Option<SecretString>, Failure> {
        Ok(None)
    }

    /// Registers `address` as the account's webhook, with the full set of options every time. Registered already: no harm.
    ///
    /// # Errors
    /// Classified.
    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure>;

    /// The account's templates, where the vendor has any.
    ///
    /// # Errors
    /// Classified.
    async fn templates(&self, _http: &Http, _account: &Account) -> Result<Vec<TemplateInfo>, Failure> {
        Ok(Vec::new())
    }

    /// A fresh credential in place of one that runs out ([`Capabilities::credential_life`]).
    ///
    /// # Errors
    /// Classified.
    async fn renew_credential(&self, _http: &Http, _account: &Account) -> Result<Option<SecretString>, Failure> {
        Ok(None)
    }
}

/// The text of a vendor's own that may be shown to an operator: one line, of a bounded length.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    const MOST: usize = 200;
    if text.chars().count() <= MOST && !text.chars().any(char::is_control) {
        return Cow::Borrowed(text);
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect()
}
