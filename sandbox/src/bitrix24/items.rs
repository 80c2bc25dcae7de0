//! `crm.item.*` for leads, deals and contacts.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

pub(super) use super::state::Item;
use super::{
    answer::{Outcome, Refusal},
    camel,
    fields::{self, Change, Type, standard},
    form::number,
    methods::Call,
    multifield, seed,
    seed::Mode,
    state::{Kind, State, is_about, is_owned},
};

/// Who makes a record, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct By {
    pub(super) user: i64,
    pub(super) now: DateTime<Utc>,
}

impl By {
    pub(super) fn call(call: &Call) -> Self {
        Self { user: call.caller.user, now: call.now }
    }
}

pub(super) fn add(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, original) = (call.kind()?, call.original_names());
    call.must_write(state)?;
    let mut change = fields::read(state, kind, &call.parameters.object("fields"), original)?;
    call.violations.append(&mut change.ignored);
    let lost = state.user_fields(kind).find(|field| {
        field.mandatory && change.values.get(&camel::of(&field.name)).is_none_or(|value| value.is_null() || *value == json!([]))
    });
    if let Some(field) = lost {
        let text = format!("Field \"{}\" is required", field.name);
        return Err(Refusal::wrong(400, "CRM_FIELD_ERROR_REQUIRED", text));
    }
    let (id, ignored) = create(state, kind, change, By::call(call), None);
    call.violations.extend(ignored);
    call.happened(format!("ONCRM{}ADD", kind.name()), id);
    if kind == Kind::Lead && state.portal.mode == Mode::Simple {
        convert(state, call, id);
    }
    shown(state, kind, id, original)
}

pub(super) fn get(state: &mut State, call: &mut Call) -> Outcome {
    let kind = call.kind()?;
    call.must_read(state)?;
    shown(state, kind, call.id(), call.original_names())
}

pub(super) fn update(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, id, original) = (call.kind()?, call.id(), call.original_names());
    call.must_write(state)?;
    state.item(kind, id).ok_or_else(Refusal::no_item)?;
    let mut change = fields::read(state, kind, &call.parameters.object("fields"), original)?;
    call.violations.append(&mut change.ignored);
    let (changed, ignored) = edit(state, kind, id, change, By::call(call));
    call.violations.extend(ignored);
    if changed {
        call.happened(format!("ONCRM{}UPDATE", kind.name()), id);
    }
    shown(state, kind, id, original)
}

pub(super) fn delete(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, id) = (call.kind()?, call.id());
    call.must_write(state)?;
    state.item(kind, id).ok_or_else(Refusal::no_item)?;
    remove(state, kind, id);
    call.happened(format!("ONCRM{}DELETE", kind.name()), id);
    Ok(json!([]).into())
}

fn shown(state: &State, kind: Kind, id: i64, original: bool) -> Outcome {
    let item = state.item(kind, id).ok_or_else(Refusal::no_item)?;
    Ok(json!({"item": named(state, kind, item, original)}).into())
}

/// A record with its custom fields named as the call wants them.
pub(super) fn named(state: &State, kind: Kind, item: &Item, original: bool) -> Item {
    if !original {
        return item.clone();
    }
    let name = |camel: &String| {
        let field = state.user_fields(kind).find(|field| camel::of(&field.name) == *camel);
        field.map_or_else(|| camel.clone(), |field| field.name.clone())
    };
    item.iter().map(|(camel, value)| (name(camel), value.clone())).collect()
}

/// A record with every field the portal has, all empty.
fn blank(state: &State, kind: Kind) -> Item {
    let empty = |multiple| if multiple { json!([]) } else { Value::Null };
    let fixed = standard(kind).map(|field| (field.name.to_owned(), empty(field.multiple)));
    let custom = state.user_fields(kind).map(|field| (camel::of(&field.name), empty(field.multiple)));
    fixed.chain(custom).collect()
}

/// Makes a record; its id, and what of `fm` was not taken.
pub(super) fn create(state: &mut State, kind: Kind, change: Change, by: By, id: Option<i64>) -> (i64, Vec<String>) {
    let id = id.unwrap_or_else(|| state.next_id(kind.name()));
    let mut item = blank(state, kind);
    let now = state.stamp(by.now);
    let default_source = state.statuses.iter().find(|status| status.entity == "SOURCE").map(|status| status.id.clone());
    let mut set = |name: &str, value: Value| item.insert(name.to_owned(), value);
    set("id", id.into());
    set("entityTypeId", kind.id().into());
    for name in ["createdTime", "updatedTime", "lastActivityTime"] {
        set(name, now.clone());
    }
    for name in ["createdBy", "updatedBy", "lastActivityBy", "assignedById"] {
        set(name, by.user.into());
    }
    set("opened", "Y".into());
    // Not "none": the vendor takes the directory's first row.
    set("sourceId", default_source.into());
    if kind != Kind::Contact {
        set("stageId", "NEW".into());
        set("movedTime", now);
        set("movedBy", by.user.into());
        let title = if kind == Kind::Lead { "Lead" } else { "Deal" };
        set("title", format!("{title} #{id}").into());
    }
    item.extend(change.values.into_iter().filter(|(_, value)| !value.is_null()));
    let (values, ignored) = multifield::apply(state, &[], &change.multifields.unwrap_or_default(), true);
    settle(state, kind, &mut item, values);
    state.items.entry(kind).or_default().insert(id, item);
    (id, ignored)
}

/// Changes a record; whether anything changed, and what of `fm` was not taken. What changes nothing is not saved.
pub(super) fn edit(state: &mut State, kind: Kind, id: i64, change: Change, by: By) -> (bool, Vec<String>) {
    let Some(old) = state.item(kind, id).cloned() else { return (false, Vec::new()) };
    let mut item = old.clone();
    item.extend(change.values);
    let values = old.get("fm").and_then(Value::as_array).cloned().unwrap_or_default();
    let (values, ignored) = match &change.multifields {
        Some(given) => multifield::apply(state, &values, given, false),
        None => (values, Vec::new()),
    };
    settle(state, kind, &mut item, values);
    let changed = item != old;
    if changed {
        let now = state.stamp(by.now);
        if item.get("stageId") != old.get("stageId") {
            item.insert("movedTime".to_owned(), now.clone());
            item.insert("movedBy".to_owned(), by.user.into());
        }
        item.insert("updatedTime".to_owned(), now);
        item.insert("updatedBy".to_owned(), by.user.into());
        state.items.entry(kind).or_default().insert(id, item);
    }
    (changed, ignored)
}

/// Sets the fields that follow from others.
fn settle(state: &State, kind: Kind, item: &mut Item, multifields: Vec<Value>) {
    if kind != Kind::Deal {
        item.insert("fm".to_owned(), multifields.into());
    }
    multifield::aliases_of(kind, item);
    let entity = match kind {
        Kind::Lead => "STATUS",
        Kind::Deal => "DEAL_STAGE",
        Kind::Contact => return,
    };
    let stage = item.get("stageId").and_then(Value::as_str).unwrap_or_default();
    let semantics = state.status(entity, stage).and_then(|status| status.semantics.clone());
    if kind == Kind::Deal {
        item.insert("closed".to_owned(), if semantics.is_some() { "Y" } else { "N" }.into());
    }
    // A lead of a known contact is a repeat one (Bitrix24 note, 3.2).
    let returning = kind == Kind::Lead && item.get("contactId").is_some_and(Value::is_number);
    item.insert("stageSemanticId".to_owned(), semantics.unwrap_or_else(|| "P".to_owned()).into());
    item.insert("isReturnCustomer".to_owned(), if returning { "Y" } else { "N" }.into());
}

/// Deletes a record with its activities and comments, and the links to it.
pub(super) fn remove(state: &mut State, kind: Kind, id: i64) {
    state.items.entry(kind).or_default().remove(&id);
    state.activities.retain(|_, activity| !is_owned(activity, kind, id));
    state.comments.retain(|_, comment| !is_about(comment, kind, id));
    relink(state, kind, id, None);
}

/// Points every link to a contact or lead elsewhere.
pub(super) fn relink(state: &mut State, kind: Kind, from: i64, to: Option<i64>) {
    for item in state.items.values_mut().flat_map(|items| items.values_mut()) {
        for field in [Kind::Lead, Kind::Deal, Kind::Contact].into_iter().flat_map(standard) {
            let linked = matches!((field.of, kind), (Type::Contact, Kind::Contact) | (Type::Lead, Kind::Lead));
            let Some(value) = item.get_mut(field.name).filter(|_| linked) else { continue };
            match value {
                Value::Array(list) => {
                    list.iter_mut().filter(|one| number(one) == Some(from)).for_each(|one| *one = to.into());
                    list.retain(|one| !one.is_null());
                }
                one if number(one) == Some(from) => *one = to.into(),
                _ => {}
            }
        }
    }
}

/// What a deal and a contact take over from a lead.
const DEALS_SHARE: &[&str] = &[
    "title",
    "opportunity",
    "currencyId",
    "sourceId",
    "sourceDescription",
    "assignedById",
    "comments",
    "originatorId",
    "originId",
    "utmSource",
    "utmMedium",
    "utmCampaign",
    "utmContent",
    "utmTerm",
];
const CONTACTS_SHARE: &[&str] = &["name", "secondName", "lastName", "birthdate", "post", "sourceId", "assignedById"];

/// The simple mode: a new lead becomes a deal, with a contact when it has none, and is done.
fn convert(state: &mut State, call: &mut Call, lead: i64) {
    let by = By::call(call);
    let Some(item) = state.item(Kind::Lead, lead).cloned() else { return };
    let taken = |names: &[&str]| -> Map<String, Value> {
        names.iter().filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone()))).collect()
    };
    let contact = item.get("contactId").and_then(number).unwrap_or_else(|| {
        let values = taken(CONTACTS_SHARE);
        let change = Change { values, multifields: item.get("fm").cloned(), ignored: Vec::new() };
        let (contact, _) = create(state, Kind::Contact, change, by, None);
        call.happened("ONCRMCONTACTADD".to_owned(), contact);
        contact
    });
    let mut values = taken(DEALS_SHARE);
    values.extend([
        ("leadId".to_owned(), json!(lead)),
        ("contactId".to_owned(), json!(contact)),
        ("contactIds".to_owned(), json!([contact])),
    ]);
    let (deal, _) = create(state, Kind::Deal, Change { values, ..Change::default() }, by, None);
    call.happened("ONCRMDEALADD".to_owned(), deal);
    let values = Map::from_iter([
        ("stageId".to_owned(), json!("CONVERTED")),
        ("contactId".to_owned(), json!(contact)),
        ("contactIds".to_owned(), json!([contact])),
    ]);
    edit(state, Kind::Lead, lead, Change { values, ..Change::default() }, by);
    call.happened("ONCRMLEADUPDATE".to_owned(), lead);
}

/// Puts a record of a seed into the portal.
pub(super) fn plant(state: &mut State, kind: Kind, mut record: Item, now: DateTime<Utc>) -> Result<(), String> {
    let id = record.remove("id").as_ref().and_then(number);
    let change = fields::read(state, kind, &record, false).map_err(|refusal| refusal.text())?;
    seed::strict(&change)?;
    if let Some(id) = id {
        state.skip_ids(kind.name(), id);
    }
    let user = state.users.keys().next().copied().unwrap_or_default();
    let (_, ignored) = create(state, kind, change, By { user, now }, id);
    if ignored.is_empty() { Ok(()) } else { Err(ignored.join("; ")) }
}
