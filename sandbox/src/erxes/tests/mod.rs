//! The stand-in over HTTP on the loopback.

mod access;
mod customers;
mod documents;
mod faults;
mod inbox;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Erxes, router};
use crate::{
    fault::{Fault, Target},
    world::World,
};

struct Crm {
    world: Arc<World>,
    erxes: Arc<Erxes>,
    url: String,
    client: reqwest::Client,
}

const APP: (&str, &str) = ("erxes-app-token", "sk_app");
const USER: (&str, &str) = ("authorization", "Bearer jwt");
const CONNECT: &str = "mutation($i: String!, $p: String, $e: String, $c: String, $d: JSON) { widgetsMessengerConnect(integrationId: $i, phone: $p, email: $e, cachedCustomerId: $c, data: $d) { customerId customer { state firstName phones } } }";
const INSERT: &str = "mutation($i: String!, $c: String, $v: String, $m: String) { widgetsInsertMessage(integrationId: $i, customerId: $c, conversationId: $v, message: $m) { _id conversationId content } }";

impl Crm {
    async fn open() -> Self {
        let world = World::new();
        let erxes = Erxes::new(world.clone());
        erxes
            .seed(&json!({
                "appTokens": [{"_id": "a1", "name": "salon-core", "token": "sk_app"}],
                "users": [{"_id": "u1", "email": "op@salon.example", "token": "jwt",
                           "permissions": ["contactsCreate", "contactsUpdate", "internalNotesManage"]}],
                "oauthClients": [{"clientId": "salon-core", "clientSecret": "shared"}],
                "properties": ["salonChannel", "bonus"],
                "brands": [{"_id": "b1", "name": "Salon 42", "code": "salon-42"}],
                "channels": [{"_id": "ch1", "name": "Salon 42"}],
                "integrations": [{"_id": "i1", "kind": "messenger", "name": "Telegram", "channelId": "ch1", "brandId": "b1"},
                                 {"_id": "i2", "kind": "webhook", "name": "Hook", "channelId": "ch1", "brandId": "b1"},
                                 {"_id": "i3", "kind": "messenger", "name": "Lost", "channelId": "gone", "brandId": "b1"}]}))
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/graphql", listener.local_addr().unwrap());
        let app = router(erxes.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { world, erxes, url, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn ask(&self, who: Option<(&str, &str)>, query: &str, variables: Value) -> (u16, Value) {
        let mut request = self.client.post(&self.url).json(&json!({"query": query, "variables": variables}));
        if let Some((name, value)) = who {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn connect(&self, variables: Value) -> Value {
        let (status, body) = self.ask(None, CONNECT, variables).await;
        assert_eq!((status, body.get("errors")), (200, None), "{body}");
        body["data"]["widgetsMessengerConnect"].clone()
    }

    async fn oauth(&self, path: &str, body: Value) -> (u16, Value) {
        let url = self.url.replace("/graphql", path);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "erxes".to_owned(), operation: operation.to_owned() };
        self.world.faults.plan(target, fault, 1);
    }

    fn violations(&self) -> Vec<String> {
        self.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }

    /// A conversation of a new client's, with its customer.
    async fn conversation(&self) -> (Value, Value) {
        let customer = self.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
        let (_, body) = self.ask(None, INSERT, json!({"i": "i1", "c": customer, "m": "hello"})).await;
        (body["data"]["widgetsInsertMessage"]["conversationId"].clone(), customer)
    }
}

fn error(body: &Value) -> (&str, &str) {
    let error = &body["errors"][0];
    (error["message"].as_str().unwrap(), error["extensions"]["category"].as_str().unwrap())
}
