//! What the operator's address tells.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use salon_core::{
    ops::{health, metrics},
    store::Db,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::harness::World;

async fn routes(db: &Db, redis: Option<&str>) -> (Router, CancellationToken) {
    let stopping = CancellationToken::new();
    let deps = health::OpsDeps {
        db: db.clone(),
        redis: redis.map(|url| redis::Client::open(url).unwrap()),
        metrics: metrics::install().await.unwrap(),
        stopping: stopping.clone(),
    };
    (health::router(deps), stopping)
}

async fn get(routes: &Router, path: &str) -> (u16, String) {
    let response = routes.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    (status, String::from_utf8(to_bytes(response.into_body(), 1_000_000).await.unwrap().into()).unwrap())
}

async fn ready(routes: &Router) -> (u16, Value) {
    let (status, body) = get(routes, "/readyz").await;
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_process_that_stops_is_alive_and_not_ready() {
    let world = World::new().await;
    let (routes, stopping) = routes(&world.db, Some(&world.redis_url)).await;
    let well = json!({ "ready": true, "stopping": false, "database": "ok", "schema": "ok", "redis": "ok" });
    assert_eq!(ready(&routes).await, (200, well));
    stopping.cancel();
    assert_eq!(ready(&routes).await.0, 503);
    assert_eq!(get(&routes, "/livez").await.0, 200);
    assert_eq!(get(&routes, "/elsewhere").await.0, 404);
}

#[tokio::test]
async fn a_database_that_waits_for_migrations_is_not_ready() {
    let world = World::new().await;
    let (routes, _) = routes(&world.db, None).await;
    let last = "delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)";
    sqlx::query(last).execute(&mut world.owner().await).await.unwrap();
    let (status, told) = ready(&routes).await;
    assert_eq!((status, &told["database"], &told["schema"]), (503, &json!("ok"), &json!("failing")));
    assert_eq!(told["redis"], "unused");
}

#[tokio::test]
async fn the_metrics_tell_of_queues_and_of_what_is_unaccounted_for() {
    let world = World::new().await;
    let (routes, _) = routes(&world.db, None).await;
    let orphan =
        "insert into inbound_event (id, tenant_id, source, source_id, vendor_event_id, kind, event, raw, state, received_at)
        values (gen_random_uuid(), $1, 'telegram', $1, '1', 'text', '{}', '', 'received', now())";
    sqlx::query(orphan).bind(world.lotos).execute(&mut world.owner().await).await.unwrap();
    let (status, text) = get(&routes, "/metrics").await;
    assert_eq!(status, 200);
    // The recorder is the process's own, shared with other tests, each of which counts its own database: names only.
    for name in [
        "salon_queue_ready{queue=\"dialogue\"}",
        "salon_queue_dead{queue=\"crm\"}",
        "salon_queue_dead_oldest_seconds{queue=\"crm\"}",
        "salon_queue_oldest_seconds{queue=\"outbound\"}",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    assert!(
        text.contains("salon_unaccounted{what=\"inbound_event\"}") && text.contains("salon_unaccounted{what=\"reminder\"} 0")
    );
    assert!(text.contains("salon_database_up"));
    let counted = world.db.unaccounted().await.unwrap();
    assert_eq!(counted, [("inbound_event".to_owned(), 1)]);
}
