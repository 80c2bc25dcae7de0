//! The adapter against a server that records what it is asked and answers what it is told.

mod errors;
mod inbound;
mod lists;
mod requests;
mod slots;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    booking::{CalendarAccount, CalendarSecrets, NewBooking},
    lang::Lang,
    vendor::{AddressGuard, Http},
};

/// What the vendor was asked.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: Value,
}

impl Asked {
    fn version(&self) -> &str {
        self.headers["cal-api-version"].to_str().unwrap()
    }
}

#[derive(Clone, Default)]
struct Desk {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn of(status: u16, body: impl ToString) -> Self {
        Self { status, headers: Vec::new(), body: body.to_string() }
    }

    fn ok(data: Value) -> Self {
        Self::of(200, json!({ "status": "success", "data": data }))
    }

    fn page(data: Value, has_next: bool) -> Self {
        Self::of(200, json!({ "status": "success", "data": data, "pagination": { "currentPage": 0, "hasNextPage": has_next } }))
    }

    fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

/// A vendor below a path of its base address, which answers in order and then with 599.
struct Fake {
    desk: Desk,
    http: Http,
    account: CalendarAccount,
}

impl Fake {
    async fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        // Whichever test comes first installs it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let desk = Desk { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Desk::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/calcom", listener.local_addr().unwrap()).parse().unwrap();
        let router = Router::new().fallback(answer).with_state(desk.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let account = CalendarAccount {
            base_url,
            team_id: Some(7),
            versions: BTreeMap::new(),
            secrets: CalendarSecrets { api_key: "cal_live_key".into(), webhook_secret: SECRET.into() },
        };
        Self { desk, http: Http::new(AddressGuard { allow_private: true }).unwrap(), account }
    }

    fn without_team(mut self) -> Self {
        self.account.team_id = None;
        self
    }

    fn asked(&self) -> Vec<Asked> {
        self.desk.asked.lock().unwrap().clone()
    }

    fn only(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }
}

async fn answer(State(desk): State<Desk>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let query = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    desk.asked.lock().unwrap().push(Asked { method, path: uri.path().to_owned(), query, headers, body });
    let answer = desk.answers.lock().unwrap().pop_front().unwrap_or_else(|| Answer::of(599, ""));
    let mut response = (StatusCode::from_u16(answer.status).unwrap(), answer.body).into_response();
    for (name, value) in answer.headers {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}

const SECRET: &str = "4f1d9c2be07a86f35d1c7a9b0e2f48630a5be7c19d84f26e3b70c8152a6f9d0e";

fn at(time: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(time).unwrap().to_utc()
}

fn wish() -> NewBooking {
    NewBooking {
        key: "0192f0c4-wish".to_owned(),
        event_type_id: 101,
        start: at("2026-12-01T06:00:00Z"),
        name: "Anna P.".to_owned(),
        phone: "+79991234567".to_owned(),
        zone: chrono_tz::Europe::Moscow,
        lang: Lang::Ru,
    }
}

fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The fixture's booking, changed in some fields.
fn booking(changes: Value) -> Value {
    let mut booking = fixture(include_str!("fixtures/booking.json"));
    booking.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    booking
}
