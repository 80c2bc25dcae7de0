//! How a person's acts change the dialogue, and the events that tell of them.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    Max,
    chat::{Chat, Message, With},
    person::Acted,
    state::{Bot, Person, Pressed, State},
    view,
};
use crate::{
    messenger::{ButtonKind, CannotAct, Media},
    wire::hmac_sha256,
};

/// MAX: a deep link's payload; a longer one is left out, and nobody is told.
const MAX_PAYLOAD: usize = 512;
/// The longest text a person can write.
const MAX_TEXT: usize = 4000;

/// A person's hands on one bot: what they do changes the chat and is told at once.
pub(super) struct Hand<'a> {
    pub(super) max: &'a Max,
    pub(super) bot: &'a Bot,
    pub(super) person: &'a Person,
    pub(super) state: &'a mut State,
    pub(super) acted: Acted,
}

impl Hand<'_> {
    /// The open dialogue.
    fn dialogue(&mut self) -> Result<&mut Chat, CannotAct> {
        let id = self.state.dialogue(self.person.id).ok_or(CannotAct::NoChat)?;
        self.state.chats.get_mut(&id).filter(|chat| !chat.stopped).ok_or(CannotAct::NoChat)
    }

    /// An event of the dialogue that names the person and little else.
    fn tell(&mut self, chat: i64, kind: &'static str, more: Value) {
        let at = self.moment();
        let mut update = json!({
            "update_type": kind, "timestamp": at, "chat_id": chat, "user": self.person.user(at), "user_locale": self.locale(),
        });
        super::extend(&mut update, more);
        let id = format!("{kind}:{chat}:{}:{at}", self.person.id);
        self.post(kind, chat, id, &update);
    }

    fn post(&mut self, kind: &'static str, chat: i64, id: String, update: &Value) {
        if self.max.tell(self.state, kind, chat, &id, update) {
            self.acted.events.push(id);
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.max.world.now()
    }

    fn moment(&mut self) -> i64 {
        self.state.moment(self.max.world.now())
    }

    fn locale(&self) -> &str {
        self.person.locale.as_deref().unwrap_or("ru")
    }

    /// MAX: a link with a payload tells the bot each time; without one there is something to press only at the beginning and after a stop.
    pub(super) fn start(&mut self, payload: Option<String>) -> Result<(), CannotAct> {
        let payload = payload.filter(|payload| payload.chars().count() <= MAX_PAYLOAD);
        let known = self.state.dialogue(self.person.id);
        let id = known.unwrap_or_else(|| self.max.new_dialogue_id());
        if known.is_none() {
            self.state.open(Chat::new(id, With::Person(self.person.id)));
        }
        let was_stopped = self.state.chats.get_mut(&id).is_some_and(|chat| std::mem::replace(&mut chat.stopped, false));
        if known.is_none() || was_stopped || payload.is_some() {
            self.tell(id, "bot_started", json!({"user_id": self.person.id, "payload": payload}));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, text: String) -> Result<(), CannotAct> {
        let text = written(text)?;
        self.say(Some(text), vec![])
    }

    /// Puts a message of the person into the dialogue.
    fn say(&mut self, text: Option<String>, attachments: Vec<Value>) -> Result<(), CannotAct> {
        let chat = self.dialogue()?.id;
        let sender = self.person.user(self.now().timestamp_millis());
        let mut message = self.state.write(chat, self.max.world.now(), sender, false);
        message.text = text;
        message.attachments = attachments;
        self.acted.mid = Some(message.mid.clone());
        let id = format!("message_created:{}", message.mid);
        let update = self.about(chat, &message, json!({"update_type": "message_created", "user_locale": self.locale()}));
        if let Some(chat) = self.state.chats.get_mut(&chat) {
            chat.messages.push(message);
        }
        self.post("message_created", chat, id, &update);
        Ok(())
    }

    /// An update about a message of the person's.
    fn about(&mut self, chat: i64, message: &Message, mut update: Value) -> Value {
        let recipient = self.state.chats.get(&chat).map(|chat| chat.recipient(self.bot.id, message.by_bot));
        update["timestamp"] = json!(self.moment());
        update["message"] = message.in_chat(recipient.unwrap_or_default());
        update
    }

    pub(super) fn press(&mut self, mid: Option<&str>, press: &str) -> Result<(), CannotAct> {
        let fits = |button: &Value| view::press(button).is_some_and(|button| button.press == press);
        let mut candidates = self.dialogue()?.messages.iter().rev().filter(|message| message.by_bot);
        let message = match mid {
            Some(mid) => candidates.find(|message| message.mid == mid).ok_or(CannotAct::NoMessage)?,
            None => candidates.find(|message| message.rows().flatten().any(fits)).ok_or(CannotAct::NoButton)?,
        };
        let button = message.rows().flatten().find(|button| fits(button)).ok_or(CannotAct::NoButton)?.clone();
        let message = message.clone();
        match button["type"].as_str().unwrap_or_default() {
            "callback" => self.call_back(&message, &button),
            "request_contact" => self.own_contact(),
            "request_geo_location" => self.say(Some(String::new()), vec![place()]),
            // MAX: a `message` button writes its label in the person's name.
            "message" => self.say(button["text"].as_str().map(str::to_owned), vec![]),
            // A link, an app, a clipboard: the bot learns nothing.
            _ => Ok(()),
        }
    }

    fn call_back(&mut self, message: &Message, button: &Value) -> Result<(), CannotAct> {
        let chat = self.dialogue()?.id;
        let callback_id = message.keyboard().and_then(|keyboard| keyboard["callback_id"].as_str()).unwrap_or_default().to_owned();
        let pressed_at = self.moment();
        self.state.pressed.insert(callback_id.clone(), Pressed { chat, mid: message.mid.clone() });
        let callback = json!({
            "timestamp": pressed_at, "callback_id": callback_id, "payload": button["payload"], "user": self.person.user(pressed_at),
        });
        let update = json!({"update_type": "message_callback", "callback": callback, "user_locale": self.locale()});
        let update = self.about(chat, message, update);
        self.post("message_callback", chat, format!("message_callback:{callback_id}:{pressed_at}"), &update);
        Ok(())
    }

    pub(super) fn contact(&mut self, own: bool) -> Result<(), CannotAct> {
        if own {
            let asks = |button: &Value| view::press(button).is_some_and(|button| button.kind == ButtonKind::Contact);
            let asked = self.dialogue()?.messages.iter().any(|message| message.by_bot && message.rows().flatten().any(asks));
            return if asked { self.own_contact() } else { Err(CannotAct::NoButton) };
        }
        // A card out of the phone's book: MAX vouches for nothing.
        let payload = json!({"vcf_info": vcard("79990000000", "Somebody Else"), "hash": null, "max_info": null});
        self.say(None, vec![json!({"type": "contact", "payload": payload})])
    }

    /// MAX vouches for the number with a hash under the bot's token over the card as it is.
    fn own_contact(&mut self) -> Result<(), CannotAct> {
        let phone = self.person.phone.as_ref().ok_or(CannotAct::NoPhone)?;
        let card = vcard(phone, &self.person.name());
        let hash = hash(&self.bot.token, &card);
        let info = self.person.user(self.now().timestamp_millis());
        self.say(None, vec![json!({"type": "contact", "payload": {"vcf_info": card, "hash": hash, "max_info": info}})])
    }

    pub(super) fn media(&mut self, media: Media, caption: Option<String>) -> Result<(), CannotAct> {
        let caption = caption.map(written).transpose()?;
        let number = rand::random_range(1_000_000_000_i64..9_000_000_000);
        // A name that exists nowhere: whoever fetches what a person sent must not reach the real one from a test.
        let url = format!("https://i.oneme.invalid/i?r={number}");
        let attachment = match media {
            Media::Photo => json!({"type": "image", "payload": {"photo_id": number, "token": token(), "url": url}}),
            Media::Voice => json!({"type": "audio", "payload": {"url": url, "token": token()}, "transcription": null}),
            Media::Location => place(),
            Media::Sticker => {
                json!({"type": "sticker", "payload": {"url": url, "code": number.to_string()}, "width": 512, "height": 512})
            }
        };
        self.say(caption.or_else(|| matches!(media, Media::Location).then(String::new)), vec![attachment])
    }

    pub(super) fn rewrite(&mut self, mid: &str, text: String) -> Result<(), CannotAct> {
        let text = written(text)?;
        let chat = self.dialogue()?;
        let id = chat.id;
        let message = chat.message(mid).filter(|message| !message.by_bot).ok_or(CannotAct::NoMessage)?;
        message.text = Some(text);
        let message = message.clone();
        // MAX: an edit says nothing of the language.
        let update = self.about(id, &message, json!({"update_type": "message_edited"}));
        self.acted.mid = Some(message.mid);
        self.post("message_edited", id, format!("message_edited:{mid}:{}", update["timestamp"]), &update);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, mid: &str) -> Result<(), CannotAct> {
        let chat = self.dialogue()?;
        let id = chat.id;
        let before = chat.messages.len();
        chat.messages.retain(|message| message.mid != mid || message.by_bot);
        if chat.messages.len() == before {
            return Err(CannotAct::NoMessage);
        }
        let at = self.moment();
        let update = json!({
            "update_type": "message_removed", "timestamp": at, "message_id": mid, "chat_id": id, "user_id": self.person.id,
        });
        self.post("message_removed", id, format!("message_removed:{mid}"), &update);
        Ok(())
    }

    /// MAX: who deletes the dialogue stops the bot by it, and both are told.
    pub(super) fn stop(&mut self, remove: bool) -> Result<(), CannotAct> {
        let chat = self.dialogue()?;
        let id = chat.id;
        chat.stopped = true;
        if remove {
            chat.messages.clear();
        }
        self.tell(id, "bot_stopped", json!({}));
        if remove {
            self.tell(id, "dialog_removed", json!({}));
        }
        Ok(())
    }

    pub(super) fn resume(&mut self) -> Result<(), CannotAct> {
        let id = self.state.dialogue(self.person.id).ok_or(CannotAct::NoChat)?;
        let chat = self.state.chats.get_mut(&id).ok_or(CannotAct::NoChat)?;
        if std::mem::replace(&mut chat.stopped, false) {
            self.tell(id, "bot_started", json!({"user_id": self.person.id, "payload": null}));
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) -> Result<(), CannotAct> {
        let chat = self.dialogue()?;
        let id = chat.id;
        chat.messages.clear();
        self.tell(id, "dialog_cleared", json!({}));
        Ok(())
    }

    pub(super) fn mute(&mut self, hours: Option<i64>) -> Result<(), CannotAct> {
        let until = hours.map(|hours| TimeDelta::try_hours(hours).ok_or(CannotAct::BadContent)).transpose()?;
        let until = until.map(|hours| (self.now() + hours).timestamp_millis());
        let chat = self.dialogue()?;
        let id = chat.id;
        chat.muted_until = until;
        match until {
            Some(until) => self.tell(id, "dialog_muted", json!({"muted_until": until})),
            None => self.tell(id, "dialog_unmuted", json!({})),
        }
        Ok(())
    }
}

pub(super) fn written(text: String) -> Result<String, CannotAct> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > MAX_TEXT { Err(CannotAct::BadContent) } else { Ok(text) }
}

fn vcard(phone: &str, name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:{phone}\r\nFN:{name}\r\nEND:VCARD\r\n")
}

/// MAX: hex of HMAC-SHA256 over the card, its line ends included, under the bot's token.
fn hash(token: &str, card: &str) -> String {
    hex::encode(hmac_sha256(token, card.as_bytes()))
}

fn place() -> Value {
    json!({"type": "location", "latitude": 55.7558, "longitude": 37.6173})
}

fn token() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}
