//! MY, VISIT, CANCEL, CANCELLING.

use super::View;
use crate::dialogue::effect::Effect;
use crate::dialogue::facts::Visit;
use crate::dialogue::ids::BookingId;
use crate::dialogue::machine::Machine;
use crate::dialogue::messages::visit_lines;
use crate::dialogue::session::{Offer, State};
use crate::dialogue::texts::{Notice, clean, phrases};
use crate::schedule::visit_when;

/// Visits listed at once; more is a wall of text, and nobody has them.
const MAX_LISTED: usize = 5;

pub(super) fn my(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let mut visits: Vec<&Visit> = m.facts.visits.iter().collect();
    visits.sort_by_key(|visit| visit.start);
    if visits.is_empty() {
        return View::new(words.my_empty).choice(Offer::Book, words.book).with_home();
    }
    let label = |visit: &Visit| {
        let when = visit_when(visit.start, m.facts.zone, m.lang());
        (Offer::Visit(visit.booking), format!("{when} · {}", clean(&visit.service_title)))
    };
    View::new(words.my).choices(visits.into_iter().take(MAX_LISTED).map(label)).with_home()
}

/// Shows a visit, or the list if it is gone.
pub(in crate::dialogue) fn open(m: &mut Machine<'_>, booking: BookingId) {
    if m.facts.visit(Some(booking)).is_some() {
        m.session.booking = Some(booking);
        m.goto(State::Visit);
    } else {
        m.goto(State::My);
        m.say(Notice::VisitGone);
    }
}

fn details(m: &Machine<'_>, heading: &str) -> Option<String> {
    let visit = m.facts.visit(m.session.booking)?;
    Some(format!("{heading}\n\n{}", visit_lines(visit, &m.card(), m.lang())))
}

pub(super) fn visit(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let (Some(visit), Some(text)) = (m.facts.visit(m.session.booking), details(m, words.visit)) else {
        return View::new(words.my_empty).with_nav();
    };
    let view = View::new(text);
    let view = if visit.cancellable { view.choice(Offer::AskCancel(visit.booking), words.cancel_visit) } else { view };
    view.with_nav()
}

/// Asks whether to cancel; never cancels by itself.
pub(in crate::dialogue) fn ask_cancel(m: &mut Machine<'_>, booking: BookingId) {
    open(m, booking);
    match m.facts.visit(Some(booking)) {
        Some(visit) if visit.cancellable => m.goto(State::Cancel),
        Some(_) => m.say(Notice::CannotCancel),
        None => {}
    }
}

pub(super) fn cancel(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let (Some(booking), Some(text)) = (m.session.booking, details(m, words.cancel_ask)) else {
        return View::new(words.my_empty).with_nav();
    };
    View::new(text)
        .choice(Offer::CancelVisit(booking), words.cancel_yes)
        .choice(Offer::KeepVisit(booking), words.cancel_no)
        .with_home()
}

/// Asks for the cancellation, unless the visit went or the rules changed meanwhile.
pub(super) fn do_cancel(m: &mut Machine<'_>, booking: BookingId) {
    if !m.facts.visit(Some(booking)).is_some_and(|visit| visit.cancellable) {
        return ask_cancel(m, booking);
    }
    m.goto(State::Cancelling);
    m.session.cancelling = Some(booking);
    m.emit(Effect::Cancel { attempt_key: m.session.version, booking });
}

pub(super) fn cancelling(m: &Machine<'_>) -> View {
    View::new(phrases(m.lang()).cancelling)
}

/// The bare word "cancel": out of what is going on, else to the visits. It never cancels one.
pub(in crate::dialogue) fn cancel_word(m: &mut Machine<'_>) {
    match m.session.state {
        State::Cancel => super::back(m),
        State::Home | State::Booked | State::My | State::Booking if !m.facts.visits.is_empty() => m.goto(State::My),
        State::Visit => match m.session.booking {
            Some(booking) => ask_cancel(m, booking),
            None => m.goto(State::My),
        },
        _ => m.home(),
    }
}
