use std::time::Duration;

use serde_json::json;

use super::{ANNA, NUMBER, Salon, TOKEN, statuses, text, to_person};
use crate::{fault::Fault, messenger::Messenger, whatsapp::spec};

#[tokio::test]
async fn planned_refusals_wear_metas_envelope() {
    let salon = Salon::open().await;
    salon.says(ANNA, "hi");
    for (status, code) in [(400, 100), (401, 190), (403, 131_005), (404, 100), (429, 130_429), (500, 131_000), (503, 2)] {
        salon.plan(spec::SEND, &Fault::Status { code: status });
        let refused = salon.refused(ANNA, text("a")).await;
        assert_eq!((refused.0, refused.1), (status, code));
    }
    salon.plan("*", &Fault::RateLimit { retry_after: 300 });
    let answer = salon.client.get(salon.url(NUMBER)).bearer_auth(TOKEN).send().await.unwrap();
    let usage: serde_json::Value = serde_json::from_str(answer.headers()["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(
        (&usage[NUMBER][0]["estimated_time_to_regain_access"], &usage[NUMBER][0]["type"]),
        (&json!(5), &json!("whatsapp"))
    );
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["error"]["code"], 80_007);
    assert_eq!(salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles.len(), 1);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let bubbles = || salon.whatsapp().chat(NUMBER, ANNA).unwrap().bubbles.len();
    let send = || {
        let request = salon.client.post(salon.url(&format!("{NUMBER}/messages"))).bearer_auth(TOKEN);
        request.timeout(Duration::from_millis(400)).json(&to_person(ANNA, text("a"))).send()
    };
    let mut lost = Vec::new();
    for fault in [Fault::Drop, Fault::Hang, Fault::DropAfterCommit, Fault::HangAfterCommit] {
        salon.plan(spec::SEND, &fault);
        let error = send().await.unwrap_err();
        lost.push((error.is_timeout(), bubbles()));
    }
    assert_eq!(lost, [(false, 1), (true, 1), (false, 2), (true, 3)]);
    salon.plan(spec::SEND, &Fault::AnswerAfterCommit { ms: 0, code: Some(500) });
    assert_eq!((send().await.unwrap().status().as_u16(), bubbles()), (500, 4), "refused, and sent");
    salon.plan(spec::SEND, &Fault::AnswerAfterCommit { ms: 50, code: None });
    assert_eq!((send().await.unwrap().status().as_u16(), bubbles()), (200, 5));
    salon.plan(spec::SEND, &Fault::Slow { ms: 1 });
    assert_eq!((send().await.unwrap().status().as_u16(), bubbles()), (200, 6));
    salon.settled().await;
    assert_eq!(statuses(&product).iter().filter(|status| *status == "sent").count(), 5, "the statuses tell what became of them");
}

#[tokio::test]
async fn twice_means_the_same_statuses_twice() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    salon.settled().await;
    salon.plan(spec::SEND, &Fault::Twice);
    salon.sent(ANNA, text("a")).await;
    salon.settled().await;
    let hooks = product.hooks();
    assert_eq!(statuses(&product), ["sent", "sent", "delivered", "delivered"]);
    assert_eq!(hooks[1].raw, hooks[2].raw);
}

#[tokio::test]
async fn credentials_stay_out_of_the_ledger() {
    let salon = Salon::open().await;
    salon.get(&format!("{NUMBER}?access_token={TOKEN}")).await;
    let body = json!({"override_callback_uri": "http://127.0.0.1:1/", "verify_token": "verify-me"});
    salon.post_as(TOKEN, &format!("{}/subscribed_apps", super::WABA), body).await;
    let seen = serde_json::to_string(&salon.sandbox.world.ledger.entries()).unwrap();
    assert!(!seen.contains(TOKEN) && !seen.contains("verify-me"), "{seen}");
}
