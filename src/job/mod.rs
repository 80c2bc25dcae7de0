//! Jobs: what they carry, how they are treated, and the port through which they are enqueued. Handlers live in the `workers` crate, so
//! that the web process can't import one. No apalis type appears here (docs/decisions/0001-queue.md).

mod backoff;
mod discard;
mod payload;
mod replay;

pub use backoff::Backoff;
pub use discard::{Discarded, discard, one_line};
pub use payload::{Job, Queue, Spec, WorkClass};
pub use replay::replay;

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// How many runs a job gets, after its attempts are used up, to say so to whoever waits. Several, since the first of them may be killed as
/// the last attempt was, or find the database away.
pub const LAST_WORDS: i32 = 3;

/// A job to be enqueued in the transaction of the business change it follows from: `tx.enqueue(…)`.
#[derive(Debug, Clone)]
pub struct NewJob {
    pub(crate) job: Job,
    pub(crate) lane: Option<Uuid>,
    pub(crate) class: Option<WorkClass>,
    pub(crate) run_at: Option<DateTime<Utc>>,
    pub(crate) deadline: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) dedupe: Option<String>,
}

impl NewJob {
    /// A job to run as soon as possible.
    pub const fn new(job: Job) -> Self {
        Self { job, lane: None, class: None, run_at: None, deadline: None, expires_at: None, dedupe: None }
    }

    /// At most one job of a lane runs at a time, in the order they were enqueued. See [`lane`].
    #[must_use]
    pub const fn in_lane(mut self, lane: Uuid) -> Self {
        self.lane = Some(lane);
        self
    }

    /// Another class than the job's own: a person waits for this one.
    #[must_use]
    pub const fn class(mut self, class: WorkClass) -> Self {
        self.class = Some(class);
        self
    }

    /// Never before this moment.
    #[must_use]
    pub const fn run_at(mut self, at: DateTime<Utc>) -> Self {
        self.run_at = Some(at);
        self
    }

    /// Within its class and round (docs/decisions/0010-fair-share.md), the nearest deadline runs first.
    #[must_use]
    pub const fn deadline(mut self, at: DateTime<Utc>) -> Self {
        self.deadline = Some(at);
        self
    }

    /// From this moment on the job is worthless and is dropped, with that reason on record.
    #[must_use]
    pub const fn expires_at(mut self, at: DateTime<Utc>) -> Self {
        self.expires_at = Some(at);
        self
    }

    /// Enqueues nothing while another job of this tenant and queue with the same key is open.
    #[must_use]
    pub fn once(mut self, key: impl Into<String>) -> Self {
        self.dedupe = Some(key.into());
        self
    }
}

/// The lane of a thing: everything about one chat, one booking or one client's record goes one at a time. `what` keeps the lanes of
/// different work apart (`chat`, `out`, `crm`); the same thing always gives the same lane.
pub fn lane(what: &str, owner: Uuid, name: &str) -> Uuid {
    Uuid::new_v5(&owner, format!("{what}/{name}").as_bytes())
}
