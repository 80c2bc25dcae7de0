//! What every adapter of the channel port must do, run over each of them. An adapter brings samples of its vendor's wire format and
//! nothing else: a new channel is one line in [`samples`]. Each case is a test of its own; `cases::table` prints them all as a table
//! (`make conformance`).

mod cases;
mod inbound;
mod mutations;
mod outbound;

use std::time::Duration;

use http::HeaderMap;
use url::Url;

use super::{
    Account, AccountSecrets, Body, ChannelKind, Outbound, Recipient, Sent, adapter, instagram, max, telegram, vk, whatsapp,
};
use crate::{
    dialogue::{Button, Keyboard, Rendered},
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

/// A vendor's own words for what the suite asks about.
pub(super) struct Samples {
    /// An account at the vendor's address, with the suite's secrets ([`secrets`]).
    pub(super) account: fn(Url) -> Account,
    /// The headers and the body of a delivery that proves itself under this account's secrets. The body may differ from the given one only
    /// in the proof itself, where the vendor puts it there.
    pub(super) sign: fn(&Account, &[u8]) -> (HeaderMap, Vec<u8>),
    /// Where the proof stands.
    pub(super) proof: Proof,
    /// Real webhooks, with the number of events in each: one of every kind the vendor's notes name.
    pub(super) webhooks: Vec<(&'static str, usize)>,
    /// One delivery with several events, and how many; none where the vendor sends one at a time.
    pub(super) batch: Option<(&'static str, usize)>,
    /// A webhook of a kind that does not exist yet.
    pub(super) unknown_kind: &'static str,
    /// JSON that is none of the vendor's webhooks.
    pub(super) foreign: &'static str,
    /// A webhook in which the client writes this text (JSON-escaped by the caller), with everything else as it is.
    pub(super) text_webhook: fn(&str) -> String,
    /// A chat id of the right form.
    pub(super) chat_id: &'static str,
    /// The answer to a send that worked, and the id in it.
    pub(super) sent: (Step, &'static str),
    /// Too many requests, and the vendor says for how long to wait.
    pub(super) limited_for: (Step, Duration),
    /// Too many requests, and nothing else, with the wait that the adapter knows by itself, if it does.
    pub(super) limited: (Step, Option<Duration>),
    /// Every row of the vendor's table of errors: the answer to a send, and what it means.
    pub(super) errors: Vec<(Step, Class)>,
    /// The credential is refused.
    pub(super) refused: Step,
    /// The client can't be reached.
    pub(super) unreachable: Step,
    /// Success, in a form nobody can read.
    pub(super) garbled: Step,
}

/// Where a vendor puts the proof of a webhook.
#[derive(Debug, Clone, Copy)]
pub(super) enum Proof {
    /// In this header, whole.
    Header(&'static str),
    /// In this member of the JSON body, whole.
    Member(&'static str),
}

fn samples(kind: ChannelKind) -> Samples {
    match kind {
        ChannelKind::Telegram => telegram::tests::conformance(),
        ChannelKind::Max => max::tests::conformance(),
        ChannelKind::Vk => vk::tests::conformance(),
        ChannelKind::WhatsApp => whatsapp::tests::conformance(),
        ChannelKind::Instagram => instagram::tests::conformance(),
    }
}

pub(super) const TOKEN: &str = "900:TOKEN-that-must-not-leak";
pub(super) const WEBHOOK_SECRET: &str = "SECRET-that-must-not-leak";
pub(super) const HANDSHAKE: &str = "HANDSHAKE-that-must-not-leak";

/// The suite's secrets.
pub(super) fn secrets() -> AccountSecrets {
    AccountSecrets { handshake: Some(HANDSHAKE.into()), ..AccountSecrets::new(TOKEN.into(), WEBHOOK_SECRET.into()) }
}

/// A recipient as the suite writes to.
pub(super) fn to(chat_id: &str) -> Recipient<'_> {
    Recipient { chat_id, user_id: chat_id, plain_buttons: false }
}

/// A message in our own words, under the suite's key.
pub(super) fn free<'a>(chat_id: &'a str, rendered: &'a Rendered) -> Outbound<'a> {
    Outbound { to: to(chat_id), body: Body::Free(rendered), key: uuid::Uuid::from_u128(0x0001_91c7) }
}

fn somewhere() -> Url {
    "https://vendor.example/".parse().unwrap()
}

fn message() -> Rendered {
    let button = Button { label: "Confirm".to_owned(), payload: "t1".to_owned() };
    Rendered { text: "Tue 24 Nov, 15:00. Confirm?".to_owned(), keyboard: Keyboard::Inline(vec![vec![button]]) }
}

/// Sends one message to a vendor that plays `step`.
async fn send(kind: ChannelKind, step: Step) -> (Result<Sent, Failure>, Vec<Seen>) {
    let stub = Stub::start("/under/a/path", vec![step]).await;
    let samples = samples(kind);
    let account = (samples.account)(stub.base_url.clone());
    let result = adapter(kind).send(&http(), &account, &free(samples.chat_id, &message())).await;
    (result, stub.seen())
}

async fn failure(kind: ChannelKind, step: Step) -> Failure {
    send(kind, step).await.0.unwrap_err()
}
