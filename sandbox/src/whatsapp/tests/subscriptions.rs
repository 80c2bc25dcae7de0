use serde_json::{Value, json};

use super::{ANNA, APP, NUMBER, SECRET, Salon, TOKEN, WABA, messages};
use crate::meta::testing::{Product, VERIFY_TOKEN};

fn app_token() -> String {
    format!("{APP}|{SECRET}")
}

impl Salon {
    async fn subscribe(&self, body: Value) -> (u16, Value) {
        self.post_as(TOKEN, &format!("{WABA}/subscribed_apps"), body).await
    }
}

#[tokio::test]
async fn a_callback_of_an_accounts_own_is_verified_after_the_subscription() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let own = |token: &str| json!({"override_callback_uri": url, "verify_token": token});
    let (status, early) = salon.subscribe(own(VERIFY_TOKEN)).await;
    assert_eq!((status, early["error"]["code"].as_i64()), (400, Some(100)));
    assert!(
        early["error"]["message"].as_str().unwrap().starts_with("(#100) Before override the current callback uri, your app must")
    );
    assert_eq!(product.handshakes().len(), 0);

    assert_eq!(salon.subscribe(json!({})).await, (200, json!({"success": true})));
    let (status, refused) = salon.subscribe(own("guess")).await;
    assert_eq!(status, 400);
    assert_eq!(
        refused["error"]["message"],
        "(#2200) Callback verification failed with the following errors: HTTP Status Code = 403; HTTP Message = Forbidden"
    );
    assert_eq!(salon.subscribe(own(VERIFY_TOKEN)).await, (200, json!({"success": true})));
    let asked = product.handshakes().pop().unwrap();
    let names: Vec<&str> = asked.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["hub.mode", "hub.challenge", "hub.verify_token"]);
    assert_eq!((asked[0].1.as_str(), asked[2].1.as_str()), ("subscribe", VERIFY_TOKEN));

    let (_, shown) = salon.get(&format!("{WABA}/subscribed_apps")).await;
    assert_eq!(
        (&shown["data"][0]["whatsapp_business_api_data"]["id"], &shown["data"][0]["override_callback_uri"]),
        (&json!(APP), &json!(url))
    );
    assert_eq!(salon.ask(salon.client.delete(salon.url(&format!("{WABA}/subscribed_apps"))).bearer_auth(TOKEN)).await.0, 200);
    assert_eq!(salon.get(&format!("{WABA}/subscribed_apps")).await.1, json!({"data": []}));
    salon.says(ANNA, "nobody hears");
    salon.settled().await;
    assert_eq!(product.hooks().len(), 0);
}

#[tokio::test]
async fn a_handshake_wants_the_bare_challenge() {
    let salon = Salon::open().await;
    salon.subscribe(json!({})).await;
    for answer in ["\"%\"", "%\n", "ok"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let reply = move |axum::extract::RawQuery(query): axum::extract::RawQuery| async move {
            let query = query.unwrap();
            let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            answer.replace('%', &pairs[1].1)
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/", axum::routing::get(reply))).await });
        let (status, refused) = salon.subscribe(json!({"override_callback_uri": url, "verify_token": VERIFY_TOKEN})).await;
        assert_eq!((status, refused["error"]["code"].as_i64()), (400, Some(2200)), "{answer}");
    }
    let (status, _) = salon.subscribe(json!({"override_callback_uri": "http://127.0.0.1:1/", "verify_token": "a"})).await;
    assert_eq!(status, 400);
    let incomplete = salon.subscribe(json!({"override_callback_uri": "http://127.0.0.1:1/"})).await;
    assert_eq!(incomplete.1["error"]["code"], 100);
}

#[tokio::test]
async fn an_apps_callback_takes_the_fields_it_asked_for() {
    let salon = Salon::open().await;
    let (product, url) = Product::listen().await;
    let form = |fields: &str| {
        [
            ("object", "whatsapp_business_account"),
            ("callback_url", url.as_str()),
            ("verify_token", VERIFY_TOKEN),
            ("fields", fields),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let path = salon.url(&format!("{APP}/subscriptions"));
    let post = |fields: &str| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form(fields)).finish();
        salon.client.post(&path).header("content-type", "application/x-www-form-urlencoded").body(body)
    };
    assert_eq!(salon.ask(post("messages").bearer_auth(TOKEN)).await.1["error"]["code"], 15, "a user's token");
    assert_eq!(salon.ask(post("messages, account_update").bearer_auth(app_token())).await, (200, json!({"success": true})));
    // Where a call has two tokens, the parameter wins.
    let (_, shown) = salon.ask(salon.client.get(&path).bearer_auth(TOKEN).query(&[("access_token", app_token())])).await;
    assert_eq!(
        (&shown["data"][0]["callback_url"], &shown["data"][0]["fields"][1]["name"]),
        (&json!(url), &json!("account_update"))
    );
    salon.subscribe(json!({})).await;
    salon.says(ANNA, "hi");
    let raw = |field: &str| json!({"do": "raw", "account": WABA, "field": field, "value": {"event": "A"}});
    salon.office(raw("account_alerts")).await;
    salon.office(raw("account_update")).await;
    salon.settled().await;
    let fields: Vec<Value> = product.of_entries("changes").iter().map(|change| change["field"].clone()).collect();
    assert_eq!(fields, ["messages", "account_update"]);
    assert_eq!(messages(&product)[0]["text"]["body"], "hi");
}

#[tokio::test]
async fn a_number_shows_what_is_asked_for() {
    let salon = Salon::open().await;
    let (_, shown) = salon.get(NUMBER).await;
    assert_eq!(
        shown,
        json!({"id": NUMBER, "display_phone_number": "+1 555-078-3881", "verified_name": "Salon 42", "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED", "platform_type": "CLOUD_API", "throughput": {"level": "STANDARD"}})
    );
    let (_, shown) = salon.get(&format!("{NUMBER}?fields=status,name_status")).await;
    assert_eq!(shown, json!({"id": NUMBER, "status": "CONNECTED", "name_status": "APPROVED"}));
    assert_eq!(salon.get(&format!("{NUMBER}?fields=shoe_size")).await.1["error"]["code"], 100);
    assert_eq!(salon.get("1").await.1["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn https_is_wanted_when_webhooks_are_public() {
    let salon = Salon::open().await;
    salon.subscribe(json!({})).await;
    salon.deliver(|manners| manners.public_webhooks = true);
    let (_, refused) = salon.subscribe(json!({"override_callback_uri": "http://a.example/", "verify_token": "a"})).await;
    assert_eq!(refused["error"]["code"], 2200);
}

#[tokio::test]
async fn a_seed_that_does_not_fit_is_refused() {
    use crate::vendor::Vendor;
    let salon = Salon::open().await;
    let account = json!({"id": "1", "name": "a", "app": "unknown", "token": "t"});
    for wrong in [json!({"accounts": [account]}), json!({"people": [{"name": "a"}]}), json!({"colour": "red"})] {
        assert!(salon.whatsapp().seed(&wrong).is_err(), "{wrong}");
    }
    let snapshot = salon.whatsapp().snapshot();
    assert_eq!(snapshot["accounts"].as_array().map(Vec::len), Some(2));
    assert!(!snapshot.to_string().contains(TOKEN) && !snapshot.to_string().contains(SECRET));
}
