//! `POST /v2/bookings`: every refusal in cal.com's order, and one winner per free host and time.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::{
    Calcom,
    answer::Refusal,
    availability::{self, OutOfBounds, Question},
    event_types,
    http::{Answer, Call, success},
    input,
    model::{Attendee, Booking, EventType, Scheduling, State, Status},
    payload::{self, Trigger},
    view,
};

pub(super) const USER_BUSY: &str = "User either already has booking at this time or is not available";
const TEAM_BUSY: &str = "One of the hosts either already has booking at this time or is not available";

pub(super) async fn create(calcom: &Arc<Calcom>, call: &Call) -> Answer {
    let uid = book(calcom, &call.body, call.user, call.twice).await?;
    let state = calcom.state();
    let booking = state.booking(&uid).ok_or_else(Refusal::crash)?;
    success(201, view::booking(&state, booking))
}

/// Books and posts the webhooks; the uid of the booking, which for a natural replay is the earlier one's.
pub(super) async fn book(calcom: &Calcom, body: &Value, user: Option<i64>, twice: bool) -> Result<String, Refusal> {
    let made = insert(&mut calcom.state(), body, user, calcom.world.now())?;
    if let Made::New(uid) = &made {
        let (trigger, payload) = {
            let state = calcom.state();
            let booking = state.booking(uid).ok_or_else(Refusal::crash)?;
            let trigger = if booking.status == Status::Pending { Trigger::Requested } else { Trigger::Created };
            (trigger, payload::booking(&state, booking))
        };
        calcom.notify(trigger, uid, payload, twice).await;
        touch(&mut calcom.state(), uid, calcom.world.now());
    }
    match made {
        Made::New(uid) | Made::Replay(uid) => Ok(uid),
    }
}

/// The row's last update, which cal.com does after it posted the webhooks.
pub(super) fn touch(state: &mut State, uid: &str, now: DateTime<Utc>) {
    if let Some(booking) = state.booking_mut(uid) {
        booking.updated_at = now;
    }
}

enum Made {
    New(String),
    /// A round-robin type answers a repeated POST with the booking that is there.
    Replay(String),
}

fn insert(state: &mut State, body: &Value, user: Option<i64>, now: DateTime<Utc>) -> Result<Made, Refusal> {
    let event_type = event_types::selected(state, body)?;
    check_bookable(&event_type, user, state)?;
    let start = input::start(body)?;
    let minutes = input::minutes(body["lengthInMinutes"].as_i64(), &event_type)?;
    let attendee = input::attendee(body, &event_type)?;
    let responses = input::responses(body, &event_type, &attendee)?;
    let metadata = input::metadata(body)?;
    let guests = guests(body, &event_type)?;
    let round_robin = event_type.scheduling_type == Some(Scheduling::RoundRobin);
    if (round_robin || event_type.requires_confirmation)
        && let Some(earlier) = replayed(state, event_type.id, start, &attendee)
    {
        return Ok(Made::Replay(earlier.uid.clone()));
    }
    check_bounds(&event_type, start, now)?;
    let end = start + TimeDelta::minutes(minutes);
    let question = Question { only_hosts: host_subset(body), moving: None };
    let free = availability::hosts_for(state, &event_type, (start, end), &question);
    let hosts = assign(state, &event_type, &free, None)
        .ok_or_else(|| Refusal::nest(400, if event_type.team_id.is_some() { TEAM_BUSY } else { USER_BUSY }))?;
    let uid = new_uid();
    let location = input::location(body, &event_type, &uid)?;
    let status = if event_type.requires_confirmation { Status::Pending } else { Status::Accepted };
    state.bookings.push(Booking {
        guests,
        location,
        responses,
        metadata,
        ..blank(state, uid.clone(), &event_type, hosts, (start, end), attendee, status, now)
    });
    Ok(Made::New(uid))
}

/// A booking with nothing but who, when and what.
#[allow(clippy::too_many_arguments, reason = "the columns of a row")]
pub(super) fn blank(
    state: &State,
    uid: String,
    event_type: &EventType,
    hosts: Vec<i64>,
    (start, end): availability::Interval,
    attendee: Attendee,
    status: Status,
    now: DateTime<Utc>,
) -> Booking {
    Booking {
        id: 9001 + i64::try_from(state.bookings.len()).unwrap_or_default(),
        uid,
        event_type: event_type.id,
        hosts,
        status,
        start,
        end,
        attendee,
        guests: Vec::new(),
        metadata: Map::new(),
        responses: Map::new(),
        location: None,
        created_at: now,
        updated_at: now,
        cancellation_reason: None,
        cancelled_by: None,
        rejection_reason: None,
        rescheduling_reason: None,
        rescheduled_by: None,
        from_uid: None,
        to_uid: None,
        ical_sequence: 0,
        absent_host: false,
    }
}

fn check_bookable(event_type: &EventType, user: Option<i64>, state: &State) -> Result<(), Refusal> {
    let id = event_type.id;
    if event_type.scheduling_type == Some(Scheduling::Managed) {
        return Err(Refusal::nest(
            400,
            format!(
                "Event type with id={id} is the parent managed event type that can't be booked. You have to provide the child event type id aka id of event type that has been assigned to one of the users."
            ),
        ));
    }
    if event_type.team_id.is_some() && event_type.hosts.is_empty() {
        return Err(Refusal::nest(
            422,
            format!(
                "Can't book this team event type because it has no hosts. Please, add at least 1 host to event type with id={id}."
            ),
        ));
    }
    if !event_type.requires_authentication {
        return Ok(());
    }
    let Some(user) = user else {
        return Err(Refusal::nest(401, "checkBookingRequiresAuthentication - booking this event type requires authentication"));
    };
    let in_team = event_type.team_id.is_some_and(|team| state.role(team, user).is_some());
    if event_type.owner_id == Some(user) || event_type.host_ids().contains(&user) || in_team {
        Ok(())
    } else {
        Err(Refusal::nest(403, "checkBookingRequiresAuthentication - user is not authorized to book this event type"))
    }
}

pub(super) fn check_bounds(event_type: &EventType, start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    availability::bounds(event_type, start, now).map_err(|reason| match reason {
        OutOfBounds::Past => Refusal::nest(400, "Attempting to book a meeting in the past."),
        OutOfBounds::NoticeOrWindow => Refusal::nest(
            400,
            "The event type can't be booked at the \"start\" time provided. This could be because it's too soon (violating the minimum booking notice) or too far in the future (outside the event's scheduling window). Try fetching available slots first using the GET /v2/slots endpoint and then make a booking with \"start\" time equal to one of the available slots.",
        ),
    })
}

fn guests(body: &Value, event_type: &EventType) -> Result<Vec<String>, Refusal> {
    let guests: Vec<String> = strings(&body["guests"]);
    if guests.is_empty() || !event_type.disable_guests {
        Ok(guests)
    } else {
        Err(Refusal::nest(400, "Guests are disabled for this event type."))
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(super) fn host_subset(body: &Value) -> Vec<i64> {
    body["rrHostSubsetIds"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn replayed<'a>(state: &'a State, event_type: i64, start: DateTime<Utc>, attendee: &Attendee) -> Option<&'a Booking> {
    state.bookings.iter().find(|booking| {
        let same_person =
            booking.attendee.email == attendee.email || (attendee.phone.is_some() && booking.attendee.phone == attendee.phone);
        let alive = matches!(booking.status, Status::Accepted | Status::Pending);
        booking.event_type == event_type && booking.start == start && same_person && alive
    })
}

/// Who takes the booking: `preferred` if free, else the round-robin host with the fewest bookings; all of a collective.
pub(super) fn assign(state: &State, event_type: &EventType, free: &[i64], preferred: Option<i64>) -> Option<Vec<i64>> {
    if free.is_empty() {
        return None;
    }
    if event_type.scheduling_type == Some(Scheduling::Collective) {
        return Some(free.to_vec());
    }
    let load = |host: i64| state.bookings.iter().filter(|booking| booking.holds_time() && booking.host() == host).count();
    let chosen = preferred.filter(|host| free.contains(host));
    chosen.or_else(|| free.iter().copied().min_by_key(|host| (load(*host), *host))).map(|host| vec![host])
}

pub(super) fn new_uid() -> String {
    let mut uid = uuid::Uuid::new_v4().simple().to_string();
    uid.truncate(22);
    uid
}
