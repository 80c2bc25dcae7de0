//! Screens that go to the edge of what channels allow, for the adapters' own tests.

use super::world::World;
use crate::{
    dialogue::{AskContact, Choice, ChoiceId, Screen, State, Token, TokenSealer},
    lang::Lang,
};

/// Text of every length and script, as many choices as there can be, a contact request, a keyboard to take away.
pub(crate) fn edge_screens() -> Vec<(Screen, TokenSealer)> {
    let world = World::known(Lang::Ru);
    let token = Token::Session { screen: State::Home, choice: ChoiceId::Offer(u16::MAX), version: u64::MAX };
    let choice = |label: &str| Choice { label: label.to_owned(), token };
    let plain = Screen { choices: Vec::new(), nav: Vec::new(), more: None, ..world.screen().clone() };
    let long = "Очень длинная строка, которую никто не дочитает до конца. ".repeat(200);
    let odd = "👨‍👩‍👧‍👦🏳️‍🌈e\u{301}\u{202e}\u{200b}<b>*_`\\".repeat(300);
    let mut screens = vec![
        plain.clone(),
        Screen { text: long.clone(), ..plain.clone() },
        Screen { text: odd.clone(), ..plain.clone() },
        Screen { ask_contact: Some(AskContact { label: odd.clone(), typed: long.clone() }), ..plain.clone() },
        Screen { remove_keyboard: true, ..plain.clone() },
    ];
    for (count, label) in [(1, "Подтвердить"), (3, long.as_str()), (13, odd.as_str()), (60, "Стрижка"), (60, long.as_str())]
    {
        let choices = vec![choice(label); count];
        for text in ["?", long.as_str()] {
            let nav = vec![choice("Назад"), choice("Меню")];
            let screen = Screen { text: text.to_owned(), choices: choices.clone(), nav, ..world.screen().clone() };
            screens.push(Screen { more: Some(choice("Ещё")), columns: 4, ..screen.clone() });
            screens.push(Screen { nav: Vec::new(), page: 3, ..screen });
        }
    }
    screens.into_iter().map(|screen| (screen, world.tokens.clone())).collect()
}
