use chrono::TimeDelta;
use serde_json::json;

use super::{ANNA, OLGA, SALON, Salon, TOKEN, TOKEN_2, buttons, kinds, messaging, quick_replies};
use crate::{
    instagram::{Action, Echo},
    messenger::{Author, Messenger},
};

#[tokio::test]
async fn a_conversation_in_which_everything_fits_the_rules() {
    let (salon, product) = Salon::connected().await;
    let hello = salon.says(ANNA, "Price for a haircut?");
    let to = json!({"id": salon.id(ANNA)});
    let typing = json!({"recipient": to, "sender_action": "typing_on"});
    assert_eq!(salon.post_as(TOKEN, "me/messages", typing).await, (200, json!({"recipient_id": salon.id(ANNA)})));
    assert!(salon.instagram().chat(SALON, ANNA).unwrap().typing);
    salon.sent(ANNA, quick_replies("Confirm?", &[("Confirm", "bk:9f3c:ok"), ("Cancel", "bk:9f3c:no")])).await;
    salon.act(ANNA, Action::Press { message: None, press: "bk:9f3c:ok".into() });
    let asked = salon.sent(ANNA, buttons("Sure?")).await;
    salon.act(ANNA, Action::Press { message: Some(asked.clone()), press: "bk:9f3c:ok".into() });
    salon.settled().await;
    assert_eq!(kinds(&product), ["message", "message", "read", "message", "message", "read", "postback"]);
    let items = messaging(&product);
    assert_eq!(
        (&items[0]["message"]["mid"], &items[0]["sender"]["id"], &items[0]["recipient"]["id"]),
        (&json!(hello), &json!(salon.id(ANNA)), &json!(SALON))
    );
    assert_eq!(
        (&items[3]["message"]["quick_reply"]["payload"], &items[3]["message"]["text"]),
        (&json!("bk:9f3c:ok"), &json!("Confirm"))
    );
    assert_eq!((&items[5]["read"]["mid"], &items[6]["postback"]["title"]), (&json!(asked), &json!("Confirm")));
    let chat = salon.instagram().chat(SALON, ANNA).unwrap();
    let authors: Vec<Author> = chat.bubbles.iter().map(|bubble| bubble.author).collect();
    assert_eq!(authors, [Author::Person, Author::Salon, Author::Person, Author::Salon, Author::Person]);
    assert!(chat.keyboard.is_empty() && !chat.typing);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn text_is_measured_in_bytes() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let text = |text: String| json!({"text": text});
    salon.sent(ANNA, text("я".repeat(500))).await;
    salon.sent(ANNA, text("a".repeat(1000))).await;
    for long in ["я".repeat(501), "a".repeat(1001), " ".to_owned()] {
        assert_eq!(salon.refused(ANNA, text(long)).await, (400, 100, None));
    }
    assert_eq!(salon.violations().len(), 3);
}

#[tokio::test]
async fn what_the_rules_forbid_is_refused_and_recorded() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let many: Vec<(&str, &str)> = (0..14).map(|_| ("t", "p")).collect();
    let mut long = buttons("?");
    long["attachment"]["payload"]["text"] = json!("a".repeat(641));
    let mut four = buttons("?");
    four["attachment"]["payload"]["buttons"] = json!(vec![json!({"type": "postback", "title": "t", "payload": "p"}); 4]);
    for message in
        [quick_replies("?", &many), quick_replies("?", &[("", "p")]), long, four, json!({"text": "a", "colour": "red"})]
    {
        assert_eq!(salon.refused(ANNA, message.clone()).await, (400, 100, None), "{message}");
    }
    let to = json!({"id": salon.id(ANNA)});
    for whole in [
        json!({"recipient": to}),
        json!({"message": {"text": "a"}}),
        json!({"recipient": to, "sender_action": "typing_on", "message": {"text": "a"}}),
        json!({"recipient": to, "message": {"text": "a"}, "messaging_type": "MESSAGE_TAG", "tag": "CONFIRMED_EVENT_UPDATE"}),
    ] {
        assert_eq!(salon.post_as(TOKEN, "me/messages", whole.clone()).await.0, 400, "{whole}");
    }
    assert!(salon.violations().len() >= 9);
    assert_eq!(salon.sandbox.world.ledger.violation_count(), 9);
}

#[tokio::test]
async fn a_long_title_is_cut_and_recorded() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    salon.sent(ANNA, quick_replies("?", &[(&"я".repeat(21), "p")])).await;
    assert_eq!(salon.instagram().chat(SALON, ANNA).unwrap().keyboard[0][0].label, "я".repeat(20));
    assert_eq!(salon.violations().len(), 1);
}

#[tokio::test]
async fn the_window_closes_after_a_day_and_never_opens_by_itself() {
    let (salon, _product) = Salon::connected().await;
    let hi = || json!({"text": "hi"});
    assert_eq!(salon.refused(ANNA, hi()).await, (400, 100, Some(2_534_014)), "who never wrote is nobody");
    let mid = salon.says(ANNA, "hello");
    salon.sent(ANNA, hi()).await;
    salon.sandbox.clock.advance(TimeDelta::hours(24)).unwrap();
    assert_eq!(salon.refused(ANNA, hi()).await, (403, 10, Some(2_534_022)));
    salon.act(ANNA, Action::React { message: mid.clone(), emoji: Some("❤️".into()) });
    salon.act(ANNA, Action::Read);
    salon.act(ANNA, Action::Edit { message: mid, text: "hello!".into() });
    salon.act(ANNA, Action::Refer { payload: "s_17".into() });
    assert_eq!(salon.refused(ANNA, hi()).await, (403, 10, Some(2_534_022)), "none of that is a message");
    salon.act(ANNA, Action::StoryMention);
    salon.sent(ANNA, hi()).await;
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_tag_for_people_is_not_for_programs() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hello");
    salon.sandbox.clock.advance(TimeDelta::hours(25)).unwrap();
    let tagged = json!({"recipient": {"id": salon.id(ANNA)}, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT", "message": {"text": "hi"}});
    assert_eq!(salon.post_as(TOKEN, "me/messages", tagged).await.1["error"]["code"], 10);
    assert_eq!(salon.violations(), ["tag HUMAN_AGENT on a message that no person wrote"]);
}

#[tokio::test]
async fn ids_and_tokens_belong_to_one_account() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let message = |id: String| json!({"recipient": {"id": id}, "message": {"text": "a"}});
    let foreign = salon.post_as(TOKEN_2, "me/messages", message(salon.id(ANNA))).await.1;
    assert_eq!((&foreign["error"]["code"], &foreign["error"]["error_subcode"]), (&json!(100), &json!(2_534_014)));
    let (status, other) = salon.post_as(TOKEN_2, &format!("{SALON}/messages"), message(salon.id(ANNA))).await;
    assert_eq!((status, &other["error"]["error_subcode"]), (400, &json!(33)));
    assert_eq!(salon.post_as("IGAA-nobody", "me/messages", message(salon.id(ANNA))).await.1["error"]["code"], 190);
    assert_eq!(salon.post_as(TOKEN, &format!("{SALON}/messages"), message(salon.id(ANNA))).await.0, 200);
    let (_, none) = salon.ask(salon.client.post(salon.url("me/messages")).json(&message(salon.id(ANNA)))).await;
    assert_eq!(none["error"]["code"], 200);
}

#[tokio::test]
async fn a_block_shows_in_the_answer() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    assert_eq!(salon.act(ANNA, Action::Block), Vec::<String>::new());
    assert_eq!(salon.refused(ANNA, json!({"text": "a"})).await, (400, 551, Some(1_545_041)));
    assert!(salon.instagram().act_in_chat(SALON, ANNA, super::said("a")).is_err());
    salon.act(ANNA, Action::Unblock);
    salon.sent(ANNA, json!({"text": "a"})).await;
    salon.settled().await;
    assert_eq!(kinds(&product), ["message", "message"]);
}

#[tokio::test]
async fn accounts_have_their_troubles() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let text = || json!({"text": "a"});
    salon
        .office(
            json!({"do": "fail_next", "account": SALON, "errors": ["rate", "temporary", "cannot_receive", "password_changed"]}),
        )
        .await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (_, code, subcode) = salon.refused(ANNA, text()).await;
        seen.push((code, subcode));
    }
    assert_eq!(seen, [(613, None), (2, None), (10, Some(2_018_108)), (190, Some(460))]);
    salon.sent(ANNA, text()).await;
    salon.office(json!({"do": "set_standing", "account": SALON, "error": "access_to_messages"})).await;
    assert_eq!(salon.refused(ANNA, text()).await, (403, 200, Some(2_534_041)));
    salon.office(json!({"do": "set_standing", "account": SALON, "error": null})).await;
    salon.sent(ANNA, text()).await;
    use crate::vendor::Vendor;
    let unknown = json!({"do": "fail_next", "account": SALON, "errors": ["fire"]});
    assert!(salon.instagram().act(unknown).await.is_err());
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn an_echo_may_come_before_the_answer_later_or_never() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    salon.settled().await;
    salon.behave(|manners| manners.echo = Echo::BeforeTheAnswer);
    let mid = salon.sent(ANNA, json!({"text": "We have 15:00"})).await;
    let echo = messaging(&product).pop().unwrap();
    assert_eq!(
        (&echo["message"]["mid"], &echo["message"]["is_echo"], &echo["message"]["text"]),
        (&json!(mid), &json!(true), &json!("We have 15:00"))
    );
    assert_eq!((&echo["sender"]["id"], &echo["recipient"]["id"]), (&json!(SALON), &json!(salon.id(ANNA))));
    salon.behave(|manners| (manners.echo, manners.echo_flag) = (Echo::Soon, false));
    salon.sent(ANNA, buttons("?")).await;
    salon.settled().await;
    let echo = messaging(&product).pop().unwrap();
    assert_eq!((echo["message"].get("is_echo"), &echo["message"]["attachments"][0]["type"]), (None, &json!("template")));
    assert_eq!(echo["message"].get("text"), None);
    salon.behave(|manners| manners.echo = Echo::Never);
    salon.sent(ANNA, json!({"text": "a"})).await;
    salon.settled().await;
    assert_eq!(messaging(&product).len(), 3);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn cards_and_files_go_out_too() {
    let (salon, _product) = Salon::connected().await;
    salon.says(OLGA, "hi");
    let card = json!({"title": "Haircut", "subtitle": "45 min", "buttons": [{"type": "postback", "title": "Book", "payload": "svc:12"}]});
    let cards = json!({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": [card]}}});
    let mid = salon.sent(OLGA, cards).await;
    salon.sent(OLGA, json!({"attachment": {"type": "image", "payload": {"url": "https://a.example/1.png"}}})).await;
    let shown = salon.instagram().chat(SALON, OLGA).unwrap().bubbles;
    assert_eq!((shown[1].text.as_str(), shown[1].buttons[0][0].press.as_str()), ("Haircut 45 min", "svc:12"));
    assert_eq!(shown[2].note.as_deref(), Some("image"));
    salon.act(OLGA, Action::Press { message: Some(mid), press: "svc:12".into() });
    assert_eq!(salon.violations(), Vec::<String>::new());
}
