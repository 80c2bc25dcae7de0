//! Metrics, for Prometheus to fetch, each described once. What workers count is named where it is counted.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::OnceCell;

use crate::{
    job::Queue,
    store::{Db, StoreError},
};

/// The metrics' names.
pub mod names {
    /// Webhooks, by `channel` and `outcome`.
    pub const WEBHOOKS: &str = "salon_webhooks_total";
    /// How long a webhook took, in seconds, by `channel`.
    pub const WEBHOOK_SECONDS: &str = "salon_webhook_seconds";
    /// Forms of salons' sites, by `outcome`.
    pub const LEADS: &str = "salon_leads_total";
    /// Visitors who were led to a chat, by `channel` and `outcome`.
    pub const LINKS: &str = "salon_links_total";
    /// Jobs that are due and wait, by `queue`.
    pub const QUEUE_READY: &str = "salon_queue_ready";
    /// Jobs that run, by `queue`.
    pub const QUEUE_RUNNING: &str = "salon_queue_running";
    /// Jobs whose time has not come, by `queue`.
    pub const QUEUE_SCHEDULED: &str = "salon_queue_scheduled";
    /// Dead letters that nobody has resolved, by `queue`.
    pub const QUEUE_DEAD: &str = "salon_queue_dead";
    /// Age in seconds of the oldest dead letter that nobody has resolved, by `queue`.
    pub const QUEUE_DEAD_OLDEST: &str = "salon_queue_dead_oldest_seconds";
    /// Age in seconds of the oldest job that is due, by `queue`. Alert on this, not on the length.
    pub const QUEUE_OLDEST: &str = "salon_queue_oldest_seconds";
    /// Rows that are neither ended nor in anybody's hands, by `what`. Anything but 0 is a broken promise.
    pub const UNACCOUNTED: &str = "salon_unaccounted";
    /// 1 if the database answered the last scrape's questions, else 0: then the numbers of queues are old.
    pub const DATABASE_UP: &str = "salon_database_up";
}

/// From an insert that found its batch at once to the longest a vendor waits.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What `unaccounted()` can name (migration 0007): told as 0 when it names nothing, so that an alert can rely on the series.
const ACCOUNTED: &[&str] = &["inbound_event", "message", "booking", "crm_intent", "reminder"];

/// Histograms keep each observation until somebody folds it into its bucket.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts counting for the whole process, once; later calls give the same handle. Needs a runtime.
///
/// # Errors
/// When somebody else's recorder is installed already.
pub async fn install() -> Result<PrometheusHandle, BuildError> {
    static INSTALLED: OnceCell<PrometheusHandle> = OnceCell::const_new();
    INSTALLED.get_or_try_init(|| async { start() }).await.cloned()
}

fn start() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new().set_buckets_for_metric(seconds, SECONDS)?.install_recorder()?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn describe() {
    describe_counter!(names::WEBHOOKS, "Webhooks by source and outcome");
    describe_histogram!(names::WEBHOOK_SECONDS, Unit::Seconds, "How long a webhook took");
    describe_counter!(names::LEADS, "Forms of salons' sites by outcome");
    describe_counter!(names::LINKS, "Visitors led to a chat by channel and outcome");
    describe_gauge!(names::QUEUE_READY, "Jobs that are due and wait");
    describe_gauge!(names::QUEUE_RUNNING, "Jobs that run");
    describe_gauge!(names::QUEUE_SCHEDULED, "Jobs whose time has not come");
    describe_gauge!(names::QUEUE_DEAD, "Dead letters that nobody has resolved");
    describe_gauge!(names::QUEUE_DEAD_OLDEST, Unit::Seconds, "Age of the oldest dead letter that nobody has resolved");
    describe_gauge!(names::QUEUE_OLDEST, Unit::Seconds, "Age of the oldest job that is due");
    describe_gauge!(names::UNACCOUNTED, "Rows that are neither ended nor in anybody's hands; must be 0");
    describe_gauge!(names::DATABASE_UP, "1 if the database answered the last scrape's questions");
}

/// Sets the gauges of queues and accounts from the database.
///
/// # Errors
/// When the database can't be reached; then the gauges keep what they had.
pub async fn refresh(db: &Db) -> Result<(), StoreError> {
    let (depths, ages, missing) = tokio::try_join!(db.depths(), db.dead_letter_ages(), db.unaccounted())?;
    for queue in Queue::ALL.iter().map(|queue| queue.as_str()) {
        // A queue without jobs is not listed.
        let depth = depths.iter().find(|depth| depth.queue == queue);
        let number = |count: Option<i64>| count.unwrap_or(0) as f64;
        gauge!(names::QUEUE_READY, "queue" => queue).set(number(depth.map(|depth| depth.ready)));
        gauge!(names::QUEUE_RUNNING, "queue" => queue).set(number(depth.map(|depth| depth.running)));
        gauge!(names::QUEUE_SCHEDULED, "queue" => queue).set(number(depth.map(|depth| depth.scheduled)));
        gauge!(names::QUEUE_DEAD, "queue" => queue).set(number(depth.map(|depth| depth.dead)));
        let oldest = ages.iter().find(|(name, _)| name == queue).map_or(0.0, |(_, seconds)| *seconds);
        gauge!(names::QUEUE_DEAD_OLDEST, "queue" => queue).set(oldest);
        gauge!(names::QUEUE_OLDEST, "queue" => queue).set(depth.and_then(|depth| depth.oldest_ready_seconds).unwrap_or(0.0));
    }
    for what in ACCOUNTED {
        let count = missing.iter().find(|(name, _)| name == what).map_or(0, |(_, count)| *count);
        gauge!(names::UNACCOUNTED, "what" => *what).set(count as f64);
    }
    Ok(())
}
