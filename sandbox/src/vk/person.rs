//! The other side of the dialog: what a person can do to a community.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Vk,
    state::{Dialog, Group, Person, Press, Writer, random_hex},
};
use crate::messenger::Media;

/// The ids of the events that follow from something done, or why it can't be done.
pub(super) type Done = Result<Vec<String>, String>;

/// A button as it is pressed.
struct Pressed {
    kind: String,
    label: String,
    payload: Option<String>,
    /// The message it is on.
    number: Option<Value>,
}

impl Vk {
    /// Presses the button that an empty dialog shows, perhaps behind a link `https://vk.me/<name>?ref=<payload>`.
    pub(super) fn open(&self, group: &Arc<Group>, person: &Person, payload: Option<String>) -> Done {
        let mut content = json!({"text": "Начать", "payload": json!({"command": "start"}).to_string()});
        if let Some(payload) = payload {
            content["ref"] = json!(payload);
            content["ref_source"] = json!("site");
        }
        self.say(group, person, content)
    }

    /// Puts a message of the person into the dialog. VK: it is a permission to answer, until it is taken back.
    pub(super) fn say(&self, group: &Arc<Group>, person: &Person, mut content: Value) -> Done {
        let now = self.world.now();
        let mut state = group.state();
        let dialog = state.dialogs.entry(person.id).or_default();
        if dialog.banned || person.deactivated {
            return Err("the community has the person in its blacklist, or the account is deleted".to_owned());
        }
        dialog.allowed = true;
        content["from_id"] = json!(person.id);
        let message = state.post(person.id, content, Writer::Person, now);
        let object = json!({"message": message, "client_info": person.client});
        drop(state);
        Ok(self.tell(group, person.id, "message_new", object))
    }

    /// Something that is no text. VK's schema has no contact card and no place among the attachments: a place is `geo`.
    pub(super) fn show(&self, group: &Arc<Group>, person: &Person, media: Media, caption: Option<String>) -> Done {
        let id = rand::random_range(100_000..900_000_000);
        let place = |kind: &str| format!("https://media.example.invalid/{kind}/{id}");
        let attached = match media {
            Media::Photo => json!({"type": "photo", "photo": {
                "id": id, "owner_id": person.id, "album_id": -15, "date": self.world.now().timestamp(), "access_key": "ak",
                "has_tags": false, "text": "", "sizes": [{"type": "x", "url": place("photo"), "width": 604, "height": 604}],
            }}),
            Media::Voice => json!({"type": "audio_message", "audio_message": {
                "id": id, "owner_id": person.id, "duration": 7, "access_key": "ak", "waveform": [0, 5, 12],
                "link_mp3": place("mp3"), "link_ogg": place("ogg"),
            }}),
            Media::Sticker => json!({"type": "sticker", "sticker": {
                "inner_type": "base_sticker_new", "sticker_id": id, "product_id": 1, "is_allowed": true,
                "images": [{"url": place("sticker"), "width": 64, "height": 64}], "images_with_background": [],
            }}),
            Media::Location => return self.say(group, person, json!({"text": caption.unwrap_or_default(), "geo": geo()})),
        };
        self.say(group, person, json!({"text": caption.unwrap_or_default(), "attachments": [attached]}))
    }

    /// Presses a button on a message, or on the keyboard under the input field. One that is on neither is a forged payload: a
    /// client of one's own sends any payload with a message.
    pub(super) fn press(&self, group: &Arc<Group>, person: &Person, message: Option<i64>, press: &str) -> Done {
        let pressed = group.state().dialogs.get_mut(&person.id).and_then(|dialog| find(dialog, message, press));
        let Some(pressed) = pressed else {
            return self.say(group, person, json!({"text": "Кнопка", "payload": press}));
        };
        match pressed.kind.as_str() {
            "callback" if person.client.presses("callback") => self.call_back(group, person, &pressed),
            "callback" => {
                // VK: an app that can't press such a button sends a message instead, with the payload as a text inside.
                let inside = pressed.payload.unwrap_or_default();
                let payload = json!({"command": "not_supported_button", "button_type": "callback", "payload": inside});
                self.say(group, person, json!({"text": pressed.label, "payload": payload.to_string()}))
            }
            "text" => {
                let mut content = json!({"text": pressed.label});
                if let Some(payload) = pressed.payload {
                    content["payload"] = json!(payload);
                }
                self.say(group, person, content)
            }
            "location" => {
                let mut content = json!({"geo": geo()});
                if let Some(payload) = pressed.payload {
                    content["payload"] = json!(payload);
                }
                self.say(group, person, content)
            }
            // Links and apps open in the person's app; the community learns nothing.
            _ => Ok(vec![]),
        }
    }

    fn call_back(&self, group: &Arc<Group>, person: &Person, pressed: &Pressed) -> Done {
        let id = random_hex(6);
        let payload: Value = pressed.payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or(json!({}));
        let mut object = json!({"user_id": person.id, "peer_id": person.id, "event_id": id, "payload": payload});
        if let Some(number) = &pressed.number {
            object["conversation_message_id"] = number.clone();
        }
        group.state().presses.insert(id, Press { peer: person.id, at: self.world.now() });
        Ok(self.tell(group, person.id, "message_event", object))
    }

    /// Changes an own message.
    pub(super) fn rewrite(&self, group: &Arc<Group>, person: &Person, message: i64, text: &str) -> Done {
        let now = self.world.now().timestamp();
        let mut state = group.state();
        let posted = state.dialogs.get_mut(&person.id).and_then(|dialog| dialog.message(message));
        let posted = posted.filter(|posted| posted.writer == Writer::Person && !posted.deleted).ok_or("no such message")?;
        posted.value["text"] = json!(text);
        posted.value["update_time"] = json!(now);
        let object = posted.value.clone();
        drop(state);
        Ok(self.tell(group, person.id, "message_edit", object))
    }

    /// Takes an own message back. VK tells communities nothing of it.
    pub(super) fn take_back(&self, group: &Arc<Group>, person: &Person, message: i64) -> Done {
        let mut state = group.state();
        let posted = state.dialogs.get_mut(&person.id).and_then(|dialog| dialog.message(message));
        posted.filter(|posted| posted.writer == Writer::Person).ok_or("no such message")?.deleted = true;
        Ok(vec![])
    }

    /// Allows or denies messages. `key` is what a widget was opened with.
    pub(super) fn permit(&self, group: &Arc<Group>, person: &Person, allowed: bool, key: &str) -> Done {
        let mut state = group.state();
        let dialog = state.dialogs.entry(person.id).or_default();
        if std::mem::replace(&mut dialog.allowed, allowed) == allowed {
            return Ok(vec![]);
        }
        drop(state);
        let (kind, object) = match allowed {
            true => ("message_allow", json!({"user_id": person.id, "key": key})),
            false => ("message_deny", json!({"user_id": person.id})),
        };
        Ok(self.tell(group, person.id, kind, object))
    }

    /// Sends an event of a dialog to the servers that want it; answers its id, if there are any.
    pub(super) fn tell(&self, group: &Arc<Group>, peer: i64, kind: &'static str, object: Value) -> Vec<String> {
        self.check_own(kind, &object);
        let id = group.state().enqueue(peer, kind, object, false);
        self.run_lanes(group);
        self.touch();
        id.into_iter().collect()
    }
}

/// What [`crate::messenger::Button::press`] is for a button: its payload, or what else it does.
pub(super) fn press_of(button: &Value) -> &str {
    let action = &button["action"];
    ["payload", "link", "label", "type"].iter().find_map(|field| action[*field].as_str()).unwrap_or_default()
}

fn find(dialog: &mut Dialog, message: Option<i64>, press: &str) -> Option<Pressed> {
    let (keyboard, number) = match message {
        Some(id) => {
            let posted = dialog.message(id)?;
            (posted.value.get("keyboard").cloned()?, Some(posted.value["conversation_message_id"].clone()))
        }
        None => (dialog.keyboard.clone()?, None),
    };
    let rows = keyboard["buttons"].as_array().into_iter().flatten().filter_map(Value::as_array);
    let button = rows.flatten().find(|button| press_of(button) == press)?;
    let text = |field: &str| button["action"][field].as_str().map(str::to_owned);
    if message.is_none() && keyboard["one_time"] == true {
        dialog.keyboard = None;
    }
    Some(Pressed {
        kind: text("type").unwrap_or_default(),
        label: text("label").unwrap_or_default(),
        payload: text("payload"),
        number,
    })
}

fn geo() -> Value {
    json!({
        "type": "point", "coordinates": {"latitude": 55.7558, "longitude": 37.6173},
        "place": {"title": "Москва", "country": "Россия", "city": "Москва"},
    })
}
