//! Batches.

use serde_json::{Map, Value, json};

use super::{Portal, error};
use crate::fault::Fault;

fn commands(list: &[(&str, &str)]) -> Value {
    Value::Object(list.iter().map(|(key, command)| ((*key).to_owned(), json!(command))).collect::<Map<_, _>>())
}

#[tokio::test]
async fn a_command_reads_what_an_earlier_one_answered() {
    let portal = Portal::open().await;
    // Alphabetically the deal would go first: the order is that of the text.
    let body = r#"{"halt": 1, "cmd": {
        "z": "crm.item.add?entityTypeId=3&fields[name]=Anna&fields[fm][0][typeId]=PHONE&fields[fm][0][value]=%2B7900",
        "a": "crm.item.add?entityTypeId=2&fields[title]=Visit&fields[contactId]=$result[z][item][id]",
        "b": "crm.item.list?entityTypeId=3&select[]=id"}}"#;
    let url = format!("{}/rest/1/{}/batch", portal.base, super::CODE);
    let (status, body) = portal.send(portal.client.post(url).header("content-type", "application/json").body(body)).await;
    assert_eq!((status, &body["result"]["result_error"]), (200, &json!([])), "{body}");
    let results = &body["result"]["result"];
    assert_eq!(results["a"]["item"]["contactId"], results["z"]["item"]["id"]);
    assert_eq!((&results["z"]["item"]["phone"], &body["result"]["result_total"]["b"]), (&json!("+7900"), &json!(1)));
    assert!(body["result"]["result_time"]["b"]["operating"].is_f64());
    assert_eq!(portal.world.ledger.total(), 1);
    assert_eq!(portal.complaints(), "");
}

#[tokio::test]
async fn one_commands_error_is_in_an_answer_of_200() {
    let portal = Portal::open().await;
    let all = commands(&[("a", "crm.item.get?entityTypeId=3&id=9"), ("b", "profile")]);
    let answer = portal.result("batch", json!({"cmd": all})).await;
    assert_eq!(answer["result_error"]["a"]["error"], "NOT_FOUND");
    assert_eq!(answer["result"]["b"]["ID"], "1");
    let answer = portal.result("batch", json!({"cmd": all, "halt": 1})).await;
    assert_eq!((&answer["result"], &answer["result_time"]), (&json!([]), &json!([])));
    let listed = portal.result("batch", json!({"cmd": ["profile", "scope"]})).await;
    assert!(listed["result"].is_array(), "numbered commands have a numbered answer");
}

#[tokio::test]
async fn a_batch_has_limits_of_its_own() {
    let portal = Portal::open().await;
    let answer = portal.result("batch", json!({"cmd": {"a": "batch?cmd[x]=profile", "b": "no.such"}})).await;
    assert_eq!(answer["result_error"]["a"]["error"], "ERROR_BATCH_METHOD_NOT_ALLOWED");
    assert_eq!(answer["result_error"]["b"]["error"], "ERROR_METHOD_NOT_FOUND");
    let many: Vec<&str> = vec!["profile"; 51];
    assert_eq!(portal.refused("batch", json!({"cmd": many})).await, (400, "ERROR_BATCH_LENGTH_EXCEEDED".to_owned()));
    assert_eq!(portal.refused("batch", json!({})).await, (400, "100".to_owned()));
    portal.complaints();
    portal.result("batch", json!({"cmd": {"a": "crm.item.add?entityTypeId=3&fields[nothing]=1"}})).await;
    assert!(portal.complaints().contains("a: field \"nothing\""));
    let stranger =
        portal.send(portal.client.post(format!("{}/rest/batch", portal.base)).json(&json!({"cmd": ["profile"]}))).await;
    assert_eq!(error(stranger).1, "NO_AUTH_FOUND");
}

#[tokio::test]
async fn it_is_one_request_but_each_command_works() {
    let portal = Portal::open().await;
    portal.seed(json!({"limits": {"burst": 2, "drain": 0.001, "costs": {"profile": 100}, "operating_limit": 250}}));
    let answer = portal.result("batch", json!({"cmd": vec!["profile"; 5]})).await;
    assert_eq!(answer["result_error"]["3"]["error"], "OPERATION_TIME_LIMIT");
    assert_eq!(answer["result"].as_array().unwrap().len(), 3);
    assert_eq!(portal.call("scope", json!({})).await.0, 200, "the second request of two");
    assert_eq!(portal.refused("scope", json!({})).await, (503, "QUERY_LIMIT_EXCEEDED".to_owned()));
}

#[tokio::test]
async fn a_fault_may_strike_one_command() {
    let portal = Portal::open().await;
    portal.plan("crm.item.add", &Fault::Status { code: 500 });
    let add = "crm.item.add?entityTypeId=3&fields[name]=Anna";
    let answer = portal.result("batch", json!({"cmd": {"a": add, "b": add}})).await;
    assert_eq!(answer["result_error"]["a"]["error"], "INTERNAL_SERVER_ERROR");
    assert_eq!(answer["result"]["b"]["item"]["name"], "Anna");
}

#[tokio::test]
async fn a_commands_work_may_be_done_though_its_answer_is_an_error() {
    let portal = Portal::open().await;
    portal.plan("crm.item.add", &Fault::AnswerAfterCommit { ms: 0, code: Some(500) });
    portal.plan("crm.item.add", &Fault::DropAfterCommit);
    let add = "crm.item.add?entityTypeId=3&fields[name]=Anna";
    let answer = portal.result("batch", json!({"cmd": {"a": add, "b": add}})).await;
    assert_eq!(answer["result_error"]["a"]["error"], "INTERNAL_SERVER_ERROR");
    assert_eq!(answer["result"]["b"]["item"]["name"], "Anna");
    assert_eq!(portal.bitrix.snapshot()["contacts"].as_array().unwrap().len(), 2);
    assert_eq!(portal.world.faults.planned().len(), 1, "a command has no connection to drop: the fault waits for a call");
}
