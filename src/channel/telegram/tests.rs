use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Telegram, error};
use crate::{
    channel::{
        Account, AccountInfo, ChannelAdapter, ChannelEvent, ConsentSignal, EventKind, MediaKind, Press, Sender,
        conformance::{Proof, Samples, free, secrets},
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{
        Class, Failure, Reply,
        stub::{Step, Stub, http},
    },
};

const AUDIO: &str = include_str!("fixtures/audio.json");
const CALLBACK: &str = include_str!("fixtures/callback_query.json");
const CONTACT: &str = include_str!("fixtures/contact_own.json");
const EDITED: &str = include_str!("fixtures/edited_message.json");
const LOCATION: &str = include_str!("fixtures/location.json");
const PHOTO: &str = include_str!("fixtures/photo.json");
const START: &str = include_str!("fixtures/text_start.json");
const FIXTURES: &[&str] = &[AUDIO, CALLBACK, CONTACT, EDITED, LOCATION, PHOTO, START];

const PROOF: &str = "x-telegram-bot-api-secret-token";

/// This adapter's samples for the suite that runs over all of them.
pub(in crate::channel) fn conformance() -> Samples {
    Samples {
        account,
        sign,
        proof: Proof::Header(PROOF),
        webhooks: FIXTURES.iter().map(|fixture| (*fixture, 1)).collect(),
        batch: None,
        unknown_kind: r#"{"update_id":1,"hologram":{"from":{"id":1}}}"#,
        foreign: r#"{"object":"whatsapp_business_account","entry":[]}"#,
        text_webhook,
        chat_id: "700100200",
        sent: (Step::json(200, &json!({"ok": true, "result": {"message_id": 51, "date": 1_795_200_100}})), "51"),
        limited_for: (Step::json(429, &refusal(429, "Too Many Requests: retry after 7", Some(7))), Duration::from_secs(7)),
        limited: (Step::json(429, &refusal(429, "Too Many Requests", None)), None),
        errors: errors(),
        refused: Step::json(401, &refusal(401, "Unauthorized", None)),
        unreachable: Step::json(403, &refusal(403, "Forbidden: bot was blocked by the user", None)),
        garbled: Step::json(200, &json!({"ok": true, "result": "sent"})),
    }
}

fn account(base_url: url::Url) -> Account {
    Account { base_url, external_id: String::new(), parent_id: None, secrets: secrets() }
}

fn sign(account: &Account, body: &[u8]) -> (HeaderMap, Vec<u8>) {
    let secret = account.secrets.webhook_secret.expose_secret().parse().unwrap();
    (HeaderMap::from_iter([(PROOF.parse().unwrap(), secret)]), body.to_vec())
}

fn text_webhook(text: &str) -> String {
    json!({"update_id": 5, "message": from_anna(json!({"text": text}))}).to_string()
}

/// Bot API server (`tdlib/telegram-bot-api`), Client.cpp: what a send is refused with.
fn errors() -> Vec<(Step, Class)> {
    let retry = Class::Retry { after: None };
    [
        (403, "Forbidden: bot was blocked by the user", Class::Unreachable),
        (403, "Forbidden: user is deactivated", Class::Unreachable),
        (403, "Forbidden: bot can't initiate conversation with a user", Class::Unreachable),
        (403, "Forbidden: bot was kicked from the group chat", Class::Unreachable),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", Class::Unreachable),
        (400, "Bad Request: chat not found", Class::Unreachable),
        (400, "Bad Request: message text is empty", Class::Permanent),
        (400, "Bad Request: message is too long", Class::Permanent),
        (400, "Bad Request: can't parse entities: unsupported start tag", Class::Permanent),
        (400, "Bad Request: BUTTON_DATA_INVALID", Class::Permanent),
        (400, "Bad Request: SOMETHING_NEW", Class::Permanent),
        (400, "Logged out", Class::Credential),
        (401, "Unauthorized: invalid token specified", Class::Credential),
        (404, "Not Found", Class::Credential),
        (404, "Not Found: method not found", Class::Permanent),
        (409, "Conflict: terminated by other setWebhook", retry),
        (421, "Misdirected Request: unallowed token specified", Class::Permanent),
        (500, "Internal Server Error: restart", retry),
    ]
    .map(|(status, text, class)| (Step::json(status, &refusal(status, text, None)), class))
    .to_vec()
}

fn refusal(code: u16, description: &str, retry_after: Option<u64>) -> Value {
    let mut body = json!({"ok": false, "error_code": code, "description": description});
    if let Some(seconds) = retry_after {
        body["parameters"] = json!({"retry_after": seconds});
    }
    body
}

fn parse(body: &str) -> ChannelEvent {
    let mut events = Telegram.parse(body.as_bytes(), &account("https://vendor.example/".parse().unwrap())).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn update(kind: &str, content: Value) -> ChannelEvent {
    parse(&json!({"update_id": 5, kind: content}).to_string())
}

fn anna() -> Value {
    json!({"id": 700_100_200, "is_bot": false, "first_name": "Anna"})
}

/// A message of Anna's in her private chat with the bot.
fn from_anna(mut content: Value) -> Value {
    content["from"] = anna();
    content["chat"] = json!({"id": 700_100_200, "type": "private"});
    content["message_id"] = json!(1);
    content
}

fn media(media: MediaKind, reference: Option<&str>, caption: Option<&str>) -> EventKind {
    EventKind::Media { media, reference: reference.map(str::to_owned), caption: caption.map(str::to_owned), keeps_seconds: None }
}

#[track_caller]
fn assert_ignored(event: &ChannelEvent, because: &str) {
    let EventKind::Ignored { reason } = &event.kind else { panic!("{event:?} should be ignored") };
    assert!(reason.contains(because), "{reason}");
}

#[test]
fn fixtures_are_read_to_the_last_field_we_use() {
    let sender = Sender {
        chat_id: "700100200".to_owned(),
        user_id: "700100200".to_owned(),
        name: Some("Anna K".to_owned()),
        phone: None,
        language: Some("ru".to_owned()),
        plain_buttons: None,
    };
    let expected = [
        (AUDIO, "900000006", media(MediaKind::Audio, Some("CQACAgIAAx"), None)),
        (
            CALLBACK,
            "900000002",
            EventKind::Button { payload: "bk:9f3c:ok".to_owned(), callback_id: Some("3006900000000000001".to_owned()) },
        ),
        (CONTACT, "900000004", EventKind::Contact { phone: "+79001234567".to_owned(), own: true }),
        (EDITED, "900000009", EventKind::Edited { of: Some("47".to_owned()), text: Some("at 16:00, not 15:00".to_owned()) }),
        (LOCATION, "900000008", media(MediaKind::Location, None, None)),
        (PHOTO, "900000007", media(MediaKind::Photo, Some("AgACx"), Some("like this"))),
        (START, "900000001", EventKind::Start { payload: Some("s_17".to_owned()) }),
    ];
    assert_eq!(expected.len(), FIXTURES.len());
    for (fixture, id, kind) in expected {
        let written = serde_json::from_str::<Value>(fixture).unwrap().pointer("/message").map(|message| {
            let at = DateTime::from_timestamp(message["date"].as_i64().unwrap(), 0);
            (Some(message["message_id"].to_string()), at)
        });
        let (message_id, at) = written.unwrap_or_default();
        assert_eq!(parse(fixture), ChannelEvent { message_id, at, ..ChannelEvent::of(id, Some(sender.clone()), kind) });
    }
}

#[test]
fn messages_are_told_apart_by_what_they_hold() {
    let start = |payload: Option<&str>| EventKind::Start { payload: payload.map(str::to_owned) };
    let text = |text: &str| EventKind::Text { text: text.to_owned(), referral: None };
    let contact = |own| EventKind::Contact { phone: "79001234567".to_owned(), own };
    let file = json!({"file_id": "F"});
    for (content, kind) in [
        (json!({"text": "/start"}), start(None)),
        (json!({"text": "/start  "}), start(None)),
        (json!({"text": "/start@salon_bot ref"}), start(Some("ref"))),
        (json!({"text": "/started"}), text("/started")),
        (json!({"text": "завтра в 15"}), text("завтра в 15")),
        (json!({"contact": {"phone_number": "79001234567", "user_id": 700_100_200}}), contact(true)),
        (json!({"contact": {"phone_number": "79001234567", "user_id": 1}}), contact(false)),
        (json!({"contact": {"phone_number": "79001234567"}}), contact(false)),
        (json!({"voice": file}), media(MediaKind::Voice, Some("F"), None)),
        (json!({"video": file, "caption": "c"}), media(MediaKind::Video, Some("F"), Some("c"))),
        (json!({"video_note": file}), media(MediaKind::Video, Some("F"), None)),
        (json!({"sticker": file}), media(MediaKind::Sticker, Some("F"), None)),
        (json!({"document": file, "animation": file}), media(MediaKind::Document, Some("F"), None)),
        (
            json!({"venue": {"title": "Salon"}, "location": {"latitude": 1, "longitude": 2}}),
            media(MediaKind::Location, None, None),
        ),
    ] {
        assert_eq!(update("message", from_anna(content.clone())).kind, kind, "{content}");
    }
}

#[test]
fn what_is_no_clients_message_is_ignored_with_the_reason() {
    let group = json!({"from": anna(), "chat": {"id": -100, "type": "supergroup"}, "text": "hi"});
    assert_ignored(&update("message", group), "not a private chat");
    let migrated = json!({"from": anna(), "chat": {"id": -100, "type": "group"}, "migrate_to_chat_id": -100_200});
    assert_ignored(&update("message", migrated), "supergroup");
    let bot = json!({"from": {"id": 1, "is_bot": true}, "chat": {"id": 1, "type": "private"}, "text": "hi"});
    assert_ignored(&update("message", bot), "bot");
    assert_ignored(&update("message", json!({"chat": {"id": 1, "type": "private"}, "text": "hi"})), "no sender");
    assert_ignored(&update("message", from_anna(json!({"text": "hi", "business_connection_id": "b"}))), "business");
    assert_ignored(&update("message", from_anna(json!({"pinned_message": {}}))), "service message");
    assert_ignored(&update("message", from_anna(json!({"contact": {"user_id": 1}}))), "without a number");
    assert_ignored(&update("message", json!("a string")), "message of an unknown shape");
    assert_ignored(&update("channel_post", json!({"text": "news"})), "channel_post");
    for kind in ["business_connection", "business_message", "edited_business_message", "deleted_business_messages"] {
        assert_ignored(&update(kind, from_anna(json!({"text": "hi"}))), kind);
    }
    assert_ignored(&parse(r#"{"update_id":5}"#), "empty update");
}

#[test]
fn a_press_is_read_whatever_is_left_of_its_message() {
    let button = |callback_id: &str| EventKind::Button { payload: "bk:1".to_owned(), callback_id: Some(callback_id.to_owned()) };
    let inaccessible = json!({"chat": {"id": 700_100_200, "type": "private"}, "message_id": 12, "date": 0});
    let event = update("callback_query", json!({"id": "7", "from": anna(), "data": "bk:1", "message": inaccessible}));
    assert_eq!(event.kind, button("7"));
    assert_eq!(event.sender.unwrap().chat_id, "700100200");

    let event = update("callback_query", json!({"id": "8", "from": anna(), "data": "bk:1"}));
    assert_eq!(event.kind, button("8"));
    assert_eq!(event.sender.unwrap().chat_id, "700100200");

    let group = json!({"chat": {"id": -5, "type": "group"}});
    assert_ignored(&update("callback_query", json!({"id": "9", "from": anna(), "data": "x", "message": group})), "private");
    assert_ignored(&update("callback_query", json!({"id": "9", "from": anna(), "game_short_name": "x"})), "without data");
}

#[test]
fn a_block_is_a_block_only_in_a_private_chat() {
    let change = |chat: Value, status: &str| {
        update("my_chat_member", json!({"from": anna(), "chat": chat, "new_chat_member": {"status": status}}))
    };
    let private = json!({"id": 700_100_200, "type": "private"});
    assert_eq!(change(private.clone(), "kicked").kind, EventKind::Consent { signal: ConsentSignal::Blocked });
    assert_eq!(change(private.clone(), "member").kind, EventKind::Consent { signal: ConsentSignal::Unblocked });
    assert_ignored(&change(private, "restricted"), "membership");
    assert_ignored(&change(json!({"id": -5, "type": "group"}), "kicked"), "private");
}

/// Whatever stands at whatever place of an update: it stays one event of the same id, or, without an id, is refused.
#[test]
fn any_value_at_any_place_leaves_one_event_of_the_same_id() {
    let somebody = account("https://vendor.example/".parse().unwrap());
    let junk = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!("x"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"id": {}}),
    ];
    for fixture in FIXTURES {
        let whole: Value = serde_json::from_str(fixture).unwrap();
        let id = whole["update_id"].to_string();
        for place in places(&whole, String::new()) {
            for value in &junk {
                let mut update = whole.clone();
                *update.pointer_mut(&place).unwrap() = value.clone();
                match Telegram.parse(update.to_string().as_bytes(), &somebody) {
                    Ok(events) if place != "/update_id" => {
                        assert_eq!(events.len(), 1);
                        assert_eq!(events[0].vendor_event_id, id, "{place} = {value}");
                    }
                    Ok(events) => assert_eq!(events[0].vendor_event_id, value.to_string()),
                    Err(_) => assert!(["", "/update_id"].contains(&place.as_str()), "{place} = {value}"),
                }
            }
        }
    }
}

fn places(value: &Value, at: String) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    let below: Vec<String> = inner.into_iter().flat_map(|(key, value)| places(value, format!("{at}/{key}"))).collect();
    std::iter::once(at).chain(below).collect()
}

fn classify(status: u16, body: &Value) -> Failure {
    error::classify(&Reply { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() })
}

#[test]
fn every_row_of_the_error_table_is_reached_by_the_vendors_own_words() {
    let retry = Class::Retry { after: None };
    let words = [
        (429, "Too Many Requests", retry, "too_many_requests"),
        (403, "Forbidden: bot was blocked by the user", Class::Unreachable, "blocked"),
        (403, "Forbidden: user is deactivated", Class::Unreachable, "deactivated"),
        (403, "Forbidden: bot can't initiate conversation with a user", Class::Unreachable, "not_started"),
        (403, "Forbidden: bot was kicked from the group chat", Class::Unreachable, "kicked"),
        (403, "Forbidden: bot is not a member of the channel chat", Class::Unreachable, "not_a_member"),
        (403, "Forbidden: the group chat was deleted", Class::Unreachable, "chat_deleted"),
        (403, "Forbidden: something new", Class::Unreachable, "403:other"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", Class::Unreachable, "migrated"),
        (400, "Bad Request: chat not found", Class::Unreachable, "chat_not_found"),
        (400, "Bad Request: private chat not found", Class::Unreachable, "chat_not_found"),
        (400, "Bad Request: message is not modified: specified new message content", Class::Permanent, "not_modified"),
        (
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
            Class::Permanent,
            "query_too_old",
        ),
        (400, "Bad Request: message text is empty", Class::Permanent, "text_empty"),
        (400, "Bad Request: message is too long", Class::Permanent, "text_too_long"),
        (400, "Bad Request: can't parse entities: chat not found", Class::Permanent, "entities"),
        (400, "Bad Request: BUTTON_DATA_INVALID", Class::Permanent, "button_data"),
        (400, "Bad Request: chat_id is empty", Class::Permanent, "chat_id_empty"),
        (400, "Bad Request: reply markup is too long", Class::Permanent, "markup_too_long"),
        (400, "Logged out", Class::Credential, "logged_out"),
        (400, "Bad Request: PEER_FLOOD", Class::Permanent, "400:other"),
        (401, "Unauthorized: invalid token specified", Class::Credential, "unauthorized"),
        (404, "Not Found: method not found", Class::Permanent, "no_such_method"),
        (404, "Not Found", Class::Credential, "not_found"),
        (409, "Conflict: terminated by other setWebhook", retry, "conflict"),
        (421, "Misdirected Request: unallowed token specified", Class::Permanent, "misdirected"),
        (500, "Internal Server Error: restart", retry, "server_error"),
        (302, "Found", Class::Permanent, "unexpected_status"),
    ];
    assert_eq!(words.len(), error::TABLE.len());
    for ((status, text, class, code), row) in words.into_iter().zip(error::TABLE) {
        assert_eq!(classify(status, &refusal(status, text, None)), Failure::new(class, code), "{text}");
        assert_eq!(row.4, code, "{text} belongs to another row");
        assert!(code.len() <= 32);
    }
}

#[test]
fn a_stated_wait_is_kept_within_a_day_and_may_come_in_the_header() {
    let after = |failure: Failure| match failure.class {
        Class::Retry { after } => after,
        class => panic!("{class:?}"),
    };
    assert_eq!(after(classify(429, &refusal(429, "Too Many Requests", Some(3)))), Some(Duration::from_secs(3)));
    assert_eq!(after(classify(429, &refusal(429, "Too Many Requests", Some(u64::MAX)))), Some(Duration::from_secs(86_400)));
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "11".parse().unwrap())]);
    let reply = Reply { status: 429, headers, body: b"<html>".to_vec() };
    assert_eq!(after(error::classify(&reply)), Some(Duration::from_secs(11)));
}

async fn sent_as(keyboard: Keyboard) -> Value {
    let stub = Stub::start("/telegram/", vec![conformance().sent.0]).await;
    let message = Rendered { text: "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?".to_owned(), keyboard };
    Telegram.send(&http(), &account(stub.base_url.clone()), &free("700100200", &message)).await.unwrap();
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/telegram/bot900:TOKEN-that-must-not-leak/sendMessage");
    seen.body
}

fn expected(reply_markup: Option<Value>) -> Value {
    let mut body = json!({
        "chat_id": 700_100_200, "text": "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?", "link_preview_options": {"is_disabled": true}
    });
    if let Some(markup) = reply_markup {
        body["reply_markup"] = markup;
    }
    body
}

#[tokio::test]
async fn messages_are_written_as_documented() {
    let button = |label: &str, payload: &str| Button { label: label.to_owned(), payload: payload.to_owned() };
    assert_eq!(sent_as(Keyboard::None).await, expected(None));
    let rows = vec![vec![button("Confirm", "bk:9f3c:ok"), button("Cancel", "bk:9f3c:no")], vec![button("Later", "l")]];
    let inline = json!({"inline_keyboard": [
        [{"text": "Confirm", "callback_data": "bk:9f3c:ok"}, {"text": "Cancel", "callback_data": "bk:9f3c:no"}],
        [{"text": "Later", "callback_data": "l"}],
    ]});
    assert_eq!(sent_as(Keyboard::Inline(rows)).await, expected(Some(inline)));
    let list = Keyboard::List { open_label: "Times".to_owned(), rows: vec![button("15:00", "a"), button("16:00", "b")] };
    let rows = json!({"inline_keyboard": [[{"text": "15:00", "callback_data": "a"}], [{"text": "16:00", "callback_data": "b"}]]});
    assert_eq!(sent_as(list).await, expected(Some(rows)));
    let contact = json!({
        "keyboard": [[{"text": "Share my number", "request_contact": true}]], "one_time_keyboard": true, "resize_keyboard": true
    });
    let request = Keyboard::RequestContact { label: "Share my number".to_owned() };
    assert_eq!(sent_as(request).await, expected(Some(contact)));
    assert_eq!(sent_as(Keyboard::Remove).await, expected(Some(json!({"remove_keyboard": true}))));
}

#[tokio::test]
async fn a_chat_id_of_another_channel_is_refused_before_the_call() {
    let stub = Stub::start("", Vec::new()).await;
    let message = Rendered { text: "hi".to_owned(), keyboard: Keyboard::None };
    let failure = Telegram.send(&http(), &account(stub.base_url.clone()), &free("@channel", &message)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("chat_id_not_a_number"));
}

#[tokio::test]
async fn a_press_too_old_to_answer_counts_as_answered() {
    let too_old = refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid", None);
    let unauthorized = refusal(401, "Unauthorized", None);
    let steps = vec![
        Step::json(200, &json!({"ok": true, "result": true})),
        Step::json(400, &too_old),
        // Some proxies answer 200 to everything.
        Step::json(200, &too_old),
        Step::json(401, &unauthorized),
    ];
    let stub = Stub::start("", steps).await;
    let press = Press { callback_id: "3006900000000000001", chat_id: "700100200", user_id: "700100200" };
    let account = account(stub.base_url.clone());
    for _ in 0..3 {
        Telegram.acknowledge(&http(), &account, &press).await.unwrap();
    }
    let failure = Telegram.acknowledge(&http(), &account, &press).await.unwrap_err();
    assert_eq!(failure.class, Class::Credential);
    assert_eq!(stub.seen()[0].body, json!({"callback_query_id": "3006900000000000001"}));
    assert!(stub.seen()[0].path.ends_with("/answerCallbackQuery"));
}

#[tokio::test]
async fn inspection_tells_whose_bot_it_is_and_where_its_webhooks_go() {
    let me = Step::json(
        200,
        &json!({"ok": true, "result": {"id": 900, "is_bot": true, "first_name": "Salon", "username": "salon_bot"}}),
    );
    let info = |url: &str| Step::json(200, &json!({"ok": true, "result": {"url": url, "pending_update_count": 3}}));
    let ours: url::Url = "https://hooks.example.org/k".parse().unwrap();
    let steps = vec![me.clone(), info(ours.as_str()), me.clone(), info(""), me, info("https://another-tool.example/")];
    let stub = Stub::start("/tg", steps).await;
    let expected = AccountInfo {
        name: "salon_bot".to_owned(),
        webhook_url: Some("https://hooks.example.org/k".to_owned()),
        pending_updates: Some(3),
        problems: Vec::new(),
    };
    let (http, account) = (http(), account(stub.base_url.clone()));
    assert_eq!(Telegram.inspect(&http, &account, Some(&ours)).await.unwrap(), expected);
    assert_eq!(Telegram.inspect(&http, &account, Some(&ours)).await.unwrap().webhook_url, None);
    let taken = Telegram.inspect(&http, &account, Some(&ours)).await.unwrap();
    assert_eq!((taken.webhook_url, taken.problems.len()), (None, 1), "another tool has taken the webhook");
    assert_eq!(stub.seen()[1].path, "/tg/bot900:TOKEN-that-must-not-leak/getWebhookInfo");
}

#[tokio::test]
async fn a_webhook_is_registered_with_everything_the_vendor_would_reset() {
    let done = json!({"ok": true, "result": true, "description": "Webhook is already set"});
    let stub = Stub::start("", vec![Step::json(200, &done)]).await;
    let address = "https://hooks.example.org/webhooks/telegram/k".parse().unwrap();
    Telegram.register_webhook(&http(), &account(stub.base_url.clone()), &address).await.unwrap();
    assert_eq!(
        stub.seen()[0].body,
        json!({
            "url": "https://hooks.example.org/webhooks/telegram/k",
            "secret_token": "SECRET-that-must-not-leak",
            "max_connections": 40,
            "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
            "drop_pending_updates": false,
        })
    );
}
