//! The stand-in as the page, the story and the tests of all messengers know it.

use std::sync::{Arc, PoisonError};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Vk,
    person::press_of,
    state::{Dialog, Group, Person, Posted, Writer},
};
use crate::messenger::{Act, Author, Bubble, Button, ButtonKind, Chat, Messenger, Notice};

#[async_trait::async_trait]
impl Messenger for Vk {
    fn accounts(&self) -> Vec<(String, String)> {
        let groups = self.groups.read().unwrap_or_else(PoisonError::into_inner);
        groups.values().map(|group| (group.id.to_string(), group.state().name.clone())).collect()
    }

    fn people(&self) -> Vec<(String, String)> {
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        people.values().map(|person| (person.id.to_string(), name(person))).collect()
    }

    fn chat(&self, account: &str, person: &str) -> Option<Chat> {
        let (group, person) = self.parties(account, person).ok()?;
        let state = group.state();
        let nothing = Dialog::default();
        let dialog = state.dialogs.get(&person.id).unwrap_or(&nothing);
        Some(Chat {
            bubbles: dialog.messages.iter().map(bubble).collect(),
            keyboard: dialog.keyboard.as_ref().map(buttons).unwrap_or_default(),
            typing: dialog.typing_until.is_some_and(|until| self.world.now() < until),
            blocked: !dialog.allowed,
            notice: dialog.notices.back().and_then(notice),
        })
    }

    fn act_as(&self, account: &str, person: &str, act: Act) -> Result<Vec<String>, String> {
        let (group, person) = self.parties(account, person)?;
        match act {
            Act::Open { payload } => self.open(&group, &person, payload),
            Act::Text { text } if text.trim().is_empty() => Err("there is nothing to send".to_owned()),
            Act::Text { text } => self.say(&group, &person, serde_json::json!({"text": text})),
            Act::Press { message, press } => self.press(&group, &person, message.map(|id| number(&id)).transpose()?, &press),
            Act::Contact { .. } => Err("VK has no contact cards".to_owned()),
            Act::Media { media, caption } => self.show(&group, &person, media, caption),
            Act::Edit { message, text } => self.rewrite(&group, &person, number(&message)?, &text),
            Act::Delete { message } => self.take_back(&group, &person, number(&message)?),
            Act::Block => self.permit(&group, &person, false, ""),
            Act::Unblock => self.permit(&group, &person, true, ""),
        }
    }

    fn is_settled(&self, account: &str) -> bool {
        account.parse().ok().and_then(|id| self.group(id)).is_none_or(|group| group.state().open == 0)
    }

    async fn forge(&self, account: &str) -> Result<u16, String> {
        let group = number(account).ok().and_then(|id| self.group(id)).ok_or("no such community")?;
        let message = json!({"id": 1, "from_id": 1, "peer_id": 1, "date": 1, "text": "forged"});
        let event = json!({
            "type": "message_new", "event_id": "1", "v": "5.199", "group_id": group.id, "secret": "guess",
            "object": {"message": message, "client_info": {}},
        });
        Self::forge(self, &group, &event).await
    }
}

impl Vk {
    pub(super) fn parties(&self, group: &str, person: &str) -> Result<(Arc<Group>, Person), String> {
        let group = number(group).ok().and_then(|id| self.group(id)).ok_or("no such community")?;
        let person = number(person).ok().and_then(|id| self.person(id)).ok_or("no such person")?;
        Ok((group, person))
    }
}

fn number(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "an id is a number".to_owned())
}

pub(super) fn name(person: &Person) -> String {
    format!("{} {}", person.first_name, person.last_name).trim().to_owned()
}

/// What an answer to a press showed over the dialog; links and apps that it opens are not shown.
fn notice(answer: &Value) -> Option<Notice> {
    Some(Notice { at: DateTime::deserialize(&answer["at"]).ok()?, text: answer["show"]["text"].as_str()?.to_owned() })
}

fn bubble(posted: &Posted) -> Bubble {
    let message = &posted.value;
    let note = match (posted.deleted, message["attachments"][0]["type"].as_str()) {
        (true, _) => Some("deleted".to_owned()),
        (false, Some(kind)) => Some(kind.to_owned()),
        (false, None) => message.get("geo").map(|_| "place".to_owned()),
    };
    Bubble {
        id: message["id"].to_string(),
        author: match posted.writer {
            Writer::Person => Author::Person,
            Writer::Api => Author::Salon,
            Writer::Operator => Author::Operator,
        },
        text: message["text"].as_str().unwrap_or_default().to_owned(),
        buttons: message.get("keyboard").map(buttons).unwrap_or_default(),
        note,
        at: posted.at,
        // VK's events tell a community nothing of delivery.
        state: None,
    }
}

fn buttons(keyboard: &Value) -> Vec<Vec<Button>> {
    let rows = keyboard["buttons"].as_array().into_iter().flatten();
    rows.map(|row| row.as_array().into_iter().flatten().map(button).collect()).collect()
}

fn button(button: &Value) -> Button {
    let action = &button["action"];
    let kind = match action["type"].as_str() {
        Some("text" | "callback" | "location") => ButtonKind::Reply,
        _ => ButtonKind::Link,
    };
    let label = action["label"].as_str().or(action["type"].as_str()).unwrap_or_default();
    Button { label: label.to_owned(), press: press_of(button).to_owned(), kind }
}
