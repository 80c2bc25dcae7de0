//! Conversations and their messages.

use serde_json::{Value, json};

use super::{APP, Crm, INSERT, USER, error};

#[tokio::test]
async fn every_insert_without_a_conversation_opens_one() {
    let crm = Crm::open().await;
    let customer = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
    let insert = async |conversation: Value| {
        let variables = json!({"i": "i1", "c": customer, "v": conversation, "m": "hello"});
        crm.ask(None, INSERT, variables).await.1["data"]["widgetsInsertMessage"].clone()
    };
    let one = insert(Value::Null).await;
    let two = insert(Value::Null).await;
    assert_ne!(one["conversationId"], two["conversationId"]);
    let three = insert(one["conversationId"].clone()).await;
    assert_eq!(three["conversationId"], one["conversationId"]);
    assert_eq!(crm.erxes.snapshot()["messages"].as_array().unwrap().len(), 3);
    let orphan = crm.ask(None, INSERT, json!({"i": "no such integration", "m": "hi"})).await.1;
    assert!(orphan["data"]["widgetsInsertMessage"]["conversationId"].is_string(), "the integration is not verified");
}

#[tokio::test]
async fn operators_answer_and_are_found_by_polling() {
    let crm = Crm::open().await;
    let customer = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
    let (_, body) = crm.ask(None, INSERT, json!({"i": "i1", "c": customer, "m": "hello"})).await;
    let conversation = body["data"]["widgetsInsertMessage"]["conversationId"].as_str().unwrap().to_owned();
    crm.erxes.operator_reply(&conversation, "good day").unwrap();
    assert!(crm.erxes.operator_reply("nothing", "good day").is_err());
    let read = "query($v: String!) { conversationMessages(conversationId: $v, limit: 10) { content userId customerId } }";
    let (_, body) = crm.ask(None, read, json!({"v": conversation})).await;
    let expected = json!([{"content": "good day", "userId": "u1", "customerId": null},
                          {"content": "hello", "userId": null, "customerId": customer}]);
    assert_eq!(body["data"]["conversationMessages"], expected);
    let add = "mutation($v: String, $t: String) { conversationMessageAdd(conversationId: $v, content: $t) { userId } }";
    let (_, body) = crm.ask(None, add, json!({"v": conversation, "t": "x"})).await;
    assert!(error(&body).0.starts_with("Failed to add message to conversation: Cannot destructure"), "{body}");
    assert_eq!(error(&body).1, "SYSTEM");
    let (_, body) = crm.ask(Some(APP), add, json!({"v": conversation, "t": "x"})).await;
    assert_eq!(body["data"]["conversationMessageAdd"]["userId"], "app:a1");
}

#[tokio::test]
async fn an_operators_message_needs_a_kind_that_can_be_answered() {
    let crm = Crm::open().await;
    let add =
        "mutation($v: String, $n: Boolean) { conversationMessageAdd(conversationId: $v, content: \"x\", internal: $n) { _id } }";
    let customer = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await["customerId"].clone();
    let (_, body) = crm.ask(None, INSERT, json!({"i": "i2", "c": customer, "m": "hello"})).await;
    let hook = body["data"]["widgetsInsertMessage"]["conversationId"].clone();
    let (_, body) = crm.ask(Some(USER), add, json!({"v": hook})).await;
    assert_eq!(error(&body), ("Unsupported service", "EXPECTED"));
    let (_, body) = crm.ask(Some(USER), add, json!({"v": hook, "n": true})).await;
    assert!(body["data"]["conversationMessageAdd"]["_id"].is_string(), "a note among operators: {body}");
    let (_, body) = crm.ask(None, INSERT, json!({"i": "i1", "m": "nobody's"})).await;
    let orphan = body["data"]["widgetsInsertMessage"]["conversationId"].clone();
    let (_, body) = crm.ask(Some(USER), add, json!({"v": orphan})).await;
    assert_eq!(error(&body), ("Failed to add message to conversation: Customer not found", "EXPECTED"));
}

#[tokio::test]
async fn anybody_with_a_login_closes_conversations_and_a_message_opens_them() {
    let crm = Crm::open().await;
    let (conversation, customer) = crm.conversation().await;
    let change = "mutation($v: [String]!, $s: String!) { conversationsChangeStatus(_ids: $v, status: $s) { status } }";
    let (_, body) = crm.ask(Some(APP), change, json!({"v": [conversation], "s": "closed"})).await;
    assert_eq!(body["data"]["conversationsChangeStatus"], json!([{"status": "closed"}]));
    for (who, status) in [(Some(APP), "done"), (None, "closed")] {
        let (_, body) = crm.ask(who, change, json!({"v": [conversation], "s": status})).await;
        assert_eq!(error(&body).1, "SYSTEM", "{body}");
    }
    crm.ask(None, INSERT, json!({"i": "i1", "c": customer, "v": conversation, "m": "again"})).await;
    assert_eq!(crm.erxes.snapshot()["conversations"][0]["status"], "open");
}
