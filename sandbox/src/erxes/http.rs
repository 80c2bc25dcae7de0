//! One request's way through the gateway: credentials, document, variables, resolvers, ledger.

use std::{sync::Arc, time::Duration};

use async_graphql_parser::types::{DocumentOperations, ExecutableDocument, Field, OperationDefinition};
use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use serde_json::{Map, Value, json};

use super::{
    Erxes, VENDOR,
    resolve::{Failure, Principal, Request, project, resolve, selected, unread},
};
use crate::{
    fault::Fault,
    ledger::Entry,
    wire::{self, Ending},
};

/// Characters of a document, where an administrator has switched the gateway's limiter on (erxes note, 1.8).
const LONGEST: usize = 10_000;

/// A document that parsed.
struct Parsed {
    document: ExecutableDocument,
    operation: OperationDefinition,
    variables: Value,
}

impl Parsed {
    fn fields(&self) -> impl Iterator<Item = &Field> {
        selected(&self.operation.selection_set.node)
    }
}

pub(super) async fn entry(State(erxes): State<Arc<Erxes>>, headers: HeaderMap, body: Bytes) -> Response {
    wire::answer(async move { erxes.graphql(&headers, &body).await }).await
}

/// An answer: its status and its body.
pub(super) type Answer = (u16, Value);

impl Erxes {
    async fn graphql(&self, headers: &HeaderMap, body: &[u8]) -> Ending {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let parsed = parse(&request);
        let operation = parsed.as_ref().ok().and_then(|parsed| parsed.fields().next().map(|field| field.name.node.to_string()));
        let operation = operation.unwrap_or_else(|| "unknown".to_owned());
        let shown = json!({"query": request["query"], "variables": redacted(&request["variables"])});
        self.serve(operation, shown, |broken, violations| self.handle(headers, parsed, broken, violations)).await
    }

    /// One request's way around its work, which hears whether it is to fail inside and tells the violations. `shown` is what the ledger
    /// keeps.
    pub(super) async fn serve(
        &self,
        operation: String,
        shown: Value,
        work: impl FnOnce(bool, &mut Vec<String>) -> Answer,
    ) -> Ending {
        let at = self.world.now();
        let fault = self.world.faults.take(VENDOR, &operation);
        let json = |(status, body): Answer| wire::json(status, body.to_string(), fault.as_ref());
        let mut violations = Vec::new();
        let admitted = self.state().admit(at);
        let answer = match &fault {
            _ if !admitted => json(too_many()),
            Some(Fault::RateLimit { .. }) => json(too_many()),
            Some(Fault::Status { code }) if *code != 500 => json(gateway(*code)),
            Some(Fault::Html { code }) => wire::page(*code),
            Some(Fault::Hang | Fault::Drop) => json(gateway(500)),
            _ => {
                if let Some(Fault::Slow { ms }) = fault {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                // Every error of a resolver's comes with 200.
                let broken = matches!(fault, Some(Fault::Status { .. } | Fault::ErrorInOk));
                json(work(broken, &mut violations))
            }
        };
        let answer = Fault::after(fault.as_ref()).await.map_or(answer, |code| json(gateway(code)));
        let ending = Ending::of(answer, fault.as_ref());
        let status = ending.status();
        self.world.ledger.record(Entry { at, vendor: VENDOR, operation, request: shown, status, violations, fault });
        ending
    }

    fn handle(&self, headers: &HeaderMap, parsed: Result<Parsed, String>, broken: bool, violations: &mut Vec<String>) -> Answer {
        let Some(principal) = self.authenticate(headers) else {
            return (401, json!({"error": "Invalid app token"}));
        };
        let (parsed, complaints) = match parsed {
            Ok(parsed) => {
                let complaints = self.schema.check(&parsed.document, &parsed.operation);
                (Some(parsed), complaints)
            }
            Err(complaint) => (None, vec![complaint]),
        };
        let wrong_values = parsed.as_ref().filter(|_| complaints.is_empty());
        let wrong_values =
            wrong_values.map(|parsed| self.schema.check_variables(&parsed.operation, &parsed.variables)).unwrap_or_default();
        let code = if wrong_values.is_empty() { "GRAPHQL_VALIDATION_FAILED" } else { "BAD_USER_INPUT" };
        let complaints = [complaints, wrong_values].concat();
        match parsed {
            Some(parsed) if complaints.is_empty() => (200, self.execute(&parsed, &principal, broken, violations)),
            _ => {
                let errors: Vec<Value> = complaints
                    .iter()
                    .map(|message| json!({"message": message, "extensions": {"code": code, "category": "UNKNOWN"}}))
                    .collect();
                violations.extend(complaints);
                (400, json!({"errors": errors}))
            }
        }
    }

    fn execute(&self, parsed: &Parsed, principal: &Principal, broken: bool, violations: &mut Vec<String>) -> Value {
        let mut data = Map::new();
        let mut errors = Vec::new();
        for field in parsed.fields() {
            let name = field.name.node.as_str();
            let request =
                Request { name, arguments: arguments(field, &parsed.variables), principal, now: self.world.now(), broken };
            violations.extend(unread(&request));
            let outcome = if broken && name != "widgetsMessengerConnect" {
                Err(Failure::system("Internal server error"))
            } else {
                resolve(&mut self.state(), &request)
            };
            let value = outcome.unwrap_or_else(|failure| {
                errors.push(failure.body(name));
                Value::Null
            });
            data.insert(name.to_owned(), project(&value, &field.selection_set.node));
        }
        if errors.is_empty() { json!({"data": data}) } else { json!({"errors": errors, "data": data}) }
    }

    /// None for an unknown app token. A bad bearer token is silently anonymous.
    fn authenticate(&self, headers: &HeaderMap) -> Option<Principal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let state = self.state();
        if let Some(token) = text("erxes-app-token") {
            let app = state.app_tokens.iter().find(|app| app.token == token)?;
            tracing::debug!(app = app.name, "called by an app");
            return Some(Principal::App { id: format!("app:{}", app.id), owner: app.allow_all_permission });
        }
        let bearer = text("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let user = bearer.and_then(|token| {
            let granted = state.oauth.granted(token, self.world.now());
            let user = state.users.iter().find(|user| user.token == token || granted.is_some_and(|one| one.user == user.id))?;
            Some(Principal::User {
                id: user.id.clone(),
                owner: user.is_owner,
                permissions: user.permissions.clone(),
                scopes: granted.map(|one| one.scopes.clone()).unwrap_or_default(),
            })
        });
        Some(user.unwrap_or(Principal::Anonymous))
    }
}

fn parse(request: &Value) -> Result<Parsed, String> {
    let query = request["query"].as_str().ok_or("GraphQL operations must contain a non-empty `query`")?;
    if query.chars().count() > LONGEST {
        return Err(format!("the gateway's limiter lets no document of more than {LONGEST} characters pass"));
    }
    let document = async_graphql_parser::parse_query(query).map_err(|error| format!("Syntax Error: {error}"))?;
    let wanted = request["operationName"].as_str();
    let operation = match &document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(all) => {
            // The parser files even a single operation here if it has a name.
            let only = if all.len() == 1 { all.values().next() } else { None };
            wanted.and_then(|wanted| all.iter().find(|(name, _)| name.as_str() == wanted)).map(|(_, one)| one).or(only)
        }
    };
    let operation = operation.map(|operation| operation.node.clone());
    let operation = operation.ok_or("Must provide operation name if query contains multiple operations.")?;
    Ok(Parsed { document, operation, variables: request["variables"].clone() })
}

/// The arguments that were given: a variable left out is an argument left out.
fn arguments(field: &Field, variables: &Value) -> Map<String, Value> {
    let given = field.arguments.iter().filter_map(|(name, value)| {
        let value = value.node.clone().into_const_with(|variable| {
            variables
                .get(variable.as_str())
                .cloned()
                .ok_or(())
                .map(|value| async_graphql_value::ConstValue::from_json(value).unwrap_or_default())
        });
        Some((name.node.to_string(), value.ok()?.into_json().ok()?))
    });
    given.collect()
}

fn too_many() -> Answer {
    (429, json!({"error": "Too many requests, please try again later."}))
}

/// What the gateway says with a status.
fn gateway(code: u16) -> Answer {
    let body = match code {
        401 => json!({"error": "Invalid app token"}),
        502 => json!({"error": "Gateway proxy error", "code": "ECONNREFUSED"}),
        _ => json!({"error": "Gateway error"}),
    };
    (code, body)
}

fn redacted(variables: &Value) -> Value {
    let mut shown = variables.clone();
    for name in ["password", "deviceToken"] {
        if let Some(secret) = shown.get_mut(name) {
            *secret = json!("[redacted]");
        }
    }
    shown
}
