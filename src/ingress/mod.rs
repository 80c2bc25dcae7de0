//! Public HTTP: the vendors' webhooks, the forms of salons' sites, and the links that lead to a chat. Each is answered only after what it
//! brings is committed, and none of them waits for a vendor.

mod batch;
mod body;
mod changes;
mod cors;
mod doors;
mod go;
mod intake;
mod kept;
mod leads;
mod openapi;
mod record;
mod sites;
mod source;
mod visitor;
mod webhook;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use ipnet::IpNet;
use tokio::sync::Semaphore;

pub use self::openapi::document as openapi;
use self::{batch::Batcher, doors::Doors, sites::Sites};
use crate::{crypto::KeyRing, ops, store::Db, vendor::Pacer};

/// What the ingress works with.
#[derive(Debug, Clone)]
pub struct IngressDeps {
    /// Where events go.
    pub db: Db,
    /// Opens the accounts' secrets.
    pub keyring: Arc<KeyRing>,
    /// Where changed secrets are heard of. Without it they are seen within half a minute.
    pub redis: Option<redis::Client>,
    /// Whether a webhook without a valid signature is refused. False only in development.
    pub strict_signature: bool,
    /// How much at once, and how long.
    pub limits: Limits,
    /// What is known of how visitors reach us.
    pub visitors: Visitors,
}

/// How visitors of salons' sites reach us.
#[derive(Debug, Clone)]
pub struct Visitors {
    /// Whether they come by https: then a cookie is never sent without it.
    pub https: bool,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
}

impl Default for Visitors {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"];
        Self { https: true, proxies: loopback.iter().filter_map(|network| network.parse().ok()).collect() }
    }
}

/// How much the ingress does at once, and how long it waits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Webhooks at once; bodies of up to a megabyte each lie in memory.
    pub concurrency: usize,
    /// Of these, webhooks to one address: who knows one and sends slowly must not hold up the others.
    pub per_address: usize,
    /// Requests at once whose address is nobody's.
    pub strangers: usize,
    /// Webhooks that wait for a flusher.
    pub queue: usize,
    /// How long a webhook waits for its turn before it is told to come later.
    pub queue_patience: Duration,
    /// Batches being written at once; each holds a connection.
    pub flushers: usize,
    /// Events in a batch, from which on no more are added.
    pub batch_events: usize,
    /// Bytes in a batch, from which on no more are added.
    pub batch_bytes: usize,
    /// How long a look-up, and then a batch's commit, may take. Telegram waits 60 s for an answer.
    pub commit_patience: Duration,
    /// How long a body may take to arrive.
    pub body_patience: Duration,
    /// Forms and links at once.
    pub visitors: usize,
    /// 401 and 404 are answered at multiples of this after the request's arrival.
    pub refusal_tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 512,
            per_address: 64,
            strangers: 64,
            queue: 512,
            queue_patience: Duration::from_secs(2),
            flushers: 4,
            batch_events: 256,
            batch_bytes: 4 * 1024 * 1024,
            commit_patience: Duration::from_secs(5),
            body_patience: Duration::from_secs(20),
            visitors: 128,
            refusal_tick: Duration::from_millis(25),
        }
    }
}

struct Ingress {
    db: Db,
    doors: Doors,
    batcher: Batcher,
    places: Semaphore,
    strangers: Semaphore,
    strict_signature: bool,
    limits: Limits,
    keyring: Arc<KeyRing>,
    sites: Sites,
    pacer: Pacer,
    visitors: Visitors,
    crowd: Semaphore,
}

/// The public addresses. Starts the flushers, so it needs a runtime; they end when the router is dropped.
pub fn router(deps: IngressDeps) -> Router {
    let IngressDeps { db, keyring, redis, strict_signature, limits, visitors } = deps;
    let pacer = Pacer::new(redis.as_ref());
    let doors = Doors::new(db.clone(), keyring.clone(), redis, limits.per_address);
    let ingress = Ingress {
        sites: Sites::new(db.clone(), doors.changes()),
        doors,
        batcher: Batcher::start(db.clone(), &limits),
        places: Semaphore::new(limits.concurrency),
        strangers: Semaphore::new(limits.strangers),
        db,
        strict_signature,
        keyring,
        pacer,
        visitors,
        crowd: Semaphore::new(limits.visitors),
        limits,
    };
    let routes = Router::new()
        .route("/webhooks/{source}/{endpoint_key}", get(webhook::greet).post(webhook::receive))
        .route("/v1/leads", post(leads::receive).options(leads::preflight))
        .route("/go/{slug}/{channel}", get(go::lead_on))
        .with_state(Arc::new(ingress));
    ops::http::closed(routes)
}
