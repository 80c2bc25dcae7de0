//! Telegram, over the Bot API (10.1): one bot per salon, one update per webhook, no signature but a shared secret in a header.
//!
//! The bot token is part of every address, so no address is ever printed or put into an error.

mod error;
mod inbound;
mod outbound;
#[cfg(test)]
pub(in crate::channel) mod tests;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use url::Url;

use super::{
    Account, AccountInfo, Capabilities, ChannelAdapter, ChannelEvent, ChannelKind, ChatLink, Outbound, Pacing, Press, Rate,
    Recipient, Sent, SignatureInvalid, Unparsable,
    capabilities::{ButtonBudget, Limit, Receipts, Unit},
};
use crate::vendor::{Failure, Http};

const CAPABILITIES: Capabilities = Capabilities {
    // Bot API: text is 1-4096 characters after entity parsing, and Telegram counts in UTF-16 code units.
    text_limit: Limit::new(4096, Unit::Utf16Units),
    // Bot API: callback_data is 1-64 bytes. Eight a row is what a phone still shows whole.
    buttons: Some(ButtonBudget { rows: 100, per_row: 8, total: 100, label: None, payload_bytes: 64 }),
    list: None,
    contact_request: true,
    sticky_keyboard: true,
    typing: true,
    callback_answer: true,
    edits: true,
    receipts: Receipts::None,
    session_window: None,
    deduplicates_for: None,
    reports_unknown_within: None,
    templates: false,
    names_in_events: true,
    credential_life: None,
};

// Bot FAQ: about 30 messages a second for a bot and one a second in a chat, where short bursts pass. The limits are soft, only a
// 429 binds, hence the margin.
const PACING: Pacing = Pacing { account: Rate::per_second(25), chat: Rate { count: 1, per: Duration::from_secs(1), burst: 3 } };

/// The Telegram adapter.
#[derive(Debug, Clone, Copy)]
pub struct Telegram;

#[async_trait]
impl ChannelAdapter for Telegram {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Telegram
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn pacing(&self) -> Pacing {
        PACING
    }

    fn body_limit(&self) -> usize {
        1024 * 1024
    }

    fn verify(&self, headers: &HeaderMap, _body: &[u8], account: &Account) -> Result<(), SignatureInvalid> {
        inbound::verify(headers, &account.secrets)
    }

    // Bot API, deep linking: `start` is 1-64 of `A-Z a-z 0-9 _ -`, and comes back behind `/start`.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url> {
        let name = link.name(4..=32, |c| c.is_ascii_alphanumeric() || c == '_')?;
        link.with_token("https://t.me/", name, "start")
    }

    fn parse(&self, body: &[u8], _account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
        inbound::parse(body).map(|event| vec![event])
    }

    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure> {
        outbound::send_message(http, account, message).await
    }

    async fn acknowledge(&self, http: &Http, account: &Account, press: &Press<'_>) -> Result<(), Failure> {
        outbound::answer_callback_query(http, account, press.callback_id).await
    }

    async fn attend(&self, http: &Http, account: &Account, to: Recipient<'_>, _message: Option<&str>) -> Result<(), Failure> {
        outbound::send_typing(http, account, to.chat_id).await
    }

    async fn inspect(&self, http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
        outbound::inspect(http, account, address).await
    }

    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
        outbound::set_webhook(http, account, address).await
    }
}
