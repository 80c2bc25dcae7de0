//! `POST /{IG-ID}/messages`: checking a message, putting it into the chat, and its echo.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{
    Echo, Instagram,
    events::Pair,
    spec,
    state::{Account, Chat, Post, State, mid},
};
use crate::{
    messenger::{Author, Button, ButtonKind},
    meta::{
        bundle::Event,
        graph::{Outcome, Refusal},
        http::Call,
    },
};

/// Messenger Platform, sender actions: how long typing is shown unless a message comes.
const TYPING: TimeDelta = TimeDelta::seconds(20);

impl Instagram {
    pub(super) async fn send(&self, account: &str, call: &Call, violations: &mut Vec<String>) -> Outcome {
        let parameters = &call.parameters;
        violations.extend(spec::check_body(spec::SEND, parameters));
        if let Some(complaint) = violations.first() {
            return Err(Refusal { violation: false, ..spec::invalid(complaint) });
        }
        let id = parameters["recipient"]["id"].as_str().unwrap_or_default();
        let Some(message) = parameters.get("message") else {
            return self.show_action(account, id, call.text("sender_action").unwrap_or_default());
        };
        check_message(message, violations)?;
        let by_a_person = parameters.contains_key("tag");
        if by_a_person {
            // Message tags: HUMAN_AGENT is for what somebody types. This API is called by a program.
            violations.push("tag HUMAN_AGENT on a message that no person wrote".to_owned());
        }
        let (answer, event) = self.take(account, id, message, by_a_person)?;
        if let Some(mut event) = event {
            event.twice = call.twice;
            self.check_own(&event);
            match self.manners().echo {
                Echo::BeforeTheAnswer => self.platform.emit_now(event).await,
                _ => self.platform.emit(event),
            }
        }
        Ok(answer)
    }

    /// Sender actions: typing is shown to the person, and that the salon saw the message.
    fn show_action(&self, account: &str, id: &str, action: &str) -> Outcome {
        let now = self.platform.world.now();
        let mut state = self.state();
        let person = reachable(&state, account, id)?;
        let chat = state.chat(account, &person);
        match action {
            "typing_on" => chat.typing_until = Some(now + TYPING),
            "typing_off" => chat.typing_until = None,
            _ => {}
        }
        Ok(json!({"recipient_id": id}))
    }

    /// Takes a message that is well formed: the answer, and its echo.
    fn take(&self, account: &str, id: &str, message: &Value, by_a_person: bool) -> Result<(Value, Option<Event>), Refusal> {
        let now = self.platform.world.now();
        let manners = self.manners();
        let mut state = self.state();
        if let Some(of_account) = state.accounts.get_mut(account) {
            check_account(of_account, by_a_person, manners.meta.real_limits, now)?;
        }
        let person = reachable(&state, account, id)?;
        let chat = state.chat(account, &person);
        if !chat.is_open(now, by_a_person) {
            return Err(spec::refusal("window"));
        }
        let mid = mid();
        put(chat, &mid, message, now);
        let pair = Pair { account, person: &person, at: now };
        let echo = (manners.echo != Echo::Never).then(|| pair.echo(&mid, echoed(message), manners.echo_flag));
        Ok((json!({"recipient_id": id, "message_id": mid}), echo))
    }
}

/// What the document can't say.
fn check_message(message: &Value, violations: &mut Vec<String>) -> Result<(), Refusal> {
    let text = message["text"].as_str().unwrap_or_default();
    if text.len() > spec::text_bytes() {
        let most = spec::text_bytes();
        return Err(spec::invalid(format!("Length of param message[text] must be less than or equal to {most}")));
    }
    if message.get("text").is_some() && text.trim().is_empty() {
        return Err(spec::invalid("message[text] must be a non-empty UTF-8 encoded string"));
    }
    let titles = message["quick_replies"].as_array().into_iter().flatten().filter_map(|reply| reply["title"].as_str());
    if titles.into_iter().any(|title| title.chars().count() > spec::title_characters()) {
        violations.push("the title of a quick reply is cut after 20 characters".to_owned());
    }
    Ok(())
}

fn check_account(account: &mut Account, by_a_person: bool, limits: bool, now: DateTime<Utc>) -> Result<(), Refusal> {
    if let Some(row) = &account.standing {
        return Err(spec::refusal(row));
    }
    if let Some(row) = account.planned.pop_front() {
        return Err(spec::refusal(&row));
    }
    if by_a_person && !account.human_agent {
        return Err(spec::refusal("permission"));
    }
    if limits {
        account.pace.take(now, spec::rate(), spec::rate()).map_err(|_| spec::refusal("rate"))?;
    }
    Ok(())
}

/// The person whom the account may write to under this id.
fn reachable(state: &State, account: &str, id: &str) -> Result<String, Refusal> {
    let person = state.known(account, id).ok_or_else(|| spec::refusal("no_such_user"))?;
    let chat = state.chats.get(&(account.to_owned(), person.username.clone()));
    if chat.is_some_and(|chat| chat.blocked) {
        return Err(spec::refusal("unavailable"));
    }
    Ok(person.username.clone())
}

fn put(chat: &mut Chat, mid: &str, message: &Value, now: DateTime<Utc>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let payload = &message["attachment"]["payload"];
    let mut post = Post::new(mid, Author::Salon, now, message["text"].as_str().unwrap_or_default());
    match payload["template_type"].as_str() {
        Some("button") => {
            post.text = text(&payload["text"]);
            post.buttons = buttons(&payload["buttons"]);
        }
        Some(_) => {
            let elements = payload["elements"].as_array().cloned().unwrap_or_default();
            let lines = elements.iter().map(|element| format!("{} {}", text(&element["title"]), text(&element["subtitle"])));
            post.text = lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n");
            post.buttons = elements.iter().flat_map(|element| buttons(&element["buttons"])).collect();
            post.note = Some("cards".to_owned());
        }
        None => post.note = message["attachment"]["type"].as_str().map(str::to_owned),
    }
    chat.typing_until = None;
    chat.quick_replies = message["quick_replies"].as_array().into_iter().flatten().map(quick_reply).collect();
    chat.posts.push(post);
}

fn buttons(list: &Value) -> Vec<Vec<Button>> {
    let button = |button: &Value| {
        let link = button["type"] == "web_url";
        let press = if link { &button["url"] } else { &button["payload"] };
        vec![Button {
            label: button["title"].as_str().unwrap_or_default().to_owned(),
            press: press.as_str().unwrap_or_default().to_owned(),
            kind: if link { ButtonKind::Link } else { ButtonKind::Reply },
        }]
    };
    list.as_array().into_iter().flatten().map(button).collect()
}

fn quick_reply(reply: &Value) -> Button {
    let kind = if reply["content_type"] == "text" { ButtonKind::Reply } else { ButtonKind::Contact };
    let title = reply["title"].as_str().unwrap_or_default();
    Button {
        label: title.chars().take(spec::title_characters()).collect(),
        press: reply["payload"].as_str().or(reply["content_type"].as_str()).unwrap_or_default().to_owned(),
        kind,
    }
}

/// What an echo repeats: the text, or the attachment. A template's has no text.
fn echoed(message: &Value) -> Value {
    let mut echoed = Map::new();
    if let Some(text) = message.get("text") {
        echoed.insert("text".to_owned(), text.clone());
    }
    if let Some(attachment) = message.get("attachment") {
        echoed.insert("attachments".to_owned(), json!([attachment]));
    }
    Value::Object(echoed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{instagram::state::Token, pace::Bucket};

    #[test]
    fn a_hundred_sends_a_second_are_the_most() {
        let now = DateTime::UNIX_EPOCH;
        let token = Token { value: String::new(), issued: now, expires: now };
        let mut account = Account {
            id: "1".into(),
            username: "a".into(),
            name: "a".into(),
            app: "2".into(),
            tokens: vec![token],
            standing: None,
            planned: std::collections::VecDeque::new(),
            human_agent: false,
            subscribed_fields: Vec::new(),
            pace: Bucket::default(),
        };
        let mut send =
            |limits: bool, now: DateTime<Utc>| check_account(&mut account, false, limits, now).map_err(|refusal| refusal.code);
        assert!((0..100).all(|_| send(true, now).is_ok()));
        assert_eq!(send(true, now), Err(613));
        assert_eq!(send(false, now), Ok(()));
        assert_eq!(send(true, now + TimeDelta::milliseconds(10)), Ok(()));
    }
}
