//! MAX's OpenAPI document made usable. As published it is no valid OpenAPI 3.0, says of MAX's own messages that they are wrong, and
//! lets a button pass whose kind it doesn't know. Each repair states its reason; nothing else is changed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// What the document demands and MAX's own servers, clients and examples leave out: schema, members, reason.
const NOT_REQUIRED: &[(&str, &[&str], &str)] = &[
    ("NewMessageBody", &["text", "attachments", "link"], "the document's own examples leave them out, and so do MAX's clients"),
    ("MessageBody", &["link"], "the schema has no such member"),
    ("MessageBody", &["text", "attachments"], "a real message without them has no such members"),
    (
        "User",
        &["username", "last_activity_time", "name"],
        "people without a public name have none, those who hide their hours no time, and `name` is going",
    ),
    ("Recipient", &["user_id"], "a group has none"),
];

/// MAX: real chats are dialogues, groups and channels; the document's list ends after the first it names.
const CHAT_TYPES: &[&str] = &["dialog", "chat", "channel"];

/// The operation that stands for MAX calling a webhook, which the document describes in prose only.
pub(super) const WEBHOOK: &str = "POST /webhook";

/// The document in a form that JSON Schema can check with.
pub(super) fn repaired(mut document: Value) -> Value {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, members, _) in NOT_REQUIRED {
            drop_required(schemas, name, members);
        }
        if let Some(chat_type) = schemas.get_mut("ChatType") {
            chat_type["enum"] = json!(CHAT_TYPES);
        }
        let unions = unions(schemas);
        for schema in schemas.values_mut() {
            point_at_unions(schema, &unions);
        }
        schemas.extend(unions.iter().map(|(name, mapping)| (any_of(name), union(mapping))));
        schemas.values_mut().for_each(mend);
    }
    if let Some(paths) = document["paths"].as_object_mut() {
        let body = json!({"content": {"application/json": {"schema": {"$ref": reference(&any_of("Update"))}}}});
        paths.insert("/webhook".to_owned(), json!({"post": {"requestBody": body, "responses": {}}}));
    }
    document
}

fn drop_required(schemas: &mut Map<String, Value>, name: &str, members: &[&str]) {
    let required = schemas.get_mut(name).and_then(|schema| schema["required"].as_array_mut());
    if let Some(required) = required {
        required.retain(|member| members.iter().all(|dropped| member != dropped));
    }
}

/// The discriminators' mappings: schema, value of its `type`, schema of that kind. Most name the schema, those of `Update` wrap the name.
fn unions(schemas: &Map<String, Value>) -> BTreeMap<String, (String, BTreeMap<String, String>)> {
    let mapping = |schema: &Value| {
        let kinds = schema["discriminator"]["mapping"].as_object()?;
        let kinds = kinds
            .iter()
            .filter_map(|(kind, target)| Some((kind.clone(), target.as_str().or_else(|| target["$ref"].as_str())?.to_owned())));
        Some((schema["discriminator"]["propertyName"].as_str()?.to_owned(), kinds.collect()))
    };
    schemas.iter().filter_map(|(name, schema)| Some((name.clone(), mapping(schema)?))).collect()
}

/// JSON Schema knows no discriminator: whoever means any kind of button must be checked by that kind's schema. The kinds themselves
/// go on referring to what they have in common, in their `allOf`.
fn point_at_unions(schema: &mut Value, unions: &BTreeMap<String, (String, BTreeMap<String, String>)>) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                let target = value.as_str().and_then(|target| target.rsplit('/').next());
                match target.filter(|target| key == "$ref" && unions.contains_key(*target)).map(any_of) {
                    Some(target) => *value = json!(reference(&target)),
                    None if key == "allOf" && extends(value, unions) => {
                        value.as_array_mut().into_iter().flatten().skip(1).for_each(|part| point_at_unions(part, unions));
                    }
                    None => point_at_unions(value, unions),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| point_at_unions(value, unions)),
        _ => {}
    }
}

/// True for the `allOf` of a kind: it begins with what all kinds share.
fn extends(all_of: &Value, unions: &BTreeMap<String, (String, BTreeMap<String, String>)>) -> bool {
    let base = all_of[0]["$ref"].as_str().and_then(|base| base.rsplit('/').next());
    base.is_some_and(|base| unions.contains_key(base))
}

fn union((member, kinds): &(String, BTreeMap<String, String>)) -> Value {
    let names: Vec<&String> = kinds.keys().collect();
    let choices: Vec<Value> = kinds
        .iter()
        .map(|(kind, target)| {
            json!({"if": {"properties": {member: {"const": kind}}, "required": [member]}, "then": {"$ref": target}})
        })
        .collect();
    json!({"type": "object", "required": [member], "properties": {member: {"enum": names}}, "allOf": choices})
}

fn any_of(name: &str) -> String {
    format!("Any{name}")
}

fn reference(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

/// What JSON Schema needs said otherwise, in a schema and all below it.
fn mend(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(mend);
            mend_one(object);
        }
        Value::Array(values) => values.iter_mut().for_each(mend),
        _ => {}
    }
}

fn mend_one(schema: &mut Map<String, Value>) {
    // `required` belongs to the object that has the members; on a member it means nothing.
    if schema.get("required").is_some_and(Value::is_boolean) {
        schema.remove("required");
    }
    // Nearly no schema says that it is an object, so that a number would pass for a message.
    if schema.get("properties").is_some_and(Value::is_object) && !schema.contains_key("type") {
        schema.insert("type".to_owned(), json!("object"));
    }
    // A list has no length, but a number of items.
    if schema.get("type").is_some_and(|kind| kind == "array")
        && let Some(least) = schema.remove("minLength")
    {
        schema.insert("minItems".to_owned(), least);
    }
    // OpenAPI 3.0's `nullable` is a list of types in JSON Schema, and an alternative where the type is elsewhere.
    if schema.remove("nullable") == Some(json!(true)) {
        match schema.get("type") {
            Some(kind) if !schema.contains_key("allOf") => {
                let kinds = json!([kind, "null"]);
                schema.insert("type".to_owned(), kinds);
            }
            _ => {
                let value = Value::Object(std::mem::take(schema));
                schema.insert("anyOf".to_owned(), json!([{"type": "null"}, value]));
            }
        }
    }
}
