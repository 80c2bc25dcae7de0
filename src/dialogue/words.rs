//! Words that mean the same in every state.

/// The longest text that can be a word or a label, in bytes; a longer one is free text.
const MAX_TEXT: usize = 512;

/// What a word asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Start,
    Home,
    Book,
    MyVisits,
    Back,
    More,
    Language,
    Cancel,
    Yes,
    No,
}

const WORDS: &[(Intent, &[&str])] = &[
    (Intent::Start, &["/start", "старт", "start", "начать", "начать сначала"]),
    (Intent::Home, &["/menu", "/home", "меню", "главная", "в начало", "домой", "menu", "home"]),
    (Intent::Book, &["/book", "запись", "записаться", "запишите меня", "хочу записаться", "book", "booking"]),
    (Intent::MyVisits, &["/my", "мои записи", "мои визиты", "записи", "my visits", "my bookings", "visits"]),
    (Intent::Back, &["/back", "назад", "back"]),
    (Intent::More, &["/more", "ещё", "еще", "дальше", "more", "next"]),
    (Intent::Language, &["/language", "/lang", "язык", "language"]),
    (Intent::Cancel, &["/cancel", "отмена", "отменить", "cancel"]),
    (Intent::Yes, &["да", "ок", "окей", "подтверждаю", "подтвердить", "yes", "ok", "okay", "confirm"]),
    (Intent::No, &["нет", "no"]),
];

/// `text` as it is compared: lower case, trimmed, without invisible marks and a full stop at its end.
pub(super) fn normal(text: &str) -> Option<String> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let trimmed = visible.trim().trim_end_matches(['.', '!']).trim_end();
    (!trimmed.is_empty()).then(|| trimmed.to_lowercase())
}

/// What a normalised text asks for.
pub(super) fn intent(normal: &str) -> Option<Intent> {
    if normal.starts_with("/start ") {
        return Some(Intent::Start);
    }
    WORDS.iter().find(|(_, words)| words.contains(&normal)).map(|(intent, _)| *intent)
}

/// Zero-width and direction marks, and the emoji selector: they make equal texts unequal.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fe0f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_however_they_are_written() {
        let of = |text: &str| normal(text).and_then(|text| intent(&text));
        assert_eq!(of("  МЕНЮ! "), Some(Intent::Home));
        assert_eq!(of("Еще"), Some(Intent::More));
        assert_eq!(of("\u{200f}Да.\u{200f}"), Some(Intent::Yes));
        assert_eq!(of("/start ref_42"), Some(Intent::Start));
        assert_eq!(of("маникюр"), None);
        assert_eq!(of(&"да ".repeat(400)), None);
        assert_eq!(of(" \u{200b} "), None);
    }
}
