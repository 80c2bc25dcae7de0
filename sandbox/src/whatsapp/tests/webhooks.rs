use chrono::TimeDelta;
use serde_json::json;

use super::{
    ANNA, APP, BIA, NUMBER, NUMBER_2, PATIENCE, SECRET, Salon, VERA, WABA, WABA_2, messages, said, statuses, template, text,
};
use crate::{
    fault::Fault,
    meta::testing::{Product, VERIFY_TOKEN},
    whatsapp::{Receipts, WhatsApp},
};

#[tokio::test]
async fn bodies_are_signed_over_the_bytes_meta_writes() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "Цена <50%? a@b.co / 👍");
    salon.settled().await;
    let hook = &product.hooks()[0];
    assert!(hook.is_signed_with(SECRET) && !hook.is_signed_with("another"));
    assert!(hook.raw.is_ascii());
    assert!(hook.raw.contains(r"\u0426\u0435\u043d\u0430 \u003C50\u0025? a\u0040b.co \/ \ud83d\udc4d"), "{}", hook.raw);
    assert_eq!(messages(&product)[0]["text"]["body"], "Цена <50%? a@b.co / 👍");
    salon.office(json!({"do": "rotate_secret", "app": APP, "secret": "new-secret"})).await;
    salon.deliver(|manners| manners.escape = false);
    salon.says(ANNA, "Цена?");
    salon.settled().await;
    let hook = &product.hooks()[1];
    assert!(hook.is_signed_with("new-secret") && hook.raw.contains("Цена?"));
}

#[tokio::test]
async fn one_body_carries_many_accounts() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| (manners.hold, manners.batch) = (true, 1000));
    for words in ["one", "two"] {
        salon.says(ANNA, words);
    }
    salon.whatsapp().act_in_chat(NUMBER_2, BIA, said("other")).unwrap();
    salon.says(VERA, "three");
    salon.sent(ANNA, template("visit_reminder", "ru")).await;
    assert_eq!(product.hooks().len(), 0);
    salon.deliver(|manners| manners.hold = false);
    salon.settled().await;
    let hooks = product.hooks();
    assert_eq!(hooks.len(), 1);
    let entries = hooks[0].body["entry"].as_array().unwrap();
    assert_eq!((&entries[0]["id"], &entries[1]["id"], entries.len()), (&json!(WABA), &json!(WABA_2), 2));
    let changes = entries[0]["changes"].as_array().unwrap();
    let texts: Vec<&str> = changes[0]["value"]["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"]["body"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(changes[0]["value"]["contacts"].as_array().unwrap().len(), 2);
    assert_eq!(changes[1]["value"]["statuses"].as_array().unwrap().len(), 2);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn only_200_counts() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[500, 204, 302, 404]);
    let first = salon.says(ANNA, "one");
    salon.settled().await;
    let hooks = product.hooks();
    assert_eq!(hooks.len(), 5);
    assert!(hooks.iter().all(|hook| hook.raw == hooks[0].raw && hook.is_signed_with(SECRET)), "the same bytes each time");
    let seen: Vec<u16> = salon.whatsapp().deliveries().iter().map(|delivery| delivery.status).collect();
    assert_eq!(seen, [500, 204, 302, 404, 200]);
    assert!(salon.whatsapp().deliveries().iter().all(|delivery| delivery.events == [first.clone()]));
}

#[tokio::test]
async fn a_failing_webhook_holds_nothing_up() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| manners.retry_ms_per_second = 3_600_000);
    product.will_answer(&[503]);
    salon.says(ANNA, "late");
    salon.says(ANNA, "in time");
    let both = |whatsapp: &WhatsApp| (whatsapp.deliveries().len() == 2).then_some(());
    salon.whatsapp().wait_for(PATIENCE, both).await.unwrap();
    assert!(!salon.whatsapp().platform.is_settled(NUMBER));
    salon.whatsapp().repeat_now();
    salon.settled().await;
    let bodies: Vec<String> =
        messages(&product).iter().map(|message| message["text"]["body"].as_str().unwrap().to_owned()).collect();
    assert_eq!(bodies, ["late", "in time", "late"]);
}

#[tokio::test]
async fn a_week_is_the_end() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| manners.retry_ms_per_second = 3_600_000);
    product.will_answer(&[503, 503, 503]);
    salon.says(ANNA, "never");
    let tried = |count: usize| move |whatsapp: &WhatsApp| (whatsapp.deliveries().len() == count).then_some(());
    salon.whatsapp().wait_for(PATIENCE, tried(1)).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(1)).unwrap();
    salon.whatsapp().repeat_now();
    salon.whatsapp().wait_for(PATIENCE, tried(2)).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::minutes(2)).unwrap();
    salon.whatsapp().repeat_now();
    salon.settled().await;
    assert_eq!(product.hooks().len(), 2);
}

#[tokio::test]
async fn another_providers_failure_repeats_ours() {
    let (salon, product) = Salon::connected().await;
    let (other, url) = Product::listen().await;
    let app = json!({"id": "9", "name": "other", "secret": "s9", "callback": {"url": url, "verify_token": VERIFY_TOKEN}});
    let both = json!([{"app": "9"}, {"app": APP}]);
    let account = json!({"id": "302290129340398", "name": "Salon 44", "app": APP, "token": "EAAG-third", "subscribed": both,
        "numbers": [{"id": "306540352242922", "display_phone_number": "+1 555-078-3883", "verified_name": "Salon 44"}]});
    use crate::vendor::Vendor;
    salon.whatsapp().seed(&json!({"apps": [app], "accounts": [account]})).unwrap();
    let (_, ours) = salon.get(&format!("{WABA}/subscribed_apps")).await;
    salon.whatsapp().platform.subscribe(
        "302290129340398",
        APP,
        ours["data"][0]["override_callback_uri"].as_str().map(str::to_owned),
    );
    other.will_answer(&[500]);
    salon.whatsapp().act_in_chat("306540352242922", ANNA, said("hi")).unwrap();
    let done = |whatsapp: &WhatsApp| whatsapp.platform.is_settled("306540352242922").then_some(());
    salon.whatsapp().wait_for(PATIENCE, done).await.unwrap();
    assert_eq!((product.hooks().len(), other.hooks().len()), (2, 2));
    assert!(other.hooks()[0].is_signed_with("s9") && product.hooks()[1].is_signed_with(SECRET));
}

#[tokio::test]
async fn statuses_come_in_every_order() {
    for (receipts, expected) in [
        (Receipts::InOrder, &["sent", "delivered", "read"][..]),
        (Receipts::Swapped, &["delivered", "sent", "read"]),
        (Receipts::WithoutDelivered, &["sent", "read"]),
        (Receipts::Repeated, &["sent", "sent", "delivered", "delivered", "read", "read"]),
        (Receipts::Silent, &[]),
    ] {
        let (salon, product) = Salon::connected().await;
        salon.behave(|manners| manners.receipts = receipts);
        let id = salon.sent(ANNA, template("visit_reminder", "ru")).await;
        salon.act(ANNA, crate::whatsapp::Action::Read);
        salon.settled().await;
        assert_eq!(statuses(&product), expected, "{receipts:?}");
        salon.office(json!({"do": "status", "number": NUMBER, "message": id, "status": "failed", "code": 131_026})).await;
        salon.settled().await;
        assert_eq!(statuses(&product).last().map(String::as_str), Some("failed"), "even after it was read");
    }
}

#[tokio::test]
async fn faults_strike_deliveries_too() {
    let (salon, product) = Salon::connected().await;
    let mut expected = 0;
    for (fault, posts) in [
        (Fault::Twice, 2),
        (Fault::DropAfterCommit, 2),
        (Fault::AnswerAfterCommit { ms: 0, code: None }, 2),
        (Fault::Drop, 1),
        (Fault::Status { code: 500 }, 1),
        (Fault::Slow { ms: 1 }, 1),
    ] {
        salon.plan("webhook", &fault);
        salon.says(ANNA, "a");
        salon.settled().await;
        expected += posts;
        assert_eq!(product.hooks().len(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_webhook_that_keeps_failing_loses_its_subscription_where_told_so() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| (manners.retry_ms_per_second, manners.unsubscribe_after) = (3_600_000, Some(3_600)));
    product.will_answer(&[500, 500]);
    salon.says(ANNA, "a");
    let tried = |count: usize| move |whatsapp: &WhatsApp| (whatsapp.deliveries().len() == count).then_some(());
    salon.whatsapp().wait_for(PATIENCE, tried(1)).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::seconds(3_601)).unwrap();
    salon.says(ANNA, "b");
    salon.whatsapp().wait_for(PATIENCE, tried(2)).await.unwrap();
    let gone = |whatsapp: &WhatsApp| whatsapp.platform.subscribed(WABA).is_empty().then_some(());
    salon.whatsapp().wait_for(PATIENCE, gone).await.unwrap();
    assert_eq!(salon.get(&format!("{WABA}/subscribed_apps")).await.1, json!({"data": []}));
}

#[tokio::test]
async fn numbers_have_errors_of_their_own_and_staff_has_a_phone() {
    let (salon, product) = Salon::connected().await;
    salon.office(json!({"do": "number_error", "number": NUMBER, "code": 130_429})).await;
    salon.office(json!({"do": "write", "number": NUMBER, "person": ANNA, "text": "We wait"})).await;
    salon.settled().await;
    let values = product.values();
    assert_eq!((&values[0]["errors"][0]["code"], &values[0]["errors"][0]["title"]), (&json!(130_429), &json!("Rate limit hit")));
    let echo = &values[1]["message_echoes"][0];
    assert_eq!((&echo["from"], &echo["to"], &echo["text"]["body"]), (&json!("15550783881"), &json!(ANNA), &json!("We wait")));
    assert_eq!(salon.violations(), Vec::<String>::new());
    salon.sent(ANNA, text("an answer")).await;
    salon.settled().await;
    assert_eq!(statuses(&product), ["failed"], "staff's words open no window");
}
