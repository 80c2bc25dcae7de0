//! One request's way: parameters, planned fault, limits, credentials, description, method, ledger.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    Bitrix24, VENDOR,
    access::{Target, authenticate, check_portal, check_scope, token},
    answer::{Operating, Outcome, Refusal, Success, time},
    batch,
    delivery::Event,
    form::Parameters,
    methods::{Call, answer},
    oauth,
    spec::find,
    view::redacted,
};
use crate::{
    fault::Fault,
    ledger::Entry,
    wire::{self, Ending},
};

/// More than any call needs.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// The operation under which faults and ledger entries speak of the OAuth server.
const TOKEN: &str = "oauth.token";

struct Incoming {
    /// None for the OAuth server.
    target: Option<Target>,
    headers: HeaderMap,
    parameters: Parameters,
    token: Option<String>,
}

/// An answer and what the ledger is to know of it.
#[derive(Default)]
struct Done {
    status: u16,
    body: Value,
    caller: Option<String>,
    violations: Vec<String>,
}

pub(super) fn router(portal: Arc<Bitrix24>) -> Router {
    Router::new()
        .route("/bitrix24/rest/{*path}", any(entry))
        .route("/bitrix24/oauth/token", any(entry))
        .route("/bitrix24/oauth/token/", any(entry))
        .with_state(portal)
}

async fn entry(State(portal): State<Arc<Bitrix24>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let incoming = Incoming::read(&parts.method, parts.uri.path(), parts.uri.query(), parts.headers, &body);
    wire::answer(async move { portal.serve(incoming).await }).await
}

impl Incoming {
    fn read(method: &Method, path: &str, query: Option<&str>, headers: HeaderMap, body: &Bytes) -> Self {
        let target = path.strip_prefix("/bitrix24/rest/").map(Target::parse);
        let mut parameters = Parameters::read(method, query.unwrap_or_default(), &headers, body);
        let token = token(&headers, &parameters).map(str::to_owned);
        if target.is_some() {
            parameters.values.remove("auth");
        }
        if headers.contains_key("idempotency-key") {
            parameters.unread.push("version 2 does not read Idempotency-Key".to_owned());
        }
        Self { target, headers, parameters, token }
    }

    fn operation(&self) -> String {
        let Some(target) = &self.target else { return TOKEN.to_owned() };
        // What is no method's name may be a secret in the wrong place.
        let shown = || if target.method.contains('.') { target.method.as_str() } else { "unknown" };
        find(&target.method).map_or_else(shown, |(name, _)| name).to_owned()
    }
}

impl Bitrix24 {
    async fn serve(&self, incoming: Incoming) -> Ending {
        let operation = incoming.operation();
        let fault = self.world.faults.take(VENDOR, &operation);
        let mut done = match &fault {
            Some(Fault::Hang | Fault::Drop) => Done::default(),
            Some(Fault::Status { code }) => self.refused(&Refusal::of_status(*code), None),
            Some(Fault::Html { code }) => Done { status: *code, ..Done::default() },
            // An error may come with 200 (Bitrix24 note, 3.3).
            Some(Fault::ErrorInOk) => Done { status: 200, ..self.refused(&Refusal::of_status(500), None) },
            Some(Fault::RateLimit { retry_after }) => self.blocked(*retry_after),
            _ => {
                if let Some(Fault::Slow { ms }) = fault {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                self.handle(&incoming, fault == Some(Fault::Twice))
            }
        };
        if let Some(code) = Fault::after(fault.as_ref()).await {
            let Done { caller, violations, .. } = done;
            done = Done { caller, violations, ..self.refused(&Refusal::of_status(code), None) };
        }
        let ending = Ending::of(response(&done, fault.as_ref()), fault.as_ref());
        self.record(operation, &incoming, done, ending.status(), fault);
        ending
    }

    fn handle(&self, incoming: &Incoming, twice: bool) -> Done {
        let begun = self.world.now();
        let Some(target) = &incoming.target else { return self.token(incoming, begun) };
        let mut violations = incoming.parameters.unread.clone();
        let (caller, outcome, events) = self.call(target, incoming, begun, &mut violations);
        if let Err(refusal) = &outcome
            && refusal.violation
        {
            violations.push(refusal.text());
        }
        self.post(events.into_iter().map(|event| Event { twice: event.twice || twice, ..event }).collect());
        let operating = caller.as_ref().and_then(|caller| self.operating(caller, &incoming.operation(), begun));
        let done = match outcome {
            Ok(success) => self.succeeded(success, begun, operating),
            Err(refusal) => self.refused(&refusal, operating.filter(|_| refusal.status == 429)),
        };
        Done { caller, violations, ..done }
    }

    /// Everything between the credentials and the answer.
    fn call(
        &self,
        target: &Target,
        incoming: &Incoming,
        now: DateTime<Utc>,
        violations: &mut Vec<String>,
    ) -> (Option<String>, Outcome, Vec<Event>) {
        let mut state = self.state();
        let admitted = state.limits.take(now).and_then(|()| check_portal(&state));
        let caller = admitted.and_then(|()| authenticate(&state, target.webhook.as_ref(), incoming.token.as_deref(), now));
        let caller = match caller {
            Ok(caller) => caller,
            Err(refusal) => return (None, Err(refusal), Vec::new()),
        };
        let label = caller.label.clone();
        let found = find(&target.method);
        let found = found.ok_or_else(|| Refusal::wrong(404, "ERROR_METHOD_NOT_FOUND", "Method not found!"));
        let (method, description) = match found {
            Ok(found) => found,
            Err(refusal) => return (Some(label), Err(refusal), Vec::new()),
        };
        let mut call =
            Call { caller, method, parameters: incoming.parameters.clone(), now, violations: Vec::new(), events: Vec::new() };
        let outcome = if method == "batch" {
            description.check(&mut call.parameters).and_then(|unknown| {
                call.violations.extend(unknown);
                batch::run(&mut state, &mut call, &self.world)
            })
        } else {
            run(&mut state, &mut call)
        };
        violations.append(&mut call.violations);
        (Some(label), outcome, call.events)
    }

    fn token(&self, incoming: &Incoming, now: DateTime<Utc>) -> Done {
        let renewed = oauth::grant(&mut self.state(), &incoming.parameters, &incoming.headers, now);
        match renewed {
            Ok(body) => Done { status: 200, body, ..Done::default() },
            Err(refusal) => {
                let violations = if refusal.violation { vec![refusal.text()] } else { Vec::new() };
                Done { violations, ..self.refused(&refusal, None) }
            }
        }
    }

    fn operating(&self, caller: &str, method: &str, now: DateTime<Utc>) -> Option<Operating> {
        let mut state = self.state();
        state.limits.settings.counters.then(|| state.limits.operating(caller, method, now))
    }

    fn succeeded(&self, success: Success, begun: DateTime<Utc>, operating: Option<Operating>) -> Done {
        let mut body = json!({"result": success.result});
        if let Some(total) = success.total {
            body["total"] = json!(total);
        }
        if let Some(next) = success.next {
            body["next"] = json!(next);
        }
        body["time"] = time(begun, self.world.now(), self.state().zone(), operating);
        Done { status: 200, body, ..Done::default() }
    }

    /// A refusal; with the counters when it is the operating limit's.
    fn refused(&self, refusal: &Refusal, operating: Option<Operating>) -> Done {
        let mut body = refusal.body();
        if operating.is_some() {
            let now = self.world.now();
            body["time"] = time(now, now, self.state().zone(), operating);
        }
        Done { status: refusal.status, body, ..Done::default() }
    }

    /// The operating limit as a planned fault.
    fn blocked(&self, seconds: u64) -> Done {
        let reset_at = self.world.now().timestamp().saturating_add_unsigned(seconds);
        let spent = self.state().limits.settings.operating_limit;
        self.refused(&Refusal::of_status(429), Some(Operating { spent, reset_at }))
    }

    fn record(&self, operation: String, incoming: &Incoming, done: Done, status: u16, fault: Option<Fault>) {
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation,
            request: json!({"by": done.caller, "parameters": redacted(&incoming.parameters)}),
            status,
            violations: done.violations,
            fault,
        });
    }
}

/// Scope, working time, parameters and the method itself: for a call of its own and for a command of a batch.
pub(super) fn run(state: &mut super::state::State, call: &mut Call) -> Outcome {
    let not_found = || Refusal::wrong(404, "ERROR_METHOD_NOT_FOUND", "Method not found!");
    let (_, description) = find(call.method).ok_or_else(not_found)?;
    check_scope(&call.caller, description)?;
    state.limits.work(&call.caller.label, call.method, call.now)?;
    let unknown = description.check(&mut call.parameters)?;
    call.violations.extend(unknown);
    answer(state, call)
}

fn response(done: &Done, fault: Option<&Fault>) -> Response {
    if matches!(fault, Some(Fault::Html { .. })) {
        return wire::page(done.status);
    }
    wire::json(done.status, done.body.to_string(), fault)
}
