//! The other side: what a person can do in the dialogue with a bot.

use serde::{Deserialize, Serialize};

use super::{Max, hand::Hand};
use crate::messenger::{Act, CannotAct, Media};

/// What a person does in the dialogue with a bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Opens the dialogue and presses Start where it shows one, perhaps by a link `https://max.ru/<bot>?start=<payload>`.
    Start {
        /// The link's payload.
        #[serde(default)]
        payload: Option<String>,
    },
    /// Writes.
    Text {
        /// What.
        text: String,
    },
    /// Presses a button.
    Press {
        /// The message it is on; the last one that has it if left out.
        #[serde(default)]
        message: Option<String>,
        /// What [`crate::messenger::Button`] names.
        press: String,
    },
    /// Shares a contact card.
    Contact {
        /// The person's own, by a button that asks for it; or somebody else's, out of the phone's book.
        own: bool,
    },
    /// Sends something that is no text.
    Media {
        /// What.
        media: Media,
        /// With a text.
        #[serde(default)]
        caption: Option<String>,
    },
    /// Changes one of their own messages.
    Edit {
        /// Its `mid`.
        message: String,
        /// New text.
        text: String,
    },
    /// Takes one of their own messages back.
    Delete {
        /// Its `mid`.
        message: String,
    },
    /// Stops the bot.
    Stop,
    /// Starts it again after a stop.
    Resume,
    /// Deletes the dialogue, which stops the bot.
    Remove,
    /// Empties the dialogue.
    Clear,
    /// Turns the sound off for so many hours.
    Mute {
        /// Hours from now.
        hours: i64,
    },
    /// Turns it on again.
    Unmute,
}

impl From<Act> for Action {
    fn from(act: Act) -> Self {
        match act {
            Act::Open { payload } => Self::Start { payload },
            Act::Text { text } => Self::Text { text },
            Act::Press { message, press } => Self::Press { message, press },
            Act::Contact { own } => Self::Contact { own },
            Act::Media { media, caption } => Self::Media { media, caption },
            Act::Edit { message, text } => Self::Edit { message, text },
            Act::Delete { message } => Self::Delete { message },
            Act::Block => Self::Stop,
            Act::Unblock => Self::Resume,
        }
    }
}

/// What an action came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Acted {
    /// The message it put into the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// The events it made that a subscription wants, named by what tells them apart: MAX gives them no ids.
    pub events: Vec<String>,
}

impl Max {
    /// Lets a person do something in their dialogue with a bot; the events are on their way when this returns.
    ///
    /// # Errors
    ///
    /// [`CannotAct`].
    pub fn act(&self, bot: i64, person: i64, action: Action) -> Result<Acted, CannotAct> {
        let bot = self.bot(bot).ok_or(CannotAct::NoBot)?;
        let person = self.person(person).ok_or(CannotAct::NoPerson)?;
        let acted = {
            let mut state = bot.state();
            let mut hand = Hand { max: self, bot: &bot, person: &person, state: &mut state, acted: Acted::default() };
            match action {
                Action::Start { payload } => hand.start(payload)?,
                Action::Text { text } => hand.write(text)?,
                Action::Press { message, press } => hand.press(message.as_deref(), &press)?,
                Action::Contact { own } => hand.contact(own)?,
                Action::Media { media, caption } => hand.media(media, caption)?,
                Action::Edit { message, text } => hand.rewrite(&message, text)?,
                Action::Delete { message } => hand.withdraw(&message)?,
                Action::Stop => hand.stop(false)?,
                Action::Remove => hand.stop(true)?,
                Action::Resume => hand.resume()?,
                Action::Clear => hand.clear()?,
                Action::Mute { hours } => hand.mute(Some(hours))?,
                Action::Unmute => hand.mute(None)?,
            }
            hand.acted
        };
        self.courier.run(&bot);
        self.touch();
        Ok(acted)
    }
}
