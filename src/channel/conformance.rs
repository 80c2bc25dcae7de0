//! What every adapter of the channel port must do, run over each of them. An adapter brings samples of its vendor's wire format and
//! nothing else: a new channel is one line in [`samples`].

use std::time::Duration;

use http::HeaderMap;
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::{Account, AccountSecrets, ChannelKind, EventKind, adapter, telegram};
use crate::{
    dialogue::{Button, Keyboard, Rendered},
    vendor::{
        Class, Failure, HttpError,
        stub::{Seen, Step, Stub, http},
    },
};

/// A vendor's own words for what the suite asks about.
pub(super) struct Samples {
    /// Headers that prove a body under these secrets.
    pub(super) sign: fn(&AccountSecrets, &[u8]) -> HeaderMap,
    /// The name of the header that carries the proof.
    pub(super) proof: &'static str,
    /// Real webhooks, with the number of events in each.
    pub(super) webhooks: Vec<(&'static str, usize)>,
    /// A webhook of a kind that does not exist yet.
    pub(super) unknown_kind: &'static str,
    /// JSON that is none of the vendor's webhooks.
    pub(super) foreign: &'static str,
    /// A chat id of the right form.
    pub(super) chat_id: &'static str,
    /// The answer to a send that worked, and the id in it.
    pub(super) sent: (Step, &'static str),
    /// Too many requests, and the vendor says for how long to wait.
    pub(super) limited_for: (Step, Duration),
    /// Too many requests, and nothing else.
    pub(super) limited: Step,
    /// The credential is refused.
    pub(super) refused: Step,
    /// The client can't be reached.
    pub(super) unreachable: Step,
    /// Success, in a form nobody can read.
    pub(super) garbled: Step,
}

fn samples(kind: ChannelKind) -> Samples {
    match kind {
        ChannelKind::Telegram => telegram::tests::conformance(),
    }
}

const TOKEN: &str = "900:TOKEN-that-must-not-leak";
const WEBHOOK_SECRET: &str = "SECRET-that-must-not-leak";

fn secrets() -> AccountSecrets {
    AccountSecrets { token: TOKEN.into(), webhook_secret: WEBHOOK_SECRET.into() }
}

pub(super) fn account(stub: &Stub) -> Account {
    Account { base_url: stub.base_url.clone(), secrets: secrets() }
}

fn message() -> Rendered {
    let button = Button { label: "Confirm".to_owned(), payload: "t1".to_owned() };
    Rendered { text: "Tue 24 Nov, 15:00. Confirm?".to_owned(), keyboard: Keyboard::Inline(vec![vec![button]]) }
}

/// Sends one message to a vendor that plays `step`.
async fn send(kind: ChannelKind, step: Step) -> (Result<super::Sent, Failure>, Vec<Seen>) {
    let stub = Stub::start("/under/a/path", vec![step]).await;
    let result = adapter(kind).send(&http(), &account(&stub), samples(kind).chat_id, &message()).await;
    (result, stub.seen())
}

async fn failure(kind: ChannelKind, step: Step) -> Failure {
    send(kind, step).await.0.unwrap_err()
}

#[test]
fn names_and_declarations_agree() {
    for &kind in ChannelKind::ALL {
        let adapter = adapter(kind);
        assert_eq!(adapter.kind(), kind);
        assert_eq!(kind.as_str().parse(), Ok(kind));
        assert!(adapter.body_limit() > 0);
        for rate in [adapter.pacing().account, adapter.pacing().chat] {
            assert!(rate.count > 0 && rate.burst > 0 && !rate.per.is_zero(), "{kind}");
        }
        if let Some(buttons) = adapter.capabilities().buttons {
            assert!(buttons.total <= buttons.rows * buttons.per_row, "{kind}");
            assert!(buttons.payload_bytes >= 64, "{kind}: the dialogue's tokens need 64 bytes");
        }
    }
}

#[test]
fn a_proof_counts_only_if_it_is_whole_and_single() {
    for &kind in ChannelKind::ALL {
        let (adapter, samples, secrets) = (adapter(kind), samples(kind), secrets());
        let body = samples.webhooks[0].0.as_bytes();
        let good = (samples.sign)(&secrets, body);
        assert!(adapter.verify(&good, body, &secrets).is_ok(), "{kind}");
        assert!(adapter.verify(&HeaderMap::new(), body, &secrets).is_err(), "{kind}: no proof");

        let value = good[samples.proof].clone();
        for index in 0..value.as_bytes().len() {
            let mut bytes = value.as_bytes().to_vec();
            bytes[index] ^= 1;
            let mut headers = good.clone();
            headers.insert(samples.proof, bytes.as_slice().try_into().unwrap());
            assert!(adapter.verify(&headers, body, &secrets).is_err(), "{kind}: bit of byte {index} flipped");
        }
        for wrong in [&value.as_bytes()[1..], &value.as_bytes()[..value.len() - 1], &[value.as_bytes(), b"0"].concat(), b""] {
            let mut headers = good.clone();
            headers.insert(samples.proof, wrong.try_into().unwrap());
            assert!(adapter.verify(&headers, body, &secrets).is_err(), "{kind}: wrong length");
        }
        let mut twice = good.clone();
        twice.append(samples.proof, value);
        assert!(adapter.verify(&twice, body, &secrets).is_err(), "{kind}: two proofs");

        let other = AccountSecrets { token: TOKEN.into(), webhook_secret: "another".into() };
        assert!(adapter.verify(&good, body, &other).is_err(), "{kind}: another account's proof");
        let none = AccountSecrets { token: TOKEN.into(), webhook_secret: "".into() };
        assert!(adapter.verify(&(samples.sign)(&none, body), body, &none).is_err(), "{kind}: an account without a secret");
    }
}

#[test]
fn webhooks_become_events_with_ids_of_their_own_and_survive_storage() {
    for &kind in ChannelKind::ALL {
        for (body, count) in samples(kind).webhooks {
            let events = adapter(kind).parse(body.as_bytes()).unwrap();
            assert_eq!(events.len(), count, "{kind}: {body}");
            let ids: std::collections::HashSet<_> = events.iter().map(|event| &event.vendor_event_id).collect();
            assert_eq!(ids.len(), count, "{kind}: {body}");
            assert_eq!(events, adapter(kind).parse(body.as_bytes()).unwrap(), "{kind}: a repeated delivery is the same event");
            let stored = serde_json::to_string(&events).unwrap();
            assert_eq!(serde_json::from_str::<Vec<super::ChannelEvent>>(&stored).unwrap(), events, "{kind}");
        }
    }
}

#[test]
fn an_unknown_kind_is_ignored_and_not_refused() {
    for &kind in ChannelKind::ALL {
        let events = adapter(kind).parse(samples(kind).unknown_kind.as_bytes()).unwrap();
        assert!(!events.is_empty() && events.iter().all(|event| matches!(event.kind, EventKind::Ignored { .. })), "{kind}");
    }
}

#[test]
fn what_is_not_the_vendors_is_refused_without_repeating_it() {
    for &kind in ChannelKind::ALL {
        for body in ["", "not json", "null", "[]", "{", samples(kind).foreign] {
            let error = adapter(kind).parse(body.as_bytes()).unwrap_err().to_string();
            assert!(!error.is_empty() && (body.len() < 5 || !error.contains(body)), "{kind}: {error}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_make_an_adapter_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        for &kind in ChannelKind::ALL {
            adapter(kind).parse(&bytes).ok();
        }
    }

    #[test]
    fn no_damage_to_a_webhook_makes_an_adapter_panic(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for &kind in ChannelKind::ALL {
            let webhooks = samples(kind).webhooks;
            let mut bytes = webhooks[which.index(webhooks.len())].0.as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            adapter(kind).parse(&bytes).ok();
        }
    }
}

#[tokio::test]
async fn a_message_that_was_taken_has_the_vendors_id() {
    for &kind in ChannelKind::ALL {
        let (step, id) = samples(kind).sent;
        let (sent, seen) = send(kind, step).await;
        assert_eq!(sent.unwrap().vendor_message_id, id, "{kind}");
        assert_eq!(seen.len(), 1, "{kind}");
        assert!(seen[0].path.starts_with("/under/a/path/"), "{kind}: the base address keeps its path");
    }
}

#[tokio::test]
async fn failures_are_classified() {
    for &kind in ChannelKind::ALL {
        let samples = samples(kind);
        let (limited, wait) = samples.limited_for;
        assert_eq!(failure(kind, limited).await.class, Class::Retry { after: Some(wait) }, "{kind}");
        assert_eq!(failure(kind, samples.limited).await.class, Class::Retry { after: None }, "{kind}");
        assert_eq!(failure(kind, samples.refused).await.class, Class::Credential, "{kind}");
        assert_eq!(failure(kind, samples.unreachable).await.class, Class::Unreachable, "{kind}");
        for status in [500, 502, 503, 504] {
            let step = Step::Answer { status, headers: Vec::new(), body: "<html>upstream</html>".to_owned() };
            assert_eq!(failure(kind, step).await.class, Class::Retry { after: None }, "{kind}: {status}");
        }
    }
}

/// After the request is written, no answer and a lost answer look the same: the message may have been sent.
#[tokio::test]
async fn an_outcome_nobody_knows_is_unknown() {
    for &kind in ChannelKind::ALL {
        for step in [Step::Close, Step::CutOff, samples(kind).garbled] {
            let (result, seen) = send(kind, step).await;
            assert_eq!(result.unwrap_err().class, Class::Unknown, "{kind}");
            assert_eq!(seen.len(), 1, "{kind}: an adapter never sends twice by itself");
        }
    }
}

#[tokio::test]
async fn a_vendor_that_is_not_there_took_nothing() {
    for &kind in ChannelKind::ALL {
        let nobody = Account { base_url: "http://127.0.0.1:1/".parse().unwrap(), secrets: secrets() };
        let failure = adapter(kind).send(&http(), &nobody, samples(kind).chat_id, &message()).await.unwrap_err();
        assert_eq!(failure, Failure::from(HttpError::NotSent), "{kind}");
    }
}

#[tokio::test]
async fn secrets_are_in_nothing_that_is_printed() {
    for &kind in ChannelKind::ALL {
        let samples = samples(kind);
        let stub = Stub::start("", Vec::new()).await;
        let mut printed = vec![format!("{:?}", account(&stub))];
        for step in [samples.refused, samples.limited, samples.unreachable, samples.garbled, Step::Close] {
            let failure = failure(kind, step).await;
            printed.push(format!("{failure} {failure:?}"));
        }
        for text in printed {
            assert!(!text.contains(TOKEN) && !text.contains(WEBHOOK_SECRET), "{kind}: {text}");
            assert!(!text.contains(samples.chat_id), "{kind}: {text}");
        }
        assert_eq!(secrets().token.expose_secret(), TOKEN);
    }
}
