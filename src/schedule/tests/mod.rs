//! Named examples of the rules, and the properties that hold in every zone around every offset change.

mod case;
mod examples;
mod properties;
mod transitions;

use chrono::{DateTime, Utc};

use super::{DayBefore, QuietHours, ReminderPolicy, hhmm};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn quiet(start: &str, end: &str) -> QuietHours {
    QuietHours::new(hhmm::parse(start).unwrap(), hhmm::parse(end).unwrap()).unwrap()
}

/// `None` is the visit's own hour.
fn day_before(at: Option<&str>) -> Option<DayBefore> {
    Some(DayBefore { at: at.map(|time| hhmm::parse(time).unwrap()) })
}

fn policy(day_before: Option<DayBefore>, hours_before: Option<u8>, lead: u16) -> ReminderPolicy {
    ReminderPolicy::new(day_before, hours_before, lead).unwrap()
}
