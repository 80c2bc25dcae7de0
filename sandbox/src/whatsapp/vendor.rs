//! The stand-in as the page, the story and the tests of all messengers know it.

use std::sync::Arc;

use axum::Router;
use serde_json::Value;

use super::{Action, WhatsApp, http};
use crate::{
    messenger::{Act, Chat, Media, Messenger},
    meta::Object,
    vendor::Vendor,
};

#[async_trait::async_trait]
impl Vendor for WhatsApp {
    fn name(&self) -> &'static str {
        Object::WhatsApp.vendor()
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

/// An account is a business phone number, by its id; a person is a phone, by its number.
#[async_trait::async_trait]
impl Messenger for WhatsApp {
    fn accounts(&self) -> Vec<(String, String)> {
        self.state().numbers.values().map(|number| (number.id.clone(), number.verified_name.clone())).collect()
    }

    fn people(&self) -> Vec<(String, String)> {
        self.state().people.values().map(|person| (person.wa_id.clone(), person.name.clone())).collect()
    }

    fn chat(&self, account: &str, person: &str) -> Option<Chat> {
        self.chat_view(account, person)
    }

    fn act_as(&self, account: &str, person: &str, act: Act) -> Result<Vec<String>, String> {
        let text = |text: String| Action::Text { text, reply_to: None, ad: None };
        let action = match act {
            // A link to a number has a text that is written already, and no payload of another kind.
            Act::Open { payload } => text(payload.unwrap_or_else(|| "Hello".to_owned())),
            Act::Text { text: written } => text(written),
            Act::Press { message, press } => Action::Press { message, press },
            Act::Contact { own: true } => Action::Contact { phone: None, name: None },
            Act::Contact { own: false } => {
                Action::Contact { phone: Some("+1 (983) 555-2319".to_owned()), name: Some("Olga P".to_owned()) }
            }
            Act::Media { media: Media::Photo, caption } => Action::Image { caption },
            Act::Media { media: Media::Voice, .. } => Action::Voice,
            Act::Media { media: Media::Location, .. } => Action::Location { latitude: 55.7558, longitude: 37.6173 },
            Act::Media { media: Media::Sticker, .. } => Action::Sticker,
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
        let waba = self.state().numbers.get(account).map(|number| number.waba.clone()).ok_or("no such number")?;
        self.platform.forge(&waba).await
    }
}
