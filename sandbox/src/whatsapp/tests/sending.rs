use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    ANNA, APP, BIA, BIA_DIALLED, NUMBER, Salon, TOKEN, TOKEN_2, VERA, WABA, buttons, list, messages, said, statuses, template,
    text,
};
use crate::{
    messenger::{Author, Messenger},
    meta::testing::{Product, VERIFY_TOKEN},
    whatsapp::Action,
};

#[tokio::test]
async fn a_conversation_in_which_everything_fits_the_vendors_document() {
    let (salon, product) = Salon::connected().await;
    let hello = salon.says(ANNA, "hello");
    let typing =
        json!({"messaging_product": "whatsapp", "status": "read", "message_id": hello, "typing_indicator": {"type": "text"}});
    let path = format!("{NUMBER}/messages");
    assert_eq!(salon.post_as(TOKEN, &path, typing).await, (200, json!({"success": true})));
    assert!(salon.whatsapp().chat(NUMBER, ANNA).unwrap().typing);
    let mut asked = buttons(&[("bk:9f3c:ok", "Confirm"), ("bk:9f3c:no", "Cancel")]);
    asked["biz_opaque_callback_data"] = json!("out:0191c7");
    asked["context"] = json!({"message_id": hello});
    let asked = salon.sent("+1 (650) 555-1234", asked).await;
    salon.act(ANNA, Action::Press { message: Some(asked.clone()), press: "bk:9f3c:ok".into() });
    let times = salon.sent(ANNA, list(10)).await;
    salon.act(ANNA, Action::Press { message: None, press: "slot:9".into() });
    let reminder = salon.sent(ANNA, template("visit_reminder", "ru")).await;
    salon.act(ANNA, Action::Press { message: None, press: "bk:9f3c:no".into() });
    salon.settled().await;

    let said = messages(&product);
    let context = |of: &str| json!({"from": "15550783881", "id": of});
    assert_eq!(
        (&said[1]["interactive"]["button_reply"], &said[1]["context"]),
        (&json!({"id": "bk:9f3c:ok", "title": "Confirm"}), &context(&asked))
    );
    assert_eq!(
        (&said[2]["interactive"]["list_reply"], &said[2]["context"]),
        (&json!({"id": "slot:9", "title": "9:00", "description": "haircut"}), &context(&times))
    );
    let pressed = json!({"payload": "bk:9f3c:no", "text": "Cancel"});
    assert_eq!((&said[3]["type"], &said[3]["button"], &said[3]["context"]), (&json!("button"), &pressed, &context(&reminder)));
    let of_first = product.values().into_iter().filter_map(|value| value["statuses"][0].as_object().cloned());
    let of_first: Vec<_> = of_first.filter(|status| status["id"] == asked.as_str()).collect();
    let names: Vec<_> = of_first.iter().map(|status| status["status"].as_str().unwrap()).collect();
    assert_eq!(names, ["sent", "delivered", "read"]);
    assert!(of_first.iter().all(|status| status["biz_opaque_callback_data"] == "out:0191c7" && status["recipient_id"] == ANNA));
    let chat = salon.whatsapp().chat(NUMBER, ANNA).unwrap();
    let authors: Vec<Author> = chat.bubbles.iter().map(|bubble| bubble.author).collect();
    assert_eq!(
        authors,
        [Author::Person, Author::Salon, Author::Person, Author::Salon, Author::Person, Author::Salon, Author::Person]
    );
    assert_eq!(chat.bubbles[5].text, "Anna, we wait for you on 24 Nov, 15:00.");
    assert!(!chat.typing);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn the_answer_names_whom_it_reached() {
    let salon = Salon::open().await;
    salon.says(BIA, "oi");
    let (_, answer) = salon.send(BIA_DIALLED, text("ola")).await;
    assert_eq!(answer["contacts"], json!([{"input": BIA_DIALLED, "wa_id": BIA}]));
    assert_eq!(answer["messages"][0].get("message_status"), None);
    let (_, answer) = salon.send(BIA, template("visit_reminder", "ru")).await;
    assert_eq!(answer["messages"][0]["message_status"], "accepted");

    salon.says(VERA, "привет");
    let user = salon.whatsapp().user_id(NUMBER, VERA).unwrap();
    let to_user = |message: Value| {
        let mut whole = json!({"messaging_product": "whatsapp", "recipient": user});
        whole.as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
        whole
    };
    let path = format!("{NUMBER}/messages");
    let (status, answer) = salon.post_as(TOKEN, &path, to_user(text("Здравствуйте"))).await;
    assert_eq!((status, &answer["contacts"]), (200, &json!([{"input": user, "user_id": user}])));
    let mut both = to_user(text("Кому?"));
    both["to"] = json!(BIA);
    assert_eq!(salon.post_as(TOKEN, &path, both).await.1["contacts"][0]["wa_id"], BIA, "`to` wins");
    let other = salon.whatsapp().user_id(super::NUMBER_2, VERA).unwrap();
    let mut stranger = to_user(text("?"));
    stranger["recipient"] = json!(other);
    assert_eq!(salon.post_as(TOKEN, &path, stranger).await.0, 400, "the user id of another business");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn what_the_vendor_refuses_is_refused_and_recorded() {
    let salon = Salon::open().await;
    salon.says(ANNA, "hi");
    let list_with = |pointer: &str, value: Value| {
        let mut message = list(1);
        *message.pointer_mut(pointer).unwrap() = value;
        message
    };
    let cases = [
        (json!({"type": "text", "text": {}}), 131_008, "/text: "),
        (json!({"type": "text"}), 131_008, ""),
        (json!({"type": "fax", "fax": {}}), 100, "/type: "),
        (json!({"type": "text", "text": {"body": "a"}, "telephone": "1"}), 100, "property telephone"),
        (text(&"я".repeat(4097)), 131_009, "Param text['body']"),
        (text(" "), 131_009, "Param text['body']"),
        (buttons(&[("a", "A"), ("b", "B"), ("c", "C"), ("d", "D")]), 131_009, "/interactive/action/buttons: "),
        (buttons(&[]), 131_009, "/interactive/action/buttons: "),
        (buttons(&[("a", &"я".repeat(21))]), 131_009, "/interactive/action/buttons/0/reply/title: "),
        (buttons(&[(&"a".repeat(257), "A")]), 131_009, "/interactive/action/buttons/0/reply/id: "),
        (buttons(&[("a", "Yes"), ("b", "Yes")]), 131_009, "Duplicated reply button title"),
        (list(11), 131_009, "/interactive/action/sections/0/rows: "),
        (list_with("/interactive/action/button", json!("a".repeat(21))), 131_009, "/interactive/action/button: "),
        (list_with("/interactive/body/text", json!("a".repeat(1025))), 131_009, "/interactive/body/text: "),
        (
            list_with("/interactive/action/sections/0/rows/0/id", json!("a".repeat(201))),
            131_009,
            "/interactive/action/sections/0/rows/0/id: ",
        ),
        (
            list_with("/interactive/action/sections/0/rows/0/title", json!("a".repeat(25))),
            131_009,
            "/interactive/action/sections/0/rows/0/title: ",
        ),
        (template("visit_reminder", "kk"), 132_001, "template name (visit_reminder) does not exist in kk"),
    ];
    let count = cases.len();
    for (message, code, details) in cases {
        let (status, given, words) = salon.refused(ANNA, message.clone()).await;
        assert_eq!((given, words.starts_with(details)), (code, true), "{message}: {words}");
        assert!((400..405).contains(&status));
    }
    for number in ["", "anna", "123", "15550783881"] {
        assert!(salon.refused(number, text("a")).await.1 > 100, "{number}");
    }
    // Which templates there are is known to the salon alone; the rest a correct product never sends.
    assert_eq!(salon.sandbox.world.ledger.violation_count(), count - 1 + 4);
    assert!(salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles.len() == 1);
}

#[tokio::test]
async fn a_token_opens_its_own_account() {
    let salon = Salon::open().await;
    salon.says(ANNA, "hi");
    let path = format!("{NUMBER}/messages");
    let code = async |token: &str| {
        let (status, answer) = salon.post_as(token, &path, super::to_person(ANNA, text("a"))).await;
        (status, answer["error"]["code"].as_i64(), answer["error"]["error_subcode"].as_i64())
    };
    assert_eq!(code("EAAG-nobody").await, (401, Some(190), None));
    assert_eq!(code(TOKEN_2).await, (400, Some(100), Some(33)));
    let (status, answer) = salon.ask(salon.client.post(salon.url(&path)).json(&json!({}))).await;
    assert_eq!((status, &answer["error"]["message"]), (400, &json!("(#200) Provide valid app ID")));
    salon.office(json!({"do": "expire_token", "account": super::WABA})).await;
    assert_eq!(code(TOKEN).await, (401, Some(190), Some(463)));
    salon.office(json!({"do": "change_token", "account": super::WABA, "token": "EAAG-new"})).await;
    assert_eq!(code("EAAG-new").await, (200, None, None));
    let old = format!("{}/whatsapp/v20.0/{path}", salon.sandbox.base_url);
    assert_eq!(salon.ask(salon.client.post(old).bearer_auth("EAAG-new").json(&json!({}))).await.1["error"]["code"], 2500);
}

#[tokio::test]
async fn outside_the_window_only_templates_arrive() {
    let (salon, product) = Salon::connected().await;
    let failed = async |message: Value| {
        let id = salon.sent(ANNA, message).await;
        salon.settled().await;
        let values = product.values();
        let last = values.iter().rev().find(|value| value["statuses"][0]["id"] == id.as_str()).unwrap();
        last["statuses"][0]["errors"][0]["code"].as_i64()
    };
    assert_eq!(failed(text("out of the blue")).await, Some(131_047));
    assert_eq!(failed(template("visit_reminder", "ru")).await, None);
    salon.says(ANNA, "hi");
    assert_eq!(failed(text("hello")).await, None);
    salon.sandbox.clock.advance(TimeDelta::hours(24)).unwrap();
    assert_eq!(failed(text("too late")).await, Some(131_047));
    salon.act(
        ANNA,
        Action::React { message: salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles[0].id.clone(), emoji: Some("👍".into()) },
    );
    assert_eq!(failed(text("a reaction opens nothing")).await, Some(131_047));
    salon.behave(|manners| manners.refuse_at_once = true);
    let (status, code, details) = salon.refused(ANNA, text("too late")).await;
    assert_eq!((status, code), (400, 131_047));
    assert!(details.contains("24 hours"));
    let shown = salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles;
    assert_eq!(shown.iter().filter(|bubble| bubble.author == Author::Salon).count(), 2, "what failed is not on the phone");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_there_is_told_later() {
    let (salon, product) = Salon::connected().await;
    let (status, answer) = salon.send("+49 170 1234567", template("visit_reminder", "ru")).await;
    assert_eq!((status, &answer["contacts"]), (200, &json!([{"input": "+49 170 1234567", "wa_id": "491701234567"}])));
    salon.settled().await;
    let value = &product.values()[0];
    assert_eq!(
        (&value["statuses"][0]["errors"][0]["code"], &value["statuses"][0]["recipient_id"]),
        (&json!(131_026), &json!("491701234567"))
    );
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn who_stopped_marketing_gets_reminders_still() {
    let (salon, product) = Salon::connected().await;
    let (office, url) = Product::listen().await;
    let callback = json!({"url": url, "verify_token": VERIFY_TOKEN});
    salon.office(json!({"do": "set_callback", "app": APP, "callback": callback})).await;
    salon.act(ANNA, Action::Marketing { stop: true });
    salon.sent(ANNA, template("news", "ru")).await;
    salon.sent(ANNA, template("visit_reminder", "ru")).await;
    salon.act(ANNA, Action::Marketing { stop: false });
    salon.sent(ANNA, template("news", "ru")).await;
    salon.settled().await;
    assert_eq!(statuses(&product), ["failed", "sent", "delivered", "sent", "delivered"]);
    let told: Vec<Value> = office.values().iter().map(|value| value["user_preferences"][0]["value"].clone()).collect();
    assert_eq!(told, ["stop", "resume"]);
    let values = product.values();
    assert_eq!(values[0]["statuses"][0]["errors"][0]["code"], 131_050);
    assert_eq!(
        values.last().unwrap()["statuses"][0]["pricing"],
        json!({"billable": true, "pricing_model": "PMP", "type": "regular", "category": "marketing"})
    );
}

#[tokio::test]
async fn rates_are_real_when_switched_on() {
    use crate::vendor::Vendor;
    let salon = Salon::open().await;
    salon.says(ANNA, "hi");
    salon.deliver(|manners| manners.real_limits = true);
    let mut sent = 0;
    let refused = loop {
        let (status, answer) = salon.send(ANNA, text("a")).await;
        match status {
            200 => sent += 1,
            _ => break answer["error"]["code"].clone(),
        }
    };
    assert!(sent >= 45, "a burst of 45, and one more every six seconds: {sent}");
    assert_eq!(refused, 131_056);
    salon.sandbox.clock.advance(TimeDelta::seconds(7)).unwrap();
    salon.sent(ANNA, text("a")).await;

    let slow = json!({"id": NUMBER, "display_phone_number": "+1 555-078-3881", "verified_name": "Salon 42", "throughput": 0.5});
    let account = json!({"id": WABA, "name": "Salon 42", "app": APP, "token": TOKEN, "numbers": [slow]});
    salon.whatsapp().seed(&json!({"accounts": [account]})).unwrap();
    assert_eq!(salon.refused(ANNA, text("a")).await.1, 130_429);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn planned_failures_meet_the_next_sends() {
    let (salon, product) = Salon::connected().await;
    salon.act(ANNA, said("hi"));
    let failures = json!([{"code": 131_042}, {"code": 131_049, "later": true}]);
    salon.office(json!({"do": "fail_next", "number": NUMBER, "failures": failures})).await;
    assert_eq!(salon.refused(ANNA, text("a")).await.1, 131_042);
    salon.sent(ANNA, text("a")).await;
    salon.settled().await;
    assert_eq!(product.values().last().unwrap()["statuses"][0]["errors"][0]["code"], 131_049);
    salon.office(json!({"do": "number_status", "number": NUMBER, "status": "DISCONNECTED", "quality": "RED"})).await;
    assert_eq!(salon.refused(ANNA, text("a")).await.1, 133_010);
    let (_, number) = salon.get(&format!("{NUMBER}?fields=status,quality_rating")).await;
    assert_eq!(number, json!({"id": NUMBER, "status": "DISCONNECTED", "quality_rating": "RED"}));
}
