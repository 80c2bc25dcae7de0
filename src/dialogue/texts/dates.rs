//! Days and times as a client reads them, always in the salon's zone.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;

use super::{fill, phrases};
use crate::lang::Lang;

/// The moment in `zone`. Chrono panics when the local time is past the end of its calendar, and a time from outside can
/// be any: those far from every salon's life are brought near.
pub(in crate::dialogue) fn local(at: DateTime<Utc>, zone: Tz) -> DateTime<Tz> {
    const YEAR_2191: i64 = 7_000_000_000;
    let last = DateTime::from_timestamp(YEAR_2191, 0).unwrap_or(DateTime::UNIX_EPOCH);
    at.clamp(DateTime::UNIX_EPOCH, last).with_timezone(&zone)
}

/// The day, as in "ср, 14 мая" or "Wed, 14 May".
fn day(lang: Lang, date: NaiveDate) -> String {
    let words = phrases(lang);
    let name = |names: &[&'static str], index: u32| {
        usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or_default()
    };
    let weekday = name(&words.weekdays, date.weekday().num_days_from_monday());
    format!("{weekday}, {} {}", date.day(), name(&words.months, date.month0()))
}

/// The day, with "today" or "tomorrow" before it where it is one.
pub(in crate::dialogue) fn near_day(lang: Lang, date: NaiveDate, today: NaiveDate) -> String {
    let words = phrases(lang);
    let plain = day(lang, date);
    match date.signed_duration_since(today).num_days() {
        0 => fill(words.today, &[("day", &plain)]),
        1 => fill(words.tomorrow, &[("day", &plain)]),
        _ => plain,
    }
}

/// The time of day, as in "09:30".
pub(in crate::dialogue) fn time(at: DateTime<Utc>, zone: Tz) -> String {
    local(at, zone).format("%H:%M").to_string()
}

/// The day and the time.
pub(in crate::dialogue) fn moment(lang: Lang, at: DateTime<Utc>, zone: Tz) -> String {
    format!("{}, {}", day(lang, local(at, zone).date_naive()), time(at, zone))
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn a_moment_is_told_in_the_salons_zone() {
        let at = Utc.with_ymd_and_hms(2025, 5, 13, 21, 30, 0).unwrap();
        assert_eq!(moment(Lang::Ru, at, Tz::Asia__Almaty), "ср, 14 мая, 02:30");
        assert_eq!(moment(Lang::En, at, Tz::Europe__London), "Tue, 13 May, 22:30");
    }

    #[test]
    fn today_and_tomorrow_are_named() {
        let today = NaiveDate::from_ymd_opt(2025, 12, 31).unwrap();
        let tomorrow = today.succ_opt().unwrap();
        assert_eq!(near_day(Lang::Ru, today, today), "сегодня, ср, 31 декабря");
        assert_eq!(near_day(Lang::En, tomorrow, today), "tomorrow, Thu, 1 January");
        assert_eq!(near_day(Lang::En, tomorrow.succ_opt().unwrap(), today), "Fri, 2 January");
    }
}
