use std::{collections::BTreeMap, time::Duration};

use async_graphql::parser::{
    parse_query, parse_schema,
    types::{DocumentOperations, OperationType, Selection, SelectionSet, Type, TypeDefinition, TypeKind, TypeSystemDefinition},
};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Erxes,
    error::{self, Effect},
    outbound,
};
use crate::{
    crm::{Author, ClientCard, Crm, CrmAccount, CrmCall, CrmSecrets, Ensured, FieldMap, NoteCard, Noted, UNATTENDED},
    ids::ClientId,
    vendor::{
        Class, Failure, Reply,
        stub::{Step, Stub, http},
    },
};

const TOKEN: &str = "sk_that_must_not_leak";
const RETRY: Class = Class::Retry { after: None };

fn account(stub: &Stub, token: Option<&str>) -> CrmAccount {
    let secrets = CrmSecrets { token: token.map(Into::into), ..CrmSecrets::default() };
    let settings = json!({"integration_id": "int1", "enabled": true});
    CrmAccount { base_url: stub.base_url.clone(), settings, fields: FieldMap::default(), secrets }
}

fn client(known_as: Option<&str>) -> ClientCard {
    ClientCard {
        id: ClientId(Uuid::from_u128(7)),
        known: known_as.map(str::to_owned),
        name: Some("Anna K".to_owned()),
        phone: Some("+79001234567".to_owned()),
        claimed_phone: None,
        email: None,
        language: None,
        channel: None,
        handle: None,
        first_touch: None,
        last_referral: None,
        no_shows: 0,
    }
}

fn message(author: Author, conversation_id: Option<&str>) -> NoteCard {
    NoteCard {
        client: "cus1".to_owned(),
        conversation: conversation_id.map(str::to_owned),
        author,
        text: "завтра в 15".to_owned(),
        at: at(0),
        in_talk: true,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000 + seconds, 0).unwrap()
}

fn data(field: &str, result: Value) -> Step {
    Step::json(200, &json!({"data": {field: result}}))
}

fn graph_error(message: &str, category: &str) -> Value {
    json!({"errors": [{"message": message, "extensions": {"code": "INTERNAL_SERVER_ERROR", "category": category}}], "data": null})
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
    assert_eq!(seen.body["query"], outbound::CONNECT.document);
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
        assert_eq!(seen.body, json!({"query": outbound::INSERT.document, "variables": expected}));
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
    assert_eq!(seen[0].body, json!({"query": outbound::ADD.document, "variables": operator}));
    for marked in &seen[1..] {
        assert_eq!(marked.body["query"], outbound::INSERT.document);
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

#[tokio::test]
async fn inspection_wants_a_messenger_integration() {
    let steps = vec![
        data("integrationDetail", json!({"kind": "messenger"})),
        data("integrationDetail", json!({"kind": "lead"})),
        data("integrationDetail", json!(null)),
        Step::json(401, &json!({"error": "Invalid app token"})),
    ];
    let stub = Stub::start("", steps).await;
    let (http, account) = (http(), account(&stub, Some(TOKEN)));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    assert_eq!(Erxes.inspect(&call).await.unwrap().known_as, "an app token");
    for code in ["integration_not_messenger", "integration_not_found", "app_token"] {
        assert_eq!(Erxes.inspect(&call).await, Err(Failure::new(Class::Credential, code)));
    }
    assert_eq!(stub.seen()[0].body["variables"], json!({"_id": "int1"}));
}

#[test]
fn every_row_of_the_error_table_is_reached_by_what_erxes_says() {
    let resolver = |text: &str| graph_error(text, "EXPECTED");
    let rows = [
        (429, json!({"error": "Too many requests"}), "too_many_requests", RETRY),
        (401, json!({"error": "Invalid app token"}), "app_token", Class::Credential),
        (403, json!("<html>"), "forbidden", Class::Credential),
        (404, json!("<html>"), "not_found", RETRY),
        (400, json!({"error": "Hostname is required"}), "request_refused", Class::Permanent),
        (502, json!({"error": "Gateway proxy error", "code": "ECONNREFUSED"}), "upstream_down", RETRY),
        (502, json!({"error": "Gateway proxy error", "code": "ECONNRESET"}), "gateway_error", Class::Unknown),
        (200, resolver("Login required"), "login_required", Class::Credential),
        (200, resolver("Invalid app token"), "app_token", Class::Credential),
        (200, resolver("Permission required"), "permission_required", Class::Credential),
        (200, resolver("OAuth scope required: contacts:update"), "scope_required", Class::Credential),
        (200, resolver("Integration not found"), "integration_not_found", Class::Credential),
        (200, resolver("Channel not found"), "channel_not_found", Class::Credential),
        (200, resolver("Customer not found"), "customer_not_found", Class::Permanent),
        (200, resolver("Duplicated phone"), "duplicated", Class::Permanent),
        (200, resolver("Something else"), "expected_error", Class::Permanent),
        (200, graph_error("Cannot read properties of undefined", "SYSTEM"), "system_error", Class::Unknown),
        (200, graph_error("sendgrid", "PROVIDER"), "provider_error", Class::Unknown),
        (200, graph_error("?", "UNKNOWN"), "unknown_error", Class::Unknown),
        (302, json!(null), "unexpected_status", Class::Permanent),
    ];
    assert_eq!(rows.len(), error::TABLE.len());
    for ((status, body, code, class), row) in rows.into_iter().zip(error::TABLE) {
        let reply = Reply { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() };
        assert_eq!(error::classify(&reply, Effect::Once), Failure::new(class, code), "{body}");
        assert_eq!(row.code, code, "{body} belongs to another row");
        let repeatable = if class == Class::Unknown { RETRY } else { class };
        assert_eq!(error::classify(&reply, Effect::Repeatable).class, repeatable, "{body}");
    }
}

#[tokio::test]
async fn a_rate_limits_own_time_is_kept() {
    let limited = Step::json(429, &json!({"error": "Too many requests"})).with_header("retry-after", "30");
    let stub = Stub::start("", vec![limited]).await;
    let failure = Erxes
        .append_note(&CrmCall::new(&http(), &account(&stub, None), UNATTENDED), &message(Author::Client, None))
        .await
        .unwrap_err();
    assert_eq!(failure.class, Class::Retry { after: Some(Duration::from_secs(30)) });
}

#[tokio::test]
async fn the_token_is_in_nothing_that_is_printed() {
    let stub = Stub::start("", vec![Step::json(401, &json!({"error": format!("Invalid app token {TOKEN}")}))]).await;
    let account = account(&stub, Some(TOKEN));
    let failure = Erxes.inspect(&CrmCall::new(&http(), &account, UNATTENDED)).await.unwrap_err();
    let printed = format!("{account:?} {failure} {failure:?}");
    assert!(!printed.contains(TOKEN), "{printed}");
}

/// The documents against a schema of the operations we use (erxes 3.0.91): every field and argument exists, every variable has its
/// argument's type, no required argument is left out.
#[test]
fn documents_fit_the_schema() {
    let schema = parse_schema(salon_sandbox::erxes::OPERATIONS).unwrap();
    let types: BTreeMap<String, TypeDefinition> = schema
        .definitions
        .into_iter()
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some((definition.node.name.node.to_string(), definition.node)),
            _ => None,
        })
        .collect();
    for operation in [
        &outbound::CONNECT,
        &outbound::INSERT,
        &outbound::ADD,
        &outbound::CONVERSATIONS,
        &outbound::MESSAGES,
        &outbound::INTEGRATION,
    ] {
        let document = parse_query(operation.document).unwrap();
        let DocumentOperations::Multiple(operations) = document.operations else { panic!("each document is named") };
        let parsed = operations.into_values().next().unwrap().node;
        let root = if parsed.ty == OperationType::Mutation { "Mutation" } else { "Query" };
        let variables: BTreeMap<String, Type> = parsed
            .variable_definitions
            .into_iter()
            .map(|variable| (variable.node.name.node.to_string(), variable.node.var_type.node))
            .collect();
        let fields = check(&types, root, &parsed.selection_set.node, &variables);
        assert_eq!(fields, [operation.field], "the result is read from this field");
    }
}

/// Checks a selection set and returns the names in it.
fn check(
    types: &BTreeMap<String, TypeDefinition>,
    on: &str,
    set: &SelectionSet,
    variables: &BTreeMap<String, Type>,
) -> Vec<String> {
    let TypeKind::Object(object) = &types[on].kind else { panic!("{on} is no object") };
    let mut names = Vec::new();
    for selection in &set.items {
        let Selection::Field(field) = &selection.node else { panic!("only fields") };
        let field = &field.node;
        let name = field.name.node.as_str();
        assert!(field.alias.is_none(), "{name} has an alias");
        let known =
            object.fields.iter().find(|known| known.node.name.node == name).unwrap_or_else(|| panic!("{on}.{name} is unknown"));
        for (argument, value) in &field.arguments {
            let wanted = known.node.arguments.iter().find(|known| known.node.name.node == argument.node.as_str());
            let wanted = wanted.unwrap_or_else(|| panic!("{on}.{name} has no argument {argument}", argument = argument.node));
            assert_eq!(value.node.to_string(), format!("${}", argument.node), "{name}: arguments are variables of the same name");
            assert_eq!(
                variables[argument.node.as_str()].to_string(),
                wanted.node.ty.node.to_string(),
                "{name}.{}",
                argument.node
            );
        }
        for required in known.node.arguments.iter().filter(|known| !known.node.ty.node.nullable) {
            assert!(field.arguments.iter().any(|(given, _)| given.node == required.node.name.node), "{name} lacks an argument");
        }
        let of = known.node.ty.node.base.to_string();
        let of = of.trim_matches(['[', ']', '!']);
        if !field.selection_set.node.items.is_empty() {
            check(types, of, &field.selection_set.node, variables);
        }
        names.push(name.to_owned());
    }
    names
}
