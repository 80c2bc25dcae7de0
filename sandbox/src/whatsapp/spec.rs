//! Meta's own OpenAPI document, and the check of calls, answers and webhooks against it.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::repairs::repaired;
use crate::openapi::Spec;

/// Version 23.0, reduced; its origin and licence are beside the file.
pub(super) const OPENAPI: &str = include_str!("../../spec/meta/openapi.json");

pub(super) const SEND: &str = "POST /{Version}/{Phone-Number-ID}/messages";
pub(super) const NUMBER: &str = "GET /{Version}/{Phone-Number-ID}";
pub(super) const TEMPLATES: &str = "GET /{Version}/{WABA-ID}/message_templates";
pub(super) const SUBSCRIBE: &str = "POST /{Version}/{WABA-ID}/subscribed_apps";
pub(super) const SUBSCRIBED: &str = "GET /{Version}/{WABA-ID}/subscribed_apps";
pub(super) const UNSUBSCRIBE: &str = "DELETE /{Version}/{WABA-ID}/subscribed_apps";
const WEBHOOK: &str = "POST /whatsapp/webhooks";

#[allow(clippy::expect_used, reason = "the document is compiled in and every test reads it")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| {
    let document = serde_json::from_str(OPENAPI).expect("the embedded document is JSON");
    Spec::of(&repaired(document)).expect("the embedded OpenAPI document")
});

/// What the document holds against a body.
pub(super) fn check_body(operation: &str, parameters: &Map<String, Value>) -> Vec<String> {
    let mut complaints = SPEC.check_body(operation, &Value::Object(parameters.clone()));
    complaints.sort();
    complaints.dedup();
    complaints
}

/// Parameters of the query that the operation doesn't have. The token may be one on every Graph call.
pub(super) fn unknown_parameters(operation: &str, query: &[(String, String)]) -> Vec<String> {
    let query: Vec<_> = query.iter().filter(|(name, _)| name != "access_token").cloned().collect();
    let problems = SPEC.check_query(operation, &query);
    problems.unknown.into_iter().chain(problems.wrong).collect()
}

/// What the document holds against an answer of ours.
pub(super) fn check_answer(operation: &str, answer: &Value) -> Vec<String> {
    SPEC.check_answer(operation, 200, answer)
}

/// What the document holds against a webhook of ours.
pub(super) fn check_webhook(body: &Value) -> Vec<String> {
    SPEC.check_body(WEBHOOK, body)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn examples(path: &str) -> Vec<(String, Value)> {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let examples = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"].clone();
        examples.as_object().unwrap().iter().map(|(name, example)| (name.clone(), example["value"].clone())).collect()
    }

    fn refused(path: &str, check: fn(&Value) -> Vec<String>) -> Vec<String> {
        examples(path).into_iter().filter(|(_, body)| !check(body).is_empty()).map(|(name, _)| name).collect()
    }

    /// The document is held to its own examples. What stays refused is of kinds the stand-in doesn't play (catalogues, flows, orders,
    /// places) or broken in itself: a list without its `type`, booleans as texts.
    #[test]
    fn the_vendors_own_examples_of_what_is_sent_pass() {
        let refused = refused("/{Version}/{Phone-Number-ID}/messages", |body| check_body(SEND, body.as_object().unwrap()));
        assert_eq!(
            refused,
            [
                "Send Catalog Template Message",
                "Send Flow Template Message",
                "Send Location Message",
                "Send Multi-Product Message",
                "Send Order Details Message",
                "Send Order Status Message",
                "Send Reply to List Message",
                "Send Reply to Location Message",
                "Send Sample Issue Resolution Template",
            ]
        );
    }

    /// The examples of groups write numbers as texts and the other way round.
    #[test]
    fn the_vendors_own_examples_of_what_arrives_pass() {
        assert_eq!(refused("/whatsapp/webhooks", check_webhook), ["Group Create Message", "Group Settings Update"]);
    }

    #[test]
    fn complaints_name_the_place() {
        let send = |body: Value| check_body(SEND, body.as_object().unwrap());
        let text = json!({"messaging_product": "whatsapp", "to": "1", "type": "text", "text": {"body": "a"}});
        assert_eq!(send(text.clone()), Vec::<String>::new());
        for (place, wrong) in [("/text", json!({"text": {}})), ("/type", json!({"type": "fax"})), ("", json!({"telephone": "1"}))]
        {
            let mut body = text.clone();
            body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
            let complaints = send(body);
            assert!(complaints.iter().any(|complaint| complaint.starts_with(place)), "{complaints:?}");
            assert!(!complaints.is_empty());
        }
        let button = json!({"type": "reply", "reply": {"id": "a", "title": "x".repeat(21)}});
        let complaints = send(json!({"messaging_product": "whatsapp", "to": "1", "type": "interactive", "interactive": {
            "type": "button", "body": {"text": "?"}, "action": {"buttons": [button]}}}));
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(complaints[0].starts_with("/interactive/action/buttons/0/reply/title: "), "{complaints:?}");
        assert!(!complaints[0].contains("xxx"), "{complaints:?}");
    }
}
