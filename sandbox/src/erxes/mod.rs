//! A stand-in for the erxes gateway: `POST /graphql`, the inbox' widget operations, contacts and notes; the OAuth routes of core, which
//! the gateway hands on; an automation's outgoing webhook.
//!
//! Every document is checked against `spec/erxes/operations.graphql`. Business errors arrive as erxes sends them: HTTP
//! 200 with `extensions.category`. Operator replies are only stored: nothing publishes them over Redis, so a product
//! finds them by polling.

mod automation;
mod contacts;
mod http;
mod inbox;
mod oauth;
mod resolve;
mod spec;
mod staff;
mod state;
#[cfg(test)]
mod tests;
mod vendor;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{Router, routing::post};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::automation::Automation;
use self::{spec::Schema, state::State};
use crate::world::World;

/// The name under which faults and ledger entries speak of this vendor.
pub const VENDOR: &str = "erxes";

/// The operations salon-core may call, with the vendor's arguments and nullability.
pub const OPERATIONS: &str = include_str!("../../spec/erxes/operations.graphql");

/// Why a seed or an operator's action was refused.
#[derive(Debug)]
pub struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "erxes: {}", self.0)
    }
}

impl std::error::Error for Refused {}

/// The stand-in: one CRM, shared by all its routes.
#[derive(Debug)]
pub struct Erxes {
    world: Arc<World>,
    schema: Schema,
    state: Mutex<State>,
}

impl Erxes {
    /// An empty CRM; [`Erxes::seed`] fills it.
    ///
    /// # Panics
    /// Only when the embedded schema is broken, which a test excludes.
    #[allow(clippy::expect_used, reason = "the schema is compiled in and covered by a test")]
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let schema = Schema::parse(OPERATIONS).expect("the embedded schema");
        Arc::new(Self { world, schema, state: Mutex::default() })
    }

    /// Adds app tokens, users, brands, channels, integrations and customers:
    ///
    /// ```json
    /// { "appTokens": [ { "_id": "app1", "name": "salon-core", "token": "sk_...", "allowAllPermission": false } ],
    ///   "users": [ { "_id": "u1", "email": "op@salon.example", "token": "...", "permissions": ["contactsCreate"] } ],
    ///   "oauthClients": [ { "clientId": "salon-core", "clientSecret": "..." } ], "properties": [ "salonChannel" ],
    ///   "brands": [ { "_id": "b1", "name": "Salon 42", "code": "salon-42" } ],
    ///   "channels": [ { "_id": "ch1", "name": "Salon 42" } ],
    ///   "integrations": [ { "_id": "i1", "kind": "messenger", "name": "Telegram", "channelId": "ch1", "brandId": "b1" } ],
    ///   "requestLimit": 5000 }
    /// ```
    ///
    /// `requestLimit` is how many requests the gateway takes in a quarter of an hour: 5000 with the vendor, none here when it is left out.
    ///
    /// # Errors
    /// When the value doesn't have that shape.
    pub fn seed(&self, value: &Value) -> Result<(), Refused> {
        let more = State::deserialize(value).map_err(|error| Refused(error.to_string()))?;
        self.state().extend(more);
        Ok(())
    }

    /// Everything a chat page may show.
    pub fn snapshot(&self) -> Value {
        self.state().snapshot()
    }

    /// A person gives access to the application that shows this code: to all that they may do themselves.
    ///
    /// # Errors
    /// When there is no such code, or no such user.
    pub fn approve(&self, user_code: &str, user: &str) -> Result<(), Refused> {
        self.approve_scopes(user_code, user, &[])
    }

    /// The same, but to no more than these scopes: `contacts:create`, `contacts:update`.
    ///
    /// # Errors
    /// When there is no such code, or no such user.
    pub fn approve_scopes(&self, user_code: &str, user: &str, scopes: &[&str]) -> Result<(), Refused> {
        self.state().approve(user_code, user, scopes).map_err(Refused)
    }

    /// Every access token that was granted runs out.
    pub fn expire_tokens(&self) {
        self.state().oauth.expire();
    }

    /// An operator answers a client in the erxes inbox; the message's id.
    ///
    /// # Errors
    /// When there is no such conversation.
    pub fn operator_reply(&self, conversation_id: &str, text: &str) -> Result<String, Refused> {
        let now = self.world.now();
        let mut state = self.state();
        let operator = state.users.first().map_or_else(|| "operator".to_owned(), |user| user.id.clone());
        let id = json!(conversation_id);
        let mut message = inbox::message(&id, now);
        message["content"] = text.into();
        message["userId"] = operator.into();
        inbox::append(&mut state, message, now)
            .map(|message| message["_id"].as_str().unwrap_or_default().to_owned())
            .ok_or_else(|| Refused(format!("conversation {conversation_id} doesn't exist")))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stand-in's routes: `/graphql`, `/oauth/device/code`, `/oauth/token`.
pub fn router(erxes: Arc<Erxes>) -> Router {
    Router::new()
        .route("/graphql", post(http::entry))
        .route("/oauth/device/code", post(oauth::device_code))
        .route("/oauth/token", post(oauth::token))
        .with_state(erxes)
}
