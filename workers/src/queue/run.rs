//! One run of one job.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use salon_core::{
    ids::{JobId, TenantId},
    job::Job,
    store::queue::Claimed,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

/// A lease, and the slot that goes with it. Dropped only when the result is durable, so that claims never run ahead of settlements.
#[derive(Debug)]
pub struct Run {
    pub(crate) id: JobId,
    pub(crate) attempt: i32,
    pub(crate) begun: AtomicBool,
    /// Cancelled when the lease is lost: another worker may be at it already.
    pub(crate) lost: CancellationToken,
    pub(crate) _slot: OwnedSemaphorePermit,
}

impl Run {
    pub(crate) fn new(claimed: &Claimed, slot: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self {
            id: claimed.id,
            attempt: claimed.attempt,
            begun: AtomicBool::new(false),
            lost: CancellationToken::new(),
            _slot: slot,
        })
    }

    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::SeqCst);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }
}

/// A job as a handler gets it.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The job.
    pub job: Job,
    /// Whose.
    pub tenant: TenantId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// True if the job is dead should this attempt fail.
    pub last_attempt: bool,
    pub(crate) claimed: Arc<Claimed>,
    pub(crate) run: Arc<Run>,
}

impl Assignment {
    /// The job's id.
    pub fn id(&self) -> JobId {
        self.run.id
    }
}
