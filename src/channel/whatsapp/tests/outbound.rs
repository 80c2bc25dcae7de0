use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ANNA, ANNA_USER_ID, NUMBER, WABA, account, refusal, taken};
use crate::{
    channel::{
        AccountInfo, Body, ChannelAdapter, Outbound, Sent, TemplateCall, TemplateInfo, TemplateStatus,
        conformance::{HANDSHAKE, free, to},
        whatsapp::{WhatsApp, wire},
    },
    dialogue::{Button, Keyboard, Rendered},
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

const KEY: &str = "00000000-0000-0000-0000-0000000191c7";

fn button(label: &str, payload: &str) -> Button {
    Button { label: label.to_owned(), payload: payload.to_owned() }
}

async fn send(message: &Outbound<'_>, step: Step) -> (Result<Sent, Failure>, Vec<Seen>) {
    let stub = Stub::start("/proxy/", vec![step]).await;
    let sent = WhatsApp.send(&http(), &account(stub.base_url.clone()), message).await;
    (sent, stub.seen())
}

async fn written(chat_id: &str, keyboard: Keyboard) -> Value {
    let message = Rendered { text: "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?".to_owned(), keyboard };
    let (sent, seen) = send(&free(chat_id, &message), Step::json(200, &taken("wamid.OUT1"))).await;
    assert_eq!(sent.unwrap().vendor_message_id, "wamid.OUT1");
    assert_eq!(seen[0].path, format!("/proxy/v26.0/{NUMBER}/messages"));
    assert_eq!(seen[0].headers["authorization"], "Bearer 900:TOKEN-that-must-not-leak");
    assert!(seen[0].headers["user-agent"].to_str().unwrap().starts_with("salon-core/"));
    seen[0].body.clone()
}

fn to_anna(kind: &str, content: Value) -> Value {
    json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+16505551234", "type": kind, kind: content,
        "biz_opaque_callback_data": KEY,
    })
}

#[tokio::test]
async fn messages_are_written_as_documented() {
    let text = "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?";
    let plain = to_anna("text", json!({"preview_url": false, "body": text}));
    for keyboard in [
        Keyboard::None,
        Keyboard::Remove,
        Keyboard::RequestContact { label: "Share my number".to_owned() },
        Keyboard::Inline(Vec::new()),
    ] {
        assert_eq!(written(ANNA, keyboard).await, plain);
    }
    let rows = vec![vec![button("Confirm", "bk:9f3c:ok"), button("Cancel", "bk:9f3c:no")], vec![button("Later", "l")]];
    let reply = |id: &str, title: &str| json!({"type": "reply", "reply": {"id": id, "title": title}});
    let action = json!({"buttons": [reply("bk:9f3c:ok", "Confirm"), reply("bk:9f3c:no", "Cancel"), reply("l", "Later")]});
    let expected = to_anna("interactive", json!({"type": "button", "body": {"text": text}, "action": action}));
    assert_eq!(written(ANNA, Keyboard::Inline(rows)).await, expected);

    let list = Keyboard::List { open_label: "Times".to_owned(), rows: vec![button("15:00", "a"), button("16:00", "b")] };
    let rows = json!([{"id": "a", "title": "15:00"}, {"id": "b", "title": "16:00"}]);
    let action = json!({"button": "Times", "sections": [{"rows": rows}]});
    let expected = to_anna("interactive", json!({"type": "list", "body": {"text": text}, "action": action}));
    assert_eq!(written(ANNA, list).await, expected);
}

#[tokio::test]
async fn templates_are_written_as_documented() {
    let call = |values: &[&str], payloads: &[&str]| TemplateCall {
        name: "visit_reminder_v2".to_owned(),
        language: "ru".to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        payloads: payloads.iter().map(|payload| (*payload).to_owned()).collect(),
    };
    let sent = async |call: &TemplateCall| {
        let key = uuid::Uuid::parse_str(KEY).unwrap();
        let message = Outbound { to: to(ANNA), body: Body::Template(call), key };
        let (answer, seen) = send(&message, Step::json(200, &taken("wamid.OUT2"))).await;
        assert_eq!(answer.unwrap().vendor_message_id, "wamid.OUT2");
        seen[0].body.clone()
    };
    let whole = json!({"name": "visit_reminder_v2", "language": {"code": "ru"}, "components": [
        {"type": "body", "parameters": [{"type": "text", "text": "Anna"}, {"type": "text", "text": "24 Nov, 15:00"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [{"type": "payload", "payload": "bk:9f3c:ok"}]},
        {"type": "button", "sub_type": "quick_reply", "index": "1", "parameters": [{"type": "payload", "payload": "bk:9f3c:no"}]},
    ]});
    assert_eq!(sent(&call(&["Anna", "24 Nov, 15:00"], &["bk:9f3c:ok", "bk:9f3c:no"])).await, to_anna("template", whole));
    let bare = json!({"name": "visit_reminder_v2", "language": {"code": "ru"}});
    assert_eq!(sent(&call(&[], &[])).await, to_anna("template", bare));
}

#[tokio::test]
async fn who_shows_no_number_is_written_to_by_user_id() {
    let body = written(ANNA_USER_ID, Keyboard::None).await;
    assert_eq!((body["recipient"].as_str(), body.get("to")), (Some(ANNA_USER_ID), None));
    assert_eq!(written("US.ENT.11815799212886844830", Keyboard::None).await["recipient"], "US.ENT.11815799212886844830");
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_before_the_call() {
    let refused = async |chat_id: &str, keyboard: Keyboard| {
        let stub = Stub::start("", Vec::new()).await;
        let message = Rendered { text: "hi".to_owned(), keyboard };
        WhatsApp.send(&http(), &account(stub.base_url.clone()), &free(chat_id, &message)).await.unwrap_err()
    };
    for chat_id in ["", "@anna", "-100", "US.", "us.1", "US.1/messages", "US.1 2"] {
        assert_eq!(refused(chat_id, Keyboard::None).await, Failure::permanent("chat_id_not_a_person"), "{chat_id}");
    }
    let four = vec![vec![button("a", "1"), button("b", "2"), button("c", "3"), button("d", "4")]];
    assert_eq!(refused(ANNA, Keyboard::Inline(four)).await, Failure::permanent("too_many_buttons"));
    for count in [0, 11] {
        let rows = (0..count).map(|n| button(&n.to_string(), &n.to_string())).collect();
        let list = Keyboard::List { open_label: "Times".to_owned(), rows };
        assert_eq!(refused(ANNA, list).await, Failure::permanent("too_many_rows"));
    }
    let mut homeless = account("http://127.0.0.1:1/".parse().unwrap());
    (homeless.external_id, homeless.parent_id) = (String::new(), None);
    let message = Rendered { text: "hi".to_owned(), keyboard: Keyboard::None };
    let failure = WhatsApp.send(&http(), &homeless, &free(ANNA, &message)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("no_phone_number_id"));
    assert_eq!(WhatsApp.templates(&http(), &homeless).await.unwrap_err(), Failure::permanent("no_business_account_id"));
}

#[tokio::test]
async fn an_answer_without_an_id_leaves_the_outcome_open() {
    let message = Rendered { text: "hi".to_owned(), keyboard: Keyboard::None };
    for answer in
        [json!({}), json!({"messages": []}), json!({"messages": [{}]}), json!({"messages": [{"id": ""}]}), json!("sent")]
    {
        let (sent, _) = send(&free(ANNA, &message), Step::json(200, &answer)).await;
        assert_eq!(sent.unwrap_err(), Failure::unknown("unreadable_answer"), "{answer}");
    }
    let (sent, _) = send(&free(ANNA, &message), Step::json(200, &refusal(131_047))).await;
    assert_eq!(sent.unwrap_err().class, Class::NeedsTemplate, "a refusal under a 200");
}

#[tokio::test]
async fn the_client_sees_that_the_message_was_read_and_an_answer_is_written() {
    let stub = Stub::start("", vec![Step::json(200, &json!({"success": true})), Step::json(400, &refusal(131_009))]).await;
    let account = account(stub.base_url.clone());
    WhatsApp.attend(&http(), &account, to(ANNA), None).await.unwrap();
    WhatsApp.attend(&http(), &account, to(ANNA), Some("wamid.IN1")).await.unwrap();
    let failure = WhatsApp.attend(&http(), &account, to(ANNA), Some("wamid.IN1")).await.unwrap_err();
    assert_eq!(failure.class, Class::Permanent);
    let seen = stub.seen();
    assert_eq!(seen.len(), 2, "without a message there is nothing to mark");
    assert_eq!(seen[0].path, format!("/v26.0/{NUMBER}/messages"));
    assert_eq!(
        seen[0].body,
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.IN1", "typing_indicator": {"type": "text"}})
    );
}

fn app(callback: Option<&str>) -> Value {
    let mut app =
        json!({"whatsapp_business_api_data": {"id": "670843887433847", "name": "Salon", "link": "https://www.facebook.com/"}});
    if let Some(callback) = callback {
        app["override_callback_uri"] = json!(callback);
    }
    app
}

fn apps(apps: &[Value]) -> Step {
    Step::json(200, &json!({ "data": apps }))
}

const OURS: &str = "https://hooks.example.org/webhooks/whatsapp/k";

#[tokio::test]
async fn inspection_tells_whose_number_it_is_and_where_its_webhooks_go() {
    let number = |quality: &str, status: &str| {
        Step::json(
            200,
            &json!({
                "id": NUMBER, "display_phone_number": "+1 555-078-3881", "verified_name": "Salon", "quality_rating": quality,
                "name_status": "APPROVED", "status": status,
            }),
        )
    };
    let theirs = app(Some("https://another-tool.example/"));
    let steps = vec![
        number("GREEN", "CONNECTED"),
        apps(&[app(None), theirs.clone(), app(Some(OURS))]),
        number("RED", "RESTRICTED"),
        apps(&[theirs, app(None)]),
        number("NA", "CONNECTED"),
        apps(&[]),
        number("NA", "CONNECTED"),
        apps(&[app(Some(OURS))]),
    ];
    let stub = Stub::start("/g", steps).await;
    let (http, account, ours) = (http(), account(stub.base_url.clone()), OURS.parse().unwrap());
    let info = |webhook: bool, problems: &[&str]| AccountInfo {
        name: "+1 555-078-3881".to_owned(),
        webhook_url: webhook.then(|| OURS.to_owned()),
        pending_updates: None,
        problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
    };
    let elsewhere = "no app of the business account has its webhooks sent to us";
    assert_eq!(WhatsApp.inspect(&http, &account, Some(&ours)).await.unwrap(), info(true, &[]));
    let bad = info(false, &["the number's quality is RED", "the number's status is RESTRICTED", elsewhere]);
    assert_eq!(WhatsApp.inspect(&http, &account, Some(&ours)).await.unwrap(), bad);
    assert_eq!(WhatsApp.inspect(&http, &account, Some(&ours)).await.unwrap(), info(false, &[elsewhere]));
    assert_eq!(WhatsApp.inspect(&http, &account, None).await.unwrap(), info(true, &[]));
    let seen = stub.seen();
    assert!(seen[0].path.starts_with(&format!("/g/v26.0/{NUMBER}?fields=")), "{}", seen[0].path);
    assert_eq!(seen[1].path, format!("/g/v26.0/{WABA}/subscribed_apps"));
    assert!(seen.iter().all(|call| call.headers["authorization"] == "Bearer 900:TOKEN-that-must-not-leak"));
}

#[tokio::test]
async fn a_webhook_is_registered_for_the_business_account() {
    let done = || Step::json(200, &json!({"success": true}));
    let ours = OURS.parse().unwrap();
    let stub = Stub::start("", vec![apps(&[app(Some("https://old.example/"))]), done(), done()]).await;
    WhatsApp.register_webhook(&http(), &account(stub.base_url.clone()), &ours).await.unwrap();
    let seen = stub.seen();
    assert!(seen.iter().all(|call| call.path == format!("/v26.0/{WABA}/subscribed_apps")));
    let own = json!({"override_callback_uri": OURS, "verify_token": HANDSHAKE});
    assert_eq!(seen.iter().map(|call| &call.body).collect::<Vec<_>>(), [&json!(null), &json!({}), &own]);

    // In place already: subscribing anew would take it away for a moment.
    let stub = Stub::start("", vec![apps(&[app(Some(OURS))]), done()]).await;
    WhatsApp.register_webhook(&http(), &account(stub.base_url.clone()), &ours).await.unwrap();
    assert_eq!(stub.seen()[1].body, own);

    let refused = async |steps: Vec<Step>, verify_token: bool| {
        let stub = Stub::start("", steps).await;
        let mut account = account(stub.base_url.clone());
        account.secrets.handshake = account.secrets.handshake.filter(|_| verify_token);
        WhatsApp.register_webhook(&http(), &account, &ours).await.unwrap_err()
    };
    assert_eq!(refused(Vec::new(), false).await, Failure::permanent("no_verify_token"));
    assert_eq!(refused(vec![Step::json(401, &refusal(190))], true).await.class, Class::Credential);
    let no = || Step::json(200, &json!({"success": false}));
    assert_eq!(refused(vec![apps(&[]), no()], true).await, Failure::permanent("not_done"));
    assert_eq!(refused(vec![apps(&[]), done(), Step::json(200, &json!([]))], true).await, Failure::unknown("unreadable_answer"));
}

#[tokio::test]
async fn templates_are_listed_page_by_page() {
    let template = |name: &str, status: &str, body: &str| {
        json!({"name": name, "language": "ru", "status": status, "category": "UTILITY", "id": "1", "components": [
            {"type": "HEADER", "format": "TEXT", "text": "{{1}}"}, {"type": "BODY", "text": body}, {"type": "BUTTONS", "buttons": []}]})
    };
    let page = |entries: &[Value], after: &str, more: bool| {
        let mut page = json!({"data": entries, "paging": {"cursors": {"before": "MA", "after": after}}});
        if more {
            page["paging"]["next"] = json!("https://graph.facebook.com/v26.0/1/message_templates?access_token=T&after=X");
        }
        Step::json(200, &page)
    };
    let steps = vec![
        page(
            &[template("reminder", "APPROVED", "{{1}}, your visit: {{ 2 }}, {{1}}."), json!({"name": "no language"}), json!("x")],
            "MjQZD",
            true,
        ),
        page(&[template("moved", "PAUSED", "Moved to {{when}}"), template("new", "HOLOGRAM", "Hello {{")], "NDgZD", false),
    ];
    let stub = Stub::start("/g", steps).await;
    let found = WhatsApp.templates(&http(), &account(stub.base_url.clone())).await.unwrap();
    let info =
        |name: &str, status, parameters| TemplateInfo { name: name.to_owned(), language: "ru".to_owned(), status, parameters };
    let expected = [
        info("reminder", TemplateStatus::Approved, 2),
        info("moved", TemplateStatus::Paused, 1),
        info("new", TemplateStatus::Pending, 0),
    ];
    assert_eq!(found, expected);
    let paths: Vec<String> = stub.seen().into_iter().map(|call| call.path).collect();
    let first = format!("/g/v26.0/{WABA}/message_templates?fields=name%2Clanguage%2Cstatus%2Ccomponents&limit=100");
    assert_eq!(
        paths,
        [first.clone(), format!("{first}&after=MjQZD")],
        "by the cursor, never by the address with the token in it"
    );
}

#[tokio::test]
async fn a_list_of_templates_that_never_ends_is_given_up() {
    let page = |after: &str| {
        let paging = json!({"cursors": {"after": after}, "next": "https://graph.facebook.com/"});
        Step::json(200, &json!({"data": [], "paging": paging}))
    };
    let listed = async |steps: Vec<Step>| {
        let stub = Stub::start("", steps).await;
        WhatsApp.templates(&http(), &account(stub.base_url.clone())).await
    };
    assert_eq!(listed(vec![page("A"), page("A")]).await, Ok(Vec::new()), "the same cursor again is the end");
    let turning = (0..64).map(|n| page(&n.to_string())).collect();
    assert_eq!(listed(turning).await, Err(Failure::permanent("too_many_templates")));
    assert_eq!(listed(vec![Step::json(200, &json!({}))]).await, Err(Failure::unknown("unreadable_answer")));
}

proptest! {
    /// Every person an event can come from can be answered, and by the same id.
    #[test]
    fn who_can_write_can_be_answered(digits in "[0-9]{1,24}", plus in "[+]{0,2}", user_id in "[A-Za-z]{1,3}[.]?[A-Za-z0-9.]{0,6}") {
        let written = format!("{plus}{digits}");
        let is_number = plus.len() < 2 && (5..=20).contains(&digits.len());
        prop_assert_eq!(wire::number(&written), is_number.then_some(digits.as_str()));
        prop_assert!(!wire::is_user_id(&written));
        prop_assert!(!(wire::is_user_id(&user_id) && wire::number(&user_id).is_some()));
    }
}
