use proptest::prelude::*;

use super::{
    super::{
        text::{NO_SURNAME, Names, plain},
        wire::{moment, read_moment},
    },
    *,
};

fn names(name: &str) -> (Option<String>, String) {
    let names = Names::of(Some(name));
    (names.first, names.last)
}

#[test]
fn a_name_is_a_first_word_and_the_rest() {
    let is = |name: &str, first: Option<&str>, last: &str| {
        assert_eq!(names(name), (first.map(str::to_owned), last.to_owned()), "{name:?}");
    };
    is("Anna", Some("Anna"), NO_SURNAME);
    is(" Anna  Maria\tvon  Berg ", Some("Anna"), "Maria von Berg");
    is("Anna -", Some("Anna"), NO_SURNAME);
    is("Анна 🌸", Some("Анна"), NO_SURNAME);
    is("🌸", Some("🌸"), NO_SURNAME);
    is("\u{0}\n", None, NO_SURNAME);
    is("", None, NO_SURNAME);
    is("O\nBrien", Some("O"), "Brien");
    assert_eq!(Names::of(None), Names { first: None, last: NO_SURNAME.to_owned() });
    let long = "ы".repeat(300);
    assert_eq!(names(&format!("{long} {long}")), (Some("ы".repeat(100)), "ы".repeat(100)));
}

#[test]
fn what_markdown_would_take_for_a_sign_is_shown_as_it_is() {
    let cases = [
        ("plain text, 12:30 - yes!", "plain text, 12:30 - yes!"),
        ("*a* _b_ `c` ~d~ [e](f) <g> h|i \\j &amp;", r"\*a\* \_b\_ \`c\` \~d\~ \[e\](f) \<g\> h\|i \\j \&amp;"),
        ("# a\n- b\n+ c\n> d\n1. e\n2) f\n---\n===", "\\# a\n\\- b\n\\+ c\n\\> d\n1\\. e\n2\\) f\n\\---\n\\==="),
        ("    code", "   code"),
        ("\t- item", " \\- item"),
        ("see https://a.test/b_c?d=e_f now_", "see https://a.test/b_c?d=e_f now\\_"),
        ("https://a.test](evil)", "https://a.test\\](evil)"),
        ("26.11.2026", "26\\.11.2026"),
        ("", ""),
    ];
    for (text, shown) in cases {
        assert_eq!(plain(text), shown);
    }
}

/// What a reader of Markdown shows of escaped text.
fn unescaped(text: &str) -> String {
    let mut shown = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && next.is_ascii_punctuation() => shown.extend(chars.next()),
            _ => shown.push(c),
        }
    }
    shown
}

#[test]
fn moments_are_read_with_and_without_seconds() {
    let expected: Option<DateTime<Utc>> = "2026-11-20T18:40:00Z".parse().ok();
    assert_eq!(read_moment("2026-11-20 18:40:00"), expected);
    assert_eq!(read_moment("2026-11-20 18:40"), expected);
    for text in ["", "2026-11-20", "2026-11-20T18:40:00Z", "2026-11-20 18:40:00.000"] {
        assert_eq!(read_moment(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_name_has_a_surname_that_is_none(name in any::<String>()) {
        let names = Names::of(Some(&name));
        prop_assert!(names.last.chars().any(char::is_alphanumeric));
        prop_assert!(names.last.chars().count() <= 100);
        prop_assert_eq!(names.last.trim(), names.last.as_str());
        prop_assert!(names.first.is_none_or(|first| !first.trim().is_empty() && first.chars().count() <= 100));
    }

    #[test]
    fn any_words_have_a_surname_that_is_no_dash(name in "[-–— ]{0,3}\\PC{0,5}[ -]{0,3}\\PC{0,120}[ -]{0,3}") {
        let last = Names::of(Some(&name)).last;
        prop_assert!(!last.is_empty() && last != "-");
    }

    #[test]
    fn any_instant_is_read_back_to_the_second(seconds in -62_135_596_800_i64..253_402_300_800, nanos in 0_u32..1_000_000_000) {
        let at = DateTime::from_timestamp(seconds, nanos).unwrap();
        let text = moment(at);
        prop_assert_eq!(text.len(), 19);
        prop_assert_eq!(read_moment(&text), DateTime::from_timestamp(seconds, 0));
    }

    #[test]
    fn any_text_is_shown_as_it_was(text in "(\\PC|\n| ){0,80}") {
        let lines = |text: &str| text.trim_end().lines().map(|line| line.trim_start().to_owned()).collect::<Vec<_>>();
        let (shown, written) = (lines(&unescaped(&plain(&text))), lines(&text));
        let addresses = text.contains("http://") || text.contains("https://");
        prop_assume!(!addresses);
        prop_assert_eq!(shown, written);
        prop_assert!(plain(&text).chars().count() <= 2 * text.chars().count());
    }
}
