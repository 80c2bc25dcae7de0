//! apalis runs the jobs; our tables hold them. [`JobBackend`] is one queue of one process as apalis sees it: it claims only as many jobs
//! as there are free slots, and frees a slot only when the run's result is durable. Renewing and reaping leases are tasks of their own,
//! so that slow jobs can't starve them.

mod error;
mod keeper;
mod layer;
mod pump;
mod run;
mod settler;

pub use error::{Cause, JobError};
pub use layer::{RunLayer, RunService};
pub use run::{Assignment, Run};

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::Task,
    worker::context::WorkerContext,
};
use futures::FutureExt;
use salon_core::{job::Queue, store::Db};
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use keeper::Keeper;
use settler::Settler;

/// How one queue is worked on by one process.
#[derive(Debug, Clone, Copy)]
pub struct QueueSettings {
    /// Which queue.
    pub queue: Queue,
    /// How many jobs run at once.
    pub slots: usize,
    /// How long a lease lasts without being renewed: after a crash, this long until another worker takes over.
    pub lease: Duration,
    /// How often an idle worker looks, if nothing wakes it.
    pub poll: Duration,
    /// How long running jobs may take to finish when the process stops.
    pub grace: Duration,
}

impl QueueSettings {
    /// The ordinary settings.
    pub const fn new(queue: Queue, slots: usize) -> Self {
        Self { queue, slots, lease: Duration::from_secs(15), poll: Duration::from_millis(250), grace: Duration::from_secs(25) }
    }
}

/// The backend never fails: an outage of the database only delays it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the queue's backend failed")]
pub struct Infallible;

/// What the parts of one backend share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) db: Db,
    pub(crate) settings: QueueSettings,
    /// The owner of this backend's leases: new for every start, so that a restart under the same name never keeps a dead run's jobs alive.
    pub(crate) owner: Uuid,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) keeper: Keeper,
    pub(crate) stop: CancellationToken,
}

enum Stage {
    Idle,
    Running(Parts),
    Closed,
}

struct Parts {
    tasks: mpsc::Receiver<Task<Assignment>>,
    /// Keeps `tasks` open: a stream that ends before apalis itself stops is an error to it.
    _open: mpsc::Sender<Task<Assignment>>,
    life: JoinHandle<()>,
}

/// One queue of one process.
pub struct JobBackend {
    shared: Shared,
    settler: Settler,
    settlements: Option<settler::Settlements>,
    stage: Stage,
}

impl JobBackend {
    /// A backend for a queue. `wake` makes an idle worker look at once. `stop` ends claiming at once; apalis, which closes a backend only
    /// when everything it runs has ended, is stopped on its own.
    pub fn new(db: Db, settings: QueueSettings, wake: Arc<Notify>, stop: &CancellationToken) -> Self {
        let owner = db.ids().next(db.clock());
        let (settler, settlements) = Settler::channel();
        let shared = Shared {
            db,
            settings,
            owner,
            slots: Arc::new(Semaphore::new(settings.slots)),
            wake,
            keeper: Keeper::default(),
            stop: stop.child_token(),
        };
        Self { shared, settler, settlements: Some(settlements), stage: Stage::Idle }
    }

    fn start(&mut self) {
        let Some(settlements) = self.settlements.take() else { return };
        let (to_worker, tasks) = mpsc::channel(self.shared.settings.slots.max(1));
        let life = live(self.shared.clone(), self.settler.clone(), settlements, to_worker.clone());
        self.stage = Stage::Running(Parts { tasks, _open: to_worker, life: tokio::spawn(life) });
    }
}

/// A worker that ended in an error is started again with a backend of its own; this one must not go on claiming.
impl Drop for JobBackend {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// From the first claim to the last settlement. When told to stop: no new claims; what was claimed but not begun goes back with its
/// attempt; what runs may finish within the grace.
async fn live(shared: Shared, settler: Settler, settlements: settler::Settlements, to_worker: mpsc::Sender<Task<Assignment>>) {
    let keeper = tokio::spawn(keeper::run(shared.clone()));
    let writer = tokio::spawn(settler::run(shared.clone(), settlements));
    let mut pump = tokio::spawn(pump::run(shared.clone(), settler, to_worker));
    shared.stop.cancelled().await;
    let orderly = async {
        let _ = (&mut pump).await;
        give_back(&shared).await;
        let all = u32::try_from(shared.settings.slots).unwrap_or(u32::MAX);
        let _ = shared.slots.acquire_many(all).await;
    };
    if tokio::time::timeout(shared.settings.grace, orderly).await.is_err() {
        tracing::warn!(queue = %shared.settings.queue, "jobs still run after the grace: their leases will run out");
        pump.abort();
        shared.keeper.cancel_all();
    }
    keeper.abort();
    writer.abort();
}

async fn give_back(shared: &Shared) {
    let unbegun = shared.keeper.withdraw_unbegun();
    if unbegun.is_empty() {
        return;
    }
    if let Err(error) = shared.db.release(shared.owner, &unbegun).await {
        tracing::warn!(%error, jobs = unbegun.len(), "unbegun jobs keep their lease until it runs out");
    }
}

impl Backend for JobBackend {
    type Task = Task<Assignment>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        if matches!(self.stage, Stage::Idle) {
            self.start();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Task<Assignment>, Infallible>>> {
        match &mut self.stage {
            Stage::Running(parts) => parts.tasks.poll_recv(cx).map(|task| task.map(Ok)),
            _ => Poll::Ready(None),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.shared.stop.cancel();
        if let Stage::Running(parts) = &mut self.stage {
            if parts.life.poll_unpin(cx).is_pending() {
                return Poll::Pending;
            }
            self.stage = Stage::Closed;
        }
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for JobBackend {
    type Args = Assignment;
    type Id = Uuid;
    type Kind = Ephemeral;
    type Config = QueueSettings;
    type Layer = RunLayer;

    fn config(&self) -> &QueueSettings {
        &self.shared.settings
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> RunLayer {
        RunLayer::new(self.shared.db.clone(), self.settler.clone())
    }
}
