use std::time::Duration;

use chrono::DateTime;
use http::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Vk, error, outbound};
use crate::{
    channel::{
        Account, AccountInfo, ChannelAdapter, ChannelEvent, ConsentSignal, EventKind, Handshake, MediaKind, Press, Sender,
        conformance::{HANDSHAKE, Proof, Samples, TOKEN, WEBHOOK_SECRET, free, secrets, to},
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

macro_rules! fixtures {
    ($($name:ident = $file:literal),+ $(,)?) => {
        $(const $name: &str = include_str!(concat!("fixtures/", $file, ".json"));)+
        const FIXTURES: &[&str] = &[$($name),+];
    };
}

fixtures! {
    CONFIRMATION = "confirmation",
    JOIN = "group_join",
    LEAVE = "group_leave",
    ALLOW = "message_allow",
    DENY = "message_deny",
    EDIT = "message_edit",
    PRESS = "message_event",
    GEO = "message_new.geo",
    NOT_SUPPORTED = "message_new.not_supported_button",
    PHOTO = "message_new.photo",
    REF = "message_new.ref",
    START = "message_new.start",
    TEXT = "message_new.text",
    TEXT_BUTTON = "message_new.text_button",
    VOICE = "message_new.voice",
    OPERATOR = "message_reply.operator",
    OWN = "message_reply.own",
    BLOCK = "user_block",
}

const ID: &str = "beea7f04ba6a1553adcc5445943e118d151169ff";
const ANNA: &str = "700100200";
const PAYLOAD: &str = "v1|tm|0|1z|Zm9vYmFy";

/// This adapter's samples for the suite that runs over all of them.
pub(in crate::channel) fn conformance() -> Samples {
    Samples {
        account,
        sign,
        proof: Proof::Member("secret"),
        webhooks: FIXTURES.iter().map(|fixture| (*fixture, if *fixture == ALLOW { 2 } else { 1 })).collect(),
        batch: None,
        unknown_kind: r#"{"type":"hologram_new","event_id":"1","v":"5.250","group_id":123456,"object":{"user_id":1}}"#,
        foreign: r#"{"object":"whatsapp_business_account","entry":[]}"#,
        text_webhook: |text| new_message(json!({"text": text})).to_string(),
        chat_id: ANNA,
        sent: (sent(1502), "1502"),
        // VK itself names no wait; what stands before it may.
        limited_for: (Step::json(429, &json!({})).with_header("retry-after", "7"), Duration::from_secs(7)),
        limited: (refused(6), Some(Duration::from_secs(1))),
        errors: errors(),
        refused: refused(5),
        unreachable: refused_for_one(901),
        garbled: Step::json(200, &json!({"response": "sent"})),
    }
}

fn account(base_url: url::Url) -> Account {
    Account { base_url, external_id: "123456".to_owned(), parent_id: None, secrets: secrets() }
}

fn somewhere() -> Account {
    account("https://vendor.example/".parse().unwrap())
}

fn sign(account: &Account, body: &[u8]) -> (HeaderMap, Vec<u8>) {
    let mut event: Value = serde_json::from_slice(body).unwrap();
    event["secret"] = json!(account.secrets.webhook_secret.expose_secret());
    (HeaderMap::new(), event.to_string().into_bytes())
}

fn sent(id: i64) -> Step {
    Step::json(200, &json!({"response": [{"peer_id": 700_100_200, "message_id": id, "conversation_message_id": 43}]}))
}

fn refused(code: i64) -> Step {
    let params = json!([{"key": "message", "value": "Confirm?"}, {"key": "peer_ids", "value": ANNA}]);
    Step::json(200, &json!({"error": {"error_code": code, "error_msg": "no", "request_params": params}}))
}

fn refused_for_one(code: i64) -> Step {
    let error = json!({"code": code, "description": "no"});
    let item = json!({"peer_id": 700_100_200, "message_id": 0, "conversation_message_id": 0, "error": error});
    Step::json(200, &json!({"response": [item]}))
}

/// VK: errors.json and messages.send, with what each means for a message. 911 is sent again and has a test of its own.
fn meanings() -> Vec<(i64, Class)> {
    let wait = |seconds| Class::Retry { after: Some(Duration::from_secs(seconds)) };
    let all = |codes: &[i64], class: Class| codes.iter().map(|code| (*code, class)).collect::<Vec<_>>();
    [
        all(&[1, 10, 43], Class::Retry { after: None }),
        all(&[6], wait(1)),
        all(&[9], wait(120)),
        all(&[14, 1105], wait(900)),
        all(&[29], wait(3_600)),
        all(&[36], Class::Unknown),
        all(&[5, 17, 24, 25, 27, 28, 984, 1117, 3300, 3301, 3302, 3303, 3304, 3609, 11_500], Class::Credential),
        all(&[18, 37, 900, 901, 902, 1021, 3610], Class::Unreachable),
        all(&[7, 8, 15, 20, 21, 23, 42, 100, 104, 113, 125, 203, 909, 910, 912, 913, 914, 917, 920, 922], Class::Permanent),
        all(&[925, 927, 932, 935, 936, 940, 943, 944, 945, 946, 949, 950, 962, 969, 979, 983, 985, 987], Class::Permanent),
        all(&[988, 1012, 2000, 9999, 4_242], Class::Permanent),
    ]
    .concat()
}

fn errors() -> Vec<(Step, Class)> {
    let both = |(code, class)| [(refused(code), class), (refused_for_one(code), class)];
    meanings().into_iter().flat_map(both).collect()
}

fn event(kind: &str, object: Value) -> Value {
    json!({"type": kind, "event_id": ID, "v": "5.199", "group_id": 123_456, "secret": "s", "object": object})
}

/// A message of Anna's.
fn new_message(content: Value) -> Value {
    let mut message =
        json!({"id": 1501, "date": 1_785_000_002, "peer_id": 700_100_200, "from_id": 700_100_200, "out": 0, "text": ""});
    message.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
    event("message_new", json!({"message": message, "client_info": {"button_actions": ["text", "callback"], "lang_id": 0}}))
}

fn parse_all(event: &str) -> Vec<ChannelEvent> {
    Vk.parse(event.as_bytes(), &somewhere()).unwrap()
}

fn parse(event: &str) -> ChannelEvent {
    let mut events = parse_all(event);
    assert_eq!(events.len(), 1);
    events.remove(0)
}

fn kind_of(event: &Value) -> EventKind {
    parse(&event.to_string()).kind
}

fn anna(language: Option<&str>, plain_buttons: Option<bool>) -> Option<Sender> {
    let id = || ANNA.to_owned();
    Some(Sender { chat_id: id(), user_id: id(), name: None, phone: None, language: language.map(str::to_owned), plain_buttons })
}

fn media(media: MediaKind, reference: Option<&str>, caption: Option<&str>) -> EventKind {
    EventKind::Media { media, reference: reference.map(str::to_owned), caption: caption.map(str::to_owned), keeps_seconds: None }
}

fn text(text: &str, referral: Option<&str>) -> EventKind {
    EventKind::Text { text: text.to_owned(), referral: referral.map(str::to_owned) }
}

fn button(callback_id: Option<&str>) -> EventKind {
    EventKind::Button { payload: PAYLOAD.to_owned(), callback_id: callback_id.map(str::to_owned) }
}

fn consent(signal: ConsentSignal) -> EventKind {
    EventKind::Consent { signal }
}

#[track_caller]
fn assert_ignored(event: &Value, because: &str) {
    let EventKind::Ignored { reason } = kind_of(event) else { panic!("{event} should be ignored") };
    assert!(reason.contains(because), "{reason}");
}

#[test]
fn fixtures_are_read_to_the_last_field_we_use() {
    let (told, unsaid) = (anna(Some("ru"), Some(false)), anna(None, None));
    let echo = |text: &str, operator| EventKind::Echo {
        vendor_message_id: "1502".to_owned(),
        text: Some(text.to_owned()),
        operator: Some(operator),
    };
    let edit = EventKind::Edited { of: Some("1501".to_owned()), text: Some("Хочу на 13:00".to_owned()) };
    let (wrote, at) = (Some("1501"), Some(1_785_000_002));
    for (fixture, sender, kind, message_id, at) in [
        (TEXT, told.clone(), text("Здравствуйте, хочу записаться", None), wrote, at),
        (REF, told.clone(), text("Здравствуйте", Some("bk_8f3c2a")), wrote, at),
        (START, told.clone(), EventKind::Start { payload: None }, wrote, at),
        (TEXT_BUTTON, told.clone(), button(None), wrote, at),
        (NOT_SUPPORTED, anna(Some("ru"), Some(true)), button(None), wrote, at),
        (PHOTO, told.clone(), media(MediaKind::Photo, Some("photo700100200_457"), Some("вот")), wrote, at),
        (VOICE, told.clone(), media(MediaKind::Voice, Some("audio_message700100200_555"), None), wrote, at),
        (GEO, told, media(MediaKind::Location, None, None), wrote, at),
        (EDIT, unsaid.clone(), edit, None, Some(1_785_000_060)),
        (PRESS, unsaid.clone(), button(Some("a1b2c3d4e5f6")), None, None),
        (OPERATOR, unsaid.clone(), echo("Ждём вас", true), None, at),
        (OWN, unsaid.clone(), echo("Ждём вас завтра", false), None, at),
        (DENY, unsaid.clone(), consent(ConsentSignal::Denied), None, None),
        (BLOCK, unsaid, consent(ConsentSignal::Blocked), None, None),
    ] {
        let message_id = message_id.map(str::to_owned);
        let at = at.and_then(|at| DateTime::from_timestamp(at, 0));
        assert_eq!(parse(fixture), ChannelEvent { message_id, at, ..ChannelEvent::of(ID, sender, kind) });
    }
    for (fixture, because) in [(JOIN, "membership"), (LEAVE, "membership"), (CONFIRMATION, "handshake")] {
        assert_ignored(&serde_json::from_str(fixture).unwrap(), because);
    }
}

#[test]
fn a_permission_may_bring_what_its_widget_was_opened_with() {
    let key = EventKind::Referral { payload: "bk_8f3c2a".to_owned() };
    let expected = [
        ChannelEvent::of(ID, anna(None, None), consent(ConsentSignal::Allowed)),
        ChannelEvent::of(format!("{ID}:key"), anna(None, None), key),
    ];
    assert_eq!(parse_all(ALLOW), expected);
    let bare = event("message_allow", json!({"user_id": 700_100_200, "key": ""}));
    assert_eq!(kind_of(&bare), consent(ConsentSignal::Allowed));
}

#[test]
fn a_payload_is_a_text_or_an_object_and_is_unwrapped_once() {
    let ours = json!({"t": PAYLOAD});
    let wrapped = |inner: Value| json!({"command": "not_supported_button", "button_type": "callback", "payload": inner});
    let twice = wrapped(json!(wrapped(json!(ours.to_string())).to_string()));
    for (payload, kind) in [
        (ours.clone(), button(None)),
        (json!(ours.to_string()), button(None)),
        (wrapped(ours.clone()), button(None)),
        (json!(wrapped(json!(ours.to_string())).to_string()), button(None)),
        (twice, text("Приду", None)),
        (json!({"command": "start"}), EventKind::Start { payload: None }),
        (wrapped(json!({"command": "start"})), text("Приду", None)),
        (json!({"a": "confirm"}), text("Приду", None)),
        (json!("no json"), text("Приду", None)),
        (json!("[1]"), text("Приду", None)),
        (json!({"t": 7}), text("Приду", None)),
        (json!(7), text("Приду", None)),
        (Value::Null, text("Приду", None)),
    ] {
        assert_eq!(kind_of(&new_message(json!({"text": "Приду", "payload": payload.clone()}))), kind, "{payload}");
    }
    let pressed = |payload: Value| {
        let user = 700_100_200;
        event("message_event", json!({"user_id": user, "peer_id": user, "event_id": "e", "payload": payload}))
    };
    assert_eq!(kind_of(&pressed(ours.clone())), button(Some("e")));
    assert_eq!(kind_of(&pressed(json!(ours.to_string()))), button(Some("e")));
    assert_ignored(&pressed(json!({"a": "confirm"})), "not ours");
    assert_ignored(&pressed(Value::Null), "not ours");
}

#[test]
fn messages_are_told_apart_by_what_they_hold() {
    let attached = |kind: &str, content: Value| json!({"attachments": [{"type": kind, kind: content}]});
    let file = json!({"owner_id": -5, "id": 7});
    let with_text = |mut content: Value| {
        content["text"] = json!("смотрите");
        content
    };
    for (content, kind) in [
        (attached("doc", file.clone()), media(MediaKind::Document, Some("doc-5_7"), None)),
        (attached("video", file.clone()), media(MediaKind::Video, Some("video-5_7"), None)),
        (attached("audio", file.clone()), media(MediaKind::Audio, Some("audio-5_7"), None)),
        (attached("graffiti", file.clone()), media(MediaKind::Photo, Some("graffiti-5_7"), None)),
        (attached("sticker", json!({"sticker_id": 9})), media(MediaKind::Sticker, Some("sticker9"), None)),
        (attached("photo", json!({})), media(MediaKind::Photo, None, None)),
        (attached("wall", file.clone()), media(MediaKind::Unsupported, None, None)),
        (with_text(attached("wall", file.clone())), text("смотрите", None)),
        (with_text(attached("link", json!({"url": "https://a.example"}))), text("смотрите", None)),
        (with_text(attached("photo", file)), media(MediaKind::Photo, Some("photo-5_7"), Some("смотрите"))),
        (json!({"geo": {"type": "point"}, "text": "тут"}), media(MediaKind::Location, None, Some("тут"))),
        (json!({"text": "hi", "ref": ""}), text("hi", None)),
        (json!({"payload": {"command": "start"}, "ref": "r1"}), EventKind::Start { payload: Some("r1".to_owned()) }),
    ] {
        assert_eq!(kind_of(&new_message(content.clone())), kind, "{content}");
    }
    assert_ignored(&new_message(json!({"fwd_messages": []})), "content not handled");
}

#[test]
fn a_link_is_kept_beside_what_has_no_place_for_it() {
    let attached = json!({"ref": "r1", "attachments": [{"type": "sticker", "sticker": {"sticker_id": 9}}]});
    let pressed = json!({"ref": "r1", "payload": {"t": PAYLOAD}});
    for content in [attached, pressed] {
        let events = parse_all(&new_message(content.clone()).to_string());
        assert_eq!(events.len(), 2, "{content}");
        assert_eq!(events[1].kind, EventKind::Referral { payload: "r1".to_owned() });
        assert_eq!(events[0].sender.as_ref().map(|one| &one.chat_id), events[1].sender.as_ref().map(|one| &one.chat_id));
    }
    assert_eq!(parse_all(&new_message(json!({"ref": "r1", "fwd_messages": []})).to_string()).len(), 1, "nothing was said");
}

#[test]
fn what_is_no_clients_message_is_ignored_with_the_reason() {
    for (content, because) in [
        (json!({"out": 1}), "own message"),
        (json!({"from_id": -123_456}), "own message"),
        (json!({"peer_id": 2_000_000_001_i64}), "chat of many"),
        (json!({"peer_id": -7}), "not a person"),
        (json!({"from_id": null}), "no sender"),
        (json!({"attachments": [{}]}), "unknown shape"),
    ] {
        assert_ignored(&new_message(content), because);
    }
    let own = json!({"id": 1502, "from_id": -123_456, "peer_id": 700_100_200, "out": 1, "text": "changed"});
    assert_ignored(&event("message_edit", own), "own message");
    let unnumbered = json!({"id": 0, "from_id": -123_456, "peer_id": 700_100_200, "out": 1, "text": "a"});
    assert_ignored(&event("message_reply", unnumbered), "number");
    assert_ignored(&event("message_deny", json!({"user_id": -7})), "not a person");
    assert_ignored(&event(&"ы".repeat(500), json!({})), &"ы".repeat(64));
    let pressed = json!({"user_id": 5, "peer_id": 2_000_000_001_i64, "event_id": "e", "payload": {"t": PAYLOAD}});
    assert_ignored(&event("message_event", pressed), "chat of many");
}

#[test]
fn an_event_of_an_older_version_is_read_too() {
    let message = new_message(json!({"text": "hi"}))["object"]["message"].clone();
    let read = parse(&event("message_new", message).to_string());
    assert_eq!((read.kind, read.sender), (text("hi", None), anna(None, None)));
}

#[test]
fn an_event_without_an_id_is_known_by_its_bytes() {
    for id in [Value::Null, json!(""), json!(7)] {
        let mut event = new_message(json!({"text": "hi"}));
        event["event_id"] = id;
        let (first, again) = (parse(&event.to_string()), parse(&event.to_string()));
        assert!(first.vendor_event_id.starts_with("sha256:") && first == again);
        event["object"]["message"]["text"] = json!("ho");
        assert_ne!(first.vendor_event_id, parse(&event.to_string()).vendor_event_id);
    }
}

/// Whatever stands at whatever place of an event: it stays one event, or two, of the same ids, or is refused.
#[test]
fn any_value_at_any_place_leaves_the_same_events() {
    let junk = [json!(null), json!(true), json!(-1), json!(u64::MAX), json!(0.5), json!(""), json!([]), json!({"a": {"b": []}})];
    for fixture in FIXTURES {
        let whole: Value = serde_json::from_str(fixture).unwrap();
        for place in places(&whole, "") {
            for value in &junk {
                let mut event = whole.clone();
                *event.pointer_mut(&place).unwrap() = value.clone();
                match Vk.parse(event.to_string().as_bytes(), &somewhere()) {
                    Ok(events) => {
                        let known =
                            |event: &ChannelEvent| place == "/event_id" || event.vendor_event_id.starts_with(&id_in(fixture));
                        assert!((1..=2).contains(&events.len()) && events.iter().all(known), "{place} = {value}");
                    }
                    Err(_) => assert!(["/type", "/group_id"].contains(&place.as_str()), "{place} = {value}"),
                }
            }
        }
    }
}

fn id_in(fixture: &str) -> String {
    serde_json::from_str::<Value>(fixture).unwrap()["event_id"].as_str().unwrap().to_owned()
}

fn places(value: &Value, at: &str) -> Vec<String> {
    let inner: Vec<String> = match value {
        Value::Object(fields) => fields.iter().flat_map(|(name, value)| places(value, &format!("{at}/{name}"))).collect(),
        Value::Array(items) => items.iter().enumerate().flat_map(|(n, value)| places(value, &format!("{at}/{n}"))).collect(),
        _ => Vec::new(),
    };
    let own = (!at.is_empty()).then(|| at.to_owned());
    own.into_iter().chain(inner).collect()
}

#[test]
fn an_event_must_be_ours_and_say_the_secret_once() {
    let accepts = |body: &str| Vk.verify(&HeaderMap::new(), body.as_bytes(), &somewhere()).is_ok();
    let with = |group: &str, secret: &str| format!(r#"{{"type":"message_deny","group_id":{group},{secret}}}"#);
    let right = format!(r#""secret":"{WEBHOOK_SECRET}""#);
    assert!(accepts(&with("123456", &right)));
    assert!(!accepts(&with("123457", &right)), "another community's event");
    assert!(!accepts(&with("\"123456\"", &right)));
    assert!(!accepts(&with("123456", &format!("{right},{right}"))), "said twice");
    assert!(!accepts(&with("123456", r#""secret":null"#)));
    assert!(!accepts(&with("123456", r#""secret":["SECRET-that-must-not-leak"]"#)));
    assert!(!accepts("no json"));
    let other = with("7", r#""secret":"s""#);
    assert!(Vk.parse(other.as_bytes(), &somewhere()).is_err());
}

#[test]
fn a_confirmation_is_answered_with_the_code_alone() {
    let greet = |body: &str, account: &Account| Vk.handshake(Handshake::Body(body.as_bytes()), account);
    assert_eq!(greet(CONFIRMATION, &somewhere()), Some(Ok(HANDSHAKE.to_owned())));
    let mut unprepared = somewhere();
    for code in [None, Some("".into())] {
        unprepared.secrets.handshake = code;
        assert!(matches!(greet(CONFIRMATION, &unprepared), Some(Err(_))));
    }
    assert_eq!(greet(TEXT, &somewhere()), None);
    assert_eq!(greet("no json", &somewhere()), None);
    assert_eq!(Vk.handshake(Handshake::Query(&[]), &somewhere()), None);
    assert_eq!((Vk.answer(), Vk.come_back()), ("ok", Some(60)));
}

#[test]
fn the_table_has_a_row_for_every_code_and_one_only() {
    let mut codes: Vec<i64> = error::TABLE.iter().map(|(code, ..)| *code).collect();
    let mut known: Vec<i64> = meanings().into_iter().map(|(code, _)| code).filter(|code| *code != 4_242).chain([911]).collect();
    codes.sort_unstable();
    known.sort_unstable();
    assert_eq!(codes, known);
    for (code, _, name) in error::TABLE {
        assert!(name.starts_with(&format!("{code}:")), "{name}");
    }
    assert_eq!(error::classify(4_242), Failure::permanent("4242:other"));
}

fn rendered(keyboard: Keyboard) -> Rendered {
    Rendered { text: "Tue 24 Nov, 15:00 - haircut & styling. Confirm?".to_owned(), keyboard }
}

fn two_buttons() -> Keyboard {
    let button = |label: &str, payload: &str| Button { label: label.to_owned(), payload: payload.to_owned() };
    Keyboard::Inline(vec![vec![button("Приду", PAYLOAD), button("\"Нет\"", "v1|no")]])
}

/// What VK is asked when these steps are its answers.
async fn asked(message: &Rendered, plain_buttons: bool, steps: Vec<Step>) -> (Result<String, Failure>, Vec<Seen>) {
    let stub = Stub::start("/proxy/", steps).await;
    let mut out = free(ANNA, message);
    out.to.plain_buttons = plain_buttons;
    let sent = Vk.send(&http(), &account(stub.base_url.clone()), &out).await;
    (sent.map(|sent| sent.vendor_message_id), stub.seen())
}

#[tokio::test]
async fn messages_are_written_as_documented() {
    for (plain, kind) in [(false, "callback"), (true, "text")] {
        let (_, seen) = asked(&rendered(two_buttons()), plain, vec![sent(1502)]).await;
        assert_eq!(seen[0].path, "/proxy/method/messages.send");
        assert_eq!(seen[0].headers["authorization"], format!("Bearer {TOKEN}"));
        let mut body = seen[0].body.clone();
        let keyboard: Value = serde_json::from_str(body["keyboard"].as_str().unwrap()).unwrap();
        let button =
            |label: &str, payload: Value| json!({"action": {"type": kind, "label": label, "payload": payload.to_string()}});
        let expected = [button("Приду", json!({"t": PAYLOAD})), button("\"Нет\"", json!({"t": "v1|no"}))];
        assert_eq!(keyboard, json!({"inline": true, "buttons": [expected]}));
        body.as_object_mut().unwrap().remove("keyboard");
        let random_id = outbound::random_id(free(ANNA, &rendered(Keyboard::None)).key).to_string();
        assert_eq!(
            body,
            json!({
                "peer_ids": ANNA, "random_id": random_id, "message": "Tue 24 Nov, 15:00 - haircut & styling. Confirm?",
                "dont_parse_links": "1", "disable_mentions": "1", "v": "5.199",
            })
        );
    }
    for (keyboard, written) in [
        (Keyboard::None, Value::Null),
        (Keyboard::Remove, json!(r#"{"buttons":[]}"#)),
        (Keyboard::RequestContact { label: "My number".to_owned() }, Value::Null),
    ] {
        let (_, seen) = asked(&rendered(keyboard), false, vec![sent(1502)]).await;
        assert_eq!(seen[0].body["keyboard"], written);
    }
}

#[tokio::test]
async fn more_than_two_kilobytes_go_in_parts() {
    let kind = |seen: &[Seen]| seen[0].headers["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let long = Rendered { text: "Очень длинно\r\n--x--".repeat(200), keyboard: two_buttons() };
    let (sent_as, seen) = asked(&long, false, vec![sent(1502)]).await;
    assert_eq!((sent_as.as_deref(), kind(&seen).as_str()), (Ok("1502"), "multipart/form-data"));
    assert_eq!((&seen[0].body["message"], &seen[0].body["v"]), (&json!(long.text), &json!("5.199")));
    let (_, seen) = asked(&rendered(Keyboard::None), false, vec![sent(1502)]).await;
    assert_eq!(kind(&seen), "application/x-www-form-urlencoded");
}

#[test]
fn a_random_id_is_our_messages_own_and_never_zero() {
    let ids: std::collections::HashSet<i32> = (0..1_000).map(|key| outbound::random_id(Uuid::from_u128(key))).collect();
    assert!(ids.len() == 1_000 && !ids.contains(&0));
    assert_eq!(outbound::random_id(Uuid::from_u128(7)), outbound::random_id(Uuid::from_u128(7)));
    assert_eq!([[0; 4], [0xff; 4], [0, 0, 0, 2]].map(outbound::nonzero), [1, -1, 2]);
}

#[tokio::test]
async fn a_refused_keyboard_is_left_out_once() {
    for refusal in [refused, refused_for_one] {
        let (sent_as, seen) = asked(&rendered(two_buttons()), false, vec![refusal(911), sent(1502)]).await;
        assert_eq!((sent_as.as_deref(), seen.len()), (Ok("1502"), 2));
        assert!(seen[1].body.get("keyboard").is_none() && seen[0].body["random_id"] == seen[1].body["random_id"]);
        let (failed, seen) = asked(&rendered(two_buttons()), false, vec![refusal(911), refusal(911)]).await;
        assert_eq!((failed.unwrap_err(), seen.len()), (Failure::permanent("911:keyboard"), 2));
    }
    let (failed, seen) = asked(&rendered(Keyboard::None), false, vec![refused(911)]).await;
    assert_eq!((failed.unwrap_err().class, seen.len()), (Class::Permanent, 1));
}

#[tokio::test]
async fn the_body_decides_and_not_the_status() {
    let said = |status| Step::json(status, &json!({"error": {"error_code": 901, "error_msg": "no"}}));
    for status in [200, 403, 500] {
        let (failed, _) = asked(&rendered(Keyboard::None), false, vec![said(status)]).await;
        assert_eq!(failed.unwrap_err(), Failure::new(Class::Unreachable, "901:denied"));
    }
    let other = json!({"response": [{"peer_id": 5, "message_id": 9, "conversation_message_id": 1}]});
    for step in [Step::json(200, &other), sent(0), Step::json(200, &json!({"response": []}))] {
        let (failed, _) = asked(&rendered(Keyboard::None), false, vec![step]).await;
        assert_eq!(failed.unwrap_err().class, Class::Unknown);
    }
    let (failed, _) = asked(&rendered(Keyboard::None), false, vec![Step::json(404, &json!({}))]).await;
    assert_eq!(failed.unwrap_err(), Failure::permanent("unexpected_status"));
}

#[tokio::test]
async fn a_press_too_old_to_answer_counts_as_answered() {
    let done = Step::json(200, &json!({"response": 1}));
    let stub = Stub::start("", vec![done.clone(), refused(100), refused(27), done]).await;
    let (http, account) = (http(), account(stub.base_url.clone()));
    let press = Press { callback_id: "a1b2c3d4e5f6", chat_id: ANNA, user_id: ANNA };
    Vk.acknowledge(&http, &account, &press).await.unwrap();
    Vk.acknowledge(&http, &account, &press).await.unwrap();
    assert_eq!(Vk.acknowledge(&http, &account, &press).await.unwrap_err().class, Class::Credential);
    Vk.attend(&http, &account, to(ANNA), None).await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].path, "/method/messages.sendMessageEventAnswer");
    assert_eq!(seen[0].body, json!({"event_id": "a1b2c3d4e5f6", "user_id": ANNA, "peer_id": ANNA, "v": "5.199"}));
    assert_eq!((seen[3].path.as_str(), &seen[3].body["type"]), ("/method/messages.setActivity", &json!("typing")));
}

#[tokio::test]
async fn what_is_addressed_to_no_number_is_refused_before_the_call() {
    let message = rendered(Keyboard::None);
    let failed = Vk.send(&http(), &somewhere(), &free("@anna", &message)).await.unwrap_err();
    assert_eq!(failed, Failure::permanent("chat_id_not_a_number"));
    let mut nameless = somewhere();
    nameless.external_id = "salon42".to_owned();
    assert_eq!(Vk.prepare_webhook(&http(), &nameless).await.unwrap_err(), Failure::permanent("group_id_not_a_number"));
}

/// The rest of the community's record is tried against the stand-in (tests/it/vk.rs).
#[tokio::test]
async fn a_key_of_another_community_is_not_this_accounts() {
    let group = |id: i64| Step::json(200, &json!({"response": {"groups": [{"id": id, "name": "Salon"}], "profiles": []}}));
    let rights = Step::json(200, &json!({"response": {"mask": 4096, "permissions": [{"name": "messages", "setting": 4096}]}}));
    let stub = Stub::start("", vec![group(7), group(123_456), rights]).await;
    let (http, account) = (http(), account(stub.base_url.clone()));
    let failed = Vk.inspect(&http, &account, None).await.unwrap_err();
    assert_eq!(failed, Failure::permanent("key_of_another_community"));
    let expected = AccountInfo {
        name: "Salon".to_owned(),
        webhook_url: None,
        pending_updates: None,
        problems: vec!["the key lacks the right `manage`".to_owned()],
    };
    assert_eq!(Vk.inspect(&http, &account, None).await.unwrap(), expected);
}
