//! Quiet hours: the daily stretch of local time in which nobody is messaged on our initiative.

use chrono::{DateTime, NaiveTime, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{hhmm, zone};

const LONGEST_HOURS: i64 = 20;

/// A daily window of wall-clock time, from `start` inclusive to `end` exclusive, in whole minutes; `22:00` to `09:00`
/// runs overnight. **Equal ends mean no quiet hours at all**, not a whole day of them.
///
/// The window is what the zone's wall clock shows: when clocks go back over it, its minutes are quiet both times; when
/// they go forward over its end, it ends with the gap.
///
/// Written as `{"start": "22:00", "end": "09:00"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct QuietHours {
    start: NaiveTime,
    end: NaiveTime,
}

/// Why a window cannot be quiet hours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuietHoursError {
    /// A longer window would silence the salon instead of sparing its clients' nights.
    #[error("quiet hours may last at most {LONGEST_HOURS} hours, {start} to {end} lasts longer; equal ends mean none")]
    TooLong {
        /// When it would start, `HH:MM`.
        start: String,
        /// When it would end, `HH:MM`.
        end: String,
    },
    /// Not a time of day in whole minutes.
    #[error("{0:?} is not a time of day: write HH:MM from 00:00 to 23:59")]
    NotATime(String),
}

impl QuietHours {
    /// No quiet hours.
    pub const NONE: Self = Self { start: NaiveTime::MIN, end: NaiveTime::MIN };

    /// A window of local time of at most 20 hours, in whole minutes.
    pub fn new(start: NaiveTime, end: NaiveTime) -> Result<Self, QuietHoursError> {
        if let Some(odd) = [start, end].into_iter().find(|time| !hhmm::is_whole_minute(*time)) {
            return Err(QuietHoursError::NotATime(odd.to_string()));
        }
        let lasts = (seconds(end) - seconds(start)).rem_euclid(zone::DAY);
        if lasts > LONGEST_HOURS * 60 * 60 {
            return Err(QuietHoursError::TooLong { start: hhmm::format(start), end: hhmm::format(end) });
        }
        Ok(Self { start, end })
    }

    /// The first quiet minute of the day.
    pub const fn start(&self) -> NaiveTime {
        self.start
    }

    /// The first minute that is not quiet again.
    pub const fn end(&self) -> NaiveTime {
        self.end
    }

    /// Whether there are no quiet hours.
    pub fn is_none(&self) -> bool {
        self.start == self.end
    }

    /// Whether the wall clock of `tz` shows a quiet minute at that instant.
    pub fn is_quiet(&self, at: DateTime<Utc>, tz: Tz) -> bool {
        self.covers(i64::from(zone::minute_of_day(at, tz)) * 60)
    }

    /// The first instant at or after `at` that is not quiet.
    pub fn next_allowed(&self, at: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        if !self.is_quiet(at, tz) {
            return at;
        }
        let mut quiet = at.timestamp();
        loop {
            let end = quiet + (seconds(self.end) - zone::second_of_day(quiet, tz)).rem_euclid(zone::DAY);
            let Some(change) = zone::first_change(quiet, end, tz) else {
                return zone::instant(end);
            };
            if !self.covers(zone::second_of_day(change, tz)) {
                return zone::instant(change);
            }
            quiet = change;
        }
    }

    /// The latest instant at or before `at` that is not quiet; when `at` is quiet, to the second: 21:59:59 for a window
    /// that starts at 22:00.
    pub fn last_allowed_before(&self, at: DateTime<Utc>, tz: Tz) -> DateTime<Utc> {
        if !self.is_quiet(at, tz) {
            return at;
        }
        let mut quiet = at.timestamp();
        loop {
            let start = quiet - (zone::second_of_day(quiet, tz) - seconds(self.start)).rem_euclid(zone::DAY);
            let Some(change) = zone::last_change(start - 1, quiet, tz) else {
                return zone::instant(start - 1);
            };
            if !self.covers(zone::second_of_day(change - 1, tz)) {
                return zone::instant(change - 1);
            }
            quiet = change - 1;
        }
    }

    fn covers(&self, second_of_day: i64) -> bool {
        let (start, end) = (seconds(self.start), seconds(self.end));
        if start <= end { (start..end).contains(&second_of_day) } else { !(end..start).contains(&second_of_day) }
    }
}

fn seconds(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight())
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    start: String,
    end: String,
}

impl TryFrom<Written> for QuietHours {
    type Error = QuietHoursError;

    fn try_from(Written { start, end }: Written) -> Result<Self, Self::Error> {
        let time = |text: String| hhmm::parse(&text).ok_or(QuietHoursError::NotATime(text));
        Self::new(time(start)?, time(end)?)
    }
}

impl From<QuietHours> for Written {
    fn from(QuietHours { start, end }: QuietHours) -> Self {
        Self { start: hhmm::format(start), end: hhmm::format(end) }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::json;

    use super::*;

    fn quiet(start: &str, end: &str) -> QuietHours {
        serde_json::from_value(json!({"start": start, "end": end})).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn equal_ends_are_no_quiet_hours() {
        for none in [QuietHours::NONE, quiet("13:00", "13:00")] {
            assert!(none.is_none());
            for hour in 0..24 {
                let at = at("2026-05-14T00:00:00Z") + TimeDelta::hours(hour);
                assert!(!none.is_quiet(at, Tz::UTC));
                assert_eq!(none.next_allowed(at, Tz::UTC), at);
                assert_eq!(none.last_allowed_before(at, Tz::UTC), at);
            }
        }
    }

    #[test]
    fn more_than_twenty_hours_is_refused_by_name_of_the_rule() {
        let window = |start, end| QuietHours::new(hhmm::parse(start).unwrap(), hhmm::parse(end).unwrap());
        assert!(window("10:00", "06:00").is_ok());
        let error = window("10:00", "06:01").unwrap_err();
        assert!(matches!(error, QuietHoursError::TooLong { .. }));
        assert!(error.to_string().contains("at most 20 hours"));
    }

    #[test]
    fn is_written_as_two_times_of_day_and_checked_when_read() {
        let window = json!({"start": "22:00", "end": "09:00"});
        assert_eq!(serde_json::to_value(quiet("22:00", "09:00")).unwrap(), window);
        for wrong in [
            json!({"start": "22:00", "end": "24:00"}),
            json!({"start": "22", "end": "09:00"}),
            json!({"start": "00:00", "end": "23:59"}),
            json!({"start": "22:00"}),
            json!({"start": "22:00", "end": "09:00", "zone": "UTC"}),
        ] {
            assert!(serde_json::from_value::<QuietHours>(wrong.clone()).is_err(), "{wrong}");
        }
        let odd = NaiveTime::from_hms_opt(22, 0, 30).unwrap();
        assert!(matches!(QuietHours::new(odd, odd), Err(QuietHoursError::NotATime(_))));
    }

    #[test]
    fn ends_are_exact_to_the_second() {
        let night = quiet("22:00", "09:00");
        let tz = Tz::Asia__Almaty;
        for (utc, is_quiet) in [
            ("2026-05-14T16:59:59Z", false),
            ("2026-05-14T17:00:00Z", true),
            ("2026-05-15T03:59:59.999Z", true),
            ("2026-05-15T04:00:00Z", false),
        ] {
            assert_eq!(night.is_quiet(at(utc), tz), is_quiet, "{utc}");
        }
        assert_eq!(night.next_allowed(at("2026-05-14T20:00:00.5Z"), tz), at("2026-05-15T04:00:00Z"));
        assert_eq!(night.last_allowed_before(at("2026-05-14T20:00:00.5Z"), tz), at("2026-05-14T16:59:59Z"));
    }

    #[test]
    fn an_end_inside_a_gap_is_the_end_of_the_gap() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(quiet("22:00", "02:30").next_allowed(at("2026-03-29T00:30:00Z"), berlin), at("2026-03-29T01:00:00Z"));
        let inside = quiet("02:15", "02:45");
        assert!(!inside.is_quiet(at("2026-03-29T01:00:00Z"), berlin), "the gap swallowed the whole window");
    }

    #[test]
    fn minutes_that_come_twice_are_quiet_twice() {
        let (berlin, window) = (Tz::Europe__Berlin, quiet("02:10", "02:30"));
        let (first, second) = (at("2026-10-25T00:15:00Z"), at("2026-10-25T01:15:00Z"));
        assert!(window.is_quiet(first, berlin) && window.is_quiet(second, berlin));
        assert_eq!(window.next_allowed(first, berlin), at("2026-10-25T00:30:00Z"));
        assert_eq!(window.last_allowed_before(second, berlin), at("2026-10-25T01:09:59Z"));
        let night = quiet("22:00", "02:30");
        assert_eq!(night.last_allowed_before(second, berlin), at("2026-10-25T00:59:59Z"), "02:30 to 03:00 is allowed once");
    }

    #[test]
    fn a_skipped_day_is_no_obstacle() {
        let apia = Tz::Pacific__Apia;
        let night = quiet("22:00", "09:00");
        let evening = at("2011-12-30T09:00:00Z");
        assert_eq!(night.next_allowed(evening, apia), at("2011-12-30T19:00:00Z"));
        assert_eq!(night.last_allowed_before(at("2011-12-30T12:00:00Z"), apia), at("2011-12-30T07:59:59Z"));
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for tz in [Tz::Pacific__Kiritimati, Tz::Pacific__Niue] {
            for window in [quiet("22:00", "09:00"), quiet("09:00", "05:00"), quiet("01:00", "20:00")] {
                for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                    window.next_allowed(at, tz);
                    window.last_allowed_before(at, tz);
                }
            }
        }
    }
}
