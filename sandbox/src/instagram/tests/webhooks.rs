use chrono::TimeDelta;
use serde_json::json;

use super::{ANNA, APP, OLGA, PATIENCE, SALON, SALON_2, SECRET, Salon, messaging, said};
use crate::{fault::Fault, instagram::Instagram, meta::testing::Product};

#[tokio::test]
async fn one_signed_body_carries_many_accounts() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| (manners.hold, manners.batch) = (true, 1000));
    salon.says(ANNA, "Сколько стоит? a@b.co/1");
    salon.instagram().act_in_chat(SALON_2, ANNA, said("other")).unwrap();
    salon.says(OLGA, "two");
    salon.deliver(|manners| manners.hold = false);
    salon.settled().await;
    let hooks = product.hooks();
    assert_eq!(hooks.len(), 1);
    assert!(hooks[0].is_signed_with(SECRET) && hooks[0].raw.is_ascii() && hooks[0].raw.contains(r"a\u0040b.co\/1"));
    let entries = hooks[0].body["entry"].as_array().unwrap();
    assert_eq!(
        (&hooks[0].body["object"], &entries[0]["id"], &entries[1]["id"]),
        (&json!("instagram"), &json!(SALON), &json!(SALON_2))
    );
    assert_eq!((entries[0]["messaging"].as_array().unwrap().len(), entries.len()), (2, 2));
    let seconds = salon.sandbox.world.now().timestamp();
    assert!((entries[0]["time"].as_i64().unwrap() / 1000 - seconds).abs() < 60, "in milliseconds");
    let senders: Vec<_> = messaging(&product).iter().map(|item| item["sender"]["id"].clone()).collect();
    assert_ne!(senders[0], senders[2], "the same person, seen by two accounts");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn only_200_counts_and_a_day_and_a_half_is_the_end() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[202, 500]);
    salon.says(ANNA, "a");
    salon.settled().await;
    assert_eq!(product.hooks().len(), 3);
    salon.deliver(|manners| manners.retry_ms_per_second = 3_600_000);
    product.will_answer(&[500]);
    salon.says(ANNA, "never");
    let tried = |instagram: &Instagram| (instagram.deliveries().len() == 4).then_some(());
    salon.instagram().wait_for(PATIENCE, tried).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::hours(36) + TimeDelta::minutes(1)).unwrap();
    salon.instagram().repeat_now();
    salon.settled().await;
    assert_eq!(product.hooks().len(), 4);
}

#[tokio::test]
async fn staff_writes_in_the_phone_app() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    salon.office(json!({"do": "write", "account": SALON, "person": ANNA, "text": "Come at 15:00"})).await;
    salon.settled().await;
    let echo = messaging(&product).pop().unwrap();
    assert_eq!(
        (&echo["sender"]["id"], &echo["message"]["is_echo"], &echo["message"]["text"]),
        (&json!(SALON), &json!(true), &json!("Come at 15:00"))
    );
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn tests_and_other_fields_have_other_shapes() {
    let (salon, product) = Salon::connected().await;
    salon.office(json!({"do": "test_message", "account": SALON, "person": ANNA, "text": "random text"})).await;
    let comment = json!({"id": "1", "from": {"id": "2", "username": "b"}, "text": "nice"});
    salon.office(json!({"do": "raw", "account": SALON, "field": "comments", "value": comment})).await;
    salon.settled().await;
    let hooks = product.hooks();
    let change = &hooks[0].body["entry"][0]["changes"][0];
    assert_eq!((&change["field"], &change["value"]["message"]["text"]), (&json!("messages"), &json!("random text")));
    assert!(hooks[0].body["entry"][0].get("messaging").is_none());
    let flat = &hooks[1].body["entry"][0];
    assert_eq!((&flat["field"], &flat["value"], flat.get("changes")), (&json!("comments"), &comment, None));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn faults_strike_deliveries_too() {
    let (salon, product) = Salon::connected().await;
    salon.plan("webhook", &Fault::Twice);
    salon.says(ANNA, "a");
    salon.settled().await;
    assert_eq!(product.hooks().len(), 2);
    assert_eq!(product.hooks()[0].raw, product.hooks()[1].raw);
    salon.plan("webhook", &Fault::HangAfterCommit);
    salon.says(ANNA, "b");
    salon.settled().await;
    assert_eq!(product.hooks().len(), 4);
}

#[tokio::test]
async fn an_hour_of_failures_ends_the_subscription_where_told_so() {
    let (salon, product) = Salon::connected().await;
    salon.deliver(|manners| (manners.retry_ms_per_second, manners.unsubscribe_after) = (3_600_000, Some(3_600)));
    product.will_answer(&[500, 500]);
    salon.says(ANNA, "a");
    let tried = |count: usize| move |instagram: &Instagram| (instagram.deliveries().len() == count).then_some(());
    salon.instagram().wait_for(PATIENCE, tried(1)).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::seconds(3_601)).unwrap();
    salon.says(ANNA, "b");
    salon.instagram().wait_for(PATIENCE, tried(2)).await.unwrap();
    let gone = |instagram: &Instagram| instagram.platform.subscribed(SALON).is_empty().then_some(());
    salon.instagram().wait_for(PATIENCE, gone).await.unwrap();
    assert_eq!(salon.instagram().platform.subscribed(SALON_2)[0].app, APP, "the other account is heard still");
    let _: &Product = &product;
}
