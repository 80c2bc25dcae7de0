//! The stand-in's state as the page and the tests read it.

use serde_json::{Value, json};

use super::{
    Instagram,
    state::{Post, igsid},
};
use crate::messenger::{Bubble, Button, ButtonKind, Chat};

/// Shown of each kind: a load test makes too many.
const SHOWN: usize = 200;

impl Instagram {
    /// Accounts with their subscriptions, people, the last deliveries. No tokens, no secrets.
    pub fn snapshot(&self) -> Value {
        let state = self.state();
        let accounts: Vec<Value> = state
            .accounts
            .values()
            .take(SHOWN)
            .map(|account| {
                let apps: Vec<String> = self.platform.subscribed(&account.id).into_iter().map(|app| app.app).collect();
                json!({"id": account.id, "username": account.username, "name": account.name, "subscribed": apps,
                       "standing": account.standing, "settled": self.platform.is_settled(&account.id)})
            })
            .collect();
        let people: Vec<Value> =
            state.people.values().take(SHOWN).map(|person| json!({"id": person.username, "name": person.name})).collect();
        drop(state);
        let deliveries = self.deliveries();
        let recent = deliveries.get(deliveries.len().saturating_sub(SHOWN)..).unwrap_or_default();
        json!({"accounts": accounts, "people": people, "deliveries": recent, "manners": self.manners()})
    }

    /// The id under which an account knows a person.
    pub fn scoped_id(&self, account: &str, person: &str) -> String {
        igsid(account, person)
    }

    /// The chat as the person's phone shows it. Quick replies are where the phone's keyboard would be.
    pub(super) fn chat_view(&self, account: &str, person: &str) -> Option<Chat> {
        let now = self.platform.world.now();
        let state = self.state();
        if !state.accounts.contains_key(account) {
            return None;
        }
        let phone = state.people.get(person)?.phone.as_ref();
        let chat = state.chats.get(&(account.to_owned(), person.to_owned()));
        // Quick replies: the number of the profile is its own label, and is offered only if there is one.
        let offered = |button: &Button| match button.kind {
            ButtonKind::Contact => Some(Button { label: phone?.clone(), ..button.clone() }),
            _ => Some(button.clone()),
        };
        Some(Chat {
            bubbles: chat.into_iter().flat_map(|chat| &chat.posts).map(bubble).collect(),
            keyboard: chat
                .into_iter()
                .flat_map(|chat| &chat.quick_replies)
                .filter_map(offered)
                .map(|button| vec![button])
                .collect(),
            notice: None,
            typing: chat.is_some_and(|chat| chat.typing_until.is_some_and(|until| now < until)),
            blocked: chat.is_some_and(|chat| chat.blocked),
        })
    }
}

fn bubble(post: &Post) -> Bubble {
    Bubble {
        id: post.mid.clone(),
        author: post.author,
        text: post.text.clone(),
        buttons: post.buttons.clone(),
        note: post.note.clone(),
        at: post.at,
        state: post.state,
    }
}
