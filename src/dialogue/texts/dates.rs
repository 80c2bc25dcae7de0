//! Days that are near. How a day and a time are named at all is told by `schedule`.

use chrono::NaiveDate;

use super::{fill, phrases};
use crate::{lang::Lang, schedule::day_name};

/// The day, with "today" or "tomorrow" before it where it is one.
pub(in crate::dialogue) fn near_day(lang: Lang, date: NaiveDate, today: NaiveDate) -> String {
    let words = phrases(lang);
    let plain = day_name(date, lang);
    match date.signed_duration_since(today).num_days() {
        0 => fill(words.today, &[("day", &plain)]),
        1 => fill(words.tomorrow, &[("day", &plain)]),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_and_tomorrow_are_named() {
        let today = NaiveDate::from_ymd_opt(2025, 12, 31).unwrap();
        let tomorrow = today.succ_opt().unwrap();
        assert_eq!(near_day(Lang::Ru, today, today), "сегодня, ср, 31 декабря");
        assert_eq!(near_day(Lang::En, tomorrow, today), "tomorrow, Thu, 1 January");
        assert_eq!(near_day(Lang::En, tomorrow.succ_opt().unwrap(), today), "Fri, 2 January");
    }
}
