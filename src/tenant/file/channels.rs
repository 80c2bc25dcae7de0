//! The messengers of a tenant file.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Language, rules};
use crate::{
    crypto::sha256,
    tenant::{Parameter, Purpose, Template},
};

/// A messenger in which the salon talks to its clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Channel {
    /// A Telegram bot.
    Telegram(Telegram),
    /// A MAX bot.
    Max(Max),
    /// A VK community.
    Vk(Vk),
    /// A WhatsApp number.
    Whatsapp(Whatsapp),
    /// An Instagram professional account.
    Instagram(Instagram),
}

/// A Telegram bot.
#[derive(Clone, Debug, Deserialize)]
pub struct Telegram {
    /// Stable name, unique among channels.
    pub name: String,
    /// As BotFather gave it. Safe in a URL path: digits, `:`, then `A-Z a-z 0-9 _ -`.
    pub bot_token: SecretString,
    /// Bot API, `setWebhook`: 1-256 characters of `A-Z a-z 0-9 _ -`. `None`: the caller makes one and keeps it.
    pub secret_token: Option<SecretString>,
    /// Sends in a second, 1 to 1000; `None`: as the vendor publishes.
    pub per_second: Option<u16>,
    /// Address of the Bot API server.
    #[serde(default = "telegram_api")]
    pub base_url: String,
}

/// A MAX bot.
#[derive(Clone, Debug, Deserialize)]
pub struct Max {
    /// Stable name, unique among channels.
    pub name: String,
    /// As business.max.ru shows it.
    pub access_token: SecretString,
    /// MAX, `POST /subscriptions`: 5-256 characters of `A-Z a-z 0-9 _ -`. `None`: the caller makes one and keeps it.
    pub webhook_secret: Option<SecretString>,
    /// Sends in a second, 1 to 1000; `None`: as the vendor publishes.
    pub per_second: Option<u16>,
    /// Address of the API.
    #[serde(default = "max_api")]
    pub base_url: String,
}

/// A VK community.
#[derive(Clone, Debug, Deserialize)]
pub struct Vk {
    /// Stable name, unique among channels.
    pub name: String,
    /// The community's number.
    pub group_id: i64,
    /// The community's key, with the rights `messages` and `manage`.
    pub access_token: SecretString,
    /// VK, `groups.addCallbackServer`: at most 50 characters. `None`: the caller makes one and keeps it.
    pub secret_key: Option<SecretString>,
    /// Sends in a second, 1 to 1000; `None`: as the vendor publishes.
    pub per_second: Option<u16>,
    /// Address of the API, without `/method`.
    #[serde(default = "vk_api")]
    pub base_url: String,
}

/// A WhatsApp number.
#[derive(Clone, Debug, Deserialize)]
pub struct Whatsapp {
    /// Stable name, unique among channels.
    pub name: String,
    /// Meta's id of the number.
    pub phone_number_id: String,
    /// Meta's id of the business account (WABA).
    pub waba_id: String,
    /// A system user's token.
    pub access_token: SecretString,
    /// Signs the webhooks of the app.
    pub app_secret: SecretString,
    /// A second secret whose signatures count, while one is being replaced.
    pub other_app_secret: Option<SecretString>,
    /// What Meta shows when it greets the address. `None`: the caller makes one and keeps it.
    pub verify_token: Option<SecretString>,
    /// Sends in a second, 1 to 1000; `None`: as the vendor publishes.
    pub per_second: Option<u16>,
    /// Address of the Graph API, without a version.
    #[serde(default = "whatsapp_api")]
    pub base_url: String,
    /// What is said outside the 24 hours after a client's last message.
    #[serde(default)]
    pub templates: Vec<MessageTemplate>,
}

/// An Instagram professional account.
#[derive(Clone, Debug, Deserialize)]
pub struct Instagram {
    /// Stable name, unique among channels.
    pub name: String,
    /// Instagram's id of the account.
    pub account_id: String,
    /// The account's token, of 60 days; renewed by the watchdog.
    pub access_token: SecretString,
    /// Signs the webhooks: the Instagram app secret, or the Meta app's.
    pub app_secret: SecretString,
    /// The other one of the two: the documents do not say which signs.
    pub other_app_secret: Option<SecretString>,
    /// What Meta shows when it greets the address. `None`: the caller makes one and keeps it.
    pub verify_token: Option<SecretString>,
    /// Sends in a second, 1 to 1000; `None`: as the vendor publishes.
    pub per_second: Option<u16>,
    /// Address of the API, without a version.
    #[serde(default = "instagram_api")]
    pub base_url: String,
}

/// A message template that the vendor has approved, or is to.
#[derive(Clone, Debug, Deserialize)]
pub struct MessageTemplate {
    /// What it says.
    pub purpose: Purpose,
    /// In which of the salon's languages.
    pub language: Language,
    /// Its name at the vendor.
    pub name: String,
    /// Its language as the vendor writes it (`ru`, `en_US`). `None`: as ours.
    pub language_code: Option<String>,
    /// The values of its body, in order.
    #[serde(default)]
    pub parameters: Vec<Parameter>,
    /// How many quick replies it has, 0 to 3.
    #[serde(default)]
    pub buttons: u8,
}

/// A channel as it is stored, whatever messenger it is.
pub(in crate::tenant) struct Spec<'a> {
    pub(in crate::tenant) kind: &'static str,
    pub(in crate::tenant) name: &'a str,
    pub(in crate::tenant) base_url: &'a str,
    /// Whom the vendor takes the account for, whatever credential it has at the moment: two salons can't have the same. Stored in the
    /// open, as a cal.com team and an erxes brand are, because it is no secret.
    pub(in crate::tenant) external_id: String,
    /// The field that says so, and what that is in words.
    pub(in crate::tenant) identity: (&'static str, &'static str),
    pub(in crate::tenant) parent_id: Option<&'a str>,
    pub(in crate::tenant) per_second: Option<u16>,
    pub(in crate::tenant) token: &'a SecretString,
    /// None: made once and kept.
    pub(in crate::tenant) webhook_secret: Option<&'a SecretString>,
    pub(in crate::tenant) also_valid: Option<&'a SecretString>,
    pub(in crate::tenant) greeting: Greeting<'a>,
    pub(in crate::tenant) templates: &'a [MessageTemplate],
}

/// What a channel's handshake is about.
pub(in crate::tenant) enum Greeting<'a> {
    /// There is none.
    None,
    /// The vendor decides, when the webhook is registered.
    Theirs,
    /// We decide. None: made once and kept.
    Ours(Option<&'a SecretString>),
}

impl Channel {
    /// The channel's stable name, unique in the file.
    #[must_use]
    pub fn name(&self) -> &str {
        self.spec().name
    }

    /// The vendor's address.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.spec().base_url
    }

    pub(in crate::tenant) fn spec(&self) -> Spec<'_> {
        let spec = |kind: &'static str, name, base_url, per_second, token| Spec {
            kind,
            name,
            base_url,
            external_id: String::new(),
            identity: rules::identity(kind).unwrap_or(("kind", "the account")),
            parent_id: None,
            per_second,
            token,
            webhook_secret: None,
            also_valid: None,
            greeting: Greeting::None,
            templates: &[],
        };
        match self {
            Self::Telegram(one) => Spec {
                external_id: bot_number(one.bot_token.expose_secret()).to_owned(),
                webhook_secret: one.secret_token.as_ref(),
                ..spec("telegram", &one.name, &one.base_url, one.per_second, &one.bot_token)
            },
            // Nothing in the file names the bot but its token. Its SHA-256 tells two apart, and it is too long and too random to be
            // guessed back.
            Self::Max(one) => Spec {
                external_id: hex::encode(sha256(one.access_token.expose_secret().as_bytes())),
                webhook_secret: one.webhook_secret.as_ref(),
                ..spec("max", &one.name, &one.base_url, one.per_second, &one.access_token)
            },
            Self::Vk(one) => Spec {
                external_id: one.group_id.to_string(),
                webhook_secret: one.secret_key.as_ref(),
                greeting: Greeting::Theirs,
                ..spec("vk", &one.name, &one.base_url, one.per_second, &one.access_token)
            },
            Self::Whatsapp(one) => Spec {
                external_id: one.phone_number_id.clone(),
                parent_id: Some(&one.waba_id),
                webhook_secret: Some(&one.app_secret),
                also_valid: one.other_app_secret.as_ref(),
                greeting: Greeting::Ours(one.verify_token.as_ref()),
                templates: &one.templates,
                ..spec("whatsapp", &one.name, &one.base_url, one.per_second, &one.access_token)
            },
            Self::Instagram(one) => Spec {
                external_id: one.account_id.clone(),
                webhook_secret: Some(&one.app_secret),
                also_valid: one.other_app_secret.as_ref(),
                greeting: Greeting::Ours(one.verify_token.as_ref()),
                ..spec("instagram", &one.name, &one.base_url, one.per_second, &one.access_token)
            },
        }
    }
}

/// Bot API, "Authorizing your bot": a token is the bot's own user id, a colon, and a secret.
pub(super) fn bot_number(token: &str) -> &str {
    token.split_once(':').map_or(token, |(number, _)| number)
}

impl MessageTemplate {
    pub(in crate::tenant) fn as_used(&self) -> Template {
        Template {
            purpose: self.purpose,
            lang: self.language,
            name: self.name.clone(),
            language: self.language_code.clone().unwrap_or_else(|| self.language.code().to_owned()),
            parameters: self.parameters.clone(),
            buttons: i16::from(self.buttons),
        }
    }
}

fn telegram_api() -> String {
    "https://api.telegram.org".to_owned()
}

fn max_api() -> String {
    "https://platform-api2.max.ru".to_owned()
}

fn vk_api() -> String {
    "https://api.vk.ru".to_owned()
}

fn whatsapp_api() -> String {
    "https://graph.facebook.com".to_owned()
}

fn instagram_api() -> String {
    "https://graph.instagram.com".to_owned()
}
