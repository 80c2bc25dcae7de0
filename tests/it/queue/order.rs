//! When a job runs, and which goes first.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::job::{Queue, WorkClass};
use uuid::Uuid;

use super::{Site, eventually, message, settings};

const LEASE: Duration = Duration::from_secs(60);

/// Proves that a job runs at its millisecond: not one before, and without any other occasion to look once it is due.
#[tokio::test]
async fn a_job_runs_at_its_millisecond_and_never_before() {
    let site = Site::new().await;
    let at = site.db.clock().now() + TimeDelta::milliseconds(86_400_123);
    let (subject, job) = message();
    site.enqueue(site.lotos, job.run_at(at)).await;
    let claim = async || site.db.claim(Queue::Outbound, Uuid::now_v7(), 8, LEASE).await.unwrap().len();
    for early in [86_400_123, 1000, 1] {
        site.clock().set(at - TimeDelta::milliseconds(early));
        assert_eq!(claim().await, 0, "{early} ms early");
        assert_eq!(site.db.next_due(Queue::Outbound).await.unwrap(), Some(TimeDelta::milliseconds(early)));
    }
    site.clock().set(at - TimeDelta::microseconds(1));
    assert_eq!(claim().await, 0, "a microsecond early");
    let worker = site.work(settings(Queue::Outbound, 1));
    let canary = site.message(site.roza, &["ok"]).await;
    eventually("the canary", async || site.script.ended_one(canary).await).await;
    assert_eq!(site.script.live(subject).await.map(|job| job.attempt), Some(0));
    site.clock().set(at);
    eventually("its end", async || site.script.ended_one(subject).await).await;
    worker.stop().await;
    site.assert_accounted(2).await;
}

/// Proves that a worker on the host's clock is punctual: due in 400 ms, begun long before its next look, which is every ten
/// seconds and nothing wakes it.
#[tokio::test]
async fn an_idle_worker_wakes_for_what_is_scheduled() {
    let site = Site::new().await;
    let site = Site { db: host_clock(&site), clock: None, ..site };
    let at = site.db.clock().now() + TimeDelta::milliseconds(400);
    let (subject, job) = message();
    site.enqueue(site.roza, job.run_at(at)).await;
    let worker = site.work(salon_workers::queue::QueueSettings { poll: Duration::from_secs(10), ..settings(Queue::Outbound, 1) });
    let ran = eventually("a run", async || site.script.runs_of(subject).await.pop()).await;
    let late = super::millis(at, ran.started_at);
    assert!((0..5_000).contains(&late), "{late} ms late");
    eventually("its end", async || site.script.ended_one(subject).await).await;
    worker.stop().await;
    site.assert_accounted(1).await;
}

fn host_clock(site: &Site) -> salon_core::store::Db {
    use salon_core::{
        clock::SystemClock,
        ids::RandomIds,
        store::{Db, Waker},
    };
    Db::connect(&site.app_url, 4, Waker::none(), std::sync::Arc::new(SystemClock), std::sync::Arc::new(RandomIds::default()))
        .unwrap()
}

/// Proves that an expired job is never begun, not even by the claim that finds it, and leaves its reason behind.
#[tokio::test]
async fn an_expired_job_is_dropped_with_the_reason() {
    let site = Site::new().await;
    let expires = site.db.clock().now() + TimeDelta::minutes(5);
    let ((ready, first), (scheduled, second), (lasting, third)) = (message(), message(), message());
    site.enqueue(site.lotos, first.expires_at(expires)).await;
    site.enqueue(site.roza, second.run_at(expires).expires_at(expires)).await;
    site.enqueue(site.roza, third.run_at(expires).expires_at(expires + TimeDelta::milliseconds(1))).await;
    site.clock().set(expires);
    let claimed = site.db.claim(Queue::Outbound, Uuid::now_v7(), 8, LEASE).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(site.script.live(lasting).await.map(|job| job.state), Some(2));
    for subject in [ready, scheduled] {
        let ended = site.script.ended_one(subject).await.unwrap();
        assert_eq!(
            (ended.outcome.as_str(), ended.attempt, ended.last_error.as_deref()),
            ("expired", 0, Some("expired before it could run"))
        );
    }
    site.assert_accounted(3).await;
}

/// Proves the order among what is due: a lower class never waits for a higher one, and within a class the nearest deadline goes first,
/// then the order of arrival.
#[tokio::test]
async fn classes_then_deadlines_then_arrival() {
    let site = Site::new().await;
    let soon = site.db.clock().now() + TimeDelta::hours(1);
    let later = soon + TimeDelta::hours(1);
    use WorkClass::{Background, Interactive, Timely};
    // In the order of arrival; the number is the place that each must get.
    let arrivals = [
        (8, Background, None),
        (7, Background, Some(later)),
        (5, Timely, None),
        (4, Timely, Some(later)),
        (3, Timely, Some(soon)),
        (6, Timely, None),
        (1, Interactive, None),
        (2, Interactive, None),
    ];
    let mut places = std::collections::HashMap::new();
    for (n, (place, class, deadline)) in arrivals.into_iter().enumerate() {
        let (subject, job) = message();
        let job = deadline.map_or(job.clone(), |at| job.deadline(at));
        site.enqueue(site.tenant(n), job.class(class)).await;
        places.insert(subject, place);
    }
    let worker = site.work(settings(Queue::Outbound, 1));
    eventually("all ended", async || site.script.ended_count().await.filter(|n| *n == 8)).await;
    worker.stop().await;
    let order: Vec<i32> = site.script.runs().await.iter().map(|ran| places[&ran.subject]).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6, 7, 8]);
    site.assert_accounted(8).await;
}

/// Proves promise 5 in the queue: a salon's backlog, however it came about, makes another salon's job wait for a share of it and not for
/// its end; and the backlog itself goes on beside a salon that keeps sending.
#[tokio::test]
async fn a_backlog_does_not_make_the_neighbour_wait_for_its_end() {
    const BACKLOG: usize = 400;
    let site = Site::new().await;
    let due = site.db.clock().now() + TimeDelta::hours(1);
    let worker = Uuid::now_v7();
    // Of one statement, of many, and of what became due at once.
    let events: Vec<_> = (0..BACKLOG).map(|n| super::event(site.lotos, n)).collect();
    site.db.ingest(&events).await.unwrap();
    for _ in 0..BACKLOG {
        site.enqueue(site.lotos, message().1).await;
        site.enqueue(site.lotos, message().1.run_at(due).class(WorkClass::Background)).await;
    }
    site.clock().set(due);
    let claim = async |queue, most| {
        let claimed = site.db.claim(queue, worker, most, LEASE).await.unwrap();
        claimed.into_iter().map(|job| job.tenant_id).collect::<Vec<_>>()
    };
    assert_eq!(claim(Queue::Dialogue, 20).await, [site.lotos; 20], "the first round and some of the second");
    assert_eq!(claim(Queue::Outbound, 20).await, [site.lotos; 20]);

    site.db.ingest(&[super::event(site.roza, BACKLOG)]).await.unwrap();
    site.enqueue(site.roza, message().1).await;
    site.enqueue(site.roza, message().1.class(WorkClass::Background)).await;
    for queue in [Queue::Dialogue, Queue::Outbound] {
        let next = claim(queue, 16).await;
        assert_eq!(next.iter().filter(|tenant| **tenant == site.roza).count(), 1, "{queue}: {next:?}");
    }
    // A lower class of anybody still waits for what is left of the upper one.
    assert_eq!(claim(Queue::Outbound, BACKLOG - 35).await, vec![site.lotos; BACKLOG - 35]);
    assert_eq!(claim(Queue::Outbound, 17).await.iter().filter(|tenant| **tenant == site.roza).count(), 1);

    // A neighbour with a backlog of its own gets no more than its half.
    let more: Vec<_> = (BACKLOG + 1..2 * BACKLOG).map(|n| super::event(site.roza, n)).collect();
    site.db.ingest(&more).await.unwrap();
    let halves = claim(Queue::Dialogue, 320).await;
    let mine = halves.iter().filter(|tenant| **tenant == site.lotos).count();
    assert!((144..=176).contains(&mine), "{mine} of 320");
    site.assert_accounted(3 * BACKLOG + 3 + BACKLOG - 1).await;
}
