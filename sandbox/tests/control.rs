//! The control API, as the story and the page use it.
#![allow(clippy::disallowed_methods, reason = "a test is a bare HTTP client")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use reqwest::{Client, Method};
use salon_sandbox::{Options, Sandbox, Scenario};
use serde_json::{Value, json};

async fn ask(client: &Client, method: Method, url: String, body: Value) -> (u16, Value) {
    let request = client.request(method, url);
    let request = if body.is_null() { request } else { request.json(&body) };
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or_default())
}

fn scenario() -> Scenario {
    let telegram = json!({
        "bots": [{"token": "7:secret", "name": "Salon", "username": "salon_bot"}],
        "people": [{"id": 5, "first_name": "Anna", "phone": "+79001234567"}],
    });
    serde_json::from_value(json!({"seed": {"telegram": telegram}})).unwrap()
}

#[tokio::test]
async fn the_clock_goes_forward_in_the_world_and_in_the_file() {
    let file = std::env::temp_dir().join(format!("salon-sandbox-clock-{}", std::process::id()));
    let options = Options { clock_file: Some(file.clone()), ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let advance = format!("{}/control/clock/advance", sandbox.base_url);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "0");
    let (status, clock) = ask(&client, Method::POST, advance.clone(), json!({"seconds": 86_400})).await;
    assert_eq!((status, &clock["offset_ms"]), (200, &json!(86_400_000)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "86400000");
    assert_eq!(ask(&client, Method::POST, advance.clone(), json!({"seconds": -1})).await.0, 400);
    let target = sandbox.world.now() + chrono::TimeDelta::hours(5);
    assert_eq!(ask(&client, Method::POST, advance, json!({"to": target})).await.0, 200);
    assert!(sandbox.world.now() >= target);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), sandbox.world.offset_ms().to_string());
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_scenario_is_played_over_http() {
    let sandbox = Sandbox::start(Options { scenario: scenario(), ..Options::default() }).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| format!("{}{path}", sandbox.base_url);
    let go = async |method: Method, path: &str, body: Value| ask(&client, method, at(path), body).await;

    assert_eq!(go(Method::GET, "/control/health", Value::Null).await.1, json!({"status": "ok"}));
    let chat = "/control/messengers/telegram/7/5";
    assert_eq!(go(Method::POST, chat, json!({"do": "text", "text": "hi"})).await.0, 409);
    let (_, acted) = go(Method::POST, chat, json!({"do": "open", "payload": "s_1"})).await;
    assert_eq!(acted["events"].as_array().map(Vec::len), Some(1), "{acted}");
    assert_eq!(go(Method::POST, chat, json!({"do": "fly"})).await.0, 422);
    assert_eq!(go(Method::POST, "/control/messengers/telegram/8/5", json!({"do": "block"})).await.0, 404);

    let plan =
        json!({"vendor": "telegram", "operation": "sendMessage", "fault": {"kind": "rate_limit", "retry_after": 3}, "times": 2});
    let (_, planned) = go(Method::POST, "/control/faults", plan).await;
    assert_eq!(planned[0]["faults"].as_array().unwrap().len(), 2);
    let message = json!({"chat_id": 5, "text": "hi"});
    assert_eq!(go(Method::POST, "/telegram/bot7:secret/sendMessage", message.clone()).await.0, 429);
    assert_eq!(go(Method::DELETE, "/control/faults", Value::Null).await.1, json!([]));
    assert_eq!(go(Method::POST, "/telegram/bot7:secret/sendMessage", message).await.0, 200);
    assert_eq!(go(Method::POST, "/telegram/bot7:secret/sendMessage", json!({"chat_id": 5})).await.0, 400);

    let (_, snapshot) = go(Method::GET, "/control/snapshot?chats=max/1/2,telegram/7/5", Value::Null).await;
    let shown =
        |vendor: &str| snapshot["messengers"].as_array().unwrap().iter().find(|one| one["vendor"] == vendor).unwrap().clone();
    assert_eq!(shown("telegram")["chat"]["bubbles"][1]["text"], "hi");
    assert_eq!(shown("max")["chat"], Value::Null, "nobody is there");
    assert_eq!((&snapshot["ledger"]["total"], &snapshot["ledger"]["violations"]), (&json!(3), &json!(1)));
    assert_eq!(snapshot["ledger"]["entries"][0]["fault"], json!({"kind": "rate_limit", "retry_after": 3}));
    assert!(!snapshot.to_string().contains("7:secret"), "tokens stay out of the page");
    assert_eq!(go(Method::GET, "/control/ledger?since=2", Value::Null).await.1["entries"][0]["number"], 2);
    assert_eq!(go(Method::GET, "/control/violations", Value::Null).await.1.as_array().unwrap().len(), 1);

    let bot = json!({"bots": [{"token": "7:other", "name": "Other", "username": "other_bot"}]});
    assert_eq!(go(Method::POST, "/control/vendors/telegram/seed", bot).await.0, 400);
    assert_eq!(go(Method::POST, "/control/vendors/telegram/act", json!({"do": "revoke", "bot": 7})).await.0, 200);
    assert_eq!(go(Method::POST, "/control/vendors/telegram/act", json!({"do": "revoke", "bot": 7})).await.0, 409);
    assert_eq!(go(Method::POST, "/telegram/bot7:secret/getMe", Value::Null).await.0, 401);
}

/// What each vendor's data for one account and one person looks like.
fn everywhere() -> Scenario {
    let seed = json!({
        "telegram": {
            "bots": [{"token": "7:secret", "name": "Salon", "username": "salon_bot"}],
            "people": [{"id": 5, "first_name": "Anna", "phone": "79001234567"}],
        },
        "max": {
            "bots": [{"id": 7, "token": "max-secret", "name": "Salon", "username": "id7_bot"}],
            "people": [{"id": 5, "first_name": "Anna", "phone": "79001234567"}],
        },
        "vk": {
            "groups": [{"id": 7, "name": "Salon", "screen_name": "salon", "token": "vk1.a.secret"}],
            "people": [{"id": 5, "first_name": "Anna"}],
        },
        "whatsapp": {
            "apps": [{"id": "9", "name": "salon-core", "secret": "s"}],
            "accounts": [{"id": "8", "name": "Salon", "app": "9", "token": "EAAG-secret",
                          "numbers": [{"id": "7", "display_phone_number": "+1 555-078-3881", "verified_name": "Salon"}]}],
            "people": [{"wa_id": "5", "name": "Anna"}],
        },
        "instagram": {
            "apps": [{"id": "9", "name": "salon-core", "secret": "s"}],
            "accounts": [{"id": "7", "username": "salon", "name": "Salon", "app": "9", "token": "IGAA-secret"}],
            "people": [{"username": "5", "name": "Anna"}],
        },
    });
    serde_json::from_value(json!({"seed": seed})).unwrap()
}

#[tokio::test]
async fn every_messenger_is_played_alike() {
    let sandbox = Sandbox::start(Options { scenario: everywhere(), ..Options::default() }).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| format!("{}/control/messengers{path}", sandbox.base_url);
    let see = async |path: &str| ask(&client, Method::GET, at(path), Value::Null).await;
    let act = async |path: &str, act: Value| ask(&client, Method::POST, at(path), act).await;

    let messengers = see("").await.1.as_array().unwrap().clone();
    assert_eq!(messengers.len(), everywhere().seed.len());
    for messenger in &messengers {
        let vendor = messenger["vendor"].as_str().unwrap();
        let parties = (&messenger["accounts"], &messenger["people"]);
        assert_eq!(parties, (&json!([{"id": "7", "name": "Salon"}]), &json!([{"id": "5", "name": "Anna"}])), "{vendor}");
        let chat = format!("/{vendor}/7/5");
        let (status, before) = see(&chat).await;
        assert_eq!((status, &before["bubbles"]), (200, &json!([])), "{vendor}");
        for nobody in [format!("/{vendor}/8/5"), format!("/{vendor}/7/6"), "/pigeon/7/5".to_owned()] {
            assert_eq!(see(&nobody).await.0, 404, "{nobody}");
            assert_eq!(act(&nobody, json!({"do": "open"})).await.0, 404, "{nobody}");
        }
        assert_eq!(act(&chat, json!({"do": "open"})).await.0, 200, "{vendor}");
        let (status, acted) = act(&chat, json!({"do": "text", "text": "hi"})).await;
        assert_eq!(status, 200, "{vendor}: {acted}");
        let bubbles = see(&chat).await.1["bubbles"].clone();
        let last = bubbles.as_array().unwrap().last().unwrap().clone();
        assert_eq!((&last["author"], &last["text"]), (&json!("person"), &json!("hi")), "{vendor}");
        act(&chat, json!({"do": "block"})).await;
        assert_eq!(see(&chat).await.1["blocked"], true, "{vendor}");
        act(&chat, json!({"do": "unblock"})).await;
        assert_eq!(see(&chat).await.1["blocked"], false, "{vendor}");
        assert!(see(&format!("/{vendor}/7/settled")).await.1["settled"].is_boolean(), "{vendor}");
        assert_eq!(see(&format!("/{vendor}/8/settled")).await.0, 404, "{vendor}");
        assert_eq!(act(&format!("/{vendor}/7/forge"), Value::Null).await.0, 409, "{vendor}: there is no webhook");
    }
    assert!(sandbox.world.ledger.violations().is_empty());
}

#[tokio::test]
async fn the_other_vendors_are_seeded_and_their_staff_acts() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let go =
        async |path: &str, body: Value| ask(&client, Method::POST, format!("{}/control{path}", sandbox.base_url), body).await;

    let schedule = json!({"timeZone": "UTC", "availability": [{"startTime": "00:00", "endTime": "23:59", "days":
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]}]});
    let calendar = json!({
        "users": [{"id": 1, "name": "Olga", "email": "olga@salon.example", "username": "olga", "timeZone": "UTC",
                   "apiKey": "cal_test", "schedule": schedule}],
        "eventTypes": [{"id": 2, "ownerId": 1, "title": "Haircut", "slug": "haircut", "lengthInMinutes": 30,
                        "hosts": [{"userId": 1}]}],
    });
    let (status, seeded) = go("/vendors/calcom/seed", calendar).await;
    assert_eq!((status, seeded["eventTypes"].as_array().map(Vec::len)), (200, Some(1)), "{seeded}");
    assert_eq!(go("/vendors/calcom/seed", json!({"users": 1})).await.0, 400);
    assert_eq!(go("/vendors/nobody/seed", json!({})).await.0, 404);

    let day = (sandbox.world.now() + chrono::TimeDelta::days(3)).date_naive();
    let visit = json!({"do": "book", "event_type": 2, "start": format!("{day}T10:00:00Z")});
    let (status, booked) = go("/vendors/calcom/act", visit.clone()).await;
    assert_eq!(status, 200, "{booked}");
    assert_eq!(go("/vendors/calcom/act", visit).await.0, 409, "the time is taken");
    let cancel = json!({"do": "cancel", "uid": booked["uid"]});
    assert_eq!(go("/vendors/calcom/act", cancel).await.0, 200);
    assert_eq!(sandbox.calcom.snapshot()["bookings"][0]["status"], "cancelled");

    let reply = json!({"do": "reply", "conversation_id": "nowhere", "text": "hi"});
    assert_eq!(go("/vendors/erxes/act", reply).await.0, 409);
    assert_eq!(go("/vendors/erxes/act", json!({"do": "fly"})).await.0, 409);

    let (status, seeded) = go("/vendors/bitrix24/seed", json!({"users": [{"id": 1, "name": "Olga"}]})).await;
    assert_eq!((status, &seeded["users"][0]["name"]), (200, &json!("Olga")));
    let add = json!({"do": "add", "entity": "contact", "fields": {"name": "Anna"}});
    assert_eq!(go("/vendors/bitrix24/act", add).await, (200, json!({"id": 1})));
    assert_eq!(sandbox.bitrix24.snapshot()["contacts"][0]["name"], "Anna");
    assert_eq!(go("/vendors/bitrix24/act", json!({"do": "fly"})).await.0, 409);

    let (status, seeded) = go("/vendors/espocrm/seed", json!({"users": [{"id": "u1", "userName": "olga"}]})).await;
    assert_eq!((status, &seeded["records"]["User"][0]["userName"]), (200, &json!("olga")));
    let create = json!({"do": "create", "type": "Contact", "fields": {"lastName": "Anna"}, "by": "u1"});
    assert_eq!(go("/vendors/espocrm/act", create).await.0, 200);
    assert_eq!(sandbox.espocrm.snapshot()["records"]["Contact"][0]["name"], "Anna");
    assert_eq!(go("/vendors/espocrm/act", json!({"do": "fly"})).await.0, 409);
}

#[tokio::test]
async fn a_scenario_that_does_not_fit_is_refused() {
    for wrong in [
        json!({"seed": {"telegram": {"bots": [{"token": "no-id", "name": "a", "username": "a"}]}}}),
        json!({"seed": {"nobody": {}}}),
    ] {
        let scenario: Scenario = serde_json::from_value(wrong).unwrap();
        assert!(Sandbox::start(Options { scenario, ..Options::default() }).await.is_err());
    }
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_files() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let response = client.get(&sandbox.base_url).send().await.unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(response.text().await.unwrap().starts_with("<!doctype html>"));
}
