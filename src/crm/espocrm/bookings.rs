//! Visits. EspoCRM calls one a meeting, and knows three states of it; the true one is in a field of ours (EspoCRM note, R1).

use super::{
    Settings, api,
    enquiries::by_our_id,
    fields::scope,
    text::{LINE, cut},
    wire::{Body, moment, parent},
};
use crate::{
    crm::{BookingCard, BookingState, CrmAccount, CrmCall, Entity, Fact, GONE, meaning::Effect},
    vendor::Failure,
};

/// Will take place.
pub(super) const PLANNED: &str = "Planned";
/// Took place.
pub(super) const HELD: &str = "Held";
/// Did not take place, for whatever reason.
pub(super) const NOT_HELD: &str = "Not Held";

pub(super) async fn upsert(call: &CrmCall<'_>, booking: &BookingCard) -> Result<String, Failure> {
    let settings: Settings = call.account.settings()?;
    let known = match &booking.known {
        Some(known) => Some(known.clone()),
        None => by_our_id(call, Entity::Booking, &booking.id.to_string()).await?,
    };
    if let Some(id) = known {
        api::change(call, scope(Entity::Booking), &id, &current(call.account, &settings, booking)).await?;
        take_part(call, booking, &id).await?;
        return Ok(id);
    }
    let body = new(call.account, &settings, booking);
    // The next attempt finds it by our id.
    Ok(api::create(call, scope(Entity::Booking), &body, Effect::Repeatable).await?.0)
}

pub(super) async fn set_state(call: &CrmCall<'_>, booking: &BookingCard, record: &str) -> Result<(), Failure> {
    let mut body = Body::default();
    state(&mut body, call.account, booking);
    api::change(call, scope(Entity::Booking), record, &body).await?;
    take_part(call, booking, record).await
}

/// Who else takes part is theirs to say, that the client does is ours: the contact of before may be deleted, and another one the client's.
async fn take_part(call: &CrmCall<'_>, booking: &BookingCard, record: &str) -> Result<(), Failure> {
    let meeting = api::fetch(call, scope(Entity::Booking), record).await?.ok_or_else(|| Failure::permanent(GONE))?;
    if meeting.list("contactsIds").iter().any(|contact| *contact == booking.client) {
        return Ok(());
    }
    api::relate(call, scope(Entity::Booking), record, "contacts", &booking.client).await
}

/// The body of a new meeting. Whose it is and who takes part is theirs to change afterwards.
pub(super) fn new(account: &CrmAccount, settings: &Settings, booking: &BookingCard) -> Body {
    let mut body = current(account, settings, booking);
    parent(&mut body, Entity::Client, &booking.client);
    body.set("contactsIds", vec![booking.client.as_str()]);
    // Nobody is put in by EspoCRM, and a meeting without a user is refused (EspoCRM note, 2.3).
    body.set("assignedUserId", settings.user(booking.master_key.as_deref()));
    settings.team(&mut body);
    body
}

/// What of a visit is ours to say at any time.
fn current(account: &CrmAccount, settings: &Settings, booking: &BookingCard) -> Body {
    let (mut body, map, entity) = (Body::default(), &account.fields, Entity::Booking);
    body.fact(map, entity, Fact::ExternalId, Some(booking.id.to_string()));
    body.set("name", Some(cut(&booking.title, LINE)).filter(|name| !name.is_empty()).unwrap_or_else(|| "Visit".to_owned()));
    // Both: with one alone EspoCRM would keep the old length.
    body.set("dateStart", moment(booking.start));
    body.set("dateEnd", moment(booking.end));
    body.line(map, entity, Fact::Service, booking.service.as_deref());
    body.line(map, entity, Fact::Master, booking.master.as_deref());
    body.line(map, entity, Fact::Price, booking.price.as_deref());
    // A visit that went over to another master goes over to another user; one whose master has no user stays where it is.
    body.some("assignedUserId", settings.staff_user(booking.master_key.as_deref()));
    state(&mut body, account, booking);
    body
}

fn state(body: &mut Body, account: &CrmAccount, booking: &BookingCard) {
    body.set("status", status(booking.state));
    body.word(&account.fields, Entity::Booking, Fact::State, Some(booking.state.as_str()));
    body.line(&account.fields, Entity::Booking, Fact::Reason, booking.reason.as_deref());
}

const fn status(state: BookingState) -> &'static str {
    match state {
        BookingState::Planned => PLANNED,
        BookingState::Completed => HELD,
        BookingState::CancelledByClient | BookingState::CancelledBySalon | BookingState::NoShow => NOT_HELD,
    }
}
