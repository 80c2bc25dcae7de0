//! What the methods do.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::{
    Telegram,
    answer::Refusal,
    delivery::QUERY_LIVES,
    rules,
    state::{Bot, Chat, State, Webhook},
    text,
};

type Parameters = Map<String, Value>;

/// A method's success.
pub(super) enum Done {
    /// `result`.
    With(Value),
    /// `true`, with a description of why nothing had to be done.
    Already(&'static str),
}

/// The burst of messages that one chat takes at once under the real limits, which Telegram calls soft.
const CHAT_BURST: f64 = 3.0;
/// Telegram's FAQ: about 30 messages a second per bot.
const BOT_PER_SECOND: f64 = 30.0;
/// Notices kept per chat.
const NOTICES: usize = 20;

impl Telegram {
    /// Does a call that the specification allows.
    pub(super) fn execute(&self, bot: &Arc<Bot>, method: &str, parameters: &Parameters) -> Result<Done, Refusal> {
        let result = match method {
            "getMe" => me(bot),
            "setWebhook" => return self.set_webhook(bot, parameters),
            "deleteWebhook" => return Ok(delete_webhook(bot, parameters)),
            "getWebhookInfo" => webhook_info(bot),
            "getUpdates" => return Err(polling(bot)),
            "sendMessage" => self.send_message(bot, parameters)?,
            "editMessageText" => self.edit(bot, parameters, true)?,
            "editMessageReplyMarkup" => self.edit(bot, parameters, false)?,
            "deleteMessage" => delete_message(bot, parameters)?,
            "answerCallbackQuery" => self.answer_query(bot, parameters)?,
            "sendChatAction" => self.chat_action(bot, parameters)?,
            "getFile" => self.file(parameters)?,
            "setMyCommands" | "setChatMenuButton" => json!(true),
            _ => return Err(Refusal::new(501, format!("Not Implemented: the stand-in does not play {method}"))),
        };
        Ok(Done::With(result))
    }

    fn set_webhook(&self, bot: &Arc<Bot>, parameters: &Parameters) -> Result<Done, Refusal> {
        let url = text_of(parameters, "url");
        if url.is_empty() {
            return Ok(delete_webhook(bot, parameters));
        }
        let manners = self.manners();
        rules::check_webhook_url(url, !manners.public_webhooks)?;
        let secret = text_of(parameters, "secret_token");
        rules::check_secret(secret)?;
        // Bot API: 1-100, 40 when left out; the vendor's server brings other values into that range.
        let max_connections = number_of(parameters, "max_connections").unwrap_or(40).clamp(1, 100) as usize;
        let webhook = Webhook {
            url: url.to_owned(),
            secret: (!secret.is_empty()).then(|| secret.to_owned()),
            max_connections,
            slots: Arc::new(Semaphore::new(max_connections)),
        };
        let mut state = bot.state();
        if manners.real_limits {
            state.webhook_pace.take(self.world.now(), 1.0, 1.0).map_err(Refusal::flood)?;
        }
        let allowed = allowed_updates(parameters);
        let same = state.webhook.as_ref().is_some_and(|old| {
            (&old.url, &old.secret, old.max_connections) == (&webhook.url, &webhook.secret, webhook.max_connections)
        }) && allowed.as_ref().is_none_or(|allowed| *allowed == state.allowed_updates);
        if flag(parameters, "drop_pending_updates") {
            state.lanes.clear();
        }
        if same {
            return Ok(Done::Already("Webhook is already set"));
        }
        state.webhook = Some(webhook);
        state.gone_since = None;
        if let Some(allowed) = allowed {
            state.allowed_updates = allowed;
        }
        drop(state);
        bot.wake.notify_waiters();
        self.run_lanes(bot);
        Ok(Done::Already("Webhook was set"))
    }

    fn send_message(&self, bot: &Bot, parameters: &Parameters) -> Result<Value, Refusal> {
        let text = text::visible(text_of(parameters, "text"), parse_mode(parameters))?;
        let now = self.world.now();
        let limits = self.manners().real_limits;
        let mut state = bot.state();
        let id = chat_id(&state, parameters)?;
        let State { chats, pace, .. } = &mut *state;
        let chat = reachable(chats.get_mut(&id))?;
        let markup = parameters.get("reply_markup");
        rules::check_markup(markup.unwrap_or(&Value::Null), chat.private)?;
        if limits {
            chat.pace.take(now, 1.0, CHAT_BURST).map_err(Refusal::flood)?;
            pace.take(now, BOT_PER_SECOND, BOT_PER_SECOND).map_err(Refusal::flood)?;
        }
        let reply = parameters.get("reply_parameters");
        if let Some(reply) = reply
            && !flag(reply.as_object().unwrap_or(&Map::new()), "allow_sending_without_reply")
            && reply["message_id"].as_i64().is_none_or(|id| chat.message(id).is_none())
        {
            return Err(Refusal::happens("message to be replied not found"));
        }
        let mut message = json!({"date": now.timestamp(), "from": bot.user(), "chat": chat.info, "text": text});
        show_markup(chat, &mut message, markup);
        chat.typing_until = None;
        Ok(state.post(id, message, true))
    }

    fn edit(&self, bot: &Bot, parameters: &Parameters, with_text: bool) -> Result<Value, Refusal> {
        let now = self.world.now().timestamp();
        let text = match with_text {
            true => Some(text::visible(text_of(parameters, "text"), parse_mode(parameters))?),
            false => None,
        };
        let mut state = bot.state();
        let id = chat_id(&state, parameters)?;
        let chat = reachable(state.chats.get_mut(&id))?;
        let markup = parameters.get("reply_markup").cloned().filter(|markup| !is_bare(markup));
        rules::check_markup(markup.as_ref().unwrap_or(&Value::Null), chat.private)?;
        let message_id =
            number_of(parameters, "message_id").ok_or_else(|| Refusal::bad_request("message identifier is not specified"))?;
        let posted = chat.message(message_id).ok_or_else(|| Refusal::happens("message to edit not found"))?;
        if !posted.by_bot {
            return Err(Refusal::bad_request("message can't be edited"));
        }
        let same_text = text.as_ref().is_none_or(|text| posted.value["text"] == text.as_str());
        if same_text && posted.value.get("reply_markup") == markup.as_ref() {
            return Err(Refusal::happens(
                "message is not modified: specified new message content and reply markup are exactly the same as a \
                 current content and reply markup of the message",
            ));
        }
        let Some(message) = posted.value.as_object_mut() else { return Err(Refusal::of_status(500)) };
        message.insert("edit_date".to_owned(), json!(now));
        message.extend(text.map(|text| ("text".to_owned(), json!(text))));
        message.remove("reply_markup");
        message.extend(markup.map(|markup| ("reply_markup".to_owned(), markup)));
        Ok(posted.value.clone())
    }

    fn answer_query(&self, bot: &Bot, parameters: &Parameters) -> Result<Value, Refusal> {
        rules::check_notice(parameters)?;
        let now = self.world.now();
        let mut state = bot.state();
        let query = state
            .queries
            .get_mut(text_of(parameters, "callback_query_id"))
            .filter(|query| now - query.at <= QUERY_LIVES)
            .ok_or_else(|| Refusal::happens("query is too old and response timeout expired or query ID is invalid"))?;
        query.answered = true;
        let chat = query.chat;
        if let Some(chat) = state.chats.get_mut(&chat) {
            if chat.notices.len() == NOTICES {
                chat.notices.pop_front();
            }
            chat.notices.push_back(json!({
                "id": text_of(parameters, "callback_query_id"),
                "at": now,
                "text": text_of(parameters, "text"),
                "alert": flag(parameters, "show_alert"),
            }));
        }
        Ok(json!(true))
    }

    fn chat_action(&self, bot: &Bot, parameters: &Parameters) -> Result<Value, Refusal> {
        rules::check_action(text_of(parameters, "action"))?;
        let mut state = bot.state();
        let id = chat_id(&state, parameters)?;
        let chat = reachable(state.chats.get_mut(&id))?;
        // Bot API: the status is shown for 5 seconds or until a message comes.
        chat.typing_until = Some(self.world.now() + TimeDelta::seconds(5));
        Ok(json!(true))
    }

    fn file(&self, parameters: &Parameters) -> Result<Value, Refusal> {
        let id = text_of(parameters, "file_id");
        let files = self.files();
        let file = files.get(id).ok_or_else(|| Refusal::bad_request("invalid file_id"))?;
        Ok(json!({
            "file_id": id, "file_unique_id": file.unique_id, "file_size": file.bytes.len(), "file_path": file.path,
        }))
    }
}

fn me(bot: &Bot) -> Value {
    let mut me = bot.user();
    for (capability, has) in [
        ("can_join_groups", true),
        ("can_read_all_group_messages", false),
        ("supports_inline_queries", false),
        ("can_connect_to_business", false),
        ("has_main_web_app", false),
    ] {
        me[capability] = json!(has);
    }
    me
}

/// The kinds of updates that are asked for; none when the call leaves it open.
fn allowed_updates(parameters: &Parameters) -> Option<Vec<String>> {
    let kinds = parameters.get("allowed_updates")?.as_array()?;
    Some(kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn delete_webhook(bot: &Bot, parameters: &Parameters) -> Done {
    let mut state = bot.state();
    if flag(parameters, "drop_pending_updates") {
        state.lanes.clear();
    }
    match state.webhook.take() {
        Some(_) => {
            drop(state);
            bot.wake.notify_waiters();
            Done::Already("Webhook was deleted")
        }
        None => Done::Already("Webhook is already deleted"),
    }
}

fn webhook_info(bot: &Bot) -> Value {
    let state = bot.state();
    let mut info = json!({
        "url": state.webhook.as_ref().map_or("", |webhook| &webhook.url),
        "has_custom_certificate": false,
        "pending_update_count": state.pending(),
    });
    if let Some(webhook) = &state.webhook {
        info["max_connections"] = json!(webhook.max_connections);
    }
    if let Some((at, error)) = &state.last_error {
        info["last_error_date"] = json!(at.timestamp());
        info["last_error_message"] = json!(error);
    }
    if !state.allowed_updates.is_empty() {
        info["allowed_updates"] = json!(state.allowed_updates);
    }
    info
}

fn polling(bot: &Bot) -> Refusal {
    if bot.state().webhook.is_some() {
        let what = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the \
                    webhook first";
        return Refusal { violation: true, ..Refusal::new(409, what.to_owned()) };
    }
    Refusal::new(501, "Not Implemented: the stand-in does not play getUpdates".to_owned())
}

fn delete_message(bot: &Bot, parameters: &Parameters) -> Result<Value, Refusal> {
    let mut state = bot.state();
    let id = chat_id(&state, parameters)?;
    let chat = reachable(state.chats.get_mut(&id))?;
    let message = number_of(parameters, "message_id");
    let before = chat.messages.len();
    chat.messages.retain(|posted| posted.value["message_id"].as_i64() != message);
    if chat.messages.len() == before {
        return Err(Refusal::happens("message to delete not found"));
    }
    Ok(json!(true))
}

/// The id of the chat that a call speaks of; a chat the bot was never in does not exist for it.
fn chat_id(state: &State, parameters: &Parameters) -> Result<i64, Refusal> {
    let id = match parameters.get("chat_id") {
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) if text.is_empty() => return Err(Refusal::bad_request("chat_id is empty")),
        Some(Value::String(text)) => text.parse().ok(),
        _ => return Err(Refusal::bad_request("chat_id is empty")),
    };
    id.filter(|id| state.chats.get(id).is_some_and(|chat| chat.started)).ok_or_else(|| Refusal::happens("chat not found"))
}

fn reachable(chat: Option<&mut Chat>) -> Result<&mut Chat, Refusal> {
    let chat = chat.ok_or_else(|| Refusal::happens("chat not found"))?;
    if chat.deactivated {
        return Err(Refusal::forbidden("user is deactivated"));
    }
    if chat.blocked {
        return Err(Refusal::forbidden("bot was blocked by the user"));
    }
    Ok(chat)
}

/// An inline keyboard belongs to the message; a reply keyboard to the chat, until another one replaces or removes it.
fn show_markup(chat: &mut Chat, message: &mut Value, markup: Option<&Value>) {
    let Some(markup) = markup else { return };
    if markup.get("inline_keyboard").is_some() {
        if !is_bare(markup) {
            message["reply_markup"] = markup.clone();
        }
    } else if markup.get("keyboard").is_some() {
        chat.keyboard = Some(markup.clone());
    } else if markup.get("remove_keyboard").is_some() {
        chat.keyboard = None;
    }
}

fn is_bare(markup: &Value) -> bool {
    let rows = markup["inline_keyboard"].as_array();
    rows.is_none_or(|rows| rows.iter().all(|row| row.as_array().is_none_or(Vec::is_empty)))
}

fn parse_mode(parameters: &Parameters) -> Option<&str> {
    parameters.get("parse_mode").and_then(Value::as_str)
}

fn text_of<'a>(parameters: &'a Parameters, name: &str) -> &'a str {
    parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number_of(parameters: &Parameters, name: &str) -> Option<i64> {
    parameters.get(name).and_then(Value::as_i64)
}

fn flag(parameters: &Parameters, name: &str) -> bool {
    parameters.get(name).and_then(Value::as_bool).unwrap_or_default()
}
