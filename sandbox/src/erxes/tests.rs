//! The stand-in over HTTP on the loopback.

use std::{sync::Arc, time::Duration};

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

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "erxes".to_owned(), operation: operation.to_owned() };
        self.world.faults.plan(target, fault, 1);
    }
}

fn error(body: &Value) -> (&str, &str) {
    let error = &body["errors"][0];
    (error["message"].as_str().unwrap(), error["extensions"]["category"].as_str().unwrap())
}

#[tokio::test]
async fn connecting_finds_by_exact_identity_in_order() {
    let crm = Crm::open().await;
    let first = crm.connect(json!({"i": "i1", "p": "+79991234567", "d": {"firstName": "Anna", "bonus": 5}})).await;
    assert_eq!(first["customer"], json!({"state": "lead", "firstName": "Anna", "phones": ["+79991234567"]}));
    let again = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await;
    assert_eq!(again["customerId"], first["customerId"]);
    let other = crm.connect(json!({"i": "i1", "p": "79991234567"})).await;
    assert_ne!(other["customerId"], first["customerId"], "equality is exact");
    let cached = crm.connect(json!({"i": "i1", "p": "+79991234567", "c": other["customerId"]})).await;
    assert_eq!(cached["customerId"], other["customerId"], "the cached id comes first");
    assert_eq!(crm.erxes.snapshot()["customers"][0]["propertiesData"], json!({"bonus": 5}));
    assert!(crm.world.ledger.violations().is_empty());
}

#[tokio::test]
async fn connecting_needs_a_messenger_with_a_channel() {
    let crm = Crm::open().await;
    for (integration, message) in
        [("none", "Integration not found"), ("i2", "Integration not found"), ("i3", "Channel not found")]
    {
        let (status, body) = crm.ask(None, CONNECT, json!({"i": integration})).await;
        assert_eq!((status, error(&body)), (200, (message, "EXPECTED")));
        assert_eq!(body["data"]["widgetsMessengerConnect"], Value::Null);
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    }
}

#[tokio::test]
async fn every_insert_without_a_conversation_opens_one() {
    let crm = Crm::open().await;
    let customer = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
    let insert = async |conversation: Value| {
        let variables = json!({"i": "i1", "c": customer, "v": conversation, "m": "hello"});
        crm.ask(None, INSERT, variables).await.1["data"]["widgetsInsertMessage"].clone()
    };
    let one = insert(Value::Null).await;
    let two = insert(Value::Null).await;
    assert_ne!(one["conversationId"], two["conversationId"]);
    let three = insert(one["conversationId"].clone()).await;
    assert_eq!(three["conversationId"], one["conversationId"]);
    assert_eq!(crm.erxes.snapshot()["messages"].as_array().unwrap().len(), 3);
    let orphan = crm.ask(None, INSERT, json!({"i": "no such integration", "m": "hi"})).await.1;
    assert!(orphan["data"]["widgetsInsertMessage"]["conversationId"].is_string(), "the integration is not verified");
}

#[tokio::test]
async fn operators_answer_and_are_found_by_polling() {
    let crm = Crm::open().await;
    let customer = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
    let (_, body) = crm.ask(None, INSERT, json!({"i": "i1", "c": customer, "m": "hello"})).await;
    let conversation = body["data"]["widgetsInsertMessage"]["conversationId"].as_str().unwrap().to_owned();
    crm.erxes.operator_reply(&conversation, "good day").unwrap();
    assert!(crm.erxes.operator_reply("nothing", "good day").is_err());
    let read = "query($v: String!) { conversationMessages(conversationId: $v, limit: 10) { content userId customerId } }";
    let (_, body) = crm.ask(None, read, json!({"v": conversation})).await;
    let expected = json!([{"content": "good day", "userId": "u1", "customerId": null},
                          {"content": "hello", "userId": null, "customerId": customer}]);
    assert_eq!(body["data"]["conversationMessages"], expected);
    let add = "mutation($v: String, $t: String) { conversationMessageAdd(conversationId: $v, content: $t) { userId } }";
    let (_, body) = crm.ask(None, add, json!({"v": conversation, "t": "x"})).await;
    assert!(error(&body).0.starts_with("Failed to add message to conversation: Cannot destructure"), "{body}");
    assert_eq!(error(&body).1, "SYSTEM");
    let (_, body) = crm.ask(Some(APP), add, json!({"v": conversation, "t": "x"})).await;
    assert_eq!(body["data"]["conversationMessageAdd"]["userId"], "app:a1");
}

#[tokio::test]
async fn an_app_token_logs_in_and_may_nothing() {
    let crm = Crm::open().await;
    let add = "mutation($p: String) { customersAdd(primaryPhone: $p) { _id state } }";
    let variables = json!({"p": "+79991234567"});
    let (status, body) = crm.ask(Some(APP), add, variables.clone()).await;
    assert_eq!((status, error(&body)), (200, ("Permission required", "EXPECTED")));
    assert_eq!(crm.ask(None, add, variables.clone()).await.1["errors"][0]["message"], "Login required");
    let bad = crm.ask(Some(("erxes-app-token", "sk_other")), add, variables.clone()).await;
    assert_eq!(bad, (401, json!({"error": "Invalid app token"})));
    assert_eq!(
        crm.ask(Some(("authorization", "Bearer no")), "{ currentUser { _id } }", json!({})).await.1,
        json!({"data": {"currentUser": null}})
    );
    let (_, body) = crm.ask(Some(USER), add, variables.clone()).await;
    assert_eq!(body["data"]["customersAdd"]["state"], "lead");
    let (_, body) = crm.ask(Some(USER), add, variables).await;
    assert_eq!(error(&body), ("Duplicated phone", "EXPECTED"));
    let note =
        "mutation { internalNotesAdd(contentType: \"core:customer\", contentTypeId: \"x\", content: \"booked\") { content } }";
    assert_eq!(crm.ask(Some(USER), note, json!({})).await.1["data"]["internalNotesAdd"]["content"], "booked");
}

#[tokio::test]
async fn a_search_is_a_regular_expression() {
    let crm = Crm::open().await;
    crm.connect(json!({"i": "i1", "p": "+79991234567"})).await;
    let find = "query($s: String) { customers(searchValue: $s) { totalCount list { primaryPhone } } }";
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "+79991234567"})).await;
    assert_eq!(error(&body).1, "SYSTEM", "a bare quantifier is refused by the database");
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "\\+79991234567"})).await;
    assert_eq!(body["data"]["customers"], json!({"totalCount": 1, "list": [{"primaryPhone": "+79991234567"}]}));
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "9991"})).await;
    assert_eq!(body["data"]["customers"]["totalCount"], 1, "a part matches too");
}

#[tokio::test]
async fn documents_must_keep_to_the_schema() {
    let crm = Crm::open().await;
    let cases = [
        ("{ nothing { _id } }", json!({}), "Cannot query field \"nothing\" on type \"Query\"."),
        ("{ allBrands { _id colour } }", json!({}), "Cannot query field \"colour\" on type \"Brand\"."),
        ("{ allBrands }", json!({}), "must have a selection"),
        ("{ customerDetail { _id } }", json!({}), "is required, but it was not provided"),
        ("{ allBrands(brandId: \"b\") { _id } }", json!({}), "Unknown argument \"brandId\""),
        ("mutation($b: String) { customersAdd(brandId: $b) { _id } }", json!({}), "Unknown argument \"brandId\""),
        (
            "query($i: String) { customerDetail(_id: $i) { _id } }",
            json!({"i": "x"}),
            "used in position expecting type \"String!\"",
        ),
        ("query($i: String!) { customerDetail(_id: $i) { _id } }", json!({}), "was not provided"),
        ("query($i: String!) { customerDetail(_id: $i) { _id } }", json!({"i": 5}), "got invalid value"),
        ("query($i: String) { allBrands { _id } }", json!({}), "is never used"),
        ("{ mine: allBrands { _id } }", json!({}), "alias"),
        ("{ customers(birthDate: \"2000-01-01\") { totalCount } }", json!({}), "inline Date"),
        ("{ customers(status: gone) { totalCount } }", json!({}), "not a CONTACT_STATUS"),
        ("{ allBrands { _id }", json!({}), "Syntax Error"),
    ];
    for (index, (query, variables, expected)) in cases.into_iter().enumerate() {
        let (status, body) = crm.ask(Some(APP), query, variables).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(error(&body).0.contains(expected), "{query}: {body}");
        assert_eq!(crm.world.ledger.violations().len(), index + 1);
    }
    let dated = "query($d: Date) { customers(birthDate: $d) { totalCount } }";
    assert_eq!(crm.ask(Some(APP), dated, json!({"d": "2000-01-01"})).await.0, 200);
}

#[tokio::test]
async fn faults_look_like_the_gateways() {
    let crm = Crm::open().await;
    let brands = "{ allBrands { _id } }";
    crm.plan("allBrands", &Fault::Status { code: 502 });
    assert_eq!(
        crm.ask(Some(APP), brands, json!({})).await,
        (502, json!({"error": "Gateway proxy error", "code": "ECONNREFUSED"}))
    );
    crm.plan("allBrands", &Fault::Status { code: 500 });
    let (status, body) = crm.ask(Some(APP), brands, json!({})).await;
    assert_eq!((status, error(&body).1), (200, "SYSTEM"));
    crm.plan("*", &Fault::RateLimit { retry_after: 1 });
    assert_eq!(crm.ask(Some(APP), brands, json!({})).await.0, 429);
    crm.plan("widgetsMessengerConnect", &Fault::Status { code: 500 });
    assert_eq!(crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"], Value::Null);
    assert_eq!(crm.erxes.snapshot()["customers"], json!([]));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message() {
    for fault in [Fault::HangAfterCommit, Fault::DropAfterCommit] {
        let crm = Crm::open().await;
        crm.plan("widgetsInsertMessage", &fault);
        let request = crm.client.post(&crm.url).json(&json!({"query": INSERT, "variables": {"i": "i1", "m": "hello"}}));
        let lost = request.timeout(Duration::from_millis(500)).send().await.unwrap_err();
        assert_eq!(lost.is_timeout(), fault == Fault::HangAfterCommit);
        assert_eq!(crm.erxes.snapshot()["messages"].as_array().unwrap().len(), 1);
        assert_eq!(crm.world.ledger.entries()[0].status, 0);
    }
}

impl Crm {
    async fn oauth(&self, path: &str, body: Value) -> (u16, Value) {
        let url = self.url.replace("/graphql", path);
        let answer = self.client.post(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

#[tokio::test]
async fn a_device_is_approved_and_its_refresh_token_dies_by_its_use() {
    let crm = Crm::open().await;
    let client = json!({"client_id": "salon-core", "client_secret": "shared"});
    let stranger = crm.oauth("/oauth/device/code", json!({"client_id": "salon-core"})).await;
    assert_eq!((stranger.0, &stranger.1["error"]), (401, &json!("invalid_client")));
    let (_, asked) = crm.oauth("/oauth/device/code", client.clone()).await;
    let with = |more: Value| {
        let mut body = client.clone();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let poll = with(json!({"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}));
    let said = async || {
        let (status, body) = crm.oauth("/oauth/token", poll.clone()).await;
        (status, body["error"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(said().await, (428, "authorization_pending".to_owned()));
    assert_eq!(said().await, (400, "slow_down".to_owned()));
    assert!(crm.erxes.approve("NONE", "u1").is_err() && crm.erxes.approve(asked["user_code"].as_str().unwrap(), "u9").is_err());
    crm.erxes.approve(asked["user_code"].as_str().unwrap(), "u1").unwrap();
    crm.world.advance(chrono::TimeDelta::seconds(5));
    let (status, tokens) = crm.oauth("/oauth/token", poll.clone()).await;
    assert_eq!((status, &tokens["tokenType"]), (200, &json!("Bearer")));
    let who = async |token: &Value| {
        let header = format!("Bearer {}", token.as_str().unwrap());
        crm.ask(Some(("authorization", &header)), "{ currentUser { _id } }", json!({})).await.1["data"]["currentUser"]["_id"]
            .clone()
    };
    assert_eq!(who(&tokens["accessToken"]).await, "u1");
    let refresh = with(json!({"grant_type": "refresh_token", "refresh_token": tokens["refreshToken"]}));
    let (_, renewed) = crm.oauth("/oauth/token", refresh.clone()).await;
    assert_eq!(who(&renewed["accessToken"]).await, "u1");
    let (status, body) = crm.oauth("/oauth/token", refresh).await;
    assert_eq!((status, &body["error"]), (401, &json!("invalid_grant")));
    crm.erxes.expire_tokens();
    assert_eq!(who(&renewed["accessToken"]).await, Value::Null, "silently nobody");
}

#[tokio::test]
async fn properties_are_replaced_and_unknown_or_empty_ones_dropped() {
    let crm = Crm::open().await;
    let add = "mutation($d: JSON) { customersAdd(propertiesData: $d) { _id propertiesData } }";
    let (_, body) = crm.ask(Some(USER), add, json!({"d": {"salonChannel": "vk", "unknown": 1, "bonus": 0}})).await;
    let customer = &body["data"]["customersAdd"];
    assert_eq!(customer["propertiesData"], json!({"salonChannel": "vk"}));
    let edit = "mutation($i: String!, $d: JSON) { customersEdit(_id: $i, propertiesData: $d) { propertiesData } }";
    let (_, body) = crm.ask(Some(USER), edit, json!({"i": customer["_id"], "d": {"bonus": 5}})).await;
    assert_eq!(body["data"]["customersEdit"]["propertiesData"], json!({"bonus": 5}));
}
