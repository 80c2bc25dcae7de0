//! The VK stand-in over HTTP, as a product and a person meet it.
#![allow(clippy::disallowed_methods, reason = "the product in these tests is a bare HTTP client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod calls;
mod events;
mod faults;
mod servers;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    messenger::{Act, Chat, Messenger},
    vendor::Vendor,
    vk::Vk,
};
use serde_json::{Value, json};

const KEY: &str = "vk1.a.sandbox";
const GROUP: i64 = 123_456;
const ANNA: i64 = 700_100_200;
const OLGA: i64 = 700_100_201;
const SECRET: &str = "s3cr3t-per-tenant";
const PATIENCE: Duration = Duration::from_secs(20);
const BOUNDARY: &str = "0d1f5c7b";
/// What a product wants to hear of.
const FLAGS: [&str; 9] = [
    "message_new",
    "message_event",
    "message_allow",
    "message_deny",
    "message_edit",
    "message_reply",
    "group_join",
    "group_leave",
    "user_block",
];

/// An answer to an event: status, body, `Retry-After`.
type Answer = (u16, &'static str, Option<&'static str>);

/// A callback server that answers what it was told, then `ok`, and keeps what it got.
#[derive(Default)]
struct Product {
    /// The confirmation code it knows.
    code: Mutex<String>,
    got: Mutex<Vec<(Value, Option<String>)>>,
    answers: Mutex<VecDeque<Answer>>,
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

    async fn take(State(product): State<Arc<Self>>, headers: HeaderMap, body: String) -> Response {
        let retry = headers.get("x-retry-counter").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(headers["content-type"], "application/json");
        let event: Value = serde_json::from_str(&body).unwrap();
        let confirms = event["type"] == "confirmation";
        product.got.lock().unwrap().push((event, retry));
        if confirms {
            return product.code.lock().unwrap().clone().into_response();
        }
        let (status, body, pause) = product.answers.lock().unwrap().pop_front().unwrap_or((200, "ok", None));
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        if let Some(pause) = pause {
            response.headers_mut().insert("retry-after", pause.parse().unwrap());
        }
        response
    }

    fn will_answer(&self, answers: &[Answer]) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// The events of one kind, oldest first.
    fn events(&self, kind: &str) -> Vec<Value> {
        let got = self.got.lock().unwrap();
        got.iter().map(|(event, _)| event).filter(|event| event["type"] == kind).cloned().collect()
    }

    /// Every event but confirmations and the echoes of the community's own messages: id and `X-Retry-Counter`.
    fn tries(&self) -> Vec<(String, Option<String>)> {
        let got = self.got.lock().unwrap();
        let told = got.iter().filter(|(event, _)| event["type"] != "confirmation" && event["type"] != "message_reply");
        told.map(|(event, retry)| (event["event_id"].as_str().unwrap().to_owned(), retry.clone())).collect()
    }
}

struct Salon {
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Salon {
    /// A community and two people; nobody has written yet.
    async fn open() -> Self {
        let seed = json!({
            "groups": [{"id": GROUP, "name": "Salon 42", "screen_name": "salon42", "token": KEY},
                       {"id": 7, "name": "Other", "screen_name": "other", "token": "vk1.a.other", "rights": ["messages"]}],
            "people": [{"id": ANNA, "first_name": "Anna", "last_name": "Petrova"},
                       {"id": OLGA, "first_name": "Olga", "client": {"button_actions": ["text", "open_link"]}}],
            "manners": {"retry_ms_per_second": 0},
        });
        let scenario = Scenario { seed: [("vk".to_owned(), seed)].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        Self { sandbox, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same with a callback server that VK has confirmed, and Anna's dialog open.
    async fn connected() -> (Self, Arc<Product>) {
        let salon = Self::open().await;
        let (product, url) = Product::listen().await;
        let server = salon.register(&product, &url).await;
        salon.subscribe(server, &FLAGS).await;
        salon.act(Act::Open { payload: None });
        salon.settled().await;
        product.got.lock().unwrap().clear();
        (salon, product)
    }

    /// Gives VK the server's address, and waits until VK has asked it for the code.
    async fn register(&self, product: &Product, url: &str) -> i64 {
        let group = [("group_id", GROUP.to_string())];
        let code = self.ok("groups.getCallbackConfirmationCode", &group).await["code"].as_str().unwrap().to_owned();
        *product.code.lock().unwrap() = code;
        let server = [
            ("group_id", GROUP.to_string()),
            ("url", url.to_owned()),
            ("title", "salon".to_owned()),
            ("secret_key", SECRET.to_owned()),
        ];
        let added = self.ok("groups.addCallbackServer", &server).await["server_id"].as_i64().unwrap();
        self.settled().await;
        added
    }

    async fn subscribe(&self, server: i64, flags: &[&str]) {
        let mut settings =
            vec![("group_id", GROUP.to_string()), ("server_id", server.to_string()), ("api_version", "5.199".to_owned())];
        settings.extend(flags.iter().map(|flag| (*flag, "1".to_owned())));
        assert_eq!(self.ok("groups.setCallbackSettings", &settings).await, 1);
    }

    fn request(&self, method: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/vk/method/{method}", self.sandbox.base_url)).bearer_auth(KEY)
    }

    async fn call(&self, method: &str, parameters: &[(&str, String)]) -> Value {
        let parts: String = [("v", "5.199".to_owned())]
            .iter()
            .chain(parameters)
            .map(|(name, value)| format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
            .collect();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.request(method).header("content-type", kind).body(format!("{parts}--{BOUNDARY}--\r\n"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn ok(&self, method: &str, parameters: &[(&str, String)]) -> Value {
        let answer = self.call(method, parameters).await;
        answer.get("response").unwrap_or_else(|| panic!("{method}: {answer}")).clone()
    }

    /// The code of the error that a call ends with.
    async fn refused(&self, method: &str, parameters: &[(&str, String)]) -> i64 {
        let answer = self.call(method, parameters).await;
        answer["error"]["error_code"].as_i64().unwrap_or_else(|| panic!("{method}: {answer}"))
    }

    /// Sends to one person the way that tells both ids.
    async fn send(&self, person: i64, text: &str, random_id: i32, more: &[(&str, String)]) -> Value {
        let mut parameters =
            vec![("peer_ids", person.to_string()), ("message", text.to_owned()), ("random_id", random_id.to_string())];
        parameters.extend_from_slice(more);
        self.ok("messages.send", &parameters).await[0].clone()
    }

    fn vk(&self) -> &Vk {
        &self.sandbox.vk
    }

    fn act(&self, act: Act) -> Vec<String> {
        self.act_as(ANNA, act).unwrap()
    }

    fn act_as(&self, person: i64, act: Act) -> Result<Vec<String>, String> {
        self.vk().act_as(&GROUP.to_string(), &person.to_string(), act)
    }

    fn text(&self, text: &str) -> String {
        self.act(Act::Text { text: text.into() }).remove(0)
    }

    fn chat(&self, person: i64) -> Chat {
        self.vk().chat(&GROUP.to_string(), &person.to_string()).unwrap()
    }

    async fn staff(&self, action: Value) -> Value {
        Vendor::act(self.vk(), action).await.unwrap()
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "vk".into(), operation: operation.into() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    async fn settled(&self) {
        let settled = |vk: &Vk| vk.is_settled(&GROUP.to_string()).then_some(());
        self.vk().wait_for(PATIENCE, settled).await.expect("the events are delivered");
    }

    fn violations(&self) -> Vec<String> {
        self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }
}

fn press(message: Option<&Value>, press: &str) -> Act {
    Act::Press { message: message.map(ToString::to_string), press: press.into() }
}

fn keyboard(inline: bool, kind: &str) -> (&'static str, String) {
    let button =
        |label: &str, payload: &str| json!({"action": {"type": kind, "label": label, "payload": payload}, "color": "primary"});
    let buttons = json!([[button("Приду", r#"{"t":"yes"}"#), button("Отменить", r#"{"t":"no"}"#)]]);
    ("keyboard", json!({"inline": inline, "one_time": !inline, "buttons": buttons}).to_string())
}
