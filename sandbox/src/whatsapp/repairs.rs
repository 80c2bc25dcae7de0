//! What in Meta's OpenAPI document contradicts the document itself or the vendor's pages, and is put right when it is read.

use serde_json::{Map, Value, json};

/// Why, and what is changed.
type Repair = (&'static str, fn(&mut Value));

/// All repairs, in the order in which they are made.
const REPAIRS: &[Repair] = &[
    ("`discriminator` means nothing to a JSON Schema: the schema that `type` names has to hold", follow_discriminators),
    ("the document's own example of a text has no `type`; Messages API: it is `text` when left out", |document| {
        set(document, "/components/schemas/BaseMessageProperties/required", json!(["messaging_product"]))
    }),
    ("the value of `messaging_product` is stated in prose only", |document| {
        set(document, "/components/schemas/BaseMessageProperties/properties/messaging_product/const", json!("whatsapp"));
        set(document, "/components/schemas/MarkMessageRequestPayload/properties/messaging_product/const", json!("whatsapp"));
    }),
    ("Business-scoped user IDs: `recipient` stands in for `to`; the document is older", |document| {
        let base = "/components/schemas/BaseMessageProperties";
        set(document, &format!("{base}/properties/recipient"), json!({"type": "string"}));
        set(document, &format!("{base}/anyOf"), json!([{"required": ["to"]}, {"required": ["recipient"]}]));
    }),
    (
        "Messages webhook, statuses: `biz_opaque_callback_data` is a parameter of sending, and the document forgets it",
        |document| {
            let base = "/components/schemas/BaseMessageProperties/properties/biz_opaque_callback_data";
            set(document, base, json!({"type": "string"}));
        },
    ),
    ("a text without a body is none: the body is required on the page of text messages", |document| {
        set(document, "/components/schemas/TextMessage/allOf/1/properties/text/required", json!(["body"]))
    }),
    (
        "which `action` belongs to an interactive message follows from its `type`; button and list messages need a body",
        bind_actions,
    ),
    ("buttons of templates: the document's own examples write `index` as a number, and so do the vendor's pages", |document| {
        let either =
            json!({"anyOf": [{"type": "string", "pattern": "^[0-9]$"}, {"type": "integer", "minimum": 0, "maximum": 9}]});
        set(document, "/components/schemas/TemplateComponent/properties/index", either.clone());
        set(document, "/components/schemas/ButtonComponent/allOf/1/properties/index", either);
    }),
    ("only `status: read` marks a message, with a typing indicator if wanted; a message has no `status`", |document| {
        let mark = "/components/schemas/MarkMessageRequestPayload/properties";
        set(document, &format!("{mark}/status/const"), json!("read"));
        let typing = json!({"type": "object", "required": ["type"], "properties": {"type": {"const": "text"}}});
        set(document, &format!("{mark}/typing_indicator"), typing);
        let body = "/paths/~1{Version}~1{Phone-Number-ID}~1messages/post/requestBody/content/application~1json/schema";
        let either = json!({
            "if": {"required": ["status"]},
            "then": {"$ref": "#/components/schemas/MarkMessageRequestPayload"},
            "else": {"$ref": "#/components/schemas/Message"},
        });
        set(document, body, either);
    }),
    (
        "the list of templates names `name` as its only parameter, but is an edge like any other: paging, `fields` and filters",
        |document| {
            let list = "/paths/~1{Version}~1{WABA-ID}~1message_templates/get/parameters";
            for name in ["fields", "summary", "limit", "after", "before", "language", "status", "category"] {
                push(document, list, json!({"name": name, "in": "query", "schema": {"type": "string"}}));
            }
        },
    ),
    ("a text's `context` may stand without a product: it is there when the client answers any message", |document| {
        set(document, "/components/schemas/ContextObject/required", json!(["from", "id"]))
    }),
    ("Business-scoped user IDs: `from` is missing where the client has a username; `from_user_id` is there then", |document| {
        let base = "/components/schemas/BaseMessageProperties_1";
        set(document, &format!("{base}/required"), json!(["id", "timestamp"]));
        set(document, &format!("{base}/anyOf"), json!([{"required": ["from"]}, {"required": ["from_user_id"]}]));
    }),
    ("Business-scoped user IDs: `recipient_id` is missing where the client has a username", |document| {
        let statuses = "/components/schemas/Statuses";
        set(document, &format!("{statuses}/required"), json!(["id", "status", "timestamp"]));
        let either = json!([{"required": ["recipient_id"]}, {"required": ["recipient_user_id"]}]);
        set(document, &format!("{statuses}/anyOf"), either);
    }),
    ("Messages webhook, statuses: `played` is a status too", |document| {
        push(document, "/components/schemas/Statuses/properties/status/enum", json!("played"))
    }),
    ("`href` of an error is a path on Meta's site in the vendor's own examples, not a URI", |document| {
        set(document, "/components/schemas/ErrorObject_2/properties/href", json!({"type": "string"}))
    }),
    ("a shared contact's number may be of type MOBILE, and of others, in the document's own example", |document| {
        set(document, "/components/schemas/PhoneObject/properties/type", json!({"type": "string"}))
    }),
    ("a place that is no business has neither name nor address", |document| {
        let location = "/components/schemas/LocationMessage_1/allOf/1/properties/location/required";
        set(document, location, json!(["latitude", "longitude"]));
    }),
    ("a reaction that is taken back comes without an emoji", |document| {
        let reaction = "/components/schemas/ReactionMessage_1/allOf/1/properties/reaction/required";
        set(document, reaction, json!(["message_id"]));
    }),
    ("a row of a list may have no description", |document| {
        let reply = "/components/schemas/InteractiveListReplyContent/properties/list_reply/required";
        set(document, reply, json!(["id", "title"]));
    }),
    ("clients edit and revoke messages; the document knows neither", |document| {
        for (kind, more) in [("edit", json!({"message": {"type": "object"}})), ("revoke", json!({}))] {
            let mut properties = json!({"original_message_id": {"type": "string"}});
            if let (Some(properties), Some(more)) = (properties.as_object_mut(), more.as_object()) {
                properties.extend(more.clone());
            }
            let content = json!({"type": "object", "required": ["original_message_id"], "properties": properties});
            let schema = json!({"allOf": [
                    {"$ref": "#/components/schemas/BaseMessageProperties_1"},
                    {"type": "object", "required": [kind], "properties": {"type": {"const": kind}, kind: content}}]});
            set(document, &format!("/components/schemas/Incoming_{kind}"), schema);
            add_case(document, kind);
        }
    }),
    (
        "a change's value follows from its field: the document has no errors of a number and no other fields than messages and \
              groups",
        bind_changes,
    ),
    (
        "the schemas of messages forbid, in one part of their `allOf`, the very properties that the other part requires: what \
              is meant is the properties of all parts and no other",
        close_the_whole,
    ),
];

/// The document with all repairs made.
pub(super) fn repaired(mut document: Value) -> Value {
    for (_, change) in REPAIRS {
        change(&mut document);
    }
    document
}

/// Puts a value where a JSON Pointer leads; its last step may be new.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return };
    if let Some(Value::Object(object)) = document.pointer_mut(parent) {
        object.insert(name.replace("~1", "/"), value);
    }
}

fn push(document: &mut Value, pointer: &str, value: Value) {
    if let Some(Value::Array(list)) = document.pointer_mut(pointer) {
        list.push(value);
    }
}

fn close_the_whole(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let all = schemas.clone();
    for schema in schemas.values_mut() {
        let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) else { continue };
        let mut closed = false;
        let mut known = Map::new();
        for part in parts {
            let name = part["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
            let whole = name.and_then(|name| all.get(name)).unwrap_or(part);
            let properties = whole["properties"].as_object().into_iter().flat_map(|properties| properties.keys());
            known.extend(properties.map(|name| (name.clone(), json!(true))));
            closed |= part.as_object_mut().is_some_and(|part| part.remove("additionalProperties").is_some());
        }
        if closed {
            schema["properties"] = Value::Object(known);
            schema["additionalProperties"] = json!(false);
        }
    }
}

/// Under each discriminator: the schema that its mapping names for the value of `type`. Where mapped schemas are built on the one that
/// discriminates, the choice goes to where that one is used, or it would never end.
fn follow_discriminators(document: &mut Value) {
    let choose = |document: &Value, name: &str| {
        let mapping = &document["components"]["schemas"][name]["discriminator"]["mapping"];
        choice(mapping.as_object().into_iter().flatten().map(|(kind, reference)| (kind.as_str(), reference.clone())), None)
    };
    let message = choose(document, "Message");
    let incoming = choose(document, "IncomingMessage");
    let components = choose(document, "TemplateComponent");
    let parameters = choose(document, "ParameterObject");
    let of_buttons = choose(document, "ButtonParameterObject");
    set(document, "/components/schemas/Message", with_default(message, "text"));
    set(document, "/components/schemas/IncomingMessage", incoming);
    set(document, "/components/schemas/TemplateObject/properties/components/items", components);
    for component in ["HeaderComponent", "BodyComponent"] {
        let items = format!("/components/schemas/{component}/allOf/1/properties/parameters/items");
        set(document, &items, parameters.clone());
    }
    set(document, "/components/schemas/ButtonComponent/allOf/1/properties/parameters/items", of_buttons);
    let reply = "/components/schemas/InteractiveMessageReply/allOf/1/properties/interactive";
    let mapping = document.pointer(&format!("{reply}/discriminator/mapping")).cloned().unwrap_or_default();
    let replies = mapping.as_object().into_iter().flatten().map(|(kind, reference)| (kind.as_str(), reference.clone()));
    set(document, reply, choice(replies, None));
}

/// Exactly the case that `type` names; a type without a case is refused.
fn choice<'a>(cases: impl Iterator<Item = (&'a str, Value)>, default: Option<&str>) -> Value {
    let cases: Vec<(&str, Value)> = cases.collect();
    let kinds: Vec<&str> = cases.iter().map(|(kind, _)| *kind).collect();
    let branches: Vec<Value> = cases
        .iter()
        .map(|(kind, reference)| {
            json!({"if": {"required": ["type"], "properties": {"type": {"const": kind}}}, "then": {"$ref": reference}})
        })
        .collect();
    let required: &[&str] = if default.is_some() { &[] } else { &["type"] };
    json!({"type": "object", "required": required, "properties": {"type": {"enum": kinds}}, "allOf": branches})
}

/// What holds when there is no `type`.
fn with_default(mut choice: Value, kind: &str) -> Value {
    let branches = choice["allOf"].as_array_mut();
    let default = branches.and_then(|branches| {
        let default = branches.iter().find(|branch| branch["if"]["properties"]["type"]["const"] == kind)?;
        let then = json!({"if": {"not": {"required": ["type"]}}, "then": default["then"]});
        branches.push(then.clone());
        Some(then)
    });
    if default.is_some() {
        choice["required"] = json!([]);
    }
    choice
}

fn add_case(document: &mut Value, kind: &str) {
    let incoming = "/components/schemas/IncomingMessage";
    push(document, &format!("{incoming}/properties/type/enum"), json!(kind));
    let case = json!({
        "if": {"required": ["type"], "properties": {"type": {"const": kind}}},
        "then": {"$ref": format!("#/components/schemas/Incoming_{kind}")},
    });
    push(document, &format!("{incoming}/allOf"), case);
}

fn bind_actions(document: &mut Value) {
    let actions = document["components"]["schemas"]["ActionObject"]["oneOf"].clone();
    let case = |kind: &str, action: &Value| {
        json!({"if": {"properties": {"type": {"const": kind}}},
               "then": {"required": ["body"], "properties": {"action": action}}})
    };
    let other = json!({"if": {"not": {"properties": {"type": {"enum": ["button", "list"]}}}},
        "then": {"properties": {"action": {"$ref": "#/components/schemas/ActionObject"}}}});
    let interactive = "/components/schemas/InteractiveObject";
    set(document, &format!("{interactive}/allOf"), json!([case("list", &actions[0]), case("button", &actions[1]), other]));
    set(document, &format!("{interactive}/properties/action"), json!({"type": "object"}));
}

fn bind_changes(document: &mut Value) {
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let has = |name: &str| json!({"required": [name]});
    let errors = json!({"properties": {"errors": {"type": "array", "minItems": 1, "items": schema("ErrorObject_2")},
        "metadata": schema("Metadata")}, "required": ["metadata"]});
    let messages = json!({
        "anyOf": [has("messages"), has("statuses"), has("errors")],
        "allOf": [
            {"if": has("statuses"), "then": schema("StatusMessageValue")},
            {"if": has("errors"), "then": errors},
            {"if": has("messages"), "then": {
                "if": has("contacts"), "then": schema("IncomingMessageValueGeneral"), "else": schema("IncomingMessageValueSystem")}},
        ],
    });
    let field = |name: &str, value: Value| json!({"if": {"properties": {"field": {"const": name}}}, "then": {"properties": {"value": value}}});
    let groups = ["group_lifecycle_update", "group_settings_update", "group_participant_update"];
    let mut cases = vec![field("messages", messages)];
    cases.extend(groups.map(|name| field(name, schema("GroupValue"))));
    let change = json!({"type": "object", "required": ["field", "value"],
        "properties": {"field": {"type": "string"}, "value": {"type": "object"}}, "allOf": cases});
    set(document, "/components/schemas/Change", change);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatsapp::spec::OPENAPI;

    #[test]
    fn every_repair_changes_something() {
        let mut document: Value = serde_json::from_str(OPENAPI).unwrap();
        for (why, change) in REPAIRS {
            let before = document.clone();
            change(&mut document);
            assert_ne!(before, document, "{why}");
        }
    }
}
