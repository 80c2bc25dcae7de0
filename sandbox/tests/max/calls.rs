//! What the product calls, and what is refused.

use std::time::Duration;

use chrono::TimeDelta;
use salon_sandbox::{
    fault::Fault,
    max::{Action, Manners},
};
use serde_json::{Value, json};

use super::{ANNA, BOT, OLGA, Salon, TOKEN};

#[tokio::test]
async fn the_token_goes_into_the_header_as_it_is() {
    let salon = Salon::open().await;
    let url = format!("{}/max/me", salon.sandbox.base_url);
    let me = |token: &str| Salon::send(salon.client.get(&url).header("Authorization", token.to_owned()));
    let (status, known) = me(TOKEN).await;
    assert_eq!((status, &known["user_id"], &known["username"]), (200, &json!(BOT), &json!("id7700000000_bot")));
    let (status, wrong) = me("other").await;
    assert_eq!((status, wrong), (401, json!({"code": "verify.token", "message": "Invalid access_token"})));
    assert_eq!(salon.violations(), Vec::<String>::new(), "a token may be withdrawn at any time");

    let (status, bearer) = me(&format!("Bearer {TOKEN}")).await;
    assert_eq!((status, &bearer["code"]), (401, &json!("verify.token")));
    let (status, query) = Salon::send(salon.client.get(format!("{url}?access_token={TOKEN}"))).await;
    assert_eq!((status, &query["code"]), (403, &json!("deprecated.token")));
    assert_eq!(salon.violations().len(), 2);
    let ledger = json!(salon.sandbox.world.ledger.entries()).to_string();
    assert!(!ledger.contains(TOKEN), "{ledger}");
    assert!(salon.max().revoke_bot(BOT));
    assert_eq!(me(TOKEN).await.0, 401);
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_and_recorded() {
    let (salon, _product) = Salon::connected().await;
    let message = format!("/messages?user_id={ANNA}");
    let keyboard = |row: Value| json!({"text": "a", "attachments": [{"type": "inline_keyboard", "payload": {"buttons": [row]}}]});
    let button = json!({"type": "callback", "text": "a", "payload": "b"});
    let cases = [
        ("POST", message.as_str(), json!({"text": "a".repeat(4001)}), 400),
        ("POST", &message, json!({"text": "a", "attachments": [{"type": "keyboard"}]}), 400),
        ("POST", &message, keyboard(json!([{"type": "callback", "text": "a"}])), 400),
        ("POST", &message, keyboard(json!(vec![button.clone(); 8])), 400),
        ("POST", &message, json!({"text": " "}), 400),
        ("POST", "/messages", json!({"text": "a"}), 400),
        ("POST", "/messages?user_id=anna", json!({"text": "a"}), 400),
        ("PUT", "/messages", json!({"text": "a"}), 400),
        ("POST", "/subscriptions", json!({"url": "http://127.0.0.1/", "secret": "a b c d"}), 400),
        ("POST", "/subscriptions", json!({"url": "nowhere"}), 400),
        ("POST", "/chats/1/actions", json!({"action": "typing"}), 400),
        ("POST", "/chats/one/actions", json!({"action": "typing_on"}), 400),
        ("PATCH", "/messages", json!({}), 405),
        ("POST", "/massages", json!({}), 404),
    ];
    for (method, path, body, expected) in cases {
        let before = salon.violations().len();
        let (status, answer) = salon.call(method, path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
        assert!(answer["code"].is_string() && answer["message"].is_string(), "{answer}");
        assert_eq!(salon.violations().len(), before + 1, "{method} {path}: {answer}");
    }
    let (status, _) = Salon::send(salon.request("POST", &message).body("{")).await;
    assert_eq!(status, 400);
    assert_eq!(salon.write(json!({"text": "я".repeat(4000)})).await.0, 200);
}

#[tokio::test]
async fn what_the_vendor_lets_pass_is_recorded() {
    let (salon, _product) = Salon::connected().await;
    assert_eq!(salon.write(json!({"text": "a", "buttons": []})).await.0, 200);
    assert_eq!(salon.violations().pop().as_deref(), Some("/buttons: no such member"));
    let path = format!("/messages?user_id={ANNA}&disable_preview=true");
    assert_eq!(salon.call("POST", &path, json!({"text": "a"})).await.0, 200);
    assert_eq!(salon.violations().pop().as_deref(), Some("disable_preview"));
    salon.subscribe("http://127.0.0.1:9/", json!({"update_types": ["message"]})).await;
    assert_eq!(salon.violations().pop().as_deref(), Some("update_types: MAX knows no message"));
    let plain = salon.request("POST", &format!("/messages?user_id={ANNA}")).body(r#"{"text":"a"}"#);
    assert_eq!(Salon::send(plain).await.0, 200);
    assert_eq!(salon.violations().len(), 4);
}

#[tokio::test]
async fn what_happens_to_a_correct_product_is_no_violation() {
    let (salon, _product) = Salon::connected().await;
    let to = async |query: String| salon.call("POST", &query, json!({"text": "hi"})).await;
    let dialogue = salon.max().dialogue(BOT, ANNA).unwrap();
    let (status, sent) = to(format!("/messages?chat_id={dialogue}&disable_link_preview=true")).await;
    assert_eq!((status, &sent["message"]["recipient"]["user_id"]), (200, &json!(ANNA)));
    let (status, stranger) = to(format!("/messages?user_id={OLGA}")).await;
    assert_eq!((status, stranger), (404, json!({"code": "chat.not.found", "message": "dialog.not.found"})));
    assert_eq!(to(format!("/messages?chat_id={ANNA}")).await.0, 404, "a person is no chat");
    salon.act(Action::Stop);
    let suspended = (403, json!({"code": "chat.denied", "message": "error.dialog.suspended"}));
    assert_eq!(to(format!("/messages?user_id={ANNA}")).await, suspended);
    assert_eq!(salon.get(&format!("/messages?chat_id={dialogue}")).await, suspended);
    salon.act(Action::Start { payload: None });
    assert_eq!(to(format!("/messages?user_id={ANNA}")).await.0, 200);
    salon.act(Action::Remove);
    assert_eq!(to(format!("/messages?user_id={ANNA}")).await, suspended);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn some_successes_are_none() {
    let (salon, _product) = Salon::connected().await;
    let in_vain = |(status, body): (u16, Value)| (status, body["success"].clone());
    let none = (200, json!(false));
    let theirs = salon.text("mine");
    assert_eq!(in_vain(salon.call("PUT", &format!("/messages?message_id={theirs}"), json!({"text": "a"})).await), none);
    assert_eq!(in_vain(Salon::send(salon.request("DELETE", &format!("/messages?message_id={theirs}"))).await), none);
    assert_eq!(in_vain(salon.call("POST", "/answers?callback_id=old", json!({"notification": "a"})).await), none);
    let (_, sent) = salon.write(json!({"text": "plain"})).await;
    let plain = format!("/messages?message_id={}", sent["message"]["body"]["mid"].as_str().unwrap());
    let with_keyboard = format!("/messages?message_id={}", salon.ask().await);
    salon.sandbox.clock.advance(TimeDelta::days(8)).unwrap();
    assert_eq!(in_vain(salon.call("PUT", &plain, json!({"text": "late"})).await), none);
    assert_eq!(salon.call("PUT", &with_keyboard, json!({"text": "in time"})).await.1, json!({"success": true}));
    salon.plan("PUT /messages", &Fault::Status { code: 200 });
    assert_eq!(in_vain(salon.call("PUT", &with_keyboard, json!({"text": "?"})).await), none);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn messages_can_be_read_back_changed_and_removed() {
    let (salon, _product) = Salon::connected().await;
    let first = salon.text("one");
    let second = salon.ask().await;
    let dialogue = salon.max().dialogue(BOT, ANNA).unwrap();
    let list = async |query: String| {
        let (status, answer) = salon.get(&format!("/messages?{query}")).await;
        assert_eq!(status, 200, "{answer}");
        let messages = answer["messages"].as_array().unwrap().clone();
        messages.iter().map(|message| message["body"]["mid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list(format!("chat_id={dialogue}")).await, [second.clone(), first.clone()], "newest first");
    assert_eq!(list(format!("chat_id={dialogue}&count=1")).await, std::slice::from_ref(&second));
    let (_, message) = salon.get(&format!("/messages/{first}")).await;
    let at = message["timestamp"].as_i64().unwrap();
    assert_eq!(list(format!("chat_id={dialogue}&from={at}")).await, std::slice::from_ref(&first), "up to that moment");
    assert_eq!(list(format!("chat_id={dialogue}&to={}", at + 1)).await, std::slice::from_ref(&second), "since that moment");
    assert_eq!(list(format!("message_ids={first},mid.0,{second}")).await, [first.clone(), second.clone()]);
    assert_eq!(salon.get("/messages/mid.0").await.1["code"], "message.not.found");

    let reply = json!({"text": "yes", "link": {"type": "reply", "mid": first}});
    let (_, reply) = salon.write(reply).await;
    assert_eq!(reply["message"]["link"]["message"]["text"], "one");
    salon.call("PUT", &format!("/messages?message_id={second}"), json!({"text": "new", "attachments": null})).await;
    let (_, kept) = salon.get(&format!("/messages/{second}")).await;
    assert_eq!((&kept["body"]["text"], kept["body"]["attachments"].as_array().map(Vec::len)), (&json!("new"), Some(1)));
    salon.call("PUT", &format!("/messages?message_id={second}"), json!({"attachments": []})).await;
    let (_, bare) = salon.get(&format!("/messages/{second}")).await;
    assert_eq!((&bare["body"]["text"], bare["body"].get("attachments")), (&json!("new"), None));
    let gone = Salon::send(salon.request("DELETE", &format!("/messages?message_id={second}"))).await;
    assert_eq!(gone, (200, json!({"success": true})));
    assert_eq!(salon.get(&format!("/messages/{second}")).await.0, 404);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn limits_are_real_when_switched_on() {
    let (salon, _product) = Salon::connected().await;
    salon.max().set_manners(Manners { real_limits: true, public_webhooks: true, ..salon.max().manners() });
    let hello = json!({"text": "hi"});
    assert_eq!([salon.write(hello.clone()).await.0, salon.write(hello.clone()).await.0], [200, 200]);
    let third = salon.request("POST", &format!("/messages?user_id={ANNA}")).json(&hello).send().await.unwrap();
    assert_eq!((third.status().as_u16(), third.headers().get("retry-after")), (429, None));
    let third: Value = third.json().await.unwrap();
    assert_eq!(third["code"], "too.many.requests");
    salon.sandbox.clock.advance(TimeDelta::seconds(1)).unwrap();
    assert_eq!(salon.write(hello).await.0, 200);
    let mut last = 200;
    for _ in 0..31 {
        last = salon.get("/me").await.0;
    }
    assert_eq!(last, 429);
    salon.sandbox.clock.advance(TimeDelta::seconds(1)).unwrap();
    assert_eq!(salon.violations(), Vec::<String>::new());
    assert_eq!(salon.call("POST", "/subscriptions", json!({"url": "http://a.example/"})).await.0, 400);
    assert_eq!(salon.call("POST", "/subscriptions", json!({"url": "https://a.example/"})).await.0, 200);
}

#[tokio::test]
async fn planned_faults_strike_once() {
    let (salon, _product) = Salon::connected().await;
    let sent = || salon.max().bot_messages(BOT, ANNA).len();
    let send = || salon.write(json!({"text": "hi"}));
    salon.plan("POST /messages", &Fault::RateLimit { retry_after: 7 });
    let limited = salon.request("POST", &format!("/messages?user_id={ANNA}")).json(&json!({"text": "hi"})).send().await.unwrap();
    assert_eq!((limited.status().as_u16(), limited.headers()["retry-after"].to_str().unwrap()), (429, "7"));
    salon.plan("*", &Fault::Status { code: 503 });
    let (status, unavailable) = send().await;
    assert_eq!((status, &unavailable["code"], sent()), (503, &json!("service.unavailable"), 0));
    salon.plan("POST /messages", &Fault::Slow { ms: 20 });
    assert_eq!((send().await.0, sent()), (200, 1));

    let raw = || {
        let request = salon.request("POST", &format!("/messages?user_id={ANNA}")).timeout(Duration::from_millis(300));
        request.json(&json!({"text": "hi"})).send()
    };
    let mut lost = Vec::new();
    for fault in [Fault::Drop, Fault::Hang, Fault::DropAfterCommit, Fault::HangAfterCommit] {
        salon.plan("POST /messages", &fault);
        let error = raw().await.unwrap_err();
        lost.push((error.is_timeout(), sent()));
    }
    assert_eq!(lost, [(false, 1), (true, 1), (false, 2), (true, 3)]);
    assert_eq!(send().await.0, 200);
}
