//! The states by group: what each shows, what its choices do, and where "back" leads.

pub(super) mod booking;
pub(super) mod entry;
pub(super) mod pick;
pub(super) mod time;
pub(super) mod visits;

use super::machine::Machine;
use super::screen::{AskContact, Choice, Screen, ScreenId};
use super::session::{Offer, Session, State};
use super::texts::{self, Notice};
use super::token::{Bound, ChoiceId, Token};
use crate::lang::Lang;

/// A state's screen before it is bound to a session version.
pub(super) struct View {
    pub(super) body: String,
    pub(super) choices: Vec<(Offer, String)>,
    pub(super) columns: u8,
    pub(super) back: bool,
    pub(super) home: bool,
    pub(super) ask_contact: Option<AskContact>,
}

impl View {
    pub(super) fn new(body: impl Into<String>) -> Self {
        Self { body: body.into(), choices: Vec::new(), columns: 1, back: false, home: false, ask_contact: None }
    }

    pub(super) fn choice(mut self, offer: Offer, label: impl Into<String>) -> Self {
        self.choices.push((offer, label.into()));
        self
    }

    pub(super) fn choices(mut self, choices: impl IntoIterator<Item = (Offer, String)>) -> Self {
        self.choices.extend(choices);
        self
    }

    /// With the ways out that most screens have.
    pub(super) fn with_nav(self) -> Self {
        Self { back: true, home: true, ..self }
    }

    pub(super) fn with_home(self) -> Self {
        Self { home: true, ..self }
    }

    pub(super) fn into_screen(self, session: &Session, lang: Lang, notice: Option<Notice>) -> Screen {
        let words = texts::phrases(lang);
        let token = |choice| Token::Session { screen: session.state, choice, version: session.version };
        let nav = [(self.back, ChoiceId::Back, words.back), (self.home, ChoiceId::Home, words.menu)];
        let choices = self.choices.into_iter().zip(0u16..).map(|((offer, label), n)| Choice {
            label,
            token: lasting(session.state, offer).unwrap_or_else(|| token(ChoiceId::Offer(n))),
        });
        Screen {
            id: ScreenId::State(session.state),
            lang,
            text: match notice {
                Some(notice) => format!("{}\n\n{}", texts::notice(lang, notice), self.body),
                None => self.body,
            },
            choices: choices.collect(),
            nav: nav
                .into_iter()
                .filter(|(wanted, ..)| *wanted)
                .map(|(_, id, label)| Choice { label: label.to_owned(), token: token(id) })
                .collect(),
            more: Some(Choice { label: words.more.to_owned(), token: token(ChoiceId::More) }),
            page: session.page,
            columns: self.columns,
            ask_contact: self.ask_contact,
            remove_keyboard: false,
            visit: None,
        }
    }
}

/// The "you are booked" message stays in the chat for days: its buttons must work whenever they are pressed.
fn lasting(state: State, offer: Offer) -> Option<Token> {
    match (state, offer) {
        (State::Booked, Offer::MyVisits) => Some(Token::Bound(Bound::MyVisits)),
        (State::Booked, Offer::AskCancel(booking)) => Some(Token::Bound(Bound::Cancel(booking))),
        _ => None,
    }
}

/// What the current state shows.
pub(super) fn view(m: &Machine<'_>) -> View {
    match m.session.state {
        State::Lang => entry::lang(m),
        State::Contact => entry::contact(m),
        State::Idle | State::Home => entry::home(m),
        State::Service => pick::service(m),
        State::Staff => pick::staff(m),
        State::Loading => time::loading(m),
        State::Day => time::day(m),
        State::Slot => time::slot(m),
        State::Confirm => booking::confirm(m),
        State::Booking => booking::booking(m),
        State::Booked => booking::booked(m),
        State::My => visits::my(m),
        State::Visit => visits::visit(m),
        State::Cancel => visits::cancel(m),
        State::Cancelling => visits::cancelling(m),
    }
}

/// Does what the client chose.
pub(super) fn act(m: &mut Machine<'_>, offer: Offer) {
    match offer {
        Offer::Lang(lang) => entry::set_lang(m, lang),
        Offer::ChangeLang => m.goto(State::Lang),
        Offer::Book => pick::start(m),
        Offer::MyVisits => m.goto(State::My),
        Offer::Service(service) => pick::set_service(m, service),
        Offer::AnyStaff => pick::set_staff(m, None),
        Offer::Staff(member) => pick::set_staff(m, Some(member)),
        Offer::OtherStaff => m.goto(State::Staff),
        Offer::Day(day) => time::set_day(m, day),
        Offer::DaysFrom(from) => time::load(m, from),
        Offer::Reload => time::reload(m),
        Offer::Slot(slot) => time::set_slot(m, slot),
        Offer::OtherTime => m.goto(State::Day),
        Offer::Confirm => booking::book(m),
        Offer::Visit(booking) | Offer::KeepVisit(booking) => visits::open(m, booking),
        Offer::AskCancel(booking) => visits::ask_cancel(m, booking),
        Offer::CancelVisit(booking) => visits::do_cancel(m, booking),
    }
}

/// A typed "yes" or "no".
pub(super) fn answer(m: &mut Machine<'_>, yes: bool) {
    match (m.session.state, m.session.booking) {
        (State::Confirm, _) if yes => booking::book(m),
        (State::Cancel, Some(booking)) if yes => visits::do_cancel(m, booking),
        (State::Confirm | State::Cancel, _) => back(m),
        _ => m.say(Notice::Hint),
    }
}

/// One step back.
pub(super) fn back(m: &mut Machine<'_>) {
    match m.session.state {
        State::Staff => pick::back_to_service(m),
        State::Loading | State::Day => pick::back_to_staff(m),
        State::Slot => m.goto(State::Day),
        State::Confirm => m.goto(State::Slot),
        State::Visit => m.goto(State::My),
        State::Cancel => match m.session.booking {
            Some(booking) => visits::open(m, booking),
            None => m.goto(State::My),
        },
        State::Booking if !m.session.unclear => m.again(),
        State::Cancelling => m.again(),
        _ => m.home(),
    }
}
