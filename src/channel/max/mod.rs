//! MAX, over its Bot API (document of 1 July 2026, version 0.0.32): one bot per salon, one update per webhook, no signature but a shared
//! secret in a header.
//!
//! `https://platform-api2.max.ru`. Its certificate is signed by an authority that no public list of roots has (Russian Trusted Root CA):
//! without `SALON_MAX_CA_FILE` no connection comes about. That root is trusted for these calls and no others.

mod error;
mod inbound;
mod outbound;
#[cfg(test)]
pub(in crate::channel) mod tests;
mod wire;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use url::Url;

use super::{
    Account, AccountInfo, Capabilities, ChannelAdapter, ChannelEvent, ChannelKind, ChatLink, Outbound, Pacing, Press, Rate,
    Recipient, Sent, SignatureInvalid, Unparsable,
    capabilities::{ButtonBudget, Limit, Receipts, Unit},
    proof,
};
use crate::{
    dialogue::Rendered,
    vendor::{Failure, Http},
};

/// Whose own certificate authorities count for the calls.
const NAME: &str = ChannelKind::Max.as_str();

const SECRET_HEADER: &str = "x-max-bot-api-secret";

const CAPABILITIES: Capabilities = Capabilities {
    // MAX: at most 4000 characters, without saying of which sort.
    text_limit: Limit::new(4000, Unit::Utf16Units),
    // MAX: 30 rows of 7, 210 in all, labels of 1-128, payloads of at most 1024. It shows 20 characters of a label that is alone in its row,
    // 10 of two, 5 of three, 3 of four: a time of day still fits in a third.
    buttons: Some(ButtonBudget {
        rows: 30,
        per_row: 3,
        total: 90,
        label: Some(Limit::new(128, Unit::Utf16Units)),
        payload_bytes: 1024,
    }),
    list: None,
    contact_request: true,
    sticky_keyboard: false,
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

// MAX: 30 requests a second, without saying whether for a token or an address; 2 messages a second in a dialogue, answers to presses among
// them.
const PACING: Pacing = Pacing { account: Rate::per_second(25), chat: Rate::per_second(2) };

/// The MAX adapter.
#[derive(Debug, Clone, Copy)]
pub struct Max;

#[async_trait]
impl ChannelAdapter for Max {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Max
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
        proof::shared_secret(headers, SECRET_HEADER, &account.secrets)
    }

    // MAX: `start` is at most 512 characters, and comes back as the payload of `bot_started`.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url> {
        let name = link.name(4..=64, |c| c.is_ascii_alphanumeric() || c == '_')?;
        link.with_token("https://max.ru/", name, "start")
    }

    fn parse(&self, body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
        inbound::parse(body, &account.secrets.token).map(|event| vec![event])
    }

    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure> {
        outbound::send_message(http, account, message).await
    }

    async fn find(
        &self,
        http: &Http,
        account: &Account,
        to: Recipient<'_>,
        message: &Rendered,
        begun: DateTime<Utc>,
    ) -> Result<Option<Sent>, Failure> {
        outbound::find_message(http, account, to, message, begun).await
    }

    async fn acknowledge(&self, http: &Http, account: &Account, press: &Press<'_>) -> Result<(), Failure> {
        outbound::answer_callback(http, account, press.callback_id).await
    }

    async fn attend(&self, http: &Http, account: &Account, to: Recipient<'_>, _message: Option<&str>) -> Result<(), Failure> {
        outbound::show_typing(http, account, to.chat_id).await
    }

    async fn inspect(&self, http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
        outbound::inspect(http, account, address).await
    }

    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
        outbound::subscribe(http, account, address).await
    }
}
