//! A webhook's address, as an adapter's own tests need it: what a stand-in posts there is kept, and read as the product reads it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use salon_core::channel::{Account, ChannelAdapter, ChannelEvent, ChannelKind, Handshake, adapter};
use salon_sandbox::Sandbox;
use tokio::net::TcpListener;
use url::Url;

/// The address of one account's webhooks.
pub(crate) struct Hook {
    pub(crate) address: Url,
    door: Arc<Door>,
}

struct Door {
    adapter: &'static dyn ChannelAdapter,
    account: Account,
    posts: Mutex<Vec<(HeaderMap, Bytes)>>,
}

impl Hook {
    pub(crate) async fn open(kind: ChannelKind, account: &Account) -> Self {
        let door = Arc::new(Door { adapter: adapter(kind), account: account.clone(), posts: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/webhooks/{}/key", listener.local_addr().unwrap(), kind.as_str()).parse().unwrap();
        let routes = Router::new().route("/webhooks/{source}/{key}", get(greet).post(take)).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, door }
    }

    /// What arrived since the last time, proven and in order.
    pub(crate) fn events(&self) -> Vec<ChannelEvent> {
        let Door { adapter, account, posts } = &*self.door;
        let posts = std::mem::take(&mut *posts.lock().unwrap());
        let read = |(headers, body): (HeaderMap, Bytes)| {
            adapter.verify(&headers, &body, account).unwrap();
            adapter.parse(&body, account).unwrap()
        };
        posts.into_iter().flat_map(read).collect()
    }
}

async fn greet(State(door): State<Arc<Door>>, Query(query): Query<Vec<(String, String)>>) -> Result<String, StatusCode> {
    let greeting = door.adapter.handshake(Handshake::Query(&query), &door.account);
    greeting.ok_or(StatusCode::METHOD_NOT_ALLOWED)?.map_err(|_| StatusCode::FORBIDDEN)
}

async fn take(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) {
    door.posts.lock().unwrap().push((headers, body));
}

/// What the product did that the vendor's specification forbids.
pub(crate) fn violations(sandbox: &Sandbox) -> Vec<String> {
    sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
}
