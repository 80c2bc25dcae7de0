use serde_json::{Value, json};

use super::{ANNA, OLGA, SALON, Salon, buttons, kinds, messaging, quick_replies};
use crate::{
    instagram::Action,
    messenger::{Act, Author, Messenger},
};

#[tokio::test]
async fn everything_a_phone_can_send_fits_the_rules() {
    let (salon, product) = Salon::connected().await;
    let mid = salon.says(ANNA, "Price?");
    let file = |kind: &str| Action::Attachment { kind: kind.to_owned() };
    let actions = [
        Action::Text { text: "ok".into(), reply_to: Some(mid.clone()) },
        file("image"),
        file("audio"),
        file("share"),
        file("ig_reel"),
        Action::StoryReply { text: "wow".into() },
        Action::StoryMention,
        Action::Ephemeral,
        Action::Unsupported,
        Action::Gif,
        Action::Refer { payload: "s_17".into() },
        Action::React { message: mid.clone(), emoji: Some("❤️".into()) },
        Action::React { message: mid.clone(), emoji: None },
        Action::Edit { message: mid.clone(), text: "Price for a haircut?".into() },
        Action::Edit { message: mid.clone(), text: "Price for a haircut and colour?".into() },
        Action::Delete { message: mid.clone() },
    ];
    for action in actions {
        salon.act(ANNA, action);
    }
    salon.settled().await;
    let items = messaging(&product);
    let message = |at: usize| &items[at]["message"];
    assert_eq!((&message(1)["reply_to"]["mid"], &message(2)["attachments"][0]["type"]), (&json!(mid), &json!("image")));
    assert!(message(2)["attachments"][0]["payload"]["url"].as_str().unwrap().starts_with("https://lookaside.fbsbx.com/"));
    assert_eq!(message(6)["reply_to"]["story"]["id"], "17900000000000001");
    assert_eq!(message(7)["attachments"][0]["type"], "story_mention");
    assert_eq!(message(8)["attachments"], json!([{"type": "ephemeral"}]));
    assert_eq!(message(9)["is_unsupported"], true);
    assert_eq!(items[10]["referral"], json!({"ref": "s_17", "source": "IGME-SOURCE-LINK", "type": "OPEN_THREAD"}));
    assert_eq!((&items[11]["reaction"]["emoji"], items[12]["reaction"].get("emoji")), (&json!("❤️"), None));
    assert_eq!((&items[13]["message_edit"]["num_edit"], &items[14]["message_edit"]["num_edit"]), (&json!(1), &json!(2)));
    assert_eq!(message(15), &json!({"mid": mid, "is_deleted": true}));
    assert_eq!(items.len(), 16, "of a GIF the account hears nothing");
    assert_eq!(salon.instagram().chat(SALON, ANNA).unwrap().bubbles[0].note.as_deref(), Some("deleted"));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_number_is_shared_only_where_asked_for_and_there() {
    let (salon, product) = Salon::connected().await;
    let ask = json!({"text": "Your number?", "quick_replies": [{"content_type": "user_phone_number"}, {"content_type": "text", "title": "No", "payload": "no"}]});
    for person in [ANNA, OLGA] {
        salon.says(person, "hi");
        assert!(salon.instagram().act_in_chat(SALON, person, Action::SharePhone).is_err(), "nobody asked");
        salon.sent(person, ask.clone()).await;
    }
    assert!(salon.instagram().act_in_chat(SALON, OLGA, Action::SharePhone).is_err(), "no number in the profile");
    let keyboard = |person: &str| salon.instagram().chat(SALON, person).unwrap().keyboard.len();
    assert_eq!((keyboard(ANNA), keyboard(OLGA)), (2, 1));
    let shown = salon.instagram().chat(SALON, ANNA).unwrap().keyboard.concat().remove(0);
    assert_eq!((shown.label.as_str(), shown.kind), ("+16505551234", crate::messenger::ButtonKind::Contact));
    salon.act(ANNA, Action::Press { message: None, press: shown.press });
    assert_eq!(keyboard(ANNA), 0);
    salon.settled().await;
    let shared = messaging(&product).pop().unwrap();
    assert_eq!(
        (&shared["message"]["text"], &shared["message"]["quick_reply"]["payload"]),
        (&json!("+16505551234"), &json!("+16505551234"))
    );
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn quick_replies_go_away_and_forged_ones_are_not_there() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    salon.sent(ANNA, quick_replies("?", &[("Yes", "ok")])).await;
    let press = |press: &str| salon.instagram().act_in_chat(SALON, ANNA, Action::Press { message: None, press: press.into() });
    assert!(press("forged").is_err());
    salon.says(ANNA, "let me think");
    assert!(press("ok").is_err());
    let mid = salon.sent(ANNA, buttons("?")).await;
    let button = |press: &str| Action::Press { message: Some(mid.clone()), press: press.into() };
    assert!(salon.instagram().act_in_chat(SALON, ANNA, button("https://maps.example.org/s17")).is_err(), "a link tells nobody");
    assert!(salon.instagram().act_in_chat(SALON, ANNA, button("bk:9f3c:ok")).is_ok());
}

#[tokio::test]
async fn as_a_messenger_it_is_like_the_others() {
    let (salon, product) = Salon::connected().await;
    let instagram: &dyn Messenger = &**salon.instagram();
    assert!(instagram.accounts().contains(&(SALON.to_owned(), "salon42".to_owned())));
    assert!(instagram.people().contains(&(ANNA.to_owned(), "Анна К".to_owned())));
    let act = |act: Value| instagram.act_as(SALON, ANNA, serde_json::from_value::<Act>(act).unwrap());
    assert_eq!(act(json!({"do": "open", "payload": "s_17"})).unwrap().len(), 2);
    salon.sent(ANNA, quick_replies("?", &[("Yes", "ok")])).await;
    let pressed = act(json!({"do": "press", "press": "ok"})).unwrap();
    assert!(pressed.len() == 2 && pressed[1].ends_with(":read"));
    act(json!({"do": "media", "media": "photo"})).unwrap();
    act(json!({"do": "media", "media": "sticker"})).unwrap();
    assert!(act(json!({"do": "contact", "own": true})).is_err() && act(json!({"do": "contact", "own": false})).is_err());
    let text = act(json!({"do": "text", "text": "16:00"})).unwrap().remove(0);
    act(json!({"do": "edit", "message": text, "text": "17:00"})).unwrap();
    act(json!({"do": "delete", "message": text})).unwrap();
    act(json!({"do": "block"})).unwrap();
    assert!(act(json!({"do": "text", "text": "a"})).is_err());
    assert!(instagram.act_as("1", ANNA, Act::Unblock).is_err() && instagram.act_as(SALON, "nobody", Act::Unblock).is_err());
    salon.settled().await;
    assert!(instagram.is_settled(SALON));
    let read = json!({"do": "as_person", "account": SALON, "person": OLGA, "action": {"do": "read"}});
    assert_eq!(salon.office(read).await, json!({"events": []}));
    assert_eq!(kinds(&product)[..2], ["referral", "message"]);
    let chat = instagram.chat(SALON, ANNA).unwrap();
    assert!(chat.blocked);
    assert_eq!(chat.bubbles.iter().filter(|bubble| bubble.author == Author::Person).count(), 5);
    assert!(instagram.chat(SALON, "nobody").is_none() && instagram.chat("1", ANNA).is_none());
    assert_eq!(salon.violations(), Vec::<String>::new());
}
