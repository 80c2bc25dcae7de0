//! How many calls of one account, of one vendor, and of one salon's calendar or CRM may be under way at once in this process. Who hangs
//! then holds up their own work and not everybody's: what finds no place gives its slot back and comes again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use salon_core::{channel::ChannelKind, ids::TenantId, job::Queue, tenant::ChannelAccount};

use crate::queue::JobError;

/// Calls of one account at a messenger, or of one salon at its calendar or CRM.
const PER_ACCOUNT: usize = 4;
/// Calls at one messenger, whoever's; and looks after the accounts, which wait for any of them.
const PER_VENDOR: usize = 12;
/// Slots that are left when every messenger hangs at once: what no vendor is asked for goes on, and who recovers is noticed.
const SPARE: usize = 4;
/// When to come again.
const LATER: Duration = Duration::from_secs(1);

/// How many slots outbound work needs so that no number of hanging messengers holds all of them.
pub(crate) const OUTBOUND_SLOTS: usize = (ChannelKind::ALL.len() + 1) * PER_VENDOR + SPARE;

/// The calls under way.
#[derive(Debug, Clone, Default)]
pub struct Bulkhead {
    running: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    bulkhead: Bulkhead,
    keys: Vec<String>,
}

impl Bulkhead {
    /// A place for a call of this account at its messenger.
    ///
    /// # Errors
    /// [`JobError::Later`] while there is none: no attempt. So with the others.
    pub fn messenger(&self, account: &ChannelAccount) -> Result<Place, JobError> {
        self.enter([(format!("account:{}", account.id), PER_ACCOUNT), (format!("vendor:{}", account.kind.as_str()), PER_VENDOR)])
    }

    /// A place for a look after a salon's accounts.
    ///
    /// # Errors
    /// See [`Self::messenger`].
    pub fn watch(&self) -> Result<Place, JobError> {
        self.enter([("watch".to_owned(), PER_VENDOR)])
    }

    /// A place for work of a salon's in a queue that has one vendor a salon.
    ///
    /// # Errors
    /// See [`Self::messenger`].
    pub fn salon(&self, queue: Queue, salon: TenantId) -> Result<Place, JobError> {
        self.enter([(format!("{queue}:{salon}"), PER_ACCOUNT)])
    }

    fn enter<const N: usize>(&self, limits: [(String, usize); N]) -> Result<Place, JobError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.iter().any(|(key, most)| running.get(key).is_some_and(|count| count >= most)) {
            return Err(JobError::Later { after: LATER, why: "enough calls of this account or vendor are under way".into() });
        }
        let keys = limits.map(|(key, _)| key).to_vec();
        for key in &keys {
            *running.entry(key.clone()).or_default() += 1;
        }
        Ok(Place { bulkhead: self.clone(), keys })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut running = self.bulkhead.running.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = running.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    running.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_and_a_vendor_have_their_places_and_give_them_back() {
        let bulkhead = Bulkhead::default();
        let enter = |account: usize, vendor: &str| {
            bulkhead.enter([(format!("account:{account}"), PER_ACCOUNT), (format!("vendor:{vendor}"), PER_VENDOR)])
        };
        let first: Vec<_> = (0..PER_ACCOUNT).map(|_| enter(0, "vk").unwrap()).collect();
        assert!(matches!(enter(0, "vk"), Err(JobError::Later { .. })));
        let others: Vec<_> = (PER_ACCOUNT..PER_VENDOR).map(|n| enter(n, "vk").unwrap()).collect();
        assert!(enter(100, "vk").is_err(), "the vendor's places are taken");
        let elsewhere = enter(101, "max").unwrap();
        drop((first, others));
        drop((enter(0, "vk").unwrap(), elsewhere));
        assert!(bulkhead.running.lock().unwrap().is_empty(), "nothing is left over");
    }

    #[test]
    fn all_messengers_that_hang_leave_slots() {
        let bulkhead = Bulkhead::default();
        let mut held = Vec::new();
        for (n, kind) in ChannelKind::ALL.iter().cycle().take(1000).enumerate() {
            held.extend(bulkhead.enter([(n.to_string(), PER_ACCOUNT), (format!("vendor:{}", kind.as_str()), PER_VENDOR)]));
            held.extend(bulkhead.enter([("watch".to_owned(), PER_VENDOR)]));
        }
        assert_eq!(OUTBOUND_SLOTS - held.len(), SPARE);
    }
}
