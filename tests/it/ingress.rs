//! Webhooks, from the request to the rows.

mod changed;
mod go;
mod leads;
mod log;
mod openapi;
mod outage;
mod refused;
mod stored;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, Response},
};
use salon_core::{
    crm::CrmKind,
    crypto::{KeyRing, hmac_sha256},
    ids::{ChannelAccountId, TenantId},
    ingress::{IngressDeps, Limits, Visitors, router},
    store::Db,
    tenant,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use tower::ServiceExt;
use uuid::Uuid;

use crate::harness::{KEYRING, World};

/// One account's webhook address, and what its vendor signs with.
#[derive(Debug, Clone)]
struct Hook {
    source: String,
    target: Uuid,
    key: String,
    secret: String,
}

impl Hook {
    fn path(&self) -> String {
        format!("/webhooks/{}/{}", self.source, self.key)
    }

    /// A webhook as the vendor sends it.
    fn post(&self, body: impl Into<Vec<u8>>) -> Request<Body> {
        let body = body.into();
        let (name, proof) = self.proof(&body);
        Request::post(self.path()).header(name, proof).body(body.into()).unwrap()
    }

    fn proof(&self, body: &[u8]) -> (&'static str, String) {
        match self.source.as_str() {
            "telegram" => ("x-telegram-bot-api-secret-token", self.secret.clone()),
            "calcom" => ("x-cal-signature-256", hex::encode(hmac_sha256(self.secret.as_bytes(), body))),
            other => panic!("{other}"),
        }
    }
}

/// What a salon's vendors know.
struct Salon {
    tenant: TenantId,
    telegram: Hook,
    calcom: Hook,
}

impl Salon {
    async fn load(db: &Db, tenant: TenantId) -> Self {
        let (keyring, mut tx) = (keyring(), db.tenant(tenant).await.unwrap());
        let mut hooks = BTreeMap::new();
        for tenant::WebhookKey { source, target, key, .. } in tenant::webhooks(&mut tx, &keyring).await.unwrap() {
            if source.parse::<CrmKind>().is_ok() {
                continue;
            }
            let secret = if source == "calcom" {
                tenant::calendar_account(&mut tx, &keyring).await.unwrap().unwrap().account.secrets.webhook_secret
            } else {
                let account = tenant::channel_account(&mut tx, ChannelAccountId(target), &keyring).await.unwrap().unwrap();
                account.account.secrets.webhook_secret
            };
            let (key, secret) = (key.unwrap().expose_secret().to_owned(), secret.expose_secret().to_owned());
            hooks.insert(source.clone(), Hook { source, target, key, secret });
        }
        Self { tenant, telegram: hooks.remove("telegram").unwrap(), calcom: hooks.remove("calcom").unwrap() }
    }
}

/// Two salons behind one ingress.
struct Site {
    world: World,
    lotos: Salon,
    roza: Salon,
    routes: Router,
    owner: PgConnection,
}

fn keyring() -> KeyRing {
    KeyRing::parse(&KEYRING.into()).unwrap()
}

fn routes(db: &Db, strict_signature: bool) -> Router {
    routes_with(db, strict_signature, None)
}

fn routes_with(db: &Db, strict_signature: bool, redis: Option<redis::Client>) -> Router {
    router(IngressDeps {
        db: db.clone(),
        keyring: Arc::new(keyring()),
        redis,
        strict_signature,
        limits: Limits::default(),
        visitors: Visitors::default(),
    })
}

impl Site {
    async fn new() -> Self {
        let world = World::new().await;
        let (lotos, roza) = (Salon::load(&world.db, world.lotos).await, Salon::load(&world.db, world.roza).await);
        let (routes, owner) = (routes(&world.db, true), world.owner().await);
        Self { world, lotos, roza, routes, owner }
    }

    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.routes.clone().oneshot(request).await.unwrap()
    }

    async fn status(&self, request: Request<Body>) -> u16 {
        self.send(request).await.status().as_u16()
    }

    /// How many rows each table has.
    async fn counts(&mut self) -> BTreeMap<String, i64> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')",
        )
        .fetch_all(&mut self.owner)
        .await
        .unwrap();
        let mut counts = BTreeMap::new();
        for table in tables {
            let sql = format!("select count(*) from {table}");
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.owner).await.unwrap();
            counts.insert(table, count);
        }
        counts
    }

    /// Tenant, account, vendor's id, kind and state of each stored event.
    async fn events(&mut self) -> Vec<(Uuid, Uuid, String, String, String)> {
        sqlx::query_as("select tenant_id, source_id, vendor_event_id, kind, state from inbound_event order by id")
            .fetch_all(&mut self.owner)
            .await
            .unwrap()
    }

    async fn count(&mut self, what: &'static str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {what}"))).fetch_one(&mut self.owner).await.unwrap()
    }
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 100_000).await.unwrap()).unwrap()
}

/// A message of a client, as Telegram sends it.
fn text_update(update_id: u64, chat: u64, text: &str) -> String {
    let from = json!({ "id": chat, "is_bot": false, "first_name": "Мария", "language_code": "ru" });
    let chat = json!({ "id": chat, "type": "private", "first_name": "Мария" });
    json!({ "update_id": update_id, "message": { "message_id": 1, "date": 1_772_442_000, "from": from, "chat": chat, "text": text } }).to_string()
}

/// A booking was made, as cal.com tells.
const CREATED: &str = include_str!("../../src/booking/calcom/fixtures/created.json");
