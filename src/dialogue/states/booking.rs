//! CONFIRM, BOOKING, BOOKED.

use super::{View, pick, time};
use crate::dialogue::effect::Effect;
use crate::dialogue::machine::Machine;
use crate::dialogue::session::{Offer, State};
use crate::dialogue::texts::{self, Notice, clean, fill, phrases};
use crate::schedule::visit_when;

/// Outcomes awaited at once; the oldest is given up beyond this.
const MAX_PENDING: usize = 8;

/// What is being booked, a line each.
fn summary(m: &Machine<'_>) -> String {
    let (lang, facts, draft) = (m.lang(), m.facts, &m.session.draft);
    let words = phrases(lang);
    let service = facts.service(draft.service);
    let mut lines = Vec::new();
    if let Some(service) = service {
        let title = clean(service.title.in_lang(lang));
        let minutes = texts::minutes(lang, service.minutes);
        lines.push(fill(words.line_service, &[("service", &title), ("minutes", &minutes)]));
    }
    if let Some(slot) = draft.slot {
        if let Some(member) = facts.member(Some(slot.staff)) {
            lines.push(fill(words.line_staff, &[("staff", &clean(&member.name))]));
        }
        lines.push(fill(words.line_when, &[("when", &visit_when(slot.start, facts.zone, lang))]));
    }
    if let Some(price) = service.and_then(|service| service.price.as_deref()) {
        lines.push(fill(words.line_price, &[("price", &clean(price))]));
    }
    if let Some(address) = facts.address {
        lines.push(fill(words.line_where, &[("address", &clean(address))]));
    }
    lines.join("\n")
}

pub(super) fn confirm(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    View::new(format!("{}\n\n{}", words.confirm, summary(m)))
        .choice(Offer::Confirm, words.confirm_yes)
        .choice(Offer::OtherTime, words.other_time)
        .with_home()
}

/// Asks for the booking. Reached only through a choice of the current version, so once for one confirmation.
pub(super) fn book(m: &mut Machine<'_>) {
    let draft = &m.session.draft;
    let Some(service) = m.facts.service(draft.service).map(|service| service.id) else {
        pick::start(m);
        return m.say(Notice::ServiceGone);
    };
    let Some(slot) = draft.slot else {
        return time::reload(m);
    };
    if slot.start <= m.facts.now {
        return time::reoffer(m, Notice::TooSoon, &[]);
    }
    if m.facts.phone.is_none() {
        return m.home();
    }
    m.goto(State::Booking);
    let attempt_key = m.session.version;
    m.session.unclear = false;
    if m.session.pending.len() >= MAX_PENDING {
        m.session.pending.remove(0);
    }
    m.session.pending.push(attempt_key);
    m.emit(Effect::Book { attempt_key, service, staff: slot.staff, start: slot.start });
}

pub(super) fn booking(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    if m.session.unclear {
        return View::new(format!("{}\n\n{}", words.booking_unclear, summary(m))).with_home();
    }
    View::new(words.booking)
}

pub(super) fn booked(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let view = View::new(format!("{}\n\n{}", words.booked, summary(m))).choice(Offer::MyVisits, words.my_visits);
    let view = match m.session.booking {
        Some(booking) => view.choice(Offer::AskCancel(booking), words.cancel_visit),
        None => view,
    };
    view.with_home()
}
