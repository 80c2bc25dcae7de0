//! How webhooks are delivered.

use serde::{Deserialize, Serialize};

/// Webhooks overview: up to 1000 updates in one POST.
pub(super) const MOST_IN_A_BATCH: usize = 1000;

/// How strictly and how fast the stand-in behaves; the defaults suit tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manners {
    /// Enforce the vendor's rates.
    pub real_limits: bool,
    /// Require HTTPS callbacks, as the vendor does.
    pub public_webhooks: bool,
    /// Milliseconds that stand for one second between two tries of a delivery; 1000 is the stand-in's own schedule in real time.
    pub retry_ms_per_second: u64,
    /// Events that one POST carries at most, 1-1000. A POST carries more than one only when more are waiting.
    pub batch: usize,
    /// Keep all events back until this is false again; with `batch` they then leave together.
    pub hold: bool,
    /// Write bodies as Meta does: `\u0430` for а, `\/` for /, `\u0040` for @. Otherwise plain UTF-8.
    pub escape: bool,
    /// Take an account's subscription away when its webhook has failed for this many seconds. The Messenger page says 3600, the
    /// Instagram page says nothing of the kind.
    pub unsubscribe_after: Option<u64>,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            real_limits: false,
            public_webhooks: false,
            retry_ms_per_second: 1000,
            batch: 1,
            hold: false,
            escape: true,
            unsubscribe_after: None,
        }
    }
}
