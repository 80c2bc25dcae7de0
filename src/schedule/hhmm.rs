//! `HH:MM`, the one way a time of day is written in settings and over the API.

use chrono::{NaiveTime, Timelike};

/// Reads exactly two digits, a colon, two digits. chrono alone would also take `9:5` and `+9:05`.
pub(super) fn parse(text: &str) -> Option<NaiveTime> {
    let bytes = text.as_bytes();
    let [h1, h2, b':', m1, m2] = bytes else {
        return None;
    };
    let digit = |b: &u8| b.is_ascii_digit().then(|| u32::from(b - b'0'));
    NaiveTime::from_hms_opt(digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?, 0)
}

/// Writes `HH:MM`; midnight is `00:00`.
pub(super) fn format(time: NaiveTime) -> String {
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// Whether `HH:MM` says all there is to say about `time`.
pub(super) fn is_whole_minute(time: NaiveTime) -> bool {
    time.second() == 0 && time.nanosecond() == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_two_digits_colon_two_digits() {
        assert_eq!(parse("00:00"), NaiveTime::from_hms_opt(0, 0, 0));
        assert_eq!(parse("23:59"), NaiveTime::from_hms_opt(23, 59, 0));
        for wrong in ["24:00", "9:00", "09:60", "09:00:00", "0900", " 9:00", "+9:00", "", "٠٩:٠٠"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_minute_of_the_day_survives_the_round_trip() {
        for minute in 0..24 * 60 {
            let time = NaiveTime::from_num_seconds_from_midnight_opt(minute * 60, 0).unwrap();
            assert_eq!(parse(&format(time)), Some(time));
        }
    }
}
