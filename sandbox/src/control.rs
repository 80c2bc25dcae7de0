//! The control API under `/control`: what tests, the story and the page use to play the outside world.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    clock::Clock,
    fault::{Fault, Target},
    ledger::Entry,
    telegram::{Action, BadBot, CannotAct, Manners, NewBot, Person, Telegram},
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
    telegram: Arc<Telegram>,
    vendors: Vec<Arc<dyn Vendor>>,
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
    pub(crate) fn new(world: Arc<World>, clock: Arc<Clock>, telegram: Arc<Telegram>, vendors: Vec<Arc<dyn Vendor>>) -> Arc<Self> {
        Arc::new(Self { world, clock, telegram, vendors })
    }

    fn vendor(&self, name: &str) -> Result<&Arc<dyn Vendor>, Refused> {
        self.vendors.iter().find(|vendor| vendor.name() == name).ok_or_else(|| not_found("no such vendor"))
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
    let telegram = Router::new()
        .route("/", get(async |State(control): Shared| Json(control.telegram.snapshot())))
        .route("/bots", post(add_bot))
        .route("/bots/{bot}", delete(revoke_bot))
        .route("/bots/{bot}/groups", post(add_group))
        .route("/bots/{bot}/forge", post(forge))
        .route("/bots/{bot}/people/{person}", get(chat).post(act))
        .route("/people", post(add_person))
        .route("/manners", get(manners).put(set_manners));
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
        .nest("/telegram", telegram);
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
    bot: Option<i64>,
    person: Option<i64>,
    since: Option<u64>,
}

/// All that the page shows, at one moment.
async fn snapshot(State(control): Shared, Query(watched): Query<Watched>) -> Json<Value> {
    let chat = watched.bot.zip(watched.person).and_then(|(bot, person)| control.telegram.chat(bot, person));
    let from = control.world.ledger.total().saturating_sub(SHOWN).max(watched.since.unwrap_or_default());
    let vendors: serde_json::Map<String, Value> =
        control.vendors.iter().map(|vendor| (vendor.name().to_owned(), vendor.snapshot())).collect();
    Json(json!({
        "clock": control.clock_view(),
        "telegram": control.telegram.snapshot(),
        "chat": chat,
        "vendors": vendors,
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

async fn add_bot(State(control): Shared, Json(bot): Json<NewBot>) -> Reply {
    match control.telegram.add_bot(bot) {
        Ok(id) => Ok(Json(json!({"id": id}))),
        Err(error @ BadBot::Token) => Err(bad_request(error)),
        Err(error @ BadBot::Known) => Err(Refused(StatusCode::CONFLICT, error.to_string())),
    }
}

async fn revoke_bot(State(control): Shared, Path(bot): Path<i64>) -> Reply {
    if control.telegram.revoke_bot(bot) { Ok(Json(json!({}))) } else { Err(not_found("no such bot")) }
}

#[derive(Deserialize)]
struct Group {
    id: i64,
    title: String,
}

async fn add_group(State(control): Shared, Path(bot): Path<i64>, Json(group): Json<Group>) -> Reply {
    if group.id >= 0 {
        return Err(bad_request("a group's id is negative"));
    }
    if control.telegram.add_group(bot, group.id, &group.title) { Ok(Json(json!({}))) } else { Err(not_found("no such bot")) }
}

async fn add_person(State(control): Shared, Json(person): Json<Person>) -> Json<Value> {
    let id = person.id;
    control.telegram.add_person(person);
    Json(json!({"id": id}))
}

async fn manners(State(control): Shared) -> Json<Manners> {
    Json(control.telegram.manners())
}

async fn set_manners(State(control): Shared, Json(manners): Json<Manners>) -> Json<Manners> {
    control.telegram.set_manners(manners);
    Json(control.telegram.manners())
}

async fn chat(State(control): Shared, Path((bot, person)): Path<(i64, i64)>) -> Reply {
    control.telegram.chat(bot, person).map(Json).ok_or_else(|| not_found("no such chat"))
}

async fn act(State(control): Shared, Path((bot, person)): Path<(i64, i64)>, Json(action): Json<Action>) -> Reply {
    match control.telegram.act(bot, person, action) {
        Ok(acted) => Ok(Json(json!(acted))),
        Err(error @ (CannotAct::NoBot | CannotAct::NoPerson)) => Err(not_found(error)),
        Err(error) => Err(Refused(StatusCode::CONFLICT, error.to_string())),
    }
}

#[derive(Deserialize)]
struct Forgery {
    update: Value,
    #[serde(default)]
    secret: Option<String>,
}

async fn forge(State(control): Shared, Path(bot): Path<i64>, Json(forgery): Json<Forgery>) -> Reply {
    let status = control.telegram.forge(bot, &forgery.update, forgery.secret.as_deref()).await;
    status.map(|status| Json(json!({"status": status}))).map_err(bad_request)
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
