//! The other side of the chat: what a person can do to a bot.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Telegram, content,
    delivery::{MESSAGE_LIVES, QUERY_LIVES},
    state::{Bot, Chat, Lane, Person, Query},
    text,
};
use crate::messenger::CannotAct;

/// What a person does in a chat with a bot.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Presses Start, perhaps behind a deep link `https://t.me/<bot>?start=<payload>`.
    Start {
        /// The link's payload.
        #[serde(default)]
        payload: Option<String>,
    },
    /// Sends text.
    Text {
        /// 1-4096 characters.
        text: String,
    },
    /// Presses an inline button.
    Press {
        /// Message with the button; the last one that has it if left out.
        #[serde(default)]
        message_id: Option<i64>,
        /// The button's `callback_data`.
        data: String,
        /// Presses it although the message shows no such button, as an old app or a forged client does.
        #[serde(default)]
        unchecked: bool,
        /// The message is too old for the bot to see: it comes as an `InaccessibleMessage`.
        #[serde(default)]
        inaccessible: bool,
    },
    /// Shares a contact card: the person's own, or somebody else's if a number is given.
    Contact {
        /// Number of somebody else.
        #[serde(default)]
        phone: Option<String>,
        /// Name of somebody else.
        #[serde(default)]
        first_name: Option<String>,
    },
    /// Sends a picture.
    Photo {
        /// Text under it.
        #[serde(default)]
        caption: Option<String>,
        /// The file in base64; one pixel if left out.
        #[serde(default)]
        data: Option<String>,
    },
    /// Sends a voice message.
    Voice {
        /// Seconds.
        duration: i64,
    },
    /// Sends a place.
    Location {
        /// Degrees.
        latitude: f64,
        /// Degrees.
        longitude: f64,
    },
    /// Sends a sticker.
    Sticker,
    /// Changes an earlier text.
    Edit {
        /// One of the person's own messages.
        message_id: i64,
        /// New text.
        text: String,
    },
    /// Takes an own message back for both sides; the Bot API has no update that tells of it.
    Delete {
        /// One of the person's own messages.
        message_id: i64,
    },
    /// Blocks the bot.
    Block,
    /// Unblocks the bot.
    Unblock,
    /// Deletes the account.
    Deactivate,
}

/// What an action came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Acted {
    /// The message it put into the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<i64>,
    /// The update it made; none if the bot's webhook did not ask for this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_id: Option<i64>,
    /// The callback query it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback_query_id: Option<String>,
}

impl Telegram {
    /// Lets a person do something in their chat with a bot; the update is on its way when this returns.
    ///
    /// # Errors
    ///
    /// [`CannotAct`].
    pub fn act(&self, bot: i64, person: i64, action: Action) -> Result<Acted, CannotAct> {
        let bot = self.bot(bot).ok_or(CannotAct::NoBot)?;
        let person = self.person(person).ok_or(CannotAct::NoPerson)?;
        let acted = match action {
            Action::Start { payload } => {
                self.open(&bot, &person);
                let text = payload.map_or_else(|| "/start".to_owned(), |payload| format!("/start {payload}"));
                self.say(&bot, &person, json!({"text": text}))
            }
            Action::Text { text } => self.say(&bot, &person, json!({"text": written(&text)?})),
            Action::Press { message_id, data, unchecked, inaccessible } => {
                self.press(&bot, &person, message_id, &data, unchecked, inaccessible)
            }
            Action::Contact { phone, first_name } => {
                let contact = content::contact_card(&person, phone, first_name)?;
                self.say(&bot, &person, json!({"contact": contact}))
            }
            Action::Photo { caption, data } => self.say(&bot, &person, self.photo(caption, data.as_deref())?),
            Action::Voice { duration } => self.say(&bot, &person, self.voice(duration)),
            Action::Location { latitude, longitude } => {
                self.say(&bot, &person, json!({"location": {"latitude": latitude, "longitude": longitude}}))
            }
            Action::Sticker => self.say(&bot, &person, self.sticker()),
            Action::Edit { message_id, text } => self.rewrite(&bot, &person, message_id, &written(&text)?),
            Action::Delete { message_id } => withdraw(&bot, &person, message_id),
            Action::Block => self.set_membership(&bot, &person, "kicked"),
            Action::Unblock => self.set_membership(&bot, &person, "member"),
            Action::Deactivate => with_chat(&bot, &person, |chat| chat.deactivated = true).map(|()| Acted::default()),
        }?;
        self.run_lanes(&bot);
        self.touch();
        Ok(acted)
    }

    fn open(&self, bot: &Bot, person: &Person) {
        let was_blocked = {
            let mut state = bot.state();
            let chat = state.chats.entry(person.id).or_insert_with(|| Chat::new(person.chat()));
            chat.started = true;
            chat.blocked
        };
        if was_blocked {
            // The app unblocks first: the bot sees itself a member again, then the command.
            let _ = self.set_membership(bot, person, "member");
        }
    }

    /// Puts a message of the person into the chat.
    fn say(&self, bot: &Bot, person: &Person, mut content: Value) -> Result<Acted, CannotAct> {
        let now = self.world.now();
        let mut state = bot.state();
        let chat = state.chats.get_mut(&person.id).filter(|chat| chat.started).ok_or(CannotAct::NoChat)?;
        if chat.blocked || chat.deactivated {
            return Err(CannotAct::NoChat);
        }
        if chat.keyboard.as_ref().is_some_and(|keyboard| keyboard["one_time_keyboard"] == true) {
            chat.keyboard = None;
        }
        content["date"] = json!(now.timestamp());
        content["from"] = person.user();
        content["chat"] = person.chat();
        content::add_entities(&mut content);
        let message = state.post(person.id, content, false);
        let message_id = message["message_id"].as_i64();
        let update_id = state.enqueue(Lane::Chat(person.id), "message", message.clone(), now, MESSAGE_LIVES);
        drop(state);
        self.check_own(update_id.unwrap_or_default(), "message", &message);
        Ok(Acted { message_id, update_id, callback_query_id: None })
    }

    fn press(
        &self,
        bot: &Bot,
        person: &Person,
        message_id: Option<i64>,
        data: &str,
        unchecked: bool,
        inaccessible: bool,
    ) -> Result<Acted, CannotAct> {
        let now = self.world.now();
        let mut state = bot.state();
        let chat = state.chats.get(&person.id).filter(|chat| !chat.deactivated).ok_or(CannotAct::NoChat)?;
        let mut candidates = chat
            .messages
            .iter()
            .rev()
            .filter(|posted| posted.by_bot && message_id.is_none_or(|id| posted.value["message_id"] == id));
        let posted = match message_id {
            Some(_) => candidates.next().ok_or(CannotAct::NoMessage)?,
            None => candidates.find(|posted| unchecked || shows(&posted.value, data)).ok_or(CannotAct::NoButton)?,
        };
        if !unchecked && !shows(&posted.value, data) {
            return Err(CannotAct::NoButton);
        }
        let message = if inaccessible {
            json!({"chat": chat.info, "message_id": posted.value["message_id"], "date": 0})
        } else {
            posted.value.clone()
        };
        let id = rand::random_range(1_000_000_000_000_000_000_u64..9_000_000_000_000_000_000).to_string();
        let query = json!({
            "id": id, "from": person.user(), "message": message, "data": data,
            "chat_instance": (bot.id ^ (person.id << 20)).to_string(),
        });
        state.queries.retain(|_, query| now - query.at <= QUERY_LIVES);
        state.queries.insert(id.clone(), Query { chat: person.id, at: now, answered: false });
        let update_id = state.enqueue(Lane::Queries(person.id), "callback_query", query.clone(), now, QUERY_LIVES);
        drop(state);
        self.check_own(update_id.unwrap_or_default(), "callback_query", &query);
        Ok(Acted { message_id: None, update_id, callback_query_id: Some(id) })
    }

    fn rewrite(&self, bot: &Bot, person: &Person, message_id: i64, text: &str) -> Result<Acted, CannotAct> {
        let now = self.world.now();
        let mut state = bot.state();
        let chat = state.chats.get_mut(&person.id).filter(|chat| !chat.blocked).ok_or(CannotAct::NoChat)?;
        let posted = chat
            .message(message_id)
            .filter(|posted| !posted.by_bot && posted.value.get("text").is_some())
            .ok_or(CannotAct::NoMessage)?;
        posted.value["text"] = json!(text);
        posted.value["edit_date"] = json!(now.timestamp());
        content::add_entities(&mut posted.value);
        let message = posted.value.clone();
        let update_id = state.enqueue(Lane::Chat(person.id), "edited_message", message.clone(), now, MESSAGE_LIVES);
        drop(state);
        self.check_own(update_id.unwrap_or_default(), "edited_message", &message);
        Ok(Acted { message_id: Some(message_id), update_id, callback_query_id: None })
    }

    /// In a private chat `kicked` means that the person blocked the bot.
    fn set_membership(&self, bot: &Bot, person: &Person, status: &str) -> Result<Acted, CannotAct> {
        let now = self.world.now();
        let blocked = status == "kicked";
        let was = with_chat(bot, person, |chat| std::mem::replace(&mut chat.blocked, blocked))?;
        if was == blocked {
            return Ok(Acted::default());
        }
        let member = |blocked: bool| match blocked {
            true => json!({"user": bot.user(), "status": "kicked", "until_date": 0}),
            false => json!({"user": bot.user(), "status": "member"}),
        };
        let change = json!({
            "chat": person.chat(), "from": person.user(), "date": now.timestamp(),
            "old_chat_member": member(was), "new_chat_member": member(blocked),
        });
        let lane = Lane::Membership(person.id);
        let update_id = bot.state().enqueue(lane, "my_chat_member", change.clone(), now, MESSAGE_LIVES);
        self.check_own(update_id.unwrap_or_default(), "my_chat_member", &change);
        Ok(Acted { update_id, ..Acted::default() })
    }
}

fn with_chat<T>(bot: &Bot, person: &Person, change: impl FnOnce(&mut Chat) -> T) -> Result<T, CannotAct> {
    bot.state().chats.get_mut(&person.id).map(change).ok_or(CannotAct::NoChat)
}

fn withdraw(bot: &Bot, person: &Person, message_id: i64) -> Result<Acted, CannotAct> {
    with_chat(bot, person, |chat| {
        let before = chat.messages.len();
        chat.messages.retain(|posted| posted.by_bot || posted.value["message_id"] != message_id);
        if chat.messages.len() < before { Ok(Acted::default()) } else { Err(CannotAct::NoMessage) }
    })?
}

fn written(text: &str) -> Result<String, CannotAct> {
    text::visible(text, None).map_err(|_| CannotAct::BadContent)
}

fn shows(message: &Value, data: &str) -> bool {
    let rows = message["reply_markup"]["inline_keyboard"].as_array().into_iter().flatten();
    rows.filter_map(Value::as_array).flatten().any(|button| button["callback_data"] == data)
}
