use chrono::DateTime;
use serde_json::{Value, json};

use super::{ANNA, BATCH, FIXTURES, SALON, delivery, done, parse, parse_one, said, somewhere};
use crate::channel::{ChannelAdapter, ChannelEvent, Delivery, EventKind, MediaKind, MessageRef, Sender, instagram::Instagram};

fn person(id: &str) -> Sender {
    Sender { chat_id: id.to_owned(), user_id: id.to_owned(), name: None, phone: None, language: None, plain_buttons: None }
}

fn text(text: &str) -> EventKind {
    EventKind::Text { text: text.to_owned(), referral: None }
}

fn button(payload: &str) -> EventKind {
    EventKind::Button { payload: payload.to_owned(), callback_id: None }
}

fn file(media: MediaKind, reference: Option<&str>) -> EventKind {
    EventKind::Media { media, reference: reference.map(str::to_owned), caption: None, keeps_seconds: None }
}

fn contact(phone: &str) -> EventKind {
    EventKind::Contact { phone: phone.to_owned(), own: true }
}

fn ignored(reason: &str) -> EventKind {
    EventKind::Ignored { reason: reason.to_owned() }
}

fn echo(mid: &str, text: &str) -> EventKind {
    EventKind::Echo { vendor_message_id: mid.to_owned(), text: Some(text.to_owned()), operator: None }
}

fn read(mid: &str) -> EventKind {
    EventKind::Status { of: MessageRef::Vendor(mid.to_owned()), state: Delivery::Read }
}

fn fixture(name: &str) -> &'static str {
    FIXTURES.iter().find(|(found, _)| *found == name).unwrap().1
}

/// An event in the chat with Anna.
fn event(id: &str, kind: EventKind) -> ChannelEvent {
    ChannelEvent {
        account: Some(SALON.to_owned()),
        at: DateTime::from_timestamp_millis(1_795_200_000_123),
        ..ChannelEvent::of(id, Some(person(ANNA)), kind)
    }
}

/// A message of Anna's.
fn written(mid: &str, kind: EventKind) -> ChannelEvent {
    ChannelEvent { message_id: Some(mid.to_owned()), ..event(mid, kind) }
}

#[test]
fn messages_are_read_to_the_last_field_we_use() {
    let cdn = |n: u8| format!("https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={n}&signature=x");
    let from_ad = EventKind::Text { text: "Is this price right?".to_owned(), referral: Some("spring".to_owned()) };
    for (name, mid, kind) in [
        ("text", "aWdfMSG1", text("Price for a haircut?")),
        ("quick_reply", "aWdfMSG3", button("bk:9f3c:ok")),
        ("postback", "aWdfMSG4", button("bk:9f3c:ok")),
        ("image", "aWdfMSG5", file(MediaKind::Photo, Some(&cdn(1)))),
        ("audio", "aWdfMSG6", file(MediaKind::Voice, Some(&cdn(2)))),
        ("story_reply", "aWdfMSG7", text("wow")),
        ("story_mention", "aWdfMSG8", ignored("wants no answer: story_mention")),
        ("unsupported", "aWdfMSGA", file(MediaKind::Unsupported, None)),
        ("ephemeral", "aWdfMSGB", file(MediaKind::Unsupported, None)),
        ("phone_number", "aWdfMSGC", contact("+16505551234")),
        ("text_from_ad", "aWdfMSGD", from_ad),
    ] {
        assert_eq!(parse_one(fixture(name)), written(mid, kind), "{name}");
    }
    let answer = parse_one(fixture("inline_reply"));
    assert_eq!((answer.kind, answer.reply_to.as_deref()), (text("ok"), Some("aWdfMSG2")));
}

#[test]
fn what_is_no_message_is_told_by_what_it_is_about() {
    let edit = EventKind::Edited { of: Some("aWdfMSG1".to_owned()), text: Some("Price for a haircut and colour?".to_owned()) };
    for (name, id, kind) in [
        ("echo", "aWdfMSG2:echo", echo("aWdfMSG2", "We have 15:00")),
        ("deleted", "aWdfMSG1:deleted", EventKind::Removed { of: "aWdfMSG1".to_owned() }),
        ("edit", "aWdfMSG1:edit:1", edit),
        ("seen", "aWdfMSG2:read", read("aWdfMSG2")),
        ("reaction", "aWdfMSG2:react:1795200000123", ignored("wants no answer: reaction")),
        ("unreact", "aWdfMSG2:unreact:1795200000123", ignored("wants no answer: reaction")),
        ("referral", "referral:6512345678901234:s_17:1795200000123", EventKind::Referral { payload: "s_17".to_owned() }),
    ] {
        assert_eq!(parse_one(fixture(name)), event(id, kind), "{name}");
    }
    let comment = parse_one(fixture("comment"));
    assert_eq!((comment.kind, comment.sender), (ignored("field not handled: comments"), None));
    // The dashboard's button: a change, with a time in seconds and as a text.
    let test = parse_one(fixture("dashboard_test"));
    assert_eq!(test.at, DateTime::from_timestamp(1_527_459_824, 0));
    assert_eq!((test.kind, test.sender), (text("random_text"), Some(person("12334"))));
}

#[test]
fn a_batch_is_told_apart_by_account_and_id() {
    let events = parse(BATCH);
    let of = |event: &ChannelEvent| (event.account.clone().unwrap(), event.sender.clone().map(|sender| sender.chat_id));
    let (anna, other) = (Some(ANNA.to_owned()), "17841400000000002".to_owned());
    let expected = [
        ((SALON.to_owned(), anna.clone()), read("aWdfOUT1")),
        ((SALON.to_owned(), anna.clone()), text("Any time on Friday?")),
        ((SALON.to_owned(), Some("7712345678901299".to_owned())), text("Hello")),
        ((SALON.to_owned(), anna.clone()), echo("aWdfOUT2", "We have 15:00")),
        ((other.clone(), Some("8812345678901277".to_owned())), button("bk:9f3c:ok")),
        ((other, None), ignored("field not handled: mentions")),
        ((SALON.to_owned(), anna), read("aWdfOUT3")),
    ];
    let told: Vec<_> = events.iter().map(|event| (of(event), event.kind.clone())).collect();
    assert_eq!(told, expected);
}

#[test]
fn messages_are_told_apart_by_what_they_hold() {
    let attached = |kind: &str| json!({"attachments": [{"type": kind, "payload": {"url": "U"}}]});
    for (content, kind) in [
        (attached("video"), file(MediaKind::Video, Some("U"))),
        (attached("ig_reel"), file(MediaKind::Video, Some("U"))),
        (attached("reel"), file(MediaKind::Video, Some("U"))),
        (attached("file"), file(MediaKind::Document, Some("U"))),
        (attached("share"), file(MediaKind::Unsupported, Some("U"))),
        (attached("hologram"), file(MediaKind::Unsupported, Some("U"))),
        (json!({"attachments": [{"type": "like_heart"}]}), file(MediaKind::Sticker, None)),
        (json!({"attachments": [null, {"type": 5}, {"type": "image", "payload": {"url": ""}}]}), file(MediaKind::Photo, None)),
        (json!({"attachments": "none", "text": "a"}), text("a")),
        (json!({"text": "  "}), file(MediaKind::Unsupported, None)),
        (json!({}), file(MediaKind::Unsupported, None)),
        (json!({"text": "a", "quick_reply": {}}), text("a")),
        (json!({"text": "a", "quick_reply": "p"}), text("a")),
        (json!({"quick_reply": {"payload": "p"}}), button("p")),
        (json!({"text": "a", "is_deleted": "no", "is_echo": 1}), text("a")),
    ] {
        assert_eq!(parse_one(&said(&content)), written("aWdfTEST", kind), "{content}");
    }
    let captioned = parse_one(&said(&json!({"text": "how much?", "attachments": [{"type": "share"}]})));
    let EventKind::Media { caption, .. } = captioned.kind else { panic!("{captioned:?}") };
    assert_eq!(caption.as_deref(), Some("how much?"));
}

/// Anybody can type a number. Only a tap on the quick reply that Instagram itself wrote the number on brings it as a payload.
#[test]
fn a_number_is_the_clients_own_only_by_the_quick_reply_for_it() {
    let tap = |text: &str, payload: &str| parse_one(&said(&json!({"text": text, "quick_reply": {"payload": payload}}))).kind;
    assert_eq!(tap("+1 (650) 555-1234", "+16505551234"), contact("+16505551234"));
    assert_eq!(parse_one(&said(&json!({"quick_reply": {"payload": "+16505551234"}}))).kind, contact("+16505551234"));
    assert_eq!(tap("+16505551234", ""), contact("+16505551234"));
    assert_eq!(parse_one(&said(&json!({"text": "+16505551234"}))).kind, text("+16505551234"));
    for (label, payload) in [
        ("Call us", "+16505551234"),
        ("+16505551234", "+16505551235"),
        ("123456", "123456"),
        ("1234567890123456", "1234567890123456"),
        ("+16505551234", "v1:+16505551234"),
        ("15:00", "15:00"),
    ] {
        assert_eq!(tap(label, payload), button(payload), "{label}");
    }
}

#[test]
fn whatever_goes_out_through_the_account_is_an_echo() {
    let own = |what: Value| {
        let mut item = done(&what);
        (item["sender"], item["recipient"]) = (json!({"id": SALON}), json!({"id": ANNA}));
        parse_one(&delivery(&item))
    };
    // Staff wrote in the phone app, and the flag is missing.
    let bare = own(json!({"message": {"mid": "m1", "text": "We have 15:00"}}));
    assert_eq!(bare, event("m1:echo", echo("m1", "We have 15:00")));
    let template = own(json!({"message": {"mid": "m2", "is_echo": true, "attachments": [{"type": "template"}]}}));
    let kind = EventKind::Echo { vendor_message_id: "m2".to_owned(), text: None, operator: None };
    assert_eq!(template, event("m2:echo", kind));
    // Whatever is flagged is none of the client's words, even if the client should stand there as its sender.
    let flagged = parse_one(&said(&json!({"text": "x", "is_echo": true})));
    assert_eq!((flagged.kind, flagged.sender), (ignored("an echo to nobody"), None));
    for (what, reason) in [
        (json!({"message": {"mid": "m3", "is_deleted": true}}), "the salon took its own message back"),
        (json!({"message": {"text": "x"}}), "an echo without an id"),
        (json!({"reaction": {"mid": "m", "action": "react"}}), "done by the salon itself"),
        (json!({"read": {"mid": "m"}}), "done by the salon itself"),
    ] {
        assert_eq!(own(what.clone()).kind, ignored(reason), "{what}");
    }
    let mut to_oneself = done(&json!({"message": {"mid": "m4", "text": "x", "is_self": true}}));
    to_oneself["sender"] = json!({"id": SALON});
    let to_oneself = parse_one(&delivery(&to_oneself));
    assert_eq!((to_oneself.kind, to_oneself.sender), (ignored("an echo to nobody"), None));
}

#[test]
fn a_link_is_kept_beside_what_has_no_place_for_it() {
    let referral = json!({"ad_id": "1202263", "source": "ADS", "type": "OPEN_THREAD"});
    let photo = said(&json!({"attachments": [{"type": "image"}], "referral": referral}));
    let pressed = delivery(&done(&json!({"postback": {"mid": "aWdfTEST", "payload": "p", "referral": referral}})));
    for body in [photo, pressed] {
        let events = parse(&body);
        let beside = event("aWdfTEST:referral", EventKind::Referral { payload: "1202263".to_owned() });
        assert_eq!((events.len(), events[0].vendor_event_id.as_str(), &events[1]), (2, "aWdfTEST", &beside));
    }
    let titled = json!({"postback": {"mid": "m", "title": "Prices", "referral": referral}});
    let kind = EventKind::Text { text: "Prices".to_owned(), referral: Some("1202263".to_owned()) };
    assert_eq!(parse_one(&delivery(&done(&titled))).kind, kind);
}

#[test]
fn what_can_not_be_used_is_ignored_with_the_reason() {
    for (what, reason) in [
        (json!({"postback": {"mid": "m"}}), "a button without a payload"),
        (json!({"message": {"is_deleted": true}}), "a message taken back, but not which"),
        (json!({"message_edit": {"text": "x"}}), "an edit of no message"),
        (json!({"read": {"watermark": 5}}), "read, but not what"),
        (json!({"referral": {"source": "x"}}), "a link without a payload"),
        (json!({"optin": {}}), "kind not handled: optin"),
        (json!({"message": "x"}), "kind not handled: message"),
        (json!({}), "kind not handled: nothing"),
        (json!({"message": {"mid": "m", "text": "x"}, "sender": {"id": "anna"}}), "no sender"),
        (json!({"message": {"mid": "m", "text": "x"}, "sender": null}), "no sender"),
    ] {
        let event = parse_one(&delivery(&done(&what)));
        assert_eq!(event.kind, ignored(reason), "{what}");
        assert_eq!(event.vendor_event_id, parse_one(&delivery(&done(&what))).vendor_event_id);
    }
    let entry = |entry: Value| parse_one(&json!({"object": "instagram", "entry": [entry]}).to_string());
    let item = done(&json!({"message": {"mid": "m", "text": "x"}}));
    assert_eq!(entry(json!({"messaging": [item]})).kind, ignored("an entry without an account"));
    assert_eq!(entry(json!({"id": SALON, "standby": [item]})).kind, ignored("an entry that holds no chat"));
    assert_eq!(entry(json!({"id": SALON, "changes": [{"value": item}]})).kind, ignored("a change without a field"));
    let unknown = entry(json!({"id": SALON, "changes": [{"field": "x".repeat(200), "value": {}}]}));
    assert_eq!(unknown.kind, ignored(&format!("field not handled: {}", "x".repeat(64))));
    let timeless =
        entry(json!({"id": SALON, "messaging": [{"sender": {"id": ANNA}, "timestamp": i64::MIN, "referral": {"ref": "a"}}]}));
    assert_eq!((timeless.at, timeless.kind.name()), (None, "referral"));
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

/// One delivery holds the chats of many salons: whatever is wrong with one part of it, no other part suffers.
#[test]
fn any_value_at_any_place_leaves_every_other_event_of_the_batch_whole() {
    let junk =
        [json!(null), json!(true), json!(-1), json!(u64::MAX), json!("x"), json!([]), json!([1]), json!({}), json!({"id": {}})];
    let parts = [
        "/entry/0/messaging/0",
        "/entry/0/messaging/1",
        "/entry/0/messaging/2",
        "/entry/0/messaging/3",
        "/entry/1/messaging/0",
        "/entry/2",
        "/entry/3/changes/0",
    ];
    let within = |place: &str, part: &str| place == part || place.starts_with(&format!("{part}/"));
    for (name, fixture) in FIXTURES.iter().chain(&[("batch", BATCH)]) {
        let whole: Value = serde_json::from_str(fixture).unwrap();
        let before = parse(fixture);
        for place in places(&whole, String::new()) {
            for value in &junk {
                let mut damaged = whole.clone();
                *damaged.pointer_mut(&place).unwrap() = value.clone();
                let Ok(events) = Instagram.parse(damaged.to_string().as_bytes(), &somewhere()) else {
                    assert!(["", "/object", "/entry"].contains(&place.as_str()), "{name} {place} = {value}");
                    continue;
                };
                assert!(events.iter().all(|event| !event.vendor_event_id.is_empty()), "{name} {place} = {value}");
                if *name != "batch" || !parts.iter().any(|part| within(&place, part)) {
                    continue;
                }
                assert_eq!(events.len(), before.len(), "{place} = {value}");
                for ((part, was), is) in parts.iter().zip(&before).zip(&events) {
                    assert!(within(&place, part) || was == is, "{place} = {value}: {part} has changed");
                }
            }
        }
    }
}
