//! What the salon's staff does in the phone app, what is done in WhatsApp Manager and the App Dashboard, and what Meta does of itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Manners, WhatsApp, events,
    send::Status,
    state::{Number, Planned, Post, Waba, wamid},
};
use crate::{
    messenger::Author,
    meta::{
        Callback,
        bundle::{Event, Piece},
    },
};

/// An action of [`crate::vendor::Vendor::act`].
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    /// A person does something in the chat with a number, in full: more than all messengers have in common.
    AsPerson { number: String, person: String, action: super::Action },
    /// Somebody at the salon writes in the phone app.
    Write { number: String, person: String, text: String },
    /// Meta judges a template anew; those who hear the account are told.
    TemplateStatus {
        account: String,
        name: String,
        language: String,
        status: String,
        #[serde(default)]
        reason: Option<String>,
    },
    /// A status of a sent message, whatever came before.
    Status {
        number: String,
        message: String,
        status: String,
        #[serde(default)]
        code: Option<i64>,
    },
    /// An error of a number as such.
    NumberError { number: String, code: i64 },
    /// A number's standing.
    NumberStatus {
        number: String,
        #[serde(default)]
        status: Option<String>,
        #[serde(default)]
        quality: Option<String>,
    },
    /// The next sends of a number fail, one for each.
    FailNext { number: String, failures: Vec<Planned> },
    /// The account's token is no longer valid.
    ExpireToken { account: String },
    /// The account's token is another one.
    ChangeToken { account: String, token: String },
    /// The app's secret is another one.
    RotateSecret { app: String, secret: String },
    /// The app's callback in the App Dashboard, which verifies it.
    SetCallback { app: String, callback: Callback },
    /// Something else of an account: any webhook field, known or not.
    Raw { account: String, field: String, value: Value },
    /// How the stand-in behaves.
    SetManners { manners: Manners },
}

impl WhatsApp {
    /// Sends an event, after a look at whether it is what the vendor would send.
    pub(super) fn emit(&self, event: Event) {
        if let Piece::Change(change) = &event.piece {
            let entry = json!({"id": event.account, "changes": [change]});
            self.check_own(&json!({"object": self.platform.object.name(), "entry": [entry]}));
        }
        self.platform.emit(event);
    }

    pub(super) async fn act_in_office(&self, action: Value) -> Result<Value, String> {
        match Action::deserialize(action).map_err(|error| error.to_string())? {
            Action::AsPerson { number, person, action } => {
                self.act_in_chat(&number, &person, action).map(|events| json!({"events": events}))
            }
            Action::Write { number, person, text } => self.write(&number, &person, &text),
            Action::TemplateStatus { account, name, language, status, reason } => {
                self.set_template_status(&account, &name, &language, &status, reason.as_deref())
            }
            Action::Status { number, message, status, code } => self.tell_status(&number, &message, &status, code),
            Action::NumberError { number, code } => self.tell_error(&number, code),
            Action::NumberStatus { number, status, quality } => self.change_number_of(&number, |number| {
                number.status = status.unwrap_or_else(|| number.status.clone());
                number.quality = quality.unwrap_or_else(|| number.quality.clone());
            }),
            Action::FailNext { number, failures } => self.change_number_of(&number, |number| number.planned.extend(failures)),
            Action::ExpireToken { account } => self.change_account(&account, |waba| waba.token_expired = true),
            Action::ChangeToken { account, token } => {
                self.change_account(&account, |waba| (waba.token, waba.token_expired) = (token, false))
            }
            Action::RotateSecret { app, secret } => {
                self.platform.rotate_secret(&app, &secret).then(|| json!({})).ok_or_else(|| "no such app".to_owned())
            }
            Action::SetCallback { app, callback } => {
                self.platform.set_callback(&app, callback).await.map(|()| json!({})).map_err(|refusal| refusal.message)
            }
            Action::Raw { account, field, value } => self.tell_anything(&account, &field, value),
            Action::SetManners { manners } => {
                self.set_manners(manners);
                Ok(json!(self.manners()))
            }
        }
    }

    fn change_number_of(&self, number: &str, change: impl FnOnce(&mut Number)) -> Result<Value, String> {
        change(self.state().numbers.get_mut(number).ok_or("no such number")?);
        Ok(json!({}))
    }

    fn change_account(&self, account: &str, change: impl FnOnce(&mut Waba)) -> Result<Value, String> {
        change(self.state().wabas.get_mut(account).ok_or("no such account")?);
        Ok(json!({}))
    }

    fn tell_error(&self, number: &str, code: i64) -> Result<Value, String> {
        let event = {
            let state = self.state();
            let number = state.numbers.get(number).ok_or("no such number")?;
            let waba = state.wabas.get(&number.waba).ok_or("no such account")?;
            events::number_error(waba, number, code, self.platform.world.now())
        };
        Ok(self.tell_one(event))
    }

    fn tell_anything(&self, account: &str, field: &str, value: Value) -> Result<Value, String> {
        if !self.state().wabas.contains_key(account) {
            return Err("no such account".to_owned());
        }
        let id = format!("{field}:{}", self.platform.world.now().timestamp_millis());
        Ok(self.tell_one(Event::change(account, account, field, id, value)))
    }

    fn tell_one(&self, event: Event) -> Value {
        let id = event.id.clone();
        self.emit(event);
        json!({"event": id})
    }

    fn write(&self, number: &str, person: &str, text: &str) -> Result<Value, String> {
        let now = self.platform.world.now();
        let id = wamid(person);
        let event = {
            let mut state = self.state();
            if !state.people.contains_key(person) {
                return Err("no such person".to_owned());
            }
            let post = Post::said(&id, Author::Operator, now, text, None);
            state.chat(number, person).posts.push(post);
            self.pair(&state, number, person).map(|pair| pair.echo(&id, now, text)).ok_or("no such number")?
        };
        Ok(self.tell_one(event))
    }

    fn set_template_status(
        &self,
        account: &str,
        name: &str,
        language: &str,
        status: &str,
        reason: Option<&str>,
    ) -> Result<Value, String> {
        let now = self.platform.world.now();
        let value = {
            let mut state = self.state();
            let templates = &mut state.wabas.get_mut(account).ok_or("no such account")?.templates;
            let found = templates.iter_mut().find(|template| template.name == name && template.language == language);
            let template = found.ok_or("no such template")?;
            status.clone_into(&mut template.status);
            json!({
                "event": status, "message_template_id": template.id.parse::<u64>().unwrap_or_default(),
                "message_template_name": name, "message_template_language": language, "reason": reason.unwrap_or("NONE"),
                "message_template_category": template.category,
            })
        };
        let id = format!("template:{name}:{language}:{status}:{}", now.timestamp_millis());
        Ok(self.tell_one(Event::change(account, account, "message_template_status_update", id, value)))
    }

    fn tell_status(&self, number: &str, message: &str, status: &str, code: Option<i64>) -> Result<Value, String> {
        const NAMES: &[&str] = &["sent", "delivered", "read", "played", "failed"];
        let name = NAMES.iter().copied().find(|name| *name == status).ok_or("no such status")?;
        let event = {
            let state = self.state();
            let found = state.chats.iter().filter(|((of, _), _)| of == number).find_map(|((_, person), chat)| {
                Some((person.clone(), chat.posts.iter().find(|post| post.id == message)?.sent.clone()?))
            });
            let (person, sent) = found.ok_or("no such message")?;
            let status = Status { id: message.to_owned(), name, sent, code };
            self.tell(&state, number, &person, &[status], self.platform.world.now()).pop()
        };
        event.map(|event| self.tell_one(event)).ok_or_else(|| "no such number".to_owned())
    }
}
