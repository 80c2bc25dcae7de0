//! One visit's reminders held against the rules, by a second way of finding each answer.

use chrono::{DateTime, Days, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::schedule::{
    DropReason, DueReminder, MARGIN, MoveReason, PlannedReminder, QuietHours, ReminderKind, ReminderPlan, ReminderPolicy,
    SendDecision, plan, recheck, to_utc,
};

pub(super) const SECOND: TimeDelta = TimeDelta::seconds(1);

/// One visit and all that decides its reminders.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) visit: DateTime<Utc>,
    pub(super) tz: Tz,
    pub(super) policy: ReminderPolicy,
    pub(super) quiet: QuietHours,
    pub(super) now: DateTime<Utc>,
}

/// Quiet by chrono's own conversion, apart from the code under test.
pub(super) fn is_quiet(quiet: &QuietHours, at: DateTime<Utc>, tz: Tz) -> bool {
    let (time, start, end) = (at.with_timezone(&tz).time(), quiet.start(), quiet.end());
    match start.cmp(&end) {
        std::cmp::Ordering::Less => start <= time && time < end,
        std::cmp::Ordering::Equal => false,
        std::cmp::Ordering::Greater => time >= start || time < end,
    }
}

pub(super) fn check_quiet(quiet: &QuietHours, at: DateTime<Utc>, tz: Tz) {
    let quiet_now = is_quiet(quiet, at, tz);
    assert_eq!(quiet.is_quiet(at, tz), quiet_now, "{quiet:?} {at} {tz}");
    let next = quiet.next_allowed(at, tz);
    let last = quiet.last_allowed_before(at, tz);
    if !quiet_now {
        assert_eq!((next, last), (at, at));
        return;
    }
    assert!(last < at && at < next, "{quiet:?} {at} {tz}: {last} {next}");
    assert!(!is_quiet(quiet, next, tz) && is_quiet(quiet, next - SECOND, tz), "{quiet:?} {at} {tz}: {next}");
    assert!(!is_quiet(quiet, last, tz) && is_quiet(quiet, last + SECOND, tz), "{quiet:?} {at} {tz}: {last}");
    assert_eq!(quiet.next_allowed(last, tz), last);
    assert_eq!(quiet.next_allowed(last + SECOND, tz), next, "{quiet:?} {at} {tz}: one quiet stretch, one end");
}

impl Case {
    pub(super) fn check(&self) {
        let Self { visit, tz, policy, quiet, now } = self;
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
            assert!(second.due_at - first.due_at > MARGIN && first.expires_at <= second.due_at, "{self:?} {planned:?}");
        }
        if let Some(first) = planned.reminders.first() {
            let anew = plan(*visit, *tz, policy, quiet, first.due_at);
            assert_eq!(anew.reminders, planned.reminders, "{self:?}: planning anew changes nothing");
        }
    }

    fn check_account(&self, planned: &ReminderPlan) {
        let mut kinds: Vec<_> = planned.reminders.iter().map(|reminder| reminder.kind).collect();
        kinds.extend(planned.dropped.iter().map(|dropped| dropped.kind));
        kinds.sort_unstable();
        let wanted = [
            self.policy.day_before().map(|_| ReminderKind::DayBefore),
            self.policy.hours_before().map(|_| ReminderKind::HoursBefore),
        ];
        assert_eq!(kinds, wanted.into_iter().flatten().collect::<Vec<_>>(), "{self:?}");
    }

    fn check_reminder(&self, reminder: &PlannedReminder) {
        let PlannedReminder { kind, due_at, expires_at, moved } = *reminder;
        let moment = self.moment(kind);
        assert!(self.now <= due_at && due_at <= self.latest(), "{self:?} {reminder:?}");
        assert!(due_at < expires_at && expires_at < self.visit, "{self:?} {reminder:?}");
        assert!(!is_quiet(&self.quiet, due_at, self.tz), "{self:?} {reminder:?}");
        assert_eq!(moved.is_some(), is_quiet(&self.quiet, moment, self.tz), "{self:?} {reminder:?}");
        match moved {
            None => assert_eq!(due_at, moment, "{self:?}"),
            Some(MoveReason::AfterQuietHours) => {
                assert!(due_at > moment && is_quiet(&self.quiet, due_at - SECOND, self.tz), "{self:?} {reminder:?}");
            }
            Some(MoveReason::BeforeQuietHours) => {
                assert!(due_at < moment, "{self:?} {reminder:?}");
                assert!(self.quiet.next_allowed(moment, self.tz) > self.latest(), "{self:?} {reminder:?}: it could have waited");
            }
        }
    }

    fn check_sending(&self, reminder: &PlannedReminder) {
        let PlannedReminder { due_at, expires_at, .. } = *reminder;
        let due = DueReminder { due_at, expires_at, visit_start: self.visit };
        let ask = |now| recheck(&due, now, self.tz, &self.quiet);
        assert_eq!(ask(due_at), SendDecision::Send, "{self:?} {reminder:?}");
        assert_eq!(ask(due_at - SECOND), SendDecision::MoveTo(due_at), "{self:?} {reminder:?}");
        assert_eq!(ask(expires_at), SendDecision::Drop(DropReason::Expired), "{self:?} {reminder:?}");
        assert_eq!(ask(self.visit), SendDecision::Drop(DropReason::VisitStarted), "{self:?} {reminder:?}");
        let late = due_at + (expires_at - due_at) / 2;
        match ask(late) {
            SendDecision::Send => assert!(!is_quiet(&self.quiet, late, self.tz), "{self:?} {reminder:?}"),
            SendDecision::MoveTo(then) => {
                assert!(late < then && then < expires_at, "{self:?} {reminder:?}");
                assert_eq!(ask(then), SendDecision::Send, "{self:?} {reminder:?}");
            }
            SendDecision::Drop(reason) => {
                assert_eq!(reason, DropReason::QuietHours);
                assert!(self.quiet.next_allowed(late, self.tz) >= expires_at, "{self:?} {reminder:?}");
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
                is_quiet(&self.quiet, moment, self.tz) && self.quiet.next_allowed(moment, self.tz) > self.latest()
            }
            DropReason::Merged => kind == ReminderKind::DayBefore && self.two_are_near(),
            DropReason::Expired => false,
        };
        assert!(justified, "{self:?} {kind} {reason:?}");
    }

    /// Whether the two reminders, each planned as if it were the only one, come at about the same time.
    fn two_are_near(&self) -> bool {
        let lead = self.policy.min_lead_minutes();
        let alone = |day_before, hours_before| {
            let policy = ReminderPolicy::new(day_before, hours_before, lead).unwrap();
            plan(self.visit, self.tz, &policy, &self.quiet, self.now).reminders[0].due_at
        };
        let apart = alone(self.policy.day_before(), None) - alone(None, self.policy.hours_before());
        apart.abs() <= MARGIN
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

    fn after_gap(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        let at = to_utc(wall, self.tz);
        assert!(at.with_timezone(&self.tz).naive_local() > wall, "{self:?}");
        assert!((at - SECOND).with_timezone(&self.tz).naive_local() < wall, "{self:?}");
        at
    }

    fn latest(&self) -> DateTime<Utc> {
        self.visit - TimeDelta::minutes(i64::from(self.policy.min_lead_minutes()))
    }
}
