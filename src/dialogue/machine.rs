//! The moves all states share: how input reaches a state, when the version grows, and what is shown at the end.

use super::effect::Effect;
use super::facts::Facts;
use super::input::Input;
use super::messages::{self, SalonCard};
use super::phone;
use super::session::{Session, State};
use super::states::{self, visits};
use super::texts::Notice;
use super::token::{Bound, ChoiceId, Token};
use super::words::{self, Intent};
use super::{Turn, screen::Screen};
use crate::lang::Lang;

/// One step under way.
pub(super) struct Machine<'a> {
    pub(super) session: Session,
    pub(super) facts: &'a Facts<'a>,
    effects: Vec<Effect>,
    notice: Option<Notice>,
    show: bool,
    moved: bool,
}

impl<'a> Machine<'a> {
    pub(super) fn new(session: Session, facts: &'a Facts<'a>) -> Self {
        Self { session, facts, effects: Vec::new(), notice: None, show: false, moved: false }
    }

    /// The language to speak: the client's, if the salon speaks it.
    pub(super) fn lang(&self) -> Lang {
        self.known_lang().or_else(|| self.facts.languages.first().copied()).unwrap_or(Lang::Ru)
    }

    fn known_lang(&self) -> Option<Lang> {
        match self.facts.languages {
            [] => self.session.lang.or(self.facts.lang),
            [only] => Some(*only),
            several => self.session.lang.or(self.facts.lang).filter(|lang| several.contains(lang)),
        }
    }

    /// The salon as messages name it.
    pub(super) fn card(&self) -> SalonCard<'a> {
        SalonCard { name: self.facts.salon_name, address: self.facts.address, zone: self.facts.zone, now: self.facts.now }
    }

    /// Moves to `state` and shows its screen. All moves of one step make one new version.
    pub(super) fn goto(&mut self, state: State) {
        self.bump();
        self.session.state = state;
        self.session.page = 0;
        self.show = true;
    }

    /// Like [`Machine::goto`], for a state whose screen is shown only if it has to be.
    pub(super) fn goto_silently(&mut self, state: State) {
        self.goto(state);
        self.show = false;
    }

    fn bump(&mut self) {
        if !self.moved {
            self.session.version = self.session.version.saturating_add(1);
            self.moved = true;
        }
    }

    /// Shows the current screen again under this line.
    pub(super) fn say(&mut self, notice: Notice) {
        self.notice = Some(notice);
        self.show = true;
    }

    /// Shows the current screen again.
    pub(super) fn again(&mut self) {
        self.show = true;
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// A message of its own, before the screen of the state.
    pub(super) fn send(&mut self, screen: Screen) {
        self.emit(Effect::Show(screen));
    }

    /// To the menu, by way of what has to be known first.
    pub(super) fn home(&mut self) {
        if self.known_lang().is_none() {
            self.goto(State::Lang);
        } else if self.facts.phone.is_none() {
            self.goto(State::Contact);
        } else {
            self.goto(State::Home);
        }
    }

    /// Something the client did.
    pub(super) fn hear(&mut self, input: &Input) {
        let anew = self.session.state == State::Idle || self.session.is_stale(self.facts.now);
        if anew {
            self.session.reset(self.facts.now);
            self.home();
        }
        self.session.updated_at = Some(self.facts.now);
        match input {
            Input::Start { .. } => self.home(),
            Input::Choice { token } => self.press(token),
            Input::Text(text) => self.text(text, anew),
            Input::Contact { phone, own } => self.contact(phone, *own),
            Input::Media if anew => {}
            Input::Media => self.say(Notice::NoMedia),
            Input::System(_) => {}
        }
    }

    fn press(&mut self, payload: &str) {
        let Some(token) = self.facts.tokens.open(payload) else {
            return self.say(Notice::OutOfDate);
        };
        match token {
            Token::Bound(bound) => self.bound(bound),
            Token::Session { screen, choice, version }
                if version == self.session.version && screen == self.session.state && !self.moved =>
            {
                self.session.last_press = Some(token);
                self.choose(choice);
            }
            Token::Session { .. } if self.session.last_press == Some(token) => self.again(),
            Token::Session { .. } => self.say(Notice::OutOfDate),
        }
    }

    fn choose(&mut self, choice: ChoiceId) {
        match choice {
            ChoiceId::Offer(n) => match self.session.offered.get(usize::from(n)).copied() {
                Some(offer) => states::act(self, offer),
                None => self.say(Notice::OutOfDate),
            },
            ChoiceId::More => self.more(),
            ChoiceId::Back => states::back(self),
            ChoiceId::Home => self.home(),
        }
    }

    fn more(&mut self) {
        self.bump();
        // More pages than choices cannot be; the wrap at the true last page is the channel's.
        let choices = u16::try_from(self.session.offered.len()).unwrap_or(u16::MAX);
        let next = self.session.page.saturating_add(1);
        self.session.page = if next >= choices { 0 } else { next };
        self.again();
    }

    fn bound(&mut self, bound: Bound) {
        if self.known_lang().is_none() {
            return self.home();
        }
        match bound {
            Bound::Home => self.home(),
            Bound::MyVisits => self.goto(State::My),
            Bound::Visit(booking) => visits::open(self, booking),
            Bound::Cancel(booking) => visits::ask_cancel(self, booking),
        }
    }

    fn contact(&mut self, number: &str, own: bool) {
        if self.session.state != State::Contact {
            return self.say(Notice::ContactNotNeeded);
        }
        if !own {
            return self.say(Notice::NotYourContact);
        }
        self.accept_phone(number);
    }

    fn accept_phone(&mut self, number: &str) {
        let Some(phone) = phone::parse(number, self.facts.region) else {
            return self.say(Notice::BadPhone);
        };
        self.emit(Effect::SetPhone(phone));
        self.send(messages::phone_noted(self.lang()));
        // Not `home()`: the facts of this step do not know the number yet.
        self.goto(State::Home);
    }

    fn text(&mut self, text: &str, anew: bool) {
        let normal = words::normal(text);
        let intent = normal.as_deref().and_then(words::intent);
        if intent == Some(Intent::Start) {
            return self.home();
        }
        if self.is_waiting() {
            return self.again();
        }
        if let Some(choice) = normal.as_deref().filter(|_| !anew).and_then(|normal| self.named(normal)) {
            return self.choose(choice);
        }
        match intent {
            Some(intent) => self.follow(intent),
            None if self.session.state == State::Contact && looks_like_a_number(text) => self.accept_phone(text),
            None if anew => {}
            None if self.session.state == State::Contact => self.say(Notice::BadPhone),
            None => self.say(Notice::Hint),
        }
    }

    /// While an outcome is awaited only a new start leads away, so that nothing is asked for twice.
    fn is_waiting(&self) -> bool {
        match self.session.state {
            State::Booking => !self.session.unclear,
            State::Cancelling => true,
            _ => false,
        }
    }

    /// The choice that a number, a label, or a part that only one label has ("tomorrow", "haircut") names.
    fn named(&self, normal: &str) -> Option<ChoiceId> {
        let offers = self.session.offered.len();
        let by_number = normal.parse::<usize>().ok().filter(|n| (1..=offers).contains(n)).map(|n| n - 1);
        let n = by_number.or_else(|| self.labelled(normal))?;
        u16::try_from(n).ok().map(ChoiceId::Offer)
    }

    fn labelled(&self, normal: &str) -> Option<usize> {
        let view = states::view(self);
        // Only as long as the choices are those that were shown.
        if !view.choices.iter().map(|(offer, _)| offer).eq(&self.session.offered) {
            return None;
        }
        let labels: Vec<_> = view.choices.iter().map(|(_, label)| words::normal(label).unwrap_or_default()).collect();
        labels.iter().position(|label| label == normal).or_else(|| {
            let has_part = |label: &str| label.split([',', '·']).any(|part| part.trim() == normal);
            let mut with_part = labels.iter().enumerate().filter(|(_, label)| has_part(label));
            let (n, _) = with_part.next()?;
            with_part.next().is_none().then_some(n)
        })
    }

    fn follow(&mut self, intent: Intent) {
        match intent {
            Intent::Start | Intent::Home => self.home(),
            Intent::Back => states::back(self),
            Intent::More if self.session.offered.is_empty() => self.say(Notice::Hint),
            Intent::More => self.more(),
            Intent::Yes | Intent::No => states::answer(self, intent == Intent::Yes),
            Intent::Language if self.facts.languages.len() > 1 => self.goto(State::Lang),
            Intent::Language => self.say(Notice::Hint),
            _ if self.known_lang().is_none() => self.home(),
            Intent::Book => states::pick::start(self),
            Intent::MyVisits => self.goto(State::My),
            Intent::Cancel => visits::cancel_word(self),
        }
    }

    /// The session and the effects; the current screen last, if it is to be shown.
    pub(super) fn finish(mut self) -> Turn {
        if self.show {
            let view = states::view(&self);
            let offered: Vec<_> = view.choices.iter().map(|(offer, _)| *offer).collect();
            if offered != self.session.offered {
                // Another set of choices under the same version would give old buttons a new meaning.
                self.bump();
                self.session.offered = offered;
            }
            let screen = view.into_screen(&self.session, self.lang(), self.notice);
            self.effects.push(Effect::Show(screen));
        } else if self.moved {
            self.session.offered.clear();
        }
        Turn { session: self.session, effects: self.effects }
    }
}

fn looks_like_a_number(text: &str) -> bool {
    text.len() <= 64 && text.chars().filter(char::is_ascii_digit).count() >= 5
}
