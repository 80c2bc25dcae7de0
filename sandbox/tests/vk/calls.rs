use chrono::TimeDelta;
use salon_sandbox::messenger::Act;
use serde_json::{Value, json};

use crate::{ANNA, GROUP, KEY, OLGA, Salon, keyboard};

fn to(person: i64, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    [&[("peer_ids", person.to_string()), ("random_id", "1".to_owned())], more].concat()
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_and_recorded() {
    let (salon, _product) = Salon::connected().await;
    let text = |text: &str| ("message", text.to_owned());
    let many = vec![ANNA.to_string(); 101].join(",");
    let cases = [
        ("messages.send", to(ANNA, &[]), 100),
        ("messages.send", to(ANNA, &[text(" ")]), 100),
        ("messages.send", to(ANNA, &[text(&"я".repeat(4_097))]), 914),
        ("messages.send", to(ANNA, &[text(&"я".repeat(9_001))]), 914),
        ("messages.send", vec![("peer_ids", ANNA.to_string()), text("hi")], 100),
        ("messages.send", vec![("random_id", "1".to_owned()), text("hi")], 100),
        ("messages.send", vec![("peer_ids", ANNA.to_string()), ("random_id", "2147483648".to_owned()), text("hi")], 100),
        ("messages.send", vec![("peer_ids", many), ("random_id", "1".to_owned()), text("hi")], 100),
        ("messages.send", to(ANNA, &[text("hi"), ("keyboard", "{}".to_owned())]), 911),
        (
            "messages.send",
            to(ANNA, &[text("hi"), ("keyboard", r#"{"one_time":true,"inline":true,"buttons":[]}"#.to_owned())]),
            911,
        ),
        ("messages.edit", vec![("peer_id", ANNA.to_string()), text("hi")], 100),
        ("messages.isMessagesFromGroupAllowed", vec![("group_id", GROUP.to_string())], 100),
        (
            "groups.addCallbackServer",
            vec![("group_id", GROUP.to_string()), ("url", "ftp://a".to_owned()), ("title", "a".to_owned())],
            100,
        ),
        ("messages.pin", vec![], 3),
        ("messages.dance", vec![], 3),
    ];
    for (method, parameters, code) in cases {
        let before = salon.violations().len();
        assert_eq!(salon.refused(method, &parameters).await, code, "{method} {parameters:?}");
        assert_eq!(salon.violations().len(), before + 1, "{method} {parameters:?}");
    }
    salon.ok("messages.send", &to(ANNA, &[text("hi"), ("parse_mode", "html".to_owned())])).await;
    assert_eq!(salon.violations().pop().as_deref(), Some("parse_mode is no parameter"));
}

#[tokio::test]
async fn bodies_are_forms_and_calls_name_the_version() {
    let (salon, _product) = Salon::connected().await;
    let code = async |request: reqwest::RequestBuilder| {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["error"]["error_code"].as_i64()
    };
    let message = json!({"peer_ids": ANNA, "random_id": 1, "message": "hi", "v": "5.199"});
    assert_eq!(code(salon.request("messages.send").json(&message)).await, Some(8));
    assert_eq!(salon.violations().len(), 2, "the body, and the version that is missing without it");
    assert_eq!(code(salon.request("messages.send?v=5.199&access_token=x").json(&message)).await, Some(100));
    assert_eq!(code(salon.request("groups.getById?v=5.131")).await, Some(8));
    let bare = salon.client.post(format!("{}/vk/method/groups.getById?v=5.199", salon.sandbox.base_url));
    assert_eq!(code(bare).await, Some(5));
    let long = salon.request("messages.send").header("content-type", "application/x-www-form-urlencoded");
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("v", "5.199"), ("random_id", "4"), ("message", &"я".repeat(400))])
        .append_pair("peer_id", &ANNA.to_string())
        .finish();
    assert_eq!(code(long.body(form)).await, None);
    assert_eq!(salon.violations().pop().as_deref(), Some("more than 2 KB go as multipart/form-data"));
    let before = salon.violations().len();
    let boundary = "--x\r\ncontent-disposition: form-data; name=\"message\"\r\n\r\nhi\r\n--x--\r\n";
    let parts = salon.request(&format!("messages.send?v=5.199&peer_id={ANNA}&random_id=3"));
    assert_eq!(code(parts.header("content-type", "multipart/form-data; boundary=x").body(boundary)).await, None);
    let url = format!("{}/vk/method/groups.getById?v=5.199&access_token={KEY}", salon.sandbox.base_url);
    assert_eq!(code(salon.client.get(url)).await, None);
    assert_eq!(salon.violations().len(), before);
    let kept = json!(salon.sandbox.world.ledger.entries()).to_string();
    assert!(!kept.contains(KEY) && !kept.contains("s3cr3t"), "keys and secrets stay out of the ledger");
}

#[tokio::test]
async fn one_recipient_is_answered_with_a_number_and_many_with_their_own_errors() {
    let (salon, _product) = Salon::connected().await;
    let one = [("peer_id", ANNA.to_string()), ("random_id", "5".to_owned()), ("message", "hi".to_owned())];
    assert!(salon.ok("messages.send", &one).await.is_i64());
    let user = [("user_id", OLGA.to_string()), ("random_id", "5".to_owned()), ("message", "hi".to_owned())];
    assert_eq!(salon.refused("messages.send", &user).await, 901);
    let many = [("peer_ids", format!("{ANNA},{OLGA},2000000001")), ("random_id", "6".to_owned()), ("message", "hi".to_owned())];
    let sent = salon.ok("messages.send", &many).await;
    assert!(sent[0]["message_id"].as_i64().unwrap() > 0 && sent[0].get("error").is_none(), "{sent}");
    let refused = json!({"code": 901, "description": "Can't send messages for users without permission"});
    assert_eq!(sent[1], json!({"peer_id": OLGA, "message_id": 0, "conversation_message_id": 0, "error": refused}));
    assert_eq!(sent[2]["error"]["code"], 917);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn who_can_be_written_to() {
    let (salon, _product) = Salon::connected().await;
    let code = async || salon.send(ANNA, "hi", 0, &[]).await["error"]["code"].as_i64();
    let allowed = async || {
        let asked = [("group_id", GROUP.to_string()), ("user_id", ANNA.to_string())];
        salon.ok("messages.isMessagesFromGroupAllowed", &asked).await["is_allowed"].as_i64().unwrap()
    };
    assert_eq!((code().await, allowed().await), (None, 1));
    salon.act(Act::Block);
    assert_eq!((code().await, allowed().await), (Some(901), 0));
    salon.act(Act::Unblock);
    assert_eq!((code().await, allowed().await), (None, 1));
    salon.staff(json!({"do": "ban", "group": GROUP, "person": ANNA})).await;
    assert_eq!((code().await, allowed().await), (Some(900), 0));
    salon.staff(json!({"do": "unban", "group": GROUP, "person": ANNA})).await;
    assert_eq!(code().await, None);
    let gone = json!({"people": [{"id": ANNA, "first_name": "DELETED", "deactivated": true}]});
    salon_sandbox::vendor::Vendor::seed(salon.vk(), &gone).unwrap();
    assert_eq!(code().await, Some(18));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_random_id_is_one_message_for_an_hour() {
    let (salon, _product) = Salon::connected().await;
    let first = salon.send(ANNA, "one", 7, &[]).await;
    assert_eq!(salon.send(ANNA, "one", 7, &[]).await, first);
    assert_eq!(salon.vk().sent(GROUP, ANNA).len(), 1);
    salon.send(ANNA, "part two", 8, &[]).await;
    salon.send(ANNA, "unchecked", 0, &[]).await;
    salon.send(ANNA, "unchecked", 0, &[]).await;
    assert_eq!(salon.vk().sent(GROUP, ANNA).len(), 4);
    salon.sandbox.clock.advance(TimeDelta::minutes(61)).unwrap();
    assert_ne!(salon.send(ANNA, "one", 7, &[]).await, first);
    let texts: Vec<Value> = salon.vk().sent(GROUP, ANNA).iter().map(|message| message["text"].clone()).collect();
    assert_eq!(texts, ["one", "part two", "unchecked", "unchecked", "one"]);
}

#[tokio::test]
async fn a_message_can_be_changed_for_a_day() {
    let (salon, product) = Salon::connected().await;
    let sent = salon.send(ANNA, "Придёте?", 9, &[keyboard(true, "callback")]).await;
    assert_eq!(salon.chat(ANNA).bubbles[1].buttons[0].len(), 2);
    let edit = |id: (&'static str, &Value)| {
        [("peer_id", ANNA.to_string()), (id.0, id.1.to_string()), ("message", "Ждём вас".to_owned())]
    };
    assert_eq!(salon.ok("messages.edit", &edit(("message_id", &sent["message_id"]))).await, 1);
    let shown = &salon.chat(ANNA).bubbles[1];
    assert_eq!((shown.text.as_str(), shown.buttons.len()), ("Ждём вас", 0));
    assert_eq!(salon.ok("messages.edit", &edit(("cmid", &sent["conversation_message_id"]))).await, 1);
    salon.settled().await;
    let told = product.events("message_edit").pop().unwrap();
    assert_eq!((&told["object"]["out"], &told["object"]["from_id"]), (&json!(1), &json!(-GROUP)));
    let again = [&edit(("message_id", &sent["message_id"]))[..], &[keyboard(true, "text")]].concat();
    assert_eq!(salon.ok("messages.edit", &again).await, 1);
    salon.settled().await;
    let told = product.events("message_edit").pop().unwrap()["object"]["keyboard"].clone();
    assert_eq!((&told["one_time"], &told["author_id"]), (&json!(false), &json!(-GROUP)));
    assert_eq!(salon.refused("messages.edit", &edit(("message_id", &json!(1)))).await, 100);
    salon.sandbox.clock.advance(TimeDelta::hours(25)).unwrap();
    assert_eq!(salon.refused("messages.edit", &edit(("message_id", &sent["message_id"]))).await, 909);
    assert_eq!(salon.violations(), Vec::<String>::new());
    let hers = salon.chat(ANNA).bubbles[0].id.clone();
    let hers: Value = serde_json::from_str(&hers).unwrap();
    assert_eq!(salon.refused("messages.edit", &edit(("message_id", &hers))).await, 15);
    assert_eq!(salon.violations().len(), 1);
}

#[tokio::test]
async fn the_community_is_shown_as_writing_until_it_has_written() {
    let (salon, _product) = Salon::connected().await;
    let typing = async || {
        let activity = [("peer_id", ANNA.to_string()), ("type", "typing".to_owned())];
        assert_eq!(salon.ok("messages.setActivity", &activity).await, 1);
        salon.chat(ANNA).typing
    };
    assert!(typing().await);
    salon.send(ANNA, "hi", 31, &[]).await;
    assert!(!salon.chat(ANNA).typing);
    assert!(typing().await);
    salon.sandbox.clock.advance(TimeDelta::seconds(11)).unwrap();
    assert!(!salon.chat(ANNA).typing);
    assert_eq!(salon.refused("messages.setActivity", &[("peer_id", OLGA.to_string())]).await, 901);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn names_are_asked_for_by_id() {
    let (salon, _product) = Salon::connected().await;
    let people = salon.ok("users.get", &[("user_ids", format!("{ANNA},1,{OLGA}")), ("fields", "screen_name".to_owned())]).await;
    let names: Vec<_> = people.as_array().unwrap().iter().map(|person| (&person["first_name"], &person["last_name"])).collect();
    assert_eq!(names, [(&json!("Anna"), &json!("Petrova")), (&json!("Olga"), &json!(""))]);
    assert_eq!(salon.violations(), Vec::<String>::new());
}
