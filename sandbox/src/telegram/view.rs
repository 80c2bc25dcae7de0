//! The stand-in's state as the page and the tests read it.

use std::sync::PoisonError;

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Telegram,
    state::{Bot, Posted},
};
use crate::messenger::{self, Author, Bubble, Button, ButtonKind, Notice};

/// Bots, chats per bot, people, messages and deliveries shown: a load test makes too many to show.
const BOTS: usize = 200;
const CHATS: usize = 200;
const MESSAGES: usize = 200;
const DELIVERIES: usize = 100;

/// The fields of a keyboard's buttons that ask for what the phone knows; they are what is pressed, too.
pub(super) const OWN_NUMBER: &str = "request_contact";
pub(super) const OWN_PLACE: &str = "request_location";

impl Telegram {
    /// Everything but the messages: bots with their webhooks and chats, people, the last deliveries.
    pub(super) fn show(&self) -> Value {
        let bots = self.bots.read().unwrap_or_else(PoisonError::into_inner);
        let bots: Vec<Value> = bots.values().take(BOTS).map(|bot| bot_view(bot)).collect();
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        let people: Vec<Value> = people.values().take(CHATS).map(|person| json!(person)).collect();
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(DELIVERIES)..).unwrap_or_default();
        json!({"bots": bots, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// The chat as the person's phone shows it, if there are such a bot and such a person.
    pub(super) fn on_phone(&self, bot: i64, person: i64) -> Option<messenger::Chat> {
        let (bot, person) = (self.bot(bot)?, self.person(person)?);
        let state = bot.state();
        let Some(chat) = state.chats.get(&person.id) else { return Some(messenger::Chat::default()) };
        let recent = chat.messages.get(chat.messages.len().saturating_sub(MESSAGES)..).unwrap_or_default();
        Some(messenger::Chat {
            bubbles: recent.iter().map(bubble).collect(),
            keyboard: chat.keyboard.as_ref().map(|keyboard| rows(&keyboard["keyboard"])).unwrap_or_default(),
            typing: chat.typing_until.is_some_and(|until| self.world.now() < until),
            blocked: chat.blocked || chat.deactivated,
            notice: chat.notices.back().and_then(notice),
        })
    }

    /// The bot's messages in a chat, oldest first, as the Bot API's `Message`.
    pub fn bot_messages(&self, bot: i64, person: i64) -> Vec<Value> {
        let Some(bot) = self.bot(bot) else { return Vec::new() };
        let state = bot.state();
        let Some(chat) = state.chats.get(&person) else { return Vec::new() };
        chat.messages.iter().filter(|posted| posted.by_bot).map(|posted| posted.value.clone()).collect()
    }
}

fn bot_view(bot: &Bot) -> Value {
    let state = bot.state();
    let chats: Vec<Value> = state
        .chats
        .values()
        .take(CHATS)
        .map(|chat| {
            json!({
                "id": chat.info["id"], "started": chat.started, "blocked": chat.blocked, "messages": chat.messages.len(),
            })
        })
        .collect();
    json!({
        "id": bot.id,
        "name": bot.name,
        "username": bot.username,
        "webhook": state.webhook.as_ref().map(|webhook| &webhook.url),
        "pending": state.pending(),
        "last_error": state.last_error.as_ref().map(|(_, error)| error),
        "chats": chats,
    })
}

fn bubble(posted: &Posted) -> Bubble {
    let message = &posted.value;
    let text = |field: &str| message[field].as_str().map(str::to_owned);
    let card = &message["contact"];
    let shared = card["first_name"].as_str().zip(card["phone_number"].as_str());
    let kinds = ["contact", "photo", "voice", "location", "sticker"].into_iter().filter(|kind| message.get(*kind).is_some());
    let edited = message.get("edit_date").map(|_| "edited");
    Bubble {
        id: message["message_id"].to_string(),
        author: if posted.by_bot { Author::Salon } else { Author::Person },
        text: text("text").or(text("caption")).or(shared.map(|(name, phone)| format!("{name}\n{phone}"))).unwrap_or_default(),
        buttons: rows(&message["reply_markup"]["inline_keyboard"]),
        note: kinds.chain(edited).next().map(str::to_owned),
        at: message["date"].as_i64().and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or_default(),
        // The Bot API tells a bot nothing of what became of its messages.
        state: None,
    }
}

fn rows(keyboard: &Value) -> Vec<Vec<Button>> {
    let rows = keyboard.as_array().into_iter().flatten();
    rows.map(|row| row.as_array().into_iter().flatten().filter_map(button).collect()).collect()
}

/// A button of either kind of keyboard.
fn button(button: &Value) -> Option<Button> {
    let label = button["text"].as_str()?.to_owned();
    let text = |field: &str| button[field].as_str().map(str::to_owned);
    let asks = |field: &str| button[field] == true;
    let (press, kind) = match (text("callback_data"), text("url")) {
        (Some(data), _) => (data, ButtonKind::Reply),
        (None, Some(url)) => (url, ButtonKind::Link),
        (None, None) if asks(OWN_NUMBER) => (OWN_NUMBER.to_owned(), ButtonKind::Contact),
        (None, None) if asks(OWN_PLACE) => (OWN_PLACE.to_owned(), ButtonKind::Reply),
        (None, None) => (label.clone(), ButtonKind::Reply),
    };
    Some(Button { label, press, kind })
}

/// What the answer to a button's press showed over the chat, if it had a text.
fn notice(answer: &Value) -> Option<Notice> {
    let text = answer["text"].as_str().filter(|text| !text.is_empty())?.to_owned();
    Some(Notice { at: DateTime::deserialize(&answer["at"]).ok()?, text })
}
