//! The rules of Instagram messaging as data: a hand-made OpenAPI document for shapes and lengths, and what such a document can't say.

use std::sync::LazyLock;

use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{meta::graph::Refusal, openapi::Spec};

/// Both were written from the vendor's pages: `spec/instagram/SOURCE.txt`.
const OPENAPI: &str = include_str!("../../spec/instagram/openapi.json");
const RULES: &str = include_str!("../../spec/instagram/rules.json");

pub(super) const SEND: &str = "POST /{Version}/{IG-ID}/messages";
pub(super) const NODE: &str = "GET /{Version}/{IG-ID}";
pub(super) const SUBSCRIBE: &str = "POST /{Version}/{IG-ID}/subscribed_apps";
pub(super) const SUBSCRIBED: &str = "GET /{Version}/{IG-ID}/subscribed_apps";
pub(super) const UNSUBSCRIBE: &str = "DELETE /{Version}/{IG-ID}/subscribed_apps";
pub(super) const REFRESH: &str = "GET /refresh_access_token";
const WEBHOOK: &str = "POST /instagram/webhooks";

#[allow(clippy::expect_used, reason = "the document is compiled in and every test reads it")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec::parse(OPENAPI).expect("the embedded OpenAPI document"));
#[allow(clippy::expect_used, reason = "the rules are compiled in and every test reads them")]
static FIGURES: LazyLock<Rules> = LazyLock::new(|| serde_json::from_str(RULES).expect("the embedded rules"));

#[derive(Debug, Deserialize)]
struct Rules {
    text: Bytes,
    quick_reply_title: Characters,
    window: Seconds,
    human_agent: Seconds,
    rate: Rate,
    token: Token,
    fields: Fields,
    errors: Vec<Error>,
}

#[derive(Debug, Deserialize)]
struct Bytes {
    bytes: usize,
}

#[derive(Debug, Deserialize)]
struct Characters {
    characters: usize,
}

#[derive(Debug, Deserialize)]
struct Seconds {
    seconds: i64,
}

#[derive(Debug, Deserialize)]
struct Rate {
    per_second: f64,
}

#[derive(Debug, Deserialize)]
struct Token {
    life_seconds: i64,
    refresh_after_seconds: i64,
}

#[derive(Debug, Deserialize)]
struct Fields {
    names: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Error {
    name: String,
    status: u16,
    r#type: String,
    code: i64,
    subcode: Option<i64>,
    message: String,
}

/// The most bytes of a text.
pub(super) fn text_bytes() -> usize {
    FIGURES.text.bytes
}

/// Characters of a quick reply's title that are shown.
pub(super) fn title_characters() -> usize {
    FIGURES.quick_reply_title.characters
}

/// For how long an account may answer a person's message.
pub(super) fn window() -> TimeDelta {
    TimeDelta::seconds(FIGURES.window.seconds)
}

/// For how long somebody at the salon may.
pub(super) fn human_window() -> TimeDelta {
    TimeDelta::seconds(FIGURES.human_agent.seconds)
}

/// Sends a second for one account.
pub(super) fn rate() -> f64 {
    FIGURES.rate.per_second
}

/// How long a token lives, and how old it must be to be refreshed.
pub(super) fn token_life() -> (TimeDelta, TimeDelta) {
    (TimeDelta::seconds(FIGURES.token.life_seconds), TimeDelta::seconds(FIGURES.token.refresh_after_seconds))
}

/// Whether an account's webhooks have such a field.
pub(super) fn has_field(name: &str) -> bool {
    FIGURES.fields.names.iter().any(|known| known == name)
}

/// Whether the table of errors has such a row.
pub(super) fn has_error(name: &str) -> bool {
    FIGURES.errors.iter().any(|error| error.name == name)
}

/// A row of the table of errors.
pub(super) fn refusal(name: &str) -> Refusal {
    let Some(error) = FIGURES.errors.iter().find(|error| error.name == name) else {
        return Refusal::new(500, 1, "An unknown error has occurred.");
    };
    Refusal { kind: &error.r#type, subcode: error.subcode, ..Refusal::new(error.status, error.code, error.message.clone()) }
}

/// A call that is wrong in itself.
pub(super) fn invalid(what: impl std::fmt::Display) -> Refusal {
    Refusal { message: format!("(#100) {what}"), ..refusal("invalid") }.violation()
}

/// What the document holds against a body.
pub(super) fn check_body(operation: &str, parameters: &Map<String, Value>) -> Vec<String> {
    let mut complaints = SPEC.check_body(operation, &Value::Object(parameters.clone()));
    complaints.sort();
    complaints.dedup();
    complaints
}

/// Parameters of a query that the operation doesn't have; or why it is refused. The token may be in it on every Graph call.
pub(super) fn check_query(operation: &str, query: &[(String, String)]) -> Result<Vec<String>, Refusal> {
    let known = |name: &str| name != "access_token" || operation == REFRESH;
    let query: Vec<_> = query.iter().filter(|(name, _)| known(name)).cloned().collect();
    let problems = SPEC.check_query(operation, &query);
    match problems.wrong.first() {
        Some(wrong) => Err(invalid(wrong)),
        None => Ok(problems.unknown),
    }
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

    fn send(body: Value) -> Vec<String> {
        check_body(SEND, body.as_object().unwrap())
    }

    fn message(message: Value) -> Vec<String> {
        send(json!({"recipient": {"id": "1"}, "message": message}))
    }

    #[test]
    fn the_vendors_shapes_pass() {
        let reply = |kind: &str| json!({"content_type": kind, "title": "t", "payload": "p"});
        let button = json!({"type": "postback", "title": "Yes", "payload": "ok"});
        for good in [
            json!({"text": "a"}),
            json!({"text": "a", "quick_replies": [reply("text"), {"content_type": "user_phone_number"}]}),
            json!({"attachment": {"type": "template", "payload": {"template_type": "button", "text": "?", "buttons": [button]}}}),
            json!({"attachment": {"type": "template", "payload": {"template_type": "generic", "elements": [{"title": "t", "subtitle": "s", "buttons": [button]}]}}}),
            json!({"attachment": {"type": "image", "payload": {"url": "https://a.example/1.png"}}}),
        ] {
            assert_eq!(message(good.clone()), Vec::<String>::new(), "{good}");
        }
        assert_eq!(send(json!({"recipient": {"id": "1"}, "sender_action": "typing_on"})), Vec::<String>::new());
        let human =
            json!({"recipient": {"id": "1"}, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT", "message": {"text": "a"}});
        assert_eq!(send(human), Vec::<String>::new());
    }

    #[test]
    fn others_do_not() {
        let replies = |count: usize| vec![json!({"content_type": "text", "title": "t", "payload": "p"}); count];
        let buttons = |count: usize| vec![json!({"type": "postback", "title": "t", "payload": "p"}); count];
        let template = |payload: Value| json!({"attachment": {"type": "template", "payload": payload}});
        for bad in [
            json!({}),
            json!({"text": ""}),
            json!({"text": "a", "attachment": {"type": "image", "payload": {"url": "u"}}}),
            json!({"text": "a", "colour": "red"}),
            json!({"text": "a", "quick_replies": replies(14)}),
            json!({"text": "a", "quick_replies": [{"content_type": "text", "title": "", "payload": "p"}]}),
            json!({"attachment": {"type": "image", "payload": {"url": "u"}}, "quick_replies": replies(1)}),
            template(json!({"template_type": "button", "text": "a".repeat(641), "buttons": buttons(1)})),
            template(json!({"template_type": "button", "text": "a", "buttons": buttons(4)})),
            template(json!({"template_type": "button", "text": "a", "buttons": []})),
            template(json!({"template_type": "generic", "elements": vec![json!({"title": "t"}); 11]})),
            template(json!({"template_type": "generic", "elements": [{"title": "a".repeat(81)}]})),
            template(json!({"template_type": "carousel"})),
        ] {
            assert_ne!(message(bad.clone()), Vec::<String>::new(), "{bad}");
        }
        for bad in [
            json!({"recipient": {"id": "1"}}),
            json!({"recipient": {"id": "1"}, "sender_action": "typing_on", "message": {"text": "a"}}),
            json!({"recipient": {"id": "1"}, "messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE", "message": {"text": "a"}}),
            json!({"recipient": {"id": "1"}, "tag": "HUMAN_AGENT", "message": {"text": "a"}}),
        ] {
            assert_ne!(send(bad.clone()), Vec::<String>::new(), "{bad}");
        }
    }

    #[test]
    fn every_rule_names_its_source() {
        let rules: Map<String, Value> = serde_json::from_str(RULES).unwrap();
        for (name, rule) in &rules {
            let parts = rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
            assert!(parts.iter().all(|part| part["source"].as_str().is_some_and(|source| source.len() > 10)), "{name}");
        }
        assert!(has_field("messages") && !has_field("colour"));
    }
}
