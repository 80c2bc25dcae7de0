//! `booking.v1.*`: resources and bookings. There is no status and no no-show; a cancelled booking is deleted. Errors are
//! numbers here (Bitrix24 note, 3.2 and 3.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    form::number,
    methods::Call,
    state::{Item, Kind, State},
};

/// The only resource type, which every portal has.
const TYPE: i64 = 1;

/// The fields of a resource that the product may name; the rest are notification settings and only kept.
const RESOURCE_FIELDS: &[&str] = &["name", "description", "typeId", "isMain"];
const BOOKING_FIELDS: &[&str] = &["resourceIds", "name", "description", "datePeriod"];

/// The booking module's records.
#[derive(Debug, Default)]
pub(super) struct Bookings {
    pub(super) resources: BTreeMap<i64, Item>,
    /// With `clients`, which `booking.v1.booking.get` does not show.
    pub(super) bookings: BTreeMap<i64, Item>,
}

fn required(fields: &Map<String, Value>, name: &str) -> Result<(), Refusal> {
    let given = fields.get(name).is_some_and(|value| !value.is_null());
    if given { Ok(()) } else { Err(Refusal::numbered(0, format!("Required fields: {name}"), true)) }
}

fn drop_unknown(call: &mut Call, fields: &Map<String, Value>, known: &[&str]) {
    let unknown = fields.keys().filter(|name| !known.contains(&name.as_str()));
    call.violations.extend(unknown.map(|name| format!("field \"{name}\" is not known and ignored")));
}

pub(super) fn add_resource(state: &mut State, call: &mut Call) -> Outcome {
    let fields = call.parameters.object("fields");
    let setting = |name: &String| name.ends_with("On") || name.starts_with("templateType") || name.ends_with("Delay");
    let plain: Map<_, _> =
        fields.iter().filter(|(name, _)| !setting(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    drop_unknown(call, &plain, RESOURCE_FIELDS);
    required(&fields, "name")?;
    let type_id = fields.get("typeId").and_then(number).ok_or_else(|| Refusal::numbered(1006, "ResourceType not found", true))?;
    if type_id != TYPE {
        return Err(Refusal::numbered(1013, format!("Resource type with id {type_id} does not exist"), true));
    }
    let id = state.next_id("resource");
    let mut resource = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("description".to_owned(), Value::Null),
        ("isMain".to_owned(), json!("Y")),
    ]);
    resource.extend(fields);
    resource.insert("typeId".to_owned(), json!(type_id));
    state.bookings.resources.insert(id, resource);
    Ok(json!({"id": id}).into())
}

/// Not by pages: the vendor's list has none.
pub(super) fn resources(state: &mut State, call: &mut Call) -> Outcome {
    let filter = call.parameters.object("filter");
    drop_unknown(call, &filter, &["searchQuery", "isMain", "typeId", "name", "description"]);
    let fits = |resource: &&Item| {
        filter.iter().all(|(name, wanted)| match name.as_str() {
            "searchQuery" => {
                let (text, wanted) = (resource["name"].as_str().unwrap_or_default(), wanted.as_str().unwrap_or_default());
                text.to_lowercase().contains(&wanted.to_lowercase())
            }
            "typeId" => number(wanted) == Some(TYPE),
            _ => resource.get(name).is_none_or(|kept| kept == wanted),
        })
    };
    let found: Vec<&Item> = state.bookings.resources.values().filter(fits).collect();
    Ok(json!({"resource": found}).into())
}

pub(super) fn add(state: &mut State, call: &mut Call) -> Outcome {
    let fields = call.parameters.object("fields");
    drop_unknown(call, &fields, BOOKING_FIELDS);
    required(&fields, "resourceIds")?;
    required(&fields, "datePeriod")?;
    let id = state.next_id("booking");
    let mut booking = Map::from_iter([
        ("id".to_owned(), json!(id)),
        ("name".to_owned(), json!("")),
        ("description".to_owned(), json!("")),
        ("clients".to_owned(), json!([])),
    ]);
    booking.extend(fields.into_iter().filter(|(name, _)| BOOKING_FIELDS.contains(&name.as_str())));
    check(state, &mut booking)?;
    state.bookings.bookings.insert(id, booking);
    call.happened("ONBOOKINGADD".to_owned(), id);
    Ok(json!({"id": id}).into())
}

pub(super) fn update(state: &mut State, call: &mut Call) -> Outcome {
    let (id, fields) = (call.id(), call.parameters.object("fields"));
    drop_unknown(call, &fields, BOOKING_FIELDS);
    let mut booking = state.bookings.bookings.get(&id).cloned().ok_or_else(|| lost(1019))?;
    booking.extend(fields.into_iter().filter(|(name, _)| BOOKING_FIELDS.contains(&name.as_str())));
    check(state, &mut booking)?;
    state.bookings.bookings.insert(id, booking);
    call.happened("ONBOOKINGUPDATE".to_owned(), id);
    Ok(json!(true).into())
}

pub(super) fn get(state: &mut State, call: &mut Call) -> Outcome {
    let mut booking = state.bookings.bookings.get(&call.id()).cloned().ok_or_else(|| lost(1021))?;
    booking.remove("clients");
    Ok(json!({"booking": booking}).into())
}

/// What a missing booking answers here is not in the vendor's page; it is taken from the methods beside it.
pub(super) fn delete(state: &mut State, call: &mut Call) -> Outcome {
    let id = call.id();
    state.bookings.bookings.remove(&id).ok_or_else(|| lost(1021))?;
    call.happened("ONBOOKINGDELETE".to_owned(), id);
    Ok(json!(true).into())
}

pub(super) fn set_clients(state: &mut State, call: &mut Call) -> Outcome {
    let id = call.parameters.number("bookingId").unwrap_or_default();
    let clients = call.parameters.get("clients").as_array().cloned().unwrap_or_default();
    for client in &clients {
        let whole = number(&client["id"]).is_some() && client["type"]["module"] == "crm";
        if !whole || !matches!(client["type"]["code"].as_str(), Some("CONTACT" | "COMPANY")) {
            return Err(Refusal::numbered(0, "Required fields: id, type", true));
        }
        let contact = number(&client["id"]).filter(|_| client["type"]["code"] == "CONTACT");
        if contact.is_some_and(|id| state.item(Kind::Contact, id).is_none()) {
            call.violations.push("a client of the booking is no contact".to_owned());
        }
    }
    let booking = state.bookings.bookings.get_mut(&id).ok_or_else(|| lost(1021))?;
    booking.insert("clients".to_owned(), clients.into());
    Ok(json!(true).into())
}

fn lost(code: i64) -> Refusal {
    Refusal::numbered(code, "Booking not found", false)
}

/// Begin and end of a period: instants, each in a zone that must exist.
fn period(booking: &Item) -> Option<(i64, i64)> {
    let bound = |name: &str| {
        let bound = &booking.get("datePeriod")?[name];
        bound["timezone"].as_str()?.parse::<chrono_tz::Tz>().ok()?;
        number(&bound["timestamp"])
    };
    let (from, to) = (bound("from")?, bound("to")?);
    (from < to).then_some((from, to))
}

fn taken(booking: &Item) -> Vec<i64> {
    booking.get("resourceIds").and_then(Value::as_array).into_iter().flatten().filter_map(number).collect()
}

/// A booking has a period and resources, which nobody else has at that time.
fn check(state: &State, booking: &mut Item) -> Result<(), Refusal> {
    let (from, to) = period(booking).ok_or_else(|| Refusal::numbered(422, "Invalid date period", true))?;
    for (name, at) in [("from", from), ("to", to)] {
        booking["datePeriod"][name]["timestamp"] = json!(at);
    }
    let resources = taken(booking);
    booking.insert("resourceIds".to_owned(), json!(resources));
    let empty = resources.is_empty() || resources.iter().any(|id| !state.bookings.resources.contains_key(id));
    let clash = state.bookings.bookings.values().filter(|other| other["id"] != booking["id"]).any(|other| {
        let overlaps = period(other).is_some_and(|(begun, ended)| begun < to && from < ended);
        overlaps && taken(other).iter().any(|id| resources.contains(id))
    });
    if empty || clash { Err(Refusal::numbered(1018, "Empty resource collection", empty)) } else { Ok(()) }
}
