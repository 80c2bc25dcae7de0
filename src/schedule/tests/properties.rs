//! What holds for every visit: a sweep over every zone and offset change, and random cases.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{
    at,
    case::{Case, SECOND, check_quiet, is_quiet},
    day_before, policy, quiet,
    transitions::{Changes, all, in_parallel},
};
use crate::schedule::{DayBefore, QuietHours, ReminderPolicy};

fn windows() -> Vec<QuietHours> {
    [
        ("22:00", "09:00"),
        ("00:00", "08:00"),
        ("13:00", "13:00"),
        ("02:00", "03:00"),
        ("23:30", "07:30"),
        ("01:30", "02:30"),
        ("12:00", "08:00"),
        ("00:30", "20:30"),
        ("02:15", "02:45"),
        ("21:00", "00:00"),
    ]
    .map(|(start, end)| quiet(start, end))
    .into()
}

fn policies() -> Vec<ReminderPolicy> {
    vec![
        ReminderPolicy::default(),
        policy(day_before(Some("18:00")), Some(1), 60),
        policy(day_before(Some("02:30")), Some(24), 5),
        policy(day_before(None), None, 30),
        policy(None, Some(3), 120),
    ]
}

/// Minutes from an offset change to the visits that are placed around it.
const VISITS: [i64; 9] = [-90, -30, 0, 30, 8 * 60, 23 * 60 + 30, 24 * 60, 25 * 60, 34 * 60 + 15];
/// Minutes from the booking to the visit.
const BOOKED_AHEAD: [i64; 4] = [3 * 24 * 60, 25 * 60, 10 * 60, 3 * 60];

/// Checks one zone. Windows, policies and bookings take turns, so that all meet all over the sweep and each zone stays cheap.
fn sweep(zone: &Changes, windows: &[QuietHours], policies: &[ReminderPolicy]) -> usize {
    let settled = [at("2026-01-14T12:00:00Z").timestamp(), at("2026-07-15T21:00:00Z").timestamp()];
    let mut turn = zone.at.len();
    for &change in zone.at.iter().chain(&settled) {
        let change = DateTime::<Utc>::from_timestamp(change, 0).unwrap();
        for minutes in VISITS.into_iter().cycle().take(2 * VISITS.len()) {
            turn += 1;
            let visit = change + TimeDelta::minutes(minutes);
            let quiet = windows[turn % windows.len()];
            let policy = policies[turn / windows.len() % policies.len()].clone();
            let now = visit - TimeDelta::minutes(BOOKED_AHEAD[turn / 3 % BOOKED_AHEAD.len()]);
            check_quiet(&quiet, visit - SECOND, zone.tz);
            check_quiet(&quiet, visit, zone.tz);
            Case { visit, tz: zone.tz, policy, quiet, now }.check();
        }
    }
    turn - zone.at.len()
}

#[test]
fn every_zone_and_every_offset_change_keep_the_rules() {
    let (windows, policies) = (windows(), policies());
    let checked: usize = in_parallel(all(), |zone| sweep(zone, &windows, &policies)).into_iter().sum();
    assert!(checked > 100_000, "only {checked} visits were checked");
}

fn minute_of_day() -> impl Strategy<Value = NaiveTime> {
    (0..24 * 60u32).prop_map(|minute| NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).unwrap())
}

/// Any window that is allowed, many of them empty, many on half hours.
fn any_quiet() -> impl Strategy<Value = QuietHours> {
    let half_hours = (0..48i64, 0..=40i64).prop_map(|(start, length)| (start * 30, length * 30));
    let minutes = (0..1440i64, 0..=1200i64);
    let empty = (0..1440i64).prop_map(|start| (start, 0));
    prop_oneof![4 => minutes, 2 => half_hours, 1 => empty].prop_map(|(start, length)| {
        let time = |minute: i64| NaiveTime::MIN + TimeDelta::minutes(minute);
        QuietHours::new(time(start), time(start + length)).unwrap()
    })
}

fn any_policy() -> impl Strategy<Value = ReminderPolicy> {
    let day_before = proptest::option::weighted(0.8, proptest::option::of(minute_of_day()).prop_map(|at| DayBefore { at }));
    (day_before, proptest::option::weighted(0.8, 1..=72u8), 5..=720u16).prop_map(|(day_before, hours, lead)| {
        let lead = hours.map_or(lead, |hours| lead.min(u16::from(hours) * 60));
        ReminderPolicy::new(day_before, hours, lead).unwrap()
    })
}

/// An instant within three days of a random offset change of a random zone, or anywhere in a zone without one.
fn any_instant() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let around = -3 * 86_400_000..3 * 86_400_000i64;
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), around).prop_map(|(zone, change, around)| {
        let zone = zone.get(all());
        let change = if zone.at.is_empty() { 1_800_000_000 } else { *change.get(&zone.at) };
        (zone.tz, DateTime::from_timestamp_millis(change * 1000 + around).unwrap())
    })
}

fn any_case() -> impl Strategy<Value = Case> {
    (any_instant(), any_policy(), any_quiet(), -60..5 * 24 * 60i64).prop_map(|((tz, visit), policy, quiet, ahead)| {
        let now = visit - TimeDelta::minutes(ahead);
        Case { visit, tz, policy, quiet, now }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_visit_keeps_the_rules(case in any_case()) {
        case.check();
    }

    #[test]
    fn any_window_has_exact_ends((tz, at) in any_instant(), quiet in any_quiet()) {
        check_quiet(&quiet, at, tz);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nothing_on_the_way_to_an_end_is_allowed((tz, at) in any_instant(), quiet in any_quiet()) {
        let (last, next) = (quiet.last_allowed_before(at, tz), quiet.next_allowed(at, tz));
        let mut minute = last + SECOND;
        while minute < next {
            prop_assert!(is_quiet(&quiet, minute, tz), "{minute}");
            minute += TimeDelta::minutes(1);
        }
    }
}
