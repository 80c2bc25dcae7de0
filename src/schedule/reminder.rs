//! When a visit's reminders are due, and whether a due one may still go out.
//!
//! 1. Its own moment: **the day before** is the visit's wall-clock hour on the day before (or a fixed time of that day), so
//!    a 10:00 visit is reminded at 10:00 across a DST change too; **hours before** counts real hours.
//! 2. A quiet moment moves forward to the end of the quiet hours where that leaves the policy's lead to the visit, else
//!    back to [`MARGIN`] before they began, else the reminder is dropped.
//! 3. Nothing is due before `now` (the moment of booking or of re-planning), nor nearer to the visit than the lead.
//! 4. Of two reminders at most [`MARGIN`] apart only the one that counts hours remains.
//!
//! Whatever is not sent has a [`DropReason`].

use std::{fmt, str::FromStr};

use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{DayBefore, QuietHours, ReminderPolicy, zone};

/// How near two reminders are one, and how long before quiet hours a reminder that cannot wait for their end is due: a busy
/// sender would miss their very last second.
pub const MARGIN: TimeDelta = TimeDelta::minutes(30);

/// Which of a visit's reminders; part of the row's key (booking, kind, booking version).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReminderKind {
    /// On the day before the visit.
    DayBefore,
    /// Some real hours before the visit.
    HoursBefore,
}

impl ReminderKind {
    /// The name that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DayBefore => "day_before",
            Self::HoursBefore => "hours_before",
        }
    }
}

/// A stored reminder kind that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown reminder kind {0:?}")]
pub struct UnknownKind(String);

impl FromStr for ReminderKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        [Self::DayBefore, Self::HoursBefore]
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

impl fmt::Display for ReminderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reminder to store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedReminder {
    /// Which one.
    pub kind: ReminderKind,
    /// When to send it.
    pub due_at: DateTime<Utc>,
    /// From when on it must not be sent any more: the next reminder takes over, or the visit is too near. Always after
    /// `due_at` and never after the visit's start.
    pub expires_at: DateTime<Utc>,
    /// Set when `due_at` is not the reminder's own moment.
    pub moved: Option<MoveReason>,
}

/// Why a reminder is not due at its own moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveReason {
    /// Its moment is quiet: it waits for the end of the quiet hours.
    AfterQuietHours,
    /// Its moment is quiet and their end is too near to the visit, or past it: it comes before the quiet hours.
    BeforeQuietHours,
}

/// A reminder that will not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedReminder {
    /// Which one.
    pub kind: ReminderKind,
    /// Why not.
    pub reason: DropReason,
}

/// Why a reminder is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// Its moment had passed when it was planned: the client has just booked.
    BookedTooLate,
    /// It would come nearer to the visit than the policy's lead.
    TooNearVisit,
    /// No moment outside quiet hours is left for it.
    QuietHours,
    /// The reminder that counts hours comes at about the same time.
    Merged,
    /// Its time to be sent ran out, as after an outage.
    Expired,
    /// The visit has begun.
    VisitStarted,
}

impl DropReason {
    /// The name that is stored and counted.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BookedTooLate => "booked_too_late",
            Self::TooNearVisit => "too_near_visit",
            Self::QuietHours => "quiet_hours",
            Self::Merged => "merged",
            Self::Expired => "expired",
            Self::VisitStarted => "visit_started",
        }
    }
}

/// What becomes of a visit's reminders: each kind that the policy asks for is in exactly one of the lists.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReminderPlan {
    /// To be sent, earliest first.
    pub reminders: Vec<PlannedReminder>,
    /// Not to be sent.
    pub dropped: Vec<DroppedReminder>,
}

/// Plans the reminders of a visit that starts at `visit_start`, in the salon's zone. `now` is when the visit was booked, or
/// when it is planned anew.
pub fn plan(visit_start: DateTime<Utc>, tz: Tz, policy: &ReminderPolicy, quiet: &QuietHours, now: DateTime<Utc>) -> ReminderPlan {
    let visit = Visit { start: visit_start, tz, quiet, lead: TimeDelta::minutes(i64::from(policy.min_lead_minutes())), now };
    let wanted = [
        policy.day_before().map(|day| (ReminderKind::DayBefore, visit.day_before(day))),
        policy
            .hours_before()
            .map(|hours| (ReminderKind::HoursBefore, zone::shift(visit_start, -TimeDelta::hours(i64::from(hours))))),
    ];
    let mut plan = ReminderPlan::default();
    for (kind, moment) in wanted.into_iter().flatten() {
        match visit.place(kind, moment) {
            Ok(reminder) => plan.reminders.push(reminder),
            Err(reason) => plan.dropped.push(DroppedReminder { kind, reason }),
        }
    }
    plan.merge();
    plan
}

struct Visit<'a> {
    start: DateTime<Utc>,
    tz: Tz,
    quiet: &'a QuietHours,
    lead: TimeDelta,
    now: DateTime<Utc>,
}

impl Visit<'_> {
    fn day_before(&self, day: DayBefore) -> DateTime<Utc> {
        let visit = zone::to_local(self.start, self.tz);
        let date = visit.date().checked_sub_days(Days::new(1)).unwrap_or(visit.date());
        zone::to_utc(date.and_time(day.at.unwrap_or(visit.time())), self.tz)
    }

    fn place(&self, kind: ReminderKind, moment: DateTime<Utc>) -> Result<PlannedReminder, DropReason> {
        if self.start <= self.now {
            return Err(DropReason::VisitStarted);
        }
        if moment > self.latest() {
            return Err(DropReason::TooNearVisit);
        }
        let (due_at, moved) = if self.quiet.is_quiet(moment, self.tz) { self.out_of_quiet(moment)? } else { (moment, None) };
        if due_at < self.now {
            return Err(DropReason::BookedTooLate);
        }
        Ok(PlannedReminder { kind, due_at, expires_at: self.expiry(due_at), moved })
    }

    fn out_of_quiet(&self, moment: DateTime<Utc>) -> Result<(DateTime<Utc>, Option<MoveReason>), DropReason> {
        let after = self.quiet.next_allowed(moment, self.tz);
        if after <= self.latest() {
            return Ok((after, Some(MoveReason::AfterQuietHours)));
        }
        // `last` is a second before the window; with it 22:00 gives 21:30:00, not 21:29:59.
        let last = self.quiet.last_allowed_before(moment, self.tz);
        let before = self.quiet.next_allowed(zone::shift(last, TimeDelta::seconds(1) - MARGIN), self.tz);
        if before < self.now {
            return Err(DropReason::QuietHours);
        }
        Ok((before, Some(MoveReason::BeforeQuietHours)))
    }

    fn latest(&self) -> DateTime<Utc> {
        zone::shift(self.start, -self.lead)
    }

    /// The lead before the visit, but a reminder that is due late has at least half of the time that is left.
    fn expiry(&self, due_at: DateTime<Utc>) -> DateTime<Utc> {
        zone::shift(self.start, -self.lead.min((self.start - due_at) / 2))
    }
}

impl ReminderPlan {
    fn merge(&mut self) {
        self.reminders.sort_by_key(|reminder| (reminder.due_at, reminder.kind));
        let [first, second] = self.reminders.as_mut_slice() else {
            return;
        };
        if second.due_at - first.due_at > MARGIN {
            // After an outage over both moments the client hears of the visit once.
            first.expires_at = first.expires_at.min(second.due_at);
            return;
        }
        self.reminders.retain(|reminder| reminder.kind == ReminderKind::HoursBefore);
        self.dropped.push(DroppedReminder { kind: ReminderKind::DayBefore, reason: DropReason::Merged });
    }
}

/// A stored reminder whose moment has come, with its visit as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueReminder {
    /// [`PlannedReminder::due_at`].
    pub due_at: DateTime<Utc>,
    /// [`PlannedReminder::expires_at`].
    pub expires_at: DateTime<Utc>,
    /// The start of the visit, re-read at the moment of sending.
    pub visit_start: DateTime<Utc>,
}

/// What to do with a due reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    /// Send it now.
    Send,
    /// Ask again then: it is early, or the moment has become quiet.
    MoveTo(DateTime<Utc>),
    /// Do not send it any more.
    Drop(DropReason),
}

/// Decides at the moment of sending by the zone and the quiet hours of that moment: either may have been changed since the
/// reminder was planned, and an outage may have ended at night.
pub fn recheck(reminder: &DueReminder, now: DateTime<Utc>, tz: Tz, quiet: &QuietHours) -> SendDecision {
    if now >= reminder.visit_start {
        return SendDecision::Drop(DropReason::VisitStarted);
    }
    let deadline = reminder.expires_at.min(reminder.visit_start);
    if now >= deadline {
        return SendDecision::Drop(DropReason::Expired);
    }
    let allowed = quiet.next_allowed(now.max(reminder.due_at), tz);
    if allowed == now {
        SendDecision::Send
    } else if allowed < deadline {
        SendDecision::MoveTo(allowed)
    } else {
        SendDecision::Drop(DropReason::QuietHours)
    }
}
