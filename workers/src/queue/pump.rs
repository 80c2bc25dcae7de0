//! Claims jobs for free slots and hands them to apalis.

use std::time::Duration;

use apalis_core::task::{Task, builder::TaskBuilder};
use salon_core::{
    job::Job,
    store::queue::{Claimed, Settlement, Verdict},
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Assignment, Run, Shared, error::category, settler::Settler};

/// A single claim takes no more than this: a large batch would make its first job wait for the last one's row.
const BATCH: usize = 64;

pub(super) async fn run(shared: Shared, settler: Settler, to_worker: mpsc::Sender<Task<Assignment>>) {
    loop {
        let slots = tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            slots = free_slots(&shared) => slots,
        };
        if slots.is_empty() {
            return;
        }
        // Not raced against `stop`: a claim that is cut off mid-way would hold its jobs until their lease runs out.
        match shared.db.claim(shared.settings.queue, shared.owner, slots.len(), shared.settings.lease).await {
            Ok(claimed) if claimed.is_empty() => {
                drop(slots);
                idle(&shared).await;
            }
            Ok(claimed) => hand_over(&shared, &settler, &to_worker, claimed, slots).await,
            Err(error) => {
                drop(slots);
                tracing::warn!(%error, queue = %shared.settings.queue, "claim failed");
                pause(&shared, Duration::from_millis(500)).await;
            }
        }
    }
}

async fn free_slots(shared: &Shared) -> Vec<OwnedSemaphorePermit> {
    let Ok(first) = shared.slots.clone().acquire_owned().await else { return Vec::new() };
    let mut slots = vec![first];
    while slots.len() < BATCH {
        match shared.slots.clone().try_acquire_owned() {
            Ok(slot) => slots.push(slot),
            Err(_) => break,
        }
    }
    slots
}

async fn hand_over(
    shared: &Shared,
    settler: &Settler,
    to_worker: &mpsc::Sender<Task<Assignment>>,
    claimed: Vec<Claimed>,
    slots: Vec<OwnedSemaphorePermit>,
) {
    for (claimed, slot) in claimed.into_iter().zip(slots) {
        let run = Run::new(&claimed, slot);
        shared.keeper.hold(&run);
        match serde_json::from_value::<Job>(claimed.payload.clone()) {
            Ok(job) => {
                let assignment = Assignment::new(job, claimed, run);
                // A worker that is gone has closed the channel; the lease then runs out.
                let _ = to_worker.send(TaskBuilder::new(assignment).build()).await;
            }
            Err(error) => {
                run.begin();
                let reason = category(&error);
                tracing::error!(job = %run.id, tenant = %claimed.tenant_id, kind = claimed.kind, reason, "payload can't be read");
                let verdict = Verdict::Dead { error: format!("payload can't be read: {reason}"), answer: None };
                settler.settle(Settlement { id: run.id, fence: run.fence, verdict }, run);
            }
        }
    }
}

/// Waits for a wake-up, the next scheduled job or the next poll, whichever comes first. A clock that can be moved is looked at often.
async fn idle(shared: &Shared) {
    let poll =
        if shared.db.clock().is_driven() { shared.settings.poll.min(Duration::from_millis(50)) } else { shared.settings.poll };
    let wait = match shared.db.next_due(shared.settings.queue).await {
        // Rounded up: a wake-up a fraction of a millisecond early would only find the job not yet due.
        Ok(Some(due)) => due.to_std().map_or(Duration::ZERO, |due| due + Duration::from_micros(500)).min(poll),
        _ => poll,
    };
    pause(shared, wait.max(Duration::from_millis(1))).await;
}

async fn pause(shared: &Shared, wait: Duration) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = shared.wake.notified() => {}
        () = tokio::time::sleep(wait) => {}
    }
}
