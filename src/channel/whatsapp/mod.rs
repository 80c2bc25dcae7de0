//! WhatsApp, over the Cloud API (Graph v26.0): one Meta app serves every salon, and one delivery may carry events of many numbers. A salon
//! is a business account (WABA, [`Account::parent_id`]) with a number in it ([`Account::external_id`]).

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
    Account, AccountInfo, Capabilities, ChannelAdapter, ChannelEvent, ChannelKind, ChatLink, Handshake, Outbound, Pacing, Rate,
    Recipient, Sent, SignatureInvalid, TemplateInfo, Unparsable,
    capabilities::{ButtonBudget, Limit, ListBudget, Receipts, Unit},
    proof,
};
use crate::vendor::{Failure, Http};

/// The vendor says "characters" and not which; UTF-16 code units are never fewer.
const fn chars(max: usize) -> Limit {
    Limit::new(max, Unit::Utf16Units)
}

const CAPABILITIES: Capabilities = Capabilities {
    // Interactive messages: the body has at most 1024 characters. A plain text has 4096; the smaller of the two counts.
    text_limit: chars(1024),
    // Reply buttons: 1-3, title 20 characters, id 256.
    buttons: Some(ButtonBudget { rows: 1, per_row: 3, total: 3, label: Some(chars(20)), payload_bytes: 256 }),
    // List messages: 10 rows in all sections, row title 24 characters, row id 200, button 20.
    list: Some(ListBudget { rows: 10, label: chars(24), open_label: chars(20) }),
    // There is no such button; none is needed where the number comes with every message.
    contact_request: false,
    sticky_keyboard: false,
    typing: true,
    callback_answer: false,
    edits: false,
    receipts: Receipts::DeliveredAndRead,
    // Error 131047: free-form messages for 24 hours after the client's last message, then templates only.
    session_window: Some(Duration::from_secs(24 * 3_600)),
    deduplicates_for: None,
    // `biz_opaque_callback_data` comes back in every status; the first one follows the send within two or three minutes.
    reports_unknown_within: Some(Duration::from_secs(150)),
    templates: true,
    names_in_events: true,
    // A system user's token has no end.
    credential_life: None,
};

// Throughput: 80 messages a second for a number, in and out, hence the margin. About the platform: one message in 6 s to one client; a
// burst of 45 is taken and paid back in silence afterwards, which nobody who waits for an answer should have to bear.
const PACING: Pacing = Pacing { account: Rate::per_second(70), chat: Rate { count: 1, per: Duration::from_secs(6), burst: 10 } };

/// The WhatsApp adapter.
#[derive(Debug, Clone, Copy)]
pub struct WhatsApp;

#[async_trait]
impl ChannelAdapter for WhatsApp {
    fn kind(&self) -> ChannelKind {
        ChannelKind::WhatsApp
    }

    fn capabilities(&self) -> &'static Capabilities {
        &CAPABILITIES
    }

    fn pacing(&self) -> Pacing {
        PACING
    }

    fn body_limit(&self) -> usize {
        // Webhooks overview: payloads have up to 3 MB.
        4 * 1024 * 1024
    }

    fn verify(&self, headers: &HeaderMap, body: &[u8], account: &Account) -> Result<(), SignatureInvalid> {
        proof::meta_signature(headers, body, &account.secrets)
    }

    fn handshake(&self, request: Handshake<'_>, account: &Account) -> Option<Result<String, SignatureInvalid>> {
        match request {
            Handshake::Query(query) => Some(proof::meta_handshake(query, &account.secrets)),
            Handshake::Body(_) => None,
        }
    }

    // WhatsApp, click to chat: the number in its international form, digits only, and a text that the person sends or not.
    fn chat_link(&self, link: &ChatLink<'_>) -> Option<Url> {
        let name = link.name(7..=32, |c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '\u{a0}'))?;
        let digits: String = name.chars().filter(char::is_ascii_digit).collect();
        let fits = (7..=15).contains(&digits.len());
        fits.then(|| link.with_words("https://wa.me/", &digits, "text")).flatten()
    }

    fn parse(&self, body: &[u8], account: &Account) -> Result<Vec<ChannelEvent>, Unparsable> {
        inbound::parse(body, account)
    }

    async fn send(&self, http: &Http, account: &Account, message: &Outbound<'_>) -> Result<Sent, Failure> {
        outbound::send_message(http, account, message).await
    }

    async fn attend(&self, http: &Http, account: &Account, _to: Recipient<'_>, message: Option<&str>) -> Result<(), Failure> {
        match message {
            Some(message) => outbound::mark_read(http, account, message).await,
            None => Ok(()),
        }
    }

    async fn inspect(&self, http: &Http, account: &Account, address: Option<&Url>) -> Result<AccountInfo, Failure> {
        outbound::inspect(http, account, address).await
    }

    async fn register_webhook(&self, http: &Http, account: &Account, address: &Url) -> Result<(), Failure> {
        outbound::override_callback(http, account, address).await
    }

    async fn templates(&self, http: &Http, account: &Account) -> Result<Vec<TemplateInfo>, Failure> {
        outbound::templates(http, account).await
    }
}
