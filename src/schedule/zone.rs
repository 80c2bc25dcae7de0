//! Between instants and a zone's wall clock.
//!
//! Instant to wall clock is a function. The other way is not, so the rule is stated once, here: a wall-clock time means
//! **the first instant at which the zone's clock shows that time or a later one**. Hence
//!
//! - a time in a gap (clocks go forward over it) is the first instant after the gap;
//! - a time that comes twice (clocks go back) is the earlier of the two instants;
//! - a time on a day that a zone skipped whole (Pacific/Apia, 30 December 2011) is the start of the next day there.
//!
//! Arithmetic saturates at the ends of chrono's range, so no date from outside can panic.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

pub(super) const DAY: i64 = 24 * 60 * 60;

/// No zone was ever further from UTC (Manila's local mean time was -15:56:08).
const WIDEST_OFFSET: i64 = 16 * 60 * 60;

/// Shorter than the time between any two offset changes of one zone, as is twice [`WIDEST_OFFSET`]: `schedule::tests` checks
/// both against the database.
const PROBE: i64 = 6 * 60 * 60;

/// A zone name that is not in the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {0:?}: use an IANA name such as \"Asia/Almaty\"")]
pub struct UnknownZone(String);

/// Reads an IANA zone name, exact in case. Fixed offsets (`+05:00`) and Windows names are refused: they know no DST.
pub fn parse_zone(name: &str) -> Result<Tz, UnknownZone> {
    name.parse().map_err(|_| UnknownZone(name.to_owned()))
}

/// What the zone's wall clock shows at an instant.
pub fn to_local(at: DateTime<Utc>, tz: Tz) -> NaiveDateTime {
    let utc = at.naive_utc();
    let offset = tz.offset_from_utc_datetime(&utc).fix();
    utc.checked_add_offset(offset).unwrap_or(utc)
}

/// The instant of a wall-clock time, by the module's rule.
pub fn to_utc(local: NaiveDateTime, tz: Tz) -> DateTime<Utc> {
    match tz.from_local_datetime(&local) {
        LocalResult::Single(at) => at.with_timezone(&Utc),
        LocalResult::Ambiguous(one, other) => one.min(other).with_timezone(&Utc),
        LocalResult::None => instant(end_of_gap(local.and_utc().timestamp(), tz)),
    }
}

/// Minutes since local midnight, 0 to 1439: midnight is 0, never 24:00, and a +05:45 zone is as exact as any.
pub fn minute_of_day(at: DateTime<Utc>, tz: Tz) -> u32 {
    to_local(at, tz).num_seconds_from_midnight() / 60
}

/// How many midnights of the zone lie between `now` and `at`: 0 is today, 1 is tomorrow, whatever the hours between them.
pub fn days_until(at: DateTime<Utc>, now: DateTime<Utc>, tz: Tz) -> i64 {
    (to_local(at, tz).date() - to_local(now, tz).date()).num_days()
}

/// Seconds since local midnight at a Unix time.
pub(super) fn second_of_day(unix: i64, tz: Tz) -> i64 {
    (unix + offset_at(unix, tz)).rem_euclid(DAY)
}

/// The first change of the zone's offset in `(after, until]`, as the Unix time of the first second under the new offset.
pub(super) fn first_change(after: i64, until: i64, tz: Tz) -> Option<i64> {
    let mut low = after;
    while low < until {
        let high = until.min(low + PROBE);
        if let Some(change) = change_within(low, high, tz) {
            return Some(change);
        }
        low = high;
    }
    None
}

/// The last change of the zone's offset in `(after, until]`, as the Unix time of the first second under the new offset.
pub(super) fn last_change(after: i64, until: i64, tz: Tz) -> Option<i64> {
    let mut high = until;
    while after < high {
        let low = after.max(high - PROBE);
        if let Some(change) = change_within(low, high, tz) {
            return Some(change);
        }
        high = low;
    }
    None
}

/// A Unix time as an instant.
pub(super) fn instant(unix: i64) -> DateTime<Utc> {
    let nearest_end = if unix < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    DateTime::from_timestamp(unix, 0).unwrap_or(nearest_end)
}

/// `at` moved by `by`.
pub(super) fn shift(at: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    let nearest_end = if by < TimeDelta::zero() { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC };
    at.checked_add_signed(by).unwrap_or(nearest_end)
}

fn offset_at(unix: i64, tz: Tz) -> i64 {
    i64::from(tz.offset_from_utc_datetime(&instant(unix).naive_utc()).fix().local_minus_utc())
}

/// The change between two times no more than [`PROBE`] apart, by bisection.
fn change_within(mut low: i64, mut high: i64, tz: Tz) -> Option<i64> {
    let old = offset_at(low, tz);
    if offset_at(high, tz) == old {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_at(middle, tz) == old {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// The first second after the gap that `local` (a wall-clock time read as if it were Unix time) lies in.
fn end_of_gap(local: i64, tz: Tz) -> i64 {
    let change = first_change(local - WIDEST_OFFSET, local + WIDEST_OFFSET, tz);
    change.unwrap_or_else(|| local - offset_at(local, tz))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%F %T").unwrap()
    }

    fn resolved(zone: &str, text: &str) -> String {
        to_utc(local(text), parse_zone(zone).unwrap()).format("%F %T").to_string()
    }

    #[test]
    fn gap_is_the_first_instant_after_it_and_fold_the_earlier_instant() {
        for (zone, wall, utc) in [
            ("Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29 00:59:59"),
            ("Europe/Berlin", "2026-03-29 02:00:00", "2026-03-29 01:00:00"),
            ("Europe/Berlin", "2026-03-29 02:59:59", "2026-03-29 01:00:00"),
            ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25 00:30:00"),
            ("Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25 02:00:00"),
            ("Australia/Lord_Howe", "2026-10-04 02:15:00", "2026-10-03 15:30:00"),
            ("Asia/Kathmandu", "2026-05-14 10:00:00", "2026-05-14 04:15:00"),
            ("Africa/Cairo", "2026-04-24 00:30:00", "2026-04-23 22:00:00"),
        ] {
            assert_eq!(resolved(zone, wall), utc, "{zone} {wall}");
        }
    }

    #[test]
    fn a_day_that_was_skipped_whole_is_the_start_of_the_next() {
        for wall in ["2011-12-30 00:00:00", "2011-12-30 12:00:00", "2011-12-30 23:59:59", "2011-12-31 00:00:00"] {
            assert_eq!(resolved("Pacific/Apia", wall), "2011-12-30 10:00:00", "{wall}");
        }
    }

    #[test]
    fn only_iana_names_are_zones() {
        assert_eq!(parse_zone("Asia/Almaty"), Ok(Tz::Asia__Almaty));
        for wrong in ["+05:00", "UTC+5", "Russian Standard Time", "asia/almaty", " Asia/Almaty", ""] {
            assert!(parse_zone(wrong).unwrap_err().to_string().contains("IANA"), "{wrong}");
        }
    }

    #[test]
    fn tomorrow_begins_at_the_salons_midnight() {
        let days = |at: &str, now: &str| days_until(at.parse().unwrap(), now.parse().unwrap(), Tz::Asia__Almaty);
        assert_eq!(days("2026-05-14T19:00:00Z", "2026-05-14T18:59:59Z"), 1);
        assert_eq!(days("2026-05-15T18:59:59Z", "2026-05-14T19:00:00Z"), 0);
        assert_eq!(days("2026-05-13T18:00:00Z", "2026-05-14T19:00:00Z"), -2);
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        for tz in [Tz::Pacific__Kiritimati, Tz::Pacific__Niue, Tz::Asia__Kathmandu] {
            for at in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
                to_utc(to_local(at, tz), tz);
                minute_of_day(at, tz);
            }
        }
    }
}
