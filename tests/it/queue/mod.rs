//! The queue under faults: real worker processes, a real PostgreSQL that goes away, and a script per job that says what it does.

mod backoff;
mod crash;
mod fence;
mod lanes;
mod order;
mod outage;
mod plans;
mod process;
mod script;
mod stop;
mod verdicts;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use salon_core::{
    clock::ManualClock,
    ids::{InboundEventId, JobId, MessageId, TenantId},
    job::{Job, NewJob, Queue},
    store::{
        Db,
        inbound::{Fate, NewInbound},
    },
};
use salon_workers::{
    queue::QueueSettings,
    runtime::{self, Settings},
};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::harness::World;
use script::Script;

/// A database with the script's tables and two salons.
struct Site {
    db: Db,
    clock: Option<Arc<ManualClock>>,
    script: Script,
    app_url: SecretString,
    admin_url: SecretString,
    lotos: TenantId,
    roza: TenantId,
    _world: Option<World>,
}

impl Site {
    async fn new() -> Self {
        let world = World::new().await;
        Self {
            db: world.db.clone(),
            clock: Some(world.clock.clone()),
            script: Script::install(&world.admin_url).await,
            app_url: world.app_url.clone(),
            admin_url: world.admin_url.clone(),
            lotos: world.lotos,
            roza: world.roza,
            _world: Some(world),
        }
    }

    fn clock(&self) -> &ManualClock {
        self.clock.as_deref().unwrap()
    }

    fn tenant(&self, n: usize) -> TenantId {
        if n.is_multiple_of(2) { self.lotos } else { self.roza }
    }

    /// Webhook events with their jobs, for the two salons in turn. Repeating it changes nothing.
    async fn ingest(&self, numbers: std::ops::Range<usize>) -> Result<Vec<Uuid>, salon_core::store::StoreError> {
        let events: Vec<NewInbound> = numbers.map(|n| event(self.tenant(n), n)).collect();
        self.db.ingest(&events).await.map(|_| events.iter().map(|event| event.id.0).collect())
    }

    /// Enqueues a job of its own transaction.
    async fn enqueue(&self, tenant: TenantId, job: NewJob) -> JobId {
        let mut tx = self.db.tenant(tenant).await.unwrap();
        let id = tx.enqueue(job).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A message job whose runs follow these steps.
    async fn message(&self, tenant: TenantId, steps: &[&str]) -> Uuid {
        let (subject, job) = message();
        self.script.set(subject, steps).await;
        self.enqueue(tenant, job).await;
        subject
    }

    /// A worker inside this process, on this site's clock.
    fn work(&self, settings: QueueSettings) -> Working {
        let (stop, script) = (CancellationToken::new(), self.script.clone());
        let settings = Settings { queues: vec![settings], ticker: false };
        let served =
            runtime::serve(self.db.clone(), settings, None, stop.clone(), move |assignment| script.clone().handle(assignment));
        Working { stop, task: tokio::spawn(served) }
    }

    /// Promise 1: every job ever enqueued is waiting, finished or an open dead letter, and no event is without one of them.
    async fn assert_accounted(&self, enqueued: usize) {
        assert_eq!(self.db.unaccounted().await.unwrap(), vec![]);
        assert_eq!(self.script.accounted().await, i64::try_from(enqueued).unwrap());
    }
}

/// A worker inside this process.
struct Working {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<(), String>>,
}

impl Working {
    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

fn message() -> (Uuid, NewJob) {
    let subject = Uuid::now_v7();
    (subject, NewJob::new(Job::SendMessage { message: MessageId(subject) }))
}

fn event(tenant: TenantId, n: usize) -> NewInbound {
    let id = InboundEventId(Uuid::from_u128(0x019c_0000_0000_7000_8000_0000_0000_0000 + n as u128));
    NewInbound {
        id,
        tenant,
        source: "telegram",
        source_id: tenant.0,
        vendor_event_id: n.to_string(),
        kind: "text",
        event: serde_json::json!({}),
        raw: Vec::new(),
        fate: Fate::Work(Job::HandleInbound { inbound_event: id }, None),
        trace: None,
    }
}

/// A queue whose worker looks often. Its leases are the ordinary ones: on a busy machine a short one is lost by a worker that lives.
fn settings(queue: Queue, slots: usize) -> QueueSettings {
    QueueSettings { poll: Duration::from_millis(10), grace: Duration::from_secs(5), ..QueueSettings::new(queue, slots) }
}

/// The same with leases short enough to wait for the end of.
fn brief_leases(queue: Queue, slots: usize) -> QueueSettings {
    QueueSettings { lease: Duration::from_millis(900), ..settings(queue, slots) }
}

/// Looks until there is something to see.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(std::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn millis(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    (to - from).num_milliseconds()
}
