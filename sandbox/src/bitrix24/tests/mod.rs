//! The stand-in over HTTP on the loopback.

mod access;
mod activities;
mod batch;
mod booking;
mod events;
mod faults;
mod fields;
mod items;
mod limits;
mod listing;
mod staff;

use std::sync::{Arc, Mutex};

use axum::{Router, routing::post};
use chrono::TimeDelta;
use reqwest::Client;
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Handle};

use super::{Bitrix24, VENDOR, http::router};
use crate::{
    fault::{Fault, Target},
    world::World,
};

const CODE: &str = "s3cr3tc0de";

/// A portal with an administrator, an employee and a reader.
struct Portal {
    world: Arc<World>,
    bitrix: Arc<Bitrix24>,
    base: String,
    client: Client,
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}

impl Portal {
    async fn open() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let world = World::new();
        let bitrix = Bitrix24::new(world.clone(), &Handle::current()).unwrap();
        bitrix.seed(&seed()).unwrap();
        let base = format!("{}/bitrix24", serve(router(bitrix.clone())).await);
        Self { world, bitrix, base, client: Client::builder().no_proxy().build().unwrap() }
    }

    fn seed(&self, more: Value) {
        self.bitrix.seed(&more).unwrap();
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Calls with the administrator's webhook.
    async fn call(&self, method: &str, parameters: Value) -> (u16, Value) {
        let url = format!("{}/rest/1/{CODE}/{method}", self.base);
        self.send(self.client.post(url).json(&parameters)).await
    }

    /// Calls as the application.
    async fn app(&self, token: &str, method: &str, mut parameters: Value) -> (u16, Value) {
        parameters["auth"] = token.into();
        self.send(self.client.post(format!("{}/rest/{method}", self.base)).json(&parameters)).await
    }

    /// The result of a call that must do.
    async fn result(&self, method: &str, parameters: Value) -> Value {
        let (status, body) = self.call(method, parameters).await;
        assert_eq!(status, 200, "{method}: {body}");
        body["result"].clone()
    }

    /// Status and error code of a call that must be refused.
    async fn refused(&self, method: &str, parameters: Value) -> (u16, String) {
        error(self.call(method, parameters).await)
    }

    async fn add(&self, entity: i64, fields: Value) -> i64 {
        let answer = self.result("crm.item.add", json!({"entityTypeId": entity, "fields": fields})).await;
        answer["item"]["id"].as_i64().unwrap()
    }

    async fn item(&self, entity: i64, id: i64) -> Value {
        self.result("crm.item.get", json!({"entityTypeId": entity, "id": id})).await["item"].clone()
    }

    async fn update(&self, entity: i64, id: i64, fields: Value) -> Value {
        self.result("crm.item.update", json!({"entityTypeId": entity, "id": id, "fields": fields})).await["item"].clone()
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        self.world.faults.plan(Target { vendor: VENDOR.to_owned(), operation: operation.to_owned() }, fault, 1);
    }

    fn violations(&self) -> Vec<String> {
        self.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }

    /// Violations since the last look.
    fn complaints(&self) -> String {
        let all = self.violations().join("; ");
        self.world.ledger.clear();
        all
    }

    fn advance(&self, seconds: i64) {
        self.world.advance(TimeDelta::seconds(seconds));
    }
}

fn error((status, body): (u16, Value)) -> (u16, String) {
    assert!(body.get("result").is_none(), "{body}");
    (status, body["error"].as_str().unwrap().to_owned())
}

fn seed() -> Value {
    json!({
        "users": [{"id": 1, "name": "Olga", "admin": true}, {"id": 2, "name": "Vera"}, {"id": 3, "name": "Nina", "crm": "read"}],
        "webhooks": [{"user": 1, "code": CODE, "scopes": ["crm", "user_brief", "userfieldconfig"]},
                     {"user": 3, "code": "readonly", "scopes": ["crm"]}],
        "apps": [{"client_id": "app.1", "client_secret": "sss", "user": 1, "scopes": ["crm"], "access_token": "acc1",
                  "refresh_token": "ref1"}],
        "user_fields": [
            {"entity": "contact", "name": "UF_CRM_SALON_ID", "type": "string"},
            {"entity": "contact", "name": "UF_CRM_CONSENT", "type": "boolean"},
            {"entity": "deal", "name": "UF_CRM_STATE", "type": "enumeration", "options": ["booked", "no show"]}],
    })
}

/// What a handler received, decoded.
#[derive(Debug, Clone, Default)]
struct Received(Arc<Mutex<Vec<Value>>>);

impl Received {
    async fn listen() -> (Self, String) {
        let received = Self::default();
        let kept = received.clone();
        let take = async move |body: String| {
            let form = super::form::Parameters::parse(body.as_bytes());
            kept.0.lock().unwrap().push(Value::Object(form.values));
        };
        let base = serve(Router::new().route("/hook", post(take))).await;
        (received, format!("{base}/hook"))
    }

    fn all(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }

    /// Events with the ids they are about.
    fn events(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.all().iter().map(|one| (text(&one["event"]), text(&one["data"]["FIELDS"]["ID"]))).collect()
    }
}
