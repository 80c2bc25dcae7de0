//! One run of one job.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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
    pub(crate) fence: i32,
    /// Cancelled when the lease is lost: another worker may be at it already.
    pub(crate) lost: CancellationToken,
    fate: OnceLock<Fate>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
}

#[derive(Debug)]
enum Fate {
    Begun,
    Withdrawn,
}

impl Run {
    pub(crate) fn new(claimed: &Claimed, slot: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self {
            id: claimed.id,
            fence: claimed.fence,
            lost: CancellationToken::new(),
            fate: OnceLock::new(),
            slot: Mutex::new(Some(slot)),
        })
    }

    /// False if the run was withdrawn: the job is somebody else's by now.
    pub(crate) fn begin(&self) -> bool {
        self.fate.set(Fate::Begun).is_ok()
    }

    /// True if the run had not begun; now it never will, and its slot is free.
    pub(crate) fn withdraw(&self) -> bool {
        let withdrawn = self.fate.set(Fate::Withdrawn).is_ok();
        if withdrawn {
            self.slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        withdrawn
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
