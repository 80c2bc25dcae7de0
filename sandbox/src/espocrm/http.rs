//! One request's way: planned fault, key, rights, description, work, ledger.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::{Map, Value, json};

use super::{
    EspoCrm, VENDOR,
    access::{Account, authenticate},
    admin,
    answer::{Outcome, Refusal},
    hooks, leads, links, listing,
    query::{self, Search},
    records::{self, Writing},
    routes::{self, Asked, Route},
    spec,
    state::{By, State},
    view::redacted,
};
use crate::{
    fault::Fault,
    ledger::Entry,
    wire::{self, Ending},
};

/// More than any request needs.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
const PREFIX: &str = "/espocrm/api/v1";

struct Incoming {
    method: String,
    /// As it came, from the slash after `api/v1` on.
    path: String,
    query: Map<String, Value>,
    headers: HeaderMap,
    /// Null if it is empty or no JSON.
    body: Value,
    is_json: bool,
}

/// An answer and what the ledger is to know of it.
#[derive(Default)]
struct Done {
    status: u16,
    reason: String,
    body: Value,
    caller: Option<String>,
    violations: Vec<String>,
}

impl Done {
    fn refused(refusal: Refusal) -> Self {
        let Refusal { status, reason, body, violation } = refusal;
        Self { status, reason, body, caller: None, violations: violation.into_iter().collect() }
    }
}

pub(super) fn router(crm: Arc<EspoCrm>) -> Router {
    Router::new().route("/espocrm/api/v1/{*path}", any(entry)).with_state(crm)
}

async fn entry(Shared(crm): Shared<Arc<EspoCrm>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let query = query::read(parts.uri.query().unwrap_or_default());
    let incoming = Incoming::read(parts.method.as_str(), path, query, parts.headers, &body);
    wire::answer(async move { crm.serve(incoming).await }).await
}

impl Incoming {
    fn read(method: &str, path: String, query: Map<String, Value>, headers: HeaderMap, body: &Bytes) -> Self {
        let parsed = serde_json::from_slice::<Value>(body);
        let is_json = body.is_empty() || parsed.as_ref().is_ok_and(Value::is_object);
        Self { method: method.to_owned(), path, query, headers, body: parsed.unwrap_or_default(), is_json }
    }

    fn parts(&self) -> Vec<String> {
        let part = |part: &str| {
            // A decoder of forms, so a plus must not become a space.
            let escaped = part.replace('+', "%2B");
            url::form_urlencoded::parse(format!("x={escaped}").as_bytes()).next().map(|(_, text)| text.into_owned())
        };
        self.path.trim_matches('/').split('/').filter_map(part).collect()
    }

    fn says(&self, name: &str) -> bool {
        self.headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    }
}

impl EspoCrm {
    async fn serve(&self, incoming: Incoming) -> Ending {
        let asked = routes::read(&incoming.method, &incoming.parts(), |name| self.state().schema.contains_key(name));
        let fault = self.world.faults.take(VENDOR, &asked.operation);
        let mut done = match &fault {
            Some(Fault::Hang | Fault::Drop) => Done::default(),
            Some(Fault::Status { code }) => Done::refused(Refusal::of_status(*code)),
            Some(Fault::RateLimit { .. }) => Done::refused(Refusal::of_status(429)),
            Some(Fault::Html { code }) => Done { status: *code, ..Done::default() },
            Some(Fault::ErrorInOk) => Done { status: 200, body: json!({"message": "Something went wrong."}), ..Done::default() },
            _ => {
                if let Some(Fault::Slow { ms }) = fault {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                self.handle(&asked, &incoming, fault == Some(Fault::Twice))
            }
        };
        if let Some(code) = Fault::after(fault.as_ref()).await {
            let Done { caller, violations, .. } = done;
            done = Done { caller, violations, ..Done::refused(Refusal::of_status(code)) };
        }
        let ending = Ending::of(response(&done, fault.as_ref()), fault.as_ref());
        self.record(asked.operation, &incoming, done, ending.status(), fault);
        ending
    }

    fn handle(&self, asked: &Asked, incoming: &Incoming, twice: bool) -> Done {
        let now = self.world.now();
        let mut state = self.state();
        if state.settings.maintenance {
            return Done::refused(Refusal::of_status(503));
        }
        let (user, account) = match authenticate(&mut state, &incoming.headers, &incoming.method, &incoming.path, now) {
            Ok(found) => found,
            Err(refusal) => return Done::refused(refusal),
        };
        let mut violations = spec::check(&asked.described, &incoming.query, &incoming.body);
        let by = By { user, now };
        let queued = state.queue.len();
        let outcome = perform(&mut state, asked, incoming, (&account, &by), &mut violations);
        for event in state.queue.iter_mut().skip(queued) {
            event.twice = twice;
        }
        drop(state);
        self.wake();
        let done = match outcome {
            Ok(body) => Done { status: 200, body, ..Done::default() },
            Err(refusal) => Done::refused(refusal),
        };
        violations.extend(done.violations);
        Done { caller: Some(by.user), violations, ..done }
    }

    fn record(&self, operation: String, incoming: &Incoming, done: Done, status: u16, fault: Option<Fault>) {
        let headers: Vec<&str> =
            ["x-skip-duplicate-check", "x-no-total"].into_iter().filter(|name| incoming.says(name)).collect();
        let path = if operation.ends_with(" unknown") { "" } else { incoming.path.trim_start_matches('/') };
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation,
            request: json!({"by": done.caller, "path": path, "query": incoming.query,
                            "body": redacted(&incoming.body), "headers": headers}),
            status,
            violations: done.violations,
            fault,
        });
    }
}

fn perform(
    state: &mut State,
    asked: &Asked,
    incoming: &Incoming,
    (account, by): (&Account, &By),
    violations: &mut Vec<String>,
) -> Outcome {
    let route = asked.route.as_ref().ok_or_else(|| Refusal::wrong(404, ""))?;
    if !incoming.is_json {
        return Err(Refusal::wrong(400, "The body is no JSON object."));
    }
    let no_total = incoming.says("x-no-total");
    let empty = Map::new();
    let body = incoming.body.as_object().unwrap_or(&empty);
    match route {
        Route::Me => admin::me(state, account, by),
        Route::Metadata => Ok(admin::metadata(state, incoming.query.get("key").and_then(Value::as_str))),
        Route::Hooks => hooks::list(state, &Search::read(&incoming.query)?, no_total, account, by),
        Route::AddHook => hooks::create(state, body, account, by),
        Route::Hook { id } => hooks::get(state, id, account, by),
        Route::RemoveHook { id } => hooks::remove(state, id, account, by),
        Route::AddField { .. } | Route::Field { .. } | Route::EditField { .. } | Route::RemoveField { .. } => {
            account.must_be_admin()?;
            fields(state, route, body)
        }
        Route::List { .. } | Route::Get { .. } | Route::Stream { .. } | Route::Linked { .. } => {
            look(state, route, incoming, (account, &by.user), violations)
        }
        _ => {
            let said = *route == Route::Convert && body.get("skipDuplicateCheck") == Some(&true.into());
            let skip_duplicates = said || incoming.says("x-skip-duplicate-check");
            let mut writing = Writing { by, account: Some(account), skip_duplicates, violations };
            write(state, route, incoming, body, account, &mut writing)
        }
    }
}

fn fields(state: &mut State, route: &Route, body: &Map<String, Value>) -> Outcome {
    match route {
        Route::AddField { scope } => admin::add_field(state, scope, body),
        Route::Field { scope, name } => admin::field(state, scope, name),
        Route::EditField { scope, name } => admin::edit_field(state, scope, name, body),
        Route::RemoveField { scope, name } => admin::remove_field(state, scope, name),
        _ => Err(Refusal::not_found()),
    }
}

fn look(
    state: &State,
    route: &Route,
    incoming: &Incoming,
    (account, user): (&Account, &str),
    violations: &mut Vec<String>,
) -> Outcome {
    let no_total = incoming.says("x-no-total");
    let seen = |scope: &str, id: &str| match state.record(scope, id) {
        Some(record) if !account.sees(user, scope, record) => Err(Refusal::happens(403, "No read access")),
        Some(record) => Ok(record),
        None => Err(Refusal::not_found()),
    };
    let search = Search::read(&incoming.query)?;
    match route {
        Route::List { scope } => {
            account.check(scope, "read")?;
            let records = state.all(scope).filter(|record| account.sees(user, scope, record));
            listing::answer(state, scope, records, &search, no_total, violations)
        }
        Route::Get { scope, id } => {
            account.check(scope, "read")?;
            seen(scope, id).cloned().map(Value::Object)
        }
        Route::Stream { scope, id } => {
            account.check(scope, "read")?;
            seen(scope, id)?;
            links::stream(state, scope, id, &search, no_total)
        }
        Route::Linked { scope, id, link } => {
            account.check(scope, "read")?;
            seen(scope, id)?;
            links::list(state, (scope, id, link), &search, no_total, violations)
        }
        _ => Err(Refusal::not_found()),
    }
}

fn write(
    state: &mut State,
    route: &Route,
    incoming: &Incoming,
    body: &Map<String, Value>,
    account: &Account,
    writing: &mut Writing<'_>,
) -> Outcome {
    match route {
        Route::Create { scope } => {
            account.check(scope, "create")?;
            records::create(state, scope, body, writing).map(Value::Object)
        }
        Route::Update { scope, id } => {
            account.check(scope, "edit")?;
            records::update(state, scope, id, body, writing).map(Value::Object)
        }
        Route::Delete { scope, id } => {
            account.check(scope, "delete")?;
            if state.record(scope, id).is_some_and(|record| !writing.sees(scope, record)) {
                return Err(Refusal::happens(403, "No delete access"));
            }
            records::remove(state, scope, id, writing.by)
        }
        Route::Link { scope, id, link } | Route::Unlink { scope, id, link } => {
            account.check(scope, "edit")?;
            let named = if body.is_empty() { &incoming.query } else { body };
            let add = matches!(route, Route::Link { .. });
            links::change(state, (scope, id, link), &links::ids(named)?, add)
        }
        Route::Convert | Route::ConvertAttributes => {
            account.check("Lead", "edit")?;
            convert(state, *route == Route::ConvertAttributes, body, writing)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Converts a lead, or only tells what its records would be made of.
fn convert(state: &mut State, only_tell: bool, body: &Map<String, Value>, writing: &mut Writing<'_>) -> Outcome {
    let id = body.get("id").and_then(Value::as_str).ok_or_else(|| Refusal::wrong(400, "No id."))?;
    if only_tell {
        return leads::attributes(state, id);
    }
    let made_of = body.get("records").and_then(Value::as_object);
    let made_of = made_of.ok_or_else(|| Refusal::wrong(400, "No records."))?;
    leads::convert(state, id, made_of, writing).map(Value::Object)
}

fn response(done: &Done, fault: Option<&Fault>) -> Response {
    if matches!(fault, Some(Fault::Html { .. })) {
        return wire::page(done.status);
    }
    // An error without a body has none at all; a null is a value.
    let text = if done.body.is_null() && done.status != 200 { String::new() } else { done.body.to_string() };
    let mut response = wire::json(done.status, text, fault);
    let reason = HeaderValue::from_str(&done.reason).ok().filter(|_| !done.reason.is_empty());
    if let Some(reason) = reason {
        response.headers_mut().insert("x-status-reason", reason);
    }
    if let Some(Fault::RateLimit { retry_after }) = fault {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*retry_after));
    }
    response
}
