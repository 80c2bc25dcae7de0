//! The Telegram stand-in over HTTP, as a product and a person meet it.
#![allow(clippy::disallowed_methods, reason = "the product in these tests is a bare HTTP client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use salon_sandbox::{
    Options, Sandbox,
    fault::{Fault, Target},
    messenger::{Act, Author, ButtonKind, CannotAct, Media, Messenger},
    telegram::{Action, Manners, NewBot, Person},
    vendor::Vendor,
};
use serde_json::{Value, json};

const TOKEN: &str = "6100000001:sandbox-token";
const BOT: i64 = 6_100_000_001;
const ANNA: i64 = 700_100_200;
const OLGA: i64 = 700_100_201;
const PATIENCE: Duration = Duration::from_secs(20);

/// A webhook that answers what it was told, then 200, and keeps what it got.
#[derive(Default)]
struct Product {
    got: Mutex<Vec<(Value, Option<String>)>>,
    answers: Mutex<VecDeque<(u16, &'static str)>>,
}

impl Product {
    async fn listen() -> (Arc<Self>, String) {
        let product = Arc::new(Self::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = Router::new().route("/hook", post(Self::take)).with_state(Arc::clone(&product));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (product, url)
    }

    async fn take(State(product): State<Arc<Self>>, headers: HeaderMap, body: String) -> (StatusCode, &'static str) {
        let secret = headers.get("x-telegram-bot-api-secret-token").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(headers["content-type"], "application/json");
        product.got.lock().unwrap().push((serde_json::from_str(&body).unwrap(), secret));
        let (status, body) = product.answers.lock().unwrap().pop_front().unwrap_or((200, ""));
        (StatusCode::from_u16(status).unwrap(), body)
    }

    fn will_answer(&self, answers: &[(u16, &'static str)]) {
        self.answers.lock().unwrap().extend(answers);
    }

    fn updates(&self) -> Vec<Value> {
        self.got.lock().unwrap().iter().map(|(update, _)| update.clone()).collect()
    }

    fn ids(&self) -> Vec<i64> {
        self.updates().iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
    }

    fn texts(&self) -> Vec<String> {
        let updates = self.updates();
        updates.iter().filter_map(|update| update["message"]["text"].as_str()).map(str::to_owned).collect()
    }
}

struct Salon {
    sandbox: Sandbox,
    client: reqwest::Client,
}

impl Salon {
    /// A bot, two people, and Anna's chat open.
    async fn open() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let telegram = &sandbox.telegram;
        telegram.set_manners(Manners { retry_ms_per_second: 1, ..Manners::default() });
        telegram.add_bot(NewBot { token: TOKEN.into(), name: "Salon".into(), username: "salon_demo_bot".into() }).unwrap();
        for (id, name, phone) in [(ANNA, "Anna", Some("79001234567")), (OLGA, "Olga", None)] {
            telegram.add_person(Person {
                id,
                first_name: name.into(),
                last_name: None,
                username: None,
                language_code: Some("ru".into()),
                phone: phone.map(str::to_owned),
            });
        }
        telegram.act(BOT, ANNA, Action::Start { payload: None }).unwrap();
        Self { sandbox, client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    /// The same with a webhook that has got nothing yet.
    async fn connected() -> (Self, Arc<Product>) {
        let salon = Self::open().await;
        let (product, url) = Product::listen().await;
        let hook = json!({"url": url, "secret_token": "Zk3_9-aBq7Lw", "drop_pending_updates": true});
        assert_eq!(salon.call("setWebhook", hook).await.1["result"], true);
        (salon, product)
    }

    async fn call(&self, method: &str, parameters: Value) -> (u16, Value) {
        self.call_as(TOKEN, method, parameters).await
    }

    async fn call_as(&self, token: &str, method: &str, parameters: Value) -> (u16, Value) {
        let url = format!("{}/telegram/bot{token}/{method}", self.sandbox.base_url);
        let response = self.client.post(url).json(&parameters).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn refused(&self, method: &str, parameters: Value) -> (u16, String) {
        let (status, body) = self.call(method, parameters).await;
        assert_eq!((body["ok"].as_bool(), body["error_code"].as_u64()), (Some(false), Some(status.into())));
        (status, body["description"].as_str().unwrap().to_owned())
    }

    fn act(&self, action: Action) -> salon_sandbox::telegram::Acted {
        self.sandbox.telegram.act(BOT, ANNA, action).unwrap()
    }

    fn text(&self, text: &str) -> i64 {
        self.act(Action::Text { text: text.into() }).message_id.unwrap()
    }

    fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: "telegram".into(), operation: operation.into() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    async fn settled(&self) {
        let settled = |telegram: &salon_sandbox::telegram::Telegram| telegram.is_settled(BOT).then_some(());
        self.sandbox.telegram.wait_for(PATIENCE, settled).await.expect("the updates are delivered");
    }

    fn violations(&self) -> Vec<String> {
        self.sandbox.world.ledger.violations().into_iter().flat_map(|entry| entry.violations).collect()
    }
}

fn confirm() -> Value {
    json!({"inline_keyboard": [[{"text": "Confirm", "callback_data": "ok"}, {"text": "Cancel", "callback_data": "no"}]]})
}

#[tokio::test]
async fn a_conversation_in_which_every_update_and_answer_fits_the_specification() {
    let (salon, product) = Salon::connected().await;
    salon.text("hello");
    let asked = json!({"chat_id": ANNA, "text": " Confirm? ", "reply_markup": confirm()});
    let (_, sent) = salon.call("sendMessage", asked).await;
    assert_eq!((&sent["result"]["text"], &sent["result"]["from"]["id"]), (&json!("Confirm?"), &json!(BOT)));
    let pressed = salon.act(Action::Press { message_id: None, data: "ok".into(), unchecked: false, inaccessible: false });
    let answer = json!({"callback_query_id": pressed.callback_query_id, "text": "Done"});
    assert_eq!(salon.call("answerCallbackQuery", answer).await.1, json!({"ok": true, "result": true}));
    let edited = json!({"chat_id": ANNA, "message_id": sent["result"]["message_id"], "text": "Confirmed"});
    let (_, edited) = salon.call("editMessageText", edited).await;
    assert_eq!(edited["result"].get("reply_markup"), None);
    salon.act(Action::Contact { phone: None, first_name: None });
    salon.act(Action::Contact { phone: Some("+79990000000".into()), first_name: Some("Ira".into()) });
    salon.act(Action::Voice { duration: 3 });
    salon.act(Action::Location { latitude: 55.75, longitude: 37.61 });
    salon.act(Action::Photo { caption: Some("like this".into()), data: None });
    let id = salon.text("15:00");
    salon.act(Action::Edit { message_id: id, text: "16:00".into() });
    salon.act(Action::Block);
    salon.act(Action::Unblock);
    salon.settled().await;

    let updates = product.updates();
    let content = |field: &str| updates.iter().filter(|update| update["message"].get(field).is_some()).count();
    assert_eq!(["text", "contact", "voice", "location", "photo"].map(content), [2, 2, 1, 1, 1]);
    let kinds = |kind: &str| updates.iter().filter(|update| update.get(kind).is_some()).count();
    assert_eq!(["message", "callback_query", "edited_message", "my_chat_member"].map(kinds), [7, 1, 1, 2]);
    let mut ids = product.ids();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), updates.len());
    assert!(product.got.lock().unwrap().iter().all(|(_, secret)| secret.as_deref() == Some("Zk3_9-aBq7Lw")));
    let own = updates.iter().find(|update| update["message"]["contact"]["user_id"] == ANNA).unwrap();
    assert_eq!(own["message"]["contact"]["phone_number"], "79001234567");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn updates_of_a_chat_arrive_in_order_though_the_webhook_fails() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[(500, ""), (503, ""), (404, "")]);
    for text in ["one", "two", "three"] {
        salon.text(text);
    }
    salon.settled().await;
    assert_eq!(product.texts(), ["one", "one", "one", "one", "two", "three"]);
    let statuses: Vec<u16> = salon.sandbox.telegram.deliveries().iter().map(|delivery| delivery.status).collect();
    assert_eq!(statuses, [500, 503, 404, 200, 200, 200]);
    let (_, info) = salon.call("getWebhookInfo", json!({})).await;
    assert_eq!(info["result"]["last_error_message"], "Wrong response from the webhook: 404");
}

#[tokio::test]
async fn a_button_press_overtakes_a_message_that_the_webhook_refuses() {
    let (salon, product) = Salon::connected().await;
    salon.sandbox.telegram.set_manners(Manners { retry_ms_per_second: 3_600_000, ..Manners::default() });
    salon.call("sendMessage", json!({"chat_id": ANNA, "text": "?", "reply_markup": confirm()})).await;
    product.will_answer(&[(500, ""), (500, "")]);
    salon.text("stuck");
    let failed = |telegram: &salon_sandbox::telegram::Telegram| (telegram.deliveries().len() == 2).then_some(());
    salon.sandbox.telegram.wait_for(PATIENCE, failed).await.unwrap();
    salon.act(Action::Press { message_id: None, data: "no".into(), unchecked: false, inaccessible: false });
    let pressed = |telegram: &salon_sandbox::telegram::Telegram| {
        telegram.deliveries().iter().any(|delivery| delivery.kind == "callback_query").then_some(())
    };
    salon.sandbox.telegram.wait_for(PATIENCE, pressed).await.unwrap();
    assert!(!salon.sandbox.telegram.is_settled(BOT));
    assert_eq!(product.texts(), ["stuck", "stuck"]);
}

#[tokio::test]
async fn an_update_may_come_twice_or_again_although_it_was_taken() {
    let (salon, product) = Salon::connected().await;
    salon.plan("webhook", &Fault::Twice);
    let doubled = salon.act(Action::Text { text: "a".into() }).update_id.unwrap();
    salon.settled().await;
    salon.plan("webhook", &Fault::DropAfterCommit);
    let repeated = salon.act(Action::Text { text: "b".into() }).update_id.unwrap();
    salon.settled().await;
    salon.plan("webhook", &Fault::Drop);
    let delayed = salon.act(Action::Text { text: "c".into() }).update_id.unwrap();
    salon.settled().await;
    assert_eq!(product.ids(), [doubled, doubled, repeated, repeated, delayed]);
}

#[tokio::test]
async fn an_update_expires_while_nobody_takes_it() {
    let salon = Salon::open().await;
    salon.call("sendMessage", json!({"chat_id": ANNA, "text": "?", "reply_markup": confirm()})).await;
    let pressed = salon.act(Action::Press { message_id: None, data: "ok".into(), unchecked: false, inaccessible: false });
    salon.sandbox.clock.advance(chrono::TimeDelta::seconds(151)).unwrap();
    let (product, url) = Product::listen().await;
    salon.call("setWebhook", json!({"url": url})).await;
    salon.settled().await;
    assert_eq!(product.texts(), ["/start"]);
    assert!(product.updates().iter().all(|update| update.get("callback_query").is_none()));
    let late = salon.refused("answerCallbackQuery", json!({"callback_query_id": pressed.callback_query_id})).await;
    assert_eq!(late.1, "Bad Request: query is too old and response timeout expired or query ID is invalid");
}

#[tokio::test]
async fn only_the_updates_asked_for_come() {
    let (salon, product) = Salon::connected().await;
    let url = salon.call("getWebhookInfo", json!({})).await.1["result"]["url"].clone();
    let (_, again) = salon.call("setWebhook", json!({"url": url, "allowed_updates": ["my_chat_member"]})).await;
    assert_eq!(again["description"], "Webhook was set");
    assert_eq!(salon.act(Action::Text { text: "unheard".into() }).update_id, None);
    salon.act(Action::Block);
    salon.settled().await;
    let got = product.got.lock().unwrap().clone();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].0["my_chat_member"]["new_chat_member"]["status"], "kicked");
    assert_eq!(got[0].1, None, "a later setWebhook without a secret removes it");
}

#[tokio::test]
async fn an_answer_that_names_a_method_is_a_violation() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[(200, r#"{"method":"sendMessage","chat_id":1,"text":"hi"}"#)]);
    salon.text("hello");
    salon.settled().await;
    assert_eq!(salon.violations().len(), 1);
}

#[tokio::test]
async fn a_webhook_that_is_gone_for_a_day_is_removed() {
    let (salon, product) = Salon::connected().await;
    salon.sandbox.telegram.set_manners(Manners { retry_ms_per_second: 3_600_000, ..Manners::default() });
    product.will_answer(&[(410, ""), (410, ""), (410, "")]);
    salon.text("hello");
    let tried = |telegram: &salon_sandbox::telegram::Telegram| (telegram.deliveries().len() == 2).then_some(());
    salon.sandbox.telegram.wait_for(PATIENCE, tried).await.unwrap();
    salon.sandbox.clock.advance(chrono::TimeDelta::hours(23) + chrono::TimeDelta::minutes(1)).unwrap();
    salon.act(Action::Block);
    let removed =
        |telegram: &salon_sandbox::telegram::Telegram| telegram.snapshot()["bots"][0]["webhook"].is_null().then_some(());
    salon.sandbox.telegram.wait_for(PATIENCE, removed).await.unwrap();
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_and_recorded() {
    let (salon, _product) = Salon::connected().await;
    let cases = [
        ("sendMessage", json!({"chat_id": ANNA}), "Bad Request: text: required, but missing"),
        ("sendMessage", json!({"chat_id": ANNA, "text": " "}), "Bad Request: message text is empty"),
        ("sendMessage", json!({"chat_id": ANNA, "text": "a".repeat(4097)}), "Bad Request: message is too long"),
        ("sendMessage", json!({"chat_id": "", "text": "a"}), "Bad Request: chat_id is empty"),
        (
            "sendMessage",
            json!({"chat_id": ANNA, "text": "a", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "я".repeat(33)}]]}}),
            "Bad Request: BUTTON_DATA_INVALID",
        ),
        (
            "setWebhook",
            json!({"url": "https://a.example", "secret_token": "a b"}),
            "Bad Request: secret token contains unallowed characters",
        ),
        ("sendChatAction", json!({"chat_id": ANNA, "action": "dancing"}), "Bad Request: wrong parameter action in request"),
        ("getFile", json!({"file_id": "nothing"}), "Bad Request: invalid file_id"),
        ("sendMassage", json!({}), "Not Found: method not found"),
    ];
    for (method, parameters, expected) in cases {
        let before = salon.violations().len();
        assert_eq!(salon.refused(method, parameters).await.1, expected);
        assert_eq!(salon.violations().len(), before + 1, "{expected}");
    }
    let (status, _) = salon.call("sendMessage", json!({"chat_id": ANNA, "text": "a", "buttons": []})).await;
    assert_eq!((status, salon.violations().pop().as_deref()), (200, Some("buttons: unknown field")));
}

#[tokio::test]
async fn what_happens_to_a_correct_product_is_no_violation() {
    let (salon, _product) = Salon::connected().await;
    let to = |person: i64| json!({"chat_id": person, "text": "hi"});
    assert_eq!(salon.refused("sendMessage", to(OLGA)).await, (400, "Bad Request: chat not found".into()));
    let (_, sent) = salon.call("sendMessage", json!({"chat_id": ANNA, "text": "hi", "reply_markup": confirm()})).await;
    let same = json!({"chat_id": ANNA, "message_id": sent["result"]["message_id"], "reply_markup": confirm()});
    let (status, description) = salon.refused("editMessageReplyMarkup", same).await;
    assert_eq!(status, 400);
    assert!(description.starts_with("Bad Request: message is not modified: "), "{description}");
    salon.act(Action::Block);
    let blocked = (403, "Forbidden: bot was blocked by the user".to_owned());
    assert_eq!(salon.refused("sendMessage", to(ANNA)).await, blocked);
    salon.act(Action::Start { payload: Some("s_17".into()) });
    assert_eq!(salon.call("sendMessage", to(ANNA)).await.0, 200);
    salon.act(Action::Deactivate);
    assert_eq!(salon.refused("sendMessage", to(ANNA)).await, (403, "Forbidden: user is deactivated".into()));
    let (status, unknown) = salon.call_as("6100000001:other", "getMe", json!({})).await;
    assert_eq!((status, &unknown["description"]), (401, &json!("Unauthorized")));
    let (status, malformed) = salon.call_as("nonsense", "getMe", json!({})).await;
    assert_eq!((status, &malformed["description"]), (401, &json!("Unauthorized: invalid token specified")));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_phone_number_is_asked_for_in_private_only() {
    let (salon, _product) = Salon::connected().await;
    salon.sandbox.telegram.add_group(BOT, -100, "Staff");
    let ask = |chat: i64| {
        let keyboard = json!({"keyboard": [[{"text": "My number", "request_contact": true}]], "one_time_keyboard": true});
        json!({"chat_id": chat, "text": "Your number?", "reply_markup": keyboard})
    };
    assert_eq!(salon.call("sendMessage", ask(ANNA)).await.0, 200);
    assert_eq!(salon.refused("sendMessage", ask(-100)).await.0, 400);
}

#[tokio::test]
async fn limits_are_real_when_switched_on() {
    let (salon, _product) = Salon::connected().await;
    salon.sandbox.telegram.set_manners(Manners { real_limits: true, ..salon.sandbox.telegram.manners() });
    let hello = json!({"chat_id": ANNA, "text": "hi"});
    let mut last = (0, Value::Null);
    for _ in 0..4 {
        last = salon.call("sendMessage", hello.clone()).await;
    }
    assert_eq!((last.0, &last.1["parameters"]), (429, &json!({"retry_after": 1})));
    salon.sandbox.clock.advance(chrono::TimeDelta::seconds(2)).unwrap();
    assert_eq!(salon.call("sendMessage", hello).await.0, 200);
}

#[tokio::test]
async fn planned_faults_strike_once() {
    let (salon, _product) = Salon::connected().await;
    let sent = || salon.sandbox.telegram.bot_messages(BOT, ANNA).len();
    let send = || salon.call("sendMessage", json!({"chat_id": ANNA, "text": "hi"}));
    salon.plan("sendMessage", &Fault::RateLimit { retry_after: 7 });
    assert_eq!(send().await.1["parameters"]["retry_after"], 7);
    salon.plan("*", &Fault::Status { code: 502 });
    assert_eq!(send().await.0, 502);
    assert_eq!(sent(), 0);

    let raw = || {
        let url = format!("{}/telegram/bot{TOKEN}/sendMessage", salon.sandbox.base_url);
        let request = salon.client.post(url).timeout(Duration::from_millis(300));
        request.json(&json!({"chat_id": ANNA, "text": "hi"})).send()
    };
    let mut lost = Vec::new();
    for fault in [Fault::Drop, Fault::Hang, Fault::DropAfterCommit, Fault::HangAfterCommit] {
        salon.plan("sendMessage", &fault);
        let error = raw().await.unwrap_err();
        lost.push((error.is_timeout(), sent()));
    }
    assert_eq!(lost, [(false, 0), (true, 0), (false, 1), (true, 2)]);
    salon.plan("sendMessage", &Fault::AnswerAfterCommit { ms: 0, code: Some(500) });
    assert_eq!((send().await.0, sent()), (500, 3), "refused, and sent");
    salon.plan("sendMessage", &Fault::AnswerAfterCommit { ms: 1, code: None });
    assert_eq!((send().await.0, sent()), (200, 4));
    assert_eq!(send().await.0, 200);
}

#[tokio::test]
async fn files_can_be_fetched_with_the_token_only() {
    let (salon, product) = Salon::connected().await;
    salon.act(Action::Photo { caption: None, data: Some("c2Fsb24=".into()) });
    salon.settled().await;
    let id = product.updates()[0]["message"]["photo"][1]["file_id"].as_str().unwrap().to_owned();
    let url = format!("{}/telegram/bot{TOKEN}/getFile?file_id={id}", salon.sandbox.base_url);
    let file: Value = salon.client.get(url).send().await.unwrap().json().await.unwrap();
    let path = file["result"]["file_path"].as_str().unwrap();
    let fetch = async |token: &str| {
        let url = format!("{}/telegram/file/bot{token}/{path}", salon.sandbox.base_url);
        let response = salon.client.get(url).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await.unwrap())
    };
    assert_eq!(fetch(TOKEN).await, (200, "salon".into()));
    assert_eq!(fetch("6100000001:other").await.0, 404);
}

#[tokio::test]
async fn people_can_do_only_what_the_chat_allows() {
    let (salon, _product) = Salon::connected().await;
    let telegram = &salon.sandbox.telegram;
    let text = || Action::Text { text: "hi".into() };
    let press = |unchecked| Action::Press { message_id: None, data: "ok".into(), unchecked, inaccessible: false };
    assert_eq!(telegram.act(BOT, OLGA, text()), Err(CannotAct::NoChat));
    assert_eq!(telegram.act(BOT, 1, text()), Err(CannotAct::NoPerson));
    assert_eq!(telegram.act(1, ANNA, text()), Err(CannotAct::NoBot));
    assert_eq!(telegram.act(BOT, ANNA, press(false)), Err(CannotAct::NoButton));
    telegram.act(BOT, OLGA, Action::Start { payload: None }).unwrap();
    let own_card = Action::Contact { phone: None, first_name: None };
    assert_eq!(telegram.act(BOT, OLGA, own_card), Err(CannotAct::NoPhone));
    salon.call("sendMessage", json!({"chat_id": ANNA, "text": "plain"})).await;
    assert!(telegram.act(BOT, ANNA, press(true)).is_ok(), "a forged client presses what is not there");
}

#[tokio::test]
async fn a_forged_update_carries_the_wrong_secret() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[(401, "")]);
    let update = json!({"update_id": 1, "message": {}});
    assert_eq!(salon.sandbox.telegram.forge(BOT, &update, Some("guess")).await, Ok(401));
    let got = product.got.lock().unwrap().clone();
    assert_eq!(got, [(update, Some("guess".to_owned()))]);
}

#[tokio::test]
async fn a_stopped_sandbox_answers_nobody() {
    let salon = Salon::open().await;
    assert_eq!(salon.call("getMe", json!({})).await.0, 200);
    let Salon { sandbox, client } = salon;
    let url = format!("{}/control/health", sandbox.base_url);
    drop(sandbox);
    assert!(client.get(url).send().await.is_err());
}

#[tokio::test]
async fn it_is_a_messenger_like_the_others() {
    let (salon, product) = Salon::connected().await;
    let telegram: &dyn Messenger = &*salon.sandbox.telegram;
    let (bot, anna) = (BOT.to_string(), ANNA.to_string());
    assert_eq!(telegram.accounts(), [(bot.clone(), "Salon".to_owned())]);
    assert_eq!(telegram.people(), [(anna.clone(), "Anna".to_owned()), (OLGA.to_string(), "Olga".to_owned())]);
    let offer =
        json!({"inline_keyboard": [[{"text": "Book", "callback_data": "b"}, {"text": "Map", "url": "https://example.org/"}]]});
    salon.call("sendMessage", json!({"chat_id": ANNA, "text": "Hello", "reply_markup": offer})).await;
    let ask = json!({"keyboard": [[{"text": "My number", "request_contact": true}], [{"text": "Later"}]]});
    salon.call("sendMessage", json!({"chat_id": ANNA, "text": "Your number?", "reply_markup": ask})).await;
    salon.call("sendChatAction", json!({"chat_id": ANNA, "action": "typing"})).await;

    let chat = telegram.chat(&bot, &anna).unwrap();
    let pressable: Vec<_> = chat.bubbles[1].buttons[0].iter().map(|button| (button.press.as_str(), button.kind)).collect();
    assert_eq!(pressable, [("b", ButtonKind::Reply), ("https://example.org/", ButtonKind::Link)]);
    let keyboard: Vec<_> = chat.keyboard.iter().flatten().map(|button| (button.press.as_str(), button.kind)).collect();
    assert_eq!(keyboard, [("request_contact", ButtonKind::Contact), ("Later", ButtonKind::Reply)]);
    assert!(chat.typing && !chat.blocked && chat.notice.is_none());

    let hello = Some(chat.bubbles[1].id.clone());
    let act = |act| telegram.act_as(&bot, &anna, act).unwrap();
    let press = |message: &Option<String>, press: &str| act(Act::Press { message: message.clone(), press: press.into() });
    assert_eq!(press(&hello, "https://example.org/"), Vec::<String>::new(), "Telegram learns nothing of it");
    let mut told = vec![press(&hello, "b"), press(&hello, "forged"), press(&None, "request_contact"), press(&None, "Later")];
    told.extend(
        [Media::Photo, Media::Voice, Media::Location, Media::Sticker].map(|media| act(Act::Media { media, caption: None })),
    );
    told.push(act(Act::Contact { own: false }));
    salon.settled().await;
    let got: Vec<String> = product.ids().iter().map(ToString::to_string).collect();
    assert!(told.iter().flatten().all(|id| got.contains(id)) && got.len() == told.len(), "{told:?} and {got:?}");
    let data = |update: &Value| update["callback_query"]["data"].as_str().map(str::to_owned);
    let pressed: Vec<_> = product.updates().iter().filter_map(data).collect();
    assert_eq!(pressed, ["b", "forged"]);

    let query = product.updates().iter().find_map(|update| update["callback_query"]["id"].as_str().map(str::to_owned));
    salon.call("answerCallbackQuery", json!({"callback_query_id": query, "text": "Got it"})).await;
    let chat = telegram.chat(&bot, &anna).unwrap();
    assert_eq!(chat.notice.unwrap().text, "Got it");
    let hers = |chat: &[salon_sandbox::messenger::Bubble]| {
        let hers = chat.iter().filter(|bubble| bubble.author == Author::Person);
        hers.map(|bubble| (bubble.id.clone(), bubble.note.clone().unwrap_or(bubble.text.clone()))).collect::<Vec<_>>()
    };
    let (ids, shown): (Vec<_>, Vec<_>) = hers(&chat.bubbles).into_iter().unzip();
    assert_eq!(shown, ["/start", "contact", "Later", "photo", "voice", "location", "sticker", "contact"]);
    act(Act::Edit { message: ids[2].clone(), text: "Now".into() });
    act(Act::Delete { message: ids[3].clone() });
    act(Act::Block);
    let chat = telegram.chat(&bot, &anna).unwrap();
    let shown: Vec<_> = hers(&chat.bubbles).into_iter().map(|(_, shown)| shown).collect();
    assert_eq!(shown, ["/start", "contact", "edited", "voice", "location", "sticker", "contact"]);
    assert!(chat.blocked && telegram.act_as(&bot, &anna, Act::Text { text: "hello".into() }).is_err());
    assert!(salon.sandbox.world.ledger.violations().is_empty());
}
