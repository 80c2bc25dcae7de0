//! Puts the queues, the ticker and the wake-ups of one process together, and stops them in order.

use std::{collections::HashMap, sync::Arc, time::Duration};

use apalis::prelude::{Data, Monitor, WorkerBuilder};
use salon_core::{
    job::Queue,
    store::{Db, WakeListener},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    bulkhead::OUTBOUND_SLOTS,
    ctx::Ctx,
    handlers,
    queue::{Assignment, JobBackend, JobError, QueueSettings},
    ticker,
};

/// How many jobs of a queue one process runs at once, unless told otherwise.
pub const fn default_slots(queue: Queue) -> usize {
    match queue {
        Queue::Dialogue | Queue::Calendar | Queue::Crm => 16,
        // Nearly all of them wait for a messenger, and hold no connection of the database meanwhile.
        Queue::Outbound => OUTBOUND_SLOTS,
        Queue::Reminder => 8,
    }
}

/// What one process works on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The queues, and how each is worked on.
    pub queues: Vec<QueueSettings>,
    /// Whether this process also makes jobs of what becomes due. Any number of processes may: each turn is taken once.
    pub ticker: bool,
}

impl Settings {
    /// The ordinary settings for these queues.
    pub fn of(queues: &[Queue]) -> Self {
        let queues = queues.iter().map(|queue| QueueSettings::new(*queue, default_slots(*queue))).collect();
        Self { queues, ticker: true }
    }

    /// The same with leases of this length.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        for queue in &mut self.queues {
            queue.lease = lease;
        }
        self
    }
}

/// Works until `stop` is cancelled, then finishes what runs.
///
/// # Errors
/// When a worker ends by itself, which none does while it is healthy.
pub async fn run(ctx: Ctx, settings: Settings, redis: Option<redis::Client>, stop: CancellationToken) -> Result<(), String> {
    let db = ctx.db.clone();
    serve(db, settings, redis, stop, move |assignment| handlers::run(assignment, Data::new(ctx.clone()))).await
}

/// [`run`] with any handler.
///
/// # Errors
/// When a worker ends by itself, which none does while it is healthy.
pub async fn serve<H, F>(
    db: Db,
    settings: Settings,
    redis: Option<redis::Client>,
    stop: CancellationToken,
    handler: H,
) -> Result<(), String>
where
    H: Fn(Assignment) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    let wakes: HashMap<Queue, Arc<Notify>> = settings.queues.iter().map(|queue| (queue.queue, Arc::new(Notify::new()))).collect();
    let _listener = redis.map(|redis| {
        let wakes = wakes.clone();
        WakeListener::start(redis, move |queue| {
            if let Some(wake) = wakes.get(&queue) {
                wake.notify_one();
            }
        })
    });
    let ticker = settings.ticker.then(|| tokio::spawn(ticker::run(db.clone(), stop.clone())));
    let grace = settings.queues.iter().map(|queue| queue.grace).max().unwrap_or_default();
    // A queue's own grace ends first, so that what is left over is given back in order.
    let mut monitor = Monitor::new().shutdown_timeout(grace + Duration::from_secs(5));
    for queue in settings.queues {
        let wake = wakes.get(&queue.queue).cloned().unwrap_or_default();
        let (db, stop, handler) = (db.clone(), stop.clone(), handler.clone());
        monitor = monitor.register(move |instance| {
            WorkerBuilder::new(format!("{}-{instance}", queue.queue).as_str())
                .backend(JobBackend::new(db.clone(), queue, wake.clone(), &stop))
                .build(handler.clone())
        });
    }
    let stopped = monitor
        .should_restart(|worker, error| {
            tracing::error!(worker = worker.name(), %error, "worker ended and is started again");
            true
        })
        .run_with_signal(async move {
            stop.cancelled().await;
            Ok(())
        })
        .await;
    if let Some(ticker) = ticker {
        let _ = ticker.await;
    }
    stopped.map_err(|error| error.to_string())
}
