//! A salon with its client, for the tests: keeps what the caller would keep between two steps.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use uuid::Uuid;

use super::budgets;
use crate::dialogue::ids::{BookingId, ServiceId, StaffId};
use crate::dialogue::{
    Effect, Facts, Input, Keyboard, Rendered, Screen, Service, Session, Slot, Staff, State, SystemEvent, Title, TokenSealer,
    Visit, render, step,
};
use crate::lang::Lang;

pub(super) const HAIRCUT: ServiceId = ServiceId(Uuid::from_u128(1));
pub(super) const COLOUR: ServiceId = ServiceId(Uuid::from_u128(2));
pub(super) const ANNA: StaffId = StaffId(Uuid::from_u128(11));
pub(super) const OLGA: StaffId = StaffId(Uuid::from_u128(12));
pub(super) const BOOKING: BookingId = BookingId(Uuid::from_u128(21));

pub(super) struct World {
    pub(super) session: Session,
    pub(super) now: DateTime<Utc>,
    pub(super) phone: Option<String>,
    pub(super) languages: Vec<Lang>,
    pub(super) services: Vec<Service>,
    pub(super) staff: Vec<Staff>,
    pub(super) visits: Vec<Visit>,
    pub(super) tokens: TokenSealer,
    /// The effects of the last step.
    pub(super) effects: Vec<Effect>,
    /// Every screen so far.
    pub(super) shown: Vec<Screen>,
}

impl World {
    /// Tuesday, 13 May 2025, 12:00 in Almaty.
    pub(super) fn new() -> Self {
        let services = vec![
            Service {
                id: HAIRCUT,
                title: Title { plain: "Стрижка".into(), by_lang: vec![(Lang::En, "Haircut".into())] },
                minutes: 45,
                price: Some("6 000 ₸".into()),
            },
            Service { id: COLOUR, title: "Окрашивание".into(), minutes: 121, price: None },
        ];
        let staff = vec![
            Staff { id: ANNA, name: "Анна".into(), services: vec![HAIRCUT] },
            Staff { id: OLGA, name: "Ольга".into(), services: vec![HAIRCUT, COLOUR] },
        ];
        Self {
            session: Session::default(),
            now: Utc.with_ymd_and_hms(2025, 5, 13, 7, 0, 0).unwrap(),
            phone: None,
            languages: vec![Lang::Ru, Lang::En],
            services,
            staff,
            visits: Vec::new(),
            tokens: TokenSealer::new(b"a key for the tests", b"conversation").unwrap(),
            effects: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// A world whose client has been here before and is at the menu.
    pub(super) fn known(lang: Lang) -> Self {
        let mut world = Self { phone: Some("+77011234567".into()), ..Self::new() };
        world.session.lang = Some(lang);
        world.start();
        world
    }

    pub(super) fn slot(day: u32, hour: u32, minute: u32, staff: StaffId) -> Slot {
        let zone = Tz::Asia__Almaty;
        Slot { start: zone.with_ymd_and_hms(2025, 5, day, hour, minute, 0).unwrap().to_utc(), staff }
    }

    pub(super) fn visit(cancellable: bool) -> Visit {
        Visit {
            booking: BOOKING,
            service_title: "Стрижка".into(),
            staff_name: "Анна".into(),
            start: Self::slot(14, 15, 30, ANNA).start,
            cancellable,
        }
    }

    pub(super) fn take(&mut self, input: &Input) {
        let facts = Facts {
            now: self.now,
            zone: Tz::Asia__Almaty,
            salon_name: "Салон «Ромашка»",
            address: Some("ул. Абая, 10"),
            phone: self.phone.as_deref(),
            lang: None,
            languages: &self.languages,
            services: &self.services,
            staff: &self.staff,
            visits: &self.visits,
            region: "KZ",
            horizon_days: 30,
            tokens: &self.tokens,
        };
        // By way of its stored form, as in real life.
        let session = Session::restore(self.session.store());
        let turn = step(session, input, &facts);
        self.session = turn.session;
        for effect in &turn.effects {
            match effect {
                Effect::SetPhone(phone) => self.phone = Some(phone.as_str().to_owned()),
                Effect::Show(screen) => self.shown.push(screen.clone()),
                _ => {}
            }
        }
        self.effects = turn.effects;
    }

    pub(super) fn start(&mut self) {
        self.take(&Input::Start { payload: None });
    }

    pub(super) fn say(&mut self, text: &str) {
        self.take(&Input::Text(text.to_owned()));
    }

    pub(super) fn event(&mut self, event: SystemEvent) {
        self.take(&Input::System(event));
    }

    pub(super) fn wait(&mut self, time: TimeDelta) {
        self.now += time;
    }

    pub(super) fn screen(&self) -> &Screen {
        self.shown.last().unwrap()
    }

    pub(super) fn text(&self) -> &str {
        &self.screen().text
    }

    pub(super) fn labels(&self) -> Vec<&str> {
        self.screen().choices.iter().map(|choice| choice.label.as_str()).collect()
    }

    pub(super) fn rendered(&self) -> Rendered {
        render(self.screen(), &budgets::TELEGRAM, &self.tokens)
    }

    /// The payload of the button with this label on the last screen.
    pub(super) fn payload(&self, label: &str) -> String {
        let Keyboard::Inline(rows) = self.rendered().keyboard else { panic!("no buttons: {}", self.text()) };
        let button = rows.iter().flatten().find(|button| button.label == label);
        button.unwrap_or_else(|| panic!("no {label} in {rows:?}")).payload.clone()
    }

    pub(super) fn press_payload(&mut self, token: &str) {
        self.take(&Input::Choice { token: token.to_owned() });
    }

    /// Presses a button of the last screen; tells its payload.
    pub(super) fn press(&mut self, label: &str) -> String {
        let payload = self.payload(label);
        self.press_payload(&payload);
        payload
    }

    /// The request for free times among the last effects.
    pub(super) fn request(&self) -> u64 {
        let request = |effect: &Effect| match effect {
            Effect::LoadSlots { request, .. } => Some(*request),
            _ => None,
        };
        self.effects.iter().find_map(request).unwrap()
    }

    /// The booking attempt among the last effects.
    pub(super) fn attempt(&self) -> u64 {
        let attempt = |effect: &Effect| match effect {
            Effect::Book { attempt_key, .. } => Some(*attempt_key),
            _ => None,
        };
        self.effects.iter().find_map(attempt).unwrap()
    }

    pub(super) fn load(&mut self, slots: &[Slot]) {
        let request = self.request();
        self.event(SystemEvent::SlotsLoaded { request, slots: slots.to_vec() });
    }

    /// From the menu to the question whether all is right: haircut, Anna, 14 May, 15:30.
    pub(super) fn reach_confirm(&mut self) {
        self.press("Записаться");
        self.press("Стрижка · 45 минут · 6 000 ₸");
        self.press("Анна");
        self.load(&[Self::slot(14, 15, 30, ANNA), Self::slot(14, 17, 0, ANNA), Self::slot(15, 10, 0, ANNA)]);
        self.press("завтра, ср, 14 мая");
        self.press("15:30");
        assert_eq!(self.session.state, State::Confirm);
    }
}
