//! What may be taken from a record, and which have changed.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    call::call,
    enquiries,
    fields::{Facts, ORIGIN, ORIGINATOR},
    items::{self, Kind, numeric},
    settings::Settings,
    wire,
};
use crate::{
    crm::{BookingState, CrmAccount, CrmCall, Entity, Fact, RemotePage, RemoteState, meaning::Effect},
    vendor::Failure,
};

/// What their times are told in.
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// Reads a record; none if it is gone.
pub(super) async fn read(crm: &CrmCall<'_>, entity: Entity, record: &str) -> Result<Option<RemoteState>, Failure> {
    let (kind, id) = match entity {
        Entity::Client => (Kind::Contact, numeric(record)?),
        Entity::Enquiry => enquiries::parts(record)?,
        Entity::Booking => (Kind::Deal, numeric(record)?),
    };
    let settings = Settings::of(crm.account)?;
    let item = items::read(crm, kind, id).await?;
    Ok(item.and_then(|item| state(crm.account, &settings, entity, kind, &item)))
}

fn state(account: &CrmAccount, settings: &Settings, entity: Entity, kind: Kind, item: &Value) -> Option<RemoteState> {
    let id = item.get("id").and_then(wire::id)?;
    let ours = wire::field(item, "originatorId").as_deref() == Some(ORIGINATOR);
    let names: Vec<String> = ["name", "lastName"].into_iter().filter_map(|name| wire::field(item, name)).collect();
    let mut state = RemoteState {
        record: if entity == Entity::Enquiry { enquiries::record(kind, &id) } else { id },
        external_id: wire::field(item, ORIGIN).filter(|_| ours),
        changed_at: wire::moment(item, "updatedTime"),
        name: Some(names.join(" ")).filter(|name| !name.is_empty()),
        contacts: item.get("fm").map(wire::members).unwrap_or_default().into_iter().filter_map(contact).collect(),
        ..RemoteState::default()
    };
    if entity == Entity::Booking {
        let facts = Facts::new(&account.fields, Entity::Booking);
        state.booking = booking(settings, &facts, item);
        state.start = facts.name(Fact::Start).and_then(|name| wire::moment(item, name));
        state.end = facts.name(Fact::End).and_then(|name| wire::moment(item, name));
    }
    Some(state)
}

/// From our field, which tells no-shows and cancellations apart; else from the stage.
fn booking(settings: &Settings, facts: &Facts<'_>, deal: &Value) -> Option<BookingState> {
    let word = facts.word(deal, Fact::State);
    let told = word.and_then(|word| BookingState::ALL.into_iter().find(|state| state.as_str() == word));
    told.or_else(|| settings.stages.state(&wire::field(deal, "stageId")?))
}

/// A number without what stands between its digits, or an e-mail.
fn contact(way: &Value) -> Option<String> {
    let value = wire::field(way, "value")?;
    match way.get("typeId")?.as_str()? {
        "PHONE" => {
            Some(value.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()).filter(|kept: &String| !kept.is_empty())
        }
        "EMAIL" => Some(value.to_lowercase()),
        _ => None,
    }
}

/// Where in the changes a page begins: which kind, and from when; or, within one second, past which id.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    kind: Kind,
    since: DateTime<Utc>,
    /// 0 for all since then.
    past: u64,
}

impl Place {
    fn text(&self) -> String {
        format!("{}|{}|{}", self.kind.as_str(), wire::at(&self.since), self.past)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('|');
        let kind = Kind::named(parts.next()?)?;
        let since = DateTime::parse_from_rfc3339(parts.next()?).ok()?.to_utc();
        let past = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { kind, since, past })
    }

    /// Where the next page begins. A record that is changed while pages are read moves to the end, and all behind it move up by one: nothing
    /// is counted past. The next page begins again at the last change seen, and reads a few records twice rather than one never. Where a
    /// whole page is of one second, the rest of that second is read by ids, and then what comes after it.
    fn after(&self, last: Option<&Value>, more: bool) -> Option<Self> {
        let at = |since, past| Some(Self { kind: self.kind, since, past });
        let id = last.and_then(|last| wire::number(last.get("id")?)).and_then(|id| u64::try_from(id).ok());
        let changed = last.and_then(|last| wire::moment(last, "updatedTime")).filter(|_| self.past == 0);
        match (more, changed) {
            (true, Some(changed)) if changed > self.since => at(changed, 0),
            (true, _) => at(self.since, id?),
            (false, _) if self.past > 0 => at(self.since + SECOND, 0),
            (false, _) => None,
        }
    }
}

/// Records changed at or after `since`.
pub(super) async fn since(
    crm: &CrmCall<'_>,
    entity: Entity,
    since: DateTime<Utc>,
    page: Option<&str>,
) -> Result<RemotePage, Failure> {
    let settings = Settings::of(crm.account)?;
    let place = match page {
        Some(page) => Place::read(page).ok_or_else(|| Failure::permanent("page"))?,
        None => Place { kind: kind(crm, entity).await?, since, past: 0 },
    };
    let answer = call(crm, "crm.item.list", list(crm.account, entity, &place), Effect::Repeatable).await?;
    let listed = answer.result.get("items").map(wire::members).ok_or_else(|| Effect::Repeatable.unreadable())?;
    Ok(RemotePage {
        next: place.after(listed.last().copied(), answer.next).map(|place| place.text()),
        records: listed.into_iter().filter_map(|item| state(crm.account, &settings, entity, place.kind, item)).collect(),
    })
}

async fn kind(crm: &CrmCall<'_>, entity: Entity) -> Result<Kind, Failure> {
    Ok(match entity {
        Entity::Client => Kind::Contact,
        Entity::Booking => Kind::Deal,
        Entity::Enquiry => {
            let mode = call(crm, "crm.settings.mode.get", json!({}), Effect::Repeatable).await?;
            Kind::of_enquiries(&mode.result)
        }
    })
}

fn list(account: &CrmAccount, entity: Entity, place: &Place) -> Value {
    let facts = Facts::new(&account.fields, entity);
    let mut select = vec!["id", "updatedTime", "originatorId", ORIGIN];
    match place.kind {
        Kind::Deal => select.push("stageId"),
        _ => select.extend(["name", "lastName", "fm"]),
    }
    select.extend([Fact::State, Fact::Start, Fact::End].into_iter().filter_map(|fact| facts.name(fact)));
    let mut filter = json!({">=updatedTime": wire::at(&place.since)});
    if place.past > 0 {
        filter["<=updatedTime"] = filter[">=updatedTime"].clone();
        filter[">id"] = json!(place.past);
    }
    // A contact that was there before us keeps the origin it had; leads and deals of ours are all made by us.
    if entity != Entity::Client {
        filter["originatorId"] = json!(ORIGINATOR);
    }
    json!({
        "entityTypeId": place.kind.type_id(),
        "select": select,
        "filter": filter,
        "order": [["updatedTime", "ASC"], ["id", "ASC"]],
        "start": 0,
        "useOriginalUfNames": "Y",
    })
}
