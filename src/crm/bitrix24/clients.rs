//! Clients are contacts. Nothing is deduplicated by the portal on adding, so the look-up is ours: by our id, by a number that is
//! vouched for, by e-mail.

use serde_json::{Map, Value, json};

use super::{
    batch::{Answers, Command, batch},
    fields::{Facts, ORIGIN, ORIGINATOR, line},
    items::{self, Kind, numeric},
    settings::Settings,
    wire::{self, Fields},
};
use crate::{
    channel::ChannelKind,
    crm::{ClientCard, CrmAccount, CrmCall, Ensured, Entity, Fact, GONE, meaning::Effect},
    vendor::Failure,
};

/// Stands for a name nobody gave; gives way to the first real one.
const NAMELESS: &str = "Client";
/// Longer names are none.
const NAME_CHARS: usize = 255;

/// Brings a client's contact up to date, or makes one.
pub(super) async fn ensure(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Ensured, Failure> {
    if let Some(known) = &client.known {
        let id = numeric(known)?;
        let contact = items::read(crm, Kind::Contact, id).await?.ok_or_else(|| Failure::permanent(GONE))?;
        return bring(crm, client, id, &contact).await;
    }
    let found = find(crm, client).await?;
    match found.as_slice() {
        [] => {
            let fields = new(&Settings::of(crm.account)?, crm.account, client);
            items::create(crm, Kind::Contact, fields).await.map(Ensured::Is)
        }
        [one] => {
            let id = numeric(one)?;
            // The index of numbers may lag behind what is deleted.
            let contact = items::read(crm, Kind::Contact, id).await?.ok_or_else(|| Failure::retry("found_and_gone"))?;
            if belongs_to_another(&contact, client) {
                return Ok(Ensured::Ambiguous(found));
            }
            bring(crm, client, id, &contact).await
        }
        _ => Ok(Ensured::Ambiguous(found)),
    }
}

/// Two clients of ours can't be one contact: one of them has somebody else's number.
fn belongs_to_another(contact: &Value, client: &ClientCard) -> bool {
    let ours = wire::field(contact, "originatorId").as_deref() == Some(ORIGINATOR);
    ours && wire::field(contact, ORIGIN).is_some_and(|origin| origin != client.id.to_string())
}

/// Contacts that could be this client, by the strongest proof that finds any.
pub(super) async fn find(crm: &CrmCall<'_>, client: &ClientCard) -> Result<Vec<String>, Failure> {
    let by = |kind: &str, value: &String| {
        let params = json!({"type": kind, "values": [value], "entity_type": "CONTACT"});
        Command::new("crm.duplicate.findbycomm", params)
    };
    let mut commands = vec![items::by_origin(Kind::Contact, client.id.0)];
    commands.extend(client.phone.as_ref().map(|phone| by("PHONE", phone)));
    commands.extend(client.email.as_ref().map(|email| by("EMAIL", email)));
    let answers: Answers = batch(crm, &commands, false, Effect::Repeatable).await?;
    let with_our_id = items::ids(answers.result(0)?);
    if !with_our_id.is_empty() {
        return Ok(with_our_id);
    }
    for at in 1..commands.len() {
        let found = contacts(answers.result(at)?);
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}

/// `{"CONTACT": [1, 2]}`, or an empty list for nothing.
fn contacts(found: &Value) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in found.get("CONTACT").map(wire::members).unwrap_or_default().into_iter().filter_map(wire::id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// Writes what the contact does not hold yet. A name that somebody gave it there stays.
async fn bring(crm: &CrmCall<'_>, client: &ClientCard, id: u64, contact: &Value) -> Result<Ensured, Failure> {
    let mut fields = facts(crm.account, client);
    let name = wire::field(contact, "name").filter(|name| name != NAMELESS);
    if name.is_none() && wire::field(contact, "lastName").is_none() {
        fields.set("name", client.name.as_deref().and_then(|name| line(name, NAME_CHARS)));
    }
    if wire::field(contact, "originatorId").is_none() && wire::field(contact, ORIGIN).is_none() {
        items::sign(&mut fields, client.id.0);
    }
    let there: Vec<&Value> = contact.get("fm").map(wire::members).unwrap_or_default();
    let new = ways(client, false).into_iter().filter(|way| !there.iter().any(|there| way.is(there)));
    let new: Map<String, Value> = new.enumerate().map(|(at, way)| (format!("n{at}"), way.json())).collect();
    fields.set("fm", Some(Value::Object(new)).filter(|new| new != &json!({})));
    items::change(crm, Kind::Contact, id, fields.changed(contact)).await?;
    Ok(Ensured::Is(id.to_string()))
}

/// A new contact.
pub(super) fn new(settings: &Settings, account: &CrmAccount, client: &ClientCard) -> Fields {
    let mut fields = facts(account, client);
    let name = client.name.as_deref().and_then(|name| line(name, NAME_CHARS));
    fields.set("name", Some(name.unwrap_or_else(|| NAMELESS.to_owned())));
    let ways: Vec<Value> = ways(client, true).iter().map(Way::json).collect();
    fields.set("fm", Some(ways).filter(|ways| !ways.is_empty()));
    fields.set("sourceId", Some(settings.source_id.as_str()));
    fields.set("assignedById", Some(settings.responsible_id));
    items::sign(&mut fields, client.id.0);
    fields
}

fn facts(account: &CrmAccount, client: &ClientCard) -> Fields {
    let (mut fields, facts) = (Fields::default(), Facts::new(&account.fields, Entity::Client));
    facts.set_word(&mut fields, Fact::Channel, client.channel.map(ChannelKind::as_str));
    facts.set_word(&mut fields, Fact::Language, client.language.map(crate::lang::Lang::code));
    let first = client.first_touch.as_ref();
    facts.set(&mut fields, Fact::Referral, first.and_then(|first| first.referral.as_deref()));
    facts.set(&mut fields, Fact::FirstTouch, first.map(|first| wire::at(&first.at)));
    facts.set(&mut fields, Fact::LastReferral, client.last_referral.as_deref());
    facts.set(&mut fields, Fact::NoShows, Some(client.no_shows));
    fields
}

/// A way to reach somebody: a part of `fm`.
pub(super) struct Way<'a> {
    type_id: &'static str,
    value_type: &'static str,
    value: &'a str,
}

impl<'a> Way<'a> {
    pub(super) const fn phone(value: &'a str) -> Self {
        Self { type_id: "PHONE", value_type: "MOBILE", value }
    }

    pub(super) const fn email(value: &'a str) -> Self {
        Self { type_id: "EMAIL", value_type: "WORK", value }
    }

    pub(super) fn json(&self) -> Value {
        json!({"typeId": self.type_id, "valueType": self.value_type, "value": self.value})
    }

    /// Whether it is there already, however it is written.
    fn is(&self, there: &Value) -> bool {
        let value = wire::field(there, "value").unwrap_or_default();
        let same = match self.type_id {
            "PHONE" => national(&value) == national(self.value),
            _ => value.to_lowercase() == self.value.to_lowercase(),
        };
        wire::field(there, "typeId").as_deref() == Some(self.type_id) && same
    }
}

/// The end of a number, without what may stand before it: a country's code, or what is dialled in its stead.
fn national(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(10)..].iter().collect()
}

/// Every way we know. A number nobody vouches for goes in only when a contact is made.
fn ways(client: &ClientCard, making: bool) -> Vec<Way<'_>> {
    let claimed = client.claimed_phone.as_deref().filter(|claimed| making && client.phone.as_deref() != Some(*claimed));
    let mut ways: Vec<Way<'_>> = client.phone.as_deref().into_iter().chain(claimed).map(Way::phone).collect();
    ways.extend(client.email.as_deref().map(Way::email));
    let messenger = match client.channel {
        Some(ChannelKind::Telegram) => "TELEGRAM",
        Some(ChannelKind::Vk) => "VK",
        Some(ChannelKind::Instagram) => "INSTAGRAM",
        _ => "OTHER",
    };
    ways.extend(client.handle.as_deref().map(|value| Way { type_id: "IM", value_type: messenger, value }));
    ways.retain(|way| !way.value.is_empty());
    ways
}
