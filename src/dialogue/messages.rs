//! Messages outside the conversation's flow. Their buttons work at any time, whatever the conversation is doing.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::facts::Visit;
use super::ids::BookingId;
use super::screen::{Choice, Message, Screen, ScreenId, VisitFacts};
use super::texts::{self, Notice, Phrases, clean, fill, phrases};
use super::token::{Bound, Token};
use crate::{
    lang::Lang,
    schedule::{to_local, visit_time, visit_when},
};

/// The salon as a message names it.
#[derive(Clone, Copy, Debug)]
pub struct SalonCard<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its address.
    pub address: Option<&'a str>,
    /// Its zone, in which the times are told.
    pub zone: Tz,
    /// The present moment, for "today" and "tomorrow".
    pub now: DateTime<Utc>,
}

/// Which reminder it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReminderKind {
    /// A day or more ahead: the client can still cancel.
    Ahead,
    /// Shortly before: only where and when.
    Soon,
}

/// The visit is booked.
pub fn confirmation(visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> Screen {
    let heading = named(phrases(lang).confirmation, salon);
    about(Message::Confirmation, &heading, visit, salon, lang)
}

/// The visit is near.
pub fn reminder(visit: &Visit, salon: &SalonCard<'_>, lang: Lang, kind: ReminderKind) -> Screen {
    let heading = named(phrases(lang).reminder, salon);
    let mut screen = about(Message::Reminder, &heading, visit, salon, lang);
    if kind == ReminderKind::Soon {
        screen.choices.retain(|choice| choice.token == Token::Bound(Bound::MyVisits));
    }
    screen
}

/// The visit was moved by the salon, from `before` to what `visit` says.
pub fn visit_moved(visit: &Visit, before: Option<DateTime<Utc>>, salon: &SalonCard<'_>, lang: Lang) -> Screen {
    let words = phrases(lang);
    let mut heading = named(words.moved, salon);
    if let Some(before) = before {
        let was = fill(words.moved_from, &[("when", &visit_when(before, salon.zone, lang))]);
        heading = format!("{heading}\n{was}");
    }
    about(Message::Moved, &heading, visit, salon, lang)
}

/// The salon cancelled the visit.
pub fn visit_cancelled_by_salon(visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> Screen {
    let words = phrases(lang);
    let text = format!("{}\n\n{}", named(words.cancelled_by_salon, salon), visit_lines(visit, salon, lang));
    let choices = vec![bound(words.menu, Bound::Home), bound(words.my_visits, Bound::MyVisits)];
    Screen { visit: Some(Box::new(facts(visit, salon, lang))), ..message(Message::CancelledBySalon, text, choices, lang) }
}

/// The outcome of a booking that the client had not waited for.
pub(super) fn late_booked(booking: BookingId, visit: Option<&Visit>, salon: &SalonCard<'_>, lang: Lang) -> Screen {
    let words = phrases(lang);
    match visit {
        Some(visit) => about(Message::Late, words.late_booked, visit, salon, lang),
        None => {
            let choices = vec![bound(words.my_visits, Bound::MyVisits), bound(words.cancel_visit, Bound::Cancel(booking))];
            message(Message::Late, words.late_booked.to_owned(), choices, lang)
        }
    }
}

/// A booking the client had not waited for was not made.
pub(super) fn late_failed(lang: Lang) -> Screen {
    let words = phrases(lang);
    let choices = vec![bound(words.my_visits, Bound::MyVisits), bound(words.menu, Bound::Home)];
    message(Message::Late, words.late_failed.to_owned(), choices, lang)
}

/// The outcome of a cancellation that the client had not waited for.
pub(super) fn late(notice: Notice, lang: Lang) -> Screen {
    let words = phrases(lang);
    let choices = vec![bound(words.my_visits, Bound::MyVisits), bound(words.menu, Bound::Home)];
    message(Message::Late, texts::notice(lang, notice).to_owned(), choices, lang)
}

/// What somebody at the salon wrote to the client, in their own words and without a button.
pub fn from_operator(text: &str, lang: Lang) -> Screen {
    message(Message::Operator, text.to_owned(), Vec::new(), lang)
}

/// A message of its own, because one message cannot take a keyboard away and bring buttons.
pub(super) fn phone_noted(lang: Lang) -> Screen {
    let text = phrases(lang).phone_noted.to_owned();
    Screen { remove_keyboard: true, ..message(Message::PhoneNoted, text, Vec::new(), lang) }
}

/// The visit, a line each.
pub(super) fn visit_lines(visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> String {
    let words: &Phrases = phrases(lang);
    let when = when(visit, salon, lang);
    let mut lines = vec![clean(&visit.service_title)];
    if !visit.staff_name.is_empty() {
        lines.push(fill(words.line_staff, &[("staff", &clean(&visit.staff_name))]));
    }
    lines.push(fill(words.line_when, &[("when", &when)]));
    if let Some(address) = salon.address {
        lines.push(fill(words.line_where, &[("address", &clean(address))]));
    }
    lines.join("\n")
}

fn when(visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> String {
    let day_of = |at: DateTime<Utc>| to_local(at, salon.zone).date();
    let day = texts::near_day(lang, day_of(visit.start), day_of(salon.now));
    format!("{day}, {}", visit_time(visit.start, salon.zone))
}

fn facts(visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> VisitFacts {
    VisitFacts {
        salon: clean(salon.name),
        service: clean(&visit.service_title),
        staff: clean(&visit.staff_name),
        when: when(visit, salon, lang),
        address: salon.address.map(clean),
    }
}

fn named(template: &str, salon: &SalonCard<'_>) -> String {
    fill(template, &[("salon", &clean(salon.name))])
}

fn about(id: Message, heading: &str, visit: &Visit, salon: &SalonCard<'_>, lang: Lang) -> Screen {
    let words = phrases(lang);
    let text = format!("{heading}\n\n{}", visit_lines(visit, salon, lang));
    let mut choices = vec![bound(words.my_visits, Bound::MyVisits)];
    if visit.cancellable {
        choices.push(bound(words.cancel_visit, Bound::Cancel(visit.booking)));
    }
    Screen { visit: Some(Box::new(facts(visit, salon, lang))), ..message(id, text, choices, lang) }
}

fn bound(label: &str, request: Bound) -> Choice {
    Choice { label: label.to_owned(), token: Token::Bound(request) }
}

fn message(id: Message, text: String, choices: Vec<Choice>, lang: Lang) -> Screen {
    Screen {
        id: ScreenId::Message(id),
        lang,
        text,
        choices,
        nav: Vec::new(),
        more: None,
        page: 0,
        columns: 2,
        ask_contact: None,
        remove_keyboard: false,
        visit: None,
    }
}
