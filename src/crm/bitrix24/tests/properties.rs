use chrono::{DateTime, Offset};
use chrono_tz::{TZ_VARIANTS, Tz};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{
    fields::{line, plain},
    inbound, wire,
};
use crate::crm::CrmSecrets;

fn zones() -> impl Strategy<Value = Tz> {
    (0..TZ_VARIANTS.len()).prop_map(|at| TZ_VARIANTS[at])
}

proptest! {
    /// What is written is one line of what was given, no longer than allowed, and writing it again changes nothing.
    #[test]
    fn a_name_is_one_line(name in "\\PC{0,40}|[ \\t\\n\\u{0}-\\u{1f}a-zа-я]{0,80}", longest in 1_usize..60) {
        match line(&name, longest) {
            None => prop_assert!(name.chars().all(|c| c.is_whitespace() || c.is_control())),
            Some(written) => {
                prop_assert!(!written.is_empty() && written.chars().count() <= longest);
                prop_assert!(!written.chars().any(char::is_control));
                prop_assert_eq!(written.trim(), &written);
                prop_assert_eq!(line(&written, longest), Some(written.clone()));
            }
        }
    }

    /// No tag opens, and nothing that can be seen is changed.
    #[test]
    fn no_words_are_a_tag(text in "(\\PC|\\[|\\]|/|b|URL=){0,60}") {
        let written = plain(&text);
        prop_assert!(!written.contains("[b") && !written.contains("[/") && !written.contains("[U"));
        prop_assert_eq!(written.replace("[\u{200b}", "["), text);
    }

    /// The moment comes back, and its offset is always there, in hours and minutes.
    #[test]
    fn a_moment_keeps_its_offset(seconds in 0_i64..4_000_000_000, zone in zones()) {
        let moment = DateTime::from_timestamp(seconds, 0).unwrap();
        let local = moment.with_timezone(&zone);
        let written = wire::at(&local);
        let tail = &written[written.len() - 6..];
        prop_assert!(matches!(tail.as_bytes(), [b'+' | b'-', _, _, b':', _, _]), "{}", written);
        // Offsets had seconds before time zones did.
        if local.offset().fix().local_minus_utc() % 60 == 0 {
            let read = wire::moment(&json!({"at": written.clone()}), "at");
            prop_assert_eq!(read, Some(moment), "{}", written);
        }
    }

    /// A post of anything is taken apart or refused, and never panics.
    #[test]
    fn any_post_is_read(body in prop::collection::vec(any::<u8>(), 0..200), pairs in "(event|data|FIELDS|ID|ts|\\[|\\]|=|&|%|[0-9A-Z]){0,60}") {
        for body in [&body[..], pairs.as_bytes()] {
            prop_assert!(inbound::verify(body, &CrmSecrets::default()).is_err());
            let secrets = CrmSecrets { webhook_secret: Some("s3cr3t".into()), ..CrmSecrets::default() };
            prop_assert!(inbound::verify(body, &secrets).is_err());
            if let Ok(hints) = inbound::parse(body) {
                prop_assert!(!hints.is_empty());
            }
        }
    }

    /// Any JSON is a time, or none.
    #[test]
    fn any_counters_are_read(spent in any::<f64>(), reset in any::<f64>(), finish in any::<i64>()) {
        let time = json!({"operating": spent, "operating_reset_at": reset, "finish": finish.to_string()});
        let operating = wire::Operating::read(&time);
        prop_assert!(operating.resets_in.is_none_or(|wait| wait >= 0.0));
        if let Some(wait) = super::super::call::resets_in(operating) {
            prop_assert!(wait.as_secs() <= 600);
        }
        prop_assert_eq!(wire::Operating::read(&Value::Null), wire::Operating::default());
    }
}
