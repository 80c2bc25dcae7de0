use chrono::{DateTime, Days, LocalResult, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::{
    at, day_before, policy, quiet,
    transitions::{Changes, all, in_parallel},
};
use crate::schedule::{
    DayBefore, DropReason, DueReminder, MARGIN, MoveReason, PlannedReminder, QuietHours,
    ReminderKind, ReminderPlan, ReminderPolicy, SendDecision, plan, recheck, to_utc,
};

const SECOND: TimeDelta = TimeDelta::seconds(1);

/// One visit and all that decides its reminders.
#[derive(Debug, Clone)]
struct Case {
    visit: DateTime<Utc>,
    tz: Tz,
    policy: ReminderPolicy,
    quiet: QuietHours,
    now: DateTime<Utc>,
}

/// Quiet by chrono's own conversion, apart from the code under test.
fn is_quiet(quiet: &QuietHours, at: DateTime<Utc>, tz: Tz) -> bool {
    let (time, start, end) = (at.with_timezone(&tz).time(), quiet.start(), quiet.end());
    match start.cmp(&end) {
        std::cmp::Ordering::Less => start <= time && time < end,
        std::cmp::Ordering::Equal => false,
        std::cmp::Ordering::Greater => time >= start || time < end,
    }
}

fn check_quiet(quiet: &QuietHours, at: DateTime<Utc>, tz: Tz) {
    let quiet_now = is_quiet(quiet, at, tz);
    assert_eq!(quiet.is_quiet(at, tz), quiet_now, "{quiet:?} {at} {tz}");
    let next = quiet.next_allowed(at, tz);
    let last = quiet.last_allowed_before(at, tz);
    if !quiet_now {
        assert_eq!((next, last), (at, at));
        return;
    }
    assert!(last < at && at < next, "{quiet:?} {at} {tz}: {last} {next}");
    assert!(
        !is_quiet(quiet, next, tz) && is_quiet(quiet, next - SECOND, tz),
        "{quiet:?} {at} {tz}: {next}"
    );
    assert!(
        !is_quiet(quiet, last, tz) && is_quiet(quiet, last + SECOND, tz),
        "{quiet:?} {at} {tz}: {last}"
    );
    assert_eq!(quiet.next_allowed(last, tz), last);
    assert_eq!(
        quiet.next_allowed(last + SECOND, tz),
        next,
        "{quiet:?} {at} {tz}: one quiet stretch, one end"
    );
}

impl Case {
    fn check(&self) {
        let Self {
            visit,
            tz,
            policy,
            quiet,
            now,
        } = self;
        let planned = plan(*visit, *tz, policy, quiet, *now);
        self.check_account(&planned);
        for reminder in &planned.reminders {
            self.check_reminder(reminder);
            self.check_sending(reminder);
        }
        for dropped in &planned.dropped {
            self.check_drop(dropped.kind, dropped.reason);
        }
        if let [first, second] = &planned.reminders[..] {
            assert!(
                second.due_at - first.due_at > MARGIN && first.expires_at <= second.due_at,
                "{self:?} {planned:?}"
            );
        }
        if let Some(first) = planned.reminders.first() {
            let anew = plan(*visit, *tz, policy, quiet, first.due_at);
            assert_eq!(
                anew.reminders, planned.reminders,
                "{self:?}: planning anew changes nothing"
            );
        }
    }

    fn check_account(&self, planned: &ReminderPlan) {
        let mut kinds: Vec<_> = planned
            .reminders
            .iter()
            .map(|reminder| reminder.kind)
            .collect();
        kinds.extend(planned.dropped.iter().map(|dropped| dropped.kind));
        kinds.sort_unstable();
        let wanted = [
            self.policy.day_before().map(|_| ReminderKind::DayBefore),
            self.policy
                .hours_before()
                .map(|_| ReminderKind::HoursBefore),
        ];
        assert_eq!(
            kinds,
            wanted.into_iter().flatten().collect::<Vec<_>>(),
            "{self:?}"
        );
    }

    fn check_reminder(&self, reminder: &PlannedReminder) {
        let PlannedReminder {
            kind,
            due_at,
            expires_at,
            moved,
        } = *reminder;
        let moment = self.moment(kind);
        assert!(
            self.now <= due_at && due_at <= self.latest(),
            "{self:?} {reminder:?}"
        );
        assert!(
            due_at < expires_at && expires_at < self.visit,
            "{self:?} {reminder:?}"
        );
        assert!(
            !is_quiet(&self.quiet, due_at, self.tz),
            "{self:?} {reminder:?}"
        );
        assert_eq!(
            moved.is_some(),
            is_quiet(&self.quiet, moment, self.tz),
            "{self:?} {reminder:?}"
        );
        match moved {
            None => assert_eq!(due_at, moment, "{self:?}"),
            Some(MoveReason::AfterQuietHours) => {
                assert!(
                    due_at > moment && is_quiet(&self.quiet, due_at - SECOND, self.tz),
                    "{self:?} {reminder:?}"
                );
            }
            Some(MoveReason::BeforeQuietHours) => {
                assert!(due_at < moment, "{self:?} {reminder:?}");
                assert!(
                    self.quiet.next_allowed(moment, self.tz) > self.latest(),
                    "{self:?} {reminder:?}: it could have waited"
                );
            }
        }
    }

    fn check_sending(&self, reminder: &PlannedReminder) {
        let PlannedReminder {
            due_at, expires_at, ..
        } = *reminder;
        let due = DueReminder {
            due_at,
            expires_at,
            visit_start: self.visit,
        };
        let ask = |now| recheck(&due, now, self.tz, &self.quiet);
        assert_eq!(ask(due_at), SendDecision::Send, "{self:?} {reminder:?}");
        assert_eq!(
            ask(due_at - SECOND),
            SendDecision::MoveTo(due_at),
            "{self:?} {reminder:?}"
        );
        assert_eq!(
            ask(expires_at),
            SendDecision::Drop(DropReason::Expired),
            "{self:?} {reminder:?}"
        );
        assert_eq!(
            ask(self.visit),
            SendDecision::Drop(DropReason::VisitStarted),
            "{self:?} {reminder:?}"
        );
        let late = due_at + (expires_at - due_at) / 2;
        match ask(late) {
            SendDecision::Send => assert!(
                !is_quiet(&self.quiet, late, self.tz),
                "{self:?} {reminder:?}"
            ),
            SendDecision::MoveTo(then) => {
                assert!(late < then && then < expires_at, "{self:?} {reminder:?}");
                assert_eq!(ask(then), SendDecision::Send, "{self:?} {reminder:?}");
            }
            SendDecision::Drop(reason) => {
                assert_eq!(reason, DropReason::QuietHours);
                assert!(
                    self.quiet.next_allowed(late, self.tz) >= expires_at,
                    "{self:?} {reminder:?}"
                );
            }
        }
    }

    fn check_drop(&self, kind: ReminderKind, reason: DropReason) {
        let moment = self.moment(kind);
        let justified = match reason {
            DropReason::VisitStarted => self.visit <= self.now,
            DropReason::BookedTooLate => moment < self.now,
            DropReason::TooNearVisit => moment > self.latest(),
            DropReason::QuietHours => {
                is_quiet(&self.quiet, moment, self.tz)
                    && self.quiet.next_allowed(moment, self.tz) > self.latest()
            }
            DropReason::Merged => {
                kind == ReminderKind::DayBefore && self.policy.hours_before().is_some()
            }
            DropReason::Expired => false,
        };
        assert!(justified, "{self:?} {kind} {reason:?}");
    }

    /// The reminder's own moment by chrono's own conversion, except in a gap.
    fn moment(&self, kind: ReminderKind) -> DateTime<Utc> {
        if kind == ReminderKind::HoursBefore {
            return self.visit - TimeDelta::hours(i64::from(self.policy.hours_before().unwrap()));
        }
        let visit = self.visit.with_timezone(&self.tz).naive_local();
        let time = self.policy.day_before().unwrap().at.unwrap_or(visit.time());
        let wall = (visit.date() - Days::new(1)).and_time(time);
        match self.tz.from_local_datetime(&wall) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
            LocalResult::None => self.after_gap(wall),
        }
    }

    fn after_gap(&self, wall: chrono::NaiveDateTime) -> DateTime<Utc> {
        let at = to_utc(wall, self.tz);
        assert!(at.with_timezone(&self.tz).naive_local() > wall, "{self:?}");
        assert!(
            (at - SECOND).with_timezone(&self.tz).naive_local() < wall,
            "{self:?}"
        );
        at
    }

    fn latest(&self) -> DateTime<Utc> {
        self.visit - TimeDelta::minutes(i64::from(self.policy.min_lead_minutes()))
    }
}

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
const VISITS: [i64; 9] = [
    -90,
    -30,
    0,
    30,
    8 * 60,
    23 * 60 + 30,
    24 * 60,
    25 * 60,
    34 * 60 + 15,
];
/// Minutes from the booking to the visit.
const BOOKED_AHEAD: [i64; 4] = [3 * 24 * 60, 25 * 60, 10 * 60, 3 * 60];

/// Checks one zone. Windows, policies and bookings take turns, so that all meet all over the sweep and each zone stays cheap.
fn sweep(zone: &Changes, windows: &[QuietHours], policies: &[ReminderPolicy]) -> usize {
    let settled = [
        at("2026-01-14T12:00:00Z").timestamp(),
        at("2026-07-15T21:00:00Z").timestamp(),
    ];
    let mut turn = zone.at.len();
    for &change in zone.at.iter().chain(&settled) {
        let change = DateTime::<Utc>::from_timestamp(change, 0).unwrap();
        for minutes in VISITS {
            turn += 1;
            let visit = change + TimeDelta::minutes(minutes);
            let quiet = windows[turn % windows.len()];
            let policy = policies[turn / windows.len() % policies.len()].clone();
            let now = visit - TimeDelta::minutes(BOOKED_AHEAD[turn / 3 % BOOKED_AHEAD.len()]);
            check_quiet(&quiet, visit - SECOND, zone.tz);
            check_quiet(&quiet, visit, zone.tz);
            Case {
                visit,
                tz: zone.tz,
                policy,
                quiet,
                now,
            }
            .check();
        }
    }
    turn - zone.at.len()
}

#[test]
fn every_zone_and_every_offset_change_keep_the_rules() {
    let (windows, policies) = (windows(), policies());
    let checked: usize = in_parallel(all(), |zone| sweep(zone, &windows, &policies))
        .into_iter()
        .sum();
    assert!(checked > 50_000, "only {checked} visits were checked");
}

fn minute_of_day() -> impl Strategy<Value = NaiveTime> {
    (0..24 * 60u32)
        .prop_map(|minute| NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).unwrap())
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
    let day_before = proptest::option::weighted(
        0.8,
        proptest::option::of(minute_of_day()).prop_map(|at| DayBefore { at }),
    );
    (
        day_before,
        proptest::option::weighted(0.8, 1..=72u8),
        5..=720u16,
    )
        .prop_map(|(day_before, hours, lead)| {
            let lead = hours.map_or(lead, |hours| lead.min(u16::from(hours) * 60));
            ReminderPolicy::new(day_before, hours, lead).unwrap()
        })
}

/// An instant within three days of a random offset change of a random zone, or anywhere in a zone without one.
fn any_instant() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let around = -3 * 86_400_000..3 * 86_400_000i64;
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        around,
    )
        .prop_map(|(zone, change, around)| {
            let zone = zone.get(all());
            let change = if zone.at.is_empty() {
                1_800_000_000
            } else {
                *change.get(&zone.at)
            };
            (
                zone.tz,
                DateTime::from_timestamp_millis(change * 1000 + around).unwrap(),
            )
        })
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        any_instant(),
        any_policy(),
        any_quiet(),
        -60..5 * 24 * 60i64,
    )
        .prop_map(|((tz, visit), policy, quiet, ahead)| {
            let now = visit - TimeDelta::minutes(ahead);
            Case {
                visit,
                tz,
                policy,
                quiet,
                now,
            }
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
