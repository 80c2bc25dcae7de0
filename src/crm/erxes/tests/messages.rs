//! Messages of a conversation, and a client by the widget's way.

use serde_json::{Value, json};

use super::{RETRY, TOKEN, account, at, client, data, graph_error};
use crate::{
    crm::{
        Author, ClientCard, Crm, CrmCall, Ensured, NoteCard, Noted, UNATTENDED,
        erxes::{Erxes, operations},
    },
    vendor::{
        Class,
        stub::{Step, Stub, http},
    },
};

pub(super) fn message(author: Author, conversation_id: Option<&str>) -> NoteCard {
    NoteCard {
        client: "cus1".to_owned(),
        conversation: conversation_id.map(str::to_owned),
        author,
        text: "завтра в 15".to_owned(),
        at: at(0),
        in_talk: true,
    }
}

fn inserted() -> Step {
    data("widgetsInsertMessage", json!({"_id": "m1", "conversationId": "con1"}))
}

fn recorded() -> Noted {
    Noted { conversation: Some("con1".to_owned()), note: "m1".to_owned() }
}

#[tokio::test]
async fn a_client_is_connected_by_every_key_we_have() {
    let stub = Stub::start("/gateway", vec![data("widgetsMessengerConnect", json!({"customerId": "cus1"}))]).await;
    let id = Erxes.ensure_client(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &client(Some("cus0"))).await.unwrap();
    assert_eq!(id, Ensured::Is("cus1".to_owned()));
    let seen = stub.seen().remove(0);
    assert_eq!(seen.path, "/gateway/graphql");
    assert!(!seen.headers.contains_key("erxes-app-token"));
    assert_eq!(seen.body["query"], operations::CONNECT.document);
    let expected = json!({
        "integrationId": "int1", "phone": "+79001234567", "code": "00000000-0000-0000-0000-000000000007", "isUser": true,
        "data": {"firstName": "Anna K"}, "cachedCustomerId": "cus0",
    });
    assert_eq!(seen.body["variables"], expected);
}

#[tokio::test]
async fn what_is_not_known_of_a_client_is_not_sent_and_erases_nothing() {
    let stub = Stub::start("", vec![data("widgetsMessengerConnect", json!({"customerId": "cus1"}))]).await;
    let stranger = ClientCard { name: None, phone: None, ..client(None) };
    Erxes.ensure_client(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &stranger).await.unwrap();
    let expected = json!({"integrationId": "int1", "code": "00000000-0000-0000-0000-000000000007", "isUser": true, "data": {}});
    assert_eq!(stub.seen()[0].body["variables"], expected);
}

#[tokio::test]
async fn connecting_may_be_repeated_so_no_fault_of_it_is_unknown() {
    let steps = vec![
        data("widgetsMessengerConnect", json!({"customerId": null})),
        data("widgetsMessengerConnect", json!(null)),
        Step::json(200, &graph_error("Cannot read properties of undefined", "SYSTEM")),
        Step::json(502, &json!({"error": "Gateway proxy error", "code": "ECONNRESET"})),
        Step::json(200, &json!("nonsense")),
        Step::CutOff,
        Step::Close,
    ];
    let count = steps.len();
    let stub = Stub::start("", steps).await;
    for _ in 0..count {
        let failure =
            Erxes.ensure_client(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &client(None)).await.unwrap_err();
        assert_eq!(failure.class, RETRY, "{failure}");
    }
    assert_eq!(stub.seen().len(), count);
}

#[tokio::test]
async fn a_clients_message_goes_in_as_the_clients() {
    for (token, conversation) in [(None, None), (None, Some("con1")), (Some(TOKEN), Some("con1"))] {
        let stub = Stub::start("", vec![inserted()]).await;
        let result = Erxes
            .append_note(&CrmCall::new(&http(), &account(&stub, token), UNATTENDED), &message(Author::Client, conversation))
            .await;
        assert_eq!(result.unwrap(), recorded());
        let seen = stub.seen().remove(0);
        assert_eq!(seen.headers.get("erxes-app-token").map(|value| value.to_str().unwrap()), token);
        let mut expected =
            json!({"integrationId": "int1", "customerId": "cus1", "message": "завтра в 15", "contentType": "text"});
        if let Some(conversation) = conversation {
            expected["conversationId"] = json!(conversation);
        }
        assert_eq!(seen.body, json!({"query": operations::INSERT.document, "variables": expected}));
    }
}

#[tokio::test]
async fn a_salons_message_is_an_operators_where_that_is_possible_and_marked_where_not() {
    let added = data("conversationMessageAdd", json!({"_id": "m1", "conversationId": "con1"}));
    let stub = Stub::start("", vec![added, inserted(), inserted(), inserted()]).await;
    for (token, conversation) in [(Some(TOKEN), Some("con1")), (None, Some("con1")), (Some(TOKEN), None), (None, None)] {
        let result = Erxes
            .append_note(&CrmCall::new(&http(), &account(&stub, token), UNATTENDED), &message(Author::Salon, conversation))
            .await;
        assert_eq!(result.unwrap(), recorded());
    }
    let seen = stub.seen();
    let operator = json!({"conversationId": "con1", "content": "завтра в 15", "internal": false, "contentType": "text"});
    assert_eq!(seen[0].body, json!({"query": operations::ADD.document, "variables": operator}));
    for marked in &seen[1..] {
        assert_eq!(marked.body["query"], operations::INSERT.document);
        assert_eq!(marked.body["variables"]["message"], "[salon] завтра в 15");
    }
}

#[tokio::test]
async fn a_message_that_may_be_there_is_unknown_and_a_result_counts_more_than_errors() {
    let mut partial = graph_error("Cannot publish", "SYSTEM");
    partial["data"] = json!({"widgetsInsertMessage": {"_id": "m1", "conversationId": "con1"}});
    let steps = vec![
        Step::json(200, &graph_error("timeout", "SYSTEM")),
        Step::json(200, &json!({"data": {"widgetsInsertMessage": null}})),
        Step::json(504, &json!({"error": "Gateway timeout"})),
        Step::json(200, &json!(1)),
        Step::CutOff,
        Step::Close,
        Step::json(200, &partial),
    ];
    let unknown = steps.len() - 1;
    let stub = Stub::start("", steps).await;
    let (http, account, message) = (http(), account(&stub, None), message(Author::Client, None));
    for _ in 0..unknown {
        let failure = Erxes.append_note(&CrmCall::new(&http, &account, UNATTENDED), &message).await.unwrap_err();
        assert_eq!(failure.class, Class::Unknown, "{failure}");
    }
    assert_eq!(Erxes.append_note(&CrmCall::new(&http, &account, UNATTENDED), &message).await.unwrap(), recorded());
}

fn stored(id: &str, text: &str, user: Option<&str>, seconds: i64) -> Value {
    json!({
        "_id": id, "conversationId": "con1", "content": text, "userId": user, "createdAt": at(seconds).to_rfc3339(),
        "customerId": if user.is_none() { json!("cus1") } else { Value::Null },
    })
}

async fn found(author: Author, messages: Value, taken: &[&str]) -> Option<String> {
    let stub = Stub::start("", vec![data("conversationMessages", messages)]).await;
    let taken: Vec<String> = taken.iter().map(|id| (*id).to_owned()).collect();
    let message = message(author, Some("con1"));
    let result =
        Erxes.find_note(&CrmCall::new(&http(), &account(&stub, Some(TOKEN)), UNATTENDED), &message, at(0), &taken).await.unwrap();
    assert_eq!(stub.seen()[0].body["variables"], json!({"conversationId": "con1", "skip": 0, "limit": 100}));
    result.map(|recorded| recorded.note)
}

#[tokio::test]
async fn a_look_up_takes_the_earliest_message_that_can_be_this_one() {
    let text = "завтра в 15";
    let same = |id: &str, seconds: i64| stored(id, text, None, seconds);
    assert_eq!(found(Author::Client, json!([same("b", 5), same("a", 1)]), &[]).await.as_deref(), Some("a"));
    assert_eq!(found(Author::Client, json!([same("b", 5), same("a", 1)]), &["a"]).await.as_deref(), Some("b"));
    assert_eq!(found(Author::Client, json!([same("b", 5), same("a", 1)]), &["a", "b"]).await, None);
    assert_eq!(found(Author::Client, json!([same("old", -3)]), &[]).await, None);
    assert_eq!(found(Author::Client, json!([same("skewed", -2)]), &[]).await.as_deref(), Some("skewed"));
    assert_eq!(found(Author::Client, json!([stored("x", "в 16", None, 1)]), &[]).await, None);
    assert_eq!(found(Author::Client, json!([stored("op", text, Some("u1"), 1)]), &[]).await, None, "an operator's same words");
    assert_eq!(found(Author::Salon, json!([same("cl", 1)]), &[]).await, None, "the client's same words");
    assert_eq!(found(Author::Salon, json!([stored("op", text, Some("app:1"), 1)]), &[]).await.as_deref(), Some("op"));
    let marked = stored("marked", "[salon] завтра в 15", None, 1);
    assert_eq!(found(Author::Salon, json!([marked]), &[]).await.as_deref(), Some("marked"));
    let millis = json!({"_id": "ms", "content": text, "createdAt": at(1).timestamp_millis()});
    assert_eq!(found(Author::Client, json!([millis]), &[]).await.as_deref(), Some("ms"));
    assert_eq!(found(Author::Client, json!([{"_id": "timeless", "content": text}]), &[]).await, None);
}

#[tokio::test]
async fn without_a_conversation_only_new_ones_are_searched() {
    let conversations = json!([
        {"_id": "new", "createdAt": at(1).to_rfc3339()}, {"_id": "old", "createdAt": at(-60).to_rfc3339()},
    ]);
    let steps = vec![
        data("widgetsConversations", conversations),
        data("conversationMessages", json!([stored("m1", "завтра в 15", None, 1)])),
    ];
    let stub = Stub::start("", steps).await;
    let result = Erxes
        .find_note(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &message(Author::Client, None), at(0), &[])
        .await
        .unwrap();
    assert_eq!(result, Some(Noted { conversation: Some("new".to_owned()), note: "m1".to_owned() }));
    let seen = stub.seen();
    assert_eq!(seen[0].body["variables"], json!({"integrationId": "int1", "customerId": "cus1"}));
    assert_eq!(seen.len(), 2, "the old conversation was not read");
}

#[tokio::test]
async fn a_long_conversation_is_read_back_to_the_attempt() {
    let page = |from: i64| (0..100).map(|index| stored(&format!("x{from}-{index}"), "x", None, from)).collect::<Value>();
    let last = json!([stored("mine", "завтра в 15", None, 1), stored("before", "x", None, -100)]);
    let stub = Stub::start("", vec![data("conversationMessages", page(9)), data("conversationMessages", last)]).await;
    let message = message(Author::Client, Some("con1"));
    let result = Erxes.find_note(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &message, at(0), &[]).await.unwrap();
    assert_eq!(result.unwrap().note, "mine");
    assert_eq!(stub.seen()[1].body["variables"]["skip"], 100);
}

#[tokio::test]
async fn a_look_up_that_fails_is_no_answer() {
    let steps = vec![Step::json(200, &graph_error("db", "SYSTEM")), Step::Close];
    let stub = Stub::start("", steps).await;
    for _ in 0..2 {
        let message = message(Author::Client, Some("con1"));
        let failure =
            Erxes.find_note(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &message, at(0), &[]).await.unwrap_err();
        assert_eq!(failure.class, RETRY);
    }
}
