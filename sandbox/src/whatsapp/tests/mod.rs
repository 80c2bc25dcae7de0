//! The stand-in over HTTP on the loopback, as a product, a person and the salon's staff meet it.

mod faults;
mod people;
mod sending;
mod subscriptions;
mod templates;
mod webhooks;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{Action, Manners, WhatsApp};
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
pub(super) const SECRET: &str = "app-secret";
pub(super) const WABA: &str = "102290129340398";
pub(super) const NUMBER: &str = "106540352242922";
pub(super) const TOKEN: &str = "EAAG-salon";
/// Another salon of the same app.
pub(super) const WABA_2: &str = "202290129340398";
pub(super) const NUMBER_2: &str = "206540352242922";
pub(super) const TOKEN_2: &str = "EAAG-other";
pub(super) const ANNA: &str = "16505551234";
/// Dialled with the ninth digit that WhatsApp's id doesn't have.
pub(super) const BIA: &str = "551187654321";
pub(super) const BIA_DIALLED: &str = "5511987654321";
/// Has a username and shows no number.
pub(super) const VERA: &str = "79161234567";

pub(super) fn seed() -> Value {
    let reminder = json!([
        {"type": "BODY", "text": "{{1}}, we wait for you on {{2}}."},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Confirm"}, {"type": "QUICK_REPLY", "text": "Cancel"}]}]);
    let template = |name: &str, language: &str, status: &str, category: &str| json!({"name": name, "language": language, "status": status, "category": category, "components": reminder});
    json!({
        "apps": [{"id": APP, "name": "salon-core", "secret": SECRET}],
        "accounts": [
            {"id": WABA, "name": "Salon 42", "app": APP, "token": TOKEN,
             "numbers": [{"id": NUMBER, "display_phone_number": "+1 555-078-3881", "verified_name": "Salon 42"}],
             "templates": [
                template("visit_reminder", "ru", "APPROVED", "UTILITY"), template("visit_reminder", "en_US", "PENDING", "UTILITY"),
                template("visit_paused", "ru", "PAUSED", "UTILITY"), template("visit_disabled", "ru", "DISABLED", "UTILITY"),
                template("news", "ru", "APPROVED", "MARKETING")]},
            {"id": WABA_2, "name": "Salon 43", "app": APP, "token": TOKEN_2,
             "numbers": [{"id": NUMBER_2, "display_phone_number": "+1 555-078-3882", "verified_name": "Salon 43"}]}],
        "people": [
            {"wa_id": ANNA, "name": "Anna K"},
            {"wa_id": BIA, "name": "Bia", "dialled": [BIA_DIALLED], "country": "BR"},
            {"wa_id": VERA, "name": "Вера 👍", "username": "vera", "hides_number": true, "country": "RU"}],
        "manners": {"retry_ms_per_second": 1},
    })
}

pub(super) struct Salon {
    pub(super) sandbox: Sandbox,
    pub(super) client: reqwest::Client,
}

impl Salon {
    /// Two salons with a number each; nobody hears them.
    pub(super) async fn open() -> Self {
        let scenario = Scenario { seed: BTreeMap::from([("whatsapp".to_owned(), seed())]) };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        Self { sandbox, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same, both heard at one callback.
    pub(super) async fn connected() -> (Self, Arc<Product>) {
        let salon = Self::open().await;
        let (product, url) = Product::listen().await;
        let own = json!({"override_callback_uri": url, "verify_token": VERIFY_TOKEN});
        for (waba, token) in [(WABA, TOKEN), (WABA_2, TOKEN_2)] {
            let path = format!("{waba}/subscribed_apps");
            assert_eq!(salon.post_as(token, &path, json!({})).await, (200, json!({"success": true})));
            assert_eq!(salon.post_as(token, &path, own.clone()).await, (200, json!({"success": true})));
        }
        (salon, product)
    }

    pub(super) fn whatsapp(&self) -> &Arc<WhatsApp> {
        &self.sandbox.whatsapp
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/whatsapp/v26.0/{path}", self.sandbox.base_url)
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

    /// Sends `message`, completed by what every message has.
    pub(super) async fn send(&self, to: &str, message: Value) -> (u16, Value) {
        self.post_as(TOKEN, &format!("{NUMBER}/messages"), to_person(to, message)).await
    }

    /// Sends and returns the message's id.
    pub(super) async fn sent(&self, to: &str, message: Value) -> String {
        let (status, answer) = self.send(to, message).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Sends what is refused: HTTP status, code and details.
    pub(super) async fn refused(&self, to: &str, message: Value) -> (u16, i64, String) {
        let (status, answer) = self.send(to, message).await;
        let error = &answer["error"];
        assert!(error["fbtrace_id"].is_string(), "{answer}");
        (status, error["code"].as_i64().unwrap(), error["error_data"]["details"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn act(&self, person: &str, action: Action) -> Vec<String> {
        self.whatsapp().act_in_chat(NUMBER, person, action).unwrap()
    }

    /// Anna writes, so that she can be answered.
    pub(super) fn says(&self, person: &str, words: &str) -> String {
        self.act(person, said(words)).remove(0)
    }

    pub(super) async fn office(&self, action: Value) -> Value {
        self.whatsapp().act(action).await.unwrap()
    }

    pub(super) fn behave(&self, change: impl FnOnce(&mut Manners)) {
        let mut manners = self.whatsapp().manners();
        change(&mut manners);
        self.whatsapp().set_manners(manners);
    }

    pub(super) fn deliver(&self, change: impl FnOnce(&mut meta::Manners)) {
        self.behave(|manners| change(&mut manners.meta));
    }

    pub(super) fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "whatsapp".into(), operation: operation.into() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    pub(super) async fn settled(&self) {
        let settled =
            |whatsapp: &WhatsApp| [NUMBER, NUMBER_2, WABA].iter().all(|owner| whatsapp.platform.is_settled(owner)).then_some(());
        self.whatsapp().wait_for(PATIENCE, settled).await.expect("the webhooks are delivered");
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }
}

pub(super) fn said(words: &str) -> Action {
    Action::Text { text: words.to_owned(), reply_to: None, ad: None }
}

pub(super) fn to_person(to: &str, message: Value) -> Value {
    let mut whole = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": to});
    whole.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    whole
}

pub(super) fn text(body: &str) -> Value {
    json!({"type": "text", "text": {"preview_url": false, "body": body}})
}

pub(super) fn buttons(choices: &[(&str, &str)]) -> Value {
    let buttons: Vec<Value> =
        choices.iter().map(|(id, title)| json!({"type": "reply", "reply": {"id": id, "title": title}})).collect();
    json!({"type": "interactive", "interactive": {"type": "button", "body": {"text": "Confirm?"}, "action": {"buttons": buttons}}})
}

pub(super) fn list(rows: usize) -> Value {
    let rows: Vec<Value> = (0..rows)
        .map(|row| json!({"id": format!("slot:{row}"), "title": format!("{row}:00"), "description": "haircut"}))
        .collect();
    json!({"type": "interactive", "interactive": {"type": "list", "body": {"text": "Choose a time"},
        "action": {"button": "Times", "sections": [{"title": "Tue 24 Nov", "rows": rows}]}}})
}

pub(super) fn template(name: &str, language: &str) -> Value {
    let payload = |index: &str, payload: &str| json!({"type": "button", "sub_type": "quick_reply", "index": index, "parameters": [{"type": "payload", "payload": payload}]});
    json!({"type": "template", "template": {"name": name, "language": {"code": language}, "components": [
        {"type": "body", "parameters": [{"type": "text", "text": "Anna"}, {"type": "text", "text": "24 Nov, 15:00"}]},
        payload("0", "bk:9f3c:ok"), payload("1", "bk:9f3c:no")]}})
}

/// Names of the statuses that arrived, in order.
pub(super) fn statuses(product: &Product) -> Vec<String> {
    let values = product.values();
    let statuses = values.iter().filter_map(|value| value["statuses"].as_array()).flatten();
    statuses.map(|status| status["status"].as_str().unwrap().to_owned()).collect()
}

/// The messages that arrived, in order.
pub(super) fn messages(product: &Product) -> Vec<Value> {
    product.values().iter().filter_map(|value| value["messages"].as_array()).flatten().cloned().collect()
}
