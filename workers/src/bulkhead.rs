//! How many calls of one account, and of one vendor, may be under way at once in this process. A vendor that hangs then holds up its own
//! messages and not everybody's: what finds no place gives its slot back and comes again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::queue::JobError;

/// Of the sixteen slots that outbound work has: an account that hangs holds a quarter of them, a vendor three.
const PER_ACCOUNT: usize = 4;
const PER_VENDOR: usize = 12;
/// When to come again.
const LATER: Duration = Duration::from_millis(500);

/// The calls under way.
#[derive(Debug, Clone, Default)]
pub struct Bulkhead {
    running: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    bulkhead: Bulkhead,
    keys: [String; 2],
}

impl Bulkhead {
    /// A place for a call of this account at this vendor.
    ///
    /// # Errors
    /// [`JobError::Later`] while there is none: no attempt.
    pub fn enter(&self, vendor: &str, account: impl std::fmt::Display) -> Result<Place, JobError> {
        let keys = [format!("account:{account}"), format!("vendor:{vendor}")];
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, most) in keys.iter().zip([PER_ACCOUNT, PER_VENDOR]) {
            if running.get(key).is_some_and(|count| *count >= most) {
                return Err(JobError::Later { after: LATER, why: "enough calls of this account or vendor are under way".into() });
            }
        }
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
        let first: Vec<_> = (0..PER_ACCOUNT).map(|_| bulkhead.enter("vk", "a").unwrap()).collect();
        assert!(matches!(bulkhead.enter("vk", "a"), Err(JobError::Later { .. })));
        let others: Vec<_> = (PER_ACCOUNT..PER_VENDOR).map(|n| bulkhead.enter("vk", n).unwrap()).collect();
        assert!(bulkhead.enter("vk", "b").is_err(), "the vendor's places are taken");
        let elsewhere = bulkhead.enter("max", "c").unwrap();
        drop((first, others));
        bulkhead.enter("vk", "a").unwrap();
        drop(elsewhere);
        assert!(bulkhead.running.lock().unwrap().is_empty(), "nothing is left over");
    }
}
