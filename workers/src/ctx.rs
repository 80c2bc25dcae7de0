//! What handlers work with.

use std::{sync::Arc, time::Duration};

use salon_core::{
    crypto::KeyRing,
    store::Db,
    vendor::{Http, Pacer},
};
use url::Url;

use crate::{bulkhead::Bulkhead, circuit::Circuits};

/// Everything a handler may reach.
#[derive(Debug, Clone)]
pub struct Ctx {
    /// The database.
    pub db: Db,
    /// The vendors.
    pub http: Http,
    /// What opens credentials.
    pub keyring: Arc<KeyRing>,
    /// How often a vendor may be called.
    pub pacer: Pacer,
    /// The address under which vendors reach us.
    pub public_url: Url,
    /// Keeps a messenger that hangs from holding every slot.
    pub bulkhead: Bulkhead,
    /// How long one call of a CRM may take.
    pub crm_patience: Duration,
    /// Counts the failures in a row of each CRM account.
    pub circuits: Circuits,
}

impl Ctx {
    /// Counts a failure of a CRM account, and has everybody pause if there were many in a row.
    pub(crate) async fn pause_after_failure(&self, account: &str) {
        if let Some(wait) = self.circuits.failed(account) {
            self.pacer.pause(account, wait).await;
        }
    }
}
