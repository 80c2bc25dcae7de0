//! Notes on a client's record.

use chrono::TimeDelta;

use super::{
    Kept,
    bench::Bench,
    cards::{client, note},
    cases::Cell,
};
use crate::crm::{NoteCard, Noted};

async fn add(bench: &Bench, card: &NoteCard) -> Noted {
    bench.adapter().append_note(&bench.call(), card).await.unwrap()
}

pub(super) async fn a_note_is_added_and_found(bench: &Bench) -> Cell {
    let client = bench.made(&client(1)).await;
    let (since, card) = (bench.now(), note(&client, "Visit booked: haircut"));
    let find = async |card: &NoteCard, since, taken: &[&Noted]| {
        let taken: Vec<String> = taken.iter().map(|noted| noted.note.clone()).collect();
        bench.adapter().find_note(&bench.call(), card, since, &taken).await.unwrap()
    };
    assert_eq!(find(&card, since, &[]).await, None, "{}", bench.kind);
    let (one, two) = (add(bench, &card).await, add(bench, &card).await);
    assert_ne!(one, two, "{}: each call adds one", bench.kind);
    assert_eq!(bench.count(Kept::Note), 2, "{}", bench.kind);
    assert_eq!(find(&card, since, &[&one]).await, Some(two.clone()), "{}", bench.kind);
    assert_eq!(find(&card, since, &[&two]).await, Some(one.clone()), "{}", bench.kind);
    assert_eq!(find(&card, since, &[&one, &two]).await, None, "{}", bench.kind);
    assert_eq!(find(&note(&client, "Visit booked"), since, &[]).await, None, "{}: other words", bench.kind);
    let other = bench.made(&super::cards::client(2)).await;
    assert_eq!(find(&note(&other, &card.text), since, &[]).await, None, "{}: another client", bench.kind);
    assert_eq!(find(&card, since + TimeDelta::hours(1), &[]).await, None, "{}: older than the attempt", bench.kind);
    Cell::Ok
}

/// What a person may have typed, and what a CRM may take for markup of its own.
const HOSTILE: &[&str] = &[
    "[b]bold[/b] [url=javascript:alert(1)]x[/url] [user=1]Olga[/user]",
    "<script>alert(1)</script> & <img src=x onerror=alert(1)> &lt;b&gt;",
    "**bold** _it_ `code` # head\n# head\n> quote\n1. one\n- two\n***\n~~~\n[x](javascript:alert(1)) @admin",
    "{{ trigger._id }} $result[0][id] {Contact.name} %s \\n \\ \" ' ; -- '; drop table note; --",
    "👨‍👩‍👧‍👦 e\u{301}\u{301} 🏳️‍🌈",
    "שלום \u{202e}abc\u{202c} \u{200f}مرحبا",
    "\u{200b}zero\u{200d}\u{feff}width\u{2060}",
    "lines\nof\n\n\nwords\tand tabs",
    "4294967296 +79001234567 =1+1",
];

/// The words as a person reads them: markup may be quoted in a vendor's own way.
fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

pub(super) async fn hostile_words_stay_words(bench: &Bench) -> Cell {
    let (client, since) = (bench.made(&client(1)).await, bench.now());
    for text in HOSTILE {
        let card = note(&client, text);
        let noted = add(bench, &card).await;
        let found = bench.adapter().find_note(&bench.call(), &card, since, &[]).await.unwrap();
        assert_eq!(found, Some(noted), "{}: {text}", bench.kind);
        let stored = (bench.about.notes)(&bench.snapshot());
        assert!(stored.iter().any(|stored| words(stored) == words(text)), "{}: {text:?} is not in {stored:?}", bench.kind);
    }
    assert_eq!(bench.count(Kept::Note), HOSTILE.len(), "{}", bench.kind);
    Cell::Ok
}

/// The core divides a day's talk into notes no longer than the adapter says it takes. Of such a note nothing is lost, in any script, and
/// though each character may have to be quoted.
pub(super) async fn the_longest_note_is_whole(bench: &Bench) -> Cell {
    let (client, since) = (bench.made(&client(1)).await, bench.now());
    let most = bench.adapter().capabilities().note_chars;
    for (number, filling) in ["ы", "𝒜", "*", "[", "&"].into_iter().enumerate() {
        let text: String = format!("{number}.{}", filling.repeat(most)).chars().take(most).collect();
        let card = note(&client, &text);
        let noted = add(bench, &card).await;
        let found = bench.adapter().find_note(&bench.call(), &card, since, &[]).await.unwrap();
        assert_eq!(found, Some(noted), "{}: {filling}", bench.kind);
        let stored = (bench.about.notes)(&bench.snapshot());
        let kept = stored
            .iter()
            .find(|stored| stored.starts_with(&number.to_string()))
            .map_or(0, |stored| stored.matches(filling).count());
        assert_eq!(kept, most - 2, "{}: {filling}", bench.kind);
    }
    Cell::Ok
}
