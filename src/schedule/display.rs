//! Days and times as people read them, on the salon's wall clock: in the chat, in the CRM, on a button.
//!
//! Days are named without a year: a visit is weeks away, and a button has little room.

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

use super::zone;
use crate::lang::Lang;

struct Names {
    /// Monday first.
    weekdays: [&'static str; 7],
    /// As they stand after the day's number.
    months: [&'static str; 12],
}

const RU: Names = Names {
    weekdays: ["пн", "вт", "ср", "чт", "пт", "сб", "вс"],
    months: [
        "января",
        "февраля",
        "марта",
        "апреля",
        "мая",
        "июня",
        "июля",
        "августа",
        "сентября",
        "октября",
        "ноября",
        "декабря",
    ],
};

const EN: Names = Names {
    weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
};

const fn names(lang: Lang) -> &'static Names {
    match lang {
        Lang::Ru => &RU,
        Lang::En => &EN,
    }
}

/// `ср, 14 мая, 15:00` / `Wed, 14 May, 15:00`.
pub fn visit_when(start: DateTime<Utc>, tz: Tz, lang: Lang) -> String {
    format!("{}, {}", day_name(zone::to_local(start, tz).date(), lang), visit_time(start, tz))
}

/// `15:00`: the time of the visit at the salon, on a 24-hour clock whose midnight is `00:00`.
pub fn visit_time(start: DateTime<Utc>, tz: Tz) -> String {
    let time = zone::to_local(start, tz).time();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// `ср, 14 мая` / `Wed, 14 May`.
pub fn day_name(date: NaiveDate, lang: Lang) -> String {
    let names = names(lang);
    // Both indices are in range by chrono's contract.
    let weekday = names.weekdays[date.weekday().num_days_from_monday() as usize];
    format!("{weekday}, {} {}", date.day(), names.months[date.month0() as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_visit_is_shown_in_the_salons_zone() {
        let start = at("2025-05-14T10:00:00Z");
        assert_eq!(visit_when(start, Tz::Asia__Almaty, Lang::Ru), "ср, 14 мая, 15:00");
        assert_eq!(visit_when(start, Tz::Asia__Almaty, Lang::En), "Wed, 14 May, 15:00");
        assert_eq!(visit_when(start, Tz::Asia__Kathmandu, Lang::En), "Wed, 14 May, 15:45");
        assert_eq!(visit_when(at("2025-12-31T19:05:00Z"), Tz::Asia__Almaty, Lang::Ru), "чт, 1 января, 00:05");
    }

    #[test]
    fn every_day_of_a_year_has_its_names() {
        for date in NaiveDate::from_ymd_opt(2028, 1, 1).unwrap().iter_days().take(366) {
            assert_eq!(day_name(date, Lang::En), date.format("%a, %-d %B").to_string());
            for lang in Lang::ALL {
                assert!(day_name(date, lang).split(' ').all(|word| !word.is_empty()));
            }
        }
    }

    /// A time from outside can be any.
    #[test]
    fn the_ends_of_the_calendar_are_told_too() {
        for start in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            for tz in [Tz::Pacific__Kiritimati, Tz::Pacific__Niue] {
                assert!(visit_when(start, tz, Lang::Ru).ends_with(&visit_time(start, tz)));
            }
        }
    }
}
