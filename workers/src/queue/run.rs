//! One run of one job.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use salon_core::{
    ids::{JobId, TenantId},
    job::Job,
    store::{StoreError, Tx, queue::Claimed},
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
    /// Set if the attempts are used up and the last one ended without its handler having said so (its worker died, it hung, it
    /// panicked): how it ended. The handler is not run again; see `handlers/last_words.rs`.
    pub last_words: Option<String>,
    pub(crate) claimed: Arc<Claimed>,
    pub(crate) run: Arc<Run>,
}

impl Assignment {
    pub(super) fn new(job: Job, claimed: Claimed, run: Arc<Run>) -> Self {
        let left = Left::of(&claimed, job.spec().tries);
        Self {
            last_attempt: left < Left::More,
            job,
            tenant: claimed.tenant_id,
            attempt: u32::try_from(claimed.attempt).unwrap_or(1),
            last_words: (left == Left::Words).then(|| claimed.last_error.clone().unwrap_or_default()),
            claimed: Arc::new(claimed),
            run,
        }
    }

    /// The job's id.
    pub fn id(&self) -> JobId {
        self.run.id
    }

    /// Whether this run still has the job. One that lost its lease (its process stood still) must not write over what the next run
    /// found; it is cancelled, but may be faster than that.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn is_held(&self, tx: &mut Tx) -> Result<bool, StoreError> {
        tx.holds(self.run.id, self.claimed.fence).await
    }
}

/// What a job may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Left {
    /// Say how it ended.
    Words,
    /// Try once more.
    Once,
    /// Fail and be tried again.
    More,
}

impl Left {
    /// Runs are bounded, and so are failures. A run that was killed is no failure.
    fn of(claimed: &Claimed, tries: u32) -> Self {
        let tries = i32::try_from(tries).unwrap_or(i32::MAX);
        if claimed.attempt > claimed.max_attempts || claimed.failures >= tries {
            Self::Words
        } else if claimed.attempt == claimed.max_attempts || claimed.failures + 1 == tries {
            Self::Once
        } else {
            Self::More
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn killed_runs_are_no_failures_and_both_come_to_an_end() {
        let left = |attempt, failures| {
            let claimed = Claimed {
                id: JobId(Uuid::nil()),
                tenant_id: TenantId(Uuid::nil()),
                kind: String::new(),
                payload: serde_json::Value::Null,
                attempt,
                max_attempts: 10,
                failures,
                fence: attempt,
                last_error: None,
                trace: None,
                enqueued_at: DateTime::UNIX_EPOCH,
                run_at: DateTime::UNIX_EPOCH,
            };
            Left::of(&claimed, 4)
        };
        assert_eq!([left(1, 0), left(4, 0), left(9, 2)], [Left::More; 3], "killed three times, and eight");
        assert_eq!([left(4, 3), left(7, 3), left(10, 0)], [Left::Once; 3]);
        assert_eq!([left(5, 4), left(11, 0)], [Left::Words; 2]);
    }
}
