//! Which of their fields hold our facts. What a CRM has no field for it drops without a word, so that what is mapped is compared with what it
//! describes; that nothing unknown to it is written, the stand-in's count of violations says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Planted,
    bench::{Bench, all_fields, custom, planted},
    cards::{booking, client, enquiry},
    cases::Cell,
    records::AS_NOTES,
};
use crate::crm::{
    BookingCard, BookingState, CrmKind, Entity, Fact, FieldKind, FieldSettings, FieldSpec, Keeps,
    fields::{FieldProblem, check, missing},
};

const SILENT: Cell = Cell::No("it describes no fields: what it has none for is left out by its adapter or lost there");

pub(super) async fn every_field_is_described(bench: &Bench) -> Cell {
    let described = bench.adapter().describe(&bench.call()).await.unwrap();
    if described.fields.is_empty() {
        return SILENT;
    }
    for spec in bench.adapter().fields() {
        let theirs = described.fields.get(&spec.entity).and_then(|fields| fields.get(spec.theirs));
        assert!(theirs.is_some(), "{}: {}", bench.kind, spec.theirs);
    }
    assert_eq!(check(bench.kind, &bench.account.fields, &described), [], "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn fields_that_are_missing_are_named_and_made(bench: &Bench) -> Cell {
    let Some(administrator) = bench.about.administrator else {
        return Cell::No("people make its fields by hand, and it describes none");
    };
    let bare = Bench::with(bench.kind, &[], &FieldSettings::default()).await;
    let mut account = bare.account.clone();
    administrator(&mut account);
    let call = bare.call_as(&account, crate::crm::UNATTENDED);
    let described = bare.adapter().describe(&call).await.unwrap();
    let problems = check(bench.kind, &account.fields, &described);
    let named: Vec<FieldProblem> =
        custom(bench.kind).map(|spec| FieldProblem::Missing(spec.entity, spec.fact, spec.theirs.to_owned())).collect();
    assert_eq!(problems, named, "{}", bench.kind);
    let lacking = missing(bench.kind, &account.fields, &described);
    assert_eq!(lacking.len(), named.len(), "{}", bench.kind);
    let made = bare.adapter().create_fields(&call, &lacking).await.unwrap();
    assert_eq!(made.len(), lacking.len(), "{}", bench.kind);
    let described = bare.adapter().describe(&call).await.unwrap();
    assert_eq!(check(bench.kind, &account.fields, &described), [], "{}", bench.kind);
    assert!(missing(bench.kind, &account.fields, &described).is_empty(), "{}", bench.kind);
    // An attempt whose answers were lost is made again.
    bare.adapter().create_fields(&call, &lacking).await.unwrap();
    tell(&bare).await;
    bare.is_clean();
    Cell::Ok
}

pub(super) async fn a_word_that_is_missing_is_named(bench: &Bench) -> Cell {
    let Some(spec) = custom(bench.kind).find(|spec| spec.kind == FieldKind::Choice) else {
        return Cell::No("none of its fields is a choice");
    };
    let mut fields = all_fields(bench.kind);
    let field = fields.iter_mut().find(|field| field.entity == spec.entity && field.name == spec.theirs).unwrap();
    *field = planted(spec, spec.theirs, true);
    let lost = field.options.remove(0);
    let short = Bench::with(bench.kind, &fields, &FieldSettings::default()).await;
    let described = short.adapter().describe(&short.call()).await.unwrap();
    let problems = check(bench.kind, &short.account.fields, &described);
    let named = FieldProblem::Word(spec.entity, spec.fact, spec.theirs.to_owned(), lost);
    assert!(problems.contains(&named), "{}: {problems:?}", bench.kind);
    Cell::Ok
}

/// Tells one of each, and where they are.
async fn tell(bench: &Bench) -> BTreeMap<Entity, String> {
    let (adapter, call) = (bench.adapter(), bench.call());
    let them = bench.made(&client(1)).await;
    let mut told = BTreeMap::from([(Entity::Client, them.clone())]);
    if adapter.capabilities().enquiries == Keeps::Records {
        told.insert(Entity::Enquiry, adapter.record_enquiry(&call, &enquiry(1, &them)).await.unwrap());
    }
    if adapter.capabilities().bookings == Keeps::Records {
        let card = BookingCard { state: BookingState::NoShow, reason: Some("ill".to_owned()), ..booking(1, &them) };
        told.insert(Entity::Booking, adapter.upsert_booking(&call, &card).await.unwrap());
    }
    told
}

/// The tenant file's names for all fields that have to be made.
fn settings(kind: CrmKind, name: impl Fn(&FieldSpec) -> Option<String>) -> FieldSettings {
    let mut settings = FieldSettings::default();
    for spec in custom(kind) {
        settings.fields.entry(spec.entity).or_default().insert(spec.fact, name(spec));
    }
    settings
}

fn is_set(value: &Value) -> bool {
    !value.is_null() && *value != ""
}

pub(super) async fn renamed_fields_are_written(bench: &Bench) -> Cell {
    let renamed = |spec: &FieldSpec| format!("{}X", spec.theirs);
    let lists = bench.about.lists;
    let fields: Vec<Planted> = custom(bench.kind).map(|spec| planted(spec, &renamed(spec), lists)).collect();
    let other = Bench::with(bench.kind, &fields, &settings(bench.kind, |spec| Some(renamed(spec)))).await;
    let told = tell(&other).await;
    for spec in custom(bench.kind) {
        let Some(record) = told.get(&spec.entity) else { continue };
        let value = other.value(spec.entity, record, &renamed(spec));
        assert!(is_set(&value), "{}: {} is {value}", bench.kind, renamed(spec));
        assert!(!is_set(&other.value(spec.entity, record, spec.theirs)), "{}: {}", bench.kind, spec.theirs);
    }
    // What is renamed is found by.
    assert_eq!(tell(&other).await, told, "{}", bench.kind);
    other.is_clean();
    Cell::Ok
}

pub(super) async fn fields_left_out_are_not_written(bench: &Bench) -> Cell {
    let needed: Vec<Planted> =
        custom(bench.kind).filter(|spec| spec.required).map(|spec| planted(spec, spec.theirs, bench.about.lists)).collect();
    let other = Bench::with(bench.kind, &needed, &settings(bench.kind, |_| None)).await;
    let told = tell(&other).await;
    for spec in custom(bench.kind).filter(|spec| !spec.required) {
        let Some(record) = told.get(&spec.entity) else { continue };
        assert!(!is_set(&other.value(spec.entity, record, spec.theirs)), "{}: {}", bench.kind, spec.theirs);
    }
    assert_eq!(tell(&other).await, told, "{}: found again all the same", bench.kind);
    other.is_clean();
    Cell::Ok
}

pub(super) async fn their_words_are_written_and_read(bench: &Bench) -> Cell {
    let Some(spec) = custom(bench.kind).find(|spec| spec.fact == Fact::State) else { return AS_NOTES };
    let theirs = |word: &str| format!("w-{word}");
    let mut fields = all_fields(bench.kind);
    let field = fields.iter_mut().find(|field| field.entity == spec.entity && field.name == spec.theirs).unwrap();
    field.options = spec.options.iter().map(|word| theirs(word)).collect();
    let words = spec.options.iter().map(|word| ((*word).to_owned(), theirs(word))).collect();
    let values = BTreeMap::from([(spec.entity, BTreeMap::from([(spec.fact, words)]))]);
    let other = Bench::with(bench.kind, &fields, &FieldSettings { values, ..FieldSettings::default() }).await;
    let described = other.adapter().describe(&other.call()).await.unwrap();
    assert_eq!(check(bench.kind, &other.account.fields, &described), [], "{}", bench.kind);
    let record = &tell(&other).await[&Entity::Booking];
    assert_eq!(other.value(Entity::Booking, record, spec.theirs), theirs("no_show"), "{}", bench.kind);
    assert_eq!(other.read(Entity::Booking, record).await.booking, Some(BookingState::NoShow), "{}", bench.kind);
    other.is_clean();
    Cell::Ok
}
