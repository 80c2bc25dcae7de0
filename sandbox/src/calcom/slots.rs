//! `GET /v2/slots` and the advisory reservations.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::{
    Calcom,
    answer::Refusal,
    availability::{self, Question},
    create, event_types,
    http::{Answer, Call, success},
    input,
    model::{Reservation, Scheduling},
    teams, view,
};

pub(super) fn list(calcom: &Calcom, call: &Call) -> Answer {
    let bad_range = || Refusal::input("Invalid time range given - check the 'start' and 'end' query parameters.");
    let time = |name: &str, day_end: bool| {
        let wrong = || Refusal::input(format!("{name} must be a valid ISO 8601 date string"));
        input::moment(call.param(name).unwrap_or_default(), day_end).ok_or_else(wrong)
    };
    let (from, to) = (time("start", false)?, time("end", true)?);
    if from > to {
        return Err(bad_range());
    }
    let zone = match call.param("timeZone") {
        None => Tz::UTC,
        Some(name) => input::zone(name).ok_or_else(|| Refusal::input("timeZone must be a valid IANA time-zone"))?,
    };
    let ranges = match call.param("format") {
        None | Some("time") => false,
        Some("range") => true,
        Some(_) => return Err(Refusal::input("format must be either 'time' or 'range'")),
    };
    let selector = selector(call)?;
    let state = calcom.state();
    let event_type = event_types::find(&state, &selector)?.ok_or_else(|| Refusal::nest(404, "Event Type not found"))?;
    let minutes = input::minutes(call.param("duration").and_then(|text| text.parse().ok()), &event_type)?;
    let subset = call.param("rrHostSubsetIds").unwrap_or_default();
    let question = Question {
        only_hosts: subset.split(',').filter_map(|id| id.trim().parse().ok()).collect(),
        moving: call.param("bookingUidToReschedule").map(str::to_owned),
    };
    let starts = availability::slots(&state, &event_type, (from, to), minutes, &question, calcom.world.now());
    let mut days: Map<String, Value> = Map::new();
    for start in starts {
        let mut slot = json!({"start": shown(start, zone)});
        if ranges {
            slot["end"] = shown(start + TimeDelta::minutes(minutes), zone).into();
        }
        let day = start.with_timezone(&zone).date_naive().to_string();
        if let Some(list) = days.entry(day).or_insert_with(|| json!([])).as_array_mut() {
            list.push(slot);
        }
    }
    success(200, days.into())
}

fn shown(time: DateTime<Utc>, zone: Tz) -> String {
    if zone == Tz::UTC { view::millis(time) } else { time.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Millis, false) }
}

/// One of the ways to name an event type, as a booking's body would; a mixture is refused.
fn selector(call: &Call) -> Result<Value, Refusal> {
    let has = |name: &str| call.param(name).is_some();
    let variants: [&[&str]; 4] =
        [&["eventTypeId"], &["eventTypeSlug", "username"], &["eventTypeSlug", "teamSlug"], &["usernames", "organizationSlug"]];
    let chosen = variants.iter().find(|variant| variant.iter().all(|name| has(name))).ok_or_else(|| {
        Refusal::input("Provide eventTypeId, or eventTypeSlug with username or teamSlug, or usernames with organizationSlug")
    })?;
    let all = ["eventTypeId", "eventTypeSlug", "username", "teamSlug", "usernames"];
    let organization_fits = chosen.len() == 2 || !has("organizationSlug");
    if let Some(odd) = all.iter().find(|name| has(name) && !chosen.contains(name)) {
        return Err(Refusal::input(format!("property {odd} should not exist")));
    }
    if !organization_fits {
        return Err(Refusal::input("property organizationSlug should not exist"));
    }
    let pairs = chosen.iter().filter_map(|name| Some(((*name).to_owned(), call.param(name)?)));
    Ok(pairs
        .map(|(name, text)| {
            let value = if name == "eventTypeId" { text.parse::<i64>().map_or(Value::Null, Value::from) } else { text.into() };
            (name, value)
        })
        .collect::<Map<_, _>>()
        .into())
}

pub(super) fn reserve(calcom: &Calcom, call: &Call) -> Answer {
    let now = calcom.world.now();
    let mut state = calcom.state();
    let event_type = event_types::selected(&state, &json!({"eventTypeId": call.body["eventTypeId"]}))?;
    let hold = match call.body["reservationDuration"].as_i64() {
        None => 5,
        Some(minutes) => {
            teams::require_access(&state, &event_type, call.user)?;
            minutes
        }
    };
    let start = input::moment(call.body["slotStart"].as_str().unwrap_or_default(), false)
        .ok_or_else(|| Refusal::input("slotStart must be a valid ISO 8601 date string"))?;
    let minutes = input::minutes(call.body["slotDuration"].as_i64().filter(|m| *m != event_type.length_in_minutes), &event_type)?;
    let interval = (start, start + TimeDelta::minutes(minutes));
    if availability::is_reserved(&state, event_type.id, interval, now) {
        return Err(Refusal::nest(422, "This time slot is already reserved by another user. Please choose a different time."));
    }
    if availability::hosts_for(&state, &event_type, interval, &Question::default()).is_empty() {
        let text = if event_type.scheduling_type == Some(Scheduling::RoundRobin) {
            "Can't reserve the slot because the round robin event type has no available hosts left at this time slot"
        } else {
            "Can't reserve a slot if the event is already booked."
        };
        return Err(Refusal::nest(422, text));
    }
    let held = Reservation {
        uid: create::new_uid(),
        event_type: event_type.id,
        start,
        end: interval.1,
        minutes: hold,
        until: now + TimeDelta::minutes(hold),
    };
    let body = reservation_view(&held);
    state.reservations.push(held);
    success(201, body)
}

fn reservation_view(held: &Reservation) -> Value {
    json!({
        "eventTypeId": held.event_type, "slotStart": view::millis(held.start), "slotEnd": view::millis(held.end),
        "slotDuration": (held.end - held.start).num_minutes(), "reservationUid": held.uid,
        "reservationDuration": held.minutes, "reservationUntil": view::millis(held.until),
    })
}

/// A missing reservation is `null`, not 404.
pub(super) fn reservation(calcom: &Calcom, call: &Call) -> Answer {
    let state = calcom.state();
    let held = state.reservations.iter().find(|held| held.uid == call.id(0));
    success(200, held.map_or(Value::Null, reservation_view))
}

pub(super) fn release(calcom: &Calcom, call: &Call) -> Answer {
    calcom.state().reservations.retain(|held| held.uid != call.id(0));
    Ok((200, json!({"status": "success"})))
}
