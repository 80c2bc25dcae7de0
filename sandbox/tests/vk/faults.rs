use std::time::Duration;

use salon_sandbox::{fault::Fault, vk::Manners};
use serde_json::{Value, json};

use crate::{ANNA, GROUP, Salon, keyboard};

fn hello() -> [(&'static str, String); 3] {
    [("peer_ids", ANNA.to_string()), ("random_id", "0".to_owned()), ("message", "hi".to_owned())]
}

#[tokio::test]
async fn planned_refusals_wear_vks_envelope() {
    let (salon, _product) = Salon::connected().await;
    for (fault, code) in [
        (Fault::RateLimit { retry_after: 1 }, 6),
        (Fault::RateLimit { retry_after: 300 }, 9),
        (Fault::RateLimit { retry_after: 7_200 }, 29),
        (Fault::Status { code: 5 }, 5),
        (Fault::Status { code: 27 }, 27),
        (Fault::Status { code: 901 }, 901),
    ] {
        salon.plan("messages.send", &fault);
        assert_eq!(salon.refused("messages.send", &hello()).await, code);
    }
    salon.plan("*", &Fault::Status { code: 502 });
    let response = salon.request("messages.send").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert!(response.json::<Value>().await.is_err(), "a gateway speaks no JSON");
    assert_eq!(salon.vk().sent(GROUP, ANNA).len(), 0);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn answers_get_lost_before_or_after_the_work() {
    let (salon, _product) = Salon::connected().await;
    let mut lost = Vec::new();
    for fault in [Fault::Drop, Fault::Hang, Fault::DropAfterCommit, Fault::HangAfterCommit] {
        salon.plan("messages.send", &fault);
        let query = format!("messages.send?v=5.199&peer_ids={ANNA}&random_id=0&message=hi");
        let error = salon.request(&query).timeout(Duration::from_millis(300)).send().await.unwrap_err();
        lost.push((error.is_timeout(), salon.vk().sent(GROUP, ANNA).len()));
    }
    assert_eq!(lost, [(false, 0), (true, 0), (false, 1), (true, 2)]);
    salon.plan("messages.send", &Fault::Slow { ms: 10 });
    salon.ok("messages.send", &hello()).await;
    let faults = salon.sandbox.world.ledger.entries().iter().filter(|entry| entry.fault.is_some()).count();
    assert_eq!(faults, 5);
}

#[tokio::test]
async fn events_come_twice_late_or_again() {
    let (salon, product) = Salon::connected().await;
    let mut expected = Vec::new();
    for (fault, times) in [
        (Fault::Twice, 2),
        (Fault::DropAfterCommit, 2),
        (Fault::HangAfterCommit, 2),
        (Fault::Drop, 1),
        (Fault::Status { code: 500 }, 1),
        (Fault::Slow { ms: 10 }, 1),
    ] {
        salon.plan("webhook", &fault);
        let id = salon.text("hi");
        salon.settled().await;
        expected.extend(vec![id; times]);
    }
    let got: Vec<String> = product.tries().into_iter().map(|(id, _)| id).collect();
    assert_eq!(got, expected);
    salon.plan("messages.send", &Fault::Twice);
    salon.send(ANNA, "once", 21, &[]).await;
    salon.settled().await;
    assert_eq!((salon.vk().sent(GROUP, ANNA).len(), product.events("message_reply").len()), (1, 2));
}

#[tokio::test]
async fn dead_keys_and_settings_refuse() {
    let (salon, _product) = Salon::connected().await;
    for code in [5, 27] {
        salon.staff(json!({"do": "kill", "group": GROUP, "code": code})).await;
        assert_eq!(salon.refused("messages.send", &hello()).await, code);
    }
    salon.staff(json!({"do": "kill", "group": GROUP, "code": null})).await;
    salon.staff(json!({"do": "bots", "group": GROUP, "enabled": false})).await;
    let with_buttons = [&hello()[..], &[keyboard(true, "callback")]].concat();
    assert_eq!(salon.refused("messages.send", &with_buttons).await, 912);
    salon.ok("messages.send", &hello()).await;
    salon.staff(json!({"do": "bots", "group": GROUP, "enabled": true})).await;
    salon.ok("messages.send", &with_buttons).await;
    let unknown =
        salon.client.post(format!("{}/vk/method/groups.getById?v=5.199&access_token=vk1.a.guess", salon.sandbox.base_url));
    let answer: Value = unknown.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"]["error_code"], 5);
    let weak =
        format!("{}/vk/method/groups.getCallbackServers?v=5.199&group_id=7&access_token=vk1.a.other", salon.sandbox.base_url);
    let answer: Value = salon.client.post(weak).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["error"]["error_code"], 7, "the key lacks the right to manage");
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn limits_are_real_when_switched_on() {
    let (salon, _product) = Salon::connected().await;
    salon.vk().set_manners(Manners { real_limits: true, ..salon.vk().manners() });
    // Far more at once than a slow machine could spread over the seconds that would allow them.
    let answers = futures::future::join_all((0..200).map(|_| salon.call("groups.getById", &[]))).await;
    let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["error_code"].as_i64()).collect();
    assert!(codes.contains(&Some(6)) && codes.contains(&None), "{codes:?}");
    salon.sandbox.clock.advance(chrono::TimeDelta::seconds(1)).unwrap();
    salon.ok("groups.getById", &[]).await;
}
