//! Calls over HTTP: reading them, the planned faults, the check against the schema, the ledger.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Response, header},
    routing::any,
};
use serde_json::{Map, Value, json};

use super::{
    VENDOR, Vk,
    answer::{Outcome, Refusal, envelope},
    form::Form,
    spec::{Problem, spec},
    state::Group,
};
use crate::{
    fault::{Before, Fault},
    ledger::Entry,
    wire::{self, Ending},
};

/// The version of the API that is played, which every call names.
const VERSION: &str = "5.199";

pub(super) fn router(vk: Arc<Vk>) -> Router {
    Router::new().route("/vk/method/{method}", any(call)).with_state(vk)
}

/// A call as it was understood.
pub(super) struct Call {
    pub(super) group: Arc<Group>,
    pub(super) method: &'static str,
    /// The parameters, as the method types them.
    pub(super) parameters: Map<String, Value>,
    problems: Vec<Problem>,
    /// Post the events that follow twice.
    pub(super) twice: bool,
}

impl Call {
    pub(super) fn text(&self, name: &str) -> &str {
        self.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.parameters.get(name).and_then(Value::as_i64)
    }
}

async fn call(
    State(vk): State<Arc<Vk>>,
    Path(method): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let form = Form::read(query.as_deref().unwrap_or_default(), &headers, body).await;
    wire::answer(async move { vk.serve(&method, &form, &headers).await }).await
}

impl Vk {
    async fn serve(&self, method: &str, form: &Form, headers: &HeaderMap) -> Ending {
        let fault = self.world.faults.take(VENDOR, method);
        let (group, outcome, violations) = match Fault::before(fault.as_ref()).await {
            Before::Work => self.answer(method, form, headers, fault == Some(Fault::Twice)),
            Before::Refuse(code) => (None, Err(Refusal::of_status(code)), vec![]),
            Before::Limit(seconds) => (None, Err(Refusal::limited(seconds)), vec![]),
            Before::Withhold => (None, Err(Refusal::of_status(500)), vec![]),
        };
        let outcome = Fault::after(fault.as_ref()).await.map_or(outcome, |code| Err(Refusal::of_status(code)));
        let ending = Ending::of(envelope(&outcome, method, &form.parameters), fault.as_ref());
        self.record(method, group, form, violations, ending.status(), fault);
        ending
    }

    /// Reads a call and does it: the community, what came of it, and what the schema or the pages forbid.
    fn answer(&self, method: &str, form: &Form, headers: &HeaderMap, twice: bool) -> (Option<i64>, Outcome, Vec<String>) {
        let mut violations: Vec<String> = form.wrong.iter().cloned().collect();
        let read = self.read(method, &form.parameters, headers, twice);
        let group = read.as_ref().ok().map(|call| call.group.id);
        let outcome = read.and_then(|call| self.perform(&call, &mut violations));
        if let Err(refusal) = &outcome
            && refusal.violation
        {
            violations.push(refusal.text());
        }
        self.touch();
        (group, outcome, violations)
    }

    fn read(&self, method: &str, pairs: &BTreeMap<String, String>, headers: &HeaderMap, twice: bool) -> Result<Call, Refusal> {
        let Some(played) = spec().played(method) else {
            let detail = if spec().knows(method) { "the stand-in does not play this method" } else { "no such method" };
            return Err(Refusal::wrong(3, detail));
        };
        match pairs.get("v").map(String::as_str) {
            Some(VERSION) => {}
            Some(_) => return Err(Refusal::wrong(8, "the stand-in speaks version 5.199 alone")),
            None => return Err(Refusal::wrong(8, "v (version) is required")),
        }
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let key = bearer.or_else(|| pairs.get("access_token").map(String::as_str));
        let key = key.ok_or_else(|| Refusal::wrong(5, "no access_token passed."))?;
        let group = self.group_by_key(key).ok_or_else(|| Refusal::happens(5).because("invalid access_token (4)."))?;
        if let Some(code) = group.state().dead {
            return Err(Refusal::happens(code));
        }
        if self.manners().real_limits && !group.state().may_ask(self.world.now()) {
            return Err(Refusal::happens(6));
        }
        let (parameters, problems) = spec().check_call(played, pairs);
        Ok(Call { group, method: played, parameters, problems, twice })
    }

    /// Does a call unless something forbids it.
    fn perform(&self, call: &Call, violations: &mut Vec<String>) -> Outcome {
        let (refused, passed): (Vec<_>, Vec<_>) = call.problems.iter().partition(|problem| problem.refused);
        violations.extend(passed.iter().map(ToString::to_string));
        if let Some(problem) = refused.first() {
            // VK has codes of their own for these two.
            let code = match problem.parameter.as_str() {
                "keyboard" => 911,
                "message" => 914,
                _ => 100,
            };
            violations.extend(refused.iter().skip(1).map(ToString::to_string));
            return Err(Refusal::wrong(code, problem.to_string()));
        }
        let answer = self.execute(call)?;
        let wrong = spec().check_answer(call.method, &json!({"response": answer}));
        if !wrong.is_empty() {
            self.complain(&format!("{} answer", call.method), answer.clone(), 0, wrong);
        }
        Ok(answer)
    }

    fn record(&self, method: &str, group: Option<i64>, form: &Form, violations: Vec<String>, status: u16, fault: Option<Fault>) {
        let mut parameters = form.parameters.clone();
        parameters.remove("access_token");
        if let Some(secret) = parameters.get_mut("secret_key") {
            "***".clone_into(secret);
        }
        self.world.ledger.record(Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation: method.to_owned(),
            request: json!({"group": group, "parameters": parameters}),
            status,
            violations,
            fault,
        });
        self.touch();
    }
}
