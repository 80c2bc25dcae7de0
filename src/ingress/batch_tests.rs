use std::sync::Mutex as Lock;

use serde_json::json;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;
use crate::{ids::TenantId, store::inbound::Fate};

/// Remembers each batch, and writes it when it is let to.
#[derive(Default)]
struct Ledger {
    batches: Lock<Vec<Vec<String>>>,
    gate: Option<Semaphore>,
    away: bool,
}

impl Store for Arc<Ledger> {
    async fn ingest(&self, events: &[NewInbound]) -> Result<Vec<InboundEventId>, StoreError> {
        let names: Vec<String> = events.iter().map(|event| event.vendor_event_id.clone()).collect();
        self.batches.lock().unwrap().push(names.clone());
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        match () {
            () if self.away => Err(sqlx::Error::PoolTimedOut.into()),
            () if names.iter().any(|name| name == "bad") => Err(StoreError::Corrupt("row")),
            () if names.iter().any(|name| name == "panic") => panic!("on purpose"),
            () => Ok(events.iter().filter(|event| event.vendor_event_id != "old").map(|event| event.id).collect()),
        }
    }
}

fn webhook(name: &str) -> Vec<NewInbound> {
    vec![NewInbound {
        id: InboundEventId(Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())),
        tenant: TenantId(Uuid::nil()),
        source: "telegram",
        source_id: Uuid::nil(),
        vendor_event_id: name.to_owned(),
        kind: "text",
        event: json!({}),
        raw: vec![0; 10],
        fate: Fate::Ignored("test".to_owned()),
        trace: None,
    }]
}

fn gated() -> Arc<Ledger> {
    Arc::new(Ledger { gate: Some(Semaphore::new(0)), ..Ledger::default() })
}

fn one_flusher() -> Limits {
    Limits { flushers: 1, ..Limits::default() }
}

/// Puts webhooks into the batcher one after another, while the first one is being written.
async fn while_first_is_written<const N: usize>(
    ledger: &Arc<Ledger>,
    limits: &Limits,
    names: [&'static str; N],
) -> [Result<usize, NotStored>; N] {
    let batcher = Arc::new(Batcher::start(ledger.clone(), limits));
    let mut callers = Vec::new();
    for name in names {
        let batcher = batcher.clone();
        callers.push(tokio::spawn(async move { batcher.store(webhook(name)).await }));
        // On a single thread, until everybody waits for somebody else.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    ledger.gate.as_ref().unwrap().add_permits(100);
    let mut outcomes = Vec::new();
    for caller in callers {
        outcomes.push(caller.await.unwrap());
    }
    outcomes.try_into().unwrap()
}

fn batches(ledger: &Ledger) -> Vec<Vec<String>> {
    ledger.batches.lock().unwrap().clone()
}

#[tokio::test]
async fn what_arrives_during_a_write_goes_together() {
    let ledger = gated();
    let outcomes = while_first_is_written(&ledger, &one_flusher(), ["a", "b", "old", "c"]).await;
    assert_eq!(outcomes, [Ok(1), Ok(1), Ok(0), Ok(1)]);
    assert_eq!(batches(&ledger), [vec!["a"], vec!["b", "old", "c"]]);
}

#[tokio::test]
async fn batches_have_an_end() {
    for limits in [Limits { batch_events: 2, ..one_flusher() }, Limits { batch_bytes: 15, ..one_flusher() }] {
        let ledger = gated();
        assert_eq!(while_first_is_written(&ledger, &limits, ["a", "b", "c", "d"]).await, [Ok(1); 4]);
        assert_eq!(batches(&ledger), [vec!["a"], vec!["b", "c"], vec!["d"]]);
    }
}

#[tokio::test]
async fn one_bad_webhook_fails_alone() {
    let ledger = gated();
    let outcomes = while_first_is_written(&ledger, &one_flusher(), ["a", "b", "bad", "c"]).await;
    assert_eq!(outcomes, [Ok(1), Ok(1), Err(NotStored), Ok(1)]);
    assert_eq!(batches(&ledger)[1..], [vec!["b", "bad", "c"], vec!["b"], vec!["bad"], vec!["c"]]);
}

#[tokio::test]
async fn a_database_that_is_away_is_not_asked_for_each_webhook() {
    let ledger = Arc::new(Ledger { away: true, gate: Some(Semaphore::new(0)), ..Ledger::default() });
    let outcomes = while_first_is_written(&ledger, &one_flusher(), ["a", "b", "c"]).await;
    assert_eq!(outcomes, [Err(NotStored); 3]);
    assert_eq!(batches(&ledger).len(), 2);
}

#[tokio::test]
async fn a_panic_costs_its_own_batch_only() {
    let ledger = gated();
    let outcomes = while_first_is_written(&ledger, &one_flusher(), ["panic", "a"]).await;
    assert_eq!(outcomes, [Err(NotStored), Ok(1)]);
}

#[tokio::test]
async fn a_caller_who_goes_away_loses_nothing() {
    let ledger = gated();
    let batcher = Arc::new(Batcher::start(ledger.clone(), &one_flusher()));
    let caller = tokio::spawn({
        let batcher = batcher.clone();
        async move { batcher.store(webhook("gone")).await }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    ledger.gate.as_ref().unwrap().add_permits(100);
    assert_eq!(batcher.store(webhook("next")).await, Ok(1));
    assert_eq!(batches(&ledger), [vec!["gone"], vec!["next"]]);
}

#[tokio::test]
async fn a_database_that_hangs_and_a_full_queue_end_in_time() {
    let ledger = gated();
    let patience = Duration::from_millis(20);
    let limits = Limits { queue: 1, queue_patience: patience, commit_patience: patience, ..one_flusher() };
    let batcher = Arc::new(Batcher::start(ledger.clone(), &limits));
    let callers = ["a", "b", "c", "d"].map(|name| {
        let batcher = batcher.clone();
        tokio::spawn(async move { batcher.store(webhook(name)).await })
    });
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Err(NotStored));
    }
}
