//! What handlers work with.

use std::{sync::Arc, time::Duration};

use salon_core::{
    crm::{CrmCall, PACED, Pace, pace_key},
    crypto::KeyRing,
    ids::ConnectionId,
    store::Db,
    tenant::CrmConnection,
    vendor::{Class, Failure, Http, Pacer, Rate},
};
use url::Url;

use crate::{bulkhead::Bulkhead, circuit::Circuits, queue::JobError};

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
    /// Counts a call of a CRM account that is about to be made; or the job comes back when its turn does.
    pub(crate) async fn crm_turn(&self, connection: ConnectionId, rate: Rate) -> Result<(), JobError> {
        let pace = Pace::of(&self.pacer, connection, rate);
        pace.take_turn().await.map_err(|after| JobError::Later { after, why: PACED.into() })
    }

    /// A way to call a CRM account at its pace.
    pub(crate) fn crm_call<'a>(&'a self, connection: &'a CrmConnection) -> CrmCall<'a> {
        self.crm_call_at(connection, Pace::of(&self.pacer, connection.id, connection.rate))
    }

    /// A way to call a CRM account at this pace.
    pub(crate) fn crm_call_at<'a>(&'a self, connection: &'a CrmConnection, pace: Pace<'a>) -> CrmCall<'a> {
        CrmCall::new(&self.http, &connection.account, self.crm_patience).paced(pace)
    }

    /// A call of a CRM account went well: what failed before is forgotten.
    pub(crate) fn crm_worked(&self, connection: ConnectionId) {
        self.circuits.worked(&pace_key(connection));
    }

    /// A call of a CRM account failed: everybody pauses for as long as the CRM said, or if it was one of many failures in a row.
    pub(crate) async fn crm_failed(&self, connection: ConnectionId, failure: &Failure) {
        let account = pace_key(connection);
        let wait = match failure.class {
            // Our own pace is no news to it.
            Class::Retry { after: Some(_) } if failure.code == PACED => None,
            Class::Retry { after: Some(after) } => Some(after),
            Class::Retry { after: None } | Class::Unknown => self.circuits.failed(&account),
            Class::Permanent | Class::Unreachable | Class::NeedsTemplate | Class::Credential => None,
        };
        if let Some(wait) = wait {
            self.pacer.pause(&account, wait).await;
        }
    }
}
