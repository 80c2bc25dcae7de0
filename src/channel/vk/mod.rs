//! VK, over the API of version 5.199: one community per salon, one event per webhook, and a secret that VK repeats in each.
//!
//! VK carries out what it is answered with (`remove` deletes our server), so that an answer is fixed and never made of what came in. Its
//! errors repeat what was asked: only their codes are read.

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
    Account, AccountInfo, Capabilities, ChannelAdapter, ChannelEvent, ChannelKind, ChatLink, Handshake, Outbound, Pacing, Press,
    Rate, Recipient, Sent, SignatureInvalid, Unparsable,
    capabilities::{ButtonBudget, Limit, Receipts, Unit},
};
use crate::vendor::{Failure, Http};

const CAPABILITIES: Capabilities = Capabilities {
    // VK: 4096 characters, which are not said to be of which kind.
    text_limit: Limit::new(4096, Unit::Utf16Units),
    // VK: a keyboard on a message has at most 10 buttons in 6 rows of 5, with labels of 40 characters. A payload is 255 characters of
    // JSON, of which ours takes eight around the token.
    buttons: Some(ButtonBudget {
        rows: 6,
        per_row: 5,
        total: 10,
        label: Some(Limit::new(40, Unit::Utf16Units)),
        payload_bytes: 247,
    }),
    list: None,
    // VK: no button asks for a number, and no attachment brings one.
    contact_request: false,
    sticky_keyboard: false,
    typing: true,
    callback_answer: true,
    edits: true,
    receipts: Receipts::None,
    session_window: None,
    // VK: a repeated `random_id` is recognised for an hour, and among the last 100 messages of the dialog.
    deduplicates_for: Some(Duration::from_secs(55 * 60)),
    reports_unknown_within: None,
    templates: false,
    names_in_events: false,
    credential_life: None,
};

// VK: 20 calls a second for a community's key. For a dialog nothing is published but that many actions of one kind are refused.
const PACING: Pacing = Pacing { account: Rate::per_second(15), chat: Rate::per_second(1) };

/// VK repeats five times by its own schedule, and a server may name another pause.
const COME_BACK: u16 = 60;

/// The VK adapter.
#[derive(Debug, Clone, Copy)]
pub struct Vk;

#[async_trait]
impl ChannelAdapter for Vk {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Vk
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

    fn verify(&self, _headers: &HeaderMap, body: &[u8], account: &Account) -> Result<(), SignatureInvalid> {
        inbound::verify(body, account)
    }

    fn handshake(&self, request: Handshake<'_>, account: &Account) -> Option<Result<String, SignatureInvalid>> {
        match request {
            Handshake::Body(body) => inbound::handshake(body, &account.secrets),
            Handshake::Query(_) => None,
        }
    }

    fn answer(&self) -> &'static str {
        "ok"
    }

    fn come_back(&self) -> Option<u16> {
        Some(COME_BACK)
    }

    // VK: every community is found under `club` and its number. `ref` comes back with the first message.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url> {
        link.with_token("https://vk.me/", &format!("club{}", link.external_id), "ref")
    }

    fn parse(&self, body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
        inbound::parse(body, account)
    }

    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure> {
        outbound::send(http, account, message).await
    }

    async fn acknowledge(&self, http: &Http, account: &Account, press: &Press<'_>) -> Result<(), Failure> {
        outbound::answer_press(http, account, press).await
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

    async fn prepare_webhook(&self, http: &Http, account: &Account) -> Result<Option<SecretString>, Failure> {
        outbound::confirmation_code(http, account).await.map(Some)
    }

    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
        outbound::register(http, account, address).await
    }
}
