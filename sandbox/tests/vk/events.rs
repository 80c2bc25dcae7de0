use std::sync::Arc;

use salon_sandbox::{
    messenger::{Act, Author, ButtonKind, Media, Messenger},
    vk::{Manners, Vk},
};
use serde_json::{Value, json};

use crate::{ANNA, FLAGS, GROUP, OLGA, PATIENCE, Product, SECRET, Salon, keyboard, press};

#[tokio::test]
async fn a_conversation_in_which_every_event_and_answer_fits_the_schema() {
    let (salon, product) = Salon::connected().await;
    salon.act(Act::Text { text: "Здравствуйте".into() });
    let sent = salon.send(ANNA, "Придёте?", 11, &[keyboard(true, "callback")]).await;
    salon.act(press(Some(&sent["message_id"]), r#"{"t":"yes"}"#));
    for media in [Media::Photo, Media::Voice, Media::Location, Media::Sticker] {
        salon.act(Act::Media { media, caption: Some("вот".into()) });
    }
    let own = salon.chat(ANNA).bubbles.iter().rfind(|bubble| bubble.author == Author::Person).unwrap().id.clone();
    salon.act(Act::Edit { message: own.clone(), text: "Хочу на 13:00".into() });
    assert_eq!(salon.act(Act::Delete { message: own }), Vec::<String>::new(), "VK tells nothing of it");
    salon.act(Act::Block);
    salon.act(Act::Unblock);
    for action in ["join", "leave", "ban", "unban"] {
        salon.staff(json!({"do": action, "group": GROUP, "person": ANNA})).await;
    }
    salon.staff(json!({"do": "reply", "group": GROUP, "person": ANNA, "text": "Ждём вас"})).await;
    salon.settled().await;

    let kinds = FLAGS.map(|kind| product.events(kind).len());
    assert_eq!(kinds, [5, 1, 1, 1, 1, 2, 1, 1, 1]);
    let got = product.got.lock().unwrap().clone();
    for (event, retry) in &got {
        let envelope = ["v", "group_id", "secret"].map(|field| event[field].clone());
        assert_eq!(envelope, [json!("5.199"), json!(GROUP), json!(SECRET)]);
        assert_eq!(*retry, None);
    }
    let mut ids: Vec<&str> = got.iter().map(|(event, _)| event["event_id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), got.len());
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn messages_come_with_what_the_app_can_do() {
    let (salon, product) = Salon::connected().await;
    salon.act(Act::Media { media: Media::Location, caption: None });
    salon.act(Act::Media { media: Media::Photo, caption: None });
    salon.act_as(OLGA, Act::Open { payload: Some("bk_8f3c2a".into()) }).unwrap();
    salon.settled().await;
    let events = product.events("message_new");
    let of = |person: i64| events.iter().filter(move |event| event["object"]["message"]["from_id"] == person);
    assert!(of(ANNA).any(|event| event["object"]["message"]["geo"]["coordinates"]["latitude"] == 55.7558));
    assert!(of(ANNA).any(|event| event["object"]["message"]["attachments"][0]["type"] == "photo"));
    let start = &of(OLGA).next().unwrap()["object"];
    assert_eq!(start["message"]["payload"], r#"{"command":"start"}"#);
    assert_eq!((&start["message"]["ref"], &start["message"]["ref_source"]), (&json!("bk_8f3c2a"), &json!("site")));
    assert_eq!(start["client_info"]["button_actions"], json!(["text", "open_link"]));
}

#[tokio::test]
async fn a_callback_button_is_answered_within_a_minute_and_once() {
    let (salon, product) = Salon::connected().await;
    let sent = salon.send(ANNA, "Придёте?", 11, &[keyboard(true, "callback")]).await;
    let pressed = async || {
        salon.act(press(Some(&sent["message_id"]), r#"{"t":"yes"}"#));
        salon.settled().await;
        product.events("message_event").pop().unwrap()
    };
    let event = pressed().await;
    assert_eq!(event["object"]["payload"], json!({"t": "yes"}));
    assert_eq!(event["object"]["conversation_message_id"], sent["conversation_message_id"]);
    assert_ne!(event["object"]["event_id"], event["event_id"]);
    let answer = |event: &Value, peer: i64, data: &str| {
        let id = event["object"]["event_id"].as_str().unwrap().to_owned();
        [("event_id", id), ("user_id", ANNA.to_string()), ("peer_id", peer.to_string()), ("event_data", data.to_owned())]
    };
    let snackbar = r#"{"type":"show_snackbar","text":"Ждём вас"}"#;
    assert_eq!(salon.ok("messages.sendMessageEventAnswer", &answer(&event, ANNA, snackbar)).await, 1);
    assert_eq!(salon.vk().notices(GROUP, ANNA)[0]["show"]["text"], "Ждём вас");
    assert_eq!(salon.refused("messages.sendMessageEventAnswer", &answer(&event, ANNA, snackbar)).await, 100);
    let late = pressed().await;
    salon.sandbox.clock.advance(chrono::TimeDelta::seconds(61)).unwrap();
    assert_eq!(salon.refused("messages.sendMessageEventAnswer", &answer(&late, ANNA, "")).await, 100);
    assert_eq!(salon.violations(), Vec::<String>::new(), "a press that is too old is nobody's fault");
    assert_eq!(salon.refused("messages.sendMessageEventAnswer", &answer(&pressed().await, OLGA, "")).await, 100);
    assert_eq!(
        salon.refused("messages.sendMessageEventAnswer", &answer(&pressed().await, ANNA, r#"{"type":"alert"}"#)).await,
        100
    );
    assert_eq!(salon.violations().len(), 2);
}

#[tokio::test]
async fn a_client_without_callback_buttons_sends_a_message_with_the_payload_inside() {
    let (salon, product) = Salon::connected().await;
    salon.act_as(OLGA, Act::Text { text: "hi".into() }).unwrap();
    let sent = salon.send(OLGA, "Придёте?", 12, &[keyboard(true, "callback")]).await;
    salon.act_as(OLGA, press(Some(&sent["message_id"]), r#"{"t":"no"}"#)).unwrap();
    salon.settled().await;
    assert_eq!(product.events("message_event").len(), 0);
    let message = product.events("message_new").pop().unwrap()["object"]["message"].clone();
    let payload: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    assert_eq!(message["text"], "Отменить");
    assert_eq!(payload, json!({"command": "not_supported_button", "button_type": "callback", "payload": r#"{"t":"no"}"#}));
}

#[tokio::test]
async fn a_keyboard_under_the_input_field_goes_after_one_use() {
    let (salon, product) = Salon::connected().await;
    salon.send(ANNA, "Во сколько?", 13, &[keyboard(false, "text")]).await;
    let shown = salon.chat(ANNA).keyboard;
    let button = &shown[0][0];
    assert_eq!((button.label.as_str(), button.press.as_str(), button.kind), ("Приду", r#"{"t":"yes"}"#, ButtonKind::Reply));
    salon.act(press(None, r#"{"t":"yes"}"#));
    salon.settled().await;
    assert_eq!(salon.chat(ANNA).keyboard, Vec::<Vec<_>>::new());
    let message = product.events("message_new").pop().unwrap()["object"]["message"].clone();
    assert_eq!((&message["text"], &message["payload"]), (&json!("Приду"), &json!(r#"{"t":"yes"}"#)));
    salon.send(ANNA, "Ещё раз", 14, &[keyboard(false, "text")]).await;
    salon.send(ANNA, "Хватит", 15, &[("keyboard", r#"{"buttons":[]}"#.to_owned())]).await;
    assert_eq!(salon.chat(ANNA).keyboard, Vec::<Vec<_>>::new());
}

#[tokio::test]
async fn a_payload_that_no_button_has_comes_all_the_same() {
    let (salon, product) = Salon::connected().await;
    salon.act(press(None, r#"{"t":"forged"}"#));
    salon.settled().await;
    assert_eq!(product.events("message_new")[0]["object"]["message"]["payload"], r#"{"t":"forged"}"#);
}

#[tokio::test]
async fn the_community_hears_itself_and_its_operators() {
    let (salon, product) = Salon::connected().await;
    let sent = salon.send(ANNA, "Ждём вас", 16, &[]).await;
    salon.staff(json!({"do": "reply", "group": GROUP, "person": ANNA, "text": "Это Мария", "admin": 42})).await;
    salon.settled().await;
    let echoes = product.events("message_reply");
    let told = |echo: &Value| ["from_id", "out", "random_id", "admin_author_id"].map(|field| echo["object"][field].clone());
    assert_eq!(told(&echoes[0]), [json!(-GROUP), json!(1), json!(16), Value::Null]);
    assert_eq!(echoes[0]["object"]["id"], sent["message_id"]);
    assert_eq!((&told(&echoes[1])[0], &told(&echoes[1])[3]), (&json!(-GROUP), &json!(42)));
    let authors: Vec<Author> = salon.chat(ANNA).bubbles.iter().map(|bubble| bubble.author).collect();
    assert_eq!(authors, [Author::Person, Author::Salon, Author::Operator]);
}

#[tokio::test]
async fn a_permission_is_given_with_a_key_and_taken_back() {
    let (salon, product) = Salon::connected().await;
    salon.staff(json!({"do": "allow", "group": GROUP, "person": OLGA, "key": "bk_8f3c2a"})).await;
    salon.act_as(OLGA, Act::Block).unwrap();
    assert_eq!(salon.act_as(OLGA, Act::Block), Ok(vec![]), "nothing has changed");
    salon.settled().await;
    assert_eq!(product.events("message_allow")[0]["object"], json!({"user_id": OLGA, "key": "bk_8f3c2a"}));
    assert_eq!(product.events("message_deny").len(), 1);
    assert!(salon.chat(OLGA).blocked);
    salon.act_as(OLGA, Act::Text { text: "hi".into() }).unwrap();
    assert!(!salon.chat(OLGA).blocked, "who writes wants an answer");
}

#[tokio::test]
async fn an_event_is_repeated_five_times_and_then_lost() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[
        (500, "", None),
        (200, "OK", None),
        (200, "", None),
        (204, "ok", None),
        (200, "\"ok\"", None),
        (404, "", None),
    ]);
    let id = salon.text("lost");
    salon.settled().await;
    let retries: Vec<_> = product.tries().into_iter().map(|(event, retry)| (event == id, retry)).collect();
    let counted = |number: u32| (true, (number > 0).then(|| number.to_string()));
    assert_eq!(retries, (0..=5).map(counted).collect::<Vec<_>>());
    let statuses: Vec<(u16, bool)> = salon
        .vk()
        .deliveries()
        .iter()
        .filter(|delivery| delivery.event_id == id)
        .map(|delivery| (delivery.status, delivery.taken))
        .collect();
    assert_eq!(statuses, [(500, false), (200, false), (200, false), (204, false), (200, false), (404, false)]);
}

/// With the vendor's own pace, or one that never ends within a test.
fn slow(salon: &Salon, retry_ms_per_second: u64) {
    salon.vk().set_manners(Manners { retry_ms_per_second, ..salon.vk().manners() });
}

async fn tried(salon: &Salon, times: usize) {
    let tried =
        |vk: &Vk| (vk.deliveries().iter().filter(|delivery| delivery.kind != "confirmation").count() >= times).then_some(());
    salon.vk().wait_for(PATIENCE, tried).await.unwrap();
}

#[tokio::test]
async fn later_events_overtake_one_that_waits() {
    let (salon, product) = Salon::connected().await;
    slow(&salon, 3_600_000);
    product.will_answer(&[(503, "", None)]);
    let (stuck, later) = (salon.text("stuck"), salon.text("later"));
    tried(&salon, 3).await;
    assert_eq!(product.tries(), [(stuck, None), (later, None)]);
    assert!(!salon.vk().is_settled(&GROUP.to_string()));
}

#[tokio::test]
async fn a_server_may_name_the_pause() {
    let (salon, product) = Salon::connected().await;
    // A second of VK's takes an hour here, but no pause at all is none.
    slow(&salon, 3_600_000);
    product.will_answer(&[(503, "", Some("0")), (429, "", Some("0")), (410, "", Some("0"))]);
    let id = salon.text("again");
    salon.settled().await;
    let retries: Vec<_> = product.tries().into_iter().map(|(event, retry)| (event == id, retry.unwrap_or_default())).collect();
    assert_eq!(retries, ["", "1", "2", "3"].map(|retry| (true, retry.to_owned())));
}

#[tokio::test]
async fn the_answer_remove_removes_the_server() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[(200, "remove", None)]);
    salon.text("bye");
    salon.settled().await;
    assert_eq!(salon.vk().snapshot()["groups"][1]["servers"], json!([]));
    assert_eq!(salon.violations(), ["the answer to an event removes the server"]);
    assert_eq!(salon.act(Act::Text { text: "nobody listens".into() }), Vec::<String>::new());
}

#[tokio::test]
async fn the_answer_version_changes_the_events() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[(200, "version 5.81", None)]);
    salon.text("old");
    salon.settled().await;
    assert_eq!(salon.violations(), ["the answer to an event changes the version of the server's events"]);
    salon.text("style");
    salon.settled().await;
    let event = product.events("message_new").pop().unwrap();
    assert_eq!((&event["v"], &event["object"]["text"]), (&json!("5.81"), &json!("style")));
}

#[tokio::test]
async fn a_forged_event_is_the_forgers() {
    let (salon, product): (Salon, Arc<Product>) = Salon::connected().await;
    product.will_answer(&[(403, "Bad Secret", None)]);
    let event =
        json!({"type": "message_deny", "event_id": "f", "group_id": GROUP, "secret": "guess", "object": {"user_id": ANNA}});
    let forged = salon.staff(json!({"do": "forge", "group": GROUP, "event": event})).await;
    assert_eq!(forged, json!({"status": 403}));
    assert_eq!(product.events("message_deny"), [event]);
}

#[tokio::test]
async fn people_can_do_only_what_the_dialog_allows() {
    let (salon, _product) = Salon::connected().await;
    assert!(salon.act_as(ANNA, Act::Contact { own: true }).is_err());
    assert!(salon.act_as(1, Act::Block).is_err());
    assert!(salon.act_as(ANNA, Act::Text { text: " ".into() }).is_err());
    let sent = salon.send(ANNA, "not hers", 17, &[]).await;
    assert!(salon.act_as(ANNA, Act::Edit { message: sent["message_id"].to_string(), text: "mine".into() }).is_err());
    salon.staff(json!({"do": "ban", "group": GROUP, "person": ANNA})).await;
    assert!(salon.act_as(ANNA, Act::Text { text: "hi".into() }).is_err());
}
