//! An hour of failures, in virtual time, and a run that takes too long.

use chrono::TimeDelta;
use salon_core::{
    ids::{InboundEventId, JobId, MessageId},
    job::{Job, NewJob, Queue},
};
use uuid::Uuid;

use super::{Site, eventually, settings};

/// Proves that the delays between attempts grow as the job's specification says, that no attempt is a millisecond early, that attempts
/// are counted to the dead letter, and that a dead letter is replayed once.
#[tokio::test]
async fn a_job_failing_for_an_hour_backs_off_and_dies() {
    let site = Site::new().await;
    let spec = Job::SendMessage { message: MessageId(Uuid::nil()) }.spec();
    let failing = site.message(site.lotos, &["fail the vendor is down"]).await;
    let (began, mut canaries) = (site.db.clock().now(), 0);
    let worker = site.work(settings(Queue::Outbound, 4));
    for attempt in 1..spec.max_attempts {
        let attempt = i32::try_from(attempt).unwrap();
        let waits = eventually("a failed attempt", async || {
            site.script.live(failing).await.filter(|job| job.state == 0 && job.attempt == attempt)
        })
        .await;
        // Time stands still: the delay is exactly what was chosen.
        let delay = (waits.run_at - site.db.clock().now()).as_seconds_f64();
        let nominal = (4_f64.powi(attempt - 1)).min(600.0);
        assert!((nominal * 0.899..=nominal * 1.101).contains(&delay), "after attempt {attempt}: {delay} s");

        site.clock().set(waits.run_at - TimeDelta::milliseconds(1));
        // Whoever claims the canary has looked at what is due.
        let canary = site.message(site.roza, &["ok"]).await;
        eventually("the canary", async || site.script.ended_one(canary).await).await;
        canaries += 1;
        assert_eq!(site.script.live(failing).await.map(|job| job.attempt), Some(attempt), "early");
        site.clock().set(waits.run_at);
    }
    let letter = eventually("a dead letter", async || site.db.dead_letters(10).await.unwrap().pop()).await;
    assert!(site.db.clock().now() - began > TimeDelta::hours(1));
    assert_eq!((letter.attempt, letter.reason.as_str(), letter.tenant_id), (20, "the vendor is down", site.lotos));
    let attempts: Vec<i32> = site.script.runs_of(failing).await.iter().map(|ran| ran.attempt).collect();
    assert_eq!(attempts, (1..=20).collect::<Vec<_>>());
    site.assert_accounted(canaries + 1).await;

    site.script.set(failing, &["ok"]).await;
    assert!(site.db.replay(letter.id).await.unwrap());
    assert!(!site.db.replay(letter.id).await.unwrap(), "replayed twice");
    assert!(!site.db.replay(JobId(Uuid::now_v7())).await.unwrap(), "replayed out of nothing");
    let ended = eventually("its end", async || site.script.ended_one(failing).await).await;
    assert_eq!((ended.attempt, ended.outcome.as_str()), (1, "done"));
    worker.stop().await;
    site.assert_accounted(canaries + 1).await;
}

/// Proves that a job which expires between two attempts is dropped, with the reason.
#[tokio::test]
async fn a_failing_job_expires_between_two_attempts() {
    let site = Site::new().await;
    let (subject, job) = super::message();
    site.script.set(subject, &["fail not yet"]).await;
    site.enqueue(site.roza, NewJob::expires_at(job, site.db.clock().now() + TimeDelta::seconds(30))).await;
    let worker = site.work(settings(Queue::Outbound, 1));
    for attempt in 1..=3 {
        let waits = eventually("a failed attempt", async || {
            site.script.live(subject).await.filter(|job| job.state == 0 && job.attempt == attempt)
        })
        .await;
        site.clock().set(waits.run_at);
    }
    site.clock().advance(TimeDelta::seconds(30));
    let ended = eventually("its end", async || site.script.ended_one(subject).await).await;
    assert_eq!((ended.outcome.as_str(), ended.last_error.as_deref()), ("expired", Some("expired before it could run")));
    worker.stop().await;
    site.assert_accounted(1).await;
}

/// Proves that a run beyond its time limit (20 s for this job, the shortest there is) really ends, not only its attempt, before the next
/// one begins.
#[tokio::test]
async fn a_run_beyond_its_time_limit_ends_and_is_retried() {
    let site = Site::new().await;
    let job = Job::Attend { inbound_event: InboundEventId(Uuid::now_v7()) };
    assert_eq!((job.spec().timeout.as_secs(), job.subject()), (20, None));
    site.script.set(Uuid::nil(), &["hang", "ok"]).await;
    site.enqueue(site.lotos, NewJob::new(job)).await;
    let worker = site.work(settings(Queue::Outbound, 1));
    let cut = eventually("the limit", async || site.script.runs().await.into_iter().find(|ran| ran.outcome.is_some())).await;
    assert_eq!(cut.outcome.as_deref(), Some("cancelled"));
    let lasted = super::millis(cut.started_at, cut.finished_at.unwrap());
    assert!((19_900..22_000).contains(&lasted), "{lasted} ms");
    eventually("the second attempt is due", async || {
        site.clock().advance(TimeDelta::seconds(1));
        site.script.ended().await.pop()
    })
    .await;
    let ended = site.script.ended().await.pop().unwrap();
    assert_eq!((ended.attempt, ended.last_error.as_deref()), (2, Some("timed out")));
    worker.stop().await;
    site.assert_accounted(1).await;
}
