use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ANNA, ANNA_USER_ID, BATCH, FIXTURES, NUMBER, WABA, about_number, account, delivery, parse, parse_one, said};
use crate::channel::{
    Account, AccountNotice, ChannelAdapter, ChannelEvent, ConsentSignal, Delivery, EventKind, FailedClass, MediaKind, MessageRef,
    Sender, TemplateStatus, whatsapp::WhatsApp,
};

const WEEK: u64 = 7 * 86_400;

fn anna() -> Sender {
    Sender {
        chat_id: ANNA.to_owned(),
        user_id: ANNA.to_owned(),
        name: Some("Anna K".to_owned()),
        phone: Some("+16505551234".to_owned()),
        language: None,
        plain_buttons: None,
    }
}

fn button(payload: &str) -> EventKind {
    EventKind::Button { payload: payload.to_owned(), callback_id: None }
}

fn text(text: &str) -> EventKind {
    EventKind::Text { text: text.to_owned(), referral: None }
}

fn file(media: MediaKind, caption: Option<&str>) -> EventKind {
    let reference = Some("1003383421387256".to_owned());
    EventKind::Media { media, reference, caption: caption.map(str::to_owned), keeps_seconds: Some(WEEK) }
}

fn bare(media: MediaKind) -> EventKind {
    EventKind::Media { media, reference: None, caption: None, keeps_seconds: None }
}

fn status(state: Delivery) -> EventKind {
    EventKind::Status { of: MessageRef::Vendor("wamid.OUT0001".to_owned()), state }
}

fn alert(code: &str) -> EventKind {
    EventKind::Account { notice: AccountNotice::Alert { code: code.to_owned() } }
}

fn ignored(reason: &str) -> EventKind {
    EventKind::Ignored { reason: reason.to_owned() }
}

#[track_caller]
fn assert_ignored(event: &ChannelEvent, because: &str) {
    let EventKind::Ignored { reason } = &event.kind else { panic!("{event:?} should be ignored") };
    assert!(reason.contains(because), "{reason}");
}

fn fixture(name: &str) -> &'static str {
    FIXTURES.iter().find(|(found, _)| *found == name).unwrap().1
}

/// A message's event: when, to which number, from whom, in answer to what.
fn written(id: &str, at: i64, reply_to: Option<&str>, kind: EventKind) -> ChannelEvent {
    ChannelEvent {
        account: Some(NUMBER.to_owned()),
        message_id: Some(id.to_owned()),
        reply_to: reply_to.map(str::to_owned),
        at: DateTime::from_timestamp(at, 0),
        ..ChannelEvent::of(id, Some(anna()), kind)
    }
}

#[test]
fn messages_are_read_to_the_last_field_we_use() {
    let ours = Some("wamid.OUT0001");
    let contact = EventKind::Contact { phone: "+1 (983) 555-2319".to_owned(), own: false };
    let from_ad =
        EventKind::Text { text: "Это про стрижку 💇".to_owned(), referral: Some("120226305854810726".to_owned()) };
    let edited = EventKind::Edited { of: Some("wamid.TEST0001".to_owned()), text: Some("any slot on Saturday?".to_owned()) };
    for (name, number, reply_to, kind) in [
        ("text", 1, None, text("Hello, any slot on Friday?")),
        ("template_quick_reply", 3, ours, button("bk:9f3c:ok")),
        ("button_reply", 4, ours, button("bk:9f3c:ok")),
        ("list_reply", 5, ours, button("slot:1500")),
        ("contacts", 6, None, contact),
        ("voice", 7, None, file(MediaKind::Voice, None)),
        ("image", 8, None, file(MediaKind::Photo, Some("like this"))),
        ("location", 9, None, bare(MediaKind::Location)),
        ("reaction", 10, None, ignored("wants no answer: reaction")),
        ("unsupported", 11, None, bare(MediaKind::Unsupported)),
        ("text_from_ad", 12, None, from_ad),
        ("edit", 32, None, edited),
        ("revoke", 33, None, EventKind::Removed { of: "wamid.TEST0001".to_owned() }),
    ] {
        let id = format!("wamid.TEST{number:04}");
        assert_eq!(parse_one(fixture(name)), written(&id, 1_795_200_000 + number, reply_to, kind), "{name}");
    }
}

#[test]
fn statuses_say_which_message_and_how_far() {
    for (name, word, state) in [
        ("status_sent", "sent", Delivery::Sent),
        ("status_delivered", "delivered", Delivery::Delivered),
        ("status_read", "read", Delivery::Read),
    ] {
        let expected = ChannelEvent {
            account: Some(NUMBER.to_owned()),
            at: DateTime::from_timestamp(1_795_200_100, 0),
            ..ChannelEvent::of(format!("wamid.OUT0001:{word}"), None, status(state))
        };
        assert_eq!(parse_one(fixture(name)), expected, "{name}");
    }
    let failed = parse_one(fixture("status_failed"));
    let of = MessageRef::Both {
        vendor: "wamid.OUT0001".to_owned(),
        key: Uuid::parse_str("01935b3e-7c00-7000-8000-0000000191c7").unwrap(),
    };
    let state = Delivery::Failed { class: FailedClass::NeedsTemplate, code: "131047:window_closed".to_owned() };
    assert_eq!((failed.vendor_event_id.as_str(), failed.kind), ("wamid.OUT0001:failed", EventKind::Status { of, state }));
}

#[test]
fn statuses_of_other_makes() {
    let status = |fields: Value| parse_one(&delivery("messages", &about_number(&json!({"statuses": [fields]}))));
    assert_ignored(&status(json!({"id": "wamid.1", "status": "played"})), "status not handled: played");
    assert_ignored(&status(json!({"id": "wamid.1"})), "a status of nothing");
    assert_ignored(&status(json!({"status": "sent"})), "a status of nothing");
    let failed = |errors: Value| status(json!({"id": "wamid.1", "status": "failed", "errors": errors})).kind;
    let state = |code: &str, class| {
        let state = Delivery::Failed { class, code: code.to_owned() };
        EventKind::Status { of: MessageRef::Vendor("wamid.1".to_owned()), state }
    };
    for nothing in [json!(null), json!([]), json!([{}]), json!([{"code": {}}])] {
        assert_eq!(failed(nothing), state("failed", FailedClass::Permanent));
    }
    assert_eq!(failed(json!([{"title": "x"}, {"code": 131_026}])), state("131026:undeliverable", FailedClass::Unreachable));
    // Another tool's words for its own messages.
    let foreign = status(json!({"id": "wamid.1", "status": "read", "biz_opaque_callback_data": "order 17"})).kind;
    assert_eq!(foreign, EventKind::Status { of: MessageRef::Vendor("wamid.1".to_owned()), state: Delivery::Read });
}

#[test]
fn a_batch_is_told_apart_by_account_and_id() {
    let events = parse(BATCH);
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.account.as_deref().unwrap(), event.vendor_event_id.as_str(), event.kind.name()))
        .collect();
    let other = "106540352242999";
    assert_eq!(
        seen[..7],
        [
            (NUMBER, "wamid.B1", "text"),
            (NUMBER, "wamid.B2", "text"),
            (NUMBER, "wamid.B3", "button"),
            (NUMBER, "wamid.OUT0001:sent", "status"),
            (NUMBER, "wamid.OUT0001:delivered", "status"),
            (NUMBER, "wamid.OUT0002:read", "status"),
            (other, "wamid.B4", "text"),
        ]
    );
    assert_eq!((seen[7].0, seen[7].2), (other, "account"));
    let names: Vec<_> = events.iter().filter_map(|event| event.sender.as_ref()?.name.as_deref()).collect();
    assert_eq!(names, ["Anna K", "Boris", "Anna K", "Anna K"], "each message has its own sender's name");
}

#[test]
fn a_person_is_known_by_user_id_first_and_answered_by_number_first() {
    let both = parse_one(fixture("number_and_user_id")).sender.unwrap();
    assert_eq!(both, Sender { user_id: ANNA_USER_ID.to_owned(), ..anna() });
    let hidden = parse_one(fixture("username_only")).sender.unwrap();
    let id = ANNA_USER_ID.to_owned();
    assert_eq!(hidden, Sender { chat_id: id.clone(), user_id: id.clone(), phone: None, ..anna() });

    let sender = |message: Value, contacts: Value| {
        let mut message = message;
        message["type"] = json!("text");
        message["text"] = json!({"body": "hi"});
        parse_one(&delivery("messages", &about_number(&json!({"contacts": contacts, "messages": [message]})))).sender
    };
    // What only the contact says counts too, and only the right contact.
    let contacts = json!([{"user_id": "DE.9", "wa_id": "4915112345678"}, {"wa_id": ANNA, "user_id": ANNA_USER_ID}]);
    let found = sender(json!({"from": ANNA}), contacts.clone()).unwrap();
    assert_eq!((found.chat_id.as_str(), found.user_id.as_str(), found.name), (ANNA, ANNA_USER_ID, None));
    let found = sender(json!({"from_user_id": ANNA_USER_ID}), contacts.clone()).unwrap();
    assert_eq!((found.chat_id.as_str(), found.phone.as_deref()), (ANNA, Some("+16505551234")));
    let stranger = sender(json!({"from": "16505550000"}), contacts).unwrap();
    assert_eq!((stranger.user_id.as_str(), stranger.name), ("16505550000", None));
    let username = sender(json!({"from": ANNA}), json!([{"wa_id": ANNA, "profile": {"name": "  ", "username": "anna.k"}}]));
    assert_eq!(username.unwrap().name, None, "a blank name is none");
    let username = sender(json!({"from": ANNA}), json!([{"wa_id": ANNA, "profile": {"username": "anna.k"}}]));
    assert_eq!(username.unwrap().name.as_deref(), Some("anna.k"));
    for nobody in [json!({}), json!({"from": "anna"}), json!({"from": ""}), json!({"from": 1}), json!({"from_user_id": "Anna"})] {
        assert_eq!(sender(nobody, json!([{"wa_id": ANNA}])), None);
    }
    assert_ignored(&parse_one(&said(&json!({"from": "?", "type": "text", "text": {"body": "hi"}}))), "no sender");
    assert_ignored(&parse_one(&said(&json!({"group_id": "g", "type": "text", "text": {"body": "hi"}}))), "group");
}

#[test]
fn messages_are_told_apart_by_their_type() {
    for (content, kind) in [
        (json!({"type": "audio", "audio": {"id": "1003383421387256", "voice": false}}), file(MediaKind::Audio, None)),
        (json!({"type": "video", "video": {"id": "1003383421387256", "caption": "so"}}), file(MediaKind::Video, Some("so"))),
        (json!({"type": "document", "document": {"id": "1003383421387256"}}), file(MediaKind::Document, None)),
        (json!({"type": "unknown", "errors": [{"code": 131_060}]}), bare(MediaKind::Unsupported)),
        (json!({"type": "unsupported", "unsupported": {"type": "poll_creation"}}), bare(MediaKind::Unsupported)),
        (json!({"type": "unsupported", "unsupported": {"type": "edit"}}), ignored("unsupported: edit")),
        (json!({"type": "sticker", "sticker": {"id": "1"}}), ignored("wants no answer: sticker")),
        (json!({"type": "order", "order": {}}), ignored("wants no answer: order")),
        (json!({"type": "reaction", "reaction": {"message_id": "wamid.OUT"}}), ignored("wants no answer: reaction")),
        // A quick reply without a payload of ours says what is written on it.
        (json!({"type": "button", "button": {"text": "Confirm"}}), text("Confirm")),
        (json!({"type": "button", "button": {"payload": "", "text": "Confirm"}}), text("Confirm")),
        (json!({"type": "button", "button": {}}), ignored("a button without a payload")),
        (json!({"type": "interactive", "interactive": {"type": "nfm_reply"}}), ignored("a button without a payload")),
        (json!({"type": "text"}), ignored("a text without a body")),
        (json!({"text": {"body": "hi"}}), ignored("a message without a type")),
        (json!({"type": "hologram"}), ignored("type not handled: hologram")),
        (json!({"type": "x".repeat(1000)}), ignored(&format!("type not handled: {}", "x".repeat(64)))),
        (json!({"type": "edit", "edit": {}}), ignored("a change of no message")),
        (json!({"type": "revoke"}), ignored("a change of no message")),
        (
            json!({"type": "edit", "edit": {"original_message_id": "wamid.1", "message": {"type": "image", "image": {"caption": "so"}}}}),
            EventKind::Edited { of: Some("wamid.1".to_owned()), text: Some("so".to_owned()) },
        ),
        (
            json!({"type": "edit", "edit": {"original_message_id": "wamid.1"}}),
            EventKind::Edited { of: Some("wamid.1".to_owned()), text: None },
        ),
    ] {
        let event = parse_one(&said(&content));
        assert_eq!((event.kind, event.sender), (kind, Some(anna())), "{content}");
    }
}

#[test]
fn a_card_is_ones_own_only_by_the_number_the_message_came_from() {
    let card =
        |phones: Value| parse_one(&said(&json!({"type": "contacts", "contacts": [{"name": {}}, {"phones": phones}]}))).kind;
    let contact = |phone: &str, own| EventKind::Contact { phone: phone.to_owned(), own };
    // Whatever is written on it: the vendor vouches for `wa_id` alone.
    assert_eq!(card(json!([{"phone": "+7 900 000-00-00", "wa_id": ANNA}])), contact("+16505551234", true));
    assert_eq!(card(json!([{"phone": "+7 900 000-00-00"}, {"wa_id": ANNA}])), contact("+16505551234", true));
    assert_eq!(card(json!([{"phone": "+1 650 555 1234"}])), contact("+1 650 555 1234", false));
    assert_eq!(card(json!([{"wa_id": "79000000000"}])), contact("79000000000", false));
    assert_eq!(card(json!([{}])), ignored("a contact without a number"));
    // Somebody who hides the number can't prove with a card that it is theirs.
    let hidden =
        json!({"from": null, "from_user_id": ANNA_USER_ID, "type": "contacts", "contacts": [{"phones": [{"wa_id": ANNA}]}]});
    assert_eq!(parse_one(&said(&hidden)).kind, contact(ANNA, false));
}

#[test]
fn a_link_is_kept_beside_what_has_no_place_for_it() {
    let referral = json!({"source_id": "1202263", "source_url": "https://fb.me/3cr"});
    let events = parse(&said(&json!({"type": "image", "image": {"id": "1003383421387256"}, "referral": referral})));
    let ids: Vec<_> = events.iter().map(|event| event.vendor_event_id.as_str()).collect();
    assert_eq!(ids, ["wamid.TEST", "wamid.TEST:referral"]);
    assert_eq!(events[1].kind, EventKind::Referral { payload: "1202263".to_owned() });
    assert_eq!((&events[1].account, &events[1].sender), (&Some(NUMBER.to_owned()), &Some(anna())));
    let by_url =
        parse_one(&said(&json!({"type": "text", "text": {"body": "hi"}, "referral": {"source_url": "https://fb.me/3cr"}})));
    assert_eq!(by_url.kind, EventKind::Text { text: "hi".to_owned(), referral: Some("https://fb.me/3cr".to_owned()) });
}

#[test]
fn a_changed_number_moves_every_id_that_is_known() {
    let moved = parse_one(fixture("user_changed_number"));
    let old = Sender { name: None, phone: None, ..anna() };
    assert_eq!((moved.vendor_event_id.as_str(), moved.sender), ("wamid.TEST0034", Some(old)));
    assert_eq!(moved.kind, EventKind::Moved { to: "12195555358".to_owned() });

    let system = |fields: Value, from: Value, from_user_id: Value| {
        parse(&said(&json!({"type": "system", "from": from, "from_user_id": from_user_id, "system": fields})))
    };
    let ids = |events: &[ChannelEvent]| -> Vec<(String, String, String)> {
        let of = |event: &ChannelEvent| {
            let EventKind::Moved { to } = &event.kind else { panic!("{event:?}") };
            (event.vendor_event_id.clone(), event.sender.clone().unwrap().user_id, to.clone())
        };
        events.iter().map(of).collect()
    };
    let triple = |id: &str, old: &str, new: &str| (id.to_owned(), old.to_owned(), new.to_owned());
    let both = json!({"type": "user_changed_number", "wa_id": "12195555358", "user_id": "US.2", "previous_user_id": "US.1"});
    let expected = [triple("wamid.TEST", ANNA, "12195555358"), triple("wamid.TEST:user_id", "US.1", "US.2")];
    assert_eq!(ids(&system(both, json!(ANNA), json!(null))), expected);
    // Before the old user id was named, it was only in the message itself.
    let older = json!({"type": "user_changed_number", "wa_id": "12195555358", "user_id": "US.2"});
    assert_eq!(ids(&system(older, json!(ANNA), json!("US.1"))), expected);
    let user_id = json!({"type": "user_changed_user_id", "user_id": "US.2", "previous_user_id": "US.1"});
    assert_eq!(ids(&system(user_id, json!(null), json!(null))), [triple("wamid.TEST", "US.1", "US.2")]);
    for nothing in [
        json!({"type": "user_changed_number"}),
        json!({"type": "user_changed_number", "wa_id": ANNA}),
        json!({"type": "user_identity_changed", "wa_id": "12195555358"}),
        json!({}),
    ] {
        let events = system(nothing, json!(ANNA), json!(null));
        assert_eq!(events.len(), 1);
        assert_ignored(&events[0], "system message not handled");
    }
}

#[test]
fn what_the_salon_writes_in_the_app_is_an_echo() {
    let echoed = parse_one(fixture("smb_message_echo"));
    let kind = EventKind::Echo {
        vendor_message_id: "wamid.APP0001".to_owned(),
        text: Some("We have 15:00".to_owned()),
        operator: Some(true),
    };
    let expected = ChannelEvent {
        account: Some(NUMBER.to_owned()),
        at: DateTime::from_timestamp(1_795_200_040, 0),
        ..ChannelEvent::of("wamid.APP0001", Some(Sender { name: None, ..anna() }), kind)
    };
    assert_eq!(echoed, expected);
    let echo = |fields: Value| parse_one(&delivery("smb_message_echoes", &about_number(&json!({"message_echoes": [fields]}))));
    let caption = echo(json!({"id": "wamid.1", "to_user_id": ANNA_USER_ID, "type": "image", "image": {"caption": "so"}}));
    assert_eq!(caption.sender.unwrap().chat_id, ANNA_USER_ID);
    assert!(matches!(caption.kind, EventKind::Echo { text: Some(text), .. } if text == "so"));
    assert_ignored(&echo(json!({"id": "wamid.1", "type": "text"})), "an echo to nobody");
    assert_ignored(&echo(json!({"to": ANNA, "type": "text"})), "an echo to nobody");
    assert_ignored(&echo(json!({"id": "wamid.1", "to": ANNA, "type": "revoke"})), "the salon's own revoke");
    assert_ignored(&parse_one(&delivery("history", &about_number(&json!({})))), "field not handled: history");
}

#[test]
fn clients_stop_advertising_and_nothing_else() {
    let stopped = parse_one(fixture("user_preferences"));
    assert_eq!(stopped.kind, EventKind::Consent { signal: ConsentSignal::Unsubscribed });
    assert_eq!((stopped.account.as_deref(), stopped.sender), (Some(NUMBER), Some(anna())));
    assert_eq!(stopped.at, DateTime::from_timestamp(1_795_200_050, 0));
    let preference =
        |fields: Value| parse_one(&delivery("user_preferences", &about_number(&json!({"user_preferences": [fields]}))));
    let again = preference(json!({"user_id": ANNA_USER_ID, "category": "marketing_messages", "value": "resume", "timestamp": 1}));
    assert_eq!(again.kind, EventKind::Consent { signal: ConsentSignal::Resubscribed });
    let later = preference(json!({"user_id": ANNA_USER_ID, "category": "marketing_messages", "value": "resume", "timestamp": 2}));
    assert_ne!(again.vendor_event_id, later.vendor_event_id, "each change of mind is an event");
    for other in [
        json!({"wa_id": ANNA, "category": "utility_messages", "value": "stop"}),
        json!({"wa_id": ANNA, "category": "marketing_messages", "value": "maybe"}),
        json!({"category": "marketing_messages", "value": "stop"}),
    ] {
        assert_ignored(&preference(other), "a preference not handled");
    }
}

#[test]
fn account_fields_are_notices() {
    let template = |status| {
        let (name, language) = ("visit_reminder_v2".to_owned(), "ru".to_owned());
        EventKind::Account { notice: AccountNotice::Template { name, language, status } }
    };
    for (name, kind) in [
        ("template_status", template(TemplateStatus::Paused)),
        ("template_category", alert("template_category_update:MARKETING")),
        ("number_quality", alert("phone_number_quality_update:FLAGGED")),
        ("account_update", alert("account_update:ACCOUNT_RESTRICTION")),
        ("account_alert", alert("account_alerts:OBA_APPROVED")),
        ("capability", alert("business_capability_update:2000")),
    ] {
        let event = parse_one(fixture(name));
        assert_eq!((event.account, event.sender, event.kind), (None, None, kind), "{name}");
    }
    let update = |event: &str| {
        let value = json!({"event": event, "message_template_name": "visit_reminder_v2", "message_template_language": "ru"});
        parse_one(&delivery("message_template_status_update", &value)).kind
    };
    for (word, status) in [
        ("APPROVED", TemplateStatus::Approved),
        ("REINSTATED", TemplateStatus::Approved),
        ("PENDING", TemplateStatus::Pending),
        ("IN_APPEAL", TemplateStatus::Pending),
        ("REJECTED", TemplateStatus::Rejected),
        ("ARCHIVED", TemplateStatus::Paused),
        ("DISABLED", TemplateStatus::Disabled),
        ("DELETED", TemplateStatus::Disabled),
        ("PENDING_DELETION", TemplateStatus::Disabled),
    ] {
        assert_eq!(update(word), template(status), "{word}");
    }
    for word in ["FLAGGED", "LOCKED", "UNARCHIVED", "LIMIT_EXCEEDED"] {
        assert_eq!(update(word), alert(&format!("message_template_status_update:{word}")));
    }
    // Nothing but words of the vendor's gets into a code.
    for odd in ["Anna K", "+16505551234", "", &"X".repeat(65)] {
        assert_eq!(update(odd), alert("message_template_status_update"));
    }
}

#[test]
fn a_notice_about_another_salons_account_is_not_ours() {
    let foreign = fixture("template_status").replace(WABA, "999");
    assert_ignored(&parse_one(&foreign), "another business account");
    let unbound = Account { parent_id: None, ..account("https://graph.example/".parse().unwrap()) };
    let events = WhatsApp.parse(foreign.as_bytes(), &unbound).unwrap();
    assert!(matches!(events[0].kind, EventKind::Account { .. }));
    // The same said again later is another event; the same delivery again is not.
    let later = fixture("number_quality").replace("1795200062", "1795200099");
    assert_ne!(parse_one(&later).vendor_event_id, parse_one(fixture("number_quality")).vendor_event_id);
}

#[test]
fn errors_of_a_number_are_alerts() {
    let event = parse_one(fixture("errors_value_level"));
    assert_eq!((event.account.as_deref(), event.sender, event.kind), (Some(NUMBER), None, alert("130429:throughput")));
    let odd = parse_one(&delivery("messages", &about_number(&json!({"errors": [{"title": "?"}]}))));
    assert_eq!(odd.kind, alert("error"));
}

#[test]
fn what_can_not_be_placed_is_ignored_with_the_reason() {
    let no_number = json!({"messages": [{"from": ANNA, "id": "wamid.1", "type": "text", "text": {"body": "hi"}}]});
    let event = parse_one(&delivery("messages", &no_number));
    assert_ignored(&event, "metadata.phone_number_id");
    assert_eq!((event.vendor_event_id.as_str(), event.account, event.sender), ("wamid.1", None, None));
    assert_ignored(&parse_one(&delivery("messages", &about_number(&json!({})))), "holds nothing");
    assert_ignored(&parse_one(&delivery("hologram", &json!({}))), "field not handled: hologram");
    assert_ignored(&parse_one(r#"{"object":"whatsapp_business_account","entry":[{"changes":[{}]}]}"#), "without a field");
    assert_ignored(&parse_one(r#"{"object":"whatsapp_business_account","entry":[{}]}"#), "without changes");
    assert_ignored(&parse_one(r#"{"object":"whatsapp_business_account","entry":["x"]}"#), "without changes");
    assert_eq!(parse(r#"{"object":"whatsapp_business_account","entry":[]}"#), []);
}
