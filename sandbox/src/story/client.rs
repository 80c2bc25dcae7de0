//! The client's hands and eyes in one chat.

use serde_json::{Value, json};

use super::{Broken, channels::Channel, salon::Salon};
use crate::messenger::{Author, Bubble, Button, ButtonKind, Chat};

/// A client with a phone.
pub(super) struct Client<'a> {
    salon: &'a Salon,
    pub(super) channel: &'static Channel,
    /// Messages of the salon that are already behind us.
    read: usize,
}

/// A message with something to press.
struct Screen {
    /// Its number among the salon's messages.
    number: usize,
    text: String,
    /// The message the buttons are on; none for those under the chat.
    message: Option<String>,
    buttons: Vec<Button>,
}

impl<'a> Client<'a> {
    pub(super) fn new(salon: &'a Salon, channel: &'static Channel) -> Self {
        Self { salon, channel, read: 0 }
    }

    fn path(&self) -> String {
        let Channel { vendor, account, person, .. } = self.channel;
        format!("/control/messengers/{vendor}/{account}/{person}")
    }

    async fn chat(&self) -> Result<Chat, Broken> {
        let chat = self.salon.get(&self.path()).await?;
        serde_json::from_value(chat).map_err(|error| error.to_string())
    }

    pub(super) async fn act(&self, act: Value) -> Result<(), Broken> {
        self.salon.post(&self.path(), &act).await.map(|_| ())
    }

    /// Posts what did not come from the vendor. Returns how it was answered.
    pub(super) async fn forge(&self) -> Result<u64, Broken> {
        let Channel { vendor, account, .. } = self.channel;
        let answer = self.salon.post(&format!("/control/messengers/{vendor}/{account}/forge"), &Value::Null).await?;
        answer["status"].as_u64().ok_or_else(|| format!("the forgery came to {answer}"))
    }

    /// Looks until `see` finds something in the chat.
    async fn until<T>(&self, missing: &str, see: impl Fn(&Chat) -> Option<T>) -> Result<T, Broken> {
        let seen = self.salon.until(missing, async || Ok(see(&self.chat().await?))).await;
        match seen {
            Ok(seen) => Ok(seen),
            Err(missing) => {
                let chat = self.chat().await?;
                let last = told(&chat).last().map(|bubble| bubble.text.as_str()).unwrap_or_default();
                Err(format!("{missing}; the salon last said: {last:?}"))
            }
        }
    }

    /// The next message that fits and that was not answered yet.
    async fn screen(&self, wanted: &str, fits: impl Fn(&Screen) -> bool) -> Result<Screen, Broken> {
        self.until(&format!("no screen with {wanted}"), |chat| screens(chat, self.read).into_iter().rfind(&fits)).await
    }

    /// Presses a button of the next screen that has such a one. Returns what the screen said.
    async fn push_first(&mut self, wanted: &str, fits: impl Fn(&&Button) -> bool) -> Result<String, Broken> {
        let screen = self.screen(wanted, |one| one.buttons.iter().any(|button| fits(&button))).await?;
        let button = screen.buttons.iter().find(|button| fits(button)).ok_or("no such button")?;
        self.push(&screen, button).await?;
        Ok(screen.text)
    }

    async fn push(&mut self, screen: &Screen, button: &Button) -> Result<(), Broken> {
        self.read = screen.number + 1;
        self.act(json!({"do": "press", "message": screen.message, "press": button.press})).await
    }

    /// Presses the button whose label begins with `label`. Returns what the screen said.
    pub(super) async fn press(&mut self, label: &str) -> Result<String, Broken> {
        let begins = |button: &&Button| button.kind == ButtonKind::Reply && button.label.starts_with(label);
        self.push_first(&format!("a button {label:?}"), begins).await
    }

    /// Presses the n-th button of the next screen that says `text`. Returns its label.
    pub(super) async fn press_nth(&mut self, text: &str, wanted: usize) -> Result<String, Broken> {
        let screen =
            self.screen(&format!("{text:?} and buttons"), |one| one.text.contains(text) && !one.buttons.is_empty()).await?;
        let button = screen.buttons.get(wanted).ok_or_else(|| format!("{:?} has too few buttons", screen.text))?;
        self.push(&screen, button).await?;
        Ok(button.label.clone())
    }

    /// Presses the button that shares the client's own number. Returns what asked for it.
    pub(super) async fn share_number(&mut self) -> Result<String, Broken> {
        self.push_first("a contact button", |button| button.kind == ButtonKind::Contact).await
    }

    /// Writes the number. Returns what asked for it.
    pub(super) async fn type_number(&mut self) -> Result<String, Broken> {
        let asked = self.says("номер телефона").await?;
        self.act(json!({"do": "text", "text": self.channel.phone})).await?;
        Ok(asked)
    }

    /// Waits for a message that contains `text`.
    pub(super) async fn says(&self, text: &str) -> Result<String, Broken> {
        let told = |chat: &Chat| told(chat).skip(self.read).find(|bubble| bubble.text.contains(text)).map(|one| one.text.clone());
        self.until(&format!("the salon never said {text:?}"), told).await
    }

    /// How many reminders there are.
    pub(super) async fn reminders(&self) -> Result<usize, Broken> {
        Ok(told(&self.chat().await?).filter(|bubble| is_reminder(bubble)).count())
    }

    /// Waits for a reminder more than `before`; there may be no further.
    pub(super) async fn reminder_after(&mut self, before: usize) -> Result<Bubble, Broken> {
        let (number, bubble) = self
            .until("the reminder never came", |chat| {
                let reminders: Vec<_> = told(chat).enumerate().filter(|(_, bubble)| is_reminder(bubble)).collect();
                reminders.last().filter(|_| reminders.len() == before + 1).map(|(n, bubble)| (*n, (*bubble).clone()))
            })
            .await?;
        self.read = number;
        Ok(bubble)
    }
}

/// What the salon wrote, oldest first.
fn told(chat: &Chat) -> impl Iterator<Item = &Bubble> {
    chat.bubbles.iter().filter(|bubble| bubble.author != Author::Person)
}

fn is_reminder(bubble: &Bubble) -> bool {
    bubble.text.to_lowercase().contains("напоминаем о визите")
}

/// What can be pressed on the salon's messages from number `read` on. Buttons under the chat belong to the last message.
fn screens(chat: &Chat, read: usize) -> Vec<Screen> {
    let told: Vec<&Bubble> = told(chat).collect();
    let on_messages = told.iter().enumerate().skip(read).map(|(number, bubble)| {
        let buttons = bubble.buttons.iter().flatten().cloned().collect();
        Screen { number, text: bubble.text.clone(), message: Some(bubble.id.clone()), buttons }
    });
    let under = told.last().filter(|_| told.len() > read).map(|last| {
        let buttons = chat.keyboard.iter().flatten().cloned().collect();
        Screen { number: told.len() - 1, text: last.text.clone(), message: None, buttons }
    });
    on_messages.chain(under).collect()
}
