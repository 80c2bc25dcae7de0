//! The public widget's way to a client's record: exact look-up and creation in one call, without any permission.

use super::{
    Settings,
    access::ask,
    operations::CONNECT,
    wire::{ConnectVariables, Connected, Profile},
};
use crate::{
    crm::{ClientCard, CrmCall},
    vendor::Failure,
};

/// erxes looks the customer up by `cachedCustomerId`, phone and `code`, in this order and for equality, creates the one it doesn't
/// find and updates the one it does. `isUser` makes the record a `customer`: whoever writes to the salon is no passing visitor.
pub(super) async fn connect(crm: &CrmCall<'_>, client: &ClientCard) -> Result<String, Failure> {
    let settings: Settings = crm.account.settings()?;
    connected(crm, &profile(&settings, client)).await
}

pub(super) fn profile<'a>(settings: &'a Settings, client: &'a ClientCard) -> ConnectVariables<'a> {
    ConnectVariables {
        integration_id: &settings.integration_id,
        phone: client.phone.as_deref(),
        code: Some(client.id.to_string()),
        is_user: true,
        data: Profile { first_name: client.name.as_deref() },
        cached_customer_id: client.known.as_deref(),
    }
}

/// Relates a record that is there to the salon's integration, which nothing else can do. By its id alone: some versions of erxes look at
/// number and `code` before the id, and would find another record by them.
pub(super) async fn relate(crm: &CrmCall<'_>, record: &str) -> Result<(), Failure> {
    let settings: Settings = crm.account.settings()?;
    let variables = ConnectVariables {
        integration_id: &settings.integration_id,
        phone: None,
        code: None,
        is_user: true,
        data: Profile { first_name: None },
        cached_customer_id: Some(record),
    };
    connected(crm, &variables).await.map(drop)
}

async fn connected(crm: &CrmCall<'_>, variables: &ConnectVariables<'_>) -> Result<String, Failure> {
    let connected: Option<Connected> = ask(crm, &CONNECT, variables).await?;
    // erxes swallows errors between its own services, and what is left of them is a null.
    connected.and_then(|connected| connected.customer_id).ok_or_else(|| Failure::retry("no_customer_id"))
}
