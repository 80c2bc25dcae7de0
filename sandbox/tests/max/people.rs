//! What people do, and how it is told.

use hmac::{Hmac, KeyInit, Mac};
use salon_sandbox::{
    max::{Action, GroupAction},
    messenger::{Act, Author, ButtonKind, CannotAct, Chat, Media, Messenger},
    vendor::Vendor,
};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{ANNA, BOT, OLGA, SECRET, Salon, TOKEN, confirm};

#[tokio::test]
async fn a_conversation_in_which_every_event_and_answer_fits_the_document() {
    let (salon, product) = Salon::connected().await;
    salon.act(Action::Start { payload: Some("bk_8f3c2a".into()) });
    salon.text("hello");
    let mid = salon.ask().await;
    let pressed = salon.press("v1:confirm:8f3c");
    salon.settled().await;
    let press = product.updates().pop().unwrap();
    let path = format!("/answers?callback_id={}", press["callback"]["callback_id"].as_str().unwrap());
    let answer = json!({"message": {"text": "Confirmed", "attachments": []}, "notification": "Done"});
    assert_eq!(salon.call("POST", &path, answer).await, (200, json!({"success": true})));
    let edit = salon.call("PUT", &format!("/messages?message_id={mid}"), json!({"text": "See you"})).await;
    assert_eq!(edit, (200, json!({"success": true})));
    for media in [Media::Photo, Media::Voice, Media::Location, Media::Sticker] {
        salon.act(Action::Media { media, caption: None });
    }
    let id = salon.text("15:00");
    salon.act(Action::Edit { message: id.clone(), text: "16:00".into() });
    salon.act(Action::Delete { message: id });
    salon.act(Action::Mute { hours: 24 });
    salon.act(Action::Unmute);
    salon.act(Action::Clear);
    salon.act(Action::Stop);
    salon.act(Action::Resume);
    salon.act(Action::Remove);
    salon.settled().await;

    let kinds = [
        "bot_started",
        "message_created",
        "message_callback",
        "message_created",
        "message_created",
        "message_created",
        "message_created",
        "message_created",
        "message_edited",
        "message_removed",
        "dialog_muted",
        "dialog_unmuted",
        "dialog_cleared",
        "bot_stopped",
        "bot_started",
        "bot_stopped",
        "dialog_removed",
    ];
    assert_eq!(product.kinds(), kinds);
    assert!(product.got.lock().unwrap().iter().all(|(_, secret)| secret.as_deref() == Some(SECRET)));
    assert_eq!(pressed.events.len(), 1);
    assert_eq!(salon.max().notices(BOT, ANNA)[0]["text"], "Done");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn events_say_who_and_what_as_max_does() {
    let (salon, product) = Salon::connected().await;
    salon.act(Action::Start { payload: Some("bk_8f3c2a".into()) });
    salon.text("hello");
    let mid = salon.ask().await;
    salon.press("v1:confirm:8f3c");
    salon.press("v1:confirm:8f3c");
    salon.settled().await;
    let updates = product.updates();
    let dialogue = salon.max().dialogue(BOT, ANNA).unwrap();
    let [started, written, first, second] = &updates[..] else { panic!("{updates:?}") };

    assert_eq!((&started["payload"], &started["user"]["user_id"]), (&json!("bk_8f3c2a"), &json!(ANNA)));
    assert_eq!((&started["chat_id"], &started["user_locale"]), (&json!(dialogue), &json!("kk")));
    assert!(started["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "milliseconds");
    let recipient = json!({"chat_id": dialogue, "chat_type": "dialog", "user_id": BOT});
    assert_eq!((&written["message"]["recipient"], &written["message"]["sender"]["user_id"]), (&recipient, &json!(ANNA)));
    assert_eq!(written["message"]["sender"].get("username"), None);
    assert!(written["message"]["body"]["seq"].as_i64().unwrap() > 1 << 53);
    // A press comes with the bot's message: the bot is its sender, and the client its recipient.
    assert_eq!((&first["message"]["sender"]["user_id"], &first["message"]["recipient"]["user_id"]), (&json!(BOT), &json!(ANNA)));
    assert_eq!((&first["callback"]["user"]["user_id"], &first["message"]["body"]["mid"]), (&json!(ANNA), &json!(mid)));
    assert_eq!(first["message"]["body"]["attachments"][0]["callback_id"], first["callback"]["callback_id"]);
    // The id is the keyboard's: only the time tells one press from the next.
    assert_eq!(first["callback"]["callback_id"], second["callback"]["callback_id"]);
    assert_ne!(first["callback"]["timestamp"], second["callback"]["timestamp"]);
    assert_ne!([dialogue, dialogue], [ANNA, BOT]);
}

#[tokio::test]
async fn max_vouches_for_the_persons_own_number_only() {
    let (salon, product) = Salon::connected().await;
    assert_eq!(salon.max().act(BOT, ANNA, Action::Contact { own: true }), Err(CannotAct::NoButton), "nobody asked for it");
    salon.ask().await;
    salon.act(Action::Contact { own: true });
    salon.act(Action::Contact { own: false });
    salon.settled().await;
    let payloads: Vec<Value> =
        product.updates().iter().map(|update| update["message"]["body"]["attachments"][0]["payload"].clone()).collect();
    let card = payloads[0]["vcf_info"].as_str().unwrap();
    assert_eq!(card, "BEGIN:VCARD\r\nVERSION:3.0\r\nTEL;TYPE=cell:79001234567\r\nFN:Anna P.\r\nEND:VCARD\r\n");
    let mac = Hmac::<Sha256>::new_from_slice(TOKEN.as_bytes()).unwrap().chain_update(card).finalize();
    assert_eq!(payloads[0]["hash"], hex::encode(mac.into_bytes()));
    assert_eq!(payloads[0]["max_info"]["user_id"], ANNA);
    assert!(payloads[1]["vcf_info"].as_str().unwrap().contains("TEL;TYPE=cell:79990000000"));
    assert_eq!(payloads[1]["hash"], Value::Null);
}

#[tokio::test]
async fn people_can_do_only_what_the_chat_allows() {
    let (salon, _product) = Salon::connected().await;
    let max = salon.max();
    let text = || Action::Text { text: "hi".into() };
    let press = |press: &str| Action::Press { message: None, press: press.into() };
    assert_eq!(max.act(BOT, OLGA, text()), Err(CannotAct::NoChat));
    assert_eq!(max.act(BOT, 1, text()), Err(CannotAct::NoPerson));
    assert_eq!(max.act(1, ANNA, text()), Err(CannotAct::NoBot));
    assert_eq!(max.act(BOT, ANNA, press("v1:forged:0")), Err(CannotAct::NoButton));
    assert_eq!(max.act(BOT, ANNA, Action::Text { text: "a".repeat(4001) }), Err(CannotAct::BadContent));
    salon.ask().await;
    max.act(BOT, OLGA, Action::Start { payload: None }).unwrap();
    salon.call("POST", &format!("/messages?user_id={OLGA}"), confirm()).await;
    assert_eq!(max.act(BOT, OLGA, press("request_contact")), Err(CannotAct::NoPhone));
    assert_eq!(salon.act(Action::Start { payload: None }).events, Vec::<String>::new(), "there is nothing to press");
    let long = salon.act(Action::Start { payload: Some("a".repeat(513)) });
    assert_eq!(long.events, Vec::<String>::new(), "a longer payload is left out");
    salon.act(Action::Stop);
    assert_eq!(max.act(BOT, ANNA, text()), Err(CannotAct::NoChat));
}

#[tokio::test]
async fn groups_come_without_a_recipient_of_their_own() {
    let (salon, product) = Salon::connected().await;
    let group = |action| salon.max().act_in_group(BOT, -70_801_090_403_050, ANNA, action);
    assert_eq!(group(GroupAction::RemoveBot), Err(CannotAct::NoChat));
    for action in [
        GroupAction::AddBot { title: "Staff".into() },
        GroupAction::Join { inviter: Some(OLGA) },
        GroupAction::Say { text: "hello all".into() },
        GroupAction::Rename { title: "Masters".into() },
        GroupAction::Leave { admin: None },
        GroupAction::RemoveBot,
    ] {
        assert_eq!(group(action).unwrap().events.len(), 1);
    }
    salon.settled().await;
    let kinds = ["bot_added", "user_added", "message_created", "chat_title_changed", "user_removed", "bot_removed"];
    assert_eq!(product.kinds(), kinds);
    let recipient = json!({"chat_id": -70_801_090_403_050_i64, "chat_type": "chat"});
    assert_eq!(product.updates()[2]["message"]["recipient"], recipient);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn it_is_a_messenger_like_the_others() {
    let (salon, product) = Salon::connected().await;
    let max: &dyn Messenger = &**salon.max();
    let (bot, anna) = (BOT.to_string(), ANNA.to_string());
    assert_eq!(max.accounts(), [(bot.clone(), "Salon 42".to_owned())]);
    assert_eq!(max.people(), [(anna.clone(), "Anna P.".to_owned()), (OLGA.to_string(), "Olga".to_owned())]);
    assert_eq!(max.chat(&bot, &OLGA.to_string()), Some(Chat::default()));
    assert_eq!(max.chat(&bot, "1"), None);
    let mid = salon.ask().await;
    salon
        .call("POST", &format!("/chats/{}/actions", salon.max().dialogue(BOT, ANNA).unwrap()), json!({"action": "typing_on"}))
        .await;
    let events = [
        max.act_as(&bot, &anna, Act::Text { text: "hello".into() }).unwrap(),
        max.act_as(&bot, &anna, Act::Press { message: Some(mid), press: "v1:cancel:8f3c".into() }).unwrap(),
        max.act_as(&bot, &anna, Act::Press { message: None, press: "request_contact".into() }).unwrap(),
        max.act_as(&bot, &anna, Act::Media { media: Media::Photo, caption: Some("like this".into()) }).unwrap(),
    ];
    let chat = max.chat(&bot, &anna).unwrap();
    let shown: Vec<_> = chat.bubbles.iter().map(|bubble| (bubble.author, bubble.text.as_str(), bubble.note.as_deref())).collect();
    let person = Author::Person;
    assert_eq!(
        shown,
        [
            (Author::Salon, "Confirm?", None),
            (person, "hello", None),
            (person, "", Some("contact")),
            (person, "like this", Some("photo"))
        ]
    );
    let buttons: Vec<_> = chat.bubbles[0].buttons.iter().flatten().map(|button| (button.label.as_str(), button.kind)).collect();
    assert_eq!(buttons, [("Confirm", ButtonKind::Reply), ("Cancel", ButtonKind::Reply), ("My number", ButtonKind::Contact)]);
    assert!(chat.typing && !chat.blocked && chat.keyboard.is_empty());
    max.act_as(&bot, &anna, Act::Block).unwrap();
    assert!(max.chat(&bot, &anna).unwrap().blocked);
    assert!(max.act_as(&bot, &anna, Act::Text { text: "hello".into() }).is_err());
    max.act_as(&bot, &anna, Act::Unblock).unwrap();
    salon.settled().await;
    assert!(max.is_settled(&bot));
    let delivered: Vec<String> = salon.max().deliveries().into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(delivered[..4], events.concat());
    assert_eq!(product.kinds()[4..], ["bot_stopped", "bot_started"]);
}

#[tokio::test]
async fn the_control_api_reaches_it() {
    let (salon, product) = Salon::connected().await;
    let vendor: &dyn Vendor = &**salon.max();
    let muted = vendor.act(json!({"bot": BOT, "person": ANNA, "do": "mute", "hours": 8})).await.unwrap();
    assert_eq!(muted["events"].as_array().unwrap().len(), 1);
    vendor.act(json!({"bot": BOT, "group": -70, "person": ANNA, "do": "add_bot", "title": "Staff"})).await.unwrap();
    assert!(vendor.act(json!({"bot": BOT, "person": ANNA, "do": "dance"})).await.is_err());
    product.will_answer(&[200, 200, 401]);
    salon.settled().await;
    let forged = json!({"bot": BOT, "forge": {"update_type": "bot_stopped"}, "secret": "guess"});
    assert_eq!(vendor.act(forged).await.unwrap(), json!({"status": 401}));
    assert_eq!(product.got.lock().unwrap().last().unwrap().1.as_deref(), Some("guess"));
    let snapshot = vendor.snapshot();
    assert_eq!((&snapshot["bots"][0]["id"], &snapshot["people"][1]["id"]), (&json!(BOT), &json!(OLGA)));
    assert!(!snapshot.to_string().contains(TOKEN) && !snapshot.to_string().contains(SECRET));
    let url = format!("{}/control/vendors/max", salon.sandbox.base_url);
    let shown: Value = salon.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["bots"][0]["subscriptions"].as_array().unwrap().len(), 1);
}
