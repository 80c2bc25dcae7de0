//! Outcomes: what changes when something the dialogue asked for has happened, and what is said when the client has
//! gone on meanwhile.

use super::ids::BookingId;
use super::input::{Refusal, SystemEvent};
use super::machine::Machine;
use super::messages;
use super::session::{Slot, State};
use super::states::{pick, time, visits};
use super::texts::Notice;

pub(super) fn handle(m: &mut Machine<'_>, event: &SystemEvent) {
    match event {
        SystemEvent::SlotsLoaded { request, slots } if awaits_slots(m, *request) => time::offer(m, slots),
        SystemEvent::SlotsFailed { request } if awaits_slots(m, *request) => time::failed(m),
        SystemEvent::SlotsLoaded { .. } | SystemEvent::SlotsFailed { .. } => {}
        SystemEvent::Booked { attempt, booking } => booked(m, *attempt, *booking),
        SystemEvent::SlotTaken { attempt, slots } => slot_taken(m, *attempt, slots),
        SystemEvent::BookingRefused { attempt, reason } => refused(m, *attempt, *reason),
        SystemEvent::BookingUnclear { attempt } => unclear(m, *attempt),
        SystemEvent::Cancelled { booking } => cancelled(m, *booking),
        SystemEvent::CancelFailed { booking } => cancel_failed(m, *booking),
        SystemEvent::BookingChangedElsewhere { booking } => changed(m, *booking),
    }
}

fn awaits_slots(m: &Machine<'_>, request: u64) -> bool {
    m.session.state == State::Loading && m.session.loading == Some(request)
}

/// Whose outcome it is.
enum Attempt {
    /// The one the client is waiting for.
    Current,
    /// One the client has gone on from.
    Left,
    /// One that is settled already, or never was.
    Unknown,
}

/// Settles an attempt, so that its outcome is told once.
fn settle(m: &mut Machine<'_>, attempt: u64) -> Attempt {
    let Some(at) = m.session.pending.iter().position(|known| *known == attempt) else {
        return Attempt::Unknown;
    };
    let newest = at + 1 == m.session.pending.len();
    m.session.pending.remove(at);
    if newest && m.session.state == State::Booking { Attempt::Current } else { Attempt::Left }
}

fn booked(m: &mut Machine<'_>, attempt: u64, booking: BookingId) {
    match settle(m, attempt) {
        Attempt::Current => {
            m.session.booking = Some(booking);
            m.session.unclear = false;
            m.goto(State::Booked);
        }
        Attempt::Left => {
            let visit = m.facts.visit(Some(booking));
            m.send(messages::late_booked(booking, visit, &m.card(), m.lang()));
        }
        Attempt::Unknown => {}
    }
}

fn slot_taken(m: &mut Machine<'_>, attempt: u64, slots: &[Slot]) {
    match settle(m, attempt) {
        Attempt::Current => time::reoffer(m, Notice::JustTaken, slots),
        Attempt::Left => m.send(messages::late_failed(m.lang())),
        Attempt::Unknown => {}
    }
}

fn refused(m: &mut Machine<'_>, attempt: u64, reason: Refusal) {
    match settle(m, attempt) {
        Attempt::Current => {}
        Attempt::Left => return m.send(messages::late_failed(m.lang())),
        Attempt::Unknown => return,
    }
    match reason {
        Refusal::TooSoon => return time::reoffer(m, Notice::TooSoon, &[]),
        Refusal::ServiceGone => pick::start(m),
        Refusal::StaffGone => m.goto(State::Staff),
        Refusal::PhoneRejected => m.goto(State::Contact),
        Refusal::LimitReached => m.goto(State::My),
        Refusal::Other => m.goto(State::Confirm),
    }
    m.say(match reason {
        Refusal::ServiceGone => Notice::ServiceGone,
        Refusal::StaffGone => Notice::StaffGone,
        Refusal::PhoneRejected => Notice::PhoneRejected,
        Refusal::LimitReached => Notice::LimitReached,
        Refusal::TooSoon | Refusal::Other => Notice::BookingFailed,
    });
}

/// The attempt stays awaited and the draft stays as it is: one of the other outcomes will follow.
fn unclear(m: &mut Machine<'_>, attempt: u64) {
    let current = m.session.pending.last() == Some(&attempt) && m.session.state == State::Booking;
    if current && !m.session.unclear {
        m.session.unclear = true;
        m.goto(State::Booking);
    }
}

fn cancelled(m: &mut Machine<'_>, booking: BookingId) {
    if m.session.cancelling != Some(booking) {
        return;
    }
    m.session.cancelling = None;
    if m.session.state == State::Cancelling {
        m.session.booking = None;
        m.home();
        m.say(Notice::VisitCancelled);
    } else {
        m.send(messages::late(Notice::VisitCancelled, m.lang()));
    }
}

fn cancel_failed(m: &mut Machine<'_>, booking: BookingId) {
    if m.session.cancelling != Some(booking) {
        return;
    }
    m.session.cancelling = None;
    if m.session.state == State::Cancelling {
        visits::open(m, booking);
        m.say(Notice::CancelFailed);
    } else {
        m.send(messages::late(Notice::CancelFailed, m.lang()));
    }
}

/// Only a screen about the visit needs telling; the client hears of the change by a message of its own.
fn changed(m: &mut Machine<'_>, booking: BookingId) {
    match m.session.state {
        State::Visit | State::Cancel if m.session.booking == Some(booking) => {
            visits::open(m, booking);
            if m.session.state == State::Visit {
                m.say(Notice::VisitChanged);
            }
        }
        _ => {}
    }
}
