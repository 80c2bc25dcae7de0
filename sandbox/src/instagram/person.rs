//! The other side of the chat.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Action, Instagram,
    events::Pair,
    state::{Chat, Post, mid},
};
use crate::{
    messenger::{Author, Button, ButtonKind, Delivery},
    meta::bundle::Event,
};

/// Where Instagram keeps what people send, for a short while.
const FILES: &str = "https://lookaside.fbsbx.com/ig_messaging_cdn/";

impl Instagram {
    /// Lets a person do something in the chat with an account. Returns the ids of the events that follow: first that of the action
    /// itself, then that of what the person saw on the way.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    pub fn act_in_chat(&self, account: &str, person: &str, action: Action) -> Result<Vec<String>, String> {
        let now = self.platform.world.now();
        let pair = Pair { account, person, at: now };
        let (own, seen) = {
            let mut state = self.state();
            if !state.accounts.contains_key(account) {
                return Err("no such account".to_owned());
            }
            let phone = state.people.get(person).ok_or("no such person")?.phone.clone();
            let chat = state.chat(account, person);
            let own = act(chat, pair, action, phone.as_deref())?;
            let seen = if chat.blocked { None } else { see(chat, pair) };
            (own, seen)
        };
        let ids = own.iter().chain(&seen).map(|event| event.id.clone()).collect();
        // The phone tells what was seen before what is done about it.
        for event in seen.into_iter().chain(own) {
            self.emit(event);
        }
        self.platform.touch();
        Ok(ids)
    }
}

fn act(chat: &mut Chat, pair: Pair<'_>, action: Action, phone: Option<&str>) -> Result<Option<Event>, String> {
    match action {
        Action::Block => chat.blocked = true,
        Action::Unblock => chat.blocked = false,
        Action::Read => {}
        _ if chat.blocked => return Err("the account is blocked".to_owned()),
        Action::Gif => say(chat, &mid(), pair.at, "", Some("gif")),
        Action::Refer { payload } => return Ok(Some(pair.referral(&payload))),
        Action::React { message, emoji } => {
            chat.post(&message).ok_or("no such message")?;
            return Ok(Some(pair.reaction(&message, emoji.as_deref())));
        }
        Action::Edit { message, text } => {
            let post = own_post(chat, &message)?;
            post.text.clone_from(&text);
            post.edits += 1;
            return Ok(Some(pair.edit(&message, &text, post.edits)));
        }
        Action::Delete { message } => {
            let post = own_post(chat, &message)?;
            post.text.clear();
            post.note = Some("deleted".to_owned());
            return Ok(Some(pair.deletion(&message)));
        }
        Action::Press { message: Some(message), press } => {
            let button = find(&chat.post(&message).ok_or("no such message")?.buttons.concat(), &press)?;
            let id = mid();
            say(chat, &id, pair.at, &button.label, None);
            return Ok(Some(pair.postback(&id, &button.label, &press)));
        }
        action => return speak(chat, pair, action, phone).map(Some),
    }
    Ok(None)
}

/// Everything that arrives as a message, and opens the window.
fn speak(chat: &mut Chat, pair: Pair<'_>, action: Action, phone: Option<&str>) -> Result<Event, String> {
    let story = || json!({"story": {"url": format!("{FILES}?story=1"), "id": "17900000000000001"}});
    let (content, text, note) = match action {
        Action::Text { text, reply_to } => {
            if text.trim().is_empty() {
                return Err("an empty text".to_owned());
            }
            let mut content = json!({"text": text});
            if let Some(quoted) = reply_to {
                chat.post(&quoted).ok_or("no such message")?;
                content["reply_to"] = json!({"mid": quoted});
            }
            (content, text, None)
        }
        Action::Press { press, .. } => {
            let button = find(&chat.quick_replies, &press)?;
            if button.kind == ButtonKind::Contact {
                return speak(chat, pair, Action::SharePhone, phone);
            }
            (json!({"text": button.label, "quick_reply": {"payload": press}}), button.label, None)
        }
        Action::SharePhone => {
            let asked = chat.quick_replies.iter().any(|button| button.kind == ButtonKind::Contact);
            let phone = phone.filter(|_| asked).ok_or("nobody asked, or there is no number in the profile")?;
            (json!({"text": phone, "quick_reply": {"payload": phone}}), phone.to_owned(), Some("own number"))
        }
        Action::Attachment { kind } => (attachment(&kind), String::new(), Some("file")),
        Action::Ephemeral => (json!({"attachments": [{"type": "ephemeral"}]}), String::new(), Some("ephemeral")),
        Action::Unsupported => (json!({"is_unsupported": true}), String::new(), Some("unsupported")),
        Action::StoryReply { text } => (json!({"text": text, "reply_to": story()}), text, Some("answer to a story")),
        Action::StoryMention => (attachment("story_mention"), String::new(), Some("mention in a story")),
        _ => return Err("nothing that is said in a chat".to_owned()),
    };
    let id = mid();
    say(chat, &id, pair.at, &text, note);
    Ok(pair.message(&id, content))
}

fn attachment(kind: &str) -> Value {
    let number = rand::random_range(1_000_000_000_000_000_u64..9_000_000_000_000_000);
    json!({"attachments": [{"type": kind, "payload": {"url": format!("{FILES}?asset_id={number}&signature=x")}}]})
}

/// A message of the person in the chat: quick replies go away, and the window is open.
fn say(chat: &mut Chat, mid: &str, at: DateTime<Utc>, text: &str, note: Option<&str>) {
    let mut post = Post::new(mid, Author::Person, at, text);
    post.note = note.map(str::to_owned);
    chat.posts.push(post);
    chat.quick_replies.clear();
    chat.last_inbound = Some(at);
}

fn own_post<'a>(chat: &'a mut Chat, mid: &str) -> Result<&'a mut Post, String> {
    chat.post(mid).filter(|post| post.author == Author::Person).ok_or_else(|| "no such message".to_owned())
}

/// Payloads are kept by Meta, not by the phone: nobody can press what was not sent.
fn find(buttons: &[Button], press: &str) -> Result<Button, String> {
    let found = buttons.iter().find(|button| button.press == press && button.kind != ButtonKind::Link);
    found.cloned().ok_or_else(|| "no such button".to_owned())
}

/// The person has the chat open: the account learns up to where it was read.
fn see(chat: &mut Chat, pair: Pair<'_>) -> Option<Event> {
    let unseen = |post: &&mut Post| post.state == Some(Delivery::Delivered);
    let mut last = None;
    for post in chat.posts.iter_mut().filter(unseen) {
        post.state = Some(Delivery::Read);
        last = Some(pair.read(&post.mid));
    }
    last
}
