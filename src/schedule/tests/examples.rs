use chrono::TimeDelta;
use chrono_tz::Tz;

use super::{at, day_before, policy, quiet};
use crate::{
    lang::Lang,
    schedule::{
        DropReason, DroppedReminder, DueReminder, MoveReason, PlannedReminder, QuietHours, ReminderKind, ReminderPlan,
        ReminderPolicy, SendDecision, minute_of_day, plan, recheck, visit_when,
    },
};

const NONE: QuietHours = QuietHours::NONE;

fn dropped(plan: &ReminderPlan) -> Vec<(ReminderKind, DropReason)> {
    plan.dropped.iter().map(|DroppedReminder { kind, reason }| (*kind, *reason)).collect()
}

fn only(plan: ReminderPlan) -> PlannedReminder {
    let [reminder] = plan.reminders[..] else { panic!("not one reminder: {plan:?}") };
    reminder
}

#[test]
fn a_visit_at_ten_is_reminded_at_ten_the_day_before_though_clocks_changed_overnight() {
    let day_before = policy(day_before(None), None, 30);
    for (visit, due) in [
        // Berlin, 29 March 2026: the day is 23 hours long, so that 24 hours before would be 09:00.
        ("2026-03-29T08:00:00Z", "2026-03-28T09:00:00Z"),
        // 25 October 2026: 25 hours.
        ("2026-10-25T09:00:00Z", "2026-10-24T08:00:00Z"),
        ("2026-05-14T08:00:00Z", "2026-05-13T08:00:00Z"),
    ] {
        let reminder = only(plan(at(visit), Tz::Europe__Berlin, &day_before, &NONE, at("2026-03-01T00:00:00Z")));
        assert_eq!((reminder.due_at, reminder.moved), (at(due), None));
    }
}

#[test]
fn a_window_from_midnight_is_quiet_just_after_midnight() {
    let night = quiet("00:00", "08:00");
    for tz in [Tz::UTC, Tz::Asia__Kolkata, Tz::Asia__Kathmandu, Tz::America__St_Johns] {
        let midnight = super::super::to_utc("2026-05-14T00:00:00".parse().unwrap(), tz);
        assert!(!night.is_quiet(midnight - TimeDelta::seconds(1), tz), "{tz}");
        assert!(night.is_quiet(midnight, tz) && night.is_quiet(midnight + TimeDelta::minutes(5), tz), "{tz}");
    }
}

#[test]
fn kolkata_is_released_at_nine_not_at_half_past() {
    let night = quiet("22:00", "09:00");
    let released = night.next_allowed(at("2026-05-14T18:45:10Z"), Tz::Asia__Kolkata);
    assert_eq!(released, at("2026-05-15T03:30:00Z"));
    assert_eq!(visit_when(released, Tz::Asia__Kolkata, Lang::En), "Fri, 15 May, 09:00");
}

#[test]
fn a_reminder_of_an_early_visit_comes_the_evening_before_not_after_the_visit() {
    let hour_before = policy(None, Some(1), 30);
    let visit = at("2026-05-14T05:30:00Z");
    let reminder = only(plan(visit, Tz::Europe__Moscow, &hour_before, &quiet("22:00", "09:00"), at("2026-05-10T00:00:00Z")));
    assert_eq!(reminder.moved, Some(MoveReason::BeforeQuietHours));
    assert_eq!(visit_when(reminder.due_at, Tz::Europe__Moscow, Lang::En), "Wed, 13 May, 21:30");
}

#[test]
fn a_half_hour_grid_is_that_of_the_salons_zone() {
    for (zone, utc) in [
        (Tz::Asia__Kolkata, "2026-05-14T04:30:00Z"),
        (Tz::Asia__Kathmandu, "2026-05-14T04:15:00Z"),
        (Tz::Pacific__Chatham, "2026-05-13T21:15:00Z"),
        (Tz::Australia__Eucla, "2026-05-14T01:15:00Z"),
    ] {
        assert_eq!(minute_of_day(at(utc), zone), 600, "{zone}");
    }
}

#[test]
fn midnight_is_hour_zero_of_its_day() {
    let midnight = at("2026-05-13T19:00:00Z");
    assert_eq!(minute_of_day(midnight, Tz::Asia__Almaty), 0);
    assert_eq!(visit_when(midnight, Tz::Asia__Almaty, Lang::Ru), "чт, 14 мая, 00:00");
    assert_eq!(minute_of_day(midnight - TimeDelta::nanoseconds(1), Tz::Asia__Almaty), 1439);
}

#[test]
fn a_visit_booked_three_hours_ahead_has_no_reminder_of_the_day_before() {
    let now = at("2026-05-14T07:00:00Z");
    let plan = plan(now + TimeDelta::hours(3), Tz::Europe__Moscow, &ReminderPolicy::default(), &quiet("22:00", "09:00"), now);
    assert_eq!(dropped(&plan), [(ReminderKind::DayBefore, DropReason::BookedTooLate)]);
    assert_eq!(only(plan).due_at, now + TimeDelta::hours(1));
}

#[test]
fn a_fixed_time_of_the_day_before_is_kept_for_every_visit_of_the_day() {
    let evening = policy(day_before(Some("18:00")), None, 30);
    for visit in ["2026-05-13T21:00:00Z", "2026-05-14T07:00:00Z", "2026-05-14T20:59:00Z"] {
        let reminder = only(plan(at(visit), Tz::Europe__Moscow, &evening, &NONE, at("2026-05-01T00:00:00Z")));
        assert_eq!(reminder.due_at, at("2026-05-13T15:00:00Z"), "{visit}");
    }
    let late = policy(day_before(Some("23:50")), None, 30);
    let visit = at("2026-05-13T21:10:00Z");
    let plan = plan(visit, Tz::Europe__Moscow, &late, &NONE, at("2026-05-01T00:00:00Z"));
    assert_eq!(dropped(&plan), [(ReminderKind::DayBefore, DropReason::TooNearVisit)]);
}

#[test]
fn a_quiet_moment_waits_for_the_end_of_the_night_when_the_visit_leaves_the_time() {
    let night = quiet("22:00", "09:00");
    let two_hours = policy(None, Some(2), 30);
    let long_ago = at("2026-05-01T00:00:00Z");
    for (visit, due, moved) in [
        ("2026-05-14T07:00:00Z", "2026-05-14T06:00:00Z", MoveReason::AfterQuietHours),
        ("2026-05-14T06:30:00Z", "2026-05-14T06:00:00Z", MoveReason::AfterQuietHours),
        ("2026-05-14T06:29:00Z", "2026-05-13T18:30:00Z", MoveReason::BeforeQuietHours),
        ("2026-05-14T00:00:00Z", "2026-05-13T18:30:00Z", MoveReason::BeforeQuietHours),
    ] {
        let reminder = only(plan(at(visit), Tz::Europe__Moscow, &two_hours, &night, long_ago));
        assert_eq!((reminder.due_at, reminder.moved), (at(due), Some(moved)), "{visit}");
    }
}

#[test]
fn a_visit_booked_at_night_for_the_early_morning_has_no_reminder() {
    let now = at("2026-05-13T19:30:00Z");
    let plan = plan(at("2026-05-14T05:00:00Z"), Tz::Europe__Moscow, &policy(None, Some(2), 30), &quiet("22:00", "09:00"), now);
    assert_eq!(dropped(&plan), [(ReminderKind::HoursBefore, DropReason::QuietHours)]);
    assert!(plan.reminders.is_empty());
}

#[test]
fn two_reminders_at_about_the_same_time_are_one() {
    let both = policy(day_before(Some("21:00")), Some(2), 30);
    let plan = plan(at("2026-05-14T05:00:00Z"), Tz::Europe__Moscow, &both, &quiet("22:00", "09:00"), at("2026-05-01T00:00:00Z"));
    assert_eq!(dropped(&plan), [(ReminderKind::DayBefore, DropReason::Merged)]);
    assert_eq!(only(plan).kind, ReminderKind::HoursBefore);
}

#[test]
fn a_visit_that_has_begun_has_no_reminders() {
    let now = at("2026-05-14T05:00:00Z");
    let plan = plan(now, Tz::UTC, &ReminderPolicy::default(), &NONE, now);
    assert!(plan.reminders.is_empty());
    assert_eq!(plan.dropped.len(), 2);
    assert!(plan.dropped.iter().all(|dropped| dropped.reason == DropReason::VisitStarted));
}

#[test]
fn a_reminder_is_worth_sending_until_the_next_one_or_the_lead() {
    let visit = at("2026-05-14T12:00:00Z");
    let plan = plan(visit, Tz::UTC, &ReminderPolicy::default(), &NONE, at("2026-05-01T00:00:00Z"));
    let expiries: Vec<_> = plan.reminders.iter().map(|reminder| visit - reminder.expires_at).collect();
    assert_eq!(expiries, [TimeDelta::hours(2), TimeDelta::minutes(30)]);
    let tight = only(super::super::plan(visit, Tz::UTC, &policy(None, Some(1), 60), &NONE, at("2026-05-01T00:00:00Z")));
    assert_eq!(tight.expires_at, visit - TimeDelta::minutes(30), "half of what is left");
}

#[test]
fn at_the_moment_of_sending_everything_is_asked_again() {
    let night = quiet("22:00", "09:00");
    let reminder = DueReminder {
        due_at: at("2026-05-14T18:30:00Z"),
        expires_at: at("2026-05-15T11:30:00Z"),
        visit_start: at("2026-05-15T12:00:00Z"),
    };
    let ask = |now: &str| recheck(&reminder, at(now), Tz::UTC, &night);
    assert_eq!(ask("2026-05-14T18:00:00Z"), SendDecision::MoveTo(reminder.due_at), "a clock was set back");
    assert_eq!(ask("2026-05-14T18:30:00Z"), SendDecision::Send);
    assert_eq!(ask("2026-05-14T23:00:00Z"), SendDecision::MoveTo(at("2026-05-15T09:00:00Z")), "an outage ended at night");
    assert_eq!(ask("2026-05-15T11:29:59Z"), SendDecision::Send);
    assert_eq!(ask("2026-05-15T11:30:00Z"), SendDecision::Drop(DropReason::Expired));
    assert_eq!(ask("2026-05-15T12:00:00Z"), SendDecision::Drop(DropReason::VisitStarted));

    let early_visit = DueReminder { visit_start: at("2026-05-15T08:30:00Z"), ..reminder };
    let late = recheck(&early_visit, at("2026-05-14T22:10:00Z"), Tz::UTC, &night);
    assert_eq!(late, SendDecision::Drop(DropReason::QuietHours));
}

#[test]
fn stored_names_are_read_back() {
    for kind in [ReminderKind::DayBefore, ReminderKind::HoursBefore] {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
    }
    for reason in [
        DropReason::BookedTooLate,
        DropReason::TooNearVisit,
        DropReason::QuietHours,
        DropReason::Merged,
        DropReason::Expired,
        DropReason::VisitStarted,
    ] {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
    }
    assert!("week_before".parse::<ReminderKind>().is_err());
}
