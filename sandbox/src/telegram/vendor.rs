//! The stand-in as the page, the story and the tests of all messengers know it.

use std::sync::{Arc, PoisonError};

use axum::Router;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Action, Telegram, VENDOR, http, view};
use crate::{
    messenger::{Act, ButtonKind, CannotAct, Chat, Media, Messenger},
    vendor::Vendor,
};

/// What [`Messenger::act_as`] has no word for; `bot` and `person` are Telegram's ids.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum Scene {
    /// The token is revoked: calls with it are answered 401 from now on.
    Revoke { bot: i64 },
    /// The bot is put into a group, whose id is negative.
    Group { bot: i64, id: i64, title: String },
    /// Somebody posts an update to the webhook without being Telegram.
    Forge {
        bot: i64,
        update: Value,
        #[serde(default)]
        secret: Option<String>,
    },
    /// The person does what only Telegram knows, or in more detail.
    Person { bot: i64, person: i64, act: Action },
}

#[async_trait::async_trait]
impl Vendor for Telegram {
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
        let known = |known: bool| if known { Ok(json!({})) } else { Err("no such bot".to_owned()) };
        match serde_json::from_value(action).map_err(|error| error.to_string())? {
            Scene::Revoke { bot } => known(self.revoke_bot(bot)),
            Scene::Group { id, .. } if id >= 0 => Err("a group's id is negative".to_owned()),
            Scene::Group { bot, id, title } => known(self.add_group(bot, id, &title)),
            Scene::Forge { bot, update, secret } => {
                let status = self.forge(bot, &update, secret.as_deref()).await?;
                Ok(json!({"status": status}))
            }
            Scene::Person { bot, person, act } => {
                Self::act(self, bot, person, act).map(|acted| json!(acted)).map_err(|error| error.to_string())
            }
        }
    }
}

#[async_trait::async_trait]
impl Messenger for Telegram {
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
        let (bot, person) = (number(account)?, number(person)?);
        let Some(action) = self.action(bot, person, act)? else { return Ok(vec![]) };
        let acted = Self::act(self, bot, person, action).map_err(|error| error.to_string())?;
        Ok(acted.update_id.map(|id| id.to_string()).into_iter().collect())
    }

    fn is_settled(&self, account: &str) -> bool {
        account.parse().is_ok_and(|bot| Self::is_settled(self, bot))
    }

    async fn forge(&self, account: &str) -> Result<u16, String> {
        let message = json!({"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private"}, "text": "forged"});
        Self::forge(self, number(account)?, &json!({"update_id": 1, "message": message}), Some("guess")).await
    }
}

impl Telegram {
    /// What Telegram calls an act; none where it learns nothing of it.
    fn action(&self, bot: i64, person: i64, act: Act) -> Result<Option<Action>, String> {
        Ok(Some(match act {
            Act::Open { payload } => Action::Start { payload },
            Act::Text { text } => Action::Text { text },
            Act::Press { message, press } => {
                let message = message.as_deref().map(number).transpose()?;
                return self.pressed(bot, person, message, press).map_err(|error| error.to_string());
            }
            Act::Contact { own: true } => OWN_CARD,
            Act::Contact { own: false } => {
                Action::Contact { phone: Some("79990000000".to_owned()), first_name: Some("Somebody Else".to_owned()) }
            }
            Act::Media { media: Media::Photo, caption } => Action::Photo { caption, data: None },
            Act::Media { media: Media::Voice, .. } => Action::Voice { duration: 3 },
            Act::Media { media: Media::Location, .. } => PLACE,
            Act::Media { media: Media::Sticker, .. } => Action::Sticker,
            Act::Edit { message, text } => Action::Edit { message_id: number(&message)?, text },
            Act::Delete { message } => Action::Delete { message_id: number(&message)? },
            Act::Block => Action::Block,
            Act::Unblock => Action::Unblock,
        }))
    }

    /// A button on a message, or on the keyboard under the chat: that one writes in the person's name.
    fn pressed(&self, bot: i64, person: i64, message: Option<i64>, press: String) -> Result<Option<Action>, CannotAct> {
        let chat = self.on_phone(bot, person).ok_or(CannotAct::NoChat)?;
        let rows = match message {
            None => chat.keyboard,
            Some(id) => chat.bubbles.into_iter().find(|bubble| bubble.id == id.to_string()).ok_or(CannotAct::NoMessage)?.buttons,
        };
        let button = rows.into_iter().flatten().find(|button| button.press == press);
        Ok(match (button, message) {
            (Some(button), _) if button.kind == ButtonKind::Link => None,
            (Some(_), None) if press == view::OWN_NUMBER => Some(OWN_CARD),
            (Some(_), None) if press == view::OWN_PLACE => Some(PLACE),
            (Some(button), None) => Some(Action::Text { text: button.label }),
            (button, message_id) => {
                Some(Action::Press { message_id, data: press, unchecked: button.is_none(), inaccessible: false })
            }
        })
    }
}

const OWN_CARD: Action = Action::Contact { phone: None, first_name: None };
/// Where people are.
const PLACE: Action = Action::Location { latitude: 55.7558, longitude: 37.6173 };

fn number(id: &str) -> Result<i64, String> {
    id.parse().map_err(|_| "ids are numbers".to_owned())
}
