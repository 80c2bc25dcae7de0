//! `/livez`, `/readyz` and `/metrics`, of the web process and of the workers alike.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    http::closed,
    metrics::{self as ours, names},
};
use crate::{
    app::App,
    store::{Db, StoreError, migrations},
};

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Counting the queues reads whole indexes: however often Prometheus and its twins ask, it is done this often.
const GAUGES_FOR: Duration = Duration::from_secs(5);

/// What health is told from.
#[derive(Clone)]
pub struct OpsDeps {
    /// The database: without it nothing works.
    pub db: Db,
    /// Redis, if it is used: without it everything works, slower.
    pub redis: Option<redis::Client>,
    /// What [`ours::install`] gave.
    pub metrics: PrometheusHandle,
    /// Cancelled when the process begins to stop: no new work should be sent to it.
    pub stopping: CancellationToken,
}

impl OpsDeps {
    /// The parts of a running process; starts counting if nobody did.
    ///
    /// # Errors
    /// When somebody else's metrics recorder is installed already.
    pub async fn of(app: &App, stopping: CancellationToken) -> Result<Self, BuildError> {
        Ok(Self { db: app.db.clone(), redis: app.redis.clone(), metrics: ours::install().await?, stopping })
    }
}

impl std::fmt::Debug for OpsDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpsDeps").field("redis", &self.redis.is_some()).finish_non_exhaustive()
    }
}

struct Ops {
    deps: OpsDeps,
    gauges_at: Mutex<Option<Instant>>,
}

/// The operator's addresses.
pub fn router(deps: OpsDeps) -> Router {
    let routes = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(Ops { deps, gauges_at: Mutex::new(None) }));
    closed(routes)
}

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Check {
    Ok,
    Failing,
    /// Not well, and not needed.
    Degraded,
    /// Not asked.
    Unused,
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    stopping: bool,
    database: Check,
    schema: Check,
    redis: Check,
}

async fn ready(State(ops): State<Arc<Ops>>) -> Response {
    let db = &ops.deps.db;
    let (database, schema, redis) = tokio::join!(needed(db.ping()), needed(current(db)), redis(ops.deps.redis.as_ref()));
    let stopping = ops.deps.stopping.is_cancelled();
    let ready = !stopping && database == Check::Ok && schema == Check::Ok;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, stopping, database, schema, redis })).into_response()
}

async fn needed(answer: impl Future<Output = Result<(), StoreError>>) -> Check {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(())) => Check::Ok,
        _ => Check::Failing,
    }
}

async fn current(db: &Db) -> Result<(), StoreError> {
    if migrations::is_current(db).await? { Ok(()) } else { Err(StoreError::Corrupt("schema")) }
}

async fn redis(client: Option<&redis::Client>) -> Check {
    let Some(client) = client else { return Check::Unused };
    let ping = async {
        let mut connection = client.get_multiplexed_async_connection().await?;
        redis::cmd("PING").query_async::<String>(&mut connection).await
    };
    match timeout(PATIENCE, ping).await {
        Ok(Ok(_)) => Check::Ok,
        _ => Check::Degraded,
    }
}

async fn metrics(State(ops): State<Arc<Ops>>) -> Response {
    ops.refresh().await;
    let text = ops.deps.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

impl Ops {
    /// A scrape never fails for the database: that it is away is what the metrics should tell.
    async fn refresh(&self) {
        let mut at = self.gauges_at.lock().await;
        if at.is_some_and(|at| at.elapsed() < GAUGES_FOR) {
            return;
        }
        let up = match timeout(PATIENCE, ours::refresh(&self.deps.db)).await {
            Ok(Ok(())) => 1.0,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the queues can't be counted");
                0.0
            }
            Err(_) => 0.0,
        };
        gauge!(names::DATABASE_UP).set(up);
        *at = Some(Instant::now());
    }
}
