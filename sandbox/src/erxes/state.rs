//! What the stand-in keeps, and how a seed fills it.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::oauth::Granted;

/// The gateway counts in periods that begin with a request.
const REQUESTS_PERIOD: TimeDelta = TimeDelta::minutes(15);

/// An application's token; without `allowAllPermission` it passes login checks and fails every permission check.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppToken {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) name: String,
    pub(super) token: String,
    #[serde(default)]
    pub(super) allow_all_permission: bool,
}

/// A person (or a service user) with a bearer token.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(rename = "_id")]
    pub(super) id: String,
    pub(super) email: String,
    pub(super) token: String,
    #[serde(default)]
    pub(super) is_owner: bool,
    /// Permission actions: `contactsCreate`, `contactsUpdate`, `internalNotesManage`.
    #[serde(default)]
    pub(super) permissions: Vec<String>,
}

/// An application that asks people for access.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OAuthClient {
    pub(super) client_id: String,
    /// None for a public client.
    #[serde(default)]
    pub(super) client_secret: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct State {
    pub(super) app_tokens: Vec<AppToken>,
    pub(super) users: Vec<User>,
    #[serde(rename = "oauthClients")]
    pub(super) oauth_clients: Vec<OAuthClient>,
    /// What was asked for and granted.
    #[serde(skip)]
    pub(super) oauth: Granted,
    /// Requests in a quarter of an hour after which one is refused; none for no limit.
    pub(super) request_limit: Option<usize>,
    /// When requests came, in the period that runs.
    #[serde(skip)]
    pub(super) requests: Vec<DateTime<Utc>>,
    /// Codes of the customers' properties. What has none of these is dropped.
    pub(super) properties: Vec<String>,
    /// The documents below are kept as GraphQL shows them.
    pub(super) brands: Vec<Value>,
    pub(super) channels: Vec<Value>,
    pub(super) integrations: Vec<Value>,
    pub(super) customers: Vec<Value>,
    pub(super) conversations: Vec<Value>,
    pub(super) messages: Vec<Value>,
    pub(super) notes: Vec<Value>,
}

impl State {
    /// Adds what `more` holds.
    pub(super) fn extend(&mut self, more: Self) {
        self.app_tokens.extend(more.app_tokens);
        self.users.extend(more.users);
        self.oauth_clients.extend(more.oauth_clients);
        self.request_limit = more.request_limit.or(self.request_limit);
        self.properties.extend(more.properties);
        self.brands.extend(more.brands);
        self.channels.extend(more.channels);
        self.integrations.extend(more.integrations);
        self.customers.extend(more.customers);
        self.conversations.extend(more.conversations);
        self.messages.extend(more.messages);
        self.notes.extend(more.notes);
    }

    /// Counts a request; false when there were too many. All callers of a sandbox come from one address (erxes note, 1.8).
    pub(super) fn admit(&mut self, now: DateTime<Utc>) -> bool {
        let Some(limit) = self.request_limit else { return true };
        if self.requests.first().is_some_and(|first| now - *first >= REQUESTS_PERIOD) {
            self.requests.clear();
        }
        self.requests.push(now);
        self.requests.len() <= limit
    }

    /// For the chat page: no tokens.
    pub(super) fn snapshot(&self) -> Value {
        json!({
            "brands": self.brands, "channels": self.channels, "integrations": self.integrations,
            "customers": self.customers, "conversations": self.conversations, "messages": self.messages,
            "notes": self.notes,
        })
    }
}

pub(super) fn by_id<'a>(list: &'a [Value], id: &Value) -> Option<&'a Value> {
    list.iter().find(|one| one["_id"] == *id)
}

pub(super) fn by_id_mut<'a>(list: &'a mut [Value], id: &Value) -> Option<&'a mut Value> {
    list.iter_mut().find(|one| one["_id"] == *id)
}

/// Erxes' ids are 21 characters of `nanoid`; ours only look alike.
pub(super) fn new_id() -> String {
    let mut id = uuid::Uuid::new_v4().simple().to_string();
    id.truncate(21);
    id
}

/// Copies the arguments that were given over a document.
pub(super) fn assign(document: &mut Value, arguments: &Map<String, Value>) {
    for (name, value) in arguments {
        if name != "_id" {
            document[name] = value.clone();
        }
    }
}
