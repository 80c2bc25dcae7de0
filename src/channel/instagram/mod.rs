//! Instagram, over the Instagram API with Instagram Login (Graph v26.0, `graph.instagram.com`): a salon is a professional account
//! ([`Account::external_id`], the `user_id` of `GET /me`) with a token of its own. One Meta app serves every salon, and has one address for
//! all their webhooks, which is entered in the App Dashboard and nowhere else.

mod error;
mod inbound;
mod outbound;
#[cfg(test)]
pub(in crate::channel) mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use secrecy::SecretString;
use url::Url;

use super::{
    Account, AccountInfo, Capabilities, ChannelAdapter, ChannelEvent, ChannelKind, ChatLink, Handshake, Outbound, Pacing, Rate,
    Recipient, Sent, SignatureInvalid, Unparsable,
    capabilities::{ButtonBudget, Limit, Receipts, Unit},
    proof,
};
use crate::vendor::{Failure, Http};

const DAY: Duration = Duration::from_secs(24 * 3_600);

const CAPABILITIES: Capabilities = Capabilities {
    // Messaging API: 1000 bytes of UTF-8, which is 500 Cyrillic letters.
    text_limit: Limit::new(1_000, Unit::Utf8Bytes),
    // Quick replies: at most 13, a title is cut after 20 characters, a payload has 1000. They stand in one row over the input field, are
    // gone after a tap, and a desktop does not show them. Templates keep their buttons, but have three at most.
    buttons: Some(ButtonBudget {
        rows: 1,
        per_row: 13,
        total: 13,
        label: Some(Limit::new(20, Unit::Utf16Units)),
        payload_bytes: 1_000,
    }),
    list: None,
    // Quick replies: `user_phone_number`, shown only if there is a number in the client's profile.
    contact_request: true,
    sticky_keyboard: false,
    typing: true,
    callback_answer: false,
    edits: false,
    receipts: Receipts::Read,
    // Messaging API: 24 hours after the client's last message. The tag HUMAN_AGENT makes it seven days for what a person writes; we are
    // none.
    session_window: Some(DAY),
    deduplicates_for: None,
    // Each message comes back as an echo: without a key of ours, but with our words, and mostly before the answer to the send.
    reports_unknown_within: Some(Duration::from_secs(15)),
    templates: false,
    names_in_events: false,
    // Refresh Access Token: a long-lived token has 60 days, and 60 more each time.
    credential_life: Some(Duration::from_secs(60 * 24 * 3_600)),
};

// Instagram Platform, rate limiting: 100 calls of the Send API a second for an account, typing signs among them, hence the margin. Nothing is
// said of a chat.
const PACING: Pacing = Pacing { account: Rate::per_second(50), chat: Rate::per_second(50) };

/// The Instagram adapter.
#[derive(Debug, Clone, Copy)]
pub struct Instagram;

#[async_trait]
impl ChannelAdapter for Instagram {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Instagram
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn pacing(&self) -> Pacing {
        PACING
    }

    fn body_limit(&self) -> usize {
        // Webhooks: payloads have up to 3 MB.
        4 * 1024 * 1024
    }

    /// Instagram's product has an app secret beside the Meta app's, and no page says which of them signs: either counts.
    fn verify(&self, headers: &HeaderMap, body: &[u8], account: &Account) -> Result<(), SignatureInvalid> {
        proof::meta_signature(headers, body, &account.secrets)
    }

    fn handshake(&self, request: Handshake<'_>, account: &Account) -> Option<Result<String, SignatureInvalid>> {
        match request {
            Handshake::Query(query) => Some(proof::meta_handshake(query, &account.secrets)),
            Handshake::Body(_) => None,
        }
    }

    // Instagram, ig.me links: `ref` comes back as a referral.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url> {
        let name = link.name(1..=30, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))?;
        let is_path = name.chars().all(|c| c == '.');
        (!is_path).then(|| link.with_token("https://ig.me/m/", name, "ref")).flatten()
    }

    fn parse(&self, body: &[u8], _account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
        inbound::parse(body)
    }

    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure> {
        outbound::send_message(http, account, message).await
    }

    async fn attend(&self, http: &Http, account: &Account, to: Recipient<'_>, _message: Option<&str>) -> Result<(), Failure> {
        outbound::show_typing(http, account, to.chat_id).await
    }

    async fn name_of(&self, http: &Http, account: &Account, user_id: &str) -> Result<Option<String>, Failure> {
        outbound::name_of(http, account, user_id).await
    }

    async fn inspect(&self, http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
        outbound::inspect(http, account, address).await
    }

    /// The address itself is the app's, so only whether the app hears the account can be set here.
    async fn register_webhook(&self, http: &Http, account: &Account, _address: &Url) -> Result<(), Failure> {
        outbound::subscribe(http, account).await
    }

    async fn renew_credential(&self, http: &Http, account: &Account) -> Result<Option<SecretString>, Failure> {
        outbound::refresh_token(http, account).await.map(Some)
    }
}
