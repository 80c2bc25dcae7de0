//! A product's side of Meta's webhooks, for tests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::Value;

use super::signature::sign;

pub(crate) const VERIFY_TOKEN: &str = "verify & ü";

/// A webhook as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) headers: HeaderMap,
    pub(crate) raw: String,
    pub(crate) body: Value,
}

impl Hook {
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        self.headers["x-hub-signature-256"] == sign(secret, self.raw.as_bytes()).as_str()
    }
}

/// A callback that passes the handshake, answers what it was told, then 200, and keeps what it got.
#[derive(Debug, Default)]
pub(crate) struct Product {
    hooks: Mutex<Vec<Hook>>,
    answers: Mutex<VecDeque<u16>>,
    handshakes: Mutex<Vec<Vec<(String, String)>>>,
}

impl Product {
    /// The callback and its address.
    pub(crate) async fn listen() -> (Arc<Self>, String) {
        let product = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks/meta", listener.local_addr().unwrap());
        let routes = Router::new().route("/hooks/meta", get(Self::prove).post(Self::take)).with_state(Arc::clone(&product));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (product, url)
    }

    async fn prove(State(product): State<Arc<Self>>, RawQuery(query): RawQuery) -> (StatusCode, String) {
        let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.unwrap().as_bytes()).into_owned().collect();
        let value =
            |name: &str| pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone()).unwrap_or_default();
        let right = value("hub.mode") == "subscribe" && value("hub.verify_token") == VERIFY_TOKEN;
        let challenge = value("hub.challenge");
        product.handshakes.lock().unwrap().push(pairs);
        if right { (StatusCode::OK, challenge) } else { (StatusCode::FORBIDDEN, String::new()) }
    }

    async fn take(State(product): State<Arc<Self>>, headers: HeaderMap, raw: Bytes) -> StatusCode {
        assert_eq!(headers["content-type"], "application/json");
        let raw = String::from_utf8(raw.to_vec()).unwrap();
        let hook = Hook { headers, body: serde_json::from_str(&raw).unwrap(), raw };
        product.hooks.lock().unwrap().push(hook);
        let status = product.answers.lock().unwrap().pop_front().unwrap_or(200);
        StatusCode::from_u16(status).unwrap()
    }

    pub(crate) fn will_answer(&self, answers: &[u16]) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap().clone()
    }

    /// Queries of the handshakes.
    pub(crate) fn handshakes(&self) -> Vec<Vec<(String, String)>> {
        self.handshakes.lock().unwrap().clone()
    }

    /// Each of the `value`s of all entries' changes, in order of arrival.
    pub(crate) fn values(&self) -> Vec<Value> {
        self.of_entries("changes").into_iter().map(|change| change["value"].clone()).collect()
    }

    /// All items of the lists `name` of all entries, in order of arrival.
    pub(crate) fn of_entries(&self, name: &str) -> Vec<Value> {
        let hooks = self.hooks();
        let entries = hooks.iter().flat_map(|hook| hook.body["entry"].as_array().unwrap());
        entries.filter_map(|entry| entry[name].as_array()).flatten().cloned().collect()
    }
}
