//! What people send beside plain text, as the Bot API's `Message` carries it.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{File, Telegram, state::Person, text};
use crate::messenger::CannotAct;

/// A picture of one pixel, for people who send no picture of their own.
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

impl Telegram {
    /// A picture in two sizes, with a caption if there is one; one pixel if there is no data.
    pub(super) fn photo(&self, caption: Option<String>, data: Option<&str>) -> Result<Value, CannotAct> {
        let bytes: Arc<[u8]> = BASE64_STANDARD.decode(data.unwrap_or(PIXEL)).map_err(|_| CannotAct::BadContent)?.into();
        let size = |side: i64| {
            let mut photo = self.store("photos", "png", Arc::clone(&bytes));
            photo["width"] = json!(side);
            photo["height"] = json!(side);
            photo
        };
        let mut content = json!({"photo": [size(90), size(1280)]});
        if let Some(caption) = caption {
            content["caption"] = json!(caption);
        }
        Ok(content)
    }

    pub(super) fn voice(&self, duration: i64) -> Value {
        let mut voice = self.store("voice", "oga", b"OggS".as_slice().into());
        voice["duration"] = json!(duration);
        voice["mime_type"] = json!("audio/ogg");
        json!({"voice": voice})
    }

    pub(super) fn sticker(&self) -> Value {
        let mut sticker = self.store("stickers", "webp", b"RIFF".as_slice().into());
        for (field, value) in [("type", json!("regular")), ("width", json!(512)), ("height", json!(512))] {
            sticker[field] = value;
        }
        for kind in ["is_animated", "is_video"] {
            sticker[kind] = json!(false);
        }
        json!({"sticker": sticker})
    }

    /// Keeps a file for `getFile`, and answers the fields that all kinds of files share.
    fn store(&self, folder: &str, extension: &str, bytes: Arc<[u8]>) -> Value {
        let mut files = self.files();
        let number = files.len() + 1;
        let id = format!("AgACAgIAAx{number:08}");
        let unique_id = format!("AQAD{number:08}");
        let size = bytes.len();
        let path = format!("{folder}/file_{number}.{extension}");
        files.insert(id.clone(), File { path, unique_id: unique_id.clone(), bytes });
        json!({"file_id": id, "file_unique_id": unique_id, "file_size": size})
    }
}

/// Marks a command, as the app does.
pub(super) fn add_entities(message: &mut Value) {
    let command = message["text"].as_str().and_then(|text| text.split_whitespace().next());
    let length = command.filter(|word| word.starts_with('/') && word.len() > 1).map(text::units);
    match (length, message.as_object_mut()) {
        (Some(length), Some(message)) => {
            let entities = json!([{"type": "bot_command", "offset": 0, "length": length}]);
            message.insert("entities".to_owned(), entities);
        }
        (None, Some(message)) => {
            message.remove("entities");
        }
        (_, None) => {}
    }
}

/// The card of somebody else carries no `user_id` here: the person's phone book does not know it.
pub(super) fn contact_card(person: &Person, phone: Option<String>, first_name: Option<String>) -> Result<Value, CannotAct> {
    if let Some(phone) = phone {
        let name = first_name.unwrap_or_else(|| "Somebody".to_owned());
        return Ok(json!({"phone_number": phone, "first_name": name}));
    }
    let phone = person.phone.as_ref().ok_or(CannotAct::NoPhone)?;
    let mut card = json!({"phone_number": phone, "first_name": person.first_name, "user_id": person.id});
    if let Some(last_name) = &person.last_name {
        card["last_name"] = json!(last_name);
    }
    Ok(card)
}
