//! Everything a client reads, as data: one file per language, every phrase present in each (the compiler sees to it).

mod dates;
mod en;
mod ru;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

pub(super) use dates::near_day;

use super::words::is_invisible;
use crate::lang::Lang;

/// A line above a screen that tells why it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The pressed button belongs to an earlier screen.
    OutOfDate,
    /// The text was not understood.
    Hint,
    /// Only text and buttons are understood.
    NoMedia,
    /// The card is somebody else's.
    NotYourContact,
    /// It is not a phone number.
    BadPhone,
    /// The contact was not asked for.
    ContactNotNeeded,
    /// The time was taken by somebody else.
    JustTaken,
    /// The time has passed, or is too near.
    TooSoon,
    /// The service is no longer offered.
    ServiceGone,
    /// The master no longer does it.
    StaffGone,
    /// As many visits as allowed.
    LimitReached,
    /// The salon's calendar did not accept the number.
    PhoneRejected,
    /// The booking was not made.
    BookingFailed,
    /// Nothing can be booked online.
    NoServices,
    /// The visit is not there any more.
    VisitGone,
    /// The visit was changed by somebody else.
    VisitChanged,
    /// The visit is cancelled.
    VisitCancelled,
    /// The visit was not cancelled.
    CancelFailed,
    /// The salon's rules do not allow it now.
    CannotCancel,
}

/// The CLDR plural forms we need: English uses `one` and `many`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plural {
    one: &'static str,
    few: &'static str,
    many: &'static str,
}

macro_rules! phrase_table {
    ($($name:ident),+ $(,)?) => {
        /// The phrases of one language. `{name}` is a place for a value.
        pub(super) struct Phrases {
            $(pub(super) $name: &'static str,)+
            pub(super) minutes: Plural,
            pub(super) visits: Plural,
            pub(super) notice: fn(Notice) -> &'static str,
        }

        #[cfg(test)]
        impl Phrases {
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

phrase_table![
    own_name,
    pick_lang,
    ask_phone,
    ask_phone_typed,
    share_phone,
    phone_noted,
    home,
    home_address,
    home_visits,
    book,
    my_visits,
    change_lang,
    pick_service,
    pick_staff,
    any_staff,
    loading,
    load_failed,
    try_again,
    pick_day,
    no_days,
    later_days,
    nearest_days,
    other_staff,
    pick_time,
    no_times,
    confirm,
    confirm_yes,
    other_time,
    line_service,
    line_staff,
    line_when,
    line_price,
    line_where,
    booking,
    booking_unclear,
    booked,
    cancel_visit,
    my,
    my_empty,
    visit,
    cancel_ask,
    cancel_yes,
    cancel_no,
    cancelling,
    back,
    menu,
    more,
    open_list,
    answer_by_number,
    answer_by_word,
    today,
    tomorrow,
    confirmation,
    reminder,
    moved,
    moved_from,
    cancelled_by_salon,
    late_booked,
    late_failed,
];

/// The phrases of `lang`.
pub(super) fn phrases(lang: Lang) -> &'static Phrases {
    match lang {
        Lang::Ru => &ru::PHRASES,
        Lang::En => &en::PHRASES,
    }
}

/// The line for a notice.
pub(super) fn notice(lang: Lang, notice: Notice) -> &'static str {
    (phrases(lang).notice)(notice)
}

/// "45 minutes".
pub(super) fn minutes(lang: Lang, n: u32) -> String {
    counted(lang, phrases(lang).minutes, n)
}

/// "2 visits".
pub(super) fn visits(lang: Lang, n: usize) -> String {
    counted(lang, phrases(lang).visits, u32::try_from(n).unwrap_or(u32::MAX))
}

fn counted(lang: Lang, forms: Plural, n: u32) -> String {
    let form = match (lang, n % 10, n % 100) {
        (Lang::En, ..) if n == 1 => forms.one,
        (Lang::En, ..) => forms.many,
        (Lang::Ru, _, 11..=14) => forms.many,
        (Lang::Ru, 1, _) => forms.one,
        (Lang::Ru, 2..=4, _) => forms.few,
        (Lang::Ru, ..) => forms.many,
    };
    format!("{n} {form}")
}

/// `template` with its places filled, in one pass: a value that looks like a place stays as it is.
pub(super) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            rest = after;
            continue;
        };
        out.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Stands for a title that has nothing visible in it.
pub(super) const NO_LABEL: &str = "—";

/// The longest value taken from outside into a text, in grapheme clusters.
const MAX_VALUE: usize = 80;
/// A cluster can be of any length (stacked marks); nobody's name needs more scalar values than this.
const MAX_VALUE_CHARS: usize = 240;

/// A title, name or address as it may stand in a text: one line, nothing invisible that could reorder the rest, and
/// not long.
pub(super) fn clean(value: &str) -> String {
    let visible = |c: &char| !c.is_control() && (!is_invisible(*c) || matches!(c, '\u{200d}' | '\u{fe0f}'));
    let bounded: String = value
        .chars()
        .take(MAX_VALUE_CHARS * 4)
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(visible)
        .take(MAX_VALUE_CHARS)
        .collect();
    let mut words = String::new();
    for word in bounded.split(' ').filter(|word| !word.is_empty()) {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    words.graphemes(true).take(MAX_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn places(template: &str) -> BTreeSet<&str> {
        template.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn every_language_has_the_same_places_in_each_phrase() {
        for ((name, ru), (_, en)) in phrases(Lang::Ru).all().into_iter().zip(phrases(Lang::En).all()) {
            assert!(!ru.is_empty() && !en.is_empty(), "{name}");
            assert_eq!(places(ru), places(en), "{name}");
        }
    }

    #[test]
    fn russian_counts_in_three_forms() {
        for (n, expected) in [
            (1, "1 минута"),
            (3, "3 минуты"),
            (5, "5 минут"),
            (11, "11 минут"),
            (12, "12 минут"),
            (21, "21 минута"),
            (44, "44 минуты"),
            (60, "60 минут"),
            (112, "112 минут"),
            (0, "0 минут"),
        ] {
            assert_eq!(minutes(Lang::Ru, n), expected);
        }
        assert_eq!(minutes(Lang::En, 1), "1 minute");
        assert_eq!(minutes(Lang::En, 21), "21 minutes");
    }

    #[test]
    fn a_value_cannot_fill_another_place_or_break_the_line() {
        assert_eq!(fill("{a}-{b}", &[("a", "{b}"), ("b", "2")]), "{b}-2");
        assert_eq!(clean("  Ann\n\u{202e}a\u{200b}  B "), "Ann a B");
        assert!(clean(&"я\u{301}".repeat(1_000_000)).chars().count() <= MAX_VALUE_CHARS);
    }
}
