//! One request's way on a Graph host: path, planned fault, parameters, the platform's own work, ledger.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri, header},
};
use serde_json::{Map, Value, json};

use super::{
    Platform,
    graph::{Outcome, Refusal, envelope},
};
use crate::{
    fault::{Before, Fault},
    ledger::Entry,
    wire::{self, Ending},
};

/// Graph API changelog of 2026: the versions that are still answered.
const VERSIONS: &[&str] = &["v26.0", "v25.0", "v24.0", "v23.0", "v22.0", "v21.0"];
const BODY_LIMIT: usize = 1024 * 1024;
/// Parameters that are credentials.
const SECRET: &[&str] = &["access_token", "verify_token", "client_secret"];

/// A call as it was understood.
#[derive(Debug)]
pub(crate) struct Call {
    /// As in the vendor's pages: `POST /{Phone-Number-ID}/messages`.
    pub(crate) operation: &'static str,
    /// The object that the path names.
    pub(crate) node: String,
    /// Of the query.
    pub(crate) query: Vec<(String, String)>,
    /// Of the query and the body.
    pub(crate) parameters: Map<String, Value>,
    pub(crate) token: Option<String>,
    /// Deliver the webhooks that follow twice.
    pub(crate) twice: bool,
}

impl Call {
    /// A parameter that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Value::as_str)
    }
}

/// A platform on a Graph host.
#[async_trait::async_trait]
pub(crate) trait Graph: Send + Sync + 'static {
    fn platform(&self) -> &Arc<Platform>;

    /// The operation and the object that a path, its version taken off, names.
    fn operation(&self, method: &Method, path: &[&str], versioned: bool) -> Option<(&'static str, String)>;

    /// Does a call. What a correct product would not have sent goes into `violations`, whether it is refused or not.
    async fn perform(self: Arc<Self>, call: &Call, violations: &mut Vec<String>) -> Outcome;

    /// What the platform says with this status when nothing more is known.
    fn planned(&self, status: u16) -> Refusal;

    /// The same, about a call whose work was done.
    fn planned_nevertheless(&self, status: u16) -> Refusal {
        self.planned(status)
    }

    /// What the platform says when there were too many calls, for so many seconds.
    fn limited(&self, seconds: u64) -> Refusal;
}

struct Incoming {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

/// The handler of all requests under the platform's prefix.
pub(crate) async fn entry<G: Graph>(State(graph): State<Arc<G>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return response;
    };
    let incoming = Incoming { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    wire::answer(serve(graph, incoming)).await
}

async fn serve<G: Graph>(graph: Arc<G>, incoming: Incoming) -> Ending {
    let platform = Arc::clone(graph.platform());
    let (found, wrong_version) = find(&*graph, &incoming);
    let operation = found.as_ref().map_or("unknown", |(operation, _)| *operation);
    let fault = platform.world.faults.take(platform.object.vendor(), operation);
    let mut entry = Entry {
        at: platform.world.now(),
        vendor: platform.object.vendor(),
        operation: operation.to_owned(),
        request: Value::Null,
        status: 0,
        violations: Vec::new(),
        fault: fault.clone(),
    };
    let node = found.as_ref().map(|(_, node)| node.clone()).unwrap_or_default();
    let call = match (found, wrong_version) {
        (_, Some(refusal)) => Err(refusal),
        (Some((operation, node)), None) => read(operation, node, &incoming),
        (None, None) => Err(unknown_path(&incoming.uri).violation()),
    };
    entry.request = logged(&incoming, call.as_ref().map_or(&Map::new(), |call| &call.parameters));
    let outcome = match (Fault::before(fault.as_ref()).await, call) {
        (Before::Work, Ok(mut call)) => {
            call.twice = fault == Some(Fault::Twice);
            Arc::clone(&graph).perform(&call, &mut entry.violations).await
        }
        (Before::Work, Err(refusal)) => Err(refusal),
        (Before::Refuse(code), _) => Err(graph.planned(code)),
        (Before::Limit(seconds), _) => Err(graph.limited(seconds)),
        (Before::Withhold, _) => Err(graph.planned(500)),
    };
    if let Err(refusal) = &outcome {
        entry.violations.extend(refusal.blame());
    }
    platform.touch();
    let outcome = Fault::after(fault.as_ref()).await.map_or(outcome, |code| Err(graph.planned_nevertheless(code)));
    let ending = Ending::of(envelope(&outcome, (node.as_str(), platform.object.vendor())), fault.as_ref());
    entry.status = ending.status();
    platform.world.ledger.record(entry);
    platform.touch();
    ending
}

type Found = Option<(&'static str, String)>;

/// The path behind the platform's prefix, and why its version is not answered.
fn find<G: Graph>(graph: &G, incoming: &Incoming) -> (Found, Option<Refusal>) {
    let path: Vec<&str> = incoming.uri.path().split('/').filter(|segment| !segment.is_empty()).skip(1).collect();
    let version = path.first().filter(|first| is_version(first));
    let found = graph.operation(&incoming.method, &path[usize::from(version.is_some())..], version.is_some());
    let dead = version.filter(|version| !VERSIONS.contains(*version));
    (found, dead.map(|_| unknown_path(&incoming.uri).violation()))
}

fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

fn unknown_path(uri: &Uri) -> Refusal {
    Refusal::new(400, 2500, format!("Unknown path components: {}", uri.path()))
}

/// Graph API: parameters come in the query, as a form, or as JSON; the token in a header or among them.
fn read(operation: &'static str, node: String, incoming: &Incoming) -> Result<Call, Refusal> {
    let form = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<Vec<(String, String)>>();
    let query = form(incoming.uri.query().unwrap_or_default().as_bytes());
    let texts = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
    };
    let mut parameters = texts(&query);
    let kind = incoming.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        _ if incoming.body.is_empty() => {}
        "application/json" => match serde_json::from_slice(&incoming.body) {
            Ok(Value::Object(object)) => parameters.extend(object),
            _ => return Err(Refusal::titled(400, 100, "Invalid parameter").details("The body is not a JSON object").violation()),
        },
        "application/x-www-form-urlencoded" => parameters.extend(texts(&form(&incoming.body))),
        _ => return Err(Refusal::titled(400, 100, "Invalid parameter").details("The body has no type that is read").violation()),
    }
    let bearer = incoming.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
    // The parameter wins: clients send an app's token so, beside a header with a user's.
    let token = parameters.get("access_token").and_then(Value::as_str).map(str::to_owned).or(bearer);
    Ok(Call { operation, node, query, parameters, token, twice: false })
}

fn logged(incoming: &Incoming, parameters: &Map<String, Value>) -> Value {
    let parameters: Map<String, Value> = parameters
        .iter()
        .map(|(name, value)| (name.clone(), if SECRET.contains(&name.as_str()) { json!("[redacted]") } else { value.clone() }))
        .collect();
    json!({"path": incoming.uri.path(), "parameters": parameters})
}
