//! The stand-in over HTTP on the loopback, as a product, a person and the salon's staff meet it.

mod accounts;
mod faults;
mod people;
mod sending;
mod webhooks;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Action, Instagram, Manners};
use crate::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    meta::{
        self,
        testing::{Product, VERIFY_TOKEN},
    },
    vendor::Vendor,
};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const APP: &str = "670843887433847";
pub(super) const META_SECRET: &str = "meta-app-secret";
pub(super) const SECRET: &str = "instagram-app-secret";
pub(super) const SALON: &str = "17841400000000001";
pub(super) const TOKEN: &str = "IGAA-salon";
/// Another salon of the same app.
pub(super) const SALON_2: &str = "17841400000000002";
pub(super) const TOKEN_2: &str = "IGAA-other";
pub(super) const ANNA: &str = "anna.k";
pub(super) const OLGA: &str = "olga";
pub(super) const FIELDS: &str = "messages,messaging_postbacks,message_reactions,messaging_seen,messaging_referral,message_echoes";

fn seed() -> Value {
    let account = |id: &str, username: &str, token: &str| json!({"id": id, "username": username, "name": username, "app": APP, "token": token, "token_age_days": 30});
    json!({
        "apps": [{"id": APP, "name": "salon-core", "secret": META_SECRET, "instagram_secret": SECRET}],
        "accounts": [account(SALON, "salon42", TOKEN), account(SALON_2, "salon43", TOKEN_2)],
        "people": [{"username": ANNA, "name": "Анна К", "phone": "+16505551234"}, {"username": OLGA, "name": "Olga"}],
        "manners": {"retry_ms_per_second": 1},
    })
}

pub(super) struct Salon {
    pub(super) sandbox: Sandbox,
    pub(super) client: reqwest::Client,
}

impl Salon {
    /// Two salons; nobody hears them.
    pub(super) async fn open() -> Self {
        let scenario = Scenario { seed: BTreeMap::from([("instagram".to_owned(), seed())]) };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        Self { sandbox, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same, both heard at the app's callback.
    pub(super) async fn connected() -> (Self, Arc<Product>) {
        let salon = Self::open().await;
        let (product, url) = Product::listen().await;
        let callback = json!({"url": url, "verify_token": VERIFY_TOKEN});
        salon.office(json!({"do": "set_callback", "app": APP, "callback": callback})).await;
        for (token, node) in [(TOKEN, "me"), (TOKEN_2, SALON_2)] {
            let path = format!("{node}/subscribed_apps?subscribed_fields={FIELDS}");
            assert_eq!(salon.post_as(token, &path, json!({})).await, (200, json!({"success": true})));
        }
        (salon, product)
    }

    pub(super) fn instagram(&self) -> &Arc<Instagram> {
        &self.sandbox.instagram
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/instagram/v26.0/{path}", self.sandbox.base_url)
    }

    pub(super) async fn ask(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(super) async fn post_as(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask(self.client.post(self.url(path)).bearer_auth(token).json(&body)).await
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(self.client.get(self.url(path)).bearer_auth(TOKEN)).await
    }

    pub(super) fn id(&self, person: &str) -> String {
        self.instagram().scoped_id(SALON, person)
    }

    pub(super) async fn send(&self, person: &str, message: Value) -> (u16, Value) {
        self.post_as(TOKEN, "me/messages", json!({"recipient": {"id": self.id(person)}, "message": message})).await
    }

    /// Sends and returns the message's id.
    pub(super) async fn sent(&self, person: &str, message: Value) -> String {
        let (status, answer) = self.send(person, message).await;
        assert_eq!((status, &answer["recipient_id"]), (200, &json!(self.id(person))), "{answer}");
        answer["message_id"].as_str().unwrap().to_owned()
    }

    /// Sends what is refused: HTTP status, code and subcode.
    pub(super) async fn refused(&self, person: &str, message: Value) -> (u16, i64, Option<i64>) {
        let (status, answer) = self.send(person, message).await;
        let error = &answer["error"];
        assert!(error["fbtrace_id"].is_string(), "{answer}");
        (status, error["code"].as_i64().unwrap(), error["error_subcode"].as_i64())
    }

    pub(super) fn act(&self, person: &str, action: Action) -> Vec<String> {
        self.instagram().act_in_chat(SALON, person, action).unwrap()
    }

    pub(super) fn says(&self, person: &str, words: &str) -> String {
        self.act(person, said(words)).remove(0)
    }

    pub(super) async fn office(&self, action: Value) -> Value {
        self.instagram().act(action).await.unwrap()
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        let mut manners = self.instagram().manners();
        change(&mut manners);
        self.instagram().set_manners(manners);
    }

    pub(super) fn deliver(&self, change: impl FnOnce(&mut meta::Manners)) {
        self.behave(|manners| change(&mut manners.meta));
    }

    pub(super) fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "instagram".into(), operation: operation.into() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    pub(super) async fn settled(&self) {
        let settled =
            |instagram: &Instagram| [SALON, SALON_2].iter().all(|account| instagram.platform.is_settled(account)).then_some(());
        self.instagram().wait_for(PATIENCE, settled).await.expect("the webhooks are delivered");
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }
}

pub(super) fn said(words: &str) -> Action {
    Action::Text { text: words.to_owned(), reply_to: None }
}

pub(super) fn quick_replies(text: &str, replies: &[(&str, &str)]) -> Value {
    let replies: Vec<Value> =
        replies.iter().map(|(title, payload)| json!({"content_type": "text", "title": title, "payload": payload})).collect();
    json!({"text": text, "quick_replies": replies})
}

pub(super) fn buttons(text: &str) -> Value {
    json!({"attachment": {"type": "template", "payload": {"template_type": "button", "text": text, "buttons": [
        {"type": "postback", "title": "Confirm", "payload": "bk:9f3c:ok"},
        {"type": "web_url", "title": "Map", "url": "https://maps.example.org/s17"}]}}})
}

/// The items of `messaging` that arrived, in order.
pub(super) fn messaging(product: &Product) -> Vec<Value> {
    product.of_entries("messaging")
}

/// What each of them is: the name of the field beside sender, recipient and time.
pub(super) fn kinds(product: &Product) -> Vec<String> {
    let common = ["sender", "recipient", "timestamp"];
    let name = |item: &Value| item.as_object().unwrap().keys().find(|key| !common.contains(&key.as_str())).unwrap().clone();
    messaging(product).iter().map(name).collect()
}
