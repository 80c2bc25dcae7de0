use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use salon_sandbox::{Options, Sandbox, Scenario, max::Action};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use super::{Max, error};
use crate::{
    channel::{
        Account, ChannelAdapter, ChannelEvent, ConsentSignal, EventKind, MediaKind, Press, Sender,
        conformance::{Proof, Samples, free, secrets, to},
    },
    crypto::hmac_sha256,
    dialogue::{Button, Keyboard, Rendered, edge_screens, render},
    vendor::{
        Class, Failure, Reply,
        stub::{Step, Stub, http},
    },
};

macro_rules! fixtures {
    ($($name:literal),+ $(,)?) => {
        const FIXTURES: &[(&str, &str)] = &[$(($name, include_str!(concat!("fixtures/", $name, ".json")))),+];
    };
}

fixtures! {
    "message_created.text",
    "message_created.audio",
    "message_created.contact_foreign",
    "message_created.contact_own",
    "message_created.file",
    "message_created.forward",
    "message_created.group",
    "message_created.image",
    "message_created.location",
    "message_created.sticker",
    "message_callback",
    "message_edited",
    "message_removed",
    "bot_started",
    "bot_stopped",
    "dialog_removed",
    "dialog_muted",
    "dialog_unmuted",
    "dialog_cleared",
    "bot_added",
    "user_added",
    "chat_title_changed",
}

const PROOF: &str = "x-max-bot-api-secret";
const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:79001234567\r\nFN:Anna\r\nEND:VCARD\r\n";

/// This adapter's samples for the suite that runs over all of them.
pub(in crate::channel) fn conformance() -> Samples {
    let limited = Step::json(429, &refusal("too.many.requests"));
    Samples {
        account,
        sign,
        proof: Proof::Header(PROOF),
        webhooks: FIXTURES.iter().map(|(_, fixture)| (*fixture, 1)).collect(),
        batch: None,
        unknown_kind: r#"{"update_type":"comment_created","timestamp":1785000002100,"message":{"body":{"mid":"mid.1"}}}"#,
        foreign: r#"{"object":"whatsapp_business_account","entry":[]}"#,
        text_webhook: |text| created(json!({"text": text})).to_string(),
        chat_id: "700100200",
        sent: (Step::json(200, &sent()), "mid.000000000adbe126019f9bc4b7d00001"),
        limited_for: (limited.clone().with_header("retry-after", "7"), Duration::from_secs(7)),
        limited: (limited, Some(error::FLOOD_PAUSE)),
        errors: errors(),
        refused: Step::json(401, &refusal("verify.token")),
        unreachable: Step::json(403, &refusal("chat.denied")),
        garbled: Step::json(200, &json!({"message": "sent"})),
    }
}

fn account(base_url: Url) -> Account {
    Account { base_url, external_id: String::new(), parent_id: None, secrets: secrets() }
}

fn sign(account: &Account, body: &[u8]) -> (HeaderMap, Vec<u8>) {
    let secret = account.secrets.webhook_secret.expose_secret().parse().unwrap();
    (HeaderMap::from_iter([(PROOF.parse().unwrap(), secret)]), body.to_vec())
}

fn refusal(code: &str) -> Value {
    json!({"code": code, "message": "Anna +79001234567"})
}

fn sent() -> Value {
    let body = json!({"mid": "mid.000000000adbe126019f9bc4b7d00001", "seq": 116_327_994_376_978_687_i64, "text": "a"});
    json!({"message": {"recipient": {"chat_id": 182_182_182, "chat_type": "dialog", "user_id": 700_100_200}, "body": body}})
}

/// What MAX's documents, clients and users show; the server's own errors leave it open whether the message went out.
fn errors() -> Vec<(Step, Class)> {
    let coded = [
        (401, "verify.token", Class::Credential),
        (403, "deprecated.token", Class::Permanent),
        (403, "access.denied", Class::Permanent),
        (403, "chat.denied", Class::Unreachable),
        (404, "chat.not.found", Class::Unreachable),
        (404, "message.not.found", Class::Permanent),
        (400, "attachment.not.ready", Class::Retry { after: None }),
        (400, "proto.payload", Class::Permanent),
        (400, "something.new", Class::Permanent),
        (405, "method.not.allowed", Class::Permanent),
        (500, "internal.error", Class::Unknown),
        (503, "service.unavailable", Class::Unknown),
    ];
    let mut errors: Vec<_> = coded.map(|(status, code, class)| (Step::json(status, &refusal(code)), class)).to_vec();
    errors.push((Step::json(200, &json!({"success": false, "message": "no"})), Class::Permanent));
    let page = Step::Answer { status: 404, headers: Vec::new(), body: "<html>maintenance</html>".to_owned() };
    errors.push((page, Class::Retry { after: None }));
    errors
}

fn parse(update: &Value) -> ChannelEvent {
    parse_text(&update.to_string())
}

fn parse_text(body: &str) -> ChannelEvent {
    let mut events = Max.parse(body.as_bytes(), &account("https://vendor.example/".parse().unwrap())).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn anna() -> Value {
    json!({"user_id": 700_100_200, "first_name": "Anna", "is_bot": false})
}

/// A message of Anna's in her dialogue with the bot.
fn created(mut body: Value) -> Value {
    body["mid"] = json!("mid.1");
    let recipient = json!({"chat_id": 182_182_182, "chat_type": "dialog", "user_id": 229_229_229});
    let message = json!({"recipient": recipient, "timestamp": 1_785_000_002_000_i64, "body": body, "sender": anna()});
    json!({"update_type": "message_created", "timestamp": 1_785_000_002_100_i64, "message": message})
}

fn attached(attachment: Value) -> EventKind {
    parse(&created(json!({"text": null, "attachments": [attachment]}))).kind
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
    let text = |text: &str| EventKind::Text { text: text.to_owned(), referral: None };
    let contact = |own| EventKind::Contact { phone: "79990000000".to_owned(), own };
    let stopped = || EventKind::Consent { signal: ConsentSignal::Stopped };
    let press =
        EventKind::Button { payload: "v1:confirm:8f3c".to_owned(), callback_id: Some("f9LHodD0cOJ...opaque...".to_owned()) };
    let edit = EventKind::Edited {
        of: Some("mid.000000000adc1234019d47b1ce4600ff".to_owned()),
        text: Some("Хочу записаться на 13:00".to_owned()),
    };
    let (old, new) = ("mid.000000000adc1234019d47b1ce4600ff", "mid.000000000adbe126019f9bc4b7d000ff");
    let of_anna = |kind: &str, at: i64| format!("{kind}:182182182:700100200:{at}");
    let expected = [
        ("message_created.text", format!("message_created:{old}"), text("Здравствуйте, хочу записаться")),
        (
            "message_created.audio",
            format!("message_created:{new}"),
            media(MediaKind::Voice, Some("https://i.oneme.invalid/a"), None),
        ),
        ("message_created.contact_foreign", format!("message_created:{new}"), contact(false)),
        ("message_created.contact_own", format!("message_created:{new}"), contact(true)),
        (
            "message_created.file",
            format!("message_created:{new}"),
            media(MediaKind::Document, Some("https://i.oneme.invalid/f"), None),
        ),
        (
            "message_created.image",
            format!("message_created:{old}"),
            media(MediaKind::Photo, Some("https://i.oneme.ru/i?r=x"), Some("вот такой маникюр")),
        ),
        ("message_created.location", format!("message_created:{old}"), media(MediaKind::Location, None, None)),
        (
            "message_created.sticker",
            format!("message_created:{new}"),
            media(MediaKind::Sticker, Some("https://i.oneme.invalid/s"), None),
        ),
        ("message_callback", "message_callback:f9LHodD0cOJ...opaque...:1785000003000".to_owned(), press),
        ("message_edited", format!("message_edited:{old}:1785000002100"), edit),
        ("message_removed", format!("message_removed:{new}"), EventKind::Removed { of: new.to_owned() }),
        ("bot_started", of_anna("bot_started", 1_785_000_002_100), EventKind::Start { payload: Some("bk_8f3c2a".to_owned()) }),
        ("bot_stopped", of_anna("bot_stopped", 1_785_000_002_100), stopped()),
        ("dialog_removed", of_anna("dialog_removed", 1_785_000_002_101), stopped()),
    ];
    for (name, id, kind) in expected {
        let event = parse_text(FIXTURES.iter().find(|(known, _)| *known == name).unwrap().1);
        let sender = event.sender.clone().unwrap();
        assert_eq!((event.vendor_event_id, event.kind), (id, kind), "{name}");
        assert_eq!((sender.chat_id.as_str(), sender.user_id.as_str()), ("182182182", "700100200"), "{name}");
        assert_eq!(sender.name.is_some(), name != "message_removed", "{name}");
        assert!(event.at.is_some(), "{name}");
        assert_eq!(event.message_id.is_some(), name.starts_with("message_created"), "{name}");
    }
}

#[test]
fn who_wrote_is_told_whole() {
    let event = parse_text(FIXTURES[0].1);
    let sender = Sender {
        chat_id: "182182182".to_owned(),
        user_id: "700100200".to_owned(),
        name: Some("Анна П.".to_owned()),
        phone: None,
        language: Some("ru".to_owned()),
        plain_buttons: None,
    };
    assert_eq!(event.sender, Some(sender));
    assert_eq!(event.at, DateTime::from_timestamp_millis(1_785_000_002_000));
    let named = |user: Value| {
        let mut update = created(json!({"text": "a"}));
        update["message"]["sender"] = user;
        parse(&update).sender.unwrap().name
    };
    assert_eq!(named(json!({"user_id": 7, "first_name": "Anna", "last_name": ""})).as_deref(), Some("Anna"));
    assert_eq!(named(json!({"user_id": 7, "first_name": 5, "name": "Anna P."})).as_deref(), Some("Anna P."));
    assert_eq!(named(json!({"user_id": 7})), None);
}

#[test]
fn messages_are_told_apart_by_what_they_hold() {
    let text = |text: &str| EventKind::Text { text: text.to_owned(), referral: None };
    let start = |payload: Option<&str>| EventKind::Start { payload: payload.map(str::to_owned) };
    let file = |kind: &str| json!({"type": kind, "payload": {"url": "U", "token": "T"}});
    for (body, kind) in [
        (json!({"text": "/start"}), start(None)),
        (json!({"text": "/start s_17"}), start(Some("s_17"))),
        (json!({"text": "/started"}), text("/started")),
        (json!({"text": "https://a.example", "attachments": [file("share")]}), text("https://a.example")),
        (json!({"text": "a", "attachments": [null, 5, {"type": 5}]}), text("a")),
        (json!({"text": "a", "attachments": "none"}), text("a")),
        (json!({"attachments": [file("video")], "text": "c"}), media(MediaKind::Video, Some("U"), Some("c"))),
        (json!({"attachments": [file("hologram")]}), media(MediaKind::Unsupported, Some("U"), None)),
        (json!({"attachments": [{"type": "image"}]}), media(MediaKind::Photo, None, None)),
        (json!({"text": " "}), media(MediaKind::Unsupported, None, None)),
        (json!({}), media(MediaKind::Unsupported, None, None)),
    ] {
        assert_eq!(parse(&created(body.clone())).kind, kind, "{body}");
    }
    let forward = FIXTURES.iter().find(|(name, _)| *name == "message_created.forward").unwrap().1;
    assert_eq!(parse_text(forward).kind, media(MediaKind::Unsupported, None, None), "somebody else's words are not the client's");
}

#[test]
fn a_number_is_the_clients_own_only_if_max_vouches_for_it() {
    let hash = |token: &str, card: &str| hex::encode(hmac_sha256(token.as_bytes(), card.as_bytes()));
    let token = secrets().token.expose_secret().to_owned();
    let right = hash(&token, CARD);
    let own = |payload: Value| match attached(json!({"type": "contact", "payload": payload})) {
        EventKind::Contact { phone, own } => {
            assert_eq!(phone, "79001234567");
            own
        }
        kind => panic!("{kind:?}"),
    };
    assert!(own(json!({"vcf_info": CARD, "hash": right})));
    assert!(own(json!({"vcf_info": CARD, "hash": right.to_uppercase(), "max_info": anna()})));
    for payload in [
        json!({"vcf_info": CARD}),
        json!({"vcf_info": CARD, "hash": null}),
        json!({"vcf_info": CARD, "hash": ""}),
        json!({"vcf_info": CARD, "hash": &right[..62]}),
        json!({"vcf_info": CARD, "hash": hash("another-bot", CARD)}),
        json!({"vcf_info": CARD.replace('\r', ""), "hash": right}),
        json!({"vcf_info": CARD.replace("Anna", "Olga"), "hash": right}),
        json!({"vcf_info": CARD, "hash": right, "max_info": {"user_id": 1}}),
    ] {
        assert!(!own(payload.clone()), "{payload}");
    }
}

#[test]
fn a_card_gives_its_first_number() {
    let kind = |card: &str| attached(json!({"type": "contact", "payload": {"vcf_info": card}}));
    let phone = |phone: &str| EventKind::Contact { phone: phone.to_owned(), own: false };
    assert_eq!(kind("BEGIN:VCARD\nFN:TEL:1\nitem1.TEL:+7 900 123-45-67\nTEL:2\nEND:VCARD"), phone("+7 900 123-45-67"));
    assert_eq!(kind("BEGIN:VCARD\r\ntel;VALUE=uri:tel:+79001234567\r\nEND:VCARD\r\n"), phone("+79001234567"));
    for card in ["", "BEGIN:VCARD\r\nFN:Anna\r\nEND:VCARD", "TEL", "TEL:", "TELEX:1"] {
        let EventKind::Ignored { reason } = kind(card) else { panic!("{card}") };
        assert_eq!(reason, "a contact without a number");
    }
}

#[test]
fn what_is_no_clients_message_is_ignored_with_the_reason() {
    for name in ["message_created.group", "bot_added", "user_added", "chat_title_changed"] {
        let event = parse_text(FIXTURES.iter().find(|(known, _)| *known == name).unwrap().1);
        assert_ignored(&event, "not a dialogue");
    }
    let changed = |at: &str, value: Value| {
        let mut update = created(json!({"text": "a"}));
        *update.pointer_mut(at).unwrap() = value;
        parse(&update)
    };
    assert_ignored(&changed("/message/recipient/chat_type", json!("channel")), "not a dialogue");
    assert_ignored(&changed("/message/sender/is_bot", json!(true)), "bot");
    assert_ignored(&changed("/message/sender", Value::Null), "no sender");
    assert_ignored(&changed("/message/recipient", Value::Null), "no recipient");
    assert_ignored(&changed("/message", Value::Null), "does not show");
    assert_eq!(changed("/message/recipient/chat_type", Value::Null).sender.unwrap().chat_id, "182182182");
    let bare = json!({"chat_id": -5});
    assert_ignored(&changed("/message/recipient", bare), "not a dialogue");
    assert_ignored(&parse(&json!({"update_type": "bot_started", "chat_id": -5, "user": anna()})), "not a dialogue");
    assert_ignored(&parse(&json!({"update_type": "bot_started", "chat_id": 5})), "no sender");
    assert_ignored(&parse(&json!({"update_type": "message_callback", "callback": {"user": anna()}})), "without a payload");
    assert_ignored(&parse(&json!({"update_type": "x".repeat(200)})), "kind not handled");
    let start = parse(&json!({"update_type": "bot_started", "chat_id": 5, "user": anna(), "payload": ""}));
    assert_eq!(start.kind, EventKind::Start { payload: None });
}

#[test]
fn presses_of_one_keyboard_are_told_apart_by_their_time() {
    let press = |at: i64, message: Value| {
        let callback = json!({"timestamp": at, "callback_id": "kb", "payload": "p", "user": anna()});
        parse(&json!({"update_type": "message_callback", "timestamp": 1, "callback": callback, "message": message}))
    };
    let dialogue = json!({"recipient": {"chat_id": 182_182_182, "chat_type": "dialog", "user_id": 700_100_200},
                          "sender": {"user_id": 229_229_229, "is_bot": true}});
    let (first, second) = (press(10, dialogue.clone()), press(11, dialogue));
    assert_ne!(first.vendor_event_id, second.vendor_event_id);
    let sender = first.sender.unwrap();
    assert_eq!(
        (sender.chat_id.as_str(), sender.user_id.as_str()),
        ("182182182", "700100200"),
        "not the bot, which sent the message"
    );
    let orphan = press(10, Value::Null);
    assert_eq!(orphan.vendor_event_id, first.vendor_event_id);
    assert_eq!(orphan.sender.unwrap().chat_id, "700100200", "what we send goes to the person");
    assert_eq!(orphan.kind, EventKind::Button { payload: "p".to_owned(), callback_id: Some("kb".to_owned()) });
    let group = json!({"recipient": {"chat_id": -5, "chat_type": "chat"}});
    assert_ignored(&press(10, group), "not a dialogue");
}

/// Whatever is missing or odd at whatever place: it stays one event, or, without a kind, is refused.
#[test]
fn any_value_at_any_place_leaves_one_event() {
    let somebody = account("https://vendor.example/".parse().unwrap());
    let junk =
        [json!(null), json!(true), json!(-1), json!(1.5), json!(u64::MAX), json!("x"), json!([]), json!([1]), json!({"id": {}})];
    for (name, fixture) in FIXTURES {
        let whole: Value = serde_json::from_str(fixture).unwrap();
        for place in places(&whole, String::new()) {
            for value in &junk {
                let mut update = whole.clone();
                *update.pointer_mut(&place).unwrap() = value.clone();
                match Max.parse(update.to_string().as_bytes(), &somebody) {
                    Ok(events) => assert!(events.len() == 1 && !events[0].vendor_event_id.is_empty(), "{name} {place}"),
                    Err(_) => assert!(["", "/update_type"].contains(&place.as_str()), "{name} {place} = {value}"),
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

#[test]
fn events_without_anything_to_tell_them_by_are_told_by_their_bytes() {
    let one = parse_text(r#"{"update_type":"message_created","timestamp":1}"#);
    assert_eq!(one, parse_text(r#"{"update_type":"message_created","timestamp":1}"#));
    assert_ne!(one.vendor_event_id, parse_text(r#"{"update_type":"message_created","timestamp":2}"#).vendor_event_id);
}

#[test]
fn every_row_of_the_error_table_is_reached() {
    let pause = Class::Retry { after: Some(error::FLOOD_PAUSE) };
    let retry = Class::Retry { after: None };
    let words = [
        (429, "too.many.requests", pause, "too_many_requests"),
        (401, "verify.token", Class::Credential, "unauthorized"),
        (403, "chat.denied", Class::Unreachable, "chat_denied"),
        (403, "deprecated.token", Class::Permanent, "token_in_query"),
        (403, "access.denied", Class::Permanent, "403:other"),
        (404, "chat.not.found", Class::Unreachable, "chat_not_found"),
        (404, "dialog.not.found", Class::Unreachable, "chat_not_found"),
        (404, "message.not.found", Class::Permanent, "404:other"),
        (400, "attachment.not.ready", retry, "attachment_not_ready"),
        (400, "proto.payload", Class::Permanent, "proto_payload"),
        (400, "errors.something", Class::Permanent, "400:other"),
        (405, "", Class::Permanent, "method_not_allowed"),
        (503, "service.unavailable", retry, "server_error"),
        (200, "", Class::Permanent, "not_done"),
        (302, "", Class::Permanent, "unexpected_status"),
    ];
    assert_eq!(words.len(), error::TABLE.len());
    for ((status, code, class, ours), row) in words.into_iter().zip(error::TABLE) {
        let reply = Reply { status, headers: HeaderMap::new(), body: refusal(code).to_string().into_bytes() };
        assert_eq!(error::classify(&reply), Failure::new(class, ours), "{status} {code}");
        assert_eq!(row.4, ours, "{status} {code} belongs to another row");
        assert!(ours.len() <= 32);
    }
    let page = |status| error::classify(&Reply { status, headers: HeaderMap::new(), body: b"<html>".to_vec() }).class;
    assert_eq!([400, 401, 403, 404, 429, 502].map(page), [retry, Class::Credential, retry, retry, pause, retry]);
    let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "999999".parse().unwrap())]);
    let long = error::classify(&Reply { status: 429, headers, body: Vec::new() });
    assert_eq!(long.class, Class::Retry { after: Some(Duration::from_secs(86_400)) });
}

fn button(label: &str, payload: &str) -> Button {
    Button { label: label.to_owned(), payload: payload.to_owned() }
}

fn rendered(keyboard: Keyboard) -> Rendered {
    Rendered { text: "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?".to_owned(), keyboard }
}

async fn sent_as(keyboard: Keyboard) -> Value {
    let stub = Stub::start("/max/", vec![conformance().sent.0]).await;
    Max.send(&http(), &account(stub.base_url.clone()), &free("700100200", &rendered(keyboard))).await.unwrap();
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/max/messages?user_id=700100200&disable_link_preview=true");
    assert_eq!(seen.headers["authorization"], "900:TOKEN-that-must-not-leak", "the token itself, without a scheme");
    assert_eq!(seen.headers["content-type"], "application/json");
    seen.body
}

#[tokio::test]
async fn messages_are_written_as_documented() {
    let expected = |buttons: Option<Value>| {
        let mut body = json!({"text": "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?"});
        if let Some(buttons) = buttons {
            body["attachments"] = json!([{"type": "inline_keyboard", "payload": {"buttons": buttons}}]);
        }
        body
    };
    assert_eq!(sent_as(Keyboard::None).await, expected(None));
    let rows = vec![vec![button("Confirm", "ok"), button("Cancel", "no")], vec![button("Later", "l")]];
    let callback = |text: &str, payload: &str| json!({"type": "callback", "text": text, "payload": payload});
    let inline = json!([[callback("Confirm", "ok"), callback("Cancel", "no")], [callback("Later", "l")]]);
    assert_eq!(sent_as(Keyboard::Inline(rows)).await, expected(Some(inline)));
    let list = Keyboard::List { open_label: "Times".to_owned(), rows: vec![button("15:00", "a"), button("16:00", "b")] };
    assert_eq!(sent_as(list).await, expected(Some(json!([[callback("15:00", "a")], [callback("16:00", "b")]]))));
    let request = Keyboard::RequestContact { label: "Share my number".to_owned() };
    let contact = json!([[{"type": "request_contact", "text": "Share my number"}]]);
    assert_eq!(sent_as(request).await, expected(Some(contact)));
    assert_eq!(sent_as(Keyboard::Remove).await, expected(None));
}

#[tokio::test]
async fn an_id_of_another_channel_is_refused_before_the_call() {
    let stub = Stub::start("", Vec::new()).await;
    let (account, message) = (account(stub.base_url.clone()), rendered(Keyboard::None));
    let failure = Max.send(&http(), &account, &free("@anna", &message)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("id_not_a_number"));
    assert_eq!(Max.attend(&http(), &account, to("../me"), None).await.unwrap_err(), failure);
}

#[tokio::test]
async fn a_message_whose_sending_is_in_doubt_is_found_in_the_chat() {
    let begun = DateTime::from_timestamp_millis(1_785_000_100_000).unwrap();
    let ours = |mid: &str, at: i64, text: &str, payload: &str| {
        let keyboard = json!({"type": "inline_keyboard", "callback_id": "x", "payload": {"buttons": [
            [{"type": "callback", "text": "Confirm", "payload": payload, "intent": "default"}]]}});
        json!({"sender": {"user_id": 1, "is_bot": true}, "timestamp": at,
               "body": {"mid": mid, "text": text, "attachments": [keyboard]}})
    };
    let message = rendered(Keyboard::Inline(vec![vec![button("Confirm", "ok")]]));
    let text = message.text.as_str();
    let theirs = json!({"sender": anna(), "timestamp": 1_785_000_101_000_i64, "body": {"mid": "m0", "text": text}});
    let later = ours("m1", 1_785_000_102_000, "something else", "ok");
    let pressed_away = ours("m2", 1_785_000_101_500, text, "another token");
    let it = ours("m3", 1_785_000_101_000, &format!("{text} "), "ok");
    let behind = ours("m5", 1_785_000_080_000, text, "ok");
    let old = ours("m4", 1_784_999_000_000, text, "ok");
    let page = |messages: Vec<&Value>| Step::json(200, &json!({"messages": messages}));
    let steps = vec![
        page(vec![&later, &theirs, &pressed_away, &it, &old]),
        page(vec![&json!(null), &json!({}), &theirs, &old]),
        page(vec![&behind]),
        Step::json(403, &refusal("chat.denied")),
        Step::json(503, &refusal("service.unavailable")),
    ];
    let stub = Stub::start("", steps).await;
    let account = account(stub.base_url.clone());
    let client = http();
    let find = || Max.find(&client, &account, to("182182182"), &message, begun);
    assert_eq!(find().await.unwrap().map(|sent| sent.vendor_message_id).as_deref(), Some("m3"));
    assert_eq!(find().await.unwrap(), None);
    assert_eq!(find().await.unwrap().map(|sent| sent.vendor_message_id).as_deref(), Some("m5"), "MAX's clock is behind");
    assert_eq!(find().await.unwrap(), None, "a dialogue that is closed to us");
    assert_eq!(find().await.unwrap_err().class, Class::Retry { after: None }, "while we can't look, nothing is sent again");
    assert_eq!(stub.seen()[0].path, "/messages?chat_id=182182182&count=100");
}

#[tokio::test]
async fn a_press_is_answered_once_and_one_too_old_counts_as_answered() {
    let steps = vec![
        Step::json(200, &json!({"success": true})),
        Step::json(200, &json!({"success": false, "message": "too old"})),
        Step::json(404, &refusal("message.not.found")),
        Step::json(401, &refusal("verify.token")),
    ];
    let stub = Stub::start("", steps).await;
    let account = account(stub.base_url.clone());
    let press = Press { callback_id: "f9LH&=+/ я", chat_id: "182182182", user_id: "700100200" };
    for _ in 0..3 {
        Max.acknowledge(&http(), &account, &press).await.unwrap();
    }
    assert_eq!(Max.acknowledge(&http(), &account, &press).await.unwrap_err().class, Class::Credential);
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/answers?callback_id=f9LH%26%3D%2B%2F+%D1%8F");
    assert_eq!(seen.body, json!({"notification": "✓"}));
}

#[tokio::test]
async fn typing_is_shown_in_the_chat() {
    let stub = Stub::start("/max", vec![Step::json(200, &json!({"success": true}))]).await;
    Max.attend(&http(), &account(stub.base_url.clone()), to("182182182"), None).await.unwrap();
    let seen = stub.seen().remove(0);
    assert_eq!((seen.path.as_str(), seen.body), ("/max/chats/182182182/actions", json!({"action": "typing_on"})));
}

/// What fills the declared limits is within the vendor's own: its document is the judge.
#[tokio::test]
async fn every_screen_at_the_budgets_edge_is_within_the_vendors_rules() {
    let seed = json!({
        "bots": [{"id": 900, "token": secrets().token.expose_secret(), "name": "Salon", "username": "id900_bot"}],
        "people": [{"id": 700_100_200, "first_name": "Anna"}]});
    let scenario = Scenario { seed: [("max".to_owned(), seed)].into() };
    let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
    sandbox.max.act(900, 700_100_200, Action::Start { payload: None }).unwrap();
    let account = account(format!("{}/max", sandbox.base_url).parse().unwrap());
    let client = http();
    for (screen, seal) in edge_screens() {
        let message = render(&screen, Max.capabilities(), &seal);
        Max.send(&client, &account, &free("700100200", &message)).await.unwrap();
    }
    assert_eq!(sandbox.world.ledger.violation_count(), 0);
}

const OURS: &str = "https://hooks.example.org/webhooks/max/k";

fn listed(urls: &[(&str, Value)]) -> Step {
    let list: Vec<Value> = urls.iter().map(|(url, kinds)| json!({"url": url, "time": 1, "update_types": kinds})).collect();
    Step::json(200, &json!({"subscriptions": list}))
}

#[tokio::test]
async fn inspection_tells_whose_bot_it_is_and_where_its_events_go() {
    let me = Step::json(200, &json!({"user_id": 900, "first_name": "Salon", "username": "id7700000000_bot", "is_bot": true}));
    let ours: Url = OURS.parse().unwrap();
    let steps = vec![
        me.clone(),
        listed(&[(OURS, Value::Null)]),
        me.clone(),
        listed(&[]),
        me.clone(),
        listed(&[(OURS, json!(["message_created"])), ("https://other.example/", Value::Null)]),
        Step::json(401, &refusal("verify.token")),
    ];
    let stub = Stub::start("/max", steps).await;
    let account = account(stub.base_url.clone());
    let client = http();
    let inspect = || Max.inspect(&client, &account, Some(&ours));
    let fine = inspect().await.unwrap();
    assert_eq!((fine.name.as_str(), fine.webhook_url.as_deref(), fine.problems.len()), ("id7700000000_bot", Some(OURS), 0));
    assert_eq!(inspect().await.unwrap().webhook_url, None, "MAX unsubscribes by itself");
    let deaf = inspect().await.unwrap();
    assert_eq!((deaf.webhook_url, deaf.problems.len()), (None, 2), "too few kinds, and somebody else listens");
    assert_eq!(inspect().await.unwrap_err().class, Class::Credential);
    let paths: Vec<String> = stub.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths[..2], ["/max/me", "/max/subscriptions"]);
}

#[tokio::test]
async fn a_subscription_is_made_read_back_and_cleared_of_our_older_ones() {
    let done = Step::json(200, &json!({"success": true}));
    let stale = "https://hooks.example.org/webhooks/max/before";
    let steps = vec![
        done.clone(),
        listed(&[
            (stale, Value::Null),
            ("https://other.example/max", Value::Null),
            (OURS, Value::Null),
            ("no address", Value::Null),
        ]),
        done,
    ];
    let stub = Stub::start("", steps).await;
    Max.register_webhook(&http(), &account(stub.base_url.clone()), &OURS.parse().unwrap()).await.unwrap();
    let seen = stub.seen();
    assert_eq!(
        seen[0].body,
        json!({"url": OURS, "secret": "SECRET-that-must-not-leak", "update_types": [
            "message_created", "message_callback", "message_edited", "message_removed", "bot_started", "bot_stopped", "dialog_removed",
            "dialog_muted", "dialog_unmuted", "dialog_cleared"]})
    );
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    let removal = "/subscriptions?url=https%3A%2F%2Fhooks.example.org%2Fwebhooks%2Fmax%2Fbefore";
    assert_eq!(paths, ["/subscriptions", "/subscriptions", removal]);
}

#[tokio::test]
async fn a_success_that_is_none_is_no_subscription() {
    let register = async |steps: Vec<Step>| {
        let stub = Stub::start("", steps).await;
        Max.register_webhook(&http(), &account(stub.base_url.clone()), &OURS.parse().unwrap()).await.unwrap_err()
    };
    let refused = Step::json(200, &json!({"success": false, "message": "url is not reachable"}));
    assert_eq!(register(vec![refused]).await, Failure::permanent("not_done"));
    let done = Step::json(200, &json!({"success": true}));
    assert_eq!(register(vec![done, listed(&[])]).await, Failure::permanent("not_subscribed"));
}
