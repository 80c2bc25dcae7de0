//! Which reminders a salon sends, checked when it is set.

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};

use super::hhmm;

const MOST_HOURS_BEFORE: u8 = 72;
const LEAST_LEAD_MINUTES: u16 = 5;
const DEFAULT_HOURS_BEFORE: u8 = 2;
const DEFAULT_LEAD_MINUTES: u16 = 30;

/// The reminders of every visit to a salon; by default the day before, two hours before, and never less than half an hour
/// before.
///
/// Written as `{"day_before": {"at": "18:00"}, "hours_before": 2, "min_lead_minutes": 30}`; a reminder left out is not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct ReminderPolicy {
    day_before: Option<DayBefore>,
    hours_before: Option<u8>,
    min_lead_minutes: u16,
}

/// When on the day before the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DayBefore {
    /// A fixed time of the salon's wall clock, in whole minutes; `None` is the visit's own hour, so that a visit at 10:00 is
    /// reminded at 10:00.
    #[serde(default, with = "optional_hhmm", skip_serializing_if = "Option::is_none")]
    pub at: Option<NaiveTime>,
}

/// Why a policy makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// `hours_before` is out of its range.
    #[error("a reminder is sent 1 to {MOST_HOURS_BEFORE} hours before the visit, not {0}")]
    HoursBefore(u8),
    /// `min_lead_minutes` is so small that the reminder could arrive with the visit.
    #[error("the last reminder must leave at least {LEAST_LEAD_MINUTES} minutes to the visit, not {0}")]
    LeadTooShort(u16),
    /// `min_lead_minutes` forbids the very reminder that `hours_before` asks for.
    #[error("a reminder {hours} h before the visit can never leave {lead} minutes to it")]
    LeadExceedsHours {
        /// `hours_before`.
        hours: u8,
        /// `min_lead_minutes`.
        lead: u16,
    },
    /// The fixed time of day has seconds.
    #[error("the reminder's time of day must be in whole minutes, not {0}")]
    NotAWholeMinute(NaiveTime),
}

impl ReminderPolicy {
    /// Checks and makes a policy. `hours_before` is in real hours, `min_lead_minutes` the least distance of any reminder
    /// to its visit.
    pub fn new(day_before: Option<DayBefore>, hours_before: Option<u8>, min_lead_minutes: u16) -> Result<Self, PolicyError> {
        if min_lead_minutes < LEAST_LEAD_MINUTES {
            return Err(PolicyError::LeadTooShort(min_lead_minutes));
        }
        if let Some(hours) = hours_before {
            if !(1..=MOST_HOURS_BEFORE).contains(&hours) {
                return Err(PolicyError::HoursBefore(hours));
            }
            if u16::from(hours) * 60 < min_lead_minutes {
                return Err(PolicyError::LeadExceedsHours { hours, lead: min_lead_minutes });
            }
        }
        if let Some(odd) = day_before.and_then(|day| day.at).filter(|time| !hhmm::is_whole_minute(*time)) {
            return Err(PolicyError::NotAWholeMinute(odd));
        }
        Ok(Self { day_before, hours_before, min_lead_minutes })
    }

    /// The reminder of the day before, if there is one.
    pub const fn day_before(&self) -> Option<DayBefore> {
        self.day_before
    }

    /// How many real hours before the visit the second reminder comes, if there is one.
    pub const fn hours_before(&self) -> Option<u8> {
        self.hours_before
    }

    /// The least distance of any reminder to its visit, in minutes.
    pub const fn min_lead_minutes(&self) -> u16 {
        self.min_lead_minutes
    }
}

impl Default for ReminderPolicy {
    fn default() -> Self {
        Self {
            day_before: Some(DayBefore::default()),
            hours_before: Some(DEFAULT_HOURS_BEFORE),
            min_lead_minutes: DEFAULT_LEAD_MINUTES,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    day_before: Option<DayBefore>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hours_before: Option<u8>,
    #[serde(default = "default_lead")]
    min_lead_minutes: u16,
}

const fn default_lead() -> u16 {
    DEFAULT_LEAD_MINUTES
}

impl TryFrom<Written> for ReminderPolicy {
    type Error = PolicyError;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        Self::new(written.day_before, written.hours_before, written.min_lead_minutes)
    }
}

impl From<ReminderPolicy> for Written {
    fn from(policy: ReminderPolicy) -> Self {
        let ReminderPolicy { day_before, hours_before, min_lead_minutes } = policy;
        Self { day_before, hours_before, min_lead_minutes }
    }
}

mod optional_hhmm {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::hhmm;

    pub(super) fn serialize<S: Serializer>(time: &Option<NaiveTime>, to: S) -> Result<S::Ok, S::Error> {
        time.map(hhmm::format).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NaiveTime>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let time =
            hhmm::parse(&text).ok_or_else(|| D::Error::custom(format_args!("{text:?} is not a time of day: write HH:MM")))?;
        Ok(Some(time))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    #[test]
    fn is_written_as_it_is_read() {
        for written in [
            json!({"day_before": {"at": "18:00"}, "hours_before": 2, "min_lead_minutes": 30}),
            json!({"day_before": {}, "min_lead_minutes": 45}),
            json!({"min_lead_minutes": 5}),
        ] {
            let policy: ReminderPolicy = from_value(written.clone()).unwrap();
            assert_eq!(to_value(policy).unwrap(), written);
        }
        let default: ReminderPolicy = from_value(json!({"day_before": {"at": null}, "hours_before": 2})).unwrap();
        assert_eq!(default, ReminderPolicy::default());
    }

    #[test]
    fn nonsense_is_refused_with_its_reason() {
        let refused = |written: Value| from_value::<ReminderPolicy>(written).unwrap_err().to_string();
        assert!(refused(json!({"hours_before": 0})).contains("1 to 72 hours"));
        assert!(refused(json!({"hours_before": 73})).contains("1 to 72 hours"));
        assert!(refused(json!({"min_lead_minutes": 4})).contains("at least 5 minutes"));
        assert!(refused(json!({"hours_before": 1, "min_lead_minutes": 61})).contains("can never leave"));
        assert!(refused(json!({"day_before": {"at": "18:00:30"}})).contains("HH:MM"));
        assert!(refused(json!({"day_before": {"hour": 18}})).contains("unknown field"));
        let odd = NaiveTime::from_hms_opt(18, 0, 1);
        assert!(matches!(ReminderPolicy::new(Some(DayBefore { at: odd }), None, 30), Err(PolicyError::NotAWholeMinute(_))));
    }
}
