//! The other side of the chat: what a person can do on the phone.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::{
    Action, WhatsApp,
    send::Status,
    state::{Person, Post, Replies, digits, wamid},
};
use crate::{
    messenger::{Author, Button, ButtonKind, Delivery},
    meta::bundle::Event,
};

/// What a picture's and a voice note's `sha256` says; nobody can download them here.
const DIGEST: &str = "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=";

impl WhatsApp {
    /// Lets a person do something in the chat with a business number. Returns the ids of the events that follow: first that of the
    /// action itself, then those of messages that the person saw on the way.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    pub fn act_in_chat(&self, number: &str, person: &str, action: Action) -> Result<Vec<String>, String> {
        let (own, seen) = self.events_of(number, person, action)?;
        let ids = own.iter().chain(&seen).map(|event| event.id.clone()).collect();
        // The phone tells what was seen before what is done about it.
        for event in seen.into_iter().chain(own) {
            self.emit(event);
        }
        self.platform.touch();
        Ok(ids)
    }

    fn events_of(&self, number: &str, person: &str, action: Action) -> Result<(Vec<Event>, Vec<Event>), String> {
        let now = self.platform.world.now();
        {
            let state = self.state();
            if !state.numbers.contains_key(number) {
                return Err("no such number".to_owned());
            }
            if !state.people.contains_key(person) {
                return Err("no such person".to_owned());
            }
        }
        match action {
            Action::Block => self.set_blocked(number, person, true),
            Action::Unblock => self.set_blocked(number, person, false),
            Action::Marketing { stop } => self.set_marketing(number, person, stop, now),
            Action::ChangeNumber { to } => self.change_number(person, &to, now),
            Action::Read => Ok((Vec::new(), self.see(number, person, now))),
            action => {
                if self.state().chat(number, person).blocked {
                    return Err("the business is blocked".to_owned());
                }
                let id = wamid(person);
                let (content, said) = self.content(number, person, action)?;
                let seen = self.see(number, person, now);
                let mut state = self.state();
                let chat = state.chat(number, person);
                // A reaction is no message: it does not open the window.
                if content["type"] != "reaction" {
                    chat.last_inbound = Some(now);
                }
                chat.posts.extend(said.map(|(text, note)| Post::said(&id, Author::Person, now, &text, note)));
                let event = self.pair(&state, number, person).map(|pair| pair.message(&id, now, content));
                Ok((event.into_iter().collect(), seen))
            }
        }
    }

    /// What the message says to the business, and what is seen of it in the chat: the text and a note.
    fn content(&self, number: &str, person: &str, action: Action) -> Result<(Value, Option<Seen>), String> {
        Ok(match action {
            Action::Text { text, reply_to, ad } => {
                let mut content = json!({"type": "text", "text": {"body": written(&text)?}});
                if let Some(quoted) = reply_to {
                    content["context"] = self.context(number, person, &quoted)?;
                }
                if let Some(ad) = ad {
                    content["referral"] = referral(&ad);
                }
                (content, Some((text, None)))
            }
            Action::Press { message, press } => {
                let (content, label) = self.press(number, person, message.as_deref(), &press)?;
                (content, Some((label, None)))
            }
            Action::Contact { phone, name } => {
                let card = self.card(person, phone, name);
                let shown = card["phones"][0]["phone"].as_str().unwrap_or_default().to_owned();
                (json!({"type": "contacts", "contacts": [card]}), Some((shown, Some("contact"))))
            }
            Action::React { message, emoji } => {
                self.context(number, person, &message)?;
                let mut reaction = json!({"message_id": message});
                if let Some(emoji) = emoji {
                    reaction["emoji"] = json!(emoji);
                }
                (json!({"type": "reaction", "reaction": reaction}), None)
            }
            Action::Edit { message, text } => (self.edit(number, person, &message, &written(&text)?)?, None),
            Action::Delete { message } => (self.delete(number, person, &message)?, None),
            action => {
                let (content, caption, note) = file(action)?;
                (content, Some((caption, Some(note))))
            }
        })
    }

    /// `context` of an answer: whose message it answers, and which.
    fn context(&self, number: &str, person: &str, message: &str) -> Result<Value, String> {
        let mut state = self.state();
        let post = state.chat(number, person).post(message).filter(|post| !post.hidden).ok_or("no such message")?;
        let by_business = post.author != Author::Person;
        let number = state.numbers.get(number).map(|number| digits(&number.display)).unwrap_or_default();
        Ok(json!({"from": if by_business { number } else { person.to_owned() }, "id": message}))
    }

    fn press(&self, number: &str, person: &str, message: Option<&str>, press: &str) -> Result<(Value, String), String> {
        let mut state = self.state();
        let posts = state.chat(number, person).posts.iter().rev();
        let mut candidates = posts.filter(|post| !post.hidden && message.is_none_or(|id| post.id == id));
        let has = |post: &&Post| post.buttons.concat().iter().any(|button| button.press == press);
        // The payload of a button is kept by Meta, not by the phone: nobody can press what was not sent.
        let post = candidates.find(has).ok_or("no message has this button")?;
        let button: Button = post.buttons.concat().into_iter().find(|button| button.press == press).ok_or("no such button")?;
        if button.kind != ButtonKind::Reply {
            return Err("this button tells the business nothing".to_owned());
        }
        let (id, sent) = (post.id.clone(), post.sent.clone());
        let from = state.numbers.get(number).map(|number| digits(&number.display)).unwrap_or_default();
        let mut chosen = json!({"id": press, "title": button.label});
        let mut content = match sent.as_ref().map(|sent| sent.replies) {
            Some(Replies::Template) => json!({"type": "button", "button": {"payload": press, "text": button.label}}),
            Some(Replies::List) => {
                if let Some(description) = sent.and_then(|sent| sent.descriptions.get(press).cloned()) {
                    chosen["description"] = json!(description);
                }
                json!({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": chosen}})
            }
            _ => json!({"type": "interactive", "interactive": {"type": "button_reply", "button_reply": chosen}}),
        };
        content["context"] = json!({"from": from, "id": id});
        Ok((content, button.label))
    }

    /// A card of somebody else has a `wa_id` only if there is such a person.
    fn card(&self, person: &str, phone: Option<String>, name: Option<String>) -> Value {
        let state = self.state();
        let own = state.people.get(person);
        let (phone, name) = match phone {
            Some(phone) => (phone, name.unwrap_or_else(|| "Somebody".to_owned())),
            None => (format!("+{person}"), own.map(|own| own.name.clone()).unwrap_or_default()),
        };
        let mut entry = json!({"phone": phone, "type": "MOBILE"});
        if let Some(known) = state.person_by_number(&digits(&phone)) {
            entry["wa_id"] = json!(known.wa_id);
        }
        let first = name.split(' ').next().unwrap_or_default();
        json!({"name": {"formatted_name": name, "first_name": first}, "phones": [entry]})
    }

    fn edit(&self, number: &str, person: &str, message: &str, text: &str) -> Result<Value, String> {
        self.own_post(number, person, message, |post| text.clone_into(&mut post.text))?;
        if !self.manners().typed_edits {
            return Ok(unsupported("edit"));
        }
        let edited = json!({"type": "text", "text": {"body": text}});
        Ok(json!({"type": "edit", "edit": {"original_message_id": message, "message": edited}}))
    }

    fn delete(&self, number: &str, person: &str, message: &str) -> Result<Value, String> {
        self.own_post(number, person, message, |post| {
            post.text.clear();
            post.note = Some("deleted".to_owned());
        })?;
        if !self.manners().typed_edits {
            return Ok(unsupported("revoke"));
        }
        Ok(json!({"type": "revoke", "revoke": {"original_message_id": message}}))
    }

    fn own_post(&self, number: &str, person: &str, message: &str, change: impl FnOnce(&mut Post)) -> Result<(), String> {
        let mut state = self.state();
        let post =
            state.chat(number, person).post(message).filter(|post| post.author == Author::Person).ok_or("no such message")?;
        change(post);
        Ok(())
    }

    /// The person has the chat open: what was delivered is read now. The business learns of it only if the person lets it.
    fn see(&self, number: &str, person: &str, now: DateTime<Utc>) -> Vec<Event> {
        let receipts = self.manners().receipts;
        let mut state = self.state();
        let tells = state.people.get(person).is_some_and(|person| person.read_receipts && !person.offline);
        let mut statuses = Vec::new();
        for post in state.chat(number, person).posts.iter_mut().filter(|post| post.state == Some(Delivery::Delivered)) {
            post.state = Some(Delivery::Read);
            let Some(sent) = post.sent.clone().filter(|_| tells) else { continue };
            let status = |name: &&'static str| Status { id: post.id.clone(), name, sent: sent.clone(), code: None };
            statuses.extend(receipts.on_reading().iter().map(status));
        }
        self.tell(&state, number, person, &statuses, now)
    }

    fn set_blocked(&self, number: &str, person: &str, blocked: bool) -> Result<(Vec<Event>, Vec<Event>), String> {
        self.state().chat(number, person).blocked = blocked;
        Ok((Vec::new(), Vec::new()))
    }

    fn set_marketing(
        &self,
        number: &str,
        person: &str,
        stop: bool,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Event>, Vec<Event>), String> {
        let mut state = self.state();
        state.chat(number, person).no_marketing = stop;
        let event = self.pair(&state, number, person).map(|pair| pair.marketing(stop, now));
        Ok((event.into_iter().collect(), Vec::new()))
    }

    /// Every business the person has a chat with is told.
    fn change_number(&self, person: &str, to: &str, now: DateTime<Utc>) -> Result<(Vec<Event>, Vec<Event>), String> {
        let mut state = self.state();
        if state.people.contains_key(to) || to != digits(to) || to.is_empty() {
            return Err("not a free number".to_owned());
        }
        let old = state.people.get(person).cloned().ok_or("no such person")?;
        let new = Person { wa_id: to.to_owned(), dialled: Vec::new(), ..old };
        let numbers: Vec<String> = state.chats.keys().filter(|(_, of)| of == person).map(|(number, _)| number.clone()).collect();
        let event = |number: &String| Some(self.pair(&state, number, person)?.number_changed(&wamid(to), now, &new));
        let events = numbers.iter().filter_map(event).collect();
        for number in numbers {
            if let Some(chat) = state.chats.remove(&(number.clone(), person.to_owned())) {
                state.chats.insert((number, to.to_owned()), chat);
            }
        }
        state.people.remove(person);
        state.people.insert(to.to_owned(), new);
        Ok((events, Vec::new()))
    }
}

/// What a message shows in the chat: its text and a note.
type Seen = (String, Option<&'static str>);

/// Everything that is no text: what it says to the business, its caption, and what it is.
fn file(action: Action) -> Result<(Value, String, &'static str), String> {
    Ok(match action {
        Action::Image { caption } => {
            let mut image = media("image/jpeg");
            if let Some(caption) = &caption {
                image["caption"] = json!(caption);
            }
            (json!({"type": "image", "image": image}), caption.unwrap_or_default(), "photo")
        }
        Action::Voice => {
            let mut audio = media("audio/ogg; codecs=opus");
            audio["voice"] = json!(true);
            (json!({"type": "audio", "audio": audio}), String::new(), "voice")
        }
        Action::Sticker => {
            let mut sticker = media("image/webp");
            sticker["animated"] = json!(false);
            (json!({"type": "sticker", "sticker": sticker}), String::new(), "sticker")
        }
        Action::Location { latitude, longitude } => {
            let place = json!({"latitude": latitude, "longitude": longitude});
            (json!({"type": "location", "location": place}), String::new(), "location")
        }
        Action::Unsupported => (unsupported("poll"), String::new(), "unsupported"),
        _ => return Err("nothing that is said in a chat".to_owned()),
    })
}

fn written(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("an empty text".to_owned()) } else { Ok(text.to_owned()) }
}

fn media(mime_type: &str) -> Value {
    let id = rand::random_range(1_000_000_000_000_000_u64..9_000_000_000_000_000).to_string();
    json!({"id": id, "mime_type": mime_type, "sha256": DIGEST})
}

/// Unsupported messages webhook: what the Cloud API can't show, with what it was.
fn unsupported(kind: &str) -> Value {
    let mut error = super::answer::in_webhook(131_051);
    if let Some(error) = error.as_object_mut() {
        error.remove("href");
        error.insert("title".to_owned(), json!("Message type unknown"));
        error.insert("message".to_owned(), json!("Message type unknown"));
    }
    json!({"type": "unsupported", "errors": [error], "unsupported": {"type": kind}})
}

fn referral(ad: &str) -> Value {
    let text = |name: &str| (name.to_owned(), json!(format!("{name} of {ad}")));
    let mut referral: Map<String, Value> = ["body", "headline", "ctwa_clid"].iter().map(|name| text(name)).collect();
    referral.insert("source_url".to_owned(), json!(format!("https://fb.me/{ad}")));
    referral.insert("source_id".to_owned(), json!(ad));
    referral.insert("source_type".to_owned(), json!("ad"));
    referral.insert("media_type".to_owned(), json!("image"));
    Value::Object(referral)
}
