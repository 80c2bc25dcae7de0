use salon_sandbox::{Options, Sandbox, Scenario, instagram::Action};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{ANNA, SALON, account, refusal};
use crate::{
    channel::{
        AccountInfo, Body, ChannelAdapter, Outbound, Sent, TemplateCall,
        conformance::{free, secrets, to},
        instagram::Instagram,
    },
    dialogue::{Button, Keyboard, Rendered, edge_screens, render},
    vendor::{
        Class, Failure,
        stub::{Seen, Step, Stub, http},
    },
};

const TEXT: &str = "Tue 24 Nov, 15:00 - <b>haircut</b>. Confirm?";

fn button(label: &str, payload: &str) -> Button {
    Button { label: label.to_owned(), payload: payload.to_owned() }
}

async fn send(message: &Outbound<'_>, step: Step) -> (Result<Sent, Failure>, Vec<Seen>) {
    let stub = Stub::start("/proxy/", vec![step]).await;
    let sent = Instagram.send(&http(), &account(stub.base_url.clone()), message).await;
    (sent, stub.seen())
}

async fn written(keyboard: Keyboard) -> Value {
    let message = Rendered { text: TEXT.to_owned(), keyboard };
    let answer = Step::json(200, &json!({"recipient_id": ANNA, "message_id": "aWdfOUT1"}));
    let (sent, seen) = send(&free(ANNA, &message), answer).await;
    assert_eq!(sent.unwrap().vendor_message_id, "aWdfOUT1");
    assert_eq!(seen[0].path, format!("/proxy/v26.0/{SALON}/messages"));
    assert_eq!(seen[0].headers["authorization"], "Bearer 900:TOKEN-that-must-not-leak");
    seen[0].body.clone()
}

/// To Anna, and as an answer: a tag such as HUMAN_AGENT is for people.
fn to_anna(replies: Option<Value>) -> Value {
    let mut message = json!({ "text": TEXT });
    if let Some(replies) = replies {
        message["quick_replies"] = replies;
    }
    json!({"recipient": {"id": ANNA}, "message": message})
}

#[tokio::test]
async fn messages_are_written_as_documented() {
    for keyboard in [Keyboard::None, Keyboard::Remove, Keyboard::Inline(Vec::new())] {
        assert_eq!(written(keyboard).await, to_anna(None));
    }
    let reply = |title: &str, payload: &str| json!({"content_type": "text", "title": title, "payload": payload});
    let rows = vec![vec![button("Confirm", "bk:9f3c:ok"), button("Cancel", "bk:9f3c:no")], vec![button("Later", "l")]];
    let replies = json!([reply("Confirm", "bk:9f3c:ok"), reply("Cancel", "bk:9f3c:no"), reply("Later", "l")]);
    assert_eq!(written(Keyboard::Inline(rows)).await, to_anna(Some(replies)));
    let list = Keyboard::List { open_label: "Times".to_owned(), rows: vec![button("15:00", "a"), button("16:00", "b")] };
    assert_eq!(written(list).await, to_anna(Some(json!([reply("15:00", "a"), reply("16:00", "b")]))));
    let number = Keyboard::RequestContact { label: "Share my number".to_owned() };
    assert_eq!(written(number).await, to_anna(Some(json!([{"content_type": "user_phone_number"}]))));
}

/// What fills the declared limits is within the vendor's own, as its stand-in counts them.
#[tokio::test]
async fn every_screen_at_the_budgets_edge_is_within_the_vendors_rules() {
    let token = secrets().token.expose_secret().to_owned();
    let seed = json!({
        "apps": [{"id": "1", "name": "salon-core", "secret": "a", "instagram_secret": "b"}],
        "accounts": [{"id": SALON, "username": "salon42", "name": "Salon 42", "app": "1", "token": token}],
        "people": [{"username": "anna.k", "name": "Anna K"}]});
    let scenario = Scenario { seed: [("instagram".to_owned(), seed)].into() };
    let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
    sandbox.instagram.act_in_chat(SALON, "anna.k", Action::Text { text: "hello".into(), reply_to: None }).unwrap();
    let anna = sandbox.instagram.scoped_id(SALON, "anna.k");
    let (client, account) = (http(), account(format!("{}/instagram", sandbox.base_url).parse().unwrap()));
    for (screen, seal) in edge_screens() {
        let message = render(&screen, Instagram.capabilities(), &seal);
        Instagram.send(&client, &account, &free(&anna, &message)).await.unwrap();
    }
    assert_eq!(sandbox.world.ledger.violation_count(), 0);
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_before_the_call() {
    let stub = Stub::start("", Vec::new()).await;
    let (client, mut account) = (http(), account(stub.base_url.clone()));
    let message = Rendered { text: "hi".to_owned(), keyboard: Keyboard::None };
    for chat_id in ["", "@anna", "-1", "me", "1/messages", "1 2", &"1".repeat(33)] {
        let failure = Instagram.send(&client, &account, &free(chat_id, &message)).await.unwrap_err();
        assert_eq!(failure, Failure::permanent("chat_id_not_a_person"), "{chat_id}");
    }
    let fourteen = (0..14).map(|n| button(&n.to_string(), "p")).collect();
    let full = Rendered { keyboard: Keyboard::Inline(vec![fourteen]), ..message.clone() };
    let failure = Instagram.send(&client, &account, &free(ANNA, &full)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("too_many_buttons"));
    let call = TemplateCall { name: "a".to_owned(), language: "ru".to_owned(), values: Vec::new(), payloads: Vec::new() };
    let template = Outbound { body: Body::Template(&call), ..free(ANNA, &message) };
    assert_eq!(Instagram.send(&client, &account, &template).await, Err(Failure::permanent("no_templates_here")));
    account.external_id.clear();
    let failure = Instagram.send(&client, &account, &free(ANNA, &message)).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("no_account_id"));
    assert_eq!(stub.seen().len(), 0);
}

#[tokio::test]
async fn an_answer_without_an_id_leaves_the_outcome_open() {
    let message = Rendered { text: "hi".to_owned(), keyboard: Keyboard::None };
    for answer in [json!({}), json!({"message_id": ""}), json!({"message_id": 7}), json!({"success": true})] {
        let (sent, _) = send(&free(ANNA, &message), Step::json(200, &answer)).await;
        assert_eq!(sent.unwrap_err(), Failure::unknown("unreadable_answer"), "{answer}");
    }
    let (sent, _) = send(&free(ANNA, &message), Step::json(500, &refusal(1, Some(1_357_046)))).await;
    assert_eq!(sent.unwrap_err(), Failure::unknown("1:invalid_reply"), "it had been sent");
    let (sent, _) = send(&free(ANNA, &message), Step::json(200, &refusal(10, Some(2_534_022)))).await;
    assert_eq!(sent.unwrap_err().class, Class::NeedsTemplate, "a refusal under a 200");
}

#[tokio::test]
async fn typing_is_shown_with_nothing_beside_it() {
    let steps = vec![Step::json(200, &json!({"recipient_id": ANNA})), Step::json(400, &refusal(100, None))];
    let stub = Stub::start("", steps).await;
    let account = account(stub.base_url.clone());
    Instagram.attend(&http(), &account, to(ANNA), Some("aWdfMSG1")).await.unwrap();
    assert_eq!(Instagram.attend(&http(), &account, to(ANNA), None).await.unwrap_err().class, Class::Permanent);
    assert_eq!(stub.seen()[0].body, json!({"recipient": {"id": ANNA}, "sender_action": "typing_on"}));
}

#[tokio::test]
async fn a_name_is_asked_for() {
    let steps = vec![
        Step::json(200, &json!({"name": " Анна К ", "username": "anna.k", "id": ANNA})),
        Step::json(200, &json!({"name": " ", "username": "anna.k"})),
        Step::json(200, &json!({"id": ANNA})),
        Step::json(400, &refusal(230, None)),
        Step::json(400, &refusal(613, None)),
    ];
    let stub = Stub::start("", steps).await;
    let (client, account) = (http(), account(stub.base_url.clone()));
    let name = async || Instagram.name_of(&client, &account, ANNA).await;
    for expected in [Some("Анна К"), Some("anna.k"), None] {
        assert_eq!(name().await.unwrap().as_deref(), expected);
    }
    assert_eq!(name().await, Err(Failure::permanent("230:other")), "the person did not agree to it");
    assert!(matches!(name().await.unwrap_err().class, Class::Retry { after: Some(_) }));
    assert_eq!(stub.seen()[0].path, format!("/v26.0/{ANNA}?fields=name%2Cusername"));
    assert_eq!(Instagram.name_of(&client, &account, "me").await, Err(Failure::permanent("chat_id_not_a_person")));
}

const OURS: &str = "https://hooks.example.org/webhooks/instagram/k";

fn me(user_id: &Value) -> Step {
    Step::json(200, &json!({"id": "900100", "user_id": user_id, "username": "salon42", "name": "Salon 42"}))
}

fn apps(fields: &[Value]) -> Step {
    let apps: Vec<Value> =
        fields.iter().map(|fields| json!({"id": "670843887433847", "name": "Salon", "subscribed_fields": fields})).collect();
    Step::json(200, &json!({ "data": apps }))
}

fn all() -> Value {
    json!(["messages", "messaging_postbacks", "messaging_seen", "messaging_referrals", "message_echoes", "message_edit"])
}

#[tokio::test]
async fn inspection_tells_whose_token_it_is_and_whether_an_app_hears_the_account() {
    let whose = || me(&json!(SALON));
    let few = json!(["messages", {"name": "messaging_postbacks"}, "messaging_seen"]);
    let steps = vec![
        whose(),
        apps(&[json!(["comments"]), all()]),
        whose(),
        apps(&[few]),
        whose(),
        apps(&[json!(["comments", "messages"])]),
        whose(),
        apps(&[]),
        me(&json!(17_841_400_000_000_001_u64)),
        Step::json(200, &json!({"data": [{"id": "1"}]})),
    ];
    let stub = Stub::start("/g", steps).await;
    let (client, account, ours) = (http(), account(stub.base_url.clone()), OURS.parse().unwrap());
    let info = |webhook: bool, problems: &[&str]| AccountInfo {
        name: "salon42".to_owned(),
        webhook_url: webhook.then(|| OURS.to_owned()),
        pending_updates: None,
        problems: problems.iter().map(|problem| (*problem).to_owned()).collect(),
    };
    let partly = "the app does not hear messaging_referral, message_echoes, message_edit";
    let deaf = "the app does not hear messaging_postbacks, messaging_seen, messaging_referral, message_echoes, message_edit";
    for expected in [
        info(true, &[]),
        info(true, &[partly]),
        info(false, &[deaf]),
        info(false, &["no app hears the account"]),
        info(true, &[]),
    ] {
        assert_eq!(Instagram.inspect(&client, &account, Some(&ours)).await.unwrap(), expected);
    }
    let paths: Vec<String> = stub.seen().into_iter().take(2).map(|seen| seen.path).collect();
    let expected = ["/g/v26.0/me?fields=user_id%2Cusername%2Cname".to_owned(), format!("/g/v26.0/{SALON}/subscribed_apps")];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn a_token_of_another_account_is_none() {
    let steps = vec![
        me(&json!("17841400000000002")),
        me(&Value::Null),
        Step::json(400, &refusal(190, Some(463))),
        me(&json!(SALON)),
        Step::json(200, &json!({"data": "none"})),
    ];
    let stub = Stub::start("", steps).await;
    let (client, account) = (http(), account(stub.base_url.clone()));
    let failure = async || Instagram.inspect(&client, &account, None).await.unwrap_err();
    assert_eq!(failure().await, Failure::new(Class::Credential, "another_account"));
    assert_eq!(failure().await, Failure::retry("unreadable_answer"));
    assert_eq!(failure().await, Failure::new(Class::Credential, "190:token"));
    assert_eq!(failure().await, Failure::retry("unreadable_answer"));
}

#[tokio::test]
async fn a_field_that_is_not_known_does_not_cost_the_others() {
    let done = || Step::json(200, &json!({"success": true}));
    let steps = vec![
        done(),
        Step::json(400, &refusal(100, None)),
        done(),
        Step::json(400, &refusal(190, None)),
        Step::json(200, &json!({"success": false})),
    ];
    let stub = Stub::start("", steps).await;
    let (client, account, ours) = (http(), account(stub.base_url.clone()), OURS.parse().unwrap());
    let register = || Instagram.register_webhook(&client, &account, &ours);
    register().await.unwrap();
    register().await.unwrap();
    assert_eq!(register().await.unwrap_err(), Failure::new(Class::Credential, "190:token"));
    assert_eq!(register().await.unwrap_err(), Failure::permanent("not_done"));
    let asked = |fields: &str| format!("/v26.0/{SALON}/subscribed_apps?subscribed_fields={}", fields.replace(',', "%2C"));
    let wanted = asked("messages,messaging_postbacks,messaging_seen,messaging_referral,message_echoes,message_edit");
    let certain = asked("messages,messaging_postbacks,messaging_seen");
    let paths: Vec<String> = stub.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, [wanted.clone(), wanted.clone(), certain, wanted.clone(), wanted]);
}

#[tokio::test]
async fn a_token_is_refreshed_without_a_version() {
    let fresh = |token: Value| Step::json(200, &json!({"access_token": token, "token_type": "bearer", "expires_in": 5_184_000}));
    let steps = vec![
        fresh(json!("IGAA-fresh")),
        fresh(Value::Null),
        fresh(json!("")),
        Step::json(400, &refusal(100, None)),
        Step::json(400, &refusal(190, None)),
    ];
    let stub = Stub::start("/g", steps).await;
    let (client, account) = (http(), account(stub.base_url.clone()));
    let renewed = async || Instagram.renew_credential(&client, &account).await;
    assert_eq!(renewed().await.unwrap().unwrap().expose_secret(), "IGAA-fresh");
    assert_eq!(renewed().await.unwrap_err(), Failure::retry("unreadable_answer"));
    assert_eq!(renewed().await.unwrap_err(), Failure::retry("unreadable_answer"));
    assert_eq!(renewed().await.unwrap_err().class, Class::Permanent, "not a day old");
    let failure = renewed().await.unwrap_err();
    assert!(failure.class == Class::Credential && !format!("{failure:?}").contains("TOKEN"));
    let path = "/g/refresh_access_token?grant_type=ig_refresh_token&access_token=900%3ATOKEN-that-must-not-leak";
    assert_eq!(stub.seen()[0].path, path);
}
