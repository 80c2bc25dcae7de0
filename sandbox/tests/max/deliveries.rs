//! Events on their way to webhooks.

use chrono::TimeDelta;
use salon_sandbox::{
    fault::Fault,
    max::{Action, Manners, Max},
};
use serde_json::{Value, json};

use super::{BOT, PATIENCE, Product, Salon};

#[tokio::test]
async fn only_200_is_success_and_what_failed_is_overtaken() {
    let (salon, product) = Salon::connected().await;
    let paused = Manners { retry_ms_per_second: 3_600_000, ..salon.max().manners() };
    salon.max().set_manners(paused);
    product.will_answer(&[204]);
    let stuck = salon.act(Action::Text { text: "stuck".into() }).events.pop().unwrap();
    salon.text("two");
    salon.text("three");
    let three = |max: &Max| (max.deliveries().len() == 3).then_some(());
    salon.max().wait_for(PATIENCE, three).await.unwrap();
    assert_eq!(product.texts(), ["stuck", "two", "three"]);
    assert!(!salon.max().is_settled(BOT));
    let first = salon.max().deliveries().remove(0);
    assert_eq!((first.status, first.error, &first.event), (204, Some("not 200"), &stuck));
}

#[tokio::test]
async fn an_event_is_repeated_ten_times_and_then_given_up() {
    let (salon, product) = Salon::connected().await;
    product.will_answer(&[500; 11]);
    salon.text("lost");
    salon.settled().await;
    assert_eq!(product.texts(), vec!["lost"; 11]);
    let updates = product.updates();
    assert!(updates.windows(2).all(|pair| pair[0] == pair[1]), "every repetition is the same");
    let repetitions: Vec<i32> = salon.max().deliveries().iter().map(|delivery| delivery.repetition).collect();
    assert_eq!(repetitions, (0..=10).collect::<Vec<_>>());
    salon.text("next");
    salon.settled().await;
    assert_eq!(product.texts().len(), 12);
}

#[tokio::test]
async fn an_event_may_come_twice_or_again_although_it_was_taken() {
    let (salon, product) = Salon::connected().await;
    for (fault, text) in [(Fault::Twice, "a"), (Fault::DropAfterCommit, "b"), (Fault::Drop, "c"), (Fault::Slow { ms: 5 }, "d")] {
        salon.plan("webhook", &fault);
        salon.text(text);
        salon.settled().await;
    }
    assert_eq!(product.texts(), ["a", "a", "b", "b", "c", "d"]);
}

#[tokio::test]
async fn subscriptions_add_up_until_they_are_removed() {
    let (salon, first) = Salon::connected().await;
    let (second, url) = Product::listen().await;
    salon.subscribe(&url, json!({"update_types": ["bot_stopped"]})).await;
    salon.text("one");
    salon.act(Action::Stop);
    salon.settled().await;
    assert_eq!(
        (first.kinds(), second.kinds()),
        (vec!["message_created".into(), "bot_stopped".into()], vec!["bot_stopped".into()])
    );
    assert_eq!(second.got.lock().unwrap()[0].1, None, "no secret was given with this one");

    let (_, listed) = salon.get("/subscriptions").await;
    let listed = listed["subscriptions"].as_array().unwrap();
    assert_eq!((listed.len(), &listed[0]["update_types"]), (2, &Value::Null));
    assert_eq!((&listed[1]["url"], &listed[1]["update_types"]), (&json!(url), &json!(["bot_stopped"])));
    let path = format!("/subscriptions?url={url}");
    assert_eq!(Salon::send(salon.request("DELETE", &path)).await, (200, json!({"success": true})));
    let (status, again) = Salon::send(salon.request("DELETE", &path)).await;
    assert_eq!((status, &again["success"]), (200, &json!(false)));
    salon.act(Action::Resume);
    salon.settled().await;
    assert_eq!((first.kinds().len(), second.kinds().len()), (3, 1));
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn eight_hours_without_a_200_end_a_subscription_and_nobody_is_told() {
    let (salon, product) = Salon::connected().await;
    salon.max().set_manners(Manners { retry_ms_per_second: 3_600_000, ..salon.max().manners() });
    product.will_answer(&[503]);
    salon.text("unheard");
    salon.max().wait_for(PATIENCE, |max| max.deliveries().pop()).await.unwrap();
    salon.sandbox.clock.advance(TimeDelta::hours(8) - TimeDelta::minutes(1)).unwrap();
    assert_eq!(salon.get("/subscriptions").await.1["subscriptions"].as_array().unwrap().len(), 1);
    salon.sandbox.clock.advance(TimeDelta::minutes(1)).unwrap();
    assert_eq!(salon.get("/subscriptions").await.1, json!({"subscriptions": []}));
    assert_eq!(salon.act(Action::Text { text: "to nobody".into() }).events, Vec::<String>::new());
    let (product, url) = Product::listen().await;
    salon.subscribe(&url, json!({})).await;
    salon.text("heard");
    salon.settled().await;
    assert_eq!(product.texts(), ["heard"], "what happened in between is not delivered later");
}

#[tokio::test]
async fn a_success_in_time_keeps_the_subscription() {
    let (salon, product) = Salon::connected().await;
    for _ in 0..3 {
        product.will_answer(&[503]);
        salon.text("hello");
        salon.settled().await;
        salon.sandbox.clock.advance(TimeDelta::hours(7)).unwrap();
    }
    assert_eq!(salon.get("/subscriptions").await.1["subscriptions"].as_array().unwrap().len(), 1);
}
