//! The stand-in's state as the page and the tests read it.

use std::sync::PoisonError;

use serde_json::{Value, json};

use super::{
    Telegram,
    state::{Bot, Chat},
};

/// Bots, chats per bot, people, messages and deliveries shown: a load test makes too many to show.
const BOTS: usize = 200;
const CHATS: usize = 200;
const MESSAGES: usize = 200;
const DELIVERIES: usize = 100;

impl Telegram {
    /// Everything but the messages: bots with their webhooks and chats, people, the last deliveries.
    pub fn snapshot(&self) -> Value {
        let bots = self.bots.read().unwrap_or_else(PoisonError::into_inner);
        let bots: Vec<Value> = bots.values().take(BOTS).map(|bot| bot_view(bot)).collect();
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        let people: Vec<Value> = people.values().take(CHATS).map(|person| json!(person)).collect();
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(DELIVERIES)..).unwrap_or_default();
        json!({"bots": bots, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// One chat as the person sees it, if it exists.
    pub fn chat(&self, bot: i64, person: i64) -> Option<Value> {
        let bot = self.bot(bot)?;
        let state = bot.state();
        let chat = state.chats.get(&person)?;
        let waiting = state.queries.values().any(|query| query.chat == person && !query.answered);
        Some(chat_view(chat, self.world.now(), waiting))
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

fn chat_view(chat: &Chat, now: chrono::DateTime<chrono::Utc>, waiting: bool) -> Value {
    let recent = chat.messages.get(chat.messages.len().saturating_sub(MESSAGES)..).unwrap_or_default();
    let messages: Vec<Value> = recent.iter().map(|posted| json!({"by_bot": posted.by_bot, "message": posted.value})).collect();
    json!({
        "info": chat.info,
        "started": chat.started,
        "blocked": chat.blocked,
        "deactivated": chat.deactivated,
        "typing": chat.typing_until.is_some_and(|until| now < until),
        "query_open": waiting,
        "keyboard": chat.keyboard,
        "notices": chat.notices,
        "messages": messages,
    })
}
