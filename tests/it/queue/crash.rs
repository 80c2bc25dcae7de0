//! Workers that die or freeze.

use std::time::Duration;

use salon_core::job::Queue;

use super::{Site, brief_leases, eventually, process::Worker, script::Ran};

const LOST: &str = "lease expired on the last attempt: the worker died or hung";

/// Proves that a killed worker's jobs go to its successor of the same name after the lease, not before, with the attempt counted; and
/// that a job which kills every worker it meets ends as a dead letter that says so, while its neighbours get done.
#[tokio::test]
async fn a_killed_workers_jobs_are_taken_over_and_a_deadly_job_dies() {
    let site = Site::new().await;
    let jobs = site.ingest(0..4).await.unwrap();
    for job in &jobs {
        site.script.set(*job, &["hang", "ok"]).await;
    }
    let queue = brief_leases(Queue::Dialogue, 4);
    let first = Worker::start(&site, queue);
    eventually("four runs", async || (site.script.runs().await.len() == 4).then_some(())).await;
    first.signal("KILL");
    let killed = (first.pid(), chrono::Utc::now());
    assert!(!first.exit().await.success());
    let mut second = Worker::start(&site, queue);
    eventually("four ended", async || site.script.ended_count().await.filter(|n| *n == 4)).await;
    assert!(site.script.ended().await.iter().all(|job| job.attempt == 2 && job.outcome == "done"));
    let (before, after): (Vec<Ran>, Vec<Ran>) = site.script.runs().await.into_iter().partition(|ran| ran.pid == killed.0);
    assert_eq!((before.len(), after.len()), (4, 4));
    assert!(before.iter().all(|ran| ran.outcome.is_none()) && after.iter().all(|ran| ran.pid == second.pid()));
    // A lease is renewed three times in its life: at least two thirds of it were left at the kill.
    let wait = super::millis(killed.1, after[0].started_at);
    assert!((500..4_000).contains(&wait), "taken over after {wait} ms");

    let deadly = site.message(site.roza, &["abort"]).await;
    let neighbour = site.message(site.lotos, &["ok"]).await;
    sqlx::query("update job set max_attempts = 3 where subject_id = $1").bind(deadly).execute(site.script.pool()).await.unwrap();
    let queue = brief_leases(Queue::Outbound, 1);
    let mut third = Worker::start(&site, queue);
    let letters = eventually("a dead letter", async || {
        if third.ended().is_some() {
            third = Worker::start(&site, queue);
        }
        Some(site.db.dead_letters(10).await.unwrap()).filter(|letters| !letters.is_empty())
    })
    .await;
    assert_eq!((letters.len(), letters[0].attempt, letters[0].tenant_id), (1, 3, site.roza));
    assert_eq!(letters[0].reason, LOST);
    assert_eq!(site.script.runs_of(deadly).await.len(), 3);
    assert_eq!(site.script.words_of(deadly).await, [LOST], "what kills is not tried again, and has its say once");
    eventually("the neighbour's end", async || site.script.ended_one(neighbour).await).await;
    assert!(second.ended().is_none());
    site.assert_accounted(6).await;
}

/// Proves that last words which are killed too are said again, a bounded number of times, and that the letter still says what the job died of.
#[tokio::test]
async fn last_words_that_kill_their_worker_end_all_the_same() {
    let site = Site::new().await;
    let deadly = site.message(site.lotos, &["abort"]).await;
    site.script.set_words(deadly, "abort").await;
    sqlx::query("update job set max_attempts = 1 where subject_id = $1").bind(deadly).execute(site.script.pool()).await.unwrap();
    let queue = brief_leases(Queue::Outbound, 1);
    let mut worker = Worker::start(&site, queue);
    let letter = eventually("a dead letter", async || {
        if worker.ended().is_some() {
            worker = Worker::start(&site, queue);
        }
        site.db.dead_letters(10).await.unwrap().pop()
    })
    .await;
    assert_eq!((letter.reason.as_str(), letter.attempt), (LOST, 1), "last words are no attempts");
    assert_eq!(site.script.words_of(deadly).await, [LOST; 3]);
    site.assert_accounted(1).await;
}

/// Proves the fence: a frozen worker's jobs are delivered a second time; when it wakes up, what it still does is cancelled or refused,
/// one settlement counts, the effect happens once, and the slot of the cancelled run is free again.
#[tokio::test]
async fn a_job_delivered_twice_is_settled_once() {
    let site = Site::new().await;
    let jobs = site.ingest(0..2).await.unwrap();
    site.script.set(jobs[0], &["hang", "ok"]).await;
    site.script.set(jobs[1], &["sleep 300", "ok"]).await;
    let queue = brief_leases(Queue::Dialogue, 2);
    let mut frozen = Worker::start(&site, queue);
    eventually("two runs", async || (site.script.runs().await.len() == 2).then_some(())).await;
    frozen.signal("STOP");
    let second = Worker::start(&site, queue);
    eventually("both ended", async || site.script.ended_count().await.filter(|n| *n == 2)).await;
    second.signal("TERM");
    assert!(second.exit().await.success());
    frozen.signal("CONT");

    let hung = eventually("the lost run is cancelled", async || {
        site.script.runs_of(jobs[0]).await.into_iter().find(|ran| ran.outcome.as_deref() == Some("cancelled"))
    })
    .await;
    assert_eq!((hung.pid, hung.attempt), (frozen.pid(), 1));
    // The slot of the cancelled run is free: nothing else is here to do this.
    let more = site.ingest(2..4).await.unwrap();
    for job in &more {
        site.script.set(*job, &["sleep 50"]).await;
    }
    eventually("more work done", async || site.script.ended_count().await.filter(|n| *n == 4)).await;
    assert!(site.script.runs().await.iter().filter(|ran| more.contains(&ran.subject)).all(|ran| ran.pid == frozen.pid()));

    for job in &jobs {
        let ended: Vec<_> = site.script.ended().await.into_iter().filter(|ended| ended.subject_id == Some(*job)).collect();
        assert_eq!((ended.len(), ended[0].attempt, ended[0].outcome.as_str()), (1, 2, "done"));
        assert_eq!(site.script.runs_of(*job).await.len(), 2);
    }
    assert_eq!(site.script.effects().await, 4);
    assert!(frozen.ended().is_none());
    site.assert_accounted(4).await;
}

/// Proves that renewal does not depend on the handler: a job three leases long runs once, with another worker waiting for it.
#[tokio::test]
async fn a_long_job_keeps_its_lease() {
    let site = Site::new().await;
    let job = site.message(site.lotos, &["sleep 2700"]).await;
    let queue = brief_leases(Queue::Outbound, 2);
    let _workers = [Worker::start(&site, queue), Worker::start(&site, queue)];
    let ended = eventually("its end", async || site.script.ended_one(job).await).await;
    assert_eq!((ended.attempt, site.script.runs().await.len()), (1, 1));
    assert!(queue.lease < Duration::from_secs(1));
    site.assert_accounted(1).await;
}
