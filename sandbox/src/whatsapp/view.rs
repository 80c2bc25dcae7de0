//! The stand-in's state as the page and the tests read it.

use serde_json::{Value, json};

use super::{WhatsApp, state::Post};
use crate::messenger::{Bubble, Chat};

/// Shown of each kind: a load test makes too many.
const SHOWN: usize = 200;

impl WhatsApp {
    /// Accounts with their numbers, templates and subscriptions, people, the last deliveries. No tokens, no secrets.
    pub fn snapshot(&self) -> Value {
        let state = self.state();
        let accounts: Vec<Value> = state
            .wabas
            .values()
            .take(SHOWN)
            .map(|waba| {
                let templates: Vec<Value> = waba
                    .templates
                    .iter()
                    .map(|template| json!({"name": template.name, "language": template.language, "status": template.status}))
                    .collect();
                let numbers: Vec<Value> = state
                    .numbers
                    .values()
                    .filter(|number| number.waba == waba.id)
                    .map(|number| {
                        json!({"id": number.id, "display": number.display, "name": number.verified_name, "status": number.status,
                               "quality": number.quality, "settled": self.platform.is_settled(&number.id)})
                    })
                    .collect();
                let apps: Vec<Value> = self
                    .platform
                    .subscribed(&waba.id)
                    .into_iter()
                    .map(|subscribed| json!({"app": subscribed.app, "callback": subscribed.own}))
                    .collect();
                json!({"id": waba.id, "name": waba.name, "numbers": numbers, "templates": templates, "subscribed": apps})
            })
            .collect();
        let people: Vec<Value> =
            state.people.values().take(SHOWN).map(|person| json!({"id": person.wa_id, "name": person.name})).collect();
        drop(state);
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(SHOWN)..).unwrap_or_default();
        json!({"accounts": accounts, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// The chat as the person's phone shows it.
    pub(super) fn chat_view(&self, number: &str, person: &str) -> Option<Chat> {
        let now = self.platform.world.now();
        let state = self.state();
        if !state.numbers.contains_key(number) || !state.people.contains_key(person) {
            return None;
        }
        let chat = state.chats.get(&(number.to_owned(), person.to_owned()));
        let posts = chat.into_iter().flat_map(|chat| chat.posts.iter().filter(|post| !post.hidden));
        Some(Chat {
            bubbles: posts.map(bubble).collect(),
            keyboard: Vec::new(),
            notice: None,
            typing: chat.is_some_and(|chat| chat.typing_until.is_some_and(|until| now < until)),
            blocked: chat.is_some_and(|chat| chat.blocked),
        })
    }
}

fn bubble(post: &Post) -> Bubble {
    Bubble {
        id: post.id.clone(),
        author: post.author,
        text: post.text.clone(),
        buttons: post.buttons.clone(),
        note: post.note.clone(),
        at: post.at,
        state: post.state,
    }
}
