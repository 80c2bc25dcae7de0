//! The contacts' way to a client's record, for a user who may `contactsCreate` and `contactsUpdate`. It can what the widget can't: see
//! that several records could be one person, keep first and last name apart, fill in mapped properties.
//!
//! **Whose is what.** Names, e-mail and number are written into a record that has none; what somebody at the salon put there stays. Only
//! the mapped properties and `code` are ours throughout. erxes replaces all properties by those it is given, so that those of others are
//! read first and given back; and it drops codes it doesn't know, and empty values, without a word.

use serde_json::{Map, Value};

use super::{
    access::ask,
    error,
    operations::{CUSTOMER_ADD, CUSTOMER_EDIT, CUSTOMER_STATE, DETAIL, SEARCH},
    widget,
    wire::{ById, Customer, CustomerFields, CustomerList, SearchVariables, StateVariables},
};
use crate::{
    crm::{ClientCard, CrmCall, Ensured, Entity, Fact, FieldKind, FieldMap, FieldSpec, GONE, RemoteState},
    vendor::Failure,
};

/// What erxes can hold of ours as a property: the code of a field that somebody made there, under "Properties" of customers. Our id is
/// not among them: it is the record's `code`.
pub(super) const FIELDS: &[FieldSpec] = &[
    property(Fact::Channel, "salonChannel", FieldKind::Text, "Messenger"),
    property(Fact::Language, "salonLanguage", FieldKind::Text, "Language"),
    property(Fact::Referral, "salonReferral", FieldKind::Text, "First sent by"),
    property(Fact::FirstTouch, "salonFirstTouch", FieldKind::Moment, "First came"),
    property(Fact::LastReferral, "salonLastReferral", FieldKind::Text, "Last sent by"),
    property(Fact::NoShows, "salonNoShows", FieldKind::Number, "Visits missed"),
];

const fn property(fact: Fact, theirs: &'static str, kind: FieldKind, label: &'static str) -> FieldSpec {
    FieldSpec { entity: Entity::Client, fact, theirs, kind, options: &[], custom: true, required: false, label }
}

/// erxes' largest page. More records than this with one and the same number are not told apart by anybody.
const PAGE: usize = 100;
/// The state of who is no passing visitor.
const CUSTOMER: &str = "customer";

/// Brings the record up to date, or makes one.
pub(super) async fn ensure(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
    if let Some(known) = &client.known {
        let record = detail(crm, known).await?.ok_or_else(|| Failure::permanent(GONE))?;
        update(crm, client, &record).await?;
        return Ok(Ensured::Is(known.clone()));
    }
    let ensured = match one_of(search(crm, client).await?, client) {
        Found::None => create(crm, client).await?,
        Found::One(record, id) => {
            update(crm, client, &record).await?;
            Ensured::Is(id)
        }
        Found::Several(ids) => Ensured::Ambiguous(ids),
    };
    if let Ensured::Is(id) = &ensured {
        widget::relate(crm, id).await?;
    }
    Ok(ensured)
}

/// The ids of the records that could be this client.
pub(super) async fn find(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<String>, Failure> {
    Ok(search(crm, client).await?.into_iter().filter_map(|record| record.id).collect())
}

/// A record, as far as the core may take something from it; none if it is deleted, or merged into another.
pub(super) async fn read(crm: &CrmCall<'_>, id: &str) -> Result<Option<RemoteState>, Failure> {
    let Some(record) = detail(crm, id).await? else { return Ok(None) };
    let name = [&record.first_name, &record.last_name].into_iter().filter_map(given).collect::<Vec<_>>().join(" ");
    let mut contacts: Vec<String> = Vec::new();
    for contact in numbers(&record).into_iter().chain(emails(&record)) {
        if !contacts.iter().any(|known| known == contact) {
            contacts.push(contact.to_owned());
        }
    }
    Ok(Some(RemoteState {
        record: id.to_owned(),
        external_id: record.code.clone(),
        changed_at: record.updated_at,
        name: Some(name).filter(|name| !name.is_empty()),
        contacts,
        ..RemoteState::default()
    }))
}

enum Found {
    None,
    One(Box<Customer>, String),
    Several(Vec<String>),
}

fn one_of(mut records: Vec<Customer>, client: &ClientCard) -> Found {
    match (records.pop(), records.is_empty()) {
        (None, _) => Found::None,
        (Some(record), true) => match record.id.clone() {
            Some(id) if belongs_to_another(&record, client) => Found::Several(vec![id]),
            Some(id) => Found::One(Box::new(record), id),
            None => Found::None,
        },
        (Some(last), false) => {
            records.push(last);
            Found::Several(records.into_iter().filter_map(|record| record.id).collect())
        }
    }
}

/// Two clients of ours can't be one customer: one of them has somebody else's number. A code that is none of our ids is the salon's own.
fn belongs_to_another(record: &Customer, client: &ClientCard) -> bool {
    let theirs = record.code.as_deref().and_then(|code| code.parse::<uuid::Uuid>().ok());
    theirs.is_some_and(|theirs| theirs != client.id.0)
}

/// A customer who was merged into another stays where they were, as `deleted`.
async fn detail(crm: &CrmCall<'_>, id: &str) -> Result<Option<Customer>, Failure> {
    match ask::<Customer>(crm, &DETAIL, &ById { id }).await {
        Ok(record) => Ok(record.filter(|record| !is_deleted(record))),
        Err(failure) if failure.code == error::CUSTOMER_NOT_FOUND => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The record with our id, else those with the number, else those with the e-mail.
async fn search(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<Customer>, Failure> {
    let code = client.id.to_string();
    let mut found = matching(crm, &code, |record| record.code.as_deref() == Some(&code)).await?;
    if let (true, Some(phone)) = (found.is_empty(), &client.phone) {
        found = matching(crm, phone, |record| numbers(record).contains(&phone.as_str())).await?;
    }
    if let (true, Some(email)) = (found.is_empty(), &client.email) {
        let same = |record: &Customer| emails(record).iter().any(|theirs| theirs.eq_ignore_ascii_case(email));
        found = matching(crm, email, same).await?;
    }
    Ok(found)
}

/// `searchValue` becomes a regular expression over many fields as it is: it is escaped, and what it finds is compared here.
async fn matching(crm: &CrmCall<'_>, text: &str, same: impl Fn(&Customer) -> bool) -> Result<Vec<Customer>, Failure> {
    let variables = SearchVariables { search_value: escaped(text), limit: PAGE };
    let found: Option<CustomerList> = ask(crm, &SEARCH, &variables).await?;
    let list = found.and_then(|found| found.list).unwrap_or_default();
    Ok(list.into_iter().flatten().filter(|record| record.id.is_some() && !is_deleted(record) && same(record)).collect())
}

/// A text as a regular expression that finds it and nothing else.
pub(super) fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    for c in text.chars() {
        if r"\^$.|?*+()[]{}".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Another customer may have got the number or the e-mail since the search, or have the number that only a form claims.
async fn create(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
    let claimed = fresh(client, &crm.account.fields);
    match add(crm, &claimed).await {
        Err(failure) if failure.code == error::DUPLICATED => {}
        added => return added.map(Ensured::Is),
    }
    match one_of(search(crm, client).await?, client) {
        Found::One(record, id) => {
            update(crm, client, &record).await?;
            return Ok(Ensured::Is(id));
        }
        Found::Several(ids) => return Ok(Ensured::Ambiguous(ids)),
        Found::None => {}
    }
    let vouched = CustomerFields { primary_phone: client.phone.clone(), primary_email: None, ..claimed };
    match add(crm, &vouched).await {
        // The search can't see who has it. The widget compares for equality.
        Err(failure) if failure.code == error::DUPLICATED => widget::connect(crm, client).await.map(Ensured::Is),
        added => added.map(Ensured::Is),
    }
}

async fn add(crm: &CrmCall<'_>, fields: &CustomerFields) -> Result<String, Failure> {
    let added: Option<Customer> = ask(crm, &CUSTOMER_ADD, fields).await?;
    added.and_then(|added| added.id).ok_or_else(|| Failure::retry("no_customer_id"))
}

/// What a new record holds.
pub(super) fn fresh(client: &ClientCard, map: &FieldMap) -> CustomerFields {
    let (first_name, last_name) = client.name.as_deref().map(split).unwrap_or_default();
    CustomerFields {
        id: None,
        state: Some(CUSTOMER),
        first_name,
        last_name,
        primary_email: client.email.clone(),
        primary_phone: client.phone.clone().or_else(|| client.claimed_phone.clone()),
        phones: None,
        code: Some(client.id.to_string()),
        properties_data: properties(client, map),
    }
}

async fn update(crm: &CrmCall<'_>, client: &ClientCard, record: &Customer) -> Result<(), Failure> {
    let Some(id) = record.id.as_deref() else { return Err(Failure::retry("no_customer_id")) };
    if let Some(changes) = changes(client, record, &crm.account.fields) {
        match ask::<Customer>(crm, &CUSTOMER_EDIT, &changes).await {
            // Another record has the e-mail or the number. It is not for us to say whose it is: this record does without.
            Err(failure) if failure.code == error::DUPLICATED => {
                let rest = CustomerFields { primary_email: None, primary_phone: None, phones: None, code: None, ..changes };
                ask::<Customer>(crm, &CUSTOMER_EDIT, &rest).await?;
            }
            edited => drop(edited?),
        }
    }
    if record.state.as_deref() != Some(CUSTOMER) {
        ask::<Customer>(crm, &CUSTOMER_STATE, &StateVariables { id, value: CUSTOMER }).await?;
    }
    Ok(())
}

/// What is to be written into a record; none if all is there.
pub(super) fn changes(client: &ClientCard, record: &Customer, map: &FieldMap) -> Option<CustomerFields> {
    let mut changes = CustomerFields::default();
    let (first, last) = (given(&record.first_name), given(&record.last_name));
    // The widget keeps the whole name as the first one.
    if let Some(name) = &client.name
        && last.is_none()
        && first.is_none_or(|first| first == name)
    {
        let (ours_first, ours_last) = split(name);
        changes.first_name = ours_first.filter(|ours| first != Some(ours));
        changes.last_name = ours_last;
    }
    if given(&record.code).is_none() {
        changes.code = Some(client.id.to_string());
    }
    if given(&record.primary_email).is_none() {
        changes.primary_email.clone_from(&client.email);
    }
    if let Some(phone) = &client.phone
        && !numbers(record).contains(&phone.as_str())
    {
        if given(&record.primary_phone).is_none() {
            changes.primary_phone = Some(phone.clone());
        }
        changes.phones = Some(numbers(record).into_iter().map(str::to_owned).chain([phone.clone()]).collect());
    }
    let ours = properties(client, map);
    let theirs = record.properties_data.clone().unwrap_or_default();
    // Nought and nothing are one for erxes.
    let held =
        |(code, value): (&String, &Value)| theirs.get(code) == Some(value) || (is_empty(value) && !theirs.contains_key(code));
    if !ours.iter().all(held) {
        changes.properties_data = theirs.into_iter().chain(ours).collect();
    }
    (changes != CustomerFields::default()).then(|| CustomerFields { id: record.id.clone(), ..changes })
}

/// Our facts by the codes of their fields.
fn properties(client: &ClientCard, map: &FieldMap) -> Map<String, Value> {
    let touch = client.first_touch.as_ref();
    let facts: [(Fact, Option<Value>); 6] = [
        (Fact::Channel, client.channel.map(|channel| word(map, Fact::Channel, channel.as_str()))),
        (Fact::Language, client.language.map(|language| word(map, Fact::Language, language.code()))),
        (Fact::Referral, touch.and_then(|touch| touch.referral.clone()).map(Value::from)),
        (Fact::FirstTouch, touch.map(|touch| touch.at.to_rfc3339().into())),
        (Fact::LastReferral, client.last_referral.clone().map(Value::from)),
        (Fact::NoShows, Some(client.no_shows.into())),
    ];
    let known = |(fact, value): (Fact, Option<Value>)| Some((map.name(Entity::Client, fact)?.to_owned(), value?));
    facts.into_iter().filter_map(known).collect()
}

fn word(map: &FieldMap, fact: Fact, ours: &str) -> Value {
    map.value(Entity::Client, fact, ours).into()
}

fn is_empty(value: &Value) -> bool {
    value.as_u64() == Some(0) || value.as_str() == Some("")
}

/// A name in one text, as first and last: up to the first space, and the rest.
fn split(name: &str) -> (Option<String>, Option<String>) {
    let (first, last) = name.trim().split_once(char::is_whitespace).unwrap_or((name.trim(), ""));
    let some = |part: &str| Some(part.trim().to_owned()).filter(|part| !part.is_empty());
    (some(first), some(last))
}

fn is_deleted(record: &Customer) -> bool {
    record.status.as_deref() == Some("deleted")
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

fn numbers(record: &Customer) -> Vec<&str> {
    all(&record.primary_phone, &record.phones)
}

fn emails(record: &Customer) -> Vec<&str> {
    all(&record.primary_email, &record.emails)
}

fn all<'a>(primary: &'a Option<String>, list: &'a Option<Vec<Option<String>>>) -> Vec<&'a str> {
    let mut all: Vec<&str> = Vec::new();
    for text in given(primary).into_iter().chain(list.iter().flatten().filter_map(given)) {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}
