//! Whether the connection works, and what somebody should see to.

use serde_json::Value;

use super::{Settings, api, fields::scope, wire::Whoami};
use crate::{
    crm::{CrmCall, Entity, Health},
    vendor::{Class, Failure},
};

pub(super) async fn inspect(call: &CrmCall<'_>) -> Result<Health, Failure> {
    let settings: Settings = call.account.settings()?;
    let me: Whoami = api::get(call, &["App", "user"], &[]).await?;
    let name = me.user.text("userName").unwrap_or("a user without a name");
    let kind = me.user.text("type").unwrap_or("unknown");
    let mut remarks = missing_rights(&me.acl);
    remarks.extend(no_assignment(&me, &settings));
    if kind == "admin" {
        remarks.push("the key is an administrator's: an API user with a role of its own can do less harm".to_owned());
    }
    if me.settings.is_false("phoneNumberInternational") {
        remarks.push("numbers are kept as they are typed in, so a client may not be found by number".to_owned());
    }
    remarks.extend(duplicates(call).await?);
    Ok(Health { known_as: format!("{name} ({kind})"), version: me.settings.text("version").map(str::to_owned), remarks })
}

/// What the role does not allow, as far as the answer tells.
fn missing_rights(acl: &Value) -> Vec<String> {
    let Some(table) = acl.get("table").and_then(Value::as_object) else { return Vec::new() };
    let records = Entity::ALL.into_iter().map(scope).chain(["Task"]);
    let mut missing = Vec::new();
    for scope in records {
        for action in ["create", "read", "edit"] {
            let level = table.get(scope).and_then(|rights| rights.get(action)).and_then(Value::as_str);
            if level.is_none_or(|level| level == "no") && table.get(scope) != Some(&Value::Bool(true)) {
                missing.push(format!("the role does not allow to {action} {scope}"));
            }
        }
    }
    if table.get("Webhook").is_none_or(|rights| *rights == Value::Bool(false)) {
        missing.push("the role has no webhooks: changes are found by asking only".to_owned());
    }
    missing
}

/// Everybody trips over this: a role whose users may be given nothing, and a 403 for each meeting.
fn no_assignment(me: &Whoami, settings: &Settings) -> Option<String> {
    let none = me.acl.get("assignmentPermission").and_then(Value::as_str) == Some("no");
    let others = settings.users().any(|user| me.user.id() != Some(user));
    (none && others).then(|| "the role may not assign records to others: every meeting would be refused".to_owned())
}

/// EspoCRM looks for doubles by name and e-mail unless it is told to look at numbers. We look ourselves; people who type a client in are
/// not warned.
async fn duplicates(call: &CrmCall<'_>) -> Result<Option<String>, Failure> {
    let key = [("key".to_owned(), format!("scopes.{}.duplicateCheckFieldList", scope(Entity::Client)))];
    let checked: Option<Vec<String>> = match api::get(call, &["Metadata"], &key).await {
        // A hint is not worth an inspection that fails.
        Err(failure) if failure.class == Class::Permanent => return Ok(None),
        checked => checked?,
    };
    let by_number = checked.iter().flatten().any(|field| field == "phoneNumber");
    let remark = "EspoCRM does not compare numbers when somebody types in a contact: add phoneNumber to its duplicate check";
    Ok((!by_number).then(|| remark.to_owned()))
}
