//! The subgraph of the erxes federation: tenants, bookings and the message log, and what core's `Customer` and `Brand` have to do
//! with them. Reads only, but for dead letters, which somebody must see to ([`mutation`]).
//!
//! Its address is registered with erxes, so everything on it is reachable through the gateway (`/pl:salon/<path>`, erxes note,
//! section 1.4): one GraphQL path and a health word, nothing else.
//!
//! Who asks is decided in [`identity`], what they may see in [`access`]; a resolver reaches data only through the
//! [`access::View`] of its request.

pub mod access;
mod error;
pub mod identity;
mod loader;
mod mutation;
mod page;
mod query;
mod read;
mod schema;
mod size;
pub mod types;

pub use schema::{SalonSchema, build, sdl};

use std::sync::Arc;

use async_graphql::{Request, Response as Answer, ServerError};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use secrecy::SecretString;
use tracing::Instrument;

use self::{access::Session, identity::identify};
use crate::{
    clock::Stopwatch,
    error::{Code, Problem},
    ops::unit::Unit,
    store::Db,
};

/// The largest request body, in bytes. A federated query names its entities in here: a thousand of them take about 80 KiB.
pub const MAX_BODY: usize = 256 * 1024;

/// What the subgraph needs.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The database.
    pub db: Db,
    /// What the gateway's router puts into `router-authorization` (erxes note, section 2.5, point 4). None: not checked.
    pub router_secret: Option<SecretString>,
}

struct Subgraph {
    schema: SalonSchema,
    deps: Deps,
}

/// The subgraph's routes: `POST /graphql` and `GET /health`.
pub fn router(deps: Deps) -> Router {
    Router::new()
        .route("/graphql", post(answer))
        .route("/health", get(async || "ok"))
        .method_not_allowed_fallback(async || Code::MethodNotAllowed)
        .fallback(async || Code::NotFound)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(Subgraph { schema: build(), deps }))
}

/// One request: a unit of work of its own, one wide log line.
async fn answer(State(subgraph): State<Arc<Subgraph>>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let db = &subgraph.deps.db;
    let unit = Unit::current().unwrap_or_else(|| Unit::new(trace_of(&headers), db.clock(), db.ids()));
    let watch = Stopwatch::start();
    let response = unit.run(execute(&subgraph, &headers, body)).await;
    let (status, queries, duration_ms) = (response.status().as_u16(), unit.queries(), watch.elapsed_ms());
    metrics::histogram!("salon_graphql_seconds").record(watch.elapsed().as_secs_f64());
    tracing::info!(status, queries, duration_ms, trace = unit.trace(), "graphql");
    response
}

/// The caller's trace (W3C Trace Context): `version-trace-parent-flags`.
fn trace_of(headers: &HeaderMap) -> Option<&str> {
    headers.get("traceparent")?.to_str().ok()?.split('-').nth(1)
}

async fn execute(subgraph: &Subgraph, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let request = match body.map_err(refused_body).and_then(|body| parse(headers, &body)) {
        Ok(request) => request,
        Err(problem) => return refuse(&problem),
    };
    if let Some(reason) = size::refuses(&request.query) {
        return refuse(&Problem::new(Code::QueryTooComplex, reason));
    }
    let caller = identify(headers, subgraph.deps.router_secret.as_ref());
    let span = tracing::info_span!("graphql", operation = operation_name(&request));
    let request = request.data(Session::begin(subgraph.deps.db.clone(), caller));
    let answer = subgraph.schema.execute(request).instrument(span).await;
    Json(error::publish(answer)).into_response()
}

/// A browser sends JSON across origins only after asking: with the type required, a foreign page can't use a visitor's cookie,
/// which the gateway takes for a login.
fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Request, Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(Code::InvalidArgument, "content-type: must be application/json"));
    }
    serde_json::from_slice(body).map_err(|_| {
        Problem::new(
            Code::InvalidArgument,
            "body: must be one JSON object with `query` and, where needed, `variables` and `operationName`",
        )
    })
}

fn refused_body(rejection: BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, format!("body: must be at most {MAX_BODY} bytes")),
        _ => Problem::new(Code::InvalidArgument, "body: can't be read"),
    }
}

/// A request that is no GraphQL is refused in GraphQL's shape, which is the only one its callers read.
fn refuse(problem: &Problem) -> Response {
    let mut error = ServerError::new(problem.detail.clone(), None);
    error.source = Some(Arc::new(problem.clone()));
    (problem.code.status(), Json(error::publish(Answer::from_errors(vec![error])))).into_response()
}

/// The caller's name for the operation, if it is a GraphQL name of a sane length: it goes to the logs.
fn operation_name(request: &Request) -> Option<&str> {
    let name = request.operation_name.as_deref()?;
    (name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then_some(name)
}
