//! Writes results down, many at a time. A slot is freed only afterwards.

use std::{sync::Arc, time::Duration};

use salon_core::store::queue::Settlement;
use tokio::sync::mpsc;

use super::{Run, Shared};

/// Where results go.
#[derive(Debug, Clone)]
pub(crate) struct Settler {
    to_write: mpsc::UnboundedSender<(Settlement, Arc<Run>)>,
}

pub(crate) type Settlements = mpsc::UnboundedReceiver<(Settlement, Arc<Run>)>;

impl Settler {
    pub(super) fn channel() -> (Self, Settlements) {
        // Bounded by the slots: every entry holds one.
        let (to_write, settlements) = mpsc::unbounded_channel();
        (Self { to_write }, settlements)
    }

    pub(super) fn settle(&self, settlement: Settlement, run: Arc<Run>) {
        // Closed only when the process stops; the lease then runs out.
        let _ = self.to_write.send((settlement, run));
    }
}

pub(super) async fn run(shared: Shared, mut settlements: Settlements) {
    let mut batch = Vec::with_capacity(256);
    while settlements.recv_many(&mut batch, 256).await > 0 {
        let (results, runs): (Vec<Settlement>, Vec<Arc<Run>>) = batch.drain(..).unzip();
        let mut pause = Duration::from_millis(50);
        // An outage only delays this: the leases are renewed meanwhile, and the fence refuses what was lost.
        while let Err(error) = shared.db.settle(shared.owner, &results).await {
            tracing::warn!(%error, jobs = results.len(), "results not written yet");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
        shared.keeper.forget(&runs);
        drop(runs);
        // The next job of a finished job's lane is due now.
        shared.wake.notify_one();
    }
}
