//! The file as a whole: what is taken, what is refused and in which words.

mod agreement;
mod refused;

use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::*;

/// A small file without problems; the cases of `refused` change one thing in it.
const GOOD: &str = include_str!("good.yaml");
const EXAMPLE: &str = include_str!("../../../../schema/examples/salon.yaml");

/// Knows `SECRET_...` variables and any file under `/run/secrets`.
fn secrets(reference: &SecretRef) -> Result<SecretString, SecretError> {
    match reference {
        SecretRef::Env(name) if name.ends_with("BOT_TOKEN") => Ok("123456:AAH-token".into()),
        SecretRef::Env(name) if name.ends_with("BROKEN") => Ok("two words".into()),
        SecretRef::Env(name) if name.starts_with("LOTOS_") => Ok("from-env".into()),
        SecretRef::File(path) if path.starts_with("/run/secrets/") => Ok("0123456789abcdef0123456789abcdef\r\n".into()),
        SecretRef::File(path) if path.starts_with("/secret/") => Err(SecretError::Unreadable("permission denied".to_owned())),
        _ => Err(SecretError::Missing),
    }
}

fn messages(text: &str) -> Vec<String> {
    match load(text, &secrets) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn the_example_says_what_it_says() {
    let file = load(EXAMPLE, &secrets).unwrap();
    assert_eq!(file.slug, "lotos");
    assert_eq!(file.name, "Салон «Лотос»");
    assert_eq!(file.zone, chrono_tz::Europe::Moscow);
    assert_eq!(file.languages, [Language::Ru, Language::En]);
    assert_eq!(file.reminders.hours_before, Some(2));
    let six_pm = chrono::NaiveTime::from_hms_opt(18, 0, 0).unwrap();
    assert_eq!(file.reminders.day_before, DayBefore::At(six_pm));
    assert_eq!(file.cancel_until_hours, 3);
    assert_eq!(file.calcom.api_key.expose_secret(), "from-env");
    let webhook_secret = file.calcom.webhook_secret.unwrap();
    assert_eq!(webhook_secret.expose_secret(), "0123456789abcdef0123456789abcdef");
    assert_eq!(file.services[0].title.get(Language::En), Some("Women's haircut"));
    assert_eq!(file.services[2].title.get(Language::Ru), Some("Brow bar"));
    assert_eq!(file.staff[1].services[0].event_type_id, 50313);
    assert_eq!(file.channels[0].name(), "main");
}

#[test]
fn what_is_left_out_has_its_default() {
    let file = load(GOOD, &secrets).unwrap();
    assert_eq!(file.phone_region, phonenumber::country::Id::RU);
    assert_eq!(file.quiet_hours, QuietHours::default());
    assert_eq!(file.reminders, Reminders::default());
    assert_eq!(file.reminders.day_before, DayBefore::SameTime);
    assert_eq!(file.cancel_until_hours, 2);
    assert!(file.erxes.is_none());
    assert!(file.calcom.webhook_secret.is_none());
    let Channel::Telegram(telegram) = &file.channels[0] else { panic!() };
    assert!(telegram.secret_token.is_none());
    assert_eq!(telegram.base_url, "https://api.telegram.org");
}

#[test]
fn json_is_read_as_well_as_yaml() {
    let value = parse::parse(EXAMPLE).map(|document| document.value).unwrap_or_default();
    let compact = serde_json::to_string(&value).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    for text in [compact, pretty.clone(), pretty.replace("  ", "\t"), pretty.replace('\n', "\r\n")] {
        let file = load(&text, &secrets).unwrap();
        assert_eq!(file.services.len(), 3);
        assert_eq!(file.name, "Салон «Лотос»");
    }
}

#[test]
fn json_escapes_are_read_as_json_has_them() {
    let value = parse::parse(GOOD).map(|document| document.value).unwrap_or_default();
    let text = serde_json::to_string(&value).unwrap();
    let name = r#""\u041b\ud83d\uDC87 \\ud83d \" \/ \\""#;
    let text = text.replace("\"Лотос\"", name);
    let file = load(&text, &secrets).unwrap();
    assert_eq!(file.name, r#"Л💇 \ud83d " / \"#);
    assert_eq!(file.name, serde_json::from_str::<String>(name).unwrap());
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert!(load(&windows, &secrets).is_ok());
    assert_eq!(
        messages(&windows.replace("minutes: 60", "minutes: 0")),
        ["line 16: services[0].minutes: must be between 5 and 720 (got 0)"]
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let errors = load_bytes(b"slug: a\nname: \xff\n", &secrets).unwrap_err();
    assert_eq!(errors.to_string(), "line 2: the file: must be text in UTF-8");
    assert!(load_bytes(GOOD.as_bytes(), &secrets).is_ok());
}

#[test]
fn every_problem_is_reported_in_the_order_of_lines() {
    let text = GOOD
        .replace("minutes: 60", "minutes: 0")
        .replace("slug: lotos", "slug: L")
        .replace("event_type_id: 11", "event_type_id: eleven")
        .replace("service: brows", "service: browz")
        .replace("zone: Europe/Moscow", "zone: Europe/Moskow")
        .replace("SECRET_BOT_TOKEN", "NOT_SET");
    assert_eq!(
        messages(&text),
        [
            r#"line 1: slug: must be 3 to 40 characters of a-z, 0-9 and -, with no - at either end (got "L")"#,
            r#"line 3: zone: must be an IANA time zone, such as Europe/Moscow; did you mean Europe/Moscow? (got "Europe/Moskow")"#,
            "line 11: channels[0].bot_token: the environment variable it names does not exist",
            "line 16: services[0].minutes: must be between 5 and 720 (got 0)",
            "line 25: staff[0].services[0].event_type_id: must be a whole number from 1 (got text)",
            r#"line 26: staff[0].services[1].service: must be the key of a service of this file; did you mean brows? (got "browz")"#,
        ]
    );
}

#[test]
fn problems_beyond_fifty_are_counted() {
    let many: String = (0..80).map(|n| format!("unknown{n}: 1\n")).collect();
    let printed = messages(&format!("{GOOD}{many}"));
    assert_eq!(printed.len(), 51);
    assert_eq!(printed[50], "... and 30 more");
}

/// Secrets in every place that one could land in by mistake.
#[test]
fn no_secret_is_ever_repeated() {
    let secret = "k3y k3y:K3Y";
    let q = format!("{secret:?}");
    let places = [
        ("env: LOTOS_KEY", format!("env: {q}")),
        ("{ env: LOTOS_KEY }", q.clone()),
        ("{ env: LOTOS_KEY }", format!("[{q}]")),
        ("{ env: LOTOS_KEY }", format!("{{ {q}: 1 }}")),
        ("{ env: LOTOS_KEY }", format!("{{ env: {{ {q}: {q} }} }}")),
        ("{ env: LOTOS_KEY }", format!("{{ env: [{q}], file: {q}, {q}: {q} }}")),
        ("{ env: LOTOS_KEY }", format!("{{ {q}: 1, {q}: 2 }}")),
        ("{ env: LOTOS_KEY }", "{ env: LOTOS_BROKEN }".to_owned()),
        ("{ env: SECRET_BOT_TOKEN }", q.clone()),
        ("https://api.cal.com", q.clone()),
        ("https://api.cal.com", "https://user:k3y@api.cal.com".to_owned()),
        ("https://api.cal.com", "https://k3y@:x".to_owned()),
        ("api_key:", format!("api_kye: {q}\n  api_key:")),
        ("minutes: 60", format!("minutes: {q}")),
        ("slug: lotos", format!("slug: [{q}]")),
    ];
    for (from, to) in places {
        let text = GOOD.replace(from, &to);
        assert_ne!(text, GOOD, "{from} is not in the file");
        let errors = load(&text, &secrets).expect_err(&text);
        let printed = format!("{errors}\n{errors:?}");
        for part in ["k3y", "K3Y", "two words"] {
            assert!(!printed.contains(part), "{to} leaks:\n{printed}");
        }
    }
}

#[test]
fn debug_shows_no_secret() {
    let printed = format!("{:?}", load(EXAMPLE, &secrets).unwrap());
    for secret in ["from-env", "0123456789abcdef", "AAH-token"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = load_bytes(&bytes, &secrets);
    }

    #[test]
    fn arbitrary_yaml_never_panics(text in r#"([\[\]{}:,?&*!|>'"%@`#\-\\\t\n\r a-c0-9ж\u{feff}]|\\u[dD][89][0-9a-f]{2}|- |: |key|~1){0,80}"#) {
        let _ = load(&text, &secrets);
        let _ = load(&format!("{{{text}"), &secrets);
    }

    /// A slip anywhere in a good file either leaves it good or is reported on a line that it has.
    #[test]
    fn a_damaged_file_is_refused_on_one_of_its_lines(at in 0..GOOD.len(), byte in any::<u8>()) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        if let Err(errors) = load_bytes(&bytes, &secrets) {
            prop_assert!(!errors.problems().is_empty());
            let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
            for problem in errors.problems() {
                prop_assert!((1..=lines).contains(&problem.line), "{problem}");
            }
        }
    }
}
