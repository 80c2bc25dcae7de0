//! How a worker stops, and what it tells about its jobs.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use apalis_core::{backend::Backend, worker::context::WorkerContext};
use salon_core::{job::Queue, ops::unit::Unit};
use salon_workers::queue::{JobBackend, QueueSettings};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Site, brief_leases, eventually, message, process::Worker};

/// Proves that after SIGTERM what runs is finished, nothing is begun, what waits stays as it was, and the process ends well.
#[tokio::test]
async fn sigterm_finishes_what_runs_and_begins_nothing() {
    let site = Site::new().await;
    let (mut running, mut waiting) = (vec![], vec![]);
    for n in 0..4 {
        running.push(site.message(site.tenant(n), &["sleep 900"]).await);
    }
    let worker = Worker::start(&site, brief_leases(Queue::Outbound, 4));
    eventually("four runs", async || (site.script.runs().await.len() == 4).then_some(())).await;
    for n in 0..10 {
        waiting.push(site.message(site.tenant(n), &["ok"]).await);
    }
    let asked = Instant::now();
    worker.signal("TERM");
    assert!(worker.exit().await.success());
    assert!(asked.elapsed() < Duration::from_secs(5), "the grace ran out");
    let ended = site.script.ended().await;
    assert_eq!(ended.len(), 4);
    assert!(ended.iter().all(|job| job.attempt == 1 && job.subject_id.is_some_and(|id| running.contains(&id))));
    for job in waiting {
        let live = site.script.live(job).await.unwrap();
        assert_eq!((live.state, live.attempt, live.lease_owner), (1, 0, None));
    }
    site.assert_accounted(14).await;
}

/// Proves that a job which won't end doesn't hold the process beyond its grace, that no job is begun meanwhile, and that the next
/// worker takes the job over.
#[tokio::test]
async fn a_job_that_hangs_is_cut_off_at_the_end_of_the_grace() {
    let site = Site::new().await;
    let hangs = site.message(site.lotos, &["hang", "ok"]).await;
    let queue = QueueSettings { grace: Duration::from_millis(700), ..brief_leases(Queue::Outbound, 2) };
    let worker = Worker::start(&site, queue);
    eventually("a run", async || (site.script.runs().await.len() == 1).then_some(())).await;
    let asked = Instant::now();
    worker.signal("TERM");
    let late = site.message(site.roza, &["ok"]).await;
    assert!(worker.exit().await.success());
    assert!((Duration::from_millis(600)..Duration::from_millis(2500)).contains(&asked.elapsed()), "{:?}", asked.elapsed());
    let _next = Worker::start(&site, queue);
    eventually("both ended", async || site.script.ended_count().await.filter(|n| *n == 2)).await;
    assert_eq!(site.script.ended_one(hangs).await.unwrap().attempt, 2);
    assert_eq!(site.script.ended_one(late).await.unwrap().attempt, 1);
    site.assert_accounted(2).await;
}

/// Proves that what a stopping backend had claimed and apalis had not begun goes back at once, with its attempt.
#[tokio::test]
async fn what_was_claimed_but_not_begun_goes_back_with_its_attempt() {
    let site = Site::new().await;
    let mut jobs = vec![];
    for n in 0..3 {
        jobs.push(site.message(site.tenant(n), &["ok"]).await);
    }
    let stop = CancellationToken::new();
    let mut backend = JobBackend::new(site.db.clone(), brief_leases(Queue::Outbound, 4), Arc::new(Notify::new()), &stop);
    let worker = WorkerContext::new("never asks for a task");
    std::future::poll_fn(|cx| backend.poll_ready(cx, &worker)).await.unwrap();
    eventually("three claims", async || (site.script.live(jobs[2]).await.unwrap().state == 2).then_some(())).await;
    stop.cancel();
    let closed = pin!(std::future::poll_fn(|cx| backend.poll_close(cx, &worker)));
    tokio::time::timeout(Duration::from_secs(2), closed).await.expect("closed long before the grace ends").unwrap();
    for job in jobs {
        let live = site.script.live(job).await.unwrap();
        assert_eq!((live.state, live.attempt, live.lease_owner), (1, 0, None));
    }
    site.assert_accounted(3).await;
}

/// Proves that a job belongs to the trace of the request that enqueued it: in its handler, and in its log line.
#[tokio::test]
async fn the_trace_of_the_enqueuer_arrives_in_the_job_and_its_log_line() {
    let site = Site::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (traced, job) = message();
    Unit::new(Some(trace), site.db.clock(), site.db.ids()).run(site.enqueue(site.lotos, job)).await;
    let untraced = site.message(site.roza, &["ok"]).await;
    let worker = Worker::start(&site, brief_leases(Queue::Outbound, 2));
    eventually("both ended", async || site.script.ended_count().await.filter(|n| *n == 2)).await;
    assert_eq!(site.script.runs_of(traced).await[0].trace.as_deref(), Some(trace));
    let other = site.script.runs_of(untraced).await[0].trace.clone().expect("a job without a trace begins one");
    assert!(other.len() == 32 && other != trace);
    let lines: Vec<serde_json::Value> = worker.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |trace: &str| lines.iter().filter(|line| line["span"]["trace"] == trace && line["outcome"] == "done").count();
    assert_eq!((of(trace), of(&other)), (1, 1), "{lines:#?}");
    site.assert_accounted(2).await;
}
