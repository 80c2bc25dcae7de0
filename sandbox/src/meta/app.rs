//! Apps, their callbacks, and which accounts they hear. One app hears many accounts.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Object, Platform,
    delivery::Target,
    graph::{Outcome, Refusal},
};

/// Fields whose webhooks go to an account's own callback, where it has one. All other fields go to the app's callback only (Webhook
/// overrides: "messages webhooks").
const OVERRIDDEN: &[&str] = &["messages", "message_echoes", "smb_message_echoes", "history"];

/// An app in the App Dashboard.
#[derive(Debug, Clone, Deserialize)]
pub struct App {
    /// App id.
    pub id: String,
    /// Name.
    pub name: String,
    /// App secret: what webhooks are signed with.
    pub secret: String,
    /// The Instagram product's own app secret; if there is one, Instagram's webhooks are signed with it.
    #[serde(default)]
    pub instagram_secret: Option<String>,
    /// Where webhooks go, verified already.
    #[serde(default)]
    pub callback: Option<Callback>,
}

/// A verified callback.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Callback {
    /// Address.
    pub url: String,
    /// What the handshake proves itself with.
    pub verify_token: String,
    /// Webhook fields the app subscribed to; empty means all of them.
    #[serde(default)]
    pub fields: Vec<String>,
}

impl App {
    pub(super) fn signs_with(&self, object: Object) -> &str {
        match (object, &self.instagram_secret) {
            (Object::Instagram, Some(secret)) => secret,
            _ => &self.secret,
        }
    }

    /// Graph API: an app access token is `<app id>|<app secret>`.
    fn token(&self) -> String {
        format!("{}|{}", self.id, self.secret)
    }
}

/// An app that hears an account.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    app: String,
    /// The account's own callback.
    own: Option<String>,
}

/// A subscription as it can be shown.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    pub(crate) app: String,
    pub(crate) name: String,
    pub(crate) own: Option<String>,
}

impl Platform {
    /// Adds an app, or replaces it.
    pub(crate) fn add_app(&self, app: App) {
        self.desk().apps.insert(app.id.clone(), app);
    }

    pub(crate) fn has_app(&self, app: &str) -> bool {
        self.desk().apps.contains_key(app)
    }

    /// Gives an app another secret. Says whether there is such an app.
    pub(crate) fn rotate_secret(&self, app: &str, secret: &str) -> bool {
        let mut desk = self.desk();
        let Some(app) = desk.apps.get_mut(app) else { return false };
        match (self.object, &mut app.instagram_secret) {
            (Object::Instagram, Some(own)) => secret.clone_into(own),
            _ => secret.clone_into(&mut app.secret),
        }
        true
    }

    /// Lets an app hear an account; a callback of the account's own is kept unless another one is given.
    pub(crate) fn subscribe(&self, account: &str, app: &str, own: Option<String>) {
        let mut desk = self.desk();
        let subscriptions = desk.subscriptions.entry(account.to_owned()).or_default();
        match subscriptions.iter_mut().find(|subscription| subscription.app == app) {
            Some(subscription) => subscription.own = own.or(subscription.own.take()),
            None => subscriptions.push(Subscription { app: app.to_owned(), own }),
        }
    }

    /// Ends a subscription. Says whether there was one.
    pub(crate) fn unsubscribe(&self, account: &str, app: &str) -> bool {
        let mut desk = self.desk();
        let Some(subscriptions) = desk.subscriptions.get_mut(account) else { return false };
        let before = subscriptions.len();
        subscriptions.retain(|subscription| subscription.app != app);
        subscriptions.len() < before
    }

    /// The apps that hear an account.
    pub(crate) fn subscribed(&self, account: &str) -> Vec<Subscribed> {
        let desk = self.desk();
        let subscriptions = desk.subscriptions.get(account).into_iter().flatten();
        subscriptions
            .map(|subscription| Subscribed {
                app: subscription.app.clone(),
                name: desk.apps.get(&subscription.app).map(|app| app.name.clone()).unwrap_or_default(),
                own: subscription.own.clone(),
            })
            .collect()
    }

    /// Where a webhook about an account goes.
    pub(super) fn targets(&self, account: &str, field: &str) -> Vec<Target> {
        let desk = self.desk();
        let subscriptions = desk.subscriptions.get(account).into_iter().flatten();
        subscriptions
            .filter_map(|subscription| {
                let app = desk.apps.get(&subscription.app)?;
                let fields = app.callback.as_ref().map(|callback| &callback.fields);
                if fields.is_some_and(|fields| !fields.is_empty() && !fields.iter().any(|name| name == field)) {
                    return None;
                }
                let own = subscription.own.clone().filter(|_| OVERRIDDEN.contains(&field));
                let url = own.or_else(|| app.callback.as_ref().map(|callback| callback.url.clone()))?;
                Some(Target { app: app.id.clone(), url })
            })
            .collect()
    }

    /// Saves a callback in the App Dashboard, which verifies it first.
    pub(crate) async fn set_callback(&self, app: &str, callback: Callback) -> Result<(), Refusal> {
        if !self.has_app(app) {
            return Err(Refusal::no_such_object("post", app));
        }
        self.handshake(&callback.url, &callback.verify_token).await?;
        if let Some(app) = self.desk().apps.get_mut(app) {
            app.callback = Some(callback);
        }
        Ok(())
    }

    /// `POST /{app-id}/subscriptions` with the app's own token.
    pub(crate) async fn save_subscription(&self, app: &str, parameters: &Map<String, Value>, token: Option<&str>) -> Outcome {
        self.check_app_token(app, token)?;
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        if text("object") != self.object.name() {
            return Err(missing("object"));
        }
        let fields = match parameters.get("fields") {
            Some(Value::String(fields)) => fields.split(',').map(|field| field.trim().to_owned()).collect(),
            Some(Value::Array(fields)) => fields.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if fields.is_empty() {
            return Err(missing("fields"));
        }
        let callback = Callback { url: text("callback_url").to_owned(), verify_token: text("verify_token").to_owned(), fields };
        self.set_callback(app, callback).await?;
        Ok(json!({"success": true}))
    }

    /// `GET /{app-id}/subscriptions`.
    pub(crate) fn subscriptions(&self, app: &str, token: Option<&str>) -> Outcome {
        self.check_app_token(app, token)?;
        let desk = self.desk();
        let callback = desk.apps.get(app).and_then(|app| app.callback.as_ref());
        let data = callback.map(|callback| {
            let fields: Vec<Value> = callback.fields.iter().map(|name| json!({"name": name, "version": "v26.0"})).collect();
            json!({"object": self.object.name(), "callback_url": callback.url, "active": true, "fields": fields})
        });
        Ok(json!({"data": data.into_iter().collect::<Vec<_>>()}))
    }

    fn check_app_token(&self, app: &str, token: Option<&str>) -> Result<(), Refusal> {
        let desk = self.desk();
        let app = desk.apps.get(app).ok_or_else(|| Refusal::no_such_object("post", app))?;
        match token {
            None => Err(Refusal::no_token()),
            Some(token) if token == app.token() => Ok(()),
            // Graph API: subscriptions of an app are managed with its own token, not with a user's.
            Some(_) => Err(Refusal::new(400, 15, "(#15) This method must be called with an app access_token.").violation()),
        }
    }

    /// Asks a callback to prove that it is ours: it has to answer 200 and the bare challenge.
    pub(crate) async fn handshake(&self, url: &str, verify_token: &str) -> Result<(), Refusal> {
        let failed =
            |how: &str| Refusal::titled(400, 2200, &format!("Callback verification failed with the following errors: {how}"));
        let mut address = url::Url::parse(url).map_err(|_| failed("The URL couldn't be validated"))?;
        if self.manners().public_webhooks && address.scheme() != "https" {
            return Err(failed("The URL must use HTTPS").violation());
        }
        let challenge = rand::random_range(100_000_000_u32..2_000_000_000).to_string();
        address
            .query_pairs_mut()
            .append_pair("hub.mode", "subscribe")
            .append_pair("hub.challenge", &challenge)
            .append_pair("hub.verify_token", verify_token);
        let asked = self.client.get(address).header("accept", "*/*").send();
        let answer = asked.await.map_err(|_| failed("curl_errno = 28; curl_error = Connection timed out"))?;
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        match (status.as_u16(), body == challenge) {
            (200, true) => Ok(()),
            (200, false) => Err(failed("The challenge was not returned")),
            (code, _) => {
                let reason = status.canonical_reason().unwrap_or_default();
                Err(failed(&format!("HTTP Status Code = {code}; HTTP Message = {reason}")))
            }
        }
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::titled(400, 100, &format!("The parameter {name} is required")).violation()
}
