//! A client who books, and sometimes cancels, whatever the chat shows: late, twice, or again.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use salon_sandbox::telegram::{Action, Telegram};
use serde_json::Value;

use super::{Random, system::bot};

/// Whoever sees nothing new for so long writes "меню". Much longer than a lease: on a busy machine, impatience would only make
/// more work, and every new screen puts the last one's buttons out of date.
const PATIENCE: Duration = Duration::from_secs(60);
/// A round that takes longer is stuck.
const ROUND: Duration = Duration::from_secs(300);

/// Somebody with a Telegram account.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) salon: i64,
    /// As the contact card has it, without a plus.
    pub(super) phone: String,
}

impl Person {
    pub(super) fn crowd(count: i64) -> Vec<Self> {
        (1..=count).map(|n| Self { id: 700_000_000 + n, salon: n % 2 + 1, phone: format!("7916{n:07}") }).collect()
    }
}

/// What a client remembers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The visits that the chat confirmed and did not cancel: master and time, in the chat's own words.
    pub(super) standing: BTreeSet<String>,
    pub(super) confirmed: usize,
    pub(super) cancelled: usize,
    pub(super) updates: Vec<i64>,
    pub(super) nudges: usize,
}

pub(super) struct Client {
    pub(super) person: Person,
    pub(super) memory: Memory,
    telegram: Arc<Telegram>,
    random: Random,
    /// The bot's messages already read.
    read: usize,
    /// What this round is for.
    then_cancel: bool,
    cancelling: Option<String>,
    done: bool,
}

/// A message of the bot.
struct Screen(Value);

impl Screen {
    fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }

    fn buttons(&self) -> Vec<(&str, &str)> {
        let rows = self.0["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
        let buttons = rows.filter_map(Value::as_array).flatten();
        buttons.filter_map(|button| Some((button["text"].as_str()?, button["callback_data"].as_str()?))).collect()
    }

    /// Master and time of the visit it speaks of.
    fn visit(&self) -> Option<String> {
        let line = |label: &str| self.text().lines().find_map(|line| line.strip_prefix(label)).map(str::trim);
        Some(format!("{} {}", line("Мастер: ")?, line("Когда: ")?))
    }
}

impl Client {
    pub(super) fn new(person: Person, telegram: Arc<Telegram>, random: Random) -> Self {
        let memory = Memory::default();
        Self { person, memory, telegram, random, read: 0, then_cancel: false, cancelling: None, done: false }
    }

    /// Books again and again until told to stop, and ends with a finished round.
    pub(super) async fn live(mut self, stop: Arc<AtomicBool>) -> Self {
        self.act(Action::Start { payload: None });
        // However short the run: somebody cancels, and somebody does not.
        self.then_cancel = self.person.id % 3 == 0;
        loop {
            self.done = false;
            self.round().await;
            if stop.load(Ordering::Relaxed) {
                return self;
            }
            self.then_cancel = self.random.below(3) == 0;
        }
    }

    async fn round(&mut self) {
        let begun = Instant::now();
        if self.read > 0 {
            self.act(Action::Text { text: "меню".to_owned() });
        }
        let mut waited = Instant::now();
        while !self.done {
            assert!(begun.elapsed() < ROUND, "{:?} is stuck; the bot last said: {:?}", self.person, self.last_words());
            let seen = self.read;
            let next = self.telegram.wait_for(Duration::from_secs(1), |telegram| {
                let messages = telegram.bot_messages(bot(self.person.salon), self.person.id);
                (messages.len() > seen).then_some(messages)
            });
            match next.await {
                Some(messages) => {
                    waited = Instant::now();
                    self.read_on(messages);
                }
                None if waited.elapsed() > PATIENCE => {
                    waited = Instant::now();
                    self.memory.nudges += 1;
                    self.act(Action::Text { text: "меню".to_owned() });
                }
                None => {}
            }
        }
    }

    fn last_words(&self) -> String {
        let messages = self.telegram.bot_messages(bot(self.person.salon), self.person.id);
        messages.last().and_then(|message| message["text"].as_str()).unwrap_or_default().to_owned()
    }

    /// Takes note of everything new, and answers the last of it.
    fn read_on(&mut self, messages: Vec<Value>) {
        let new: Vec<Screen> = messages.into_iter().skip(self.read).map(Screen).collect();
        self.read += new.len();
        for screen in &new {
            self.remember(screen);
        }
        if let Some(last) = new.last().filter(|_| !self.done) {
            self.answer(last);
        }
    }

    fn remember(&mut self, screen: &Screen) {
        let text = screen.text();
        if text.contains("Готово, вы записаны") || text.contains("Запись, которую мы проверяли, прошла")
        {
            let visit = screen.visit().unwrap_or_else(|| panic!("a confirmation without a visit: {text:?}"));
            if self.memory.standing.insert(visit) {
                self.memory.confirmed += 1;
                self.done = !self.then_cancel;
            }
        }
        if text.contains("Визит отменён")
            && let Some(visit) = self.cancelling.take()
        {
            assert!(self.memory.standing.remove(&visit), "{visit} was cancelled, and never confirmed");
            self.memory.cancelled += 1;
            self.done = true;
        }
    }

    fn answer(&mut self, screen: &Screen) {
        let text = screen.text();
        let is = |part: &str| text.contains(part);
        if is("номер телефона") {
            self.act(Action::Contact { phone: None, first_name: None });
        } else if is("секунду…") || is("Проверяем, прошла ли запись") {
            // An answer is on its way.
        } else if is("Отменить этот визит?") {
            self.cancelling = screen.visit();
            self.press(screen, "Да, отменить");
        } else if is("На какую услугу") || is("К кому вас") {
            self.press_nth(screen, 0, 2);
        } else if is("Выберите день") {
            // Not the first ones: no visit is so near that its reminder is due in the middle of the test.
            self.press_nth(screen, 2, 2);
        } else if is("Свободное время,") {
            self.press_nth(screen, 0, 4);
        } else if is("вы записаны") && self.then_cancel {
            self.press(screen, "Отменить визит");
        } else {
            self.press_first(screen, &["Русский", "Подтвердить", "Попробовать ещё раз", "Записаться", "Меню"]);
        }
    }

    fn press_first(&mut self, screen: &Screen, labels: &[&str]) {
        let buttons = screen.buttons();
        let found = labels.iter().find(|label| buttons.iter().any(|(text, _)| text.starts_with(**label)));
        match found {
            Some(label) => self.press(screen, label),
            None => self.act(Action::Text { text: "меню".to_owned() }),
        }
    }

    fn press(&mut self, screen: &Screen, label: &str) {
        let Some((_, data)) = screen.buttons().into_iter().find(|(text, _)| text.starts_with(label)) else {
            panic!("{label:?} is not on {}", screen.0);
        };
        self.push(screen, data);
    }

    /// One of the `choices` buttons from the `first` on; they are few, so that clients meet at the same times.
    fn press_nth(&mut self, screen: &Screen, first: usize, choices: usize) {
        let buttons = screen.buttons();
        let of_choice = buttons.iter().filter(|(text, _)| !matches!(*text, "Назад" | "Меню" | "Позже" | "Ближайшие дни" | "Ещё"));
        let of_choice: Vec<&str> = of_choice.map(|(_, data)| *data).collect();
        let n = first + self.random.below(choices);
        match of_choice.get(n).or(of_choice.last()) {
            Some(data) => self.push(screen, data),
            None => self.act(Action::Text { text: "меню".to_owned() }),
        }
    }

    fn push(&mut self, screen: &Screen, data: &str) {
        let message_id = screen.0["message_id"].as_i64();
        self.act(Action::Press { message_id, data: data.to_owned(), unchecked: false, inaccessible: false });
    }

    fn act(&mut self, action: Action) {
        let acted = self.telegram.act(bot(self.person.salon), self.person.id, action).unwrap();
        self.memory.updates.extend(acted.update_id);
    }
}
