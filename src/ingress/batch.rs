//! Gathers webhooks that arrive while others are being written and stores them with one statement and one commit. Nothing waits on
//! purpose: an idle flusher takes a webhook at once, and what comes in while all of them are busy goes together.

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use tokio::sync::{Mutex, mpsc, oneshot};

use super::Limits;
use crate::{
    ids::InboundEventId,
    ops::unit,
    store::{Db, StoreError, inbound::NewInbound},
};

/// Where batches are written.
pub(super) trait Store: Send + Sync + 'static {
    fn ingest(&self, events: &[NewInbound]) -> impl Future<Output = Result<Vec<InboundEventId>, StoreError>> + Send;
}

impl Store for Db {
    async fn ingest(&self, events: &[NewInbound]) -> Result<Vec<InboundEventId>, StoreError> {
        Self::ingest(self, events).await
    }
}

/// Not stored, or not known to be: the vendor must repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not stored")]
pub(super) struct NotStored;

/// One webhook's events: stored all together or not at all.
struct Parcel {
    events: Vec<NewInbound>,
    done: oneshot::Sender<Result<usize, NotStored>>,
}

impl Parcel {
    fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.raw.len()).sum()
    }
}

/// The way into the database for webhooks.
pub(super) struct Batcher {
    queue: mpsc::Sender<Parcel>,
    patience: Duration,
}

impl Batcher {
    /// Starts the flushers, which end when the batcher is dropped and its queue is empty.
    pub(super) fn start(store: impl Store, limits: &Limits) -> Self {
        let (queue, parcels) = mpsc::channel(limits.queue);
        let flusher = Arc::new(Flusher { store, parcels: Mutex::new(parcels), limits: limits.clone() });
        for _ in 0..limits.flushers {
            tokio::spawn(flusher.clone().run());
        }
        Self { queue, patience: limits.queue_patience }
    }

    /// Stores a webhook's events; comes back after the commit with the number of new ones. A caller that goes away changes nothing:
    /// what was handed over is stored.
    ///
    /// # Errors
    /// When the queue stays full, or the database did not confirm.
    pub(super) async fn store(&self, events: Vec<NewInbound>) -> Result<usize, NotStored> {
        let (done, stored) = oneshot::channel();
        self.queue.send_timeout(Parcel { events, done }, self.patience).await.map_err(|_| {
            tracing::error!("webhooks arrive faster than they are stored");
            NotStored
        })?;
        let outcome = stored.await.unwrap_or(Err(NotStored));
        // The statement was shared; each of its webhooks counts it as its own.
        unit::count_query();
        outcome
    }
}

struct Flusher<S> {
    store: S,
    parcels: Mutex<mpsc::Receiver<Parcel>>,
    limits: Limits,
}

impl<S: Store> Flusher<S> {
    async fn run(self: Arc<Self>) {
        loop {
            let parcels = self.gather().await;
            if parcels.is_empty() {
                return;
            }
            // After a panic the parcels are gone, and their callers know it from the closed channel.
            if AssertUnwindSafe(self.flush(parcels)).catch_unwind().await.is_err() {
                tracing::error!("a flush of webhooks panicked");
            }
        }
    }

    /// Whatever waits, up to the limits; at least one, or none when there will be no more.
    async fn gather(&self) -> Vec<Parcel> {
        let mut queue = self.parcels.lock().await;
        let Some(first) = queue.recv().await else { return Vec::new() };
        let (mut events, mut bytes) = (first.events.len(), first.bytes());
        let mut parcels = vec![first];
        while events < self.limits.batch_events && bytes < self.limits.batch_bytes {
            let Ok(next) = queue.try_recv() else { break };
            events += next.events.len();
            bytes += next.bytes();
            parcels.push(next);
        }
        parcels
    }

    async fn flush(&self, parcels: Vec<Parcel>) {
        let (mut events, mut callers) = (Vec::new(), Vec::with_capacity(parcels.len()));
        for parcel in parcels {
            callers.push((parcel.events.len(), parcel.done));
            events.extend(parcel.events);
        }
        let together = self.write(&events).await;
        let mut rest = events.as_slice();
        for (size, done) in callers {
            let (own, others) = rest.split_at(size);
            rest = others;
            let outcome = match &together {
                Ok(new) => Ok(count(new, own)),
                // One bad row must not fail its neighbours.
                Err(Failure::Rejected) if own.len() < events.len() => self.write(own).await.map(|new| count(&new, own)),
                Err(failure) => Err(*failure),
            };
            // Nobody may wait any more: the vendor will repeat, and find it stored.
            let _ = done.send(outcome.map_err(|_| NotStored));
        }
    }

    async fn write(&self, events: &[NewInbound]) -> Result<HashSet<InboundEventId>, Failure> {
        let failure = match tokio::time::timeout(self.limits.commit_patience, self.store.ingest(events)).await {
            Ok(Ok(new)) => return Ok(new.into_iter().collect()),
            Ok(Err(error)) => {
                tracing::error!(%error, events = events.len(), "webhooks not stored");
                Failure::of(&error)
            }
            Err(_) => {
                tracing::error!(events = events.len(), "webhooks not stored: the database did not confirm in time");
                Failure::Away
            }
        };
        Err(failure)
    }
}

fn count(new: &HashSet<InboundEventId>, events: &[NewInbound]) -> usize {
    events.iter().filter(|event| new.contains(&event.id)).count()
}

/// Why a batch was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// Something in the batch, or its moment, was wrong: each webhook may succeed alone.
    Rejected,
    /// The database is away: no webhook would fare better alone.
    Away,
}

impl Failure {
    fn of(error: &StoreError) -> Self {
        use sqlx::Error::{Database, Io, PoolClosed, PoolTimedOut, Protocol, Tls, WorkerCrashed};
        let StoreError::Database(error) = error else { return Self::Rejected };
        match error {
            Io(_) | Tls(_) | Protocol(_) | PoolTimedOut | PoolClosed | WorkerCrashed => Self::Away,
            // SQLSTATE classes: connection, resources, operator intervention, system.
            Database(error)
                if error.code().is_some_and(|code| ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class))) =>
            {
                Self::Away
            }
            _ => Self::Rejected,
        }
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
