//! Calls over HTTP: reading them, the planned faults, the check against the specification, the ledger.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use serde_json::{Map, Value, json};

use super::{
    Telegram, VENDOR,
    answer::{Outcome, Refusal, envelope},
    methods::Done,
    spec::{Spec, spec},
    state::Bot,
};
use crate::{
    fault::{Before, Fault},
    ledger::Entry,
    wire::{self, Ending},
};

pub(super) fn router(telegram: Arc<Telegram>) -> Router {
    Router::new()
        .route("/telegram/{bot}/{method}", any(call))
        .route("/telegram/file/{bot}/{*path}", any(download))
        .with_state(telegram)
}

/// A call as it was understood.
struct Call {
    bot: Arc<Bot>,
    method: &'static str,
    parameters: Map<String, Value>,
}

async fn call(
    State(telegram): State<Arc<Telegram>>,
    Path((bot, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    match telegram.read(&bot, &method, query.as_deref().unwrap_or_default(), &headers, &body) {
        Ok(call) => wire::answer(async move { telegram.serve(&call).await }).await,
        Err(refusal) => {
            let violations = if refusal.violation { vec![refusal.description.clone()] } else { vec![] };
            telegram.complain(&method, Value::Null, refusal.code, violations);
            envelope(&Err(refusal))
        }
    }
}

impl Telegram {
    async fn serve(&self, call: &Call) -> Ending {
        let fault = self.world.faults.take(VENDOR, call.method);
        let (outcome, violations) = match Fault::before(fault.as_ref()).await {
            Before::Work => self.perform(call),
            Before::Refuse(code) => (Err(Refusal::of_status(code)), vec![]),
            Before::Limit(seconds) => (Err(Refusal::flood(seconds)), vec![]),
            Before::Withhold => (Err(Refusal::of_status(500)), vec![]),
        };
        let outcome = Fault::after(fault.as_ref()).await.map_or(outcome, |code| Err(Refusal::of_status(code)));
        let ending = Ending::of(envelope(&outcome), fault.as_ref());
        self.record(call, violations, ending.status(), fault);
        ending
    }

    fn read(&self, bot: &str, method: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<Call, Refusal> {
        let spec = spec();
        let token = bot.strip_prefix("bot").ok_or_else(|| Refusal::new(404, "Not Found".to_owned()))?;
        if super::bot_id(token).is_none() {
            return Err(Refusal::new(401, "Unauthorized: invalid token specified".to_owned()));
        }
        let bot = self.bot_by_token(token).ok_or_else(|| Refusal::of_status(401))?;
        let method = spec
            .method(method)
            .ok_or_else(|| Refusal { violation: true, ..Refusal::new(404, "Not Found: method not found".to_owned()) })?;
        Ok(Call { bot, method, parameters: parameters(spec, method, query, headers, body)? })
    }

    /// Checks a call and, unless something forbids it, does it.
    fn perform(&self, call: &Call) -> (Outcome, Vec<String>) {
        let spec = spec();
        let problems = spec.check_call(call.method, &call.parameters);
        let mut violations: Vec<String> = problems.iter().map(ToString::to_string).collect();
        if let Some(problem) = problems.iter().find(|problem| problem.refused) {
            return (Err(Refusal::bad_request(problem)), violations);
        }
        let outcome = self.execute(&call.bot, call.method, &call.parameters).map(|done| match done {
            Done::With(result) => (result, None),
            Done::Already(description) => (json!(true), Some(description)),
        });
        match &outcome {
            Ok((result, _)) => {
                let wrong = spec.check_result(call.method, result);
                if !wrong.is_empty() {
                    let wrong = wrong.iter().map(ToString::to_string).collect();
                    self.complain(&format!("{} result", call.method), result.clone(), 0, wrong);
                }
            }
            Err(refusal) if refusal.violation => violations.push(refusal.description.clone()),
            Err(_) => {}
        }
        self.touch();
        (outcome, violations)
    }

    fn record(&self, call: &Call, violations: Vec<String>, status: u16, fault: Option<Fault>) {
        let mut parameters = call.parameters.clone();
        if let Some(secret) = parameters.get_mut("secret_token") {
            *secret = json!("***");
        }
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation: call.method.to_owned(),
            request: json!({"bot": call.bot.id, "parameters": parameters}),
            status,
            violations,
            fault,
        });
        self.touch();
    }
}

/// Bot API: parameters come in the query, as a form, or as JSON; files, which need multipart, are not played here.
fn parameters(spec: &Spec, method: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let form = |text: &[u8]| spec.read_form(method, url::form_urlencoded::parse(text).into_owned());
    let mut parameters = form(query.as_bytes());
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        _ if body.is_empty() => {}
        "application/json" => match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => parameters.extend(object),
            _ => return Err(Refusal::bad_request("can't parse JSON object")),
        },
        "application/x-www-form-urlencoded" => parameters.extend(form(body)),
        other => return Err(Refusal::bad_request(format!("the stand-in does not read \"{other}\""))),
    }
    Ok(parameters)
}

async fn download(State(telegram): State<Arc<Telegram>>, Path((bot, path)): Path<(String, String)>) -> Response<Body> {
    let known = bot.strip_prefix("bot").and_then(|token| telegram.bot_by_token(token)).is_some();
    let bytes = telegram.files().values().find(|file| file.path == path).map(|file| file.bytes.to_vec());
    match bytes {
        Some(bytes) if known => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        _ => {
            let mut response = envelope(&Err(Refusal::of_status(404)));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}
