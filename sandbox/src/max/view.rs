//! The stand-in's state as the page and the tests read it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Max,
    chat::{Chat, Message, With},
    state::Bot,
};
use crate::messenger::{self, Author, Bubble, Button, ButtonKind, Notice};

/// Bots, chats per bot, people, messages and deliveries shown: a load test makes too many to show.
const SHOWN: usize = 200;

impl Max {
    /// Everything but the messages: bots with their subscriptions and chats, people, the last deliveries.
    pub(super) fn show(&self) -> Value {
        let bots = self.bots.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bots: Vec<Value> = bots.values().take(SHOWN).map(|bot| bot_view(bot)).collect();
        let people = self.people.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let people: Vec<Value> = people.values().take(SHOWN).map(|person| json!(person)).collect();
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(SHOWN)..).unwrap_or_default();
        json!({"bots": bots, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// The bot's messages in the dialogue with a person, oldest first, as MAX's `Message`.
    pub fn bot_messages(&self, bot: i64, person: i64) -> Vec<Value> {
        let read = |bot: &Bot| {
            let state = bot.state();
            let chat = state.chats.get(&state.dialogue(person)?)?;
            let own = chat.messages.iter().filter(|message| message.by_bot);
            Some(own.map(|message| message.in_chat(chat.recipient(bot.id, true))).collect())
        };
        self.bot(bot).and_then(|bot| read(&bot)).unwrap_or_default()
    }

    /// The last notifications that answered the person's presses: `{"callback_id", "at", "text"}`, oldest first.
    pub fn notices(&self, bot: i64, person: i64) -> Vec<Value> {
        let read = |bot: &Bot| {
            let state = bot.state();
            Some(state.chats.get(&state.dialogue(person)?)?.notices.iter().cloned().collect())
        };
        self.bot(bot).and_then(|bot| read(&bot)).unwrap_or_default()
    }

    pub(super) fn on_phone(&self, bot: i64, person: i64) -> Option<messenger::Chat> {
        let (bot, person) = (self.bot(bot)?, self.person(person)?);
        let state = bot.state();
        let chat = state.dialogue(person.id).and_then(|id| state.chats.get(&id));
        let Some(chat) = chat else { return Some(messenger::Chat::default()) };
        let recent = chat.messages.get(chat.messages.len().saturating_sub(SHOWN)..).unwrap_or_default();
        let now = self.world.now();
        Some(messenger::Chat {
            bubbles: recent.iter().map(bubble).collect(),
            // MAX has buttons on messages only.
            keyboard: Vec::new(),
            typing: chat.typing_until.is_some_and(|until| now < until),
            blocked: chat.stopped,
            notice: chat.notices.back().and_then(notice),
        })
    }
}

fn bot_view(bot: &Bot) -> Value {
    let state = bot.state();
    let subscriptions: Vec<Value> = state
        .subscriptions
        .iter()
        .map(|one| {
            json!({
                "url": one.url, "since": one.since, "update_types": one.update_types, "open": one.open,
                "failing_since": one.failing_since,
            })
        })
        .collect();
    let chats: Vec<Value> = state.chats.values().take(SHOWN).map(chat_view).collect();
    json!({
        "id": bot.id,
        "name": bot.name,
        "username": bot.username,
        "subscriptions": subscriptions,
        "unheard": state.unheard,
        "chats": chats,
    })
}

fn chat_view(chat: &Chat) -> Value {
    let title = match &chat.with {
        With::Group(title) => Some(title),
        With::Person(_) => None,
    };
    json!({
        "id": chat.id, "person": chat.person(), "group": title, "stopped": chat.stopped, "muted_until": chat.muted_until,
        "messages": chat.messages.len(),
    })
}

fn bubble(message: &Message) -> Bubble {
    let others = message.attachments.iter().filter_map(|attachment| attachment["type"].as_str());
    let notes: Vec<&str> = others.filter(|kind| *kind != "inline_keyboard").map(noted).collect();
    Bubble {
        id: message.mid.clone(),
        author: if message.by_bot { Author::Salon } else { Author::Person },
        text: message.text.clone().unwrap_or_default(),
        buttons: message.rows().map(|row| row.iter().filter_map(press).collect()).collect(),
        note: (!notes.is_empty()).then(|| notes.join(", ")),
        at: DateTime::<Utc>::from_timestamp_millis(message.at_ms).unwrap_or_default(),
        // MAX tells a bot nothing of what became of its messages.
        state: None,
    }
}

/// What an answer to a press showed over the chat.
fn notice(answer: &Value) -> Option<Notice> {
    Some(Notice { at: DateTime::deserialize(&answer["at"]).ok()?, text: answer["text"].as_str()?.to_owned() })
}

fn noted(kind: &str) -> &str {
    match kind {
        "image" => "photo",
        "audio" => "voice",
        other => other,
    }
}

/// A button as a thumb finds it.
pub(super) fn press(button: &Value) -> Option<Button> {
    let label = button["text"].as_str()?.to_owned();
    let text = |member: &str| button[member].as_str().map(str::to_owned);
    let (press, kind) = match button["type"].as_str()? {
        "callback" => (text("payload")?, ButtonKind::Reply),
        kind @ "request_contact" => (kind.to_owned(), ButtonKind::Contact),
        kind @ "request_geo_location" => (kind.to_owned(), ButtonKind::Reply),
        "message" => (label.clone(), ButtonKind::Reply),
        "link" => (text("url")?, ButtonKind::Link),
        kind => (kind.to_owned(), ButtonKind::Link),
    };
    Some(Button { label, press, kind })
}
