//! Moving, cancelling, confirming, declining and no-shows.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Calcom,
    answer::Refusal,
    availability::{self, Question},
    create,
    http::{Answer, Call, success},
    input,
    model::{Booking, EventType, State, Status},
    payload::{self, Trigger},
    view,
};

pub(super) async fn reschedule(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    let uid = move_booking(calcom, call.id(0), &call.body, call.user, call.twice).await?;
    shown(calcom, 201, &uid)
}

/// Replaces the booking by a new one at the new time; the new uid.
pub(super) async fn move_booking(
    calcom: &Calcom,
    uid: &str,
    body: &Value,
    user: Option<i64>,
    twice: bool,
) -> Result<String, Refusal> {
    let new_uid = replace(&mut calcom.state(), uid, body, user, calcom.world.now())?;
    let (trigger, payload) = {
        let state = calcom.state();
        let new = state.booking(&new_uid).ok_or_else(Refusal::crash)?;
        let old = state.booking(uid).ok_or_else(Refusal::crash)?;
        let trigger = if new.status == Status::Pending { Trigger::Requested } else { Trigger::Rescheduled };
        (trigger, payload::rescheduled(&state, new, old))
    };
    calcom.notify(trigger, &new_uid, payload, twice).await;
    create::touch(&mut calcom.state(), &new_uid, calcom.world.now());
    Ok(new_uid)
}

fn replace(state: &mut State, uid: &str, body: &Value, user: Option<i64>, now: DateTime<Utc>) -> Result<String, Refusal> {
    // cal.com throws a plain Error for an unknown uid here, unlike on GET.
    let old = state.booking(uid).cloned().ok_or_else(Refusal::crash)?;
    let event_type = state.event_types.get(&old.event_type).cloned().ok_or_else(Refusal::crash)?;
    check_movable(&old, &event_type, now)?;
    let start = input::start(body)?;
    let end = start + (old.end - old.start);
    create::check_bounds(&event_type, start, now)?;
    let question = Question { only_hosts: create::host_subset(body), moving: Some(uid.to_owned()) };
    let free = availability::hosts_for(state, &event_type, (start, end), &question);
    let preferred = question.only_hosts.is_empty().then(|| old.host());
    let hosts = create::assign(state, &event_type, &free, preferred).ok_or_else(|| Refusal::nest(400, create::USER_BUSY))?;
    let by = body["rescheduledBy"].as_str().map(str::to_owned);
    let organizer = state.users.get(&old.host()).map(|host| host.email.clone());
    let by_organizer = user == Some(old.host()) || (by.is_some() && by == organizer);
    let needs_confirmation = event_type.requires_confirmation && !by_organizer;
    let status = if needs_confirmation { Status::Pending } else { Status::Accepted };
    let reason = body["reschedulingReason"].as_str().map(str::to_owned);
    let new_uid = create::new_uid();
    let new = Booking {
        guests: old.guests.clone(),
        metadata: old.metadata.clone(),
        responses: old.responses.clone(),
        location: old.location.as_ref().map(|place| place.replace(&old.uid, &new_uid)),
        from_uid: Some(old.uid.clone()),
        rescheduled_by: by.clone(),
        rescheduling_reason: reason.clone(),
        ical_sequence: old.ical_sequence + 1,
        ..create::blank(state, new_uid.clone(), &event_type, hosts, (start, end), old.attendee.clone(), status, now)
    };
    state.bookings.push(new);
    if let Some(old) = state.booking_mut(uid) {
        old.status = Status::Cancelled;
        old.to_uid = Some(new_uid.clone());
        old.rescheduled_by = by;
        old.rescheduling_reason = reason;
        old.updated_at = now;
    }
    Ok(new_uid)
}

fn check_movable(old: &Booking, event_type: &EventType, now: DateTime<Utc>) -> Result<(), Refusal> {
    let uid = &old.uid;
    match (&old.to_uid, old.status) {
        (Some(next), _) => {
            return Err(Refusal::nest(
                400,
                format!(
                    "Can't reschedule booking with uid={uid} because it has been cancelled and rescheduled already to booking with uid={next}. You probably want to reschedule {next} instead by passing it within the request URL."
                ),
            ));
        }
        (None, Status::Cancelled) => {
            return Err(Refusal::nest(
                400,
                format!(
                    "Can't reschedule booking with uid={uid} because it has been cancelled. Please provide uid of a booking that is not cancelled."
                ),
            ));
        }
        _ => {}
    }
    let notice = TimeDelta::minutes(event_type.minimum_reschedule_notice);
    if !notice.is_zero() && old.start - now < notice {
        return Err(Refusal::bare(403, "Rescheduling is not allowed within the minimum notice period before the event"));
    }
    Ok(())
}

pub(super) async fn cancel(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    let reason = call.body["cancellationReason"].as_str();
    cancel_booking(calcom, call.id(0), reason, call.user, call.twice).await?;
    shown(calcom, 200, call.id(0))
}

pub(super) async fn cancel_booking(
    calcom: &Calcom,
    uid: &str,
    reason: Option<&str>,
    user: Option<i64>,
    twice: bool,
) -> Result<(), Refusal> {
    let (payload, by) = {
        let state = calcom.state();
        let booking = known(&state, uid)?;
        check_cancellable(&state, booking, reason, user, calcom.world.now())?;
        let by = user.and_then(|user| state.users.get(&user)).map(|user| user.email.clone());
        (payload::cancelled(&state, booking, reason, by.as_deref()), by)
    };
    // The webhook leaves before the status is written: an immediate GET still says "accepted".
    calcom.notify(Trigger::Cancelled, uid, payload, twice).await;
    let now = calcom.world.now();
    if let Some(booking) = calcom.state().booking_mut(uid) {
        booking.status = Status::Cancelled;
        booking.cancellation_reason = reason.map(str::to_owned);
        booking.cancelled_by = by;
        booking.ical_sequence += 1;
        booking.updated_at = now;
    }
    Ok(())
}

fn check_cancellable(
    state: &State,
    booking: &Booking,
    reason: Option<&str>,
    user: Option<i64>,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    if booking.status == Status::Cancelled {
        return Err(Refusal::nest(
            400,
            format!(
                "Can't cancel booking with uid={} because it has been cancelled already. Please provide uid of a booking that is not cancelled.",
                booking.uid
            ),
        ));
    }
    if state.event_types.get(&booking.event_type).is_some_and(|event_type| event_type.disable_cancelling) {
        return Err(Refusal::bare(400, "This event type does not allow cancellations"));
    }
    let is_host = user.is_some_and(|user| booking.hosts.contains(&user));
    if is_host && reason.is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Refusal::bare(400, "Cancellation reason is required when you are the host"));
    }
    if booking.end < now {
        return Err(Refusal::bare(400, "Cannot cancel a booking that has already ended"));
    }
    Ok(())
}

pub(super) async fn confirm(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    confirm_booking(calcom, call.id(0), call.user, call.twice).await?;
    shown(calcom, 200, call.id(0))
}

pub(super) async fn confirm_booking(calcom: &Calcom, uid: &str, user: Option<i64>, twice: bool) -> Result<(), Refusal> {
    settle(calcom, uid, user, |booking| booking.status = Status::Accepted)?;
    let payload = {
        let state = calcom.state();
        payload::confirmed(&state, known(&state, uid)?)
    };
    calcom.notify(Trigger::Created, uid, payload, twice).await;
    Ok(())
}

pub(super) async fn decline(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    decline_booking(calcom, call.id(0), call.body["reason"].as_str(), call.user, call.twice).await?;
    shown(calcom, 200, call.id(0))
}

pub(super) async fn decline_booking(
    calcom: &Calcom,
    uid: &str,
    reason: Option<&str>,
    user: Option<i64>,
    twice: bool,
) -> Result<(), Refusal> {
    settle(calcom, uid, user, |booking| {
        booking.status = Status::Rejected;
        booking.rejection_reason = reason.map(str::to_owned);
    })?;
    let payload = {
        let state = calcom.state();
        payload::rejected(&state, known(&state, uid)?)
    };
    calcom.notify(Trigger::Rejected, uid, payload, twice).await;
    Ok(())
}

/// Ends the waiting of a pending booking, on behalf of its host or a team's admin.
fn settle(calcom: &Calcom, uid: &str, user: Option<i64>, change: impl FnOnce(&mut Booking)) -> Result<(), Refusal> {
    let now = calcom.world.now();
    let mut state = calcom.state();
    let booking = known(&state, uid)?;
    if !may_manage(&state, booking, user) {
        return Err(Refusal::trpc(401, "UNAUTHORIZED"));
    }
    if booking.status != Status::Pending {
        return Err(Refusal::trpc(400, "Booking already confirmed"));
    }
    if let Some(booking) = state.booking_mut(uid) {
        change(booking);
        booking.updated_at = now;
    }
    Ok(())
}

fn may_manage(state: &State, booking: &Booking, user: Option<i64>) -> bool {
    let team = state.event_types.get(&booking.event_type).and_then(|event_type| event_type.team_id);
    user.is_some_and(|user| {
        let role = team.and_then(|team| state.role(team, user));
        booking.hosts.contains(&user) || matches!(role, Some("ADMIN" | "OWNER"))
    })
}

pub(super) async fn mark_absent(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    absence(calcom, call.id(0), &call.body, call.user, call.twice).await?;
    shown(calcom, 200, call.id(0))
}

/// The client did not come, says the salon.
pub(super) async fn note_absence(calcom: &Arc<Calcom>, uid: &str, by: Option<i64>) -> Result<(), Refusal> {
    let email = known(&calcom.state(), uid)?.attendee.email.clone();
    absence(calcom, uid, &json!({"attendees": [{"email": email, "absent": true}]}), by, false).await
}

async fn absence(calcom: &Arc<Calcom>, uid: &str, body: &Value, by: Option<i64>, twice: bool) -> Result<(), Refusal> {
    let now = calcom.world.now();
    let host = body["host"] == true;
    let told = {
        let mut state = calcom.state();
        let booking = known(&state, uid)?;
        if booking.start > now {
            return Err(Refusal::nest(
                400,
                format!(
                    "Bookings can only be marked as absent after their scheduled start time. Current time in UTC+0: {}, Booking start time in UTC+0: {}",
                    view::millis(now),
                    view::millis(booking.start)
                ),
            ));
        }
        if !may_manage(&state, booking, by) {
            return Err(Refusal::bare(500, "Failed to update no-show status"));
        }
        let email = booking.attendee.email.clone();
        let mark = body["attendees"].as_array().into_iter().flatten().find(|given| given["email"] == email.as_str());
        let mark = mark.map(|given| given["absent"] == true);
        let booking = state.booking_mut(uid).ok_or_else(Refusal::crash)?;
        booking.absent_host |= host;
        booking.attendee.absent = mark.unwrap_or(booking.attendee.absent);
        booking.updated_at = now;
        mark.map(|_| payload::no_show(booking))
    };
    // An absent host is told to nobody.
    if let Some(payload) = told {
        calcom.notify(Trigger::NoShowUpdated, uid, payload, twice).await;
    }
    Ok(())
}

pub(super) fn known<'a>(state: &'a State, uid: &str) -> Result<&'a Booking, Refusal> {
    state.booking(uid).ok_or_else(|| Refusal::nest(404, format!("Booking with uid={uid} was not found in the database")))
}

fn shown(calcom: &Calcom, status: u16, uid: &str) -> Answer {
    let state = calcom.state();
    success(status, view::booking(&state, known(&state, uid)?))
}
