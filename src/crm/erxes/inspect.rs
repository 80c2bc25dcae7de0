//! Whether the connection works, and what the credential may.

use super::{
    Settings,
    access::{Access, ask, expired},
    error,
    operations::{CURRENT_USER, CUSTOMER_EDIT, INTEGRATION, NOTE_ADD, Operation},
    wire::{ById, CustomerFields, Integration, NoteVariables, User},
};
use crate::{
    crm::{CrmCall, Health},
    vendor::{Class, Failure},
};

/// No record and no kind of record of erxes has this name.
const NOBODY: &str = "salon-core:nobody";

/// `widgetsInsertMessage` takes a wrong integration and makes an orphan of the conversation, so it is asked for once, here.
pub(super) async fn inspect(crm: &CrmCall<'_>) -> Result<Health, Failure> {
    let settings: Settings = crm.account.settings()?;
    let integration: Option<Integration> = ask(crm, &INTEGRATION, &ById { id: &settings.integration_id }).await?;
    match integration.map(|integration| integration.kind) {
        None => return Err(Failure::new(Class::Credential, "integration_not_found")),
        Some(kind) if kind.as_deref() == Some("messenger") => {}
        Some(_) => return Err(Failure::new(Class::Credential, "integration_not_messenger")),
    }
    let (known_as, remarks) = match Access::of(crm.account) {
        Access::Widget => ("the public widget", Vec::new()),
        Access::App(_) => ("an app token", Vec::new()),
        Access::User(_) => ("a user", remarks(crm).await?),
    };
    Ok(Health { known_as: known_as.to_owned(), version: None, remarks })
}

/// The user behind the token; a token that has run out is nobody's.
pub(super) async fn user(crm: &CrmCall<'_>) -> Result<User, Failure> {
    ask(crm, &CURRENT_USER, &serde_json::json!({})).await?.ok_or_else(expired)
}

/// A permission that is missing costs a part of what is kept, and breaks nothing. Asked with changes of nothing: a customer that is not
/// there, and a note on a kind of record that is not there, which erxes refuses or passes over after it has looked at the permission.
/// Whether `contactsCreate` is there can't be asked without making somebody.
async fn remarks(crm: &CrmCall<'_>) -> Result<Vec<String>, Failure> {
    let mut remarks = Vec::new();
    if user(crm).await?.is_owner == Some(true) {
        remarks.push("the user is an owner: a user who holds only a group for this would do".to_owned());
    }
    let nobody = CustomerFields { id: Some(NOBODY.to_owned()), ..CustomerFields::default() };
    if forbidden(crm, &CUSTOMER_EDIT, &nobody).await? {
        remarks
            .push("contactsUpdate is not permitted: clients are kept through the public widget, without properties".to_owned());
    }
    let nothing = NoteVariables { content_type: NOBODY, content_type_id: NOBODY, content: Some("") };
    if forbidden(crm, &NOTE_ADD, &nothing).await? {
        remarks.push("internalNotesManage is not permitted: notes go into the conversation".to_owned());
    }
    Ok(remarks)
}

async fn forbidden(crm: &CrmCall<'_>, operation: &Operation, variables: &impl serde::Serialize) -> Result<bool, Failure> {
    match ask::<serde_json::Value>(crm, operation, variables).await {
        Err(failure) if error::is_forbidden(&failure) => Ok(true),
        Err(failure) if failure.class == Class::Credential || matches!(failure.class, Class::Retry { .. }) => Err(failure),
        _ => Ok(false),
    }
}
