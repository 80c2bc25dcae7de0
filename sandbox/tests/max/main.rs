//! The MAX stand-in over HTTP, as a product and a person meet it.
#![allow(clippy::disallowed_methods, reason = "the product in these tests is a bare HTTP client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod calls;
mod deliveries;
mod people;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use reqwest::Method;
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    max::{Acted, Action, Max},
};
use serde_json::{Value, json};

const TOKEN: &str = "max-sandbox-token";
const SECRET: &str = "Zk3_9-aBq7Lw";
const BOT: i64 = 229_229_229;
const ANNA: i64 = 700_100_200;
const OLGA: i64 = 700_100_201;
const PATIENCE: Duration = Duration::from_secs(20);

/// A webhook that answers what it was told, then 200, and keeps what it got.
#[derive(Default)]
struct Product {
    got: Mutex<Vec<(Value, Option<String>)>>,
    answers: Mutex<VecDeque<u16>>,
}

impl Product {
    async fn listen() -> (Arc<Self>, String) {
        let product = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = Router::new().route("/hook", post(Self::take)).with_state(Arc::clone(&product));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (product, url)
    }

    async fn take(State(product): State<Arc<Self>>, headers: HeaderMap, body: String) -> StatusCode {
        let secret = headers.get("x-max-bot-api-secret").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(headers["content-type"], "application/json");
        product.got.lock().unwrap().push((serde_json::from_str(&body).unwrap(), secret));
        StatusCode::from_u16(product.answers.lock().unwrap().pop_front().unwrap_or(200)).unwrap()
    }

    fn will_answer(&self, answers: &[u16]) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn updates(&self) -> Vec<Value> {
        self.got.lock().unwrap().iter().map(|(update, _)| update.clone()).collect()
    }

    fn kinds(&self) -> Vec<String> {
        self.updates().iter().map(|update| update["update_type"].as_str().unwrap().to_owned()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let updates = self.updates();
        updates.iter().filter_map(|update| update["message"]["body"]["text"].as_str()).map(str::to_owned).collect()
    }
}

struct Salon {
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Salon {
    /// A bot, two people, and Anna's dialogue open.
    async fn open() -> Self {
        let seed = json!({
            "bots": [{"id": BOT, "token": TOKEN, "name": "Salon 42", "username": "id7700000000_bot"}],
            "people": [{"id": ANNA, "first_name": "Anna", "last_name": "P.", "locale": "kk", "phone": "79001234567"},
                       {"id": OLGA, "first_name": "Olga"}],
            "manners": {"retry_ms_per_second": 0}});
        let scenario = Scenario { seed: [("max".to_owned(), seed)].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        sandbox.max.act(BOT, ANNA, Action::Start { payload: None }).unwrap();
        Self { sandbox, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same with a webhook that has got nothing yet.
    async fn connected() -> (Self, Arc<Product>) {
        let salon = Self::open().await;
        let (product, url) = Product::listen().await;
        salon.subscribe(&url, json!({"secret": SECRET})).await;
        (salon, product)
    }

    async fn subscribe(&self, url: &str, mut more: Value) {
        more["url"] = json!(url);
        assert_eq!(self.call("POST", "/subscriptions", more).await, (200, json!({"success": true})));
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}/max{path}", self.sandbox.base_url)).header("Authorization", TOKEN)
    }

    async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        Self::send(self.request(method, path).json(&body)).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        Self::send(self.request("GET", path)).await
    }

    async fn write(&self, body: Value) -> (u16, Value) {
        self.call("POST", &format!("/messages?user_id={ANNA}"), body).await
    }

    /// Sends the question and returns its `mid`.
    async fn ask(&self) -> String {
        let (status, sent) = self.write(confirm()).await;
        assert_eq!(status, 200, "{sent}");
        sent["message"]["body"]["mid"].as_str().unwrap().to_owned()
    }

    fn max(&self) -> &Arc<Max> {
        &self.sandbox.max
    }

    fn act(&self, action: Action) -> Acted {
        self.max().act(BOT, ANNA, action).unwrap()
    }

    fn text(&self, text: &str) -> String {
        self.act(Action::Text { text: text.into() }).mid.unwrap()
    }

    fn press(&self, press: &str) -> Acted {
        self.act(Action::Press { message: None, press: press.into() })
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "max".into(), operation: operation.into() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    async fn settled(&self) {
        self.max().wait_for(PATIENCE, |max| max.is_settled(BOT).then_some(())).await.expect("the events are delivered");
    }

    fn violations(&self) -> Vec<String> {
        self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }
}

fn confirm() -> Value {
    let button = |text: &str, payload: &str| json!({"type": "callback", "text": text, "payload": payload});
    let rows = json!([[button("Confirm", "v1:confirm:8f3c"), button("Cancel", "v1:cancel:8f3c")],
                      [{"type": "request_contact", "text": "My number"}]]);
    json!({"text": "Confirm?", "attachments": [{"type": "inline_keyboard", "payload": {"buttons": rows}}]})
}
