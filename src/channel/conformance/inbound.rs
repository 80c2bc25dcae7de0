//! Webhooks in.

use std::collections::HashSet;

use http::HeaderMap;

use super::{Proof, Samples, samples, secrets, somewhere};
use crate::channel::{Account, AccountSecrets, ChannelEvent, ChannelKind, EventKind, adapter};

fn account(samples: &Samples) -> Account {
    (samples.account)(somewhere())
}

/// A delivery with its proof in place.
struct Signed {
    samples: Samples,
    account: Account,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Signed {
    fn of(kind: ChannelKind) -> Self {
        let samples = samples(kind);
        let account = account(&samples);
        let (headers, body) = (samples.sign)(&account, samples.webhooks[0].0.as_bytes());
        Self { samples, account, headers, body }
    }

    /// The bytes of the proof.
    fn proof(&self) -> Vec<u8> {
        match self.samples.proof {
            Proof::Header(name) => self.headers[name].as_bytes().to_vec(),
            Proof::Member(_) => self.account.secrets.webhook_secret_bytes().to_vec(),
        }
    }

    /// The same delivery with another proof; none takes it away.
    fn with(&self, proof: Option<&[u8]>) -> (HeaderMap, Vec<u8>) {
        let (mut headers, mut body) = (self.headers.clone(), self.body.clone());
        match (self.samples.proof, proof) {
            (Proof::Header(name), Some(proof)) => _ = headers.insert(name, proof.try_into().unwrap()),
            (Proof::Header(name), None) => _ = headers.remove(name),
            (Proof::Member(name), proof) => {
                let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body).unwrap();
                match proof {
                    Some(proof) => _ = json.insert(name.to_owned(), String::from_utf8_lossy(proof).into_owned().into()),
                    None => _ = json.remove(name),
                }
                body = serde_json::to_vec(&json).unwrap();
            }
        }
        (headers, body)
    }
}

impl AccountSecrets {
    fn webhook_secret_bytes(&self) -> &[u8] {
        use secrecy::ExposeSecret;
        self.webhook_secret.expose_secret().as_bytes()
    }
}

fn accepts(kind: ChannelKind, (headers, body): &(HeaderMap, Vec<u8>), account: &Account) -> bool {
    adapter(kind).verify(headers, body, account).is_ok()
}

pub(super) async fn names_and_declarations_agree(kind: ChannelKind) {
    let adapter = adapter(kind);
    assert_eq!(adapter.kind(), kind);
    assert_eq!(kind.as_str().parse(), Ok(kind));
    assert!(adapter.body_limit() > 0);
    for rate in [adapter.pacing().account, adapter.pacing().chat] {
        assert!(rate.count > 0 && rate.burst > 0 && !rate.per.is_zero(), "{kind}");
    }
    let capabilities = adapter.capabilities();
    if let Some(buttons) = capabilities.buttons {
        assert!(buttons.total <= buttons.rows * buttons.per_row, "{kind}");
        assert!(buttons.payload_bytes >= 64, "{kind}: the dialogue's tokens need 64 bytes");
    }
}

pub(super) async fn a_proof_is_accepted(kind: ChannelKind) {
    let signed = Signed::of(kind);
    assert!(accepts(kind, &(signed.headers.clone(), signed.body.clone()), &signed.account), "{kind}");
}

pub(super) async fn a_missing_or_double_proof_is_refused(kind: ChannelKind) {
    let signed = Signed::of(kind);
    assert!(!accepts(kind, &signed.with(None), &signed.account), "{kind}: no proof");
    if let Proof::Header(name) = signed.samples.proof {
        let mut twice = signed.headers.clone();
        twice.append(name, signed.headers[name].clone());
        assert!(!accepts(kind, &(twice, signed.body.clone()), &signed.account), "{kind}: two proofs");
    }
    let mut none = signed.account.clone();
    none.secrets = AccountSecrets::new(none.secrets.token, "".into());
    let (headers, body) = (signed.samples.sign)(&none, signed.samples.webhooks[0].0.as_bytes());
    assert!(!accepts(kind, &(headers, body), &none), "{kind}: an account without a secret");
}

pub(super) async fn a_proof_with_one_bit_flipped_is_refused(kind: ChannelKind) {
    let signed = Signed::of(kind);
    let proof = signed.proof();
    for index in 0..proof.len() {
        let mut bytes = proof.clone();
        bytes[index] ^= 1;
        assert!(!accepts(kind, &signed.with(Some(&bytes)), &signed.account), "{kind}: bit of byte {index} flipped");
    }
    for wrong in [&proof[1..], &proof[..proof.len() - 1], &[&proof[..], b"0"].concat(), b""] {
        assert!(!accepts(kind, &signed.with(Some(wrong)), &signed.account), "{kind}: wrong length");
    }
}

pub(super) async fn anothers_proof_is_refused(kind: ChannelKind) {
    let signed = Signed::of(kind);
    let mut other = signed.account.clone();
    other.secrets.webhook_secret = "another".into();
    assert!(!accepts(kind, &(signed.headers.clone(), signed.body.clone()), &other), "{kind}");
}

pub(super) async fn an_older_secret_still_counts(kind: ChannelKind) {
    let signed = Signed::of(kind);
    let mut rotated = signed.account.clone();
    rotated.secrets.also_valid = vec![std::mem::replace(&mut rotated.secrets.webhook_secret, "the-new-one".into())];
    assert!(accepts(kind, &(signed.headers.clone(), signed.body.clone()), &rotated), "{kind}");
}

fn parse(kind: ChannelKind, body: &[u8]) -> Vec<ChannelEvent> {
    adapter(kind).parse(body, &account(&samples(kind))).unwrap()
}

pub(super) async fn webhooks_become_events(kind: ChannelKind) {
    for (body, count) in samples(kind).webhooks {
        let events = parse(kind, body.as_bytes());
        assert_eq!(events.len(), count, "{kind}: {body}");
        let ids: HashSet<_> = events.iter().map(|event| &event.vendor_event_id).collect();
        assert_eq!(ids.len(), count, "{kind}: {body}");
        let stored = serde_json::to_string(&events).unwrap();
        assert_eq!(serde_json::from_str::<Vec<ChannelEvent>>(&stored).unwrap(), events, "{kind}");
        assert!(!stored.contains(super::TOKEN), "{kind}");
    }
}

pub(super) async fn a_repeated_delivery_is_the_same_event(kind: ChannelKind) {
    let samples = samples(kind);
    let mut all = HashSet::new();
    for (body, _) in &samples.webhooks {
        let once = parse(kind, body.as_bytes());
        assert_eq!(once, parse(kind, body.as_bytes()), "{kind}");
        all.extend(once.into_iter().map(|event| event.vendor_event_id));
    }
    let said = |text: &str| parse(kind, (samples.text_webhook)(text).as_bytes()).remove(0);
    assert_eq!(said("one").vendor_event_id, said("one").vendor_event_id, "{kind}");
}

pub(super) async fn a_batch_is_taken_apart(kind: ChannelKind) {
    if let Some((body, count)) = samples(kind).batch {
        let events = parse(kind, body.as_bytes());
        let ids: HashSet<_> = events.iter().map(|event| (&event.account, &event.vendor_event_id)).collect();
        assert_eq!((events.len(), ids.len()), (count, count), "{kind}");
    }
}

pub(super) async fn an_unknown_kind_is_ignored(kind: ChannelKind) {
    let events = parse(kind, samples(kind).unknown_kind.as_bytes());
    assert!(!events.is_empty() && events.iter().all(|event| matches!(event.kind, EventKind::Ignored { .. })), "{kind}");
}

pub(super) async fn what_is_not_the_vendors_is_refused(kind: ChannelKind) {
    let samples = samples(kind);
    for body in ["", "not json", "null", "[]", "{", samples.foreign] {
        let error = adapter(kind).parse(body.as_bytes(), &account(&samples)).unwrap_err().to_string();
        assert!(!error.is_empty() && (body.len() < 5 || !error.contains(body)), "{kind}: {error}");
    }
}

/// Clusters of several code points, right-to-left and zero-width text, and more of it than anybody reads.
pub(super) async fn an_oversized_text_is_one_event(kind: ChannelKind) {
    let samples = samples(kind);
    let long = "ы".repeat(500_000);
    for text in ["👨‍👩‍👧‍👦 e\u{301}\u{301}", "שלום \u{202e}abc", "\u{200b}\u{feff}a", "a\u{0}b", long.as_str()]
    {
        let body = (samples.text_webhook)(text);
        let events = parse(kind, body.as_bytes());
        assert_eq!(events.len(), 1, "{kind}");
        let EventKind::Text { text: read, .. } = &events[0].kind else { panic!("{kind}: {:?}", events[0].kind) };
        assert_eq!(read, text, "{kind}");
    }
}

pub(super) async fn answers_never_echo(kind: ChannelKind) {
    let answer = adapter(kind).answer();
    assert!(answer.len() <= 2 && !answer.contains('{'), "{kind}: {answer}");
    assert_eq!(secrets().handshake.map(|_| ()), Some(()));
}
