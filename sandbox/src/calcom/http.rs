//! One request's way: route, planned fault, rate limit, version, credentials, specification, handler, ledger.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, Method, Uri, header},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    Calcom, VENDOR,
    answer::Refusal,
    bookings, change, create, event_types,
    model::Scope,
    routes::{Key, Route, check_version, find},
    slots, teams, throttle, webhooks,
};
use crate::{
    fault::{Before, Fault},
    ledger::Entry,
    wire::{self, Ending},
};

/// Express' default limit of a JSON body.
const BODY_LIMIT: usize = 100 * 1024;

/// What a handler gets.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) operation: &'static str,
    /// The template's variables, in order.
    pub(super) ids: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Value,
    /// The user whose key it is.
    pub(super) user: Option<i64>,
    /// Deliver webhooks twice.
    pub(super) twice: bool,
}

impl Call {
    pub(super) fn id(&self, index: usize) -> &str {
        self.ids.get(index).map_or("", String::as_str)
    }

    pub(super) fn number(&self, index: usize) -> Result<i64, Refusal> {
        self.id(index).parse().map_err(|_| Refusal::input("Validation failed (numeric string is expected)"))
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// A 2xx answer, or a refusal.
pub(super) type Answer = Result<(u16, Value), Refusal>;

pub(super) fn success(status: u16, data: Value) -> Answer {
    Ok((status, json!({"status": "success", "data": data})))
}

struct Incoming {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

pub(super) async fn entry(State(calcom): State<Arc<Calcom>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return calcom.too_large(parts.uri.path());
    };
    let incoming = Incoming { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    wire::answer(async move { calcom.serve(incoming).await }).await
}

fn answer(status: u16, body: &Value) -> Response {
    wire::json(status, body.to_string(), None)
}

impl Calcom {
    fn too_large(&self, path: &str) -> Response {
        let (at, refusal) = (self.world.now(), Refusal::nest(413, "request entity too large"));
        self.world.ledger.record(Entry {
            at,
            vendor: VENDOR,
            operation: "unknown".to_owned(),
            request: json!({"path": path}),
            status: 413,
            violations: vec!["the body is larger than 100 KB".to_owned()],
            fault: None,
        });
        answer(413, &refusal.body(path, at))
    }

    async fn serve(self: &Arc<Self>, incoming: Incoming) -> Ending {
        let found = find(&incoming.method, incoming.uri.path());
        let operation = found.as_ref().map_or("unknown", |(route, _)| route.operation);
        let fault = self.world.faults.take(VENDOR, operation);
        let mut entry = Entry {
            at: self.world.now(),
            vendor: VENDOR,
            operation: operation.to_owned(),
            request: logged(&incoming),
            status: 0,
            violations: Vec::new(),
            fault: fault.clone(),
        };
        let path = incoming.uri.path();
        let refused = |refusal: &Refusal, path: &str| answer(refusal.status, &refusal.body(path, self.world.now()));
        let response = match Fault::before(fault.as_ref()).await {
            Before::Refuse(code) => refused(&planned_refusal(code), path),
            Before::Limit(seconds) => throttle::Verdict::refused(seconds).mark(refused(&throttle::refusal(), path)),
            Before::Withhold => refused(&planned_refusal(500), path),
            Before::Work => {
                let twice = matches!(fault, Some(Fault::Twice));
                let (verdict, outcome) = self.handle(found, &incoming, twice, &mut entry.violations).await;
                let response = outcome.map(|(status, body)| answer(status, &body)).unwrap_or_else(|refusal| {
                    let whole = incoming.uri.path_and_query().map_or("", |path| path.as_str());
                    let response = refused(&refusal, whole);
                    entry.violations.extend(refusal.violations);
                    response
                });
                verdict.mark(response)
            }
        };
        let response = Fault::after(fault.as_ref()).await.map_or(response, |code| refused(&planned_refusal(code), path));
        let ending = Ending::of(response, fault.as_ref());
        entry.status = ending.status();
        self.world.ledger.record(entry);
        ending
    }

    async fn handle(
        self: &Arc<Self>,
        found: Option<(&'static Route, Vec<String>)>,
        incoming: &Incoming,
        twice: bool,
        violations: &mut Vec<String>,
    ) -> (throttle::Verdict, Answer) {
        let not_found = || Refusal::nest(404, format!("Cannot {} {}", incoming.method, incoming.uri));
        // The throttler is a global guard: it runs before the route's own guards, and knows every key.
        let checked = throttle::check(&mut self.state(), bearer(&incoming.headers), self.world.now());
        let verdict = match checked {
            Ok(verdict) if verdict.is_refused() => return (verdict, Err(throttle::refusal())),
            Ok(verdict) => verdict,
            Err(refusal) => return (throttle::Verdict::default(), Err(refusal)),
        };
        let Some((route, ids)) = found else {
            return (verdict, Err(not_found().forbidden("no such operation")));
        };
        let prepared = check_version(route, &incoming.headers, not_found)
            .and_then(|()| self.authenticate(route, &incoming.headers))
            .and_then(|user| self.check_input(route, incoming, violations).map(|(query, body)| (user, query, body)));
        let outcome = match prepared {
            Ok((user, query, body)) => self.dispatch(&Call { operation: route.operation, ids, query, body, user, twice }).await,
            Err(refusal) => Err(refusal),
        };
        (verdict, outcome)
    }

    fn authenticate(&self, route: &Route, headers: &HeaderMap) -> Result<Option<i64>, Refusal> {
        let Some(key) = bearer(headers) else {
            return match route.key {
                Key::Optional => Ok(None),
                Key::Required => Err(Refusal::nest(
                    401,
                    "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client credentials as 'x-cal-secret-key' and 'x-cal-client-id' headers",
                )),
            };
        };
        let state = self.state();
        let user =
            state.user_by_key(key).ok_or_else(|| Refusal::nest(401, "ApiAuthStrategy - api key - Your api key is not valid"))?;
        if user.api_key_expires_at.is_some_and(|end| end < self.world.now()) {
            return Err(Refusal::nest(401, "ApiAuthStrategy - api key - Your api key is expired"));
        }
        Ok(Some(user.id))
    }

    fn check_input(
        &self,
        route: &Route,
        incoming: &Incoming,
        violations: &mut Vec<String>,
    ) -> Result<(Vec<(String, String)>, Value), Refusal> {
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(incoming.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let problems = self.spec.check_query(route.operation, &query);
        let unknown: Vec<String> = problems.unknown.iter().map(|name| format!("property {name} should not exist")).collect();
        if route.strict && !unknown.is_empty() {
            return Err(Refusal::input(unknown.join(",")));
        }
        violations.extend(unknown);
        if !problems.wrong.is_empty() {
            return Err(Refusal::input(problems.wrong.join(",")));
        }
        let body = if incoming.body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_slice(&incoming.body).map_err(|error| Refusal::input(format!("Body is not valid JSON: {error}")))?
        };
        let problems = self.spec.check_body(route.operation, &body);
        if problems.is_empty() { Ok((query, body)) } else { Err(Refusal::input(problems.join(","))) }
    }

    async fn dispatch(self: &Arc<Self>, call: &Call) -> Answer {
        match call.operation {
            "GET /v2/slots" => slots::list(self, call),
            "POST /v2/slots/reservations" => slots::reserve(self, call),
            "GET /v2/slots/reservations/{uid}" => slots::reservation(self, call),
            "DELETE /v2/slots/reservations/{uid}" => slots::release(self, call),
            "POST /v2/bookings" => create::create(self, call).await,
            "GET /v2/bookings" => bookings::list_mine(self, call),
            "GET /v2/bookings/{bookingUid}" => bookings::get(self, call),
            "POST /v2/bookings/{bookingUid}/reschedule" => change::reschedule(self, call).await,
            "POST /v2/bookings/{bookingUid}/cancel" => change::cancel(self, call).await,
            "POST /v2/bookings/{bookingUid}/confirm" => change::confirm(self, call).await,
            "POST /v2/bookings/{bookingUid}/decline" => change::decline(self, call).await,
            "POST /v2/bookings/{bookingUid}/mark-absent" => change::mark_absent(self, call).await,
            "GET /v2/event-types" => event_types::of_users(self, call),
            "GET /v2/teams/{teamId}" => teams::get(self, call),
            "GET /v2/teams/{teamId}/bookings" => bookings::list_of_team(self, call),
            "GET /v2/teams/{teamId}/memberships" => teams::memberships(self, call),
            "GET /v2/teams/{teamId}/event-types" => event_types::of_team(self, call),
            "GET /v2/teams/{teamId}/event-types/{eventTypeId}" => event_types::of_team_one(self, call),
            "GET /v2/me" => teams::me(self, call),
            operation => self.dispatch_webhooks(operation, call),
        }
    }

    fn dispatch_webhooks(&self, operation: &str, call: &Call) -> Answer {
        let (scope, id) = if operation.contains(" /v2/teams/") {
            teams::require_admin(self, call.number(0)?, call.user)?;
            event_types::team_event_type(&self.state(), call.number(0)?, call.number(1)?)?;
            (Scope::EventType(call.number(1)?), call.ids.get(2))
        } else if operation.contains(" /v2/event-types/") {
            event_types::require_owner(&self.state(), call.number(0)?, call.user)?;
            (Scope::EventType(call.number(0)?), call.ids.get(1))
        } else {
            (Scope::User(call.user.unwrap_or_default()), call.ids.first())
        };
        match (operation.split(' ').next().unwrap_or_default(), id) {
            ("POST", _) => webhooks::create(self, scope, &call.body),
            ("GET", None) => webhooks::list(self, scope, call),
            ("DELETE", None) => webhooks::remove_all(self, scope),
            ("GET", Some(id)) => webhooks::get(self, scope, id),
            ("PATCH", Some(id)) => webhooks::update(self, scope, id, &call.body),
            (_, Some(id)) => webhooks::remove(self, scope, id),
            (_, None) => Err(Refusal::crash()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn planned_refusal(code: u16) -> Refusal {
    match code {
        500 => Refusal::crash(),
        // The throttler is a global guard, so a key that was revoked is refused there first.
        401 => Refusal::nest(401, "CustomThrottlerGuard - Invalid API Key"),
        code if code > 500 => Refusal::bare(code, "Service Unavailable"),
        code => Refusal::nest(code, "planned fault"),
    }
}

fn logged(incoming: &Incoming) -> Value {
    let mut body: Value = serde_json::from_slice(&incoming.body).unwrap_or(Value::Null);
    if let Some(secret) = body.get_mut("secret") {
        *secret = json!("[redacted]");
    }
    json!({
        "path": incoming.uri.path(),
        "query": incoming.uri.query(),
        "version": incoming.headers.get("cal-api-version").and_then(|value| value.to_str().ok()),
        "authenticated": bearer(&incoming.headers).is_some(),
        "body": body,
    })
}
