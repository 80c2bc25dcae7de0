//! Lists: filter, order, select, and pages of 50.

use std::cmp::Ordering;

use chrono::FixedOffset;
use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal, Success},
    fields::{Known, Type, is_parent, known},
    filter::{Filter, Name, compare},
    form::number,
    items::named,
    methods::Call,
    state::{Item, Kind, State},
    values::without_offset,
};

const PAGE: usize = 50;

/// `crm.item.list`.
pub(super) fn items(state: &mut State, call: &mut Call) -> Outcome {
    let (kind, original) = (call.kind()?, call.original_names());
    call.must_read(state)?;
    let name = |name: &str| match known(state, kind, name, original) {
        Some((camel, field)) if filterable(&field) => Name::Field(camel),
        None if is_parent(name) => Name::Field(name.to_owned()),
        _ => Name::Unknown,
    };
    let unknown = |field: String, what: &str| {
        let text = format!("Invalid {what}: field '{field}' is not allowed in {what}");
        Refusal::wrong(400, "INVALID_ARG_VALUE", text)
    };
    let filter = Filter::read(&call.parameters.object("filter"), &name).map_err(|field| unknown(field, "filter"))?;
    let mut order = Vec::new();
    for (field, direction) in call.parameters.members("order") {
        let Name::Field(field) = name(&field) else { return Err(unknown(field, "order")) };
        let direction = direction.as_str().unwrap_or_default().to_uppercase();
        if !matches!(direction.as_str(), "ASC" | "DESC") {
            let text =
                format!("Invalid order: allowed sort directions are `ASC, DESC`. But got '{direction}' for field '{field}'");
            return Err(Refusal::wrong(400, "INVALID_ARG_VALUE", text));
        }
        order.push((field, direction == "DESC"));
    }
    let select = selected(call, &|name| known(state, kind, name, original).map(|(camel, _)| camel));
    let rows = state.items.get(&kind).into_iter().flat_map(|items| items.values());
    let rows = chosen(rows, &filter, &order, state.zone());
    call.violations.extend(filter.vague_times(state.zone()).iter().map(|field| without_offset(field)));
    let show = |item: &Item| Value::Object(named(state, kind, &cut(item, select.as_deref()), original));
    let page = page(&rows, call.start(), show);
    Ok(Success { result: json!({"items": page.result}), ..page })
}

fn filterable(field: &Known) -> bool {
    !matches!(field, Known::Standard(field) if field.of == Type::Multifield || field.name.starts_with("phone") || field.name.starts_with("email"))
}

/// `crm.activity.list`.
pub(super) fn activities(state: &mut State, call: &mut Call) -> Outcome {
    if !state.may_read(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let rows: Vec<Item> = state.activities.values().map(super::activities::shown).collect();
    plain(state, call, &rows, super::activities::FIELDS)
}

/// `crm.timeline.comment.list`.
pub(super) fn comments(state: &mut State, call: &mut Call) -> Outcome {
    let filter = call.parameters.object("filter");
    let about = filter.get("ENTITY_TYPE").and_then(Value::as_str).and_then(Kind::by_name);
    let id = filter.get("ENTITY_ID").and_then(number);
    let (Some(about), Some(id)) = (about, id) else {
        return Err(Refusal::wrong(400, "", "Access denied."));
    };
    if state.item(about, id).is_none() || !state.may_read(call.caller.user) {
        return Err(Refusal::happens(400, "", "Access denied."));
    }
    let rows: Vec<Item> = state.comments.values().cloned().collect();
    plain(state, call, &rows, super::timeline::FIELDS)
}

/// A list of records with upper-case names, which drops what it does not know.
pub(super) fn plain(state: &State, call: &mut Call, rows: &[Item], fields: &[&str]) -> Outcome {
    let mut filter = call.parameters.object("filter");
    let bare = |key: &str| key.trim_start_matches(|sign: char| "!=<>@%".contains(sign)).to_owned();
    let unknown: Vec<String> = filter.keys().filter(|key| !fields.contains(&bare(key).as_str())).cloned().collect();
    for key in unknown {
        call.violations.push(format!("filter by \"{key}\" is not known and ignored"));
        filter.remove(&key);
    }
    let name = |name: &str| Name::Field(name.to_owned());
    let filter = Filter::read(&filter, &name).map_err(|field| Refusal::wrong(400, "", field))?;
    call.violations.extend(filter.vague_times(state.zone()).iter().map(|field| without_offset(field)));
    let order = call.parameters.members("order").into_iter();
    let order: Vec<_> = order
        .map(|(field, direction)| (field, direction.as_str().is_some_and(|text| text.eq_ignore_ascii_case("desc"))))
        .collect();
    let select = selected(call, &|name| fields.contains(&name).then(|| name.to_owned()));
    let rows = chosen(rows.iter(), &filter, &order, state.zone());
    Ok(page(&rows, call.start(), |item| Value::Object(cut(item, select.as_deref()))))
}

/// The names to show; none for all.
fn selected(call: &mut Call, known: &dyn Fn(&str) -> Option<String>) -> Option<Vec<String>> {
    let select = call.parameters.members("select");
    let mut names = Vec::new();
    let mut all = select.is_empty();
    for name in select.iter().filter_map(|(_, name)| name.as_str()) {
        match known(name) {
            Some(known) => names.push(known),
            None if name == "*" => all = true,
            None if is_parent(name) => names.push(name.to_owned()),
            None => call.violations.push(format!("\"{name}\" in select is not known and ignored")),
        }
    }
    let with_multifields = names.iter().any(|name| name == "fm");
    match (all, with_multifields) {
        (false, _) => Some(names),
        // An asterisk does not bring the multifields along.
        (true, true) => None,
        (true, false) => Some(vec!["*".to_owned()]),
    }
}

fn cut(item: &Item, select: Option<&[String]>) -> Item {
    let Some(select) = select else { return item.clone() };
    let all = select.iter().any(|name| name == "*");
    let shown = |name: &String| if all { name != "fm" } else { select.contains(name) };
    item.iter().filter(|(name, _)| shown(name)).map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>()
}

fn chosen<'a>(
    rows: impl Iterator<Item = &'a Item>,
    filter: &Filter,
    order: &[(String, bool)],
    zone: FixedOffset,
) -> Vec<&'a Item> {
    let mut rows: Vec<&Item> = rows.filter(|item| filter.takes(item, zone)).collect();
    rows.sort_by(|a, b| {
        order.iter().fold(Ordering::Equal, |sofar, (field, falling)| {
            let (a, b) = (a.get(field).unwrap_or(&Value::Null), b.get(field).unwrap_or(&Value::Null));
            let next = compare(a, b, zone).unwrap_or_else(|| b.is_null().cmp(&a.is_null()));
            sofar.then(if *falling { next.reverse() } else { next })
        })
    });
    rows
}

/// A page of rows. A start below zero asks for the first one without a count.
fn page(rows: &[&Item], start: i64, show: impl Fn(&Item) -> Value) -> Success {
    let from = usize::try_from(start).unwrap_or_default();
    let result = rows.iter().skip(from).take(PAGE).map(|item| show(item)).collect();
    let counted = start >= 0;
    Success { result, total: counted.then_some(rows.len()), next: (counted && rows.len() > from + PAGE).then_some(from + PAGE) }
}
