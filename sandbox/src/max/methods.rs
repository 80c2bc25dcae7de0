//! What the calls do.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Max,
    answer::{Outcome, Refusal},
    chat::{Chat, Message, With},
    http::Call,
    rules,
    state::{Bot, State},
};

/// MAX: 2 messages a second in a dialogue, group or channel, answers to presses among them.
const CHAT_PER_SECOND: f64 = 2.0;
/// MAX: in a dialogue a message without a keyboard can be edited for so long.
const EDITABLE_FOR: TimeDelta = TimeDelta::days(7);
/// Nobody has written down how long MAX shows it; other messengers take about this.
const TYPING_FOR: TimeDelta = TimeDelta::seconds(5);
/// Notices kept per chat.
const NOTICES: usize = 20;
/// MAX: messages of one answer, when the call names no number.
const PAGE: usize = 50;

impl Max {
    /// Does a call that the document allows.
    pub(super) fn execute(&self, bot: &Arc<Bot>, call: &Call) -> Outcome {
        match call.operation {
            "GET /me" => Ok(self.me(bot)),
            "POST /messages" => self.send(bot, call),
            "PUT /messages" => self.edit(bot, call),
            "DELETE /messages" => self.delete(bot, call),
            "GET /messages" => list(bot, call),
            "GET /messages/{messageId}" => bot.state().view(bot, &call.id).ok_or_else(Refusal::no_message),
            "POST /answers" => self.answer(bot, call),
            "GET /subscriptions" => Ok(self.subscriptions(bot)),
            "POST /subscriptions" => self.subscribe(bot, call),
            "DELETE /subscriptions" => unsubscribe(bot, call),
            "POST /chats/{chatId}/actions" => self.show_action(bot, call),
            operation => Err(Refusal::new(501, "not.implemented", format!("the stand-in does not play {operation}"))),
        }
    }

    fn me(&self, bot: &Bot) -> Value {
        bot.user(self.world.now().timestamp_millis())
    }

    fn send(&self, bot: &Bot, call: &Call) -> Outcome {
        rules::check_message(&call.body)?;
        let now = self.world.now();
        let mut state = bot.state();
        let id = addressee(&state, call)?;
        self.take_turn(&mut state, id, now)?;
        let link = quoted(&mut state, &call.body["link"])?;
        let mut message = state.write(id, now, bot.user(now.timestamp_millis()), true);
        message.link = link;
        fill(&mut message, &call.body)?;
        let chat = state.chats.get_mut(&id).ok_or_else(|| Refusal::no_chat("dialog.not.found"))?;
        chat.typing_until = None;
        let view = message.in_chat(chat.recipient(bot.id, true));
        chat.messages.push(message);
        Ok(json!({"message": view}))
    }

    fn edit(&self, bot: &Bot, call: &Call) -> Outcome {
        rules::check_message(&call.body)?;
        let now = self.world.now();
        let mut state = bot.state();
        let mid = call.param("message_id").unwrap_or_default();
        let id = state.chat_of(mid).map(|chat| chat.id).ok_or_else(Refusal::no_message)?;
        self.take_turn(&mut state, id, now)?;
        change(&mut state, mid, &call.body, now)?;
        Ok(json!({"success": true}))
    }

    fn delete(&self, bot: &Bot, call: &Call) -> Outcome {
        let now = self.world.now();
        let mut state = bot.state();
        let mid = call.param("message_id").unwrap_or_default();
        let id = state.chat_of(mid).map(|chat| chat.id).ok_or_else(Refusal::no_message)?;
        self.take_turn(&mut state, id, now)?;
        let messages = state.chats.get_mut(&id).map(|chat| &mut chat.messages).ok_or_else(Refusal::no_message)?;
        let before = messages.len();
        messages.retain(|message| message.mid != mid || !message.by_bot);
        if messages.len() == before { Err(Refusal::in_vain("Can't delete this message")) } else { Ok(json!({"success": true})) }
    }

    fn answer(&self, bot: &Bot, call: &Call) -> Outcome {
        let replacement = Some(&call.body["message"]).filter(|message| !message.is_null());
        if let Some(body) = replacement {
            rules::check_message(body)?;
        }
        let now = self.world.now();
        let mut state = bot.state();
        let callback_id = call.param("callback_id").unwrap_or_default();
        let pressed =
            state.pressed.get(callback_id).cloned().ok_or_else(|| Refusal::in_vain("Callback is unknown or too old"))?;
        self.take_turn(&mut state, pressed.chat, now)?;
        if let Some(body) = replacement {
            change(&mut state, &pressed.mid, body, now)?;
        }
        let chat = state.chats.get_mut(&pressed.chat);
        if let (Some(chat), Some(notification)) = (chat, call.body["notification"].as_str()) {
            if chat.notices.len() == NOTICES {
                chat.notices.pop_front();
            }
            chat.notices.push_back(json!({"callback_id": callback_id, "at": now, "text": notification}));
        }
        Ok(json!({"success": true}))
    }

    fn show_action(&self, bot: &Bot, call: &Call) -> Outcome {
        let id = call.id.parse().map_err(|_| Refusal::bad_request("chatId: not a number"))?;
        let now = self.world.now();
        let mut state = bot.state();
        let chat = reachable(&mut state, id)?;
        chat.typing_until = Some(now + TYPING_FOR);
        Ok(json!({"success": true}))
    }

    fn subscriptions(&self, bot: &Bot) -> Value {
        let mut state = bot.state();
        state.expire(self.world.now());
        let list: Vec<Value> = state
            .subscriptions
            .iter()
            .map(|one| json!({"url": one.url, "time": one.since.timestamp_millis(), "update_types": one.update_types}))
            .collect();
        json!({"subscriptions": list})
    }

    fn subscribe(&self, bot: &Bot, call: &Call) -> Outcome {
        let url = call.body["url"].as_str().unwrap_or_default();
        rules::check_webhook_url(url, !self.manners().public_webhooks)?;
        let update_types = call.body["update_types"].as_array();
        let update_types = update_types.map(|kinds| kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        let secret = call.body["secret"].as_str().map(str::to_owned);
        let now = self.world.now();
        let mut state = bot.state();
        state.expire(now);
        state.subscribe(url, secret, update_types, now);
        Ok(json!({"success": true}))
    }

    /// Whether the chat can be written to, and now: limits are soft in a test and MAX's own if the manners say so.
    fn take_turn(&self, state: &mut State, chat: i64, now: DateTime<Utc>) -> Result<(), Refusal> {
        let chat = reachable(state, chat)?;
        if self.manners().real_limits {
            chat.pace.take(now, CHAT_PER_SECOND, CHAT_PER_SECOND).map_err(|_| Refusal::flood(None))?;
        }
        Ok(())
    }
}

impl State {
    /// A message as MAX shows it to the bot.
    fn view(&mut self, bot: &Bot, mid: &str) -> Option<Value> {
        let chat = self.chat_of(mid)?;
        let by_bot = chat.message(mid)?.by_bot;
        let recipient = chat.recipient(bot.id, by_bot);
        Some(chat.message(mid)?.in_chat(recipient))
    }
}

fn unsubscribe(bot: &Bot, call: &Call) -> Outcome {
    let url = call.param("url").unwrap_or_default();
    let mut state = bot.state();
    let before = state.subscriptions.len();
    state.subscriptions.retain(|subscription| subscription.url != url);
    let removed = state.subscriptions.len() < before;
    drop(state);
    bot.wake.notify_waiters();
    if removed { Ok(json!({"success": true})) } else { Err(Refusal::in_vain("No subscription with this URL")) }
}

/// The document: newest first. `from` is the moment up to which messages are looked for, `to` the one since which.
fn list(bot: &Bot, call: &Call) -> Outcome {
    let mut state = bot.state();
    if let Some(mids) = call.param("message_ids") {
        let found: Vec<Value> = mids.split(',').filter_map(|mid| state.view(bot, mid.trim())).collect();
        return Ok(json!({"messages": found}));
    }
    let id = call.number("chat_id").ok_or_else(|| Refusal::bad_request("chat_id or message_ids: required"))?;
    let chat = reachable(&mut state, id)?;
    let newest = call.number("from").unwrap_or(i64::MAX);
    let oldest = call.number("to").unwrap_or(i64::MIN);
    let count = call.number("count").and_then(|count| usize::try_from(count).ok()).unwrap_or(PAGE);
    let found = chat.messages.iter().rev().filter(|message| (oldest..=newest).contains(&message.at_ms)).take(count);
    let found: Vec<Value> = found.map(|message| message.in_chat(chat.recipient(bot.id, message.by_bot))).collect();
    Ok(json!({"messages": found}))
}

/// The chat that a message is for. A bot can't begin a dialogue.
fn addressee(state: &State, call: &Call) -> Result<i64, Refusal> {
    match (call.number("user_id"), call.number("chat_id")) {
        (Some(user), None) => state.dialogue(user).ok_or_else(|| Refusal::no_chat("dialog.not.found")),
        (None, Some(chat)) => Ok(chat),
        (None, None) => Err(Refusal::bad_request("Unknown recipient")),
        (Some(_), Some(_)) => Err(Refusal::bad_request("user_id and chat_id: one of them")),
    }
}

fn reachable(state: &mut State, chat: i64) -> Result<&mut Chat, Refusal> {
    let chat = state.chats.get_mut(&chat).ok_or_else(|| Refusal::no_chat("chat.not.found"))?;
    if chat.stopped { Err(Refusal::suspended()) } else { Ok(chat) }
}

/// MAX's `LinkedMessage` for what a message answers or passes on.
fn quoted(state: &mut State, link: &Value) -> Result<Option<Value>, Refusal> {
    let Some(mid) = link["mid"].as_str() else { return Ok(None) };
    let message = state.chat_of(mid).and_then(|chat| chat.message(mid)).ok_or_else(Refusal::no_message)?;
    Ok(Some(json!({"type": link["type"], "sender": message.sender, "message": message.body()})))
}

/// Writes a `NewMessageBody` into a message: what is left out or null stays as it is.
fn fill(message: &mut Message, body: &Value) -> Result<(), Refusal> {
    if let Some(text) = body["text"].as_str() {
        message.text = Some(text.to_owned());
    }
    if let Some(attachments) = body["attachments"].as_array() {
        message.attachments = attachments.iter().map(attached).collect::<Result<_, _>>()?;
    }
    if message.text.as_ref().is_none_or(|text| text.trim().is_empty()) && message.attachments.is_empty() && message.link.is_none()
    {
        return Err(Refusal::bad_request("Message is empty"));
    }
    Ok(())
}

/// An attachment as MAX gives it back: a keyboard has an id then, and its buttons the intent that calls no longer name.
fn attached(request: &Value) -> Result<Value, Refusal> {
    if request["type"] != "inline_keyboard" {
        return Err(Refusal::new(501, "not.implemented", "of attachments the stand-in plays keyboards only"));
    }
    let mut keyboard = json!({"type": "inline_keyboard", "callback_id": callback_id(), "payload": request["payload"]});
    let rows = keyboard["payload"]["buttons"].as_array_mut();
    for button in rows.into_iter().flatten().filter_map(Value::as_array_mut).flatten() {
        if button["type"] == "callback" {
            button["intent"] = json!("default");
        }
    }
    Ok(keyboard)
}

fn callback_id() -> String {
    let random: [u8; 32] = rand::random();
    format!("f9LH{}", hex::encode(random))
}

/// Changes a message of the bot's own; one that changes its keyboard gets another `callback_id`.
fn change(state: &mut State, mid: &str, body: &Value, now: DateTime<Utc>) -> Result<(), Refusal> {
    let chat = state.chat_of(mid).ok_or_else(Refusal::no_message)?;
    let dialogue = matches!(chat.with, With::Person(_));
    let message = chat.message(mid).ok_or_else(Refusal::no_message)?;
    if !message.by_bot {
        return Err(Refusal::in_vain("Can't edit this message"));
    }
    let age = now.timestamp_millis() - message.at_ms;
    if dialogue && message.keyboard().is_none() && age > EDITABLE_FOR.num_milliseconds() {
        return Err(Refusal::in_vain("Can't edit this message"));
    }
    let mut changed = message.clone();
    fill(&mut changed, body)?;
    *message = changed;
    Ok(())
}
