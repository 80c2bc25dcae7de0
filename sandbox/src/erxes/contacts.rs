//! Customers, notes and the caller himself.

use chrono::{DateTime, SecondsFormat, Utc};
use regex::RegexBuilder;
use serde_json::{Map, Value, json};

use super::{
    resolve::{Failure, Principal, Request, listed},
    state::{State, assign, by_id, by_id_mut, new_id},
};

/// What `$regex` looks at.
const SEARCHED: &[&str] =
    &["searchText", "primaryEmail", "emails", "primaryPhone", "phones", "firstName", "lastName", "middleName"];

pub(super) fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

pub(super) fn current_user(state: &State, request: &Request<'_>) -> Value {
    match request.principal {
        Principal::Anonymous => Value::Null,
        Principal::App { id, owner } => json!({"_id": id, "isOwner": owner, "isActive": true}),
        Principal::User { id, owner, .. } => {
            let email = state.users.iter().find(|user| user.id == *id).map(|user| user.email.as_str());
            json!({"_id": id, "email": email, "isOwner": owner, "isActive": true})
        }
    }
}

/// `searchValue` goes unescaped into a case-insensitive regular expression: `+7999` is an invalid one.
pub(super) fn search(state: &State, request: &Request<'_>) -> Result<Value, Failure> {
    let pattern = match request.argument("searchValue").as_str() {
        None | Some("") => None,
        Some(text) => Some(
            RegexBuilder::new(text)
                .case_insensitive(true)
                .build()
                .map_err(|_| Failure::system("Regular expression is invalid: quantifier does not follow a repeatable item"))?,
        ),
    };
    let ids = request.argument("ids").as_array();
    let texts = |customer: &Value| -> Vec<String> {
        let values = SEARCHED.iter().flat_map(|field| match &customer[*field] {
            Value::Array(list) => list.clone(),
            other => vec![other.clone()],
        });
        values.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let found = state
        .customers
        .iter()
        .filter(|customer| customer["status"] != "deleted")
        .filter(|customer| ids.is_none_or(|ids| ids.contains(&customer["_id"])))
        .filter(|customer| pattern.as_ref().is_none_or(|pattern| texts(customer).iter().any(|text| pattern.is_match(text))));
    listed(found.cloned().collect(), request)
}

pub(super) fn detail(state: &State, request: &Request<'_>) -> Result<Value, Failure> {
    by_id(&state.customers, request.argument("_id")).cloned().ok_or_else(|| Failure::expected("Customer not found"))
}

pub(super) fn add(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    check_duplicates(state, &request.arguments, None)?;
    let mut customer = blank(request.now);
    assign(&mut customer, &kept(state, &request.arguments));
    let identified = ["primaryEmail", "primaryPhone", "code"].iter().any(|field| customer[*field].is_string());
    if identified && customer["state"] != "customer" {
        customer["state"] = "lead".into();
    }
    complete(&mut customer);
    state.customers.push(customer.clone());
    Ok(customer)
}

pub(super) fn edit(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    let id = request.argument("_id").clone();
    check_duplicates(state, &request.arguments, Some(&id))?;
    let arguments = kept(state, &request.arguments);
    let customer = by_id_mut(&mut state.customers, &id).ok_or_else(|| Failure::expected("Customer not found"))?;
    assign(customer, &arguments);
    customer["updatedAt"] = iso(request.now).into();
    complete(customer);
    Ok(customer.clone())
}

pub(super) fn change_state(state: &mut State, request: &Request<'_>) -> Result<Value, Failure> {
    let customer = by_id_mut(&mut state.customers, request.argument("_id"));
    let customer = customer.ok_or_else(|| Failure::expected("Customer not found"))?;
    customer["state"] = request.argument("value").clone();
    customer["updatedAt"] = iso(request.now).into();
    Ok(customer.clone())
}

/// The arguments as they are stored. The properties given replace all there are; those without a field, and empty ones, are dropped without
/// a word.
fn kept(state: &State, arguments: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = arguments.clone();
    if let Some(Value::Object(properties)) = kept.get_mut("propertiesData") {
        properties.retain(|code, value| state.properties.contains(code) && !is_empty(value));
    }
    kept
}

/// What JavaScript takes for nothing.
fn is_empty(value: &Value) -> bool {
    value.is_null() || *value == json!("") || *value == json!(0) || *value == json!(false)
}

/// Only the primary fields are looked at, and nothing makes the check atomic with the insert upstream.
fn check_duplicates(state: &State, arguments: &Map<String, Value>, own: Option<&Value>) -> Result<(), Failure> {
    for (field, name) in [("primaryEmail", "email"), ("primaryPhone", "phone"), ("code", "code")] {
        let Some(value) = arguments.get(field).filter(|value| !value.is_null()) else {
            continue;
        };
        let taken = state.customers.iter().any(|other| other[field] == *value && own != Some(&other["_id"]));
        if taken {
            return Err(Failure::expected(format!("Duplicated {name}")));
        }
    }
    Ok(())
}

fn blank(now: DateTime<Utc>) -> Value {
    json!({"_id": new_id(), "state": "visitor", "status": "active", "createdAt": iso(now), "updatedAt": iso(now),
           "emails": [], "phones": [], "tagIds": [], "relatedIntegrationIds": []})
}

/// The primary address and number are among the lists too, and in the text that is searched.
pub(super) fn complete(customer: &mut Value) {
    for (primary, list) in [("primaryEmail", "emails"), ("primaryPhone", "phones")] {
        let value = customer[primary].clone();
        if let (true, Some(list)) = (value.is_string(), customer[list].as_array_mut())
            && !list.contains(&value)
        {
            list.push(value);
        }
    }
    let words: Vec<String> = ["firstName", "lastName", "primaryEmail", "primaryPhone", "code"]
        .iter()
        .filter_map(|field| customer[*field].as_str().map(str::to_owned))
        .collect();
    customer["searchText"] = words.join(" ").into();
}

/// Where the customer is that a call means: by cached id, e-mail, phone, code in that order and by exact equality, but never one who was
/// merged away.
fn known(state: &State, request: &Request<'_>) -> Option<usize> {
    let by = |argument: &str, primary: &str, list: &str| {
        let value = request.argument(argument);
        let is = |customer: &Value| {
            let known = customer[primary] == *value || customer[list].as_array().is_some_and(|list| list.contains(value));
            known && customer["status"] != "deleted"
        };
        value.as_str().and_then(|_| state.customers.iter().position(is))
    };
    by("cachedCustomerId", "_id", "_id")
        .or_else(|| by("email", "primaryEmail", "emails"))
        .or_else(|| by("phone", "primaryPhone", "phones"))
        .or_else(|| by("code", "code", "code"))
}

/// Finds the customer that a call means, or makes one, and updates it. The `_id`.
pub(super) fn connect(state: &mut State, request: &Request<'_>) -> Value {
    let (email, phone, code) = (request.argument("email"), request.argument("phone"), request.argument("code"));
    let index = known(state, request).unwrap_or_else(|| {
        state.customers.push(blank(request.now));
        state.customers.len() - 1
    });
    let State { customers, properties, .. } = state;
    let customer = &mut customers[index];
    for (field, value) in [("primaryEmail", email), ("primaryPhone", phone), ("code", code)] {
        if value.is_string() && customer[field].is_null() {
            customer[field] = value.clone();
        }
    }
    if [email, phone, code].iter().any(|value| value.is_string()) && customer["state"] == "visitor" {
        customer["state"] = "lead".into();
    }
    if *request.argument("isUser") == true {
        customer["state"] = "customer".into();
    }
    take_data(customer, request.argument("data"), properties);
    customer["integrationId"] = request.argument("integrationId").clone();
    customer["updatedAt"] = iso(request.now).into();
    let integration = request.argument("integrationId");
    if let Some(related) = customer["relatedIntegrationIds"].as_array_mut()
        && !related.contains(integration)
    {
        related.push(integration.clone());
    }
    complete(customer);
    customer["_id"].clone()
}

/// Keys that are customer fields are set, those that are properties' codes become properties; the others are dropped without a word.
fn take_data(customer: &mut Value, data: &Value, properties: &[String]) {
    const FIELDS: &[&str] =
        &["firstName", "lastName", "middleName", "birthDate", "sex", "description", "primaryEmail", "primaryPhone"];
    for (key, value) in data.as_object().into_iter().flatten() {
        if FIELDS.contains(&key.as_str()) {
            customer[key] = value.clone();
        } else if properties.contains(key) && !is_empty(value) {
            customer["propertiesData"][key] = value.clone();
        }
    }
}

pub(super) fn notes(state: &State, request: &Request<'_>) -> Value {
    let of = |note: &&Value| {
        note["contentType"] == *request.argument("contentType") && note["contentTypeId"] == *request.argument("contentTypeId")
    };
    state.notes.iter().filter(of).cloned().collect()
}

/// Null when the plugin before the colon is not enabled.
pub(super) fn add_note(state: &mut State, request: &Request<'_>) -> Value {
    let kind = request.argument("contentType").as_str().unwrap_or_default();
    if !matches!(kind.split(':').next(), Some("core" | "frontline" | "sales")) {
        return Value::Null;
    }
    let note = json!({"_id": new_id(), "contentType": kind, "contentTypeId": request.argument("contentTypeId"),
        "content": request.argument("content"), "createdUserId": request.principal.id(), "createdAt": iso(request.now)});
    state.notes.push(note.clone());
    note
}
