//! MAX's own OpenAPI document as the judge of what is sent to MAX, and of what this stand-in sends.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::Value;

use super::repairs::{WEBHOOK, repaired};
use crate::openapi::{self, BadDocument};

/// Version 0.0.32 of 1 July 2026; its origin and licence are beside the file.
const OPENAPI: &str = include_str!("../../spec/max/openapi.json");

/// What the stand-in plays. Compiling a check takes a while, so the rest of the document is left alone.
pub(super) const PLAYED: &[&str] = &[
    "GET /me",
    "GET /messages",
    "POST /messages",
    "PUT /messages",
    "DELETE /messages",
    "GET /messages/{messageId}",
    "POST /answers",
    "GET /subscriptions",
    "POST /subscriptions",
    "DELETE /subscriptions",
    "POST /chats/{chatId}/actions",
];

#[allow(clippy::expect_used, reason = "the document is compiled in and every test reads it")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec::read(OPENAPI).expect("the embedded OpenAPI document"));

/// The repaired document.
pub fn spec() -> &'static Spec {
    &SPEC
}

/// The repaired document, ready to check with.
#[derive(Debug)]
pub struct Spec {
    checks: openapi::Spec,
    document: Value,
}

/// What is wrong with a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems {
    /// What MAX refuses.
    pub refused: Vec<String>,
    /// Members and parameters the document doesn't have. MAX passes over them, so they are faults of the caller that it never learns of.
    pub unknown: Vec<String>,
}

impl Spec {
    fn read(text: &str) -> Result<Self, BadDocument> {
        let document: Value = serde_json::from_str(text).unwrap_or_default();
        let mut document = repaired(document);
        keep_played(&mut document);
        Ok(Self { checks: openapi::Spec::of(&document)?, document })
    }

    /// Checks a call's decoded query and its body.
    pub fn check_call(&self, operation: &str, query: &[(String, String)], body: Option<&Value>) -> Problems {
        let found = self.checks.check_query(operation, query);
        let mut problems = Problems { refused: found.wrong, unknown: found.unknown };
        // The document: `v` may be added to every request to name the version of the API.
        problems.unknown.retain(|name| name != "v");
        if let Some(body) = body {
            problems.refused.extend(self.checks.check_body(operation, body));
            self.strangers(self.body_schema(operation), body, "", &mut problems.unknown);
        }
        problems
    }

    /// Whether the operation takes a body.
    pub fn takes_body(&self, operation: &str) -> bool {
        !self.body_schema(operation).is_null()
    }

    /// Checks an answer's body.
    pub fn check_answer(&self, operation: &str, status: u16, body: &Value) -> Vec<String> {
        self.checks.check_answer(operation, status, body)
    }

    /// Checks what MAX posts to a webhook.
    pub fn check_update(&self, update: &Value) -> Vec<String> {
        self.checks.check_body(WEBHOOK, update)
    }

    /// The kinds of updates there are.
    pub fn update_types(&self) -> impl Iterator<Item = &str> {
        let kinds = &self.document["components"]["schemas"]["AnyUpdate"]["properties"]["update_type"]["enum"];
        kinds.as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    fn body_schema(&self, operation: &str) -> &Value {
        let (method, path) = operation.split_once(' ').unwrap_or_default();
        &self.document["paths"][path][method.to_lowercase()]["requestBody"]["content"]["application/json"]["schema"]
    }

    /// The members of `value` that the document doesn't have.
    fn strangers(&self, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                let mut known = HashMap::new();
                let mut open = false;
                self.members(schema, value, &mut known, &mut open);
                for (name, value) in object {
                    let path = format!("{path}/{name}");
                    match known.get(name.as_str()) {
                        Some(schema) => self.strangers(schema, value, &path, found),
                        None if open => {}
                        None => found.push(format!("{path}: no such member")),
                    }
                }
            }
            Value::Array(values) => {
                let items = self.items(schema);
                for (index, value) in values.iter().enumerate() {
                    self.strangers(items, value, &format!("{path}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    /// The members that the schema gives an object of this very kind, and whether it takes any others.
    fn members<'a>(&'a self, schema: &'a Value, value: &Value, known: &mut HashMap<&'a str, &'a Value>, open: &mut bool) {
        let schema = self.resolved(schema);
        if let Some(properties) = schema["properties"].as_object() {
            for (name, schema) in properties {
                known.entry(name).or_insert(schema);
            }
        }
        *open |= schema["additionalProperties"].is_object();
        for part in ["allOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten() {
            self.members(part, value, known, open);
        }
        let condition = schema["if"]["properties"].as_object().and_then(|properties| properties.iter().next());
        if condition.is_some_and(|(name, wanted)| value.get(name) == wanted.get("const")) {
            self.members(&schema["then"], value, known, open);
        }
    }

    fn items<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = self.resolved(schema);
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        std::iter::once(schema).chain(alternatives).find_map(|schema| schema.get("items")).unwrap_or(&Value::Null)
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let place = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        place.and_then(|place| self.document.pointer(place)).unwrap_or(schema)
    }
}

fn keep_played(document: &mut Value) {
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        if let Some(methods) = methods.as_object_mut() {
            methods.retain(|method, _| {
                let name = format!("{} {path}", method.to_uppercase());
                name == WEBHOOK || PLAYED.contains(&name.as_str())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIXTURES: &[(&str, &str)] = &[
        ("bot_stopped", include_str!("../../spec/max/fixtures/bot_stopped.json")),
        ("dialog_muted", include_str!("../../spec/max/fixtures/dialog_muted.json")),
        ("message_callback", include_str!("../../spec/max/fixtures/message_callback.json")),
        ("message_created.image", include_str!("../../spec/max/fixtures/message_created.image.json")),
        ("message_created.location", include_str!("../../spec/max/fixtures/message_created.location.json")),
        ("message_created.text", include_str!("../../spec/max/fixtures/message_created.text.json")),
        ("message_edited", include_str!("../../spec/max/fixtures/message_edited.json")),
        ("user_added", include_str!("../../spec/max/fixtures/user_added.json")),
    ];

    fn send(body: &Value) -> Problems {
        spec().check_call("POST /messages", &[("user_id".to_owned(), "7".to_owned())], Some(body))
    }

    fn with_button(button: &Value) -> Value {
        json!({"text": "a", "attachments": [{"type": "inline_keyboard", "payload": {"buttons": [[button]]}}]})
    }

    #[test]
    fn everything_played_is_in_the_document() {
        let spec = spec();
        let mut documented: Vec<&str> = spec.checks.operations().filter(|operation| *operation != WEBHOOK).collect();
        let mut played = PLAYED.to_vec();
        documented.sort_unstable();
        played.sort_unstable();
        assert_eq!(documented, played);
        assert_eq!(spec.update_types().count(), 15);
    }

    #[test]
    fn real_updates_fit_the_repaired_document() {
        let spec = spec();
        for (name, fixture) in FIXTURES {
            let mut update: Value = serde_json::from_str(fixture).unwrap();
            assert_eq!(spec.check_update(&update), Vec::<String>::new(), "{name}");
            update["timestamp"] = json!("yesterday");
            assert!(!spec.check_update(&update).is_empty(), "{name}");
            update["update_type"] = json!("never_heard_of");
            assert!(!spec.check_update(&update).is_empty(), "{name}");
        }
    }

    /// Once this fails, the vendor has repaired the document, and we need not.
    #[test]
    fn the_published_document_refuses_real_messages() {
        let mut published: Value = serde_json::from_str(OPENAPI).unwrap();
        let body = json!({"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Message"}}}});
        published["paths"] = json!({"/webhook": {"post": {"requestBody": body}}});
        assert!(openapi::Spec::of(&published).is_err());
        let attachments = &mut published["components"]["schemas"]["MessageBody"]["properties"]["attachments"];
        attachments.as_object_mut().unwrap().remove("required");
        let published = openapi::Spec::of(&published).unwrap();
        for (name, fixture) in FIXTURES {
            let update: Value = serde_json::from_str(fixture).unwrap();
            if let Some(message) = update.get("message") {
                assert!(published.check_body(WEBHOOK, message).len() > 1, "{name}");
            }
        }
    }

    #[test]
    fn what_maxs_own_client_sends_is_accepted() {
        for body in [
            json!({"text": "a"}),
            json!({"text": null, "attachments": []}),
            json!({"text": "a", "format": "html", "notify": false, "link": {"type": "reply", "mid": "mid.1"}}),
            with_button(&json!({"type": "callback", "text": "a", "payload": "v1:confirm:8f3c"})),
            with_button(&json!({"type": "request_contact", "text": "a"})),
            with_button(&json!({"type": "link", "text": "a", "url": "https://maps.example.org/1"})),
        ] {
            assert_eq!(send(&body), Problems::default(), "{body}");
        }
    }

    #[test]
    fn a_button_is_checked_by_its_kind() {
        for (button, complaint) in [
            (json!({"type": "callback", "text": "a"}), "\"payload\" is a required property"),
            (json!({"type": "callback", "text": "a", "payload": "x".repeat(1025)}), "longer than 1024"),
            (json!({"type": "callback", "text": "", "payload": "x"}), "shorter than 1"),
            (json!({"type": "callback", "text": "я".repeat(129), "payload": "x"}), "longer than 128"),
            (json!({"type": "link", "text": "a", "url": "x".repeat(2049)}), "longer than 2048"),
            (json!({"type": "chat", "text": "a", "chat_title": "b"}), "is not one of"),
            (json!({"text": "a"}), "\"type\" is a required property"),
            (json!("a"), "is not of type \"object\""),
        ] {
            let refused = send(&with_button(&button)).refused;
            assert!(refused.iter().any(|one| one.contains(complaint)), "{button}: {refused:?}");
        }
    }

    #[test]
    fn a_message_is_checked_without_repeating_it() {
        for body in [
            json!({"text": "я".repeat(4001)}),
            json!({"text": 79_991_234_567_i64}),
            json!({"text": "a", "format": "bbcode"}),
            json!({"text": "a", "link": {"type": "reply"}}),
            json!({"text": "a", "attachments": [{"type": "inline_keyboard", "payload": {"buttons": []}}]}),
            json!({"text": "a", "attachments": [{"type": "reply_keyboard", "buttons": []}]}),
            json!(["a"]),
        ] {
            let problems = send(&body);
            assert!(!problems.refused.is_empty(), "{body}");
            assert!(problems.refused.iter().all(|one| !one.contains("79991234567") && !one.contains("яя")), "{problems:?}");
        }
        assert_eq!(send(&json!({"text": "я".repeat(4000)})), Problems::default());
    }

    #[test]
    fn members_nobody_knows_are_named_and_pass() {
        let mut body = with_button(&json!({"type": "callback", "text": "a", "payload": "b", "intent": "default", "url": "c"}));
        body["keyboard"] = json!([]);
        let problems = send(&body);
        assert_eq!(problems.refused, Vec::<String>::new());
        let place = "/attachments/0/payload/buttons/0/0";
        let expected = [
            format!("{place}/intent: no such member"),
            format!("{place}/url: no such member"),
            "/keyboard: no such member".to_owned(),
        ];
        let mut unknown = problems.unknown;
        unknown.sort();
        assert_eq!(unknown, expected);
    }

    #[test]
    fn queries_are_read_as_typed() {
        let spec = spec();
        let check = |operation: &str, pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            spec.check_call(operation, &pairs, None)
        };
        let fine = [("user_id", "7"), ("disable_link_preview", "true"), ("v", "0.0.32")];
        assert_eq!(check("POST /messages", &fine), Problems::default());
        assert_eq!(check("GET /messages", &[("chat_id", "-7"), ("count", "100")]), Problems::default());
        assert_eq!(check("POST /messages", &[("user_id", "anna")]).refused.len(), 1);
        assert_eq!(check("POST /messages", &[("user_id", "7"), ("disable_link_preview", "1")]).refused.len(), 1);
        assert_eq!(check("GET /messages", &[("chat_id", "7"), ("count", "101")]).refused.len(), 1);
        assert_eq!(check("PUT /messages", &[]).refused.len(), 1);
        assert_eq!(check("POST /answers", &[("callback_id", " ")]).refused.len(), 1);
        assert_eq!(check("GET /me", &[("user", "7")]).unknown, ["user"]);
    }
}
