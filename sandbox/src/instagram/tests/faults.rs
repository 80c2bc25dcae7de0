use std::time::Duration;

use serde_json::json;

use super::{ANNA, SALON, Salon, TOKEN, kinds};
use crate::{fault::Fault, instagram::spec, messenger::Messenger};

#[tokio::test]
async fn planned_refusals_wear_metas_envelope() {
    let (salon, _product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    for (status, code) in [(400, 100), (401, 190), (403, 10), (404, 100), (429, 613), (500, 2), (503, 2)] {
        salon.plan(spec::SEND, &Fault::Status { code: status });
        let refused = salon.refused(ANNA, json!({"text": "a"})).await;
        assert_eq!((refused.0, refused.1), (status, code));
    }
    salon.plan("*", &Fault::RateLimit { retry_after: 61 });
    let answer = salon.client.get(salon.url("me")).bearer_auth(TOKEN).send().await.unwrap();
    let usage: serde_json::Value = serde_json::from_str(answer.headers()["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(usage["me"][0]["estimated_time_to_regain_access"], 2);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["error"]["code"], 613);
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_lost_answer_leaves_the_message_and_its_echo() {
    let (salon, product) = Salon::connected().await;
    salon.says(ANNA, "hi");
    let bubbles = || salon.instagram().chat(SALON, ANNA).unwrap().bubbles.len();
    let send = || {
        let body = json!({"recipient": {"id": salon.id(ANNA)}, "message": {"text": "a"}});
        let request = salon.client.post(salon.url("me/messages")).bearer_auth(TOKEN);
        request.timeout(Duration::from_millis(400)).json(&body).send()
    };
    let mut lost = Vec::new();
    for fault in [Fault::Drop, Fault::Hang, Fault::DropAfterCommit, Fault::HangAfterCommit] {
        salon.plan(spec::SEND, &fault);
        let error = send().await.unwrap_err();
        lost.push((error.is_timeout(), bubbles()));
    }
    assert_eq!(lost, [(false, 1), (true, 1), (false, 2), (true, 3)]);
    salon.plan(spec::SEND, &Fault::AnswerAfterCommit { ms: 0, code: Some(500) });
    let refused: serde_json::Value = send().await.unwrap().json().await.unwrap();
    assert_eq!((&refused["error"]["code"], &refused["error"]["error_subcode"], bubbles()), (&json!(1), &json!(1_357_046), 4));
    salon.plan(spec::SEND, &Fault::Twice);
    assert_eq!(send().await.unwrap().status(), 200);
    salon.settled().await;
    assert_eq!(kinds(&product), ["message"; 6], "four echoes, one of them twice, and Anna's word");
}
