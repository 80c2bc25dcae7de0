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
        self.held().insert(run.id, Arc::downgrade(run));
    }

    pub(super) fn forget(&self, ids: &[JobId]) {
        let mut held = self.held();
        for id in ids {
            held.remove(id);
        }
    }

    fn ids(&self) -> Vec<JobId> {
        self.held().keys().copied().collect()
    }

    pub(super) fn unbegun(&self) -> Vec<JobId> {
        self.held().iter().filter(|(_, run)| run.upgrade().is_none_or(|run| !run.has_begun())).map(|(id, _)| *id).collect()
    }

    pub(super) fn cancel_all(&self) {
        self.cancel_if(|_| true);
    }

    fn cancel_if(&self, lost: impl Fn(&JobId) -> bool) {
        for (id, run) in self.held().iter() {
            if let Some(run) = run.upgrade().filter(|_| lost(id)) {
                run.lost.cancel();
            }
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
        let ids = shared.keeper.ids();
        if !ids.is_empty() {
            match shared.db.renew(shared.owner, &ids, shared.settings.lease).await {
                Ok(kept) => {
                    // Only what was asked about: a job claimed meanwhile has a fresh lease.
                    shared.keeper.cancel_if(|id| ids.contains(id) && !kept.contains(id));
                }
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
