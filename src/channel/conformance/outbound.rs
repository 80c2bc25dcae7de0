//! Calls out.

use super::{HANDSHAKE, TOKEN, WEBHOOK_SECRET, failure, free, message, samples, secrets, send};
use crate::{
    channel::{ChannelKind, adapter},
    dialogue::{Rendered, edge_screens, render},
    vendor::{
        Class, Failure, HttpError,
        stub::{Step, Stub, http},
    },
};

pub(super) async fn a_message_that_was_taken_has_the_vendors_id(kind: ChannelKind) {
    let (step, id) = samples(kind).sent;
    let (sent, seen) = send(kind, step).await;
    assert_eq!(sent.unwrap().vendor_message_id, id, "{kind}");
    assert_eq!(seen.len(), 1, "{kind}");
    assert!(seen[0].path.starts_with("/under/a/path/"), "{kind}: the base address keeps its path");
}

pub(super) async fn a_wait_that_is_named_is_kept(kind: ChannelKind) {
    let (limited, wait) = samples(kind).limited_for;
    assert_eq!(failure(kind, limited).await.class, Class::Retry { after: Some(wait) }, "{kind}");
}

pub(super) async fn too_many_requests_are_retried(kind: ChannelKind) {
    let (limited, after) = samples(kind).limited;
    assert_eq!(failure(kind, limited).await.class, Class::Retry { after }, "{kind}");
}

pub(super) async fn every_error_of_the_table_is_classified(kind: ChannelKind) {
    let samples = samples(kind);
    assert!(!samples.errors.is_empty(), "{kind}");
    for (step, class) in samples.errors {
        let failure = failure(kind, step.clone()).await;
        assert_eq!(failure.class, class, "{kind}: {step:?}: {failure}");
    }
    assert_eq!(failure(kind, samples.refused).await.class, Class::Credential, "{kind}");
    assert_eq!(failure(kind, samples.unreachable).await.class, Class::Unreachable, "{kind}");
}

/// Nothing was done, or it may have been and the vendor recognises the repetition: then, and only then, it may be tried again at once.
/// Where neither is sure, the outcome is unknown.
pub(super) async fn server_errors_are_retried(kind: ChannelKind) {
    for status in [500, 502, 503, 504] {
        let step = Step::Answer { status, headers: Vec::new(), body: "<html>upstream</html>".to_owned() };
        let class = failure(kind, step).await.class;
        assert!(matches!(class, Class::Retry { after: None } | Class::Unknown), "{kind}: {status}: {class:?}");
    }
}

/// After the request is written, no answer and a lost answer look the same: the message may have been sent.
pub(super) async fn an_outcome_nobody_knows_is_unknown(kind: ChannelKind) {
    for step in [Step::Close, Step::CutOff, samples(kind).garbled] {
        let (result, seen) = send(kind, step).await;
        assert_eq!(result.unwrap_err().class, Class::Unknown, "{kind}");
        assert_eq!(seen.len(), 1, "{kind}: an adapter never sends twice by itself");
    }
}

pub(super) async fn a_vendor_that_is_not_there_took_nothing(kind: ChannelKind) {
    let samples = samples(kind);
    let nobody = (samples.account)("http://127.0.0.1:1/".parse().unwrap());
    let failure = adapter(kind).send(&http(), &nobody, &free(samples.chat_id, &message())).await.unwrap_err();
    assert_eq!(failure, Failure::from(HttpError::NotSent), "{kind}");
}

/// Screens that fill what the channel allows: the longest text, the most choices, labels in every script. What is rendered for a channel
/// is within its declared limits, and its adapter takes it.
pub(super) async fn every_screen_at_the_budgets_edge_is_sent(kind: ChannelKind) {
    let (samples, adapter) = (samples(kind), adapter(kind));
    let capabilities = adapter.capabilities();
    for (screen, seal) in edge_screens() {
        let rendered: Rendered = render(&screen, capabilities, &seal);
        assert!(capabilities.text_limit.fits(&rendered.text), "{kind}: {}", rendered.text);
        let (step, id) = samples.sent.clone();
        let stub = Stub::start("", vec![step]).await;
        let account = (samples.account)(stub.base_url.clone());
        let sent = adapter.send(&http(), &account, &free(samples.chat_id, &rendered)).await;
        assert_eq!(sent.map(|sent| sent.vendor_message_id).as_deref(), Ok(id), "{kind}");
    }
}

/// What a vendor recognises a repetition by must not change between tries.
pub(super) async fn a_repeated_send_has_the_same_key(kind: ChannelKind) {
    let sent = || samples(kind).sent.0;
    let (first, second) = (send(kind, sent()).await.1.remove(0), send(kind, sent()).await.1.remove(0));
    assert_eq!((first.path, first.body), (second.path, second.body), "{kind}");
}

pub(super) async fn secrets_are_in_nothing_that_is_printed(kind: ChannelKind) {
    let samples = samples(kind);
    let stub = Stub::start("", Vec::new()).await;
    let mut printed = vec![format!("{:?}", (samples.account)(stub.base_url.clone())), format!("{:?}", secrets())];
    let mut steps = vec![samples.refused, samples.limited.0, samples.unreachable, samples.garbled, Step::Close];
    steps.extend(samples.errors.into_iter().map(|(step, _)| step));
    for step in steps {
        let failure = failure(kind, step).await;
        printed.push(format!("{failure} {failure:?}"));
    }
    for text in printed {
        for secret in [TOKEN, WEBHOOK_SECRET, HANDSHAKE] {
            assert!(!text.contains(secret), "{kind}: {text}");
        }
    }
}
