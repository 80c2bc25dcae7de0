//! LOADING, DAY, SLOT.

use chrono::NaiveDate;

use super::View;
use crate::dialogue::effect::Effect;
use crate::dialogue::facts::add_days;
use crate::dialogue::machine::Machine;
use crate::dialogue::session::{Offer, Slot, State};
use crate::dialogue::texts::{self, Notice, fill, phrases};
use crate::schedule::visit_time;

/// Days asked for at once: a screen's worth, and small enough to be stored with the session.
const WINDOW_DAYS: u64 = 7;
/// More free times than a week of quarter-hours has are a mistake; the session must stay small.
const MAX_SLOTS: usize = 700;

/// Asks for the free times of the days from `from` on.
pub(super) fn load(m: &mut Machine<'_>, from: NaiveDate) {
    let Some(service) = m.session.draft.service else {
        return m.home();
    };
    let (today, last) = (m.facts.today(), m.facts.last_day());
    let from = from.clamp(today, last.max(today));
    let to = add_days(from, WINDOW_DAYS - 1).min(last).max(from);
    m.goto_silently(State::Loading);
    m.session.slots.clear();
    m.session.window = Some((from, to));
    m.session.loading = Some(m.session.version);
    let staff = m.session.draft.staff;
    m.emit(Effect::LoadSlots { request: m.session.version, service, staff, from, to });
}

/// Asks once more for the same days.
pub(in crate::dialogue) fn reload(m: &mut Machine<'_>) {
    m.session.draft.slot = None;
    load(m, m.session.window.map_or(m.facts.today(), |(from, _)| from));
}

/// Looks for other times because the chosen one cannot be had; `notice` is said when they have come.
pub(in crate::dialogue) fn reoffer(m: &mut Machine<'_>, notice: Notice, known: &[Slot]) {
    m.session.draft.slot = None;
    m.session.then_say = Some(notice);
    if known.is_empty() {
        reload(m);
    } else {
        offer(m, known);
    }
}

/// Offers what was found.
pub(in crate::dialogue) fn offer(m: &mut Machine<'_>, found: &[Slot]) {
    m.session.loading = None;
    m.session.slots = usable(m, found);
    if m.session.slots.is_empty()
        && let Some((_, to)) = m.session.window
        && to < m.facts.last_day()
    {
        return load(m, add_days(to, 1));
    }
    let notice = m.session.then_say.take();
    let same_day = notice.is_some() && !on_day(m).is_empty();
    if same_day {
        m.goto(State::Slot);
    } else {
        m.session.draft.day = None;
        m.goto(State::Day);
    }
    if let Some(notice) = notice.filter(|_| !m.session.slots.is_empty()) {
        m.say(notice);
    }
}

/// What can be offered of `found`: of the days asked for, of the wished master, each time once, sorted.
fn usable(m: &Machine<'_>, found: &[Slot]) -> Vec<Slot> {
    let wished = m.session.draft.staff;
    let in_window = |slot: &Slot| {
        let day = m.facts.day_of(slot.start);
        m.session.window.is_none_or(|(from, to)| (from..=to).contains(&day))
    };
    // Among masters free at the same time the salon's order decides, so that the same facts give the same offer.
    let rank = |slot: &Slot| m.facts.staff.iter().position(|member| member.id == slot.staff).unwrap_or(usize::MAX);
    let mut slots: Vec<_> = found
        .iter()
        .filter(|slot| slot.start > m.facts.now && wished.is_none_or(|id| id == slot.staff) && in_window(slot))
        .copied()
        .collect();
    slots.sort_by_key(|slot| (slot.start, rank(slot), slot.staff));
    slots.dedup_by_key(|slot| slot.start);
    slots.truncate(MAX_SLOTS);
    slots
}

/// The times of the chosen day that still lie ahead.
fn on_day(m: &Machine<'_>) -> Vec<Slot> {
    let ahead = |slot: &&Slot| slot.start > m.facts.now && Some(m.facts.day_of(slot.start)) == m.session.draft.day;
    m.session.slots.iter().filter(ahead).copied().collect()
}

/// The times could not be looked up: the client decides whether to try again.
pub(in crate::dialogue) fn failed(m: &mut Machine<'_>) {
    m.session.loading = None;
    m.goto(State::Loading);
}

pub(super) fn loading(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    if m.session.loading.is_some() {
        return View::new(words.loading).with_nav();
    }
    View::new(words.load_failed).choice(Offer::Reload, words.try_again).with_nav()
}

pub(super) fn day(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let (today, last) = (m.facts.today(), m.facts.last_day());
    let mut days: Vec<_> =
        m.session.slots.iter().filter(|slot| slot.start > m.facts.now).map(|slot| m.facts.day_of(slot.start)).collect();
    days.dedup();
    let none = days.is_empty();
    let label = |day: NaiveDate| (Offer::Day(day), texts::near_day(m.lang(), day, today));
    let mut view = View::new(if none { words.no_days } else { words.pick_day }).choices(days.into_iter().map(label));
    if let Some((from, to)) = m.session.window {
        if to < last {
            view = view.choice(Offer::DaysFrom(add_days(to, 1)), words.later_days);
        }
        if from > today {
            view = view.choice(Offer::DaysFrom(today), words.nearest_days);
        }
    }
    if none && m.facts.staff_for(m.session.draft.service).count() > 1 {
        view = view.choice(Offer::OtherStaff, words.other_staff);
    }
    view.with_nav()
}

pub(super) fn set_day(m: &mut Machine<'_>, day: NaiveDate) {
    m.session.draft.day = Some(day);
    m.goto(State::Slot);
}

pub(super) fn slot(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let slots = on_day(m);
    let body = match m.session.draft.day {
        Some(day) if !slots.is_empty() => fill(words.pick_time, &[("day", &texts::near_day(m.lang(), day, m.facts.today()))]),
        _ => words.no_times.to_owned(),
    };
    let label = |slot: Slot| (Offer::Slot(slot), visit_time(slot.start, m.facts.zone));
    View { columns: 4, ..View::new(body).choices(slots.into_iter().map(label)).with_nav() }
}

pub(super) fn set_slot(m: &mut Machine<'_>, slot: Slot) {
    if slot.start <= m.facts.now {
        return reoffer(m, Notice::TooSoon, &[]);
    }
    m.session.draft.slot = Some(slot);
    m.goto(State::Confirm);
}
