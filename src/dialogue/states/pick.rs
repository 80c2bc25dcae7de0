//! SERVICE and STAFF.

use super::{View, time};
use crate::dialogue::facts::Service;
use crate::dialogue::ids::{ServiceId, StaffId};
use crate::dialogue::machine::Machine;
use crate::dialogue::session::{Draft, Offer, State};
use crate::dialogue::texts::{Notice, clean, minutes, phrases};
use crate::lang::Lang;

/// Begins a new booking.
pub(in crate::dialogue) fn start(m: &mut Machine<'_>) {
    if m.facts.phone.is_none() {
        return m.home();
    }
    m.session.draft = Draft::default();
    m.session.slots.clear();
    m.session.then_say = None;
    match m.facts.services {
        [] => {
            m.home();
            m.say(Notice::NoServices);
        }
        [only] => set_service(m, only.id),
        _ => m.goto(State::Service),
    }
}

pub(super) fn service(m: &Machine<'_>) -> View {
    let choice = |service: &Service| (Offer::Service(service.id), label(service, m.lang()));
    View::new(phrases(m.lang()).pick_service).choices(m.facts.services.iter().map(choice)).with_nav()
}

fn label(service: &Service, lang: Lang) -> String {
    let mut parts = vec![clean(service.title.in_lang(lang)), minutes(lang, service.minutes)];
    parts.extend(service.price.as_deref().map(clean));
    parts.join(" · ")
}

pub(super) fn set_service(m: &mut Machine<'_>, service: ServiceId) {
    if m.facts.service(Some(service)).is_none() {
        m.goto(State::Service);
        return m.say(Notice::ServiceGone);
    }
    m.session.draft = Draft { service: Some(service), ..Draft::default() };
    match m.facts.staff_for(Some(service)).count() {
        0 | 1 => set_staff(m, None),
        _ => m.goto(State::Staff),
    }
}

pub(super) fn staff(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let names = m.facts.staff_for(m.session.draft.service).map(|member| (Offer::Staff(member.id), clean(&member.name)));
    View::new(words.pick_staff).choice(Offer::AnyStaff, words.any_staff).choices(names).with_nav()
}

pub(super) fn set_staff(m: &mut Machine<'_>, member: Option<StaffId>) {
    let known = |id| m.facts.staff_for(m.session.draft.service).any(|member| member.id == id);
    if member.is_some_and(|id| !known(id)) {
        m.goto(State::Staff);
        return m.say(Notice::StaffGone);
    }
    m.session.draft.staff = member;
    m.session.draft.day = None;
    m.session.draft.slot = None;
    m.session.then_say = None;
    time::load(m, m.facts.today());
}

pub(super) fn back_to_staff(m: &mut Machine<'_>) {
    if m.facts.staff_for(m.session.draft.service).count() > 1 {
        m.goto(State::Staff);
    } else {
        back_to_service(m);
    }
}

pub(super) fn back_to_service(m: &mut Machine<'_>) {
    if m.facts.services.len() > 1 {
        m.goto(State::Service);
    } else {
        m.home();
    }
}
