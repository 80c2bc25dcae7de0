//! Conversations a salon would recognise.

use chrono::{DateTime, TimeDelta, Utc};

use super::budgets;
use super::world::{ANNA, BOOKING, COLOUR, HAIRCUT, OLGA, World};
use crate::dialogue::{
    Effect, Input, Keyboard, Refusal, ReminderKind, SalonCard, ScreenId, Session, Slot, State, SystemEvent, Visit, reminder,
    render,
};
use crate::lang::Lang;

fn books(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Book { .. })).count()
}

#[test]
fn a_new_client_books_in_russian() {
    let mut w = World::new();
    w.start();
    assert_eq!(w.labels(), ["Русский", "English"]);
    w.press("Русский");
    assert_eq!(w.effects[0], Effect::SetLanguage(Lang::Ru));
    assert_eq!(w.rendered().keyboard, Keyboard::RequestContact { label: "Отправить мой номер".into() });

    w.take(&Input::Contact { phone: "77011234567".into(), own: true });
    assert_eq!(w.phone.as_deref(), Some("+77011234567"));
    let [Effect::SetPhone(_), Effect::Show(thanks), Effect::Show(home)] = &w.effects[..] else { panic!() };
    assert!(thanks.remove_keyboard);
    assert_eq!(home.text, "Салон «Ромашка». Чем помочь?\nАдрес: ул. Абая, 10");

    w.press("Записаться");
    assert_eq!(w.labels(), ["Стрижка · 45 минут · 6 000 ₸", "Окрашивание · 121 минута"]);
    w.press("Стрижка · 45 минут · 6 000 ₸");
    assert_eq!(w.labels(), ["К любому мастеру", "Анна", "Ольга"]);
    w.press("К любому мастеру");
    let [Effect::LoadSlots { service, staff, from, to, .. }] = &w.effects[..] else { panic!() };
    assert_eq!((*service, *staff), (HAIRCUT, None));
    assert_eq!((from.to_string(), to.to_string()), ("2025-05-13".into(), "2025-05-19".into()));

    w.load(&[
        World::slot(16, 9, 0, OLGA),
        World::slot(14, 15, 30, OLGA),
        World::slot(14, 15, 30, ANNA),
        World::slot(14, 10, 0, OLGA),
        World::slot(13, 9, 0, OLGA),
    ]);
    assert_eq!(w.labels(), ["завтра, ср, 14 мая", "пт, 16 мая", "Позже"]);
    w.press("завтра, ср, 14 мая");
    assert_eq!(w.labels(), ["10:00", "15:30"]);
    w.press("15:30");
    assert_eq!(
        w.text(),
        "Проверьте, всё ли верно:\n\nСтрижка, 45 минут\nМастер: Анна\nКогда: ср, 14 мая, 15:30\n\
         Стоимость: 6 000 ₸\nГде: ул. Абая, 10"
    );
    w.press("Подтвердить");
    let [Effect::Book { attempt_key, service, staff, start }, Effect::Show(_)] = &w.effects[..] else { panic!() };
    assert_eq!((*service, *staff, *start), (HAIRCUT, ANNA, World::slot(14, 15, 30, ANNA).start));
    assert_eq!(*attempt_key, w.session.version);

    let attempt = w.attempt();
    w.event(SystemEvent::Booked { attempt, booking: BOOKING });
    assert_eq!(w.session.state, State::Booked);
    assert!(w.text().starts_with("Готово, вы записаны!\n\nСтрижка, 45 минут\nМастер: Анна"));
    assert_eq!(w.labels(), ["Мои записи", "Отменить визит"]);
}

#[test]
fn a_new_client_books_in_english_by_typing_alone() {
    let mut w = World::new();
    for text in ["hello", "English", "+7 701 123 45 67", "book", "haircut", "anyone"] {
        w.say(text);
    }
    assert_eq!(w.phone.as_deref(), Some("+77011234567"));
    w.load(&[World::slot(14, 15, 30, OLGA)]);
    assert_eq!(w.labels(), ["tomorrow, Wed, 14 May", "Later"]);
    w.say("Tomorrow");
    w.say("1");
    assert!(w.text().contains("Haircut, 45 minutes\nWith: Ольга\nWhen: Wed, 14 May, 15:30"), "{}", w.text());
    w.say("Yes");
    assert_eq!(books(&w.effects), 1);
    w.say("yes");
    assert_eq!(books(&w.effects), 0);
    assert_eq!(w.text(), "Booking it for you, one moment…");
}

#[test]
fn a_button_of_an_earlier_screen_does_nothing_but_show_the_current_one() {
    let mut w = World::known(Lang::Ru);
    let old = w.payload("Мои записи");
    w.press("Записаться");
    let before = w.session.clone();
    w.press_payload(&old);
    assert_eq!(w.session, before);
    assert_eq!(w.text(), "Эта кнопка уже устарела. Вот что сейчас:\n\nНа какую услугу вас записать?");
    w.press_payload("v1|hm|0|1|AAAAAAAA");
    assert_eq!(w.session, before);
    assert!(w.text().starts_with("Эта кнопка уже устарела."));
    w.press("Окрашивание · 121 минута");
    assert!(matches!(w.effects[..], [Effect::LoadSlots { service: COLOUR, .. }]));
}

#[test]
fn confirm_pressed_twice_books_once_and_shows_the_same_screen() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    let confirm = w.press("Подтвердить");
    assert_eq!(books(&w.effects), 1);
    let (first, attempt) = (w.text().to_owned(), w.attempt());
    w.press_payload(&confirm);
    assert_eq!((books(&w.effects), w.text()), (0, first.as_str()));
    w.event(SystemEvent::Booked { attempt, booking: BOOKING });
    let booked = w.text().to_owned();
    w.press_payload(&confirm);
    assert_eq!((books(&w.effects), w.text()), (0, booked.as_str()));
    w.event(SystemEvent::Booked { attempt, booking: BOOKING });
    assert!(w.effects.is_empty());
}

#[test]
fn a_lost_race_says_so_and_offers_what_is_left_of_the_day() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    w.press("Подтвердить");
    let attempt = w.attempt();
    w.event(SystemEvent::SlotTaken { attempt, slots: Vec::new() });
    w.load(&[World::slot(14, 17, 0, ANNA), World::slot(15, 10, 0, ANNA)]);
    assert_eq!(w.text(), "Это время только что заняли. Вот что свободно:\n\nСвободное время, завтра, ср, 14 мая:");
    w.press("17:00");
    w.press("Подтвердить");
    assert_eq!(books(&w.effects), 1);
    let again = w.attempt();
    assert_ne!(again, attempt);

    w.event(SystemEvent::SlotTaken { attempt: again, slots: vec![World::slot(15, 10, 0, ANNA)] });
    assert!(w.text().starts_with("Это время только что заняли."));
    assert_eq!(w.labels(), ["чт, 15 мая", "Позже"]);
}

#[test]
fn an_unclear_booking_keeps_the_draft_and_is_told_when_it_is_known() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    w.press("Подтвердить");
    let attempt = w.attempt();
    let draft = w.session.draft.clone();
    w.event(SystemEvent::BookingUnclear { attempt });
    assert!(w.text().starts_with("Проверяем, прошла ли запись."));
    assert_eq!(w.session.draft, draft);
    w.press("Меню");
    assert_eq!(w.session.state, State::Home);
    w.visits = vec![World::visit(true)];
    w.event(SystemEvent::Booked { attempt, booking: BOOKING });
    assert_eq!(w.session.state, State::Home);
    assert!(w.text().starts_with("Запись, которую мы проверяли, прошла."));
    w.press("Отменить визит");
    assert_eq!(w.session.state, State::Cancel);
}

#[test]
fn a_visit_is_cancelled_after_a_second_word() {
    let mut w = World::known(Lang::Ru);
    w.visits = vec![World::visit(true)];
    w.press("Мои записи");
    assert_eq!(w.labels(), ["ср, 14 мая, 15:30 · Стрижка"]);
    w.press("ср, 14 мая, 15:30 · Стрижка");
    assert_eq!(w.text(), "Ваш визит:\n\nСтрижка\nМастер: Анна\nКогда: завтра, ср, 14 мая, 15:30\nГде: ул. Абая, 10");
    w.press("Отменить визит");
    assert!(w.effects.iter().all(|effect| matches!(effect, Effect::Show(_))));
    let yes = w.press("Да, отменить");
    assert!(matches!(w.effects[..], [Effect::Cancel { booking: BOOKING, .. }, Effect::Show(_)]));
    w.press_payload(&yes);
    assert!(matches!(w.effects[..], [Effect::Show(_)]));
    w.visits.clear();
    w.event(SystemEvent::Cancelled { booking: BOOKING });
    assert!(w.text().starts_with("Визит отменён."));
    assert_eq!(w.session.state, State::Home);
}

#[test]
fn a_visit_that_may_not_be_cancelled_is_not() {
    let mut w = World::known(Lang::Ru);
    w.visits = vec![World::visit(true)];
    w.press("Мои записи");
    w.press("ср, 14 мая, 15:30 · Стрижка");
    w.press("Отменить визит");
    w.visits = vec![World::visit(false)];
    w.press("Да, отменить");
    assert!(matches!(w.effects[..], [Effect::Show(_)]));
    assert!(w.text().starts_with("Этот визит уже нельзя отменить здесь."));
}

#[test]
fn a_reminders_button_works_in_the_middle_of_anything_and_only_asks() {
    let mut w = World::known(Lang::Ru);
    w.visits = vec![World::visit(true)];
    let salon = SalonCard { name: "Ромашка", address: None, zone: chrono_tz::Asia::Almaty, now: w.now };
    let screen = reminder(&w.visits[0], &salon, Lang::Ru, ReminderKind::Ahead);
    assert_eq!(screen.id.code(), "xr");
    let message = render(&screen, &budgets::WHATSAPP, &w.tokens);
    let Keyboard::Inline(rows) = &message.keyboard else { panic!() };
    assert_eq!(rows.iter().flatten().map(|b| b.label.as_str()).collect::<Vec<_>>(), ["Мои записи", "Отменить визит"]);
    let cancel = rows[0][1].payload.clone();
    w.reach_confirm();
    w.press_payload(&cancel);
    assert_eq!(w.session.state, State::Cancel);
    w.wait(TimeDelta::days(3));
    w.press_payload(&cancel);
    assert_eq!((w.session.state, w.effects.len()), (State::Cancel, 1));
    w.visits.clear();
    w.press_payload(&cancel);
    assert!(w.text().starts_with("Этого визита больше нет"));
}

#[test]
fn somebody_elses_card_and_a_wrong_number_are_explained() {
    let mut w = World::new();
    w.start();
    w.press("Русский");
    w.take(&Input::Contact { phone: "+77011234567".into(), own: false });
    assert!(w.text().starts_with("Это контакт другого человека"));
    w.say("12345678");
    assert!(w.text().starts_with("Не похоже на номер телефона."));
    assert_eq!((w.session.state, w.phone.clone()), (State::Contact, None));
    w.say("8 701 123-45-67");
    assert_eq!((w.session.state, w.phone.as_deref()), (State::Home, Some("+77011234567")));
}

#[test]
fn free_text_and_media_show_the_current_screen_with_a_hint() {
    let mut w = World::known(Lang::En);
    w.press("Book");
    let version = w.session.version;
    w.say("can you do something with my hair");
    assert!(w.text().starts_with("I did not quite get that."));
    w.take(&Input::Media);
    assert!(w.text().starts_with("I only understand text and buttons"));
    assert_eq!((w.session.state, w.session.version), (State::Service, version));
    w.press("Haircut · 45 minutes · 6 000 ₸");
    assert_eq!(w.session.state, State::Staff);
}

#[test]
fn free_times_that_nobody_waits_for_are_ignored() {
    let mut w = World::known(Lang::Ru);
    w.press("Записаться");
    w.press("Окрашивание · 121 минута");
    let request = w.request();
    w.say("меню");
    w.event(SystemEvent::SlotsLoaded { request, slots: vec![World::slot(14, 10, 0, OLGA)] });
    assert_eq!((w.session.state, w.effects.len()), (State::Home, 0));
}

#[test]
fn empty_weeks_are_skipped_until_the_horizon() {
    let mut w = World::known(Lang::Ru);
    w.press("Записаться");
    w.press("Окрашивание · 121 минута");
    let mut weeks = 0;
    while w.session.state == State::Loading {
        w.load(&[]);
        weeks += 1;
    }
    assert_eq!((weeks, w.session.state), (5, State::Day));
    assert_eq!((w.text(), w.labels()), ("Свободного времени пока нет.", vec!["Ближайшие дни"]));
}

#[test]
fn a_failed_lookup_can_be_repeated() {
    let mut w = World::known(Lang::Ru);
    w.press("Записаться");
    w.press("Окрашивание · 121 минута");
    let request = w.request();
    w.event(SystemEvent::SlotsFailed { request });
    w.press("Попробовать ещё раз");
    assert_ne!(w.request(), request);
    w.load(&[World::slot(14, 10, 0, OLGA)]);
    assert_eq!(w.session.state, State::Day);
}

#[test]
fn a_day_of_silence_starts_anew_and_old_buttons_stay_old() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    let confirm = w.payload("Подтвердить");
    let version = w.session.version;
    w.wait(TimeDelta::hours(24));
    w.press_payload(&confirm);
    assert_eq!((books(&w.effects), w.session.state), (0, State::Home));
    assert!(w.session.version > version && w.session.draft.slot.is_none());
}

#[test]
fn a_lost_or_foreign_session_becomes_a_fresh_one_with_a_higher_version() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    let confirm = w.payload("Подтвердить");
    for stored in [serde_json::json!({}), serde_json::json!("?"), serde_json::json!({"version": 7, "state": "zz"})] {
        w.session = Session::restore(stored);
        assert_eq!(w.session.state, State::Idle);
        w.wait(TimeDelta::seconds(1));
        w.press_payload(&confirm);
        assert_eq!(books(&w.effects), 0);
        assert_eq!(w.screen().id, ScreenId::State(State::Lang));
    }
}

#[test]
fn refusals_lead_to_what_has_to_change() {
    for (reason, state) in [
        (Refusal::ServiceGone, State::Service),
        (Refusal::StaffGone, State::Staff),
        (Refusal::PhoneRejected, State::Contact),
        (Refusal::LimitReached, State::My),
        (Refusal::TooSoon, State::Loading),
        (Refusal::Other, State::Confirm),
    ] {
        let mut w = World::known(Lang::Ru);
        w.reach_confirm();
        w.press("Подтвердить");
        let attempt = w.attempt();
        w.event(SystemEvent::BookingRefused { attempt, reason });
        assert_eq!(w.session.state, state, "{reason:?}");
    }
}

#[test]
fn a_time_that_has_passed_is_not_booked() {
    let mut w = World::known(Lang::Ru);
    w.reach_confirm();
    w.session.draft.slot = Some(World::slot(13, 11, 0, ANNA));
    w.say("да");
    assert_eq!((books(&w.effects), w.session.state), (0, State::Loading));
}

#[test]
fn times_at_the_ends_of_the_calendar_do_no_harm() {
    let mut w = World::known(Lang::Ru);
    w.visits = vec![Visit { start: DateTime::<Utc>::MAX_UTC, ..World::visit(true) }];
    w.press("Мои записи");
    w.say("1");
    w.say("запись");
    w.say("2");
    let ends = [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC].map(|start| Slot { start, staff: OLGA });
    w.load(&ends);
    assert_eq!(w.session.state, State::Loading);
    w.now = DateTime::<Utc>::MAX_UTC;
    w.say("меню");
    w.say("запись");
    w.say("2");
    w.load(&ends);
    assert!(w.session.slots.is_empty());
}
