//! Keeps the leases of what runs, and takes back those of workers that died.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use salon_core::ids::JobId;

use super::{Run, Shared};

/// The runs this process holds leases for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeper {
    held: Arc<Mutex<HashMap<JobId, Weak<Run>>>>,
}

impl Keeper {
    fn held(&self) -> MutexGuard<'_, HashMap<JobId, Weak<Run>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, run: &Arc<Run>) {
        let before = self.held().insert(run.id, Arc::downgrade(run));
        // Whatever this process still does under an older lease of the same job has lost it.
        if let Some(before) = before.and_then(|before| before.upgrade()) {
            before.lost.cancel();
        }
    }

    /// Stops renewing these runs, not a later one of the same job.
    pub(super) fn forget(&self, runs: &[Arc<Run>]) {
        let mut held = self.held();
        for run in runs {
            if held.get(&run.id).is_some_and(|current| std::ptr::eq(current.as_ptr(), Arc::as_ptr(run))) {
                held.remove(&run.id);
            }
        }
    }

    /// What is to be renewed. A run that nobody holds any more was cancelled: its lease may run out.
    fn live(&self) -> Vec<(JobId, Weak<Run>)> {
        let mut held = self.held();
        held.retain(|_, run| run.strong_count() > 0);
        held.iter().map(|(id, run)| (*id, run.clone())).collect()
    }

    /// Takes back what was claimed and has not begun.
    pub(super) fn withdraw_unbegun(&self) -> Vec<JobId> {
        let mut withdrawn = Vec::new();
        self.held().retain(|id, run| {
            let taken = run.upgrade().is_some_and(|run| run.withdraw());
            if taken {
                withdrawn.push(*id);
            }
            !taken
        });
        withdrawn
    }

    pub(super) fn cancel_all(&self) {
        cancel(self.live().into_iter());
    }
}

fn cancel(runs: impl Iterator<Item = (JobId, Weak<Run>)>) {
    for (_, run) in runs {
        if let Some(run) = run.upgrade() {
            run.lost.cancel();
        }
    }
}

/// Renews three times in a lease, and reaps as often. A database that is away loses no lease by itself: whoever comes back first
/// renews, and only a lease that is still overdue is reaped.
pub(super) async fn run(shared: Shared) {
    let mut beat = tokio::time::interval(shared.settings.lease / 3);
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let runs = shared.keeper.live();
        if !runs.is_empty() {
            let ids: Vec<JobId> = runs.iter().map(|(id, _)| *id).collect();
            match shared.db.renew(shared.owner, &ids, shared.settings.lease).await {
                // Only the runs that were asked about: a job claimed meanwhile has a fresh lease.
                Ok(kept) => cancel(runs.into_iter().filter(|(id, _)| !kept.contains(id))),
                Err(error) => {
                    tracing::warn!(%error, "leases not renewed");
                    continue;
                }
            }
        }
        match shared.db.reap().await {
            Ok(0) => {}
            Ok(freed) => {
                metrics::counter!("salon_jobs_reaped_total").increment(u64::try_from(freed).unwrap_or(0));
                tracing::warn!(freed, "took jobs back from workers that stopped renewing");
                shared.wake.notify_one();
            }
            Err(error) => tracing::warn!(%error, "reaping failed"),
        }
    }
}
