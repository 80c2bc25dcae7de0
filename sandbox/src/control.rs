//! The control API under `/control`: what tests, the story and the page use to play the outside world.

mod messengers;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    clock::Clock,
    fault::{Fault, Target},
    ledger::Entry,
    messenger::Messenger,
    vendor::Vendor,
    world::World,
};

/// Ledger entries that one snapshot carries at most.
const SHOWN: u64 = 300;

/// What the control API controls.
#[derive(Debug)]
pub(crate) struct Control {
    world: Arc<World>,
    clock: Arc<Clock>,
    vendors: Vec<Arc<dyn Vendor>>,
    messengers: Vec<Arc<dyn Messenger>>,
}

type Shared = State<Arc<Control>>;
type Reply = Result<Json<Value>, Refused>;

/// A control request that makes no sense, with the reason.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl Control {
    /// `messengers` are among the vendors, too.
    pub(crate) fn new(
        world: Arc<World>,
        clock: Arc<Clock>,
        vendors: Vec<Arc<dyn Vendor>>,
        messengers: Vec<Arc<dyn Messenger>>,
    ) -> Arc<Self> {
        Arc::new(Self { world, clock, vendors, messengers })
    }

    fn vendor(&self, name: &str) -> Result<&Arc<dyn Vendor>, Refused> {
        self.vendors.iter().find(|vendor| vendor.name() == name).ok_or_else(|| not_found("no such vendor"))
    }

    fn messenger(&self, name: &str) -> Result<&Arc<dyn Messenger>, Refused> {
        self.messengers.iter().find(|messenger| messenger.name() == name).ok_or_else(|| not_found("no such messenger"))
    }

    fn clock_view(&self) -> Value {
        json!({"now": self.world.now(), "offset_ms": self.world.offset_ms()})
    }

    fn faults_view(&self) -> Value {
        let planned = self.world.faults.planned();
        let planned: Vec<Value> = planned
            .into_iter()
            .map(|(target, faults)| json!({"vendor": target.vendor, "operation": target.operation, "faults": faults}))
            .collect();
        json!(planned)
    }

    fn ledger_view(&self, since: u64) -> Value {
        let entries: Vec<Value> = self.world.ledger.since(since).iter().map(numbered).collect();
        json!({
            "total": self.world.ledger.total(),
            "violations": self.world.ledger.violation_count(),
            "entries": entries,
        })
    }
}

pub(crate) fn router(control: Arc<Control>) -> Router {
    let control_routes = Router::new()
        .route("/health", get(async || Json(json!({"status": "ok"}))))
        .route("/clock", get(async |State(control): Shared| Json(control.clock_view())))
        .route("/clock/advance", post(advance))
        .route("/faults", get(faults).post(plan).delete(clear_faults))
        .route("/ledger", get(ledger).delete(clear_ledger))
        .route("/violations", get(async |State(control): Shared| Json(json!(control.world.ledger.violations()))))
        .route("/snapshot", get(snapshot))
        .route("/vendors/{vendor}", get(vendor_snapshot))
        .route("/vendors/{vendor}/seed", post(seed))
        .route("/vendors/{vendor}/act", post(vendor_act))
        .route("/messengers", get(messengers::list))
        .route("/messengers/{vendor}/{account}/settled", get(messengers::settled))
        .route("/messengers/{vendor}/{account}/forge", post(messengers::forge))
        .route("/messengers/{vendor}/{account}/{person}", get(messengers::chat).post(messengers::act));
    Router::new().nest("/control", control_routes).with_state(control)
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Advance {
    Seconds(i64),
    To(DateTime<Utc>),
}

async fn advance(State(control): Shared, Json(advance): Json<Advance>) -> Reply {
    match advance {
        Advance::Seconds(seconds) => {
            let by = TimeDelta::try_seconds(seconds).ok_or_else(|| bad_request("too far"))?;
            control.clock.advance(by)
        }
        Advance::To(instant) => control.clock.advance_to(instant),
    }
    .map_err(bad_request)?;
    Ok(Json(control.clock_view()))
}

#[derive(Deserialize)]
struct Plan {
    vendor: String,
    #[serde(default = "any_operation")]
    operation: String,
    fault: Fault,
    #[serde(default = "once")]
    times: usize,
}

fn any_operation() -> String {
    "*".to_owned()
}

fn once() -> usize {
    1
}

async fn faults(State(control): Shared) -> Json<Value> {
    Json(control.faults_view())
}

async fn plan(State(control): Shared, Json(plan): Json<Plan>) -> Json<Value> {
    let target = Target { vendor: plan.vendor, operation: plan.operation };
    control.world.faults.plan(target, &plan.fault, plan.times);
    Json(control.faults_view())
}

async fn clear_faults(State(control): Shared) -> Json<Value> {
    control.world.faults.clear();
    Json(control.faults_view())
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn ledger(State(control): Shared, Query(Since { since }): Query<Since>) -> Json<Value> {
    Json(control.ledger_view(since))
}

async fn clear_ledger(State(control): Shared) -> Json<Value> {
    control.world.ledger.clear();
    Json(control.ledger_view(0))
}

#[derive(Deserialize)]
struct Watched {
    /// `vendor/account/person`, separated by commas.
    #[serde(default)]
    chats: String,
    #[serde(default)]
    since: u64,
}

/// All that the page shows, at one moment.
async fn snapshot(State(control): Shared, Query(watched): Query<Watched>) -> Json<Value> {
    let from = control.world.ledger.total().saturating_sub(SHOWN).max(watched.since);
    Json(json!({
        "clock": control.clock_view(),
        "messengers": messengers::snapshot(&control, &watched.chats),
        "calendar": control.vendor("calcom").map(|vendor| vendor.snapshot()).ok(),
        "crm": control.vendor("erxes").map(|vendor| vendor.snapshot()).ok(),
        "ledger": control.ledger_view(from),
        "faults": control.faults_view(),
    }))
}

async fn vendor_snapshot(State(control): Shared, Path(vendor): Path<String>) -> Reply {
    Ok(Json(control.vendor(&vendor)?.snapshot()))
}

async fn seed(State(control): Shared, Path(vendor): Path<String>, Json(data): Json<Value>) -> Reply {
    let vendor = control.vendor(&vendor)?;
    vendor.seed(&data).map_err(bad_request)?;
    Ok(Json(vendor.snapshot()))
}

async fn vendor_act(State(control): Shared, Path(vendor): Path<String>, Json(action): Json<Value>) -> Reply {
    let acted = control.vendor(&vendor)?.act(action).await;
    acted.map(Json).map_err(|error| Refused(StatusCode::CONFLICT, error))
}

fn numbered((number, entry): &(u64, Entry)) -> Value {
    let mut value = json!(entry);
    value["number"] = json!(number);
    value
}

fn not_found(what: impl std::fmt::Display) -> Refused {
    Refused(StatusCode::NOT_FOUND, what.to_string())
}

fn bad_request(what: impl std::fmt::Display) -> Refused {
    Refused(StatusCode::BAD_REQUEST, what.to_string())
}
