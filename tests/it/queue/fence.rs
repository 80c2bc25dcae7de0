//! Leases, claim by claim: who may still settle, renew or give back a job.

use std::time::Duration;

use chrono::TimeDelta;
use salon_core::{
    job::Queue,
    store::queue::{Claimed, Settlement, Verdict},
};
use uuid::Uuid;

use super::{Site, message};

const LEASE: Duration = Duration::from_secs(60);

async fn claim(site: &Site, owner: Uuid) -> Claimed {
    let mut claimed = site.db.claim(Queue::Outbound, owner, 8, LEASE).await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

/// The lease is lost as if its worker had frozen.
async fn lose(site: &Site) {
    let overdue = "update job set lease_until = clock_timestamp() - interval '1 ms' where state = 2";
    sqlx::query(overdue).execute(site.script.pool()).await.unwrap();
    assert_eq!(site.db.reap().await.unwrap(), 1);
}

fn settlement(claimed: &Claimed, verdict: Verdict) -> Settlement {
    Settlement { id: claimed.id, fence: claimed.fence, verdict }
}

fn later(site: &Site) -> Verdict {
    Verdict::Retry { at: site.db.clock().now(), error: "not our turn".to_owned(), counted: false }
}

/// Proves that neither another worker nor the same worker under an earlier lease can settle, renew or give back a job, and that a stale
/// and a valid result in one batch don't mix.
#[tokio::test]
async fn only_the_present_lease_settles() {
    let site = Site::new().await;
    let (me, other) = (Uuid::now_v7(), Uuid::now_v7());
    let (subject, job) = message();
    let id = site.enqueue(site.lotos, job).await;
    let neighbour = site.enqueue(site.roza, message().1.run_at(site.db.clock().now() + TimeDelta::days(1))).await;
    let first = claim(&site, me).await;
    lose(&site).await;
    assert_eq!(site.db.settle(me, &[settlement(&first, Verdict::Done)]).await.unwrap(), []);
    assert_eq!(site.db.renew(me, &[id], LEASE).await.unwrap(), []);
    let second = claim(&site, me).await;
    assert_eq!((first.attempt, second.attempt), (1, 2));
    assert_eq!(site.db.settle(me, &[settlement(&first, Verdict::Done)]).await.unwrap(), []);
    assert_eq!(site.db.settle(other, &[settlement(&second, Verdict::Done)]).await.unwrap(), []);
    assert_eq!(site.db.renew(other, &[id, neighbour], LEASE).await.unwrap(), []);
    site.db.release(other, &[id]).await.unwrap();
    assert_eq!(site.db.renew(me, &[id, neighbour], LEASE).await.unwrap(), [id]);
    let both = [settlement(&first, Verdict::Done), settlement(&second, later(&site))];
    assert_eq!(site.db.settle(me, &both).await.unwrap(), [id]);
    let live = site.script.live(subject).await.expect("the stale result did not end it");
    assert_eq!((live.attempt, live.lease_owner), (1, None));
    site.assert_accounted(2).await;
}

/// Proves that a settlement whose answer was lost can be repeated at any time: an uncounted delay gives the attempt its number back, and
/// still the repetition doesn't touch the next run of the same worker.
#[tokio::test]
async fn a_repeated_settlement_does_not_touch_the_next_run() {
    let site = Site::new().await;
    let me = Uuid::now_v7();
    let (subject, job) = message();
    let id = site.enqueue(site.roza, job).await;
    let first = claim(&site, me).await;
    let settled = [settlement(&first, later(&site))];
    assert_eq!(site.db.settle(me, &settled).await.unwrap(), [id]);
    let second = claim(&site, me).await;
    assert_eq!((first.attempt, second.attempt), (1, 1));
    assert_eq!(site.db.settle(me, &settled).await.unwrap(), []);
    assert_eq!(site.script.live(subject).await.unwrap().lease_owner, Some(me));
    assert_eq!(site.db.settle(me, &[settlement(&second, Verdict::Done)]).await.unwrap(), [id]);
    site.assert_accounted(1).await;
}

/// Proves that two workers never get one job, however often they ask at once.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claims_share_nothing() {
    let site = Site::new().await;
    let mut ids = vec![];
    for n in 0..200 {
        ids.push(site.enqueue(site.tenant(n), message().1).await);
    }
    let claimers = (0..6).map(|_| async {
        let (owner, mut mine) = (Uuid::now_v7(), vec![]);
        loop {
            let claimed = site.db.claim(Queue::Outbound, owner, 7, LEASE).await.unwrap();
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.into_iter().map(|job| job.id));
        }
    });
    let mut claimed: Vec<_> = futures::future::join_all(claimers).await.into_iter().flatten().collect();
    claimed.sort();
    assert_eq!(claimed, ids);
    site.assert_accounted(200).await;
}
