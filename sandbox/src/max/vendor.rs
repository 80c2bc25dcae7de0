//! The stand-in as the page, the story and the tests of all messengers know it.

use std::sync::{Arc, PoisonError};

use axum::Router;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Action, GroupAction, Max, VENDOR, http};
use crate::{
    messenger::{Act, Chat, Messenger},
    vendor::Vendor,
};

/// What [`Messenger::act_as`] has no word for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scene {
    /// A post to the webhook that is not MAX's: `{"bot", "forge": {..}, "secret"}`.
    Forgery {
        bot: i64,
        forge: Value,
        #[serde(default)]
        secret: Option<String>,
    },
    /// `{"bot", "group", "person", "do": "join"}`.
    Group {
        bot: i64,
        group: i64,
        person: i64,
        #[serde(flatten)]
        action: GroupAction,
    },
    /// `{"bot", "person", "do": "mute", "hours": 8}`.
    Dialogue {
        bot: i64,
        person: i64,
        #[serde(flatten)]
        action: Action,
    },
}

#[async_trait::async_trait]
impl Vendor for Max {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn router(self: Arc<Self>) -> Router {
        http::router(self)
    }

    fn snapshot(&self) -> Value {
        self.show()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.plant(data)
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        let acted = match serde_json::from_value(action).map_err(|_| "no such action, or something is missing".to_owned())? {
            Scene::Forgery { bot, forge, secret } => {
                let status = self.forge(bot, &forge, secret.as_deref()).await?;
                return Ok(json!({"status": status}));
            }
            Scene::Group { bot, group, person, action } => self.act_in_group(bot, group, person, action),
            Scene::Dialogue { bot, person, action } => Self::act(self, bot, person, action),
        };
        acted.map(|acted| json!(acted)).map_err(|error| error.to_string())
    }
}

#[async_trait::async_trait]
impl Messenger for Max {
    fn accounts(&self) -> Vec<(String, String)> {
        let bots = self.bots.read().unwrap_or_else(PoisonError::into_inner);
        bots.values().map(|bot| (bot.id.to_string(), bot.name.clone())).collect()
    }

    fn people(&self) -> Vec<(String, String)> {
        let people = self.people.read().unwrap_or_else(PoisonError::into_inner);
        people.values().map(|person| (person.id.to_string(), person.name())).collect()
    }

    fn chat(&self, account: &str, person: &str) -> Option<Chat> {
        self.on_phone(account.parse().ok()?, person.parse().ok()?)
    }

    fn act_as(&self, account: &str, person: &str, act: Act) -> Result<Vec<String>, String> {
        let number = |id: &str| id.parse().map_err(|_| "ids are numbers".to_owned());
        let acted = Self::act(self, number(account)?, number(person)?, Action::from(act));
        acted.map(|acted| acted.events).map_err(|error| error.to_string())
    }

    fn is_settled(&self, account: &str) -> bool {
        account.parse().is_ok_and(|bot| Self::is_settled(self, bot))
    }

    async fn forge(&self, account: &str) -> Result<u16, String> {
        let bot = account.parse().map_err(|_| "ids are numbers".to_owned())?;
        let update = json!({"update_type": "bot_stopped", "timestamp": 1, "chat_id": 1, "user": {"user_id": 1}});
        Self::forge(self, bot, &update, Some("guess")).await
    }
}
