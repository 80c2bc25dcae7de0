//! What holds whatever is done to the conversation.

use std::collections::HashSet;

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use super::rendering::check_screen;
use super::world::{ANNA, BOOKING, OLGA, World};
use crate::dialogue::ids::BookingId;
use crate::dialogue::{Effect, IDLE_AFTER, Input, Refusal, Screen, Session, Slot, State, SystemEvent, Token, TokenSealer, Visit};
use crate::lang::Lang;

/// One thing that happens, told so that it can be replayed.
#[derive(Clone, Debug)]
enum Move {
    /// What a client who wants a visit, and a calendar that has one, would do next.
    Onward(usize),
    Start,
    Press(usize),
    PressOld(usize, usize),
    PressAgain,
    Forged(String),
    Text(String),
    Huge(char),
    Contact(String, bool),
    Media,
    Wait(i64),
    Loaded(Vec<(i64, bool)>, bool),
    Failed(bool),
    Outcome(u8, bool),
    Changed,
    FactsChange(u8),
}

fn moves() -> impl Strategy<Value = Move> {
    let texts = prop_oneof![
        proptest::sample::select(vec![
            "/start",
            "меню",
            "запись",
            "/book",
            "мои записи",
            "отмена",
            "да",
            "нет",
            "yes",
            "ещё",
            "назад",
            "1",
            "2",
            "9",
            "язык",
            "0",
            "999",
            "",
            " ",
            "\u{200b}",
            "\u{202e}да",
            "👨‍👩‍👧‍👦",
            "8 701 123 45 67",
            "+",
            "{salon}",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    prop_oneof![
        20 => any::<usize>().prop_map(Move::Onward),
        1 => Just(Move::Start),
        12 => any::<usize>().prop_map(Move::Press),
        2 => (any::<usize>(), any::<usize>()).prop_map(|(screen, button)| Move::PressOld(screen, button)),
        2 => Just(Move::PressAgain),
        1 => "(v1\\|[a-z]{2}\\|[0-9a-z]{1,3}\\|[0-9a-z]{1,8}\\|)?\\PC{0,12}".prop_map(Move::Forged),
        4 => texts.prop_map(Move::Text),
        1 => any::<char>().prop_map(Move::Huge),
        2 => ("\\+?[0-9 ]{0,14}|87011234567", any::<bool>()).prop_map(|(phone, own)| Move::Contact(phone, own)),
        1 => Just(Move::Media),
        1 => (0i64..200_000).prop_map(Move::Wait),
        8 => (prop::collection::vec((-10_000i64..800_000, any::<bool>()), 0..60), prop::bool::weighted(0.9))
            .prop_map(|(slots, current)| Move::Loaded(slots, current)),
        1 => prop::bool::weighted(0.8).prop_map(Move::Failed),
        5 => (0u8..8, prop::bool::weighted(0.8)).prop_map(|(kind, current)| Move::Outcome(kind, current)),
        1 => Just(Move::Changed),
        1 => (0u8..6).prop_map(Move::FactsChange),
    ]
}

struct Run {
    world: World,
    last: Option<String>,
    confirmed: HashSet<u64>,
}

impl Run {
    fn input(&mut self, step: Move) -> Option<Input> {
        let w = &mut self.world;
        let choice = |token: String| Some(Input::Choice { token });
        match step {
            Move::Onward(n) => match w.session.state {
                State::Contact => Some(Input::Contact { phone: "+77011234567".into(), own: true }),
                State::Loading if w.session.loading.is_some() => {
                    let slots = (1..40).map(|hour| (hour * 3_600, hour % 3 == 0)).collect();
                    Some(Input::System(event(w, Move::Loaded(slots, true))))
                }
                State::Booking => Some(Input::System(event(w, Move::Outcome((n % 8) as u8, true)))),
                _ => {
                    let screen = w.shown.last()?;
                    let choice = screen.choices.get(n.checked_rem(screen.choices.len())?)?;
                    choice_of(w.tokens.seal(&choice.token), &mut self.last)
                }
            },
            Move::Start => Some(Input::Start { payload: None }),
            Move::Press(n) => choice_of(nth_payload(w.shown.last()?, n, &w.tokens)?, &mut self.last),
            Move::PressOld(screen, button) => {
                let screen = &w.shown[screen.checked_rem(w.shown.len())?];
                choice(nth_payload(screen, button, &w.tokens)?)
            }
            Move::PressAgain => choice(self.last.clone()?),
            Move::Forged(token) => choice(token),
            Move::Text(text) => Some(Input::Text(text)),
            Move::Huge(c) => Some(Input::Text(c.to_string().repeat(1 << 20))),
            Move::Contact(phone, own) => Some(Input::Contact { phone, own }),
            Move::Media => Some(Input::Media),
            Move::Wait(seconds) => {
                w.wait(TimeDelta::seconds(seconds));
                None
            }
            Move::FactsChange(what) => {
                change_facts(w, what);
                None
            }
            outcome => Some(Input::System(event(w, outcome))),
        }
    }
}

fn choice_of(token: String, last: &mut Option<String>) -> Option<Input> {
    *last = Some(token.clone());
    Some(Input::Choice { token })
}

fn nth_payload(screen: &Screen, n: usize, tokens: &TokenSealer) -> Option<String> {
    let all: Vec<_> = screen.choices.iter().chain(&screen.nav).chain(&screen.more).collect();
    let choice = all.get(n.checked_rem(all.len())?)?;
    Some(tokens.seal(&choice.token))
}

fn event(w: &World, outcome: Move) -> SystemEvent {
    let attempt = |current: bool| if current { w.session.pending.last().copied().unwrap_or(1) } else { 1 };
    match outcome {
        Move::Loaded(slots, current) => {
            let slots = slots.into_iter().map(|(seconds, anna)| Slot {
                start: w.now + TimeDelta::seconds(seconds),
                staff: if anna { ANNA } else { OLGA },
            });
            let request = if current { w.session.loading.unwrap_or(3) } else { 3 };
            SystemEvent::SlotsLoaded { request, slots: slots.collect() }
        }
        Move::Failed(current) => SystemEvent::SlotsFailed { request: if current { w.session.loading.unwrap_or(3) } else { 3 } },
        Move::Outcome(kind, current) => {
            let attempt = attempt(current);
            match kind {
                0 | 1 => SystemEvent::Booked { attempt, booking: BOOKING },
                2 => SystemEvent::SlotTaken { attempt, slots: Vec::new() },
                3 => SystemEvent::BookingUnclear { attempt },
                4 => SystemEvent::BookingRefused { attempt, reason: Refusal::Other },
                5 => SystemEvent::BookingRefused { attempt, reason: Refusal::ServiceGone },
                6 => SystemEvent::Cancelled { booking: BOOKING },
                _ => SystemEvent::CancelFailed { booking: BOOKING },
            }
        }
        _ => SystemEvent::BookingChangedElsewhere { booking: BOOKING },
    }
}

fn change_facts(w: &mut World, what: u8) {
    match what {
        0 => w.services.truncate(1),
        1 => w.services.clear(),
        2 => w.staff.clear(),
        3 => w.visits = (0..7).map(|n| with_id(World::visit(n % 2 == 0), n)).collect(),
        4 => w.visits.clear(),
        _ => w.languages = vec![Lang::En],
    }
}

fn with_id(visit: Visit, n: u128) -> Visit {
    let booking = if n == 0 { BOOKING } else { BookingId(Uuid::from_u128(1_000 + n)) };
    Visit { booking, ..visit }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_conversation_keeps_the_promises(steps in prop::collection::vec(moves(), 1..60), known in any::<bool>()) {
        let world = if known { World::known(Lang::Ru) } else { World::new() };
        let mut run = Run { world, last: None, confirmed: HashSet::new() };
        for step in steps {
            let Some(input) = run.input(step) else { continue };
            let before = run.world.session.clone();
            run.world.take(&input);
            check_version(&before, &run.world)?;
            check_old_press(&input, &before, &run.world)?;
            check_effects(&mut run, &before)?;
            for effect in &run.world.effects {
                if let Effect::Show(screen) = effect {
                    check_screen(screen, &run.world.tokens)?;
                }
            }
            if !matches!(input, Input::System(_)) {
                let answered = run.world.effects.iter().any(|e| matches!(e, Effect::Show(_) | Effect::LoadSlots { .. }));
                prop_assert!(answered, "a client was left without an answer");
            }
        }
    }
}

/// A walk that never leaves the menu would keep every promise.
#[test]
fn random_conversations_reach_every_state_and_every_effect() {
    let mut runner = TestRunner::deterministic();
    let walks = prop::collection::vec(moves(), 40..60);
    let (mut states, mut effects) = (HashSet::new(), HashSet::new());
    for _ in 0..400 {
        let mut run = Run { world: World::new(), last: None, confirmed: HashSet::new() };
        for step in walks.new_tree(&mut runner).unwrap().current() {
            let Some(input) = run.input(step) else { continue };
            run.world.take(&input);
            states.insert(run.world.session.state);
            effects.extend(run.world.effects.iter().map(std::mem::discriminant));
        }
    }
    let missing: Vec<_> = State::ALL.iter().filter(|state| !states.contains(state)).collect();
    assert_eq!((missing, effects.len()), (vec![], 6));
}

fn check_version(before: &Session, after: &World) -> Result<(), TestCaseError> {
    let session = &after.session;
    prop_assert!(session.version >= before.version);
    if session.state != before.state || session.offered != before.offered || session.draft != before.draft {
        prop_assert!(session.version > before.version, "moved from {:?} without a new version", before.state);
    }
    prop_assert_eq!(&Session::restore(session.store()), session);
    Ok(())
}

/// A button of an earlier version does nothing but show, even where the same screen is open again.
fn check_old_press(input: &Input, before: &Session, after: &World) -> Result<(), TestCaseError> {
    let Input::Choice { token } = input else { return Ok(()) };
    match after.tokens.open(token) {
        Some(Token::Session { version, .. }) if version == before.version => return Ok(()),
        Some(Token::Bound(_)) => return Ok(()),
        _ => {}
    }
    prop_assert!(matches!(after.effects[..], [Effect::Show(_)]), "{:?}", after.effects);
    let anew = before.updated_at.is_none_or(|at| after.now - at >= IDLE_AFTER);
    prop_assert!(anew || (after.session.state == before.state && after.session.draft == before.draft));
    Ok(())
}

fn check_effects(run: &mut Run, before: &Session) -> Result<(), TestCaseError> {
    let books: Vec<u64> = run
        .world
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Book { attempt_key, .. } => Some(*attempt_key),
            _ => None,
        })
        .collect();
    prop_assert!(books.len() <= 1);
    for key in books {
        prop_assert_eq!(before.state, State::Confirm);
        prop_assert!(run.confirmed.insert(key), "attempt {} was made twice", key);
    }
    let cancels = run.world.effects.iter().filter(|effect| matches!(effect, Effect::Cancel { .. })).count();
    prop_assert!(cancels == 0 || (cancels == 1 && before.state == State::Cancel));
    Ok(())
}
