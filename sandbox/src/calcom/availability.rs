//! Who is free when: working hours in the master's own zone, bookings, buffers, notice and reservations.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::model::{EventType, Schedule, Scheduling, State};

/// A half-open stretch of time.
pub(super) type Interval = (DateTime<Utc>, DateTime<Utc>);

/// What is asked about an event type.
#[derive(Debug, Clone, Default)]
pub(super) struct Question {
    /// Only these hosts (`rrHostSubsetIds`); empty means all.
    pub(super) only_hosts: Vec<i64>,
    /// A booking that is being moved frees its own time.
    pub(super) moving: Option<String>,
}

/// Why a start can't be booked whoever is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutOfBounds {
    Past,
    NoticeOrWindow,
}

pub(super) fn bounds(event_type: &EventType, start: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), OutOfBounds> {
    if start < now {
        return Err(OutOfBounds::Past);
    }
    let too_soon = start < now + TimeDelta::minutes(event_type.minimum_booking_notice);
    let too_far = event_type.booking_window.as_ref().is_some_and(|window| start > window.end(now));
    if too_soon || too_far { Err(OutOfBounds::NoticeOrWindow) } else { Ok(()) }
}

/// The hosts who would take a booking of `interval`; for a collective type all of them or none.
pub(super) fn hosts_for(state: &State, event_type: &EventType, interval: Interval, question: &Question) -> Vec<i64> {
    let all = candidates(event_type, question);
    let free: Vec<i64> = all.iter().copied().filter(|host| is_free(state, event_type, *host, interval, question)).collect();
    match event_type.scheduling_type {
        Some(Scheduling::Collective) if free.len() < all.len() => Vec::new(),
        _ => free,
    }
}

/// The starts that `GET /v2/slots` offers in `[from, to]`.
pub(super) fn slots(
    state: &State,
    event_type: &EventType,
    (from, to): Interval,
    minutes: i64,
    question: &Question,
    now: DateTime<Utc>,
) -> BTreeSet<DateTime<Utc>> {
    let length = TimeDelta::minutes(minutes);
    let step = TimeDelta::minutes(event_type.slot_interval.unwrap_or(minutes).max(1));
    let mut starts = BTreeSet::new();
    for host in candidates(event_type, question) {
        let Some(schedule) = state.users.get(&host).and_then(|user| user.schedule.as_ref()) else {
            continue;
        };
        for (opens, closes) in working_hours(schedule, from, to + length) {
            let mut start = opens;
            while start + length <= closes {
                if start >= from && start <= to {
                    starts.insert(start);
                }
                start += step;
            }
        }
    }
    starts.retain(|start| {
        let interval = (*start, *start + length);
        bounds(event_type, *start, now).is_ok()
            && !is_reserved(state, event_type.id, interval, now)
            && !hosts_for(state, event_type, interval, question).is_empty()
    });
    starts
}

/// Whether somebody holds a reservation over `interval`. It hides slots and does nothing else.
pub(super) fn is_reserved(state: &State, event_type: i64, interval: Interval, now: DateTime<Utc>) -> bool {
    state
        .reservations
        .iter()
        .any(|held| held.event_type == event_type && held.until > now && overlap(interval, (held.start, held.end)))
}

fn candidates(event_type: &EventType, question: &Question) -> Vec<i64> {
    let mut hosts = event_type.host_ids();
    let subset_counts = event_type.scheduling_type == Some(Scheduling::RoundRobin) && event_type.rr_host_subset_enabled;
    if subset_counts && !question.only_hosts.is_empty() {
        hosts.retain(|host| question.only_hosts.contains(host));
    }
    hosts
}

fn is_free(state: &State, event_type: &EventType, host: i64, interval: Interval, question: &Question) -> bool {
    let works = state.users.get(&host).and_then(|user| user.schedule.as_ref()).is_some_and(|schedule| {
        working_hours(schedule, interval.0, interval.1)
            .iter()
            .any(|(opens, closes)| *opens <= interval.0 && interval.1 <= *closes)
    });
    works && !is_busy(state, event_type, host, interval, question)
}

fn is_busy(state: &State, event_type: &EventType, host: i64, interval: Interval, question: &Question) -> bool {
    let wanted = padded(event_type, interval);
    state.bookings.iter().any(|booking| {
        let own = question.moving.as_deref() == Some(booking.uid.as_str());
        let taken = state
            .event_types
            .get(&booking.event_type)
            .map_or((booking.start, booking.end), |other| padded(other, (booking.start, booking.end)));
        booking.holds_time() && !own && booking.hosts.contains(&host) && overlap(wanted, taken)
    })
}

fn padded(event_type: &EventType, (start, end): Interval) -> Interval {
    (start - TimeDelta::minutes(event_type.before_event_buffer), end + TimeDelta::minutes(event_type.after_event_buffer))
}

fn overlap(a: Interval, b: Interval) -> bool {
    a.0 < b.1 && b.0 < a.1
}

/// The working stretches that touch `[from, to]`.
fn working_hours(schedule: &Schedule, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Interval> {
    let zone = schedule.time_zone;
    let last = to.with_timezone(&zone).date_naive();
    let first = from.with_timezone(&zone).date_naive();
    first
        .iter_days()
        .take_while(|date| *date <= last)
        .flat_map(|date| hours_of(schedule, date).into_iter().map(move |hours| (date, hours)))
        .map(|(date, (opens, closes))| (instant(zone, date.and_time(opens), true), closing(zone, date, closes)))
        .filter(|(opens, closes)| opens < closes)
        .collect()
}

fn hours_of(schedule: &Schedule, date: NaiveDate) -> Vec<(NaiveTime, NaiveTime)> {
    let special: Vec<_> = schedule.overrides.iter().filter(|other| other.date == date).collect();
    if special.is_empty() {
        let weekly = schedule.availability.iter().filter(|hours| hours.days.contains(&date.weekday()));
        return weekly.map(|hours| (hours.start_time, hours.end_time)).collect();
    }
    let open = special.iter().filter(|hours| hours.start_time != hours.end_time);
    open.map(|hours| (hours.start_time, hours.end_time)).collect()
}

/// 00:00 as an end means the midnight that closes the day.
fn closing(zone: Tz, date: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    let date = if time == NaiveTime::MIN { date.checked_add_days(Days::new(1)).unwrap_or(date) } else { date };
    instant(zone, date.and_time(time), false)
}

/// A wall time as an instant: one that DST skips is the first moment after the gap; of one that comes twice, the day
/// opens at the first and closes at the second.
fn instant(zone: Tz, wall: NaiveDateTime, opening: bool) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) => time.to_utc(),
        LocalResult::Ambiguous(first, second) => (if opening { first } else { second }).to_utc(),
        LocalResult::None => (1..=180)
            .find_map(|minutes| zone.from_local_datetime(&(wall + TimeDelta::minutes(minutes))).earliest())
            .map_or_else(|| wall.and_utc(), |time| time.to_utc()),
    }
}
