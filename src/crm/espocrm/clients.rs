//! People. EspoCRM calls a person a contact.

use serde_json::{Value, json};

use super::{
    Settings, api,
    fields::scope,
    text::{NO_SURNAME, Names, plain, spelt_out, taken},
    wire::{Body, Record, Where, moment},
};
use crate::{
    crm::{ClientCard, CrmAccount, CrmCall, Ensured, Entity, Fact, GONE, meaning::Effect},
    vendor::Failure,
};

/// As many people of one number are more than anybody wants to choose from.
const CANDIDATES: &str = "20";
/// EspoCRM takes no more numbers than this for one person.
const NUMBERS: usize = 10;

/// One found.
struct Candidate {
    id: String,
    /// Our id in it: whose it is already.
    taken_by: Option<String>,
}

pub(super) async fn ensure(call: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
    if let Some(known) = &client.known {
        return update(call, client, known).await;
    }
    let candidates = candidates(call, client).await?;
    let ours = client.id.to_string();
    match candidates.as_slice() {
        [] => {
            let settings: Settings = call.account.settings()?;
            let body = new(call.account, &settings, client);
            // The next attempt finds it by our id.
            let (id, _) = api::create(call, scope(Entity::Client), &body, Effect::Repeatable).await?;
            Ok(Ensured::Is(id))
        }
        [one] if one.taken_by.as_ref().is_none_or(|taken| *taken == ours) => update(call, client, &one.id).await,
        // It is another client's: the same number, another person.
        _ => Ok(Ensured::Ambiguous(candidates.into_iter().map(|candidate| candidate.id).collect())),
    }
}

pub(super) async fn find(call: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<String>, Failure> {
    Ok(candidates(call, client).await?.into_iter().map(|candidate| candidate.id).collect())
}

/// By our id; then by the number a channel vouches for; then by e-mail. The first of them that finds anybody counts.
async fn candidates(call: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<Candidate>, Failure> {
    let ours = client.id.to_string();
    let our_field = call.account.fields.name(Entity::Client, Fact::ExternalId);
    let keys = [
        (our_field, Some(ours.as_str())),
        (Some("phoneNumber"), client.phone.as_deref()),
        (Some("emailAddress"), taken(&client.email)),
    ];
    let select = our_field.map_or_else(|| "id".to_owned(), |field| format!("id,{field}"));
    for (attribute, value) in keys {
        let (Some(attribute), Some(value)) = (attribute, value) else { continue };
        let condition = Where { kind: "equals", attribute, value };
        let found = api::search(call, scope(Entity::Client), &[condition], &select, CANDIDATES).await?;
        let found: Vec<Candidate> = found
            .iter()
            .filter_map(|record| {
                let taken_by = record.fact(&call.account.fields, Entity::Client, Fact::ExternalId).map(str::to_owned);
                Some(Candidate { id: record.id()?.to_owned(), taken_by })
            })
            .collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// Writes what the record does not say yet: if it says everything, nobody sees it change.
async fn update(call: &CrmCall<'_>, client: &ClientCard, id: &str) -> Result<Ensured, Failure> {
    let record = api::fetch(call, scope(Entity::Client), id).await?.ok_or_else(|| Failure::permanent(GONE))?;
    let mut body = facts(call.account, client);
    // Two of theirs were merged into one, or a person said that this is the one: the first client's mark stays.
    if let Some(field) = call.account.fields.name(Entity::Client, Fact::ExternalId)
        && record.text(field).is_none()
    {
        body.set(field, client.id.to_string());
    }
    name(&mut body, &record, client);
    if let Some(phone) = &client.phone {
        body.some("phoneNumberData", with_number(&record, phone));
    }
    if record.text("emailAddress").is_none() && record.list("emailAddressData").is_empty() {
        body.some("emailAddress", taken(&client.email));
    }
    body.without_what(&record);
    api::change(call, scope(Entity::Client), id, &body).await?;
    Ok(Ensured::Is(id.to_owned()))
}

/// What somebody at the salon made of a name stays. Ours goes in only where our own stand-in for a surname is still there, under no
/// first name or the one we would write.
fn name(body: &mut Body, record: &Record, client: &ClientCard) {
    let names = Names::of(client.name.as_deref());
    let untouched = record.text("lastName").is_none_or(|last| last == NO_SURNAME);
    let same_first = record.text("firstName").is_none_or(|first| names.first.as_deref() == Some(first));
    if untouched && same_first && names.first.is_some() {
        body.some("firstName", names.first);
        body.set("lastName", names.last);
    }
}

/// All numbers there are and this one; none if it is there, or if there is no room.
fn with_number(record: &Record, phone: &str) -> Option<Value> {
    let mut numbers = record.list("phoneNumberData").to_vec();
    let primary = record.text("phoneNumber");
    if numbers.is_empty()
        && let Some(primary) = primary
    {
        numbers.push(number(primary, true));
    }
    let there = numbers.iter().any(|number| number.get("phoneNumber").and_then(Value::as_str) == Some(phone));
    if there || primary == Some(phone) || numbers.len() >= NUMBERS {
        return None;
    }
    numbers.push(number(phone, numbers.is_empty()));
    Some(Value::Array(numbers))
}

fn number(phone: &str, primary: bool) -> Value {
    json!({"phoneNumber": phone, "primary": primary, "type": "Mobile"})
}

/// The body of a new contact.
pub(super) fn new(account: &CrmAccount, settings: &Settings, client: &ClientCard) -> Body {
    let mut body = facts(account, client);
    body.fact(&account.fields, Entity::Client, Fact::ExternalId, Some(client.id.to_string()));
    let names = Names::of(client.name.as_deref());
    body.some("firstName", names.first);
    body.set("lastName", names.last);
    let mut numbers: Vec<&String> = client.phone.iter().chain(&client.claimed_phone).collect();
    numbers.dedup();
    let numbers: Vec<Value> = numbers.into_iter().enumerate().map(|(index, phone)| number(phone, index == 0)).collect();
    body.some("phoneNumberData", Some(numbers).filter(|numbers| !numbers.is_empty()));
    body.some("emailAddress", taken(&client.email));
    let handle = client.channel.zip(client.handle.as_deref()).map(|(channel, handle)| format!("{channel}: {}", plain(handle)));
    let said: Vec<String> = handle.into_iter().chain(spelt_out(&client.email)).collect();
    body.some("description", Some(said.join("\n\n")).filter(|said| !said.is_empty()));
    settings.team(&mut body);
    body
}

/// Our own fields.
fn facts(account: &CrmAccount, client: &ClientCard) -> Body {
    let (mut body, map, client_entity) = (Body::default(), &account.fields, Entity::Client);
    body.word(map, client_entity, Fact::Channel, Some(client.channel.map_or("web", |channel| channel.as_str())));
    body.word(map, client_entity, Fact::Language, client.language.map(|language| language.code()));
    let first = client.first_touch.as_ref();
    body.line(map, client_entity, Fact::Referral, first.and_then(|touch| touch.referral.as_deref()));
    body.fact(map, client_entity, Fact::FirstTouch, first.map(|touch| moment(touch.at)));
    body.line(map, client_entity, Fact::LastReferral, client.last_referral.as_deref());
    body.fact(map, client_entity, Fact::NoShows, Some(client.no_shows));
    body
}
