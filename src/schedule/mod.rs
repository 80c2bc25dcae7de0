//! The time rules: quiet hours, reminders, time zones, and how a time is shown to a client.
//!
//! Pure: the clock, the zone and the settings are passed in, nothing is read and nothing waits. Instants are `DateTime<Utc>`;
//! a wall-clock time is always that of a zone passed beside it, the salon's. The rules hold in every IANA zone and across
//! every DST change, which `tests` sweeps over.

mod display;
mod hhmm;
mod policy;
mod quiet;
mod reminder;
#[cfg(test)]
mod tests;
mod zone;

pub use display::{day_name, visit_time, visit_when};
pub use policy::{DayBefore, PolicyError, ReminderPolicy};
pub use quiet::{QuietHours, QuietHoursError};
pub use reminder::{
    DropReason, DroppedReminder, DueReminder, MARGIN, MoveReason, PlannedReminder, ReminderKind, ReminderPlan, SendDecision,
    UnknownKind, plan, recheck,
};
pub use zone::{UnknownZone, days_until, minute_of_day, parse_zone, to_local, to_utc};
