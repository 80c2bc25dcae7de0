//! Visits are deals, each with one todo whose deadline is the visit's beginning.

use serde_json::Value;

use super::{
    batch::{Command, batch},
    enquiries::TITLE_CHARS,
    fields::{Facts, line},
    items::{self, Kind, numeric},
    settings::Settings,
    todos::{self, New, Owner, Todo},
    wire::{self, Fields},
};
use crate::{
    crm::{BookingCard, BookingState, CrmAccount, CrmCall, Entity, Fact, meaning::Effect},
    vendor::Failure,
};

/// Brings a visit's deal and its todo up to date, or makes them.
pub(super) async fn ensure(crm: &CrmCall<'_>, booking: &BookingCard) -> Result<String, Failure> {
    if let Some(known) = &booking.known {
        bring(crm, booking, known).await?;
        return Ok(known.clone());
    }
    let listed = items::by_origin(Kind::Deal, booking.id.0).alone(crm, Effect::Repeatable).await?;
    match items::ids(&listed).first() {
        Some(id) => bring(crm, booking, id).await.map(|()| id.clone()),
        None => make(crm, booking).await,
    }
}

async fn make(crm: &CrmCall<'_>, booking: &BookingCard) -> Result<String, Failure> {
    let settings = Settings::of(crm.account)?;
    let deal = items::add(Kind::Deal, new(&settings, crm.account, booking)?);
    let mut commands = vec![Command::new("crm.item.add", deal)];
    if booking.state == BookingState::Planned {
        let todo = Command::new("crm.activity.todo.add", todo(&settings, booking).params(Kind::Deal));
        commands.push(todo.with("ownerId", "$result[0][item][id]"));
    }
    let answers = batch(crm, &commands, true, Effect::Repeatable).await?;
    let id = items::created(answers.result(0)?)?;
    // A todo that failed is added when the visit is told again: by then the deal is found.
    answers.all(commands.len())?;
    Ok(id)
}

/// Brings the deal `record` up to date.
pub(super) async fn bring(crm: &CrmCall<'_>, booking: &BookingCard, record: &str) -> Result<(), Failure> {
    let settings = Settings::of(crm.account)?;
    let owner = Owner { kind: Kind::Deal, id: numeric(record)? };
    let looks = [Command::new("crm.item.get", items::get(Kind::Deal, owner.id)), todos::list(owner)];
    let answers = batch(crm, &looks, true, Effect::Repeatable).await?;
    let deal = items::item(answers.result(0)?).ok_or_else(|| Effect::Repeatable.unreadable())?;
    let there = todos::ours(answers.result(1)?, booking.id.0);
    let fields = changed(&settings, crm.account, booking, deal)?;
    let update = (!fields.is_empty()).then(|| Command::new("crm.item.update", items::update(Kind::Deal, owner.id, fields)));
    let todo = follow(&settings, booking, owner, there);
    let commands: Vec<Command> = update.into_iter().chain(todo).collect();
    if !commands.is_empty() {
        batch(crm, &commands, true, Effect::Repeatable).await?.all(commands.len())?;
    }
    Ok(())
}

/// What the todo needs so that it follows the visit.
fn follow(settings: &Settings, booking: &BookingCard, owner: Owner, there: Option<Todo>) -> Option<Command> {
    let planned = booking.state == BookingState::Planned;
    match there {
        None if planned => Some(todo(settings, booking).on(owner)),
        Some(there) if planned && !there.done && there.deadline != Some(booking.start) => {
            Some(todos::postpone(owner, there.id, wire::at(&booking.start.with_timezone(&booking.zone))))
        }
        Some(there) if !planned && !there.done => Some(todos::complete(there.id)),
        _ => None,
    }
}

fn todo<'a>(settings: &Settings, booking: &'a BookingCard) -> New<'a> {
    New {
        ours: booking.id.0,
        title: &booking.title,
        text: booking.price.as_deref().unwrap_or_default(),
        deadline: wire::at(&booking.start.with_timezone(&booking.zone)),
        responsible: settings.user(booking.master_key.as_deref()),
    }
}

/// A new deal.
pub(super) fn new(settings: &Settings, account: &CrmAccount, booking: &BookingCard) -> Result<Fields, Failure> {
    let mut fields = facts(account, booking)?;
    fields.set("sourceId", Some(settings.source_id.as_str()));
    fields.set("categoryId", settings.category_id);
    fields.set("assignedById", Some(settings.user(booking.master_key.as_deref())));
    fields.set("stageId", settings.stages.of(booking.state));
    items::sign(&mut fields, booking.id.0);
    Ok(fields)
}

/// What a deal does not hold yet. A stage is written when the visit comes to stand otherwise, and never to pull back a deal that people
/// have moved on; who is responsible only where this master is somebody there.
fn changed(settings: &Settings, account: &CrmAccount, booking: &BookingCard, deal: &Value) -> Result<Fields, Failure> {
    let mut fields = facts(account, booking)?;
    let told = Facts::new(&account.fields, Entity::Booking).word(deal, Fact::State);
    if told.as_deref() != Some(booking.state.as_str()) {
        fields.set("stageId", settings.stages.of(booking.state));
    }
    fields.set("assignedById", booking.master_key.as_ref().and_then(|key| settings.staff.get(key)).copied());
    Ok(fields.changed(deal))
}

fn facts(account: &CrmAccount, booking: &BookingCard) -> Result<Fields, Failure> {
    let (mut fields, facts) = (Fields::default(), Facts::new(&account.fields, Entity::Booking));
    fields.set("title", line(&booking.title, TITLE_CHARS));
    fields.set("contactIds", Some(vec![numeric(&booking.client)?]));
    facts.set_word(&mut fields, Fact::State, Some(booking.state.as_str()));
    facts.set(&mut fields, Fact::Service, booking.service.as_deref());
    facts.set(&mut fields, Fact::Master, booking.master.as_deref());
    facts.set(&mut fields, Fact::Price, booking.price.as_deref());
    facts.set(&mut fields, Fact::Reason, booking.reason.as_deref());
    let local = |at: chrono::DateTime<chrono::Utc>| wire::at(&at.with_timezone(&booking.zone));
    facts.set(&mut fields, Fact::Start, Some(local(booking.start)));
    facts.set(&mut fields, Fact::End, Some(local(booking.end)));
    Ok(fields)
}
