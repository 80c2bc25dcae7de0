use serde_json::{Value, json};

use super::{ANNA, NUMBER, Salon, VERA, messages, said, statuses, template};
use crate::{
    messenger::{Act, Author, Media, Messenger},
    whatsapp::Action,
};

#[tokio::test]
async fn everything_a_phone_can_send_fits_the_vendors_document() {
    let (salon, product) = Salon::connected().await;
    let id = salon.says(ANNA, "15:00?");
    let actions = [
        Action::Text { text: "and 16:00?".into(), reply_to: Some(id.clone()), ad: None },
        Action::Text { text: "from an ad".into(), reply_to: None, ad: Some("a17".into()) },
        Action::Contact { phone: None, name: None },
        Action::Contact { phone: Some("+1 (983) 555-2319".into()), name: Some("Olga P".into()) },
        Action::Image { caption: Some("like this".into()) },
        Action::Voice,
        Action::Sticker,
        Action::Location { latitude: 55.75, longitude: 37.61 },
        Action::Unsupported,
        Action::React { message: id.clone(), emoji: Some("👍".into()) },
        Action::React { message: id.clone(), emoji: None },
        Action::Edit { message: id.clone(), text: "17:00?".into() },
        Action::Delete { message: id.clone() },
    ];
    for action in actions {
        salon.act(ANNA, action);
    }
    salon.settled().await;
    let said = messages(&product);
    let types: Vec<&str> = said.iter().map(|message| message["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "text",
            "text",
            "text",
            "contacts",
            "contacts",
            "image",
            "audio",
            "sticker",
            "location",
            "unsupported",
            "reaction",
            "reaction",
            "edit",
            "revoke"
        ]
    );
    assert_eq!(said[1]["context"], json!({"from": ANNA, "id": id}));
    assert_eq!(said[2]["referral"]["source_id"], "a17");
    assert_eq!(
        (&said[3]["contacts"][0]["phones"][0]["wa_id"], said[4]["contacts"][0]["phones"][0].get("wa_id")),
        (&json!(ANNA), None)
    );
    assert_eq!((&said[6]["audio"]["voice"], &said[9]["errors"][0]["code"]), (&json!(true), &json!(131_051)));
    assert_eq!((&said[10]["reaction"]["emoji"], said[11]["reaction"].get("emoji")), (&json!("👍"), None));
    assert_eq!(
        (&said[12]["edit"]["message"]["text"]["body"], &said[13]["revoke"]["original_message_id"]),
        (&json!("17:00?"), &json!(id))
    );
    let ids: std::collections::HashSet<&str> = said.iter().map(|message| message["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), said.len());
    assert_eq!(salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles[0].note.as_deref(), Some("deleted"));
    assert_eq!(salon.violations(), Vec::<String>::new());

    salon.behave(|manners| manners.typed_edits = false);
    let id = salon.says(ANNA, "again");
    salon.act(ANNA, Action::Edit { message: id, text: "changed".into() });
    salon.settled().await;
    assert_eq!(messages(&product).last().unwrap()["type"], "unsupported");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_username_hides_the_number() {
    let (salon, product) = Salon::connected().await;
    salon.says(VERA, "привет");
    let user = salon.whatsapp().user_id(NUMBER, VERA).unwrap();
    let message = json!({"messaging_product": "whatsapp", "recipient": user, "type": "text", "text": {"body": "Здравствуйте"}});
    assert_eq!(salon.post_as(super::TOKEN, &format!("{NUMBER}/messages"), message).await.0, 200);
    salon.settled().await;
    for hook in product.hooks() {
        assert!(!hook.raw.contains(VERA), "{}", hook.raw);
    }
    let values = product.values();
    assert_eq!(values[0]["contacts"][0], json!({"profile": {"name": "Вера 👍", "username": "vera"}, "user_id": user}));
    assert_eq!((values[0]["messages"][0].get("from"), &values[0]["messages"][0]["from_user_id"]), (None, &json!(user)));
    assert_eq!(
        (values[1]["statuses"][0].get("recipient_id"), &values[1]["statuses"][0]["recipient_user_id"]),
        (None, &json!(user))
    );

    salon.sent(VERA, template("visit_reminder", "ru")).await;
    salon.settled().await;
    let values = product.values();
    let last = values.last().unwrap();
    assert_eq!(
        (&last["statuses"][0]["recipient_id"], &last["contacts"][0]["wa_id"]),
        (&json!(VERA), &json!(VERA)),
        "written to by number"
    );
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn webhooks_of_old_had_no_user_ids() {
    let (salon, product) = Salon::connected().await;
    salon.behave(|manners| manners.user_ids = false);
    salon.says(ANNA, "hi");
    salon.sent(ANNA, template("visit_reminder", "ru")).await;
    salon.settled().await;
    let values = product.values();
    assert_eq!(values[0]["contacts"], json!([{"profile": {"name": "Anna K"}, "wa_id": ANNA}]));
    assert!(values[1].get("contacts").is_none() && !values[1].to_string().contains("user_id"));
}

#[tokio::test]
async fn a_new_number_is_told_to_whoever_knew_the_old_one() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let old = salon.whatsapp().user_id(NUMBER, ANNA).unwrap();
    salon.act(ANNA, Action::ChangeNumber { to: "12195555358".into() });
    salon.settled().await;
    let value = product.values().pop().unwrap();
    assert_eq!(value.get("contacts"), None);
    let message = &value["messages"][0];
    assert_eq!((&message["from"], &message["from_user_id"], &message["type"]), (&json!(ANNA), &json!(old), &json!("system")));
    assert_eq!((&message["system"]["type"], &message["system"]["wa_id"]), (&json!("user_changed_number"), &json!("12195555358")));
    let new = salon.whatsapp().user_id(NUMBER, "12195555358").unwrap();
    assert_eq!(message["system"]["user_id"], new);
    assert_ne!(old, new);
    salon.sent("12195555358", super::text("found you")).await;
    assert_eq!(salon.whatsapp().chat(NUMBER, "12195555358").unwrap().bubbles.len(), 2, "the chat went along");
    assert!(salon.whatsapp().chat(NUMBER, ANNA).is_none());
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_block_is_silent() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    assert_eq!(salon.act(ANNA, Action::Block), Vec::<String>::new());
    assert!(salon.whatsapp().act_in_chat(NUMBER, ANNA, said("a")).is_err());
    salon.sent(ANNA, super::text("are you there?")).await;
    salon.settled().await;
    assert_eq!(statuses(&product), ["sent"]);
    let chat = salon.whatsapp().chat(NUMBER, ANNA).unwrap();
    assert_eq!((chat.bubbles.len(), chat.blocked), (1, true));
    salon.act(ANNA, Action::Unblock);
    salon.sent(ANNA, super::text("hello again")).await;
    salon.settled().await;
    assert_eq!(statuses(&product), ["sent", "sent", "delivered"]);
}

#[tokio::test]
async fn receipts_are_the_persons_choice() {
    let (salon, product) = Salon::connected().await;
    use crate::vendor::Vendor;
    let people =
        json!([{"wa_id": ANNA, "name": "Anna K", "read_receipts": false}, {"wa_id": VERA, "name": "Vera", "offline": true}]);
    salon.whatsapp().seed(&json!({"people": people})).unwrap();
    for person in [ANNA, VERA] {
        salon.sent(person, template("visit_reminder", "ru")).await;
        salon.act(person, Action::Read);
    }
    salon.settled().await;
    assert_eq!(statuses(&product), ["sent", "delivered", "sent"]);
}

#[tokio::test]
async fn as_a_messenger_it_is_like_the_others() {
    let (salon, product) = Salon::connected().await;
    let whatsapp: &dyn Messenger = &**salon.whatsapp();
    assert!(whatsapp.accounts().contains(&(NUMBER.to_owned(), "Salon 42".to_owned())));
    assert!(whatsapp.people().contains(&(ANNA.to_owned(), "Anna K".to_owned())));
    let act = |act: Value| whatsapp.act_as(NUMBER, ANNA, serde_json::from_value::<Act>(act).unwrap());
    let opened = act(json!({"do": "open", "payload": "s_17"})).unwrap();
    assert_eq!(opened.len(), 1);
    salon.sent(ANNA, super::buttons(&[("ok", "Yes")])).await;
    let shown = whatsapp.chat(NUMBER, ANNA).unwrap();
    let button = &shown.bubbles[1].buttons[0][0];
    let pressed = act(json!({"do": "press", "message": shown.bubbles[1].id, "press": button.press})).unwrap();
    assert_eq!(pressed.len(), 2, "the press, and that the question was read");
    assert!(pressed[1].ends_with(":read"));
    act(json!({"do": "contact", "own": true})).unwrap();
    act(json!({"do": "media", "media": "photo", "caption": "so"})).unwrap();
    let text = act(json!({"do": "text", "text": "16:00"})).unwrap().remove(0);
    act(json!({"do": "edit", "message": text, "text": "17:00"})).unwrap();
    act(json!({"do": "delete", "message": text})).unwrap();
    act(json!({"do": "block"})).unwrap();
    assert!(act(json!({"do": "text", "text": "a"})).is_err());
    assert!(whatsapp.act_as(NUMBER, ANNA, Act::Media { media: Media::Voice, caption: None }).is_err());
    assert!(whatsapp.act_as("1", ANNA, Act::Unblock).is_err() && whatsapp.act_as(NUMBER, "1", Act::Unblock).is_err());
    salon.settled().await;
    assert!(whatsapp.is_settled(NUMBER));
    let unblock = json!({"do": "as_person", "number": NUMBER, "person": ANNA, "action": {"do": "unblock"}});
    assert_eq!(salon.office(unblock).await, json!({"events": []}));
    let told: Vec<String> = messages(&product).iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
    assert!(told.contains(&opened[0]) && told.contains(&pressed[0]));
    assert_eq!(whatsapp.chat(NUMBER, ANNA).unwrap().bubbles.iter().filter(|bubble| bubble.author == Author::Person).count(), 5);
    assert_eq!(salon.violations(), Vec::<String>::new());
}
