//! Texts, from what is true now. Cards that aren't words are made by [`salon_core::crm::render`].

use chrono::{NaiveDate, TimeDelta};
use salon_core::{
    crm::{Author, BookingFacts, BookingState, EnquiryCard, Said, TaskCard, render::visit},
    dialogue::Screen,
    ids::IntentId,
    lang::Lang,
    lead::TouchRecord,
    schedule::visit_when,
    tenant::Tenant,
};
use serde_json::Value;

/// How soon somebody should see to a booking whose outcome nobody knows.
const CHORE_DUE: TimeDelta = TimeDelta::minutes(30);

pub(super) fn chore(id: IntentId, facts: &BookingFacts, client: String, tenant: &Tenant) -> TaskCard {
    let lang = tenant.speak(None);
    let when = visit_when(facts.start_at, tenant.zone, lang);
    let (title, text) = match lang {
        Lang::Ru => ("Проверить запись в календаре", "Календарь не ответил, состоялась ли запись"),
        Lang::En => ("Check a booking in the calendar", "The calendar did not say whether it took the booking"),
    };
    let text = format!("{text}: {}, {when}", visit(facts, tenant));
    TaskCard { id, client, title: title.to_owned(), text, due: facts.updated_at + CHORE_DUE }
}

/// An enquiry in words, for a CRM that keeps enquiries as notes.
pub(super) fn enquiry_text(card: &EnquiryCard) -> String {
    let parts = [
        Some(format!("{} ({})", card.title, card.tracking_code)),
        card.phone.clone(),
        card.email.clone(),
        card.message.clone(),
        card.page.clone(),
        card.referral.clone(),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// That a client came by a link, in one line.
pub(super) fn touch_text(touch: &TouchRecord, tenant: &Tenant) -> String {
    let head = match tenant.speak(None) {
        Lang::Ru => "Пришёл по ссылке",
        Lang::En => "Came by a link",
    };
    let utm = &touch.utm;
    let marks =
        [("ref", &touch.referral), ("utm_source", &utm.source), ("utm_medium", &utm.medium), ("utm_campaign", &utm.campaign)];
    let marks = marks.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value.as_deref()?)));
    let parts: Vec<String> = std::iter::once(touch.channel.clone()).chain(marks).chain(touch.landing.clone()).collect();
    format!("{head}: {}", parts.join(", "))
}

/// A visit in one line, for a CRM that keeps visits as notes.
pub(super) fn booking_text(facts: &BookingFacts, state: BookingState, tenant: &Tenant) -> String {
    use BookingState::{CancelledByClient, CancelledBySalon, Completed, NoShow, Planned};
    let lang = tenant.speak(None);
    let status = match (state, lang) {
        (Planned, Lang::Ru) => "Запись",
        (Planned, Lang::En) => "Visit booked",
        (CancelledByClient, Lang::Ru) => "Запись отменена клиентом",
        (CancelledByClient, Lang::En) => "Visit cancelled by the client",
        (CancelledBySalon, Lang::Ru) => "Запись отменена салоном",
        (CancelledBySalon, Lang::En) => "Visit cancelled by the salon",
        (Completed, Lang::Ru) => "Визит состоялся",
        (Completed, Lang::En) => "Visit completed",
        (NoShow, Lang::Ru) => "Клиент не пришёл",
        (NoShow, Lang::En) => "The client did not come",
    };
    format!("{status}: {}, {}", visit(facts, tenant), visit_when(facts.start_at, tenant.zone, lang))
}

/// What a message of the log says, and who says it; none for what holds no words.
pub(super) fn said(said: &Said) -> Option<(Author, String)> {
    let author = if said.direction == "in" { Author::Client } else { Author::Salon };
    let text = match serde_json::from_value::<Screen>(said.content.clone()) {
        Ok(screen) if author == Author::Salon => screen.text,
        // A client's words, or what somebody at the salon wrote in the messenger's own app.
        _ => words(&said.content)?,
    };
    Some((author, text))
}

fn words(content: &Value) -> Option<String> {
    let text = content.get("text").and_then(Value::as_str).unwrap_or_default();
    match content.get("media").and_then(Value::as_str) {
        Some(media) => Some(format!("[{media}] {text}").trim().to_owned()),
        None if text.is_empty() => None,
        None => Some(text.to_owned()),
    }
}

/// A day's talk, in as few notes as hold it. A message is never divided unless it is longer than a note.
pub(super) fn talk(lines: &[Said], day: NaiveDate, tenant: &Tenant, note_chars: usize) -> Vec<String> {
    let (client, salon) = match tenant.speak(None) {
        Lang::Ru => ("Клиент", "Салон"),
        Lang::En => ("Client", "Salon"),
    };
    let head = format!("{}\n", day.format("%Y-%m-%d"));
    let lines = lines.iter().filter_map(|line| {
        let (author, text) = said(line)?;
        let who = if author == Author::Client { client } else { salon };
        Some(format!("{} {who}: {text}\n", line.at.with_timezone(&tenant.zone).format("%H:%M")))
    });
    pack(&head, lines, note_chars)
}

fn pack(head: &str, lines: impl Iterator<Item = String>, most: usize) -> Vec<String> {
    let room = most.saturating_sub(head.chars().count()).max(1);
    let mut notes: Vec<String> = Vec::new();
    let mut used = room;
    for line in lines {
        let mut rest = line.as_str();
        while !rest.is_empty() {
            let end = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            let (piece, after) = rest.split_at(end);
            rest = after;
            if piece.trim().is_empty() {
                continue;
            }
            let length = piece.chars().count();
            if used + length > room {
                notes.push(head.to_owned());
                used = 0;
            }
            if let Some(note) = notes.last_mut() {
                note.push_str(piece);
            }
            used += length;
        }
    }
    notes.into_iter().map(|note| note.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::pack;

    proptest! {
        #[test]
        fn every_line_is_in_a_note_in_its_order_and_no_note_is_too_long(lines in prop::collection::vec("[a-zа-я ]{1,60}x\n", 0..20), most in 12usize..100) {
            let notes = pack("head\n", lines.iter().cloned(), most);
            let told: String = notes.iter().map(|note| format!("{}\n", note.strip_prefix("head\n").unwrap())).collect();
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&told), bare(&lines.concat()));
            for note in &notes {
                prop_assert!(note.chars().count() <= most, "{note:?}");
            }
        }
    }
}
