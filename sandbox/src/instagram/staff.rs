//! What the salon's staff does in the phone app, what is done in the App Dashboard, and what Meta does of itself.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Instagram, Manners,
    events::Pair,
    spec,
    state::{Account, Post, Token, mid},
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
    /// A person does something in the chat with an account, in full: more than all messengers have in common.
    AsPerson { account: String, person: String, action: super::Action },
    /// Somebody at the salon writes in the phone app.
    Write { account: String, person: String, text: String },
    /// The dashboard's button that sends a test of the field `messages`: it comes as a change, not as messaging.
    TestMessage { account: String, person: String, text: String },
    /// Something else of an account: any field, known or not, in the form without `changes` that comments have.
    Raw { account: String, field: String, value: Value },
    /// A row of the table of errors that every send meets; null for none.
    SetStanding { account: String, error: Option<String> },
    /// Rows that the next sends meet, one for each.
    FailNext { account: String, errors: Vec<String> },
    /// The account's tokens are no longer valid.
    ExpireTokens { account: String },
    /// The account gets a token, made now.
    AddToken { account: String, token: String },
    /// The app's secret is another one.
    RotateSecret { app: String, secret: String },
    /// The app's callback in the App Dashboard, which verifies it.
    SetCallback { app: String, callback: Callback },
    /// How the stand-in behaves.
    SetManners { manners: Manners },
}

impl Instagram {
    pub(super) async fn act_in_office(&self, action: Value) -> Result<Value, String> {
        match Action::deserialize(action).map_err(|error| error.to_string())? {
            Action::AsPerson { account, person, action } => {
                self.act_in_chat(&account, &person, action).map(|events| json!({"events": events}))
            }
            Action::Write { account, person, text } => self.write(&account, &person, &text),
            Action::TestMessage { account, person, text } => self.send_test(&account, &person, &text),
            Action::Raw { account, field, value } => self.send_raw(&account, &field, value),
            Action::SetStanding { account, error } => {
                check_rows(error.as_slice())?;
                self.change(&account, |account| account.standing = error)
            }
            Action::FailNext { account, errors } => {
                check_rows(&errors)?;
                self.change(&account, |account| account.planned.extend(errors))
            }
            Action::ExpireTokens { account } => {
                let now = self.platform.world.now();
                self.change(&account, |account| account.tokens.iter_mut().for_each(|token| token.expires = now))
            }
            Action::AddToken { account, token } => {
                let now = self.platform.world.now();
                let token = Token { value: token, issued: now, expires: now + spec::token_life().0 };
                self.change(&account, |account| account.tokens.push(token))
            }
            Action::RotateSecret { app, secret } => {
                self.platform.rotate_secret(&app, &secret).then(|| json!({})).ok_or_else(|| "no such app".to_owned())
            }
            Action::SetCallback { app, callback } => {
                self.platform.set_callback(&app, callback).await.map(|()| json!({})).map_err(|refusal| refusal.message)
            }
            Action::SetManners { manners } => {
                self.set_manners(manners);
                Ok(json!(self.manners()))
            }
        }
    }

    fn change(&self, account: &str, change: impl FnOnce(&mut Account)) -> Result<Value, String> {
        let mut state = self.state();
        change(state.accounts.get_mut(account).ok_or("no such account")?);
        Ok(json!({}))
    }

    fn tell(&self, event: Event) -> Value {
        let id = event.id.clone();
        self.emit(event);
        json!({"event": id})
    }

    fn write(&self, account: &str, person: &str, text: &str) -> Result<Value, String> {
        let at = self.platform.world.now();
        let id = mid();
        {
            let mut state = self.state();
            if !state.accounts.contains_key(account) || !state.people.contains_key(person) {
                return Err("no such account or person".to_owned());
            }
            state.chat(account, person).posts.push(Post::new(&id, Author::Operator, at, text));
        }
        let pair = Pair { account, person, at };
        Ok(self.tell(pair.echo(&id, json!({"text": text}), self.manners().echo_flag)))
    }

    fn send_test(&self, account: &str, person: &str, text: &str) -> Result<Value, String> {
        if !self.state().accounts.contains_key(account) {
            return Err("no such account".to_owned());
        }
        let id = mid();
        let pair = Pair { account, person, at: self.platform.world.now() };
        let value = pair.messaging("message", json!({"mid": id, "text": text}), true);
        Ok(self.tell(Event::change(account, account, "messages", id, value)))
    }

    fn send_raw(&self, account: &str, field: &str, value: Value) -> Result<Value, String> {
        if !self.state().accounts.contains_key(account) {
            return Err("no such account".to_owned());
        }
        let id = format!("{field}:{}", self.platform.world.now().timestamp_millis());
        let mut event = Event::change(account, account, field, id, value.clone());
        event.piece = Piece::Flat { field: field.to_owned(), value };
        Ok(self.tell(event))
    }
}

fn check_rows(rows: &[String]) -> Result<(), String> {
    match rows.iter().find(|row| !spec::has_error(row)) {
        Some(row) => Err(format!("the table of errors has no row {row}")),
        None => Ok(()),
    }
}
