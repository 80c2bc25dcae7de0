//! The stand-in over HTTP on the loopback: what it accepts, what it refuses, and what it tells by webhook.

mod bookings;
mod faults;
mod management;
mod slots;
mod webhooks;

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Calcom, router};
use crate::world::World;

/// One webhook as it arrived, and what the calendar said at that moment.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) headers: HeaderMap,
    pub(super) raw: Vec<u8>,
    pub(super) body: Value,
    pub(super) status_then: Option<String>,
}

/// A salon with two masters, its calendar, and a receiver of webhooks.
pub(super) struct Salon {
    pub(super) world: Arc<World>,
    pub(super) calcom: Arc<Calcom>,
    pub(super) receiver: String,
    hooks: Arc<Mutex<Vec<Hook>>>,
    base: String,
    client: reqwest::Client,
}

#[derive(Clone)]
struct Receiver {
    calcom: Arc<Calcom>,
    hooks: Arc<Mutex<Vec<Hook>>>,
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, raw: Bytes) {
    let body: Value = serde_json::from_slice(&raw).unwrap();
    let uid = body["payload"]["uid"].as_str().unwrap_or_default().to_owned();
    let status_then = receiver.calcom.state().booking(&uid).map(|booking| booking.status.api().to_owned());
    receiver.hooks.lock().unwrap().push(Hook { headers, raw: raw.to_vec(), body, status_then });
}

pub(super) async fn listen(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    base
}

pub(super) const ADMIN: &str = "cal_live_admin";

/// Masters Olga (11) and Vera (12), administrator 10; 101 round robin, 102 collective, 103 Olga's own, 104 to confirm,
/// 105 phone only.
pub(super) fn seed() -> Value {
    let week = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let master = |id: i64, name: &str| {
        json!({"id": id, "name": name, "email": format!("{name}@salon.example"), "username": name,
               "timeZone": "Europe/Moscow", "apiKey": format!("cal_live_{name}"),
               "schedule": {"timeZone": "Europe/Moscow",
                            "availability": [{"days": week, "startTime": "10:00", "endTime": "19:00"}]}})
    };
    let address = json!([{"type": "address", "address": "Tverskaya 1", "public": true}]);
    let hosts = json!([{"userId": 11}, {"userId": 12}]);
    let phone_only = json!([
        {"type": "name", "isDefault": true, "slug": "name", "required": true},
        {"type": "email", "isDefault": true, "slug": "email", "required": false, "hidden": true},
        {"type": "phone", "isDefault": true, "slug": "attendeePhoneNumber", "required": true, "hidden": false}]);
    json!({
        "users": [master(11, "olga"), master(12, "vera"),
                  {"id": 10, "name": "Salon", "email": "salon@salon.example", "username": "salon", "apiKey": ADMIN}],
        "teams": [{"id": 7, "name": "Salon 42", "slug": "salon-42", "timeZone": "Europe/Moscow",
                   "members": [{"userId": 10, "role": "ADMIN"}, {"userId": 11}, {"userId": 12}]}],
        "eventTypes": [
            {"id": 101, "teamId": 7, "title": "Haircut", "slug": "haircut", "lengthInMinutes": 60, "hosts": hosts,
             "lengthInMinutesOptions": [60, 90], "minimumBookingNotice": 120, "rrHostSubsetEnabled": true,
             "schedulingType": "roundRobin", "locations": address},
            {"id": 102, "teamId": 7, "title": "Wedding", "slug": "wedding", "lengthInMinutes": 60, "hosts": hosts,
             "schedulingType": "collective", "locations": address},
            {"id": 103, "ownerId": 11, "title": "Talk", "slug": "talk", "lengthInMinutes": 60, "afterEventBuffer": 15,
             "locations": [{"type": "integration", "integration": "cal-video"}]},
            {"id": 104, "teamId": 7, "title": "Dye", "slug": "dye", "lengthInMinutes": 60, "hosts": hosts,
             "requiresConfirmation": true, "locations": address},
            {"id": 105, "teamId": 7, "title": "Nails", "slug": "nails", "lengthInMinutes": 60,
             "hosts": [{"userId": 11}], "bookingFields": phone_only}],
    })
}

impl Salon {
    pub(super) async fn open() -> Self {
        let world = World::new();
        let calcom = Calcom::new(world.clone());
        calcom.seed(&seed()).unwrap();
        let hooks = Arc::default();
        let receiver = Receiver { calcom: calcom.clone(), hooks: Arc::clone(&hooks) };
        let receiver = listen(Router::new().route("/hook", post(receive)).with_state(receiver)).await;
        let base = listen(Router::new().nest("/calcom", router(calcom.clone()))).await;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { world, calcom, receiver: format!("{receiver}/hook"), hooks, base: format!("{base}/calcom"), client }
    }

    /// Ten in the morning in Moscow, two days from now, plus hours.
    pub(super) fn at(&self, hours: i64) -> DateTime<Utc> {
        let day = (self.world.now() + TimeDelta::days(2)).date_naive();
        day.and_hms_opt(7, 0, 0).unwrap().and_utc() + TimeDelta::hours(hours)
    }

    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.hooks.lock().unwrap().clone()
    }

    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let version = if path.starts_with("/v2/slots") {
            "2024-09-04"
        } else if path.starts_with("/v2/event-types") {
            "2024-06-14"
        } else {
            "2024-08-13"
        };
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client.request(method, format!("{}{path}", self.base)).header("cal-api-version", version).bearer_auth(ADMIN)
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.request("GET", path)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(self.request("POST", path).json(&body)).await
    }

    pub(super) fn body(&self, event_type: i64, start: DateTime<Utc>, who: &str) -> Value {
        // anna ends in 7, bella in 8: a round robin takes the same phone at the same time for the same person.
        let last = (who.as_bytes()[0] - b'a' + 7) % 10;
        json!({"start": start, "eventTypeId": event_type,
               "attendee": {"name": who, "email": format!("{who}@example.org"), "phoneNumber": format!("+7999123456{last}"),
                            "timeZone": "Europe/Moscow", "language": "ru"},
               "metadata": {"salonTenant": "t_42", "salonBooking": who}})
    }

    /// Books and returns the booking.
    pub(super) async fn book(&self, event_type: i64, start: DateTime<Utc>, who: &str) -> Value {
        let (status, answer) = self.post("/v2/bookings", self.body(event_type, start, who)).await;
        assert_eq!(status, 201, "{answer}");
        answer["data"].clone()
    }

    /// Fails unless the answer is one the OpenAPI document allows.
    pub(super) fn conforms(&self, operation: &str, status: u16, body: &Value) {
        let complaints = self.calcom.spec.check_answer(operation, status, body);
        assert!(complaints.is_empty(), "{operation}: {complaints:#?}\n{body:#}");
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }

    pub(super) async fn listen_to(&self, event_type: i64, secret: Option<&str>) {
        let mut body = json!({"active": true, "subscriberUrl": self.receiver, "triggers": [
            "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REJECTED",
            "BOOKING_NO_SHOW_UPDATED"]});
        if let Some(secret) = secret {
            body["secret"] = secret.into();
        }
        let (status, answer) = self.post(&format!("/v2/teams/7/event-types/{event_type}/webhooks"), body).await;
        assert_eq!(status, 201, "{answer}");
    }
}

pub(super) fn message(body: &Value) -> &str {
    body["error"]["message"].as_str().or_else(|| body["message"].as_str()).unwrap_or_default()
}
