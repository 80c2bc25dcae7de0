//! Calls over HTTP: reading them, the planned faults, the check against the document, the ledger.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, Response, header, request::Parts},
    routing::any,
};
use serde_json::{Value, json};

use super::{
    Max, VENDOR,
    answer::{Outcome, Refusal, response},
    spec::{PLAYED, Spec, spec},
    state::Bot,
};
use crate::{
    fault::{Before, Fault},
    ledger::Entry,
    wire::{self, Ending},
};

/// MAX: 30 requests a second; nobody says whether per token or per address.
const BOT_PER_SECOND: f64 = 30.0;
/// No message comes near it.
const BODY_LIMIT: usize = 1024 * 1024;

pub(super) fn router(max: Arc<Max>) -> Router {
    Router::new().route("/max/{*path}", any(entry)).with_state(max)
}

/// A call as it came.
pub(super) struct Call {
    pub(super) operation: &'static str,
    /// The variable part of the path, if it has one.
    pub(super) id: String,
    pub(super) query: Vec<(String, String)>,
    /// Null without one.
    pub(super) body: Value,
}

impl Call {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.param(name)?.parse().ok()
    }

    /// What the ledger keeps: no credential.
    fn without_secrets(&self) -> Value {
        let query: serde_json::Map<String, Value> = self
            .query
            .iter()
            .map(|(name, value)| (name.clone(), if name == "access_token" { json!("***") } else { json!(value) }))
            .collect();
        let mut body = self.body.clone();
        if let Some(secret) = body.get_mut("secret") {
            *secret = json!("***");
        }
        json!({"id": self.id, "query": query, "body": body})
    }
}

async fn entry(State(max): State<Arc<Max>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return response(&Err(Refusal::bad_request("the body is too large")));
    };
    let path = parts.uri.path().strip_prefix("/max").unwrap_or_default();
    let (operation, id) = match find(&parts.method, path) {
        Ok(found) => found,
        Err(refusal) => {
            max.record(&format!("{} {path}", parts.method), Value::Null, refusal.status, vec![refusal.message.clone()], None);
            return response(&Err(refusal));
        }
    };
    let call = Call { operation, id, query: query(&parts), body: Value::Null };
    wire::answer(async move { max.serve(call, &parts.headers, &body).await }).await
}

/// The operation that a method and a path name, with the variable part of the path.
fn find(method: &Method, path: &str) -> Result<(&'static str, String), Refusal> {
    let given: Vec<&str> = path.trim_matches('/').split('/').collect();
    let fits = |operation: &&'static str| {
        let (_, template) = operation.split_once(' ')?;
        let wanted: Vec<&str> = template.trim_matches('/').split('/').collect();
        let same = wanted.len() == given.len()
            && wanted.iter().zip(&given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given);
        let id = wanted.iter().zip(&given).find(|(wanted, _)| wanted.starts_with('{')).map_or("", |(_, given)| given);
        same.then(|| (*operation, id.to_owned()))
    };
    let candidates: Vec<_> = PLAYED.iter().filter_map(fits).collect();
    let asked = format!("{method} ");
    match candidates.iter().find(|(operation, _)| operation.starts_with(&asked)) {
        Some(found) => Ok(found.clone()),
        None if candidates.is_empty() => Err(Refusal::new(404, "not.found", "no such resource, or none that the stand-in plays")),
        None => Err(Refusal::of_status(405)),
    }
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

impl Max {
    async fn serve(&self, mut call: Call, headers: &HeaderMap, body: &[u8]) -> Ending {
        let fault = self.world.faults.take(VENDOR, call.operation);
        let (outcome, violations) = match Fault::before(fault.as_ref()).await {
            Before::Work => self.perform(&mut call, headers, body),
            Before::Refuse(code) => (Err(Refusal::of_status(code)), vec![]),
            Before::Limit(seconds) => (Err(Refusal::flood(Some(seconds))), vec![]),
            Before::Withhold => (Err(Refusal::of_status(500)), vec![]),
        };
        let outcome = Fault::after(fault.as_ref()).await.map_or(outcome, |code| Err(Refusal::of_status(code)));
        let ending = Ending::of(response(&outcome), fault.as_ref());
        self.record(call.operation, call.without_secrets(), ending.status(), violations, fault);
        ending
    }

    /// Checks a call and, unless something forbids it, does it.
    fn perform(&self, call: &mut Call, headers: &HeaderMap, body: &[u8]) -> (Outcome, Vec<String>) {
        let mut violations = Vec::new();
        let outcome = self.authenticate(call, headers).and_then(|bot| {
            let spec = spec();
            read_body(spec, call, headers, body, &mut violations)?;
            self.pace(&bot)?;
            let problems = spec.check_call(call.operation, &call.query, spec.takes_body(call.operation).then_some(&call.body));
            violations.extend(problems.unknown);
            violations.extend(strange_kinds(spec, call));
            if let Some(first) = problems.refused.first().cloned() {
                violations.extend(problems.refused);
                return Err(Refusal { violation: false, ..Refusal::bad_request(first) });
            }
            let outcome = self.execute(&bot, call)?;
            let wrong = spec.check_answer(call.operation, 200, &outcome);
            if !wrong.is_empty() {
                self.record(&format!("{} answer", call.operation), outcome.clone(), 200, wrong, None);
            }
            Ok(outcome)
        });
        if let Err(refusal) = &outcome
            && refusal.violation
        {
            violations.push(refusal.message.clone());
        }
        (outcome, violations)
    }

    /// MAX: the token itself in `Authorization`, without a scheme before it and nowhere else.
    fn authenticate(&self, call: &Call, headers: &HeaderMap) -> Result<Arc<Bot>, Refusal> {
        let violation = |refusal| Refusal { violation: true, ..refusal };
        if call.param("access_token").is_some() {
            let message = "Query parameter access_token is deprecated, use Authorization header";
            return Err(violation(Refusal::new(403, "deprecated.token", message)));
        }
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        match token {
            None => Err(violation(Refusal::token("Empty access_token"))),
            Some(token) if token.contains(' ') => Err(violation(Refusal::token("Malformed access token"))),
            Some(token) => self.bot_by_token(token).ok_or_else(|| Refusal::of_status(401)),
        }
    }

    fn pace(&self, bot: &Bot) -> Result<(), Refusal> {
        if self.manners().real_limits {
            let taken = bot.state().pace.take(self.world.now(), BOT_PER_SECOND, BOT_PER_SECOND);
            taken.map_err(|_| Refusal::flood(None))?;
        }
        Ok(())
    }

    /// Records a request, or what the vendor forbids outside of one.
    pub(super) fn record(&self, operation: &str, request: Value, status: u16, violations: Vec<String>, fault: Option<Fault>) {
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation: operation.to_owned(),
            request,
            status,
            violations,
            fault,
        });
        self.touch();
    }
}

fn read_body(
    spec: &Spec,
    call: &mut Call,
    headers: &HeaderMap,
    body: &[u8],
    violations: &mut Vec<String>,
) -> Result<(), Refusal> {
    if !spec.takes_body(call.operation) {
        return Ok(());
    }
    call.body = serde_json::from_slice(body).map_err(|_| Refusal::bad_request("the body is not JSON"))?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        violations.push("Content-Type: must be application/json".to_owned());
    }
    Ok(())
}

/// Kinds of updates that the document doesn't know: MAX takes the subscription, and nothing ever comes.
fn strange_kinds(spec: &Spec, call: &Call) -> Vec<String> {
    let wanted = call.body["update_types"].as_array().into_iter().flatten().filter_map(Value::as_str);
    wanted
        .filter(|wanted| spec.update_types().all(|known| known != *wanted))
        .map(|wanted| format!("update_types: MAX knows no {wanted}"))
        .collect()
}
