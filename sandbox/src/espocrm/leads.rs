//! Turning a lead into a contact (EspoCRM note, 2.2).

use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    records::{self, Writing},
    state::{Record, State, moment},
};

/// What a contact and an account take over from a lead.
const CARRIED: &[(&str, &[&str])] = &[
    (
        "Contact",
        &[
            "salutationName",
            "firstName",
            "lastName",
            "middleName",
            "title",
            "description",
            "doNotCall",
            "emailAddress",
            "emailAddressData",
            "phoneNumber",
            "phoneNumberData",
            "assignedUserId",
            "teamsIds",
        ],
    ),
    ("Account", &["website", "emailAddress", "phoneNumber", "assignedUserId", "teamsIds"]),
];

/// What the records would be made of.
pub(super) fn attributes(state: &State, id: &str) -> Outcome {
    let lead = state.record("Lead", id).ok_or_else(Refusal::not_found)?;
    let mut answer = Map::new();
    for (scope, names) in CARRIED {
        let carried = names.iter().filter_map(|name| Some(((*name).to_owned(), lead.get(*name)?.clone())));
        answer.insert((*scope).to_owned(), Value::Object(carried.filter(|(_, value)| !value.is_null()).collect()));
    }
    if let (Some(account), Some(name)) = (answer.get_mut("Account"), lead.get("accountName")) {
        account["name"] = name.clone();
    }
    Ok(answer.into())
}

/// Makes the records that are named and marks the lead; all of it, or nothing.
pub(super) fn convert(state: &mut State, id: &str, made_of: &Record, writing: &mut Writing<'_>) -> Result<Record, Refusal> {
    let before = state.record("Lead", id).cloned().ok_or_else(Refusal::not_found)?;
    let mut prepared = Vec::new();
    for (scope, body) in made_of {
        let body = body.as_object().ok_or_else(|| Refusal::wrong(400, "Bad records."))?;
        if !matches!(scope.as_str(), "Contact" | "Account") {
            return Err(Refusal::wrong(400, format!("A lead is not converted into {scope} here.")));
        }
        prepared.push((scope, records::prepare(state, scope, body, writing)?));
    }
    let mut lead = before.clone();
    for (scope, record) in prepared {
        let made = records::keep(state, scope, record, writing.by);
        let made_id = made.get("id").cloned().unwrap_or_default();
        lead.insert(format!("created{scope}Id"), made_id.clone());
        lead.insert(format!("created{scope}Name"), made.get("name").cloned().unwrap_or_default());
        if let Some(contact) = made_id.as_str().filter(|_| scope == "Contact") {
            came_from(state, contact, id, &before);
        }
    }
    lead.insert("status".to_owned(), "Converted".into());
    lead.insert("convertedAt".to_owned(), moment(writing.by.now));
    records::rewrite(state, "Lead", id, &before, lead, writing.by);
    Ok(state.record("Lead", id).cloned().unwrap_or_default())
}

/// The contact names its lead and takes over its meetings and tasks.
fn came_from(state: &mut State, contact: &str, lead: &str, lead_record: &Record) {
    if let Some(record) = state.record_mut("Contact", contact) {
        record.insert("originalLeadId".to_owned(), lead.into());
        record.insert("originalLeadName".to_owned(), lead_record.get("name").cloned().unwrap_or_default());
    }
    let meetings = state.records.get_mut("Meeting").into_iter().flat_map(|records| records.values_mut());
    for meeting in meetings {
        let invited = meeting.get("leadsIds").and_then(Value::as_array).is_some_and(|ids| ids.iter().any(|id| id == lead));
        if let Some(ids) = meeting.get_mut("contactsIds").and_then(Value::as_array_mut).filter(|_| invited) {
            ids.push(json!(contact));
        }
    }
}
