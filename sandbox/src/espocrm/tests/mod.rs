//! What a product could trip over, over HTTP.

mod access;
mod faults;
mod fields;
mod people;
mod records;
mod search;
mod staff;
mod webhooks;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
    ledger::Entry,
};

const KEY: &str = "key-of-salon-core";
const ADMIN_PASSWORD: &str = "password-of-an-administrator";
const PATIENCE: Duration = Duration::from_secs(20);

/// A salon with a team, two people, an API user, an administrator, and a field of ours.
struct Salon {
    sandbox: Sandbox,
    client: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    reason: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn id(&self) -> String {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()["id"].as_str().unwrap().to_owned()
    }

    /// The field and the rule of a refused input.
    fn invalid(&self) -> (String, String) {
        assert_eq!((self.status, self.reason.as_str()), (400, "validationFailure"), "{self:?}");
        let body = self.json();
        assert_eq!(body["messageTranslation"]["label"], "validationFailure");
        assert_eq!(body["messageTranslation"]["scope"], Value::Null);
        let data = &body["messageTranslation"]["data"];
        (data["field"].as_str().unwrap().to_owned(), data["type"].as_str().unwrap().to_owned())
    }
}

impl Salon {
    async fn open() -> Self {
        Self::with(json!({})).await
    }

    async fn with(more: Value) -> Self {
        let seed = json!({
            "users": [{"id": "u1", "userName": "olga", "firstName": "Olga"}, {"id": "u2", "userName": "ira", "isActive": false}],
            "api_users": [{"id": "api1", "userName": "salon-core", "key": KEY}],
            "administrators": [{"id": "adm1", "userName": "root", "password": ADMIN_PASSWORD}],
            "fields": {"Contact": {"cExternalId": {"type": "varchar", "maxLength": 150}}},
            "records": {"Team": [{"id": "t1", "name": "Salon"}]},
        });
        let scenario = Scenario { seed: [("espocrm".to_owned(), seed)].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        sandbox.espocrm.seed(&more).unwrap();
        Self { sandbox, client: reqwest::Client::new() }
    }

    async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>) -> reqwest::Result<Answer> {
        let url = format!("{}/espocrm/api/v1/{path}", self.sandbox.base_url);
        let mut request = self.client.request(method.parse().unwrap(), url).timeout(PATIENCE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let reason = answer.headers().get("x-status-reason").map_or("", |reason| reason.to_str().unwrap()).to_owned();
        Ok(Answer { status: answer.status().as_u16(), reason, text: answer.text().await? })
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[("x-api-key", KEY)], None).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[("x-api-key", KEY)], Some(body)).await.unwrap()
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, &[("x-api-key", KEY)], Some(body)).await.unwrap()
    }

    async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, &[("x-api-key", KEY)], None).await.unwrap()
    }

    async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let basic = format!("Basic {}", STANDARD.encode(format!("root:{ADMIN_PASSWORD}")));
        self.call(method, path, &[("authorization", &basic)], body).await.unwrap()
    }

    /// A client's record, made without a look for doubles.
    async fn contact(&self, body: Value) -> String {
        let headers = [("x-api-key", KEY), ("x-skip-duplicate-check", "true")];
        self.call("POST", "Contact", &headers, Some(body)).await.unwrap().id()
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "espocrm".to_owned(), operation: operation.to_owned() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    fn last(&self) -> Entry {
        self.sandbox.world.ledger.entries().pop().unwrap()
    }

    /// What the ledger blames the last request for.
    fn blame(&self) -> Vec<String> {
        self.last().violations
    }

    fn records(&self, scope: &str) -> Vec<Value> {
        self.sandbox.espocrm.snapshot()["records"][scope].as_array().unwrap().clone()
    }

    fn advance(&self, seconds: i64) {
        self.sandbox.clock.advance(chrono::TimeDelta::seconds(seconds)).unwrap();
    }

    async fn settled(&self) {
        assert!(self.sandbox.espocrm.settled(PATIENCE).await);
    }
}

/// A webhook's receiver.
#[derive(Debug, Clone, Default)]
struct Receiver {
    posts: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
    address: String,
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self { address: format!("http://{}/hook/s3cret", listener.local_addr().unwrap()), ..Self::default() };
        let app = Router::new().route("/hook/s3cret", post(receive)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    fn will_answer(&self, statuses: &[u16]) {
        self.answers.lock().unwrap().extend(statuses);
    }

    fn bodies(&self) -> Vec<Value> {
        self.posts.lock().unwrap().iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    receiver.posts.lock().unwrap().push((headers, body));
    let status = receiver.answers.lock().unwrap().pop_front().unwrap_or(200);
    StatusCode::from_u16(status).unwrap()
}

fn meeting(contact: &str) -> Value {
    json!({"name": "Cut", "dateStart": "2026-05-01 08:00:00", "dateEnd": "2026-05-01 09:00:00", "assignedUserId": "u1",
           "parentType": "Contact", "parentId": contact, "contactsIds": [contact]})
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["list"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}
