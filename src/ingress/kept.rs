//! What is read of a salon, kept for a while, so that a visitor costs no query but what they bring.

use std::sync::{Arc, atomic::AtomicU64};

use moka::future::Cache;

use super::{
    changes::Changes,
    doors::{KNOWN_FOR, MOST_KEPT, UNKNOWN_FOR},
};
use crate::{crypto::sha256, ids::TenantId, store::StoreError};

/// Something of a salon, true as of a change ([`Changes::is_current`]).
#[derive(Debug)]
pub(super) struct Dated<V> {
    pub(super) tenant: TenantId,
    pub(super) value: V,
    as_of: AtomicU64,
}

impl<V> Dated<V> {
    pub(super) const fn new(tenant: TenantId, value: V, as_of: u64) -> Self {
        Self { tenant, value, as_of: AtomicU64::new(as_of) }
    }
}

/// What is kept under names that strangers make up.
pub(super) struct Kept<V> {
    changes: Arc<Changes>,
    known: Cache<[u8; 32], Arc<Dated<V>>>,
    /// Apart from the known ones, so that made-up names push none of them out.
    unknown: Cache<[u8; 32], ()>,
}

enum Missing {
    Unknown,
    Failed(StoreError),
}

impl<V: Send + Sync + 'static> Kept<V> {
    pub(super) fn new(changes: Arc<Changes>) -> Self {
        Self {
            changes,
            known: Cache::builder().max_capacity(MOST_KEPT).time_to_live(KNOWN_FOR).build(),
            unknown: Cache::builder().max_capacity(MOST_KEPT).time_to_live(UNKNOWN_FOR).build(),
        }
    }

    /// What has this name, read by `load` if it is not kept. `load` is given the change that it begins after.
    pub(super) async fn find<F>(&self, name: &str, load: impl Fn(u64) -> F) -> Result<Option<Arc<Dated<V>>>, LookUpFailed>
    where
        F: Future<Output = Result<Option<Dated<V>>, StoreError>>,
    {
        let hash = sha256(name.as_bytes());
        if self.unknown.get(&hash).await.is_some() {
            return Ok(None);
        }
        loop {
            let read = async {
                match load(self.changes.latest()).await {
                    Ok(Some(value)) => Ok(Arc::new(value)),
                    Ok(None) => Err(Missing::Unknown),
                    Err(error) => Err(Missing::Failed(error)),
                }
            };
            match self.known.try_get_with(hash, read).await {
                Ok(found) if self.changes.is_current(found.tenant, &found.as_of) => return Ok(Some(found)),
                // Kept from before a change, or read while one was made.
                Ok(_) => self.known.invalidate(&hash).await,
                Err(missing) => match &*missing {
                    Missing::Unknown => {
                        self.unknown.insert(hash, ()).await;
                        return Ok(None);
                    }
                    Missing::Failed(error) => {
                        tracing::error!(%error, "a salon can't be looked up");
                        return Err(LookUpFailed);
                    }
                },
            }
        }
    }
}

/// The database is away, or too many ask at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookUpFailed;
