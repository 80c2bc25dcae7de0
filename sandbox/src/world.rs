//! What all stand-ins share: the clock, the planned faults and the ledger.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{fault::Faults, ledger::Ledger};

/// The sandbox's surroundings, shared by every stand-in.
#[derive(Debug, Default)]
pub struct World {
    offset_ms: AtomicI64,
    /// Faults to come.
    pub faults: Faults,
    /// Requests seen.
    pub ledger: Ledger,
}

impl World {
    /// A world whose clock runs with the host's.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// The sandbox's time: the host's, moved by what [`World::advance`] added.
    pub fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::milliseconds(self.offset_ms.load(Ordering::Relaxed))
    }

    /// How far the sandbox's clock is from the host's, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        self.offset_ms.fetch_add(by.num_milliseconds(), Ordering::Relaxed);
    }
}
