//! One at a time, in order.

use std::{collections::HashMap, time::Duration};

use salon_core::{
    ids::TenantId,
    job::{Job, NewJob, Queue, lane},
    store::queue::Claimed,
};
use salon_workers::queue::QueueSettings;
use uuid::Uuid;

use super::{Site, eventually, message, process::Worker, script::Ran, settings};

const LANES: usize = 20;
const PER_LANE: usize = 10;

/// No lease is lost here, however busy the host: a lost one runs twice, and that is another test's matter.
fn calm() -> QueueSettings {
    QueueSettings { lease: Duration::from_secs(20), ..settings(Queue::Outbound, 8) }
}

fn lane_of(tenant: TenantId, n: usize) -> Uuid {
    lane("chat", tenant.0, &n.to_string())
}

/// What the `at`-th job of a lane does: a few milliseconds of work; one of them fails once, one of another lane is refused for good.
fn steps(lane: usize, at: usize) -> Vec<String> {
    let work = format!("sleep {}", (lane * 13 + at * 7) % 17);
    match (lane, at) {
        (0..5, 4) => vec![format!("{work}; fail once"), work],
        (5..8, 4) => vec![format!("{work}; dead never")],
        _ => vec![work],
    }
}

/// Proves, with three processes and ten concurrent inserters, that no two jobs of a lane ever overlap, that a lane keeps its order even
/// across a retry, and that a dead job frees its lane.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_runs_one_job_at_a_time_in_order() {
    let site = Site::new().await;
    let workers: Vec<Worker> = (0..3).map(|_| Worker::start(&site, calm())).collect();
    let inserters = (0..LANES / 2).map(|half| insert(&site, [half, half + LANES / 2]));
    let lanes: HashMap<usize, Vec<Uuid>> = futures::future::join_all(inserters).await.into_iter().flatten().collect();
    let dead = 3;
    let done = (LANES * PER_LANE - dead) as i64;
    eventually("all ended", async || site.script.ended_count().await.filter(|n| *n == done)).await;

    let runs = site.script.runs().await;
    for (number, subjects) in &lanes {
        let of_lane: Vec<&Ran> = runs.iter().filter(|ran| subjects.contains(&ran.subject)).collect();
        assert!(of_lane.iter().all(|ran| ran.tenant_id == site.tenant(*number)));
        assert_alone(&of_lane);
        let order: Vec<usize> = of_lane.iter().map(|ran| subjects.iter().position(|id| *id == ran.subject).unwrap()).collect();
        assert!(order.is_sorted(), "lane {number}: {order:?}");
        let expected = PER_LANE + usize::from(*number < 5);
        assert_eq!(order.len(), expected);
    }
    let busy: std::collections::HashSet<i32> = runs.iter().map(|ran| ran.pid).collect();
    assert_eq!(busy.len(), workers.len(), "the lanes were not spread over the processes");
    assert_eq!(site.db.dead_letters(10).await.unwrap().len(), dead);
    site.assert_accounted(LANES * PER_LANE).await;
}

/// Enqueues the jobs of two lanes, each in a transaction of its own, with nine others at it.
async fn insert(site: &Site, lanes: [usize; 2]) -> Vec<(usize, Vec<Uuid>)> {
    let mut subjects = vec![vec![], vec![]];
    for at in 0..PER_LANE {
        for (n, lane) in lanes.into_iter().enumerate() {
            let (subject, job) = message();
            let steps = steps(lane, at);
            site.script.set(subject, &steps.iter().map(String::as_str).collect::<Vec<_>>()).await;
            let tenant = site.tenant(lane);
            site.enqueue(tenant, job.in_lane(lane_of(tenant, lane))).await;
            subjects[n].push(subject);
        }
    }
    lanes.into_iter().zip(subjects).collect()
}

/// The runs are in the order of their start: each ended before the next one began.
fn assert_alone(runs: &[&Ran]) {
    for pair in runs.windows(2) {
        assert!(pair[0].finished_at.unwrap() <= pair[1].started_at, "two at once: {pair:#?}");
    }
}

/// Proves mutual exclusion where order can't be had: many transactions feed one lane and commit in any order.
#[tokio::test(flavor = "multi_thread")]
async fn a_contested_lane_still_runs_one_job_at_a_time() {
    let site = Site::new().await;
    let _workers: Vec<Worker> = (0..2).map(|_| Worker::start(&site, calm())).collect();
    let shared = lane_of(site.lotos, 1);
    let site = &site;
    let inserters = (0..6_u64).map(|n| async move {
        for at in 0..5 {
            let (_, job) = message();
            let mut tx = site.db.tenant(site.lotos).await.unwrap();
            tx.enqueue(job.in_lane(shared)).await.unwrap();
            // The number is taken; the commit comes when it comes.
            tokio::time::sleep(Duration::from_millis((n * 5 + at * 3) % 11)).await;
            tx.commit().await.unwrap();
        }
    });
    futures::future::join_all(inserters).await;
    eventually("all ended", async || site.script.ended_count().await.filter(|n| *n == 30)).await;
    let runs = site.script.runs().await;
    assert_eq!(runs.len(), 30);
    assert_alone(&runs.iter().collect::<Vec<_>>());
    site.assert_accounted(30).await;
}

async fn claim(site: &Site, limit: usize) -> Vec<Claimed> {
    site.db.claim(Queue::Outbound, Uuid::now_v7(), limit, Duration::from_secs(60)).await.unwrap()
}

/// Proves that a job which got its number first and was committed second waits for the one that runs already, without holding up any
/// other lane.
#[tokio::test]
async fn a_late_commit_does_not_stall_the_queue() {
    let site = Site::new().await;
    let shared = lane_of(site.lotos, 1);
    let mut first = site.db.tenant(site.lotos).await.unwrap();
    let late = first.enqueue(message().1.in_lane(shared)).await.unwrap();
    let early = site.enqueue(site.lotos, message().1.in_lane(shared)).await;
    assert_eq!(claim(&site, 10).await.iter().map(|job| job.id).collect::<Vec<_>>(), [early]);
    first.commit().await.unwrap();
    let other = site.enqueue(site.roza, message().1.in_lane(lane_of(site.roza, 1))).await;
    assert_eq!(claim(&site, 10).await.iter().map(|job| job.id).collect::<Vec<_>>(), [other]);
    let end = "update job set state = 0, run_at = 'infinity', lane = null where id = $1";
    sqlx::query(end).bind(early).execute(site.script.pool()).await.unwrap();
    assert_eq!(claim(&site, 10).await.iter().map(|job| job.id).collect::<Vec<_>>(), [late]);
    site.assert_accounted(3).await;
}

/// Proves that a chat which was written to 5,000 times holds up nobody: one claim takes the head of that lane and every other lane's.
#[tokio::test]
async fn a_crowded_lane_stalls_no_other_lane() {
    let site = Site::new().await;
    let crowd = "insert into job (id, tenant_id, queue, kind, payload, lane, class, state, run_at, max_attempts, enqueued_at)
        select gen_random_uuid(), $1, 'outbound', 'send_message', $2, $3, 0, 1, $4, 20, $4 from generate_series(1, 5000)";
    let payload = serde_json::to_value(Job::SendMessage { message: salon_core::ids::MessageId(Uuid::nil()) }).unwrap();
    let now = site.db.clock().now();
    sqlx::query(crowd)
        .bind(site.lotos)
        .bind(payload)
        .bind(lane_of(site.lotos, 0))
        .bind(now)
        .execute(site.script.pool())
        .await
        .unwrap();
    let mut others = vec![];
    for n in 0..20 {
        let job: NewJob = message().1.in_lane(lane_of(site.roza, n));
        others.push(site.enqueue(site.roza, job).await);
    }
    let mut taken: Vec<_> = claim(&site, 32).await;
    assert_eq!(taken.len(), 21);
    taken.retain(|job| job.tenant_id == site.roza);
    taken.sort_by_key(|job| job.id);
    assert_eq!(taken.iter().map(|job| job.id).collect::<Vec<_>>(), others);
    assert!(claim(&site, 32).await.is_empty(), "a lane's second job while its first one runs");
    site.assert_accounted(5020).await;
}
