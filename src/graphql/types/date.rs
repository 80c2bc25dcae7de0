//! erxes' scalar for moments.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, SecondsFormat, Utc};

/// A moment. Answered as ISO-8601 in UTC with milliseconds; taken as ISO-8601 with an offset, or as milliseconds since 1970, which
/// is the one form that erxes takes as a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date(pub DateTime<Utc>);

#[Scalar(name = "Date", use_type_description = false)]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let moment = match &value {
            Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()),
            Value::Number(number) => number.as_i64().and_then(DateTime::from_timestamp_millis),
            _ => None,
        };
        // PostgreSQL's times end long before chrono's.
        let sane = moment.filter(|moment| (0..=253_402_300_799).contains(&moment.timestamp()));
        sane.map(Self).ok_or_else(|| InputValueError::custom("must be ISO-8601 with an offset, or milliseconds since 1970"))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl From<DateTime<Utc>> for Date {
    fn from(moment: DateTime<Utc>) -> Self {
        Self(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_with_its_offset_and_told_in_utc() {
        let moment = Date::parse(Value::from("2026-11-22T13:00:00+03:00")).unwrap();
        assert_eq!(moment.to_value(), Value::from("2026-11-22T10:00:00.000Z"));
        assert_eq!(Date::parse(Value::from(1_795_341_600_000_i64)).unwrap(), moment);
    }

    #[test]
    fn what_names_no_moment_is_refused() {
        for text in ["", "2026-11-22", "2026-11-22T13:00:00", "tomorrow", "+262000-01-01T00:00:00Z"] {
            assert!(Date::parse(Value::from(text)).is_err(), "{text}");
        }
        assert!(Date::parse(Value::from(i64::MAX)).is_err());
        assert!(Date::parse(Value::Null).is_err());
    }
}
