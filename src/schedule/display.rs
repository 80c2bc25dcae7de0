//! A visit's day and time as a client reads them, on the salon's wall clock.
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
    months_short: [&'static str; 12],
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
    months_short: ["янв", "фев", "мар", "апр", "мая", "июн", "июл", "авг", "сен", "окт", "ноя", "дек"],
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
    months_short: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
};

const fn names(lang: Lang) -> &'static Names {
    match lang {
        Lang::Ru => &RU,
        Lang::En => &EN,
    }
}

/// `ср, 14 мая, 15:00` / `Wed, 14 May, 15:00`.
pub fn visit_when(start: DateTime<Utc>, tz: Tz, lang: Lang) -> String {
    format!("{}, {}", visit_day(start, tz, lang), visit_time(start, tz))
}

/// `ср, 14 мая` / `Wed, 14 May`: the day of the visit at the salon.
pub fn visit_day(start: DateTime<Utc>, tz: Tz, lang: Lang) -> String {
    let date = zone::to_local(start, tz).date();
    day(date, lang, &names(lang).months)
}

/// `15:00`: the time of the visit at the salon, on a 24-hour clock whose midnight is `00:00`.
pub fn visit_time(start: DateTime<Utc>, tz: Tz) -> String {
    let time = zone::to_local(start, tz).time();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// `ср, 14 мая` / `Wed, 14 May` with months of three letters: the label of a day to choose, at most 11 characters.
pub fn day_button(date: NaiveDate, lang: Lang) -> String {
    day(date, lang, &names(lang).months_short)
}

fn day(date: NaiveDate, lang: Lang, months: &[&str; 12]) -> String {
    // Both indices are in range by chrono's contract.
    let weekday = names(lang).weekdays[date.weekday().num_days_from_monday() as usize];
    format!("{weekday}, {} {}", date.day(), months[date.month0() as usize])
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
    fn every_day_of_a_year_has_its_names_and_a_short_button() {
        for date in NaiveDate::from_ymd_opt(2028, 1, 1).unwrap().iter_days().take(366) {
            assert_eq!(day_button(date, Lang::En), date.format("%a, %-d %b").to_string());
            let long = visit_day(date.and_hms_opt(12, 0, 0).unwrap().and_utc(), Tz::UTC, Lang::En);
            assert_eq!(long, date.format("%a, %-d %B").to_string());
            for lang in Lang::ALL {
                assert!(day_button(date, lang).chars().count() <= 11);
            }
        }
        let date = NaiveDate::from_ymd_opt(2026, 9, 6).unwrap();
        assert_eq!(day_button(date, Lang::Ru), "вс, 6 сен");
    }
}
