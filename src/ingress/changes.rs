//! Which tenants were changed a moment ago, so that what is kept of them is read anew. Changes are numbered as they are heard of, which
//! is after their commit: whoever began to read when number `n` was the latest has read everything up to `n`.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::doors::KNOWN_FOR;
use crate::ids::TenantId;

/// The changes heard of.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The number of the last one, of any tenant. Apart from the list, so that a webhook takes no lock while nobody is changed.
    latest: AtomicU64,
    /// Each tenant's last one, as long as something read before it can still be kept.
    of_tenant: Mutex<HashMap<TenantId, (u64, Instant)>>,
}

impl Changes {
    /// The number to note before reading something that will be kept.
    pub(super) fn latest(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// A tenant was changed.
    pub(super) fn note(&self, tenant: TenantId) {
        let mut of_tenant = self.of_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        of_tenant.retain(|_, (_, at)| now.duration_since(*at) < 2 * KNOWN_FOR);
        let number = self.latest() + 1;
        of_tenant.insert(tenant, (number, now));
        self.latest.store(number, Ordering::Release);
    }

    /// Whether what was read of a tenant when number `as_of` was the latest is still true. Moves `as_of` on if it is.
    pub(super) fn is_current(&self, tenant: TenantId, as_of: &AtomicU64) -> bool {
        let (read_at, latest) = (as_of.load(Ordering::Acquire), self.latest());
        if read_at >= latest {
            return true;
        }
        let of_tenant = self.of_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = of_tenant.get(&tenant).is_some_and(|(number, _)| *number > read_at);
        if !changed {
            as_of.store(latest, Ordering::Release);
        }
        !changed
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_what_was_read_of_that_tenant_before_its_change_is_out_of_date() {
        let (changes, lotos, roza) = (Changes::default(), TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        let read = || AtomicU64::new(changes.latest());
        let (of_lotos, of_roza) = (read(), read());
        assert!(changes.is_current(lotos, &of_lotos));
        changes.note(lotos);
        assert!(!changes.is_current(lotos, &of_lotos) && changes.is_current(roza, &of_roza));
        assert_eq!(of_roza.load(Ordering::Relaxed), changes.latest(), "so that the next webhook takes no lock");
        let anew = read();
        assert!(changes.is_current(lotos, &anew));
        changes.note(roza);
        assert!(changes.is_current(lotos, &anew) && !changes.is_current(roza, &of_roza));
    }
}
