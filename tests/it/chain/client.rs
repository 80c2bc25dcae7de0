//! A person with a telephone.

use salon_sandbox::{
    messenger::{ButtonKind, Messenger},
    telegram::{Acted, Action, Telegram},
};
use serde_json::Value;

use super::{Chain, PATIENCE, Salon};

/// What the buttons and messages of a whole booking say.
pub(crate) struct Words {
    language: &'static str,
    pub(crate) book: &'static str,
    service: &'static str,
    pick_day: &'static str,
    pub(crate) confirm: &'static str,
    pub(crate) booked: &'static str,
    pub(crate) reminder: &'static str,
    pub(crate) cancel: &'static str,
    pub(crate) cancel_yes: &'static str,
    pub(crate) cancelled: &'static str,
    pub(crate) just_taken: &'static str,
}

pub(crate) const RU: &Words = &Words {
    language: "Русский",
    book: "Записаться",
    service: "Стрижка",
    confirm: "Подтвердить",
    booked: "Готово, вы записаны!",
    reminder: "Напоминаем о визите",
    pick_day: "Выберите день.",
    cancel: "Отменить визит",
    cancel_yes: "Да, отменить",
    cancelled: "Визит отменён.",
    just_taken: "Это время только что заняли.",
};

pub(crate) const EN: &Words = &Words {
    language: "English",
    book: "Book",
    service: "Haircut",
    confirm: "Confirm",
    booked: "Done, you are booked!",
    reminder: "A reminder of your visit",
    pick_day: "Choose a day.",
    cancel: "Cancel the visit",
    cancel_yes: "Yes, cancel",
    cancelled: "The visit is cancelled.",
    just_taken: "That time was just taken.",
};

/// A message of the bot, as the person sees it.
#[derive(Clone)]
pub(crate) struct Shown(Value);

impl Shown {
    pub(crate) fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }

    pub(crate) fn id(&self) -> i64 {
        self.0["message_id"].as_i64().unwrap()
    }

    /// Labels and data.
    pub(crate) fn buttons(&self) -> Vec<(String, String)> {
        let rows = self.0["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
        let buttons = rows.flat_map(|row| row.as_array().into_iter().flatten());
        let text = |button: &Value, name: &str| Some(button[name].as_str()?.to_owned());
        buttons.filter_map(|button| Some((text(button, "text")?, text(button, "callback_data")?))).collect()
    }

    fn data(&self, label: &str) -> Option<String> {
        self.buttons().into_iter().find_map(|(text, data)| text.starts_with(label).then_some(data))
    }
}

/// A person in the chat with a salon's bot, and how far they have read.
pub(crate) struct Client<'a> {
    chain: &'a Chain,
    salon: &'a Salon,
    person: i64,
    read: usize,
}

impl<'a> Client<'a> {
    pub(crate) fn new(chain: &'a Chain, salon: &'a Salon, person: i64) -> Self {
        Self { chain, salon, person, read: 0 }
    }

    /// Everything the bot wrote, oldest first.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        self.chain.sandbox.telegram.bot_messages(self.salon.bot, self.person).into_iter().map(Shown).collect()
    }

    /// How many messages contain `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.shown().iter().filter(|shown| shown.text().contains(text)).count()
    }

    /// Does something. Who thinks before pressing gives the bot's pace in this chat time to recover; a test doesn't think.
    pub(crate) async fn act(&self, action: Action) -> Acted {
        let key = format!("salon:pace:chat:{}:{}", self.salon.account, self.person);
        let mut redis = self.chain.redis.get_multiplexed_async_connection().await.unwrap();
        redis::cmd("DEL").arg(key).query_async::<()>(&mut redis).await.unwrap();
        self.chain.sandbox.telegram.act(self.salon.bot, self.person, action).unwrap()
    }

    /// The next message that fits and has not been read.
    async fn next(&mut self, what: &str, fits: impl Fn(&Shown) -> bool) -> Shown {
        let (telegram, from) = (&self.chain.sandbox.telegram, self.read);
        let found =
            telegram.wait_for(PATIENCE, |_| self.shown().into_iter().enumerate().skip(from).find(|(_, shown)| fits(shown)));
        let Some((n, shown)) = found.await else {
            let said: Vec<_> = self.shown().iter().map(|shown| format!("{:?} {:?}", shown.text(), shown.buttons())).collect();
            panic!("no {what}; the bot said:\n{}", said.join("\n"));
        };
        self.read = n + 1;
        shown
    }

    /// Waits for a message with this text.
    pub(crate) async fn sees(&mut self, text: &str) -> Shown {
        self.next(&format!("message {text:?}"), |shown| shown.text().contains(text)).await
    }

    /// Waits for a message with a button that begins so.
    pub(crate) async fn sees_button(&mut self, label: &str) -> Shown {
        self.next(&format!("button {label:?}"), |shown| shown.data(label).is_some()).await
    }

    /// Waits for a message with such a button and presses it.
    pub(crate) async fn press(&mut self, label: &str) -> Shown {
        let shown = self.sees_button(label).await;
        self.press_on(&shown, label).await;
        shown
    }

    /// Presses a button of a message that may be old.
    pub(crate) async fn press_on(&self, shown: &Shown, label: &str) {
        self.press_data(shown, shown.data(label).unwrap()).await;
    }

    async fn press_data(&self, shown: &Shown, data: String) {
        let press = Action::Press { message_id: Some(shown.id()), data, unchecked: false, inaccessible: false };
        self.act(press).await;
    }

    /// Presses data that the message need not show, as a forged client does.
    pub(crate) async fn forge_press(&self, shown: &Shown, data: &str) {
        let press = Action::Press { message_id: Some(shown.id()), data: data.to_owned(), unchecked: true, inaccessible: false };
        self.act(press).await;
    }

    /// Waits for a message that contains `text` and presses its n-th button.
    pub(crate) async fn press_nth(&mut self, text: &str, n: usize) -> String {
        let shown = self.sees(text).await;
        let (label, data) = shown.buttons()[n].clone();
        self.press_data(&shown, data).await;
        label
    }

    pub(crate) async fn says(&self, text: &str) -> Acted {
        self.act(Action::Text { text: text.to_owned() }).await
    }

    /// Opens the chat, picks the language and leaves the number.
    pub(crate) async fn enters(&mut self, words: &Words) {
        self.act(Action::Start { payload: None }).await;
        self.press(words.language).await;
        self.asked_for_number().await;
        self.act(Action::Contact { phone: None, first_name: None }).await;
        self.sees_button(words.book).await;
        self.read -= 1;
    }

    /// Waits for the button that shares the number.
    pub(crate) async fn asked_for_number(&self) {
        let (salon, person) = (self.salon.bot.to_string(), self.person.to_string());
        let asked = |telegram: &Telegram| {
            let keyboard = telegram.chat(&salon, &person)?.keyboard;
            keyboard.iter().flatten().any(|button| button.kind == ButtonKind::Contact).then_some(())
        };
        self.chain.sandbox.telegram.wait_for(PATIENCE, asked).await.expect("asked for the number");
    }

    /// From the menu to the screen with the times of Wednesday, with Olga.
    pub(crate) async fn asks_times(&mut self, words: &Words) -> Shown {
        self.press(words.book).await;
        self.press(words.service).await;
        self.press("Ольга").await;
        self.press_nth(words.pick_day, 2).await;
        self.sees_button("11:00").await
    }

    /// From the menu to the screen that asks whether all is right. Wednesday 11:00 with Olga.
    pub(crate) async fn chooses(&mut self, words: &Words) -> Shown {
        let times = self.asks_times(words).await;
        self.press_on(&times, "11:00").await;
        self.sees_button(words.confirm).await
    }

    /// The whole way to a booking on Wednesday at 11:00.
    pub(crate) async fn books(&mut self, words: &Words) -> Shown {
        let summary = self.chooses(words).await;
        self.press_on(&summary, words.confirm).await;
        self.sees(words.booked).await
    }

    /// From the message about the booking to the word that it is cancelled.
    pub(crate) async fn cancels(&mut self, booked: &Shown, words: &Words) {
        self.press_on(booked, words.cancel).await;
        self.press(words.cancel_yes).await;
        self.sees(words.cancelled).await;
    }
}
