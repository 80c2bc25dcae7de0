//! What a screen becomes on each channel.

use std::collections::HashSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::budgets;
use super::world::{HAIRCUT, World};
use crate::channel::capabilities::{Capabilities, Limit};
use crate::dialogue::ids::StaffId;
use crate::dialogue::{
    Button, Choice, ChoiceId, Keyboard, MAX_PAYLOAD, Rendered, Screen, Staff, State, Token, TokenSealer, render,
};
use crate::lang::Lang;

/// The labels of a message's keyboard, by row.
fn rows(w: &World, caps: &Capabilities) -> Vec<Vec<String>> {
    let labels = |row: &Vec<Button>| row.iter().map(|button| button.label.clone()).collect();
    match render(w.screen(), caps, &w.tokens).keyboard {
        Keyboard::Inline(rows) => rows.iter().map(labels).collect(),
        Keyboard::List { rows, .. } => vec![labels(&rows)],
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_screen_suits_every_channel() {
    let mut w = World::known(Lang::Ru);
    assert_eq!(rows(&w, &budgets::WHATSAPP), [["Записаться", "Мои записи", "Язык"]]);
    w.press("Записаться");
    assert_eq!(
        rows(&w, &budgets::TELEGRAM),
        [vec!["Стрижка · 45 минут · 6 000 ₸"], vec!["Окрашивание · 121 минута"], vec!["Назад", "Меню"]]
    );
    let message = render(w.screen(), &budgets::WHATSAPP, &w.tokens);
    assert_eq!(message.text, "На какую услугу вас записать?\n\n1. Стрижка · 45 минут · 6 000 ₸\n2. Окрашивание · 121 минута");
    let Keyboard::List { open_label, .. } = &message.keyboard else { panic!() };
    assert_eq!(open_label, "Выбрать");
    assert_eq!(rows(&w, &budgets::WHATSAPP), [["Стрижка · 45 минут · 6…", "Окрашивание · 121 минута", "Назад", "Меню"]]);
    assert_eq!(rows(&w, &budgets::INSTAGRAM), [["Стрижка · 45 минут…", "Окрашивание · 121 м…", "Назад", "Меню"]]);
    let message = render(w.screen(), &budgets::BARE, &w.tokens);
    assert_eq!(message.keyboard, Keyboard::None);
    assert!(message.text.ends_with("Ответьте номером. Можно также написать: Назад, Меню."), "{}", message.text);
}

#[test]
fn more_turns_the_page_and_the_numbers_go_on() {
    let mut w = World::known(Lang::Ru);
    w.staff = (0..25u128)
        .map(|n| Staff { id: StaffId(Uuid::from_u128(n)), name: format!("Мастер {n}"), services: vec![HAIRCUT] })
        .collect();
    w.press("Записаться");
    w.press("Стрижка · 45 минут · 6 000 ₸");
    assert_eq!(
        rows(&w, &budgets::VK).concat(),
        ["К любому мастеру", "Мастер 0", "Мастер 1", "Мастер 2", "Мастер 3", "Ещё", "Назад", "Меню"]
    );
    w.say("ещё");
    assert_eq!(rows(&w, &budgets::VK)[0], ["Мастер 4"]);
    let message = render(w.screen(), &budgets::BARE, &w.tokens);
    assert!(message.text.contains("\n21. Мастер 19\n"), "{}", message.text);
    w.say("21");
    assert_eq!(w.session.draft.staff, Some(StaffId(Uuid::from_u128(19))));
}

proptest! {
    #[test]
    fn any_screen_renders_within_every_budget(
        text in prop_oneof!["\\PC{1,300}", "[а-я 👩‍👧]{400,5000}"].prop_map(|text| format!("?{text}")),
        labels in prop::collection::vec(prop_oneof!["\\PC{0,60}", "[а-я]{60,300}", Just("Стрижка".to_owned())], 0..40),
        (nav, columns, page) in (0usize..4, 0u8..9, any::<u16>()),
    ) {
        let w = World::known(Lang::Ru);
        let token = Token::Session { screen: State::Home, choice: ChoiceId::Offer(u16::MAX), version: u64::MAX };
        let choices = labels.into_iter().map(|label| Choice { label, token }).collect();
        let nav = vec![Choice { label: "Меню".into(), token }; nav];
        check_screen(&Screen { text, choices, nav, columns, page, ..w.screen().clone() }, &w.tokens)?;
    }

    /// Every choice is on exactly one page.
    #[test]
    fn the_pages_together_hold_every_choice_once(n in 0u16..80, wide in any::<bool>()) {
        let w = World::known(Lang::Ru);
        let token = |n| Token::Session { screen: State::Slot, choice: ChoiceId::Offer(n), version: 1 };
        let title = if wide { "Окрашивание и укладка волос" } else { "" };
        let choices: Vec<_> = (0..n).map(|n| Choice { label: format!("{n} {title}"), token: token(n) }).collect();
        for (name, caps) in budgets::ALL.into_iter().filter(|(_, caps)| caps.buttons.is_some()) {
            let mut seen = Vec::new();
            for page in 0..=n {
                let screen = Screen { choices: choices.clone(), page, ..w.screen().clone() };
                let found = offers(&render(&screen, &caps, &w.tokens), &w.tokens);
                if !seen.is_empty() && found.first() == seen.first() {
                    break;
                }
                seen.extend(found);
            }
            prop_assert_eq!(&seen, &(0..n).collect::<Vec<_>>(), "{}", name);
        }
    }

    #[test]
    fn any_titles_and_any_number_of_them_render_within_every_budget(
        title in "\\PC{0,120}|(👨‍👩‍👧‍👦|🏳️‍🌈|e\u{301}|\u{202e}|\u{200b}){0,80}",
        n in 0usize..60,
        page in 0u16..70,
    ) {
        let mut w = World::known(Lang::Ru);
        w.staff = (0..n)
            .map(|i| Staff {
                id: StaffId(Uuid::from_u128(i as u128)),
                name: if i % 3 == 0 { title.clone() } else { format!("{title} {i}") },
                services: w.services.iter().map(|service| service.id).collect(),
            })
            .collect();
        for service in &mut w.services {
            service.title.plain.clone_from(&title);
        }
        w.say("запись");
        check_screen(&Screen { page, ..w.screen().clone() }, &w.tokens)?;
        w.say("2");
        check_screen(&Screen { page, ..w.screen().clone() }, &w.tokens)?;
    }
}

/// The choices that have a button, in order.
fn offers(message: &Rendered, tokens: &TokenSealer) -> Vec<u16> {
    let buttons: Vec<_> = match &message.keyboard {
        Keyboard::Inline(rows) => rows.iter().flatten().collect(),
        Keyboard::List { rows, .. } => rows.iter().collect(),
        _ => Vec::new(),
    };
    let offer = |payload: &str| match tokens.open(payload) {
        Some(Token::Session { choice: ChoiceId::Offer(n), .. }) => Some(n),
        _ => None,
    };
    buttons.iter().filter_map(|button| offer(&button.payload)).collect()
}

/// Whether the screen keeps every channel's limits.
pub(super) fn check_screen(screen: &Screen, tokens: &TokenSealer) -> Result<(), TestCaseError> {
    let json = serde_json::to_value(screen).unwrap();
    prop_assert_eq!(&serde_json::from_value::<Screen>(json).unwrap(), screen);
    for (name, caps) in budgets::ALL {
        let message = render(screen, &caps, tokens);
        check_message(name, &caps, &message)?;
    }
    Ok(())
}

fn check_message(name: &str, caps: &Capabilities, message: &Rendered) -> Result<(), TestCaseError> {
    prop_assert!(caps.text_limit.fits(&message.text), "{}: text of {}", name, caps.text_limit.measure(&message.text));
    prop_assert!(!message.text.trim().is_empty());
    let (buttons, limit): (Vec<_>, Option<Limit>) = match &message.keyboard {
        Keyboard::Inline(rows) => {
            let budget = caps.buttons.unwrap();
            prop_assert!(rows.len() <= budget.rows, "{}: {} rows", name, rows.len());
            prop_assert!(rows.iter().all(|row| !row.is_empty() && row.len() <= budget.per_row));
            prop_assert!(rows.iter().flatten().count() <= budget.total);
            (rows.iter().flatten().collect(), budget.label)
        }
        Keyboard::List { open_label, rows } => {
            let budget = caps.list.unwrap();
            prop_assert!(rows.len() <= budget.rows && budget.open_label.fits(open_label));
            (rows.iter().collect(), Some(budget.label))
        }
        Keyboard::RequestContact { .. } => {
            prop_assert!(caps.contact_request);
            return Ok(());
        }
        Keyboard::None | Keyboard::Remove => return Ok(()),
    };
    let unique: HashSet<&str> = buttons.iter().map(|button| button.label.as_str()).collect();
    prop_assert_eq!(unique.len(), buttons.len(), "{}: labels are not unique", name);
    for button in buttons {
        prop_assert!(button.payload.len() <= MAX_PAYLOAD);
        prop_assert!(!button.label.trim().is_empty());
        prop_assert!(limit.is_none_or(|limit| limit.fits(&button.label)), "{}: {}", name, button.label);
    }
    Ok(())
}
