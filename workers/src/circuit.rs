//! A CRM that fails again and again is asked less often: each of a thousand waiting jobs would otherwise find that out for itself, and
//! use up its attempts by it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// So many failures in a row are bad luck.
const TOLERATED: u32 = 5;
/// The longest pause: whatever fails is tried again within a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// Failures in a row, by account.
#[derive(Debug, Clone, Default)]
pub struct Circuits {
    failures: Arc<Mutex<HashMap<String, u32>>>,
}

impl Circuits {
    /// It worked: whatever was counted is forgotten.
    pub fn worked(&self, account: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    /// It failed. For how long nobody should call it now; none while it may be bad luck.
    pub fn failed(&self, account: &str) -> Option<Duration> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(account.to_owned()).or_default();
        *count = count.saturating_add(1);
        let beyond = count.checked_sub(TOLERATED)?;
        Some(Duration::from_secs(1_u64.checked_shl(beyond).unwrap_or(u64::MAX)).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_failures_in_a_row_and_end_with_a_success() {
        let circuits = Circuits::default();
        let waits: Vec<_> = (0..12).map(|_| circuits.failed("a").map_or(0, |wait| wait.as_secs())).collect();
        assert_eq!(waits, [0, 0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(circuits.failed("b"), None, "accounts are counted apart");
        circuits.worked("a");
        assert_eq!(circuits.failed("a"), None);
        for _ in 0..200 {
            circuits.failed("a");
        }
        assert_eq!(circuits.failed("a"), Some(LONGEST));
    }
}
