//! The stand-in as the page, the story and the tests of all messengers know it.

use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use super::{Action, Instagram, http};
use crate::{
    messenger::{Act, Chat, Media, Messenger},
    meta::Object,
    vendor::Vendor,
};

#[async_trait::async_trait]
impl Vendor for Instagram {
    fn name(&self) -> &'static str {
        Object::Instagram.vendor()
    }

    fn router(self: Arc<Self>) -> Router {
        http::router(self)
    }

    fn snapshot(&self) -> Value {
        self.snapshot()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.plant(data)
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        self.act_in_office(action).await
    }
}

/// An account is a professional account, by its id; a person is a username. What an account knows a person by is another id.
#[async_trait::async_trait]
impl Messenger for Instagram {
    fn accounts(&self) -> Vec<(String, String)> {
        self.state().accounts.values().map(|account| (account.id.clone(), account.name.clone())).collect()
    }

    fn people(&self) -> Vec<(String, String)> {
        self.state().people.values().map(|person| (person.username.clone(), person.name.clone())).collect()
    }

    fn chat(&self, account: &str, person: &str) -> Option<Chat> {
        self.chat_view(account, person)
    }

    fn act_as(&self, account: &str, person: &str, act: Act) -> Result<Vec<String>, String> {
        let text = |text: String| Action::Text { text, reply_to: None };
        let attachment = |kind: &str| Action::Attachment { kind: kind.to_owned() };
        let action = match act {
            // The link opens the chat with its payload; the account is written to only when the person writes.
            Act::Open { payload: Some(payload) } => {
                let mut ids = self.act_in_chat(account, person, Action::Refer { payload })?;
                ids.extend(self.act_in_chat(account, person, text("Hello".to_owned()))?);
                return Ok(ids);
            }
            Act::Open { payload: None } => text("Hello".to_owned()),
            Act::Text { text: written } => text(written),
            Act::Press { message, press } => Action::Press { message, press },
            Act::Contact { own: true } => Action::SharePhone,
            Act::Contact { own: false } => return Err("Instagram has no contact cards".to_owned()),
            Act::Media { media: Media::Photo, .. } => attachment("image"),
            Act::Media { media: Media::Voice, .. } => attachment("audio"),
            Act::Media { media: Media::Location | Media::Sticker, .. } => Action::Unsupported,
            Act::Edit { message, text } => Action::Edit { message, text },
            Act::Delete { message } => Action::Delete { message },
            Act::Block => Action::Block,
            Act::Unblock => Action::Unblock,
        };
        self.act_in_chat(account, person, action)
    }

    fn is_settled(&self, account: &str) -> bool {
        self.platform.is_settled(account)
    }

    async fn forge(&self, account: &str) -> Result<u16, String> {
        self.platform.forge(account).await
    }
}
