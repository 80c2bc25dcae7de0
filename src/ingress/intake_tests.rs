use std::sync::atomic::AtomicU64;

use tokio::sync::Semaphore;

use crate::{
    booking::{CalendarSecrets, calendar},
    channel::{Account, AccountSecrets, ChannelKind, adapter},
    crm::crm,
    ids::TenantId,
    ingress::source::Source,
};

use super::*;

fn door(source: Source) -> Door {
    let secret = || "s".to_owned().into();
    let lock = match source {
        Source::Channel(kind) => {
            let (base_url, secrets) = ("https://vendor.example/".parse().unwrap(), AccountSecrets::new(secret(), secret()));
            Lock::Channel(adapter(kind), Box::new(Account { base_url, external_id: "1".to_owned(), parent_id: None, secrets }))
        }
        Source::Calendar => Lock::Calendar(calendar(), CalendarSecrets { api_key: secret(), webhook_secret: secret() }),
        Source::Crm(kind) => Lock::Crm(crm(kind), Box::default()),
    };
    Door {
        tenant: TenantId(Uuid::from_u128(1)),
        source,
        target: Uuid::from_u128(2),
        lock,
        places: Semaphore::new(1),
        as_of: AtomicU64::new(0),
    }
}

fn read(source: Source, body: &[u8]) -> NewInbound {
    let mut last = 100;
    let door = door(source);
    let mut events =
        events(&door, &HashMap::new(), Content::read(&door.lock, &HeaderMap::new(), body), body.to_vec(), "trace", || {
            last += 1;
            Uuid::from_u128(last)
        });
    assert_eq!(events.len(), 1);
    let event = events.remove(0);
    assert_eq!((event.raw.as_slice(), event.source, event.source_id), (body, source.as_str(), Uuid::from_u128(2)));
    event
}

fn telegram(body: &[u8]) -> NewInbound {
    read(Source::Channel(ChannelKind::Telegram), body)
}

fn text_update(text: &str) -> Vec<u8> {
    let chat = json!({ "id": 7, "type": "private" });
    let message = json!({ "message_id": 1, "date": 1, "from": { "id": 7, "first_name": "A" }, "chat": chat, "text": text });
    json!({ "update_id": 5, "message": message }).to_string().into_bytes()
}

#[test]
fn a_message_is_work_in_the_lane_of_its_chat() {
    let event = telegram(&text_update("привет"));
    assert_eq!((event.kind, event.vendor_event_id.as_str()), ("text", "5"));
    let Fate::Work(job, chat) = event.fate else { panic!("{:?}", event.fate) };
    assert_eq!(job, Job::HandleInbound { inbound_event: event.id });
    assert_eq!(chat, Some(lane("chat", Uuid::from_u128(2), "7")));
    assert_eq!(event.trace.as_deref(), Some("trace"));
}

#[test]
fn what_postgresql_cannot_hold_is_replaced_and_the_raw_bytes_keep_it() {
    let body = text_update("a\0b");
    assert!(String::from_utf8_lossy(&body).contains("\\u0000"));
    assert_eq!(telegram(&body).event["text"], "a\u{fffd}b");
    let unknown = telegram(br#"{"update_id":6,"new\u0000kind":{}}"#);
    let Fate::Ignored(reason) = unknown.fate else { panic!() };
    assert!(!reason.contains('\0') && reason.contains('\u{fffd}'));
}

#[test]
fn what_cannot_be_read_is_refused_under_the_hash_of_its_bytes() {
    let deep = format!("{{\"update_id\":1,\"message\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bad: [&[u8]; 6] = [b"", b"{", b"\xff\xfe", br#"{"update_id":1,"message":{"text":"\ud800"}}"#, deep.as_bytes(), b"[]"];
    for body in bad {
        let event = telegram(body);
        assert!(matches!(event.fate, Fate::Refused(_)), "{:?}", event.fate);
        assert_eq!(event.vendor_event_id, format!("sha256:{}", hex::encode(sha256(body))));
        assert!(matches!(read(Source::Calendar, body).fate, Fate::Refused(_)));
    }
}

#[test]
fn a_megabyte_of_text_is_one_event() {
    let text = "ы".repeat(500_000);
    assert_eq!(telegram(&text_update(&text)).event["text"], text.as_str());
}

#[test]
fn only_what_can_be_an_accounts_id_is_looked_up_and_no_more_than_a_batch_can_name() {
    let door = door(Source::Channel(ChannelKind::Telegram));
    let event = |account: String| ChannelEvent {
        account: Some(account),
        ..ChannelEvent::of("1", None, EventKind::Ignored { reason: String::new() })
    };
    let odd = ["", "642\0", "a b", "ы", &"9".repeat(65)].map(|id| event(id.to_owned())).to_vec();
    let content = Content::Said(odd);
    assert!(content.others(&door.lock).is_empty() && !content.is_all_own(&door.lock), "and nobody's body is kept");
    let many = Content::Said((0..5000).map(|n| event(format!("9{n}"))).collect());
    assert_eq!(many.others(&door.lock).len(), 1000);
    assert!(Content::Said(vec![event("1".to_owned())]).is_all_own(&door.lock));
}

#[test]
fn no_post_is_more_rows_than_its_vendor_sends_at_once() {
    let hint = |n: usize, record: &str| Hint {
        vendor_event_id: n.to_string(),
        about: Some((crate::crm::Entity::Client, record.to_owned())),
        what: "Contact.update".to_owned(),
    };
    let hints = |count: usize| (0..count).map(|n| hint(n, "abc")).collect();
    let Content::Changed(kept) = Content::changed(hints(MOST_HINTS)) else { panic!() };
    assert_eq!(kept.len(), MOST_HINTS);
    assert!(matches!(Content::changed(hints(MOST_HINTS + 1)), Content::Unreadable(_)));
    let Content::Changed(kept) = Content::changed(vec![hint(1, &"x".repeat(LONGEST_EVENT_ID + 1)), hint(2, "abc")]) else {
        panic!()
    };
    assert_eq!((&kept[0].about, kept[1].about.is_some()), (&None, true), "no record's id is that long");
}

#[test]
fn an_id_too_long_for_an_index_is_hashed() {
    assert_eq!(event_id("42"), "42");
    let long = event_id(&"x".repeat(5000));
    assert!(long.starts_with("sha256:") && long.len() < LONGEST_EVENT_ID);
    assert_ne!(long, event_id(&"x".repeat(5001)));
}

#[test]
fn a_hint_about_a_booking_is_read_and_any_other_is_ignored() {
    let hint = read(Source::Calendar, include_bytes!("../booking/calcom/fixtures/created.json"));
    let Fate::Work(Job::ReadCalendarHint { inbound_event }, Some(booking)) = hint.fate else { panic!("{:?}", hint.fate) };
    assert_eq!(inbound_event, hint.id);
    let uid = hint.event["uid"].as_str().unwrap();
    assert_eq!(booking, lane("hint", Uuid::from_u128(2), uid));
    let other = read(Source::Calendar, include_bytes!("../booking/calcom/fixtures/ooo.json"));
    assert!(matches!(other.fate, Fate::Ignored(_)), "{:?}", other.fate);
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_fail(body: Vec<u8>, text: String) {
        telegram(&body);
        read(Source::Calendar, &body);
        let event = telegram(&text_update(&text));
        proptest::prop_assert!(!event.event.to_string().contains("\\u0000"));
    }
}
