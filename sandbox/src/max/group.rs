//! Groups: what reaches a bot that administers one. No salon books there, but the events come.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Max,
    chat::{Chat, With},
    hand::written,
    person::Acted,
    state::{Bot, Person, State},
};
use crate::messenger::CannotAct;

/// What happens in a group.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum GroupAction {
    /// The person adds the bot.
    AddBot {
        /// The group's title.
        title: String,
    },
    /// The person removes the bot.
    RemoveBot,
    /// The person comes in, by a link if nobody invites.
    Join {
        /// User id of who invites.
        #[serde(default)]
        inviter: Option<i64>,
    },
    /// The person goes, or an administrator removes them.
    Leave {
        /// User id of the administrator.
        #[serde(default)]
        admin: Option<i64>,
    },
    /// The person changes the title.
    Rename {
        /// The new one.
        title: String,
    },
    /// The person writes.
    Say {
        /// What.
        text: String,
    },
}

/// What came of it.
struct Happened {
    kind: &'static str,
    id: String,
    update: Value,
    mid: Option<String>,
}

impl Max {
    /// Lets something happen in a group, whose id is negative.
    ///
    /// # Errors
    ///
    /// [`CannotAct`].
    pub fn act_in_group(&self, bot: i64, group: i64, person: i64, action: GroupAction) -> Result<Acted, CannotAct> {
        let bot = self.bot(bot).ok_or(CannotAct::NoBot)?;
        let person = self.person(person).ok_or(CannotAct::NoPerson)?;
        let now = self.world.now();
        let mut state = bot.state();
        let Happened { kind, id, update, mid } = match action {
            GroupAction::Say { text } => say(&mut state, &bot, group, &person, text, now)?,
            action => {
                let at = state.moment(now);
                let (kind, more) = change(&mut state, group, person.id, action)?;
                let mut update = json!({"update_type": kind, "timestamp": at, "chat_id": group, "user": person.user(at)});
                super::extend(&mut update, more);
                Happened { kind, id: format!("{kind}:{group}:{}:{at}", person.id), update, mid: None }
            }
        };
        let heard = self.tell(&mut state, kind, group, &id, &update);
        drop(state);
        self.courier.run(&bot);
        self.touch();
        Ok(Acted { mid, events: heard.then_some(id).into_iter().collect() })
    }
}

fn group_of(state: &mut State, id: i64) -> Result<&mut Chat, CannotAct> {
    state.chats.get_mut(&id).filter(|chat| chat.person().is_none()).ok_or(CannotAct::NoChat)
}

/// The kind of event and what it says beside time, chat and person.
fn change(state: &mut State, group: i64, person: i64, action: GroupAction) -> Result<(&'static str, Value), CannotAct> {
    if let GroupAction::AddBot { title } = action {
        if group >= 0 {
            return Err(CannotAct::NoChat);
        }
        state.open(Chat::new(group, With::Group(title)));
        return Ok(("bot_added", json!({"is_channel": false})));
    }
    let chat = group_of(state, group)?;
    Ok(match action {
        GroupAction::RemoveBot => {
            state.chats.remove(&group);
            ("bot_removed", json!({"is_channel": false}))
        }
        GroupAction::Join { inviter } => ("user_added", joined(person, "inviter_id", inviter)),
        GroupAction::Leave { admin } => ("user_removed", joined(person, "admin_id", admin)),
        GroupAction::Rename { title } => {
            chat.with = With::Group(title.clone());
            ("chat_title_changed", json!({"title": title}))
        }
        GroupAction::AddBot { .. } | GroupAction::Say { .. } => return Err(CannotAct::NoChat),
    })
}

fn say(
    state: &mut State,
    bot: &Bot,
    group: i64,
    person: &Person,
    text: String,
    now: DateTime<Utc>,
) -> Result<Happened, CannotAct> {
    let mut message = state.write(group, now, person.user(now.timestamp_millis()), false);
    message.text = Some(written(text)?);
    let chat = group_of(state, group)?;
    let update = json!({
        "update_type": "message_created", "timestamp": message.at_ms, "message": message.in_chat(chat.recipient(bot.id, false)),
    });
    let mid = message.mid.clone();
    chat.messages.push(message);
    Ok(Happened { kind: "message_created", id: format!("message_created:{mid}"), update, mid: Some(mid) })
}

/// Somebody came or went; who brought or removed them is left out if nobody did.
fn joined(person: i64, by: &str, whom: Option<i64>) -> Value {
    let mut more = json!({"user_id": person, "is_channel": false});
    if let Some(whom) = whom {
        more[by] = json!(whom);
    }
    more
}
