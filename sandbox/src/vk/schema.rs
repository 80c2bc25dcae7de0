//! VK's JSON schema made into a valid one.
//!
//! The published documents call themselves draft-07 and are not: `required: true` is on a property where draft-07 wants a list on
//! the object, and references go from file to file. Here they become one set of definitions, with the differences between the
//! schema and the vendor's pages and servers applied.

use serde_json::{Map, Value, json};

/// One place where the schema is known to be wrong.
pub(super) struct Difference {
    /// Where, as a JSON pointer into the definitions.
    pub(super) pointer: &'static str,
    /// What is true, as JSON.
    pub(super) is: &'static str,
    /// How it is known; read by people.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by people, and by the test that wants one for each"))]
    pub(super) because: &'static str,
}

/// Where VK's pages or servers differ from its schema.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        pointer: "/messages_keyboard/properties/one_time/required",
        is: "false",
        because: "VK's keyboard page: `one_time` may be left out, and its own inline examples do",
    },
    Difference {
        pointer: "/messages_keyboard_button/properties/color/enum",
        is: r#"["primary", "secondary", "positive", "negative"]"#,
        because: "VK's keyboard page: the fourth colour is `secondary`, not `default`",
    },
    Difference {
        pointer: "/callback_message_event/properties/payload/type",
        is: r#""object""#,
        because: "the servers send the object itself; VK's libraries refuse a string there",
    },
    Difference {
        pointer: "/callback_type/enum",
        is: r#"["confirmation", "message_new", "message_reply", "message_edit", "message_allow", "message_deny", "message_event",
               "group_join", "group_leave", "user_block", "user_unblock"]"#,
        because: "setCallbackSettings has `message_event`, the list has not; the others here are what this stand-in sends",
    },
];

/// The definitions of all `documents` under their own names, as draft-07.
pub(super) fn definitions(documents: &[Value]) -> Map<String, Value> {
    let mut raw = merged(documents);
    for difference in DIFFERENCES {
        if let (Some(place), Ok(truth)) = (raw.pointer_mut(difference.pointer), serde_json::from_str(difference.is)) {
            *place = truth;
        }
    }
    let Value::Object(raw) = raw else { return Map::new() };
    raw.iter().map(|(name, definition)| (name.clone(), valid(definition, &raw))).collect()
}

pub(super) fn merged(documents: &[Value]) -> Value {
    let all = documents.iter().filter_map(|document| document["definitions"].as_object()).flatten();
    Value::Object(all.map(|(name, definition)| (name.clone(), definition.clone())).collect())
}

/// One schema as draft-07; `known` are the definitions it may refer to. What it refers to beyond them may be anything.
pub(super) fn valid(schema: &Value, known: &Map<String, Value>) -> Value {
    let Some(schema) = schema.as_object() else { return schema.clone() };
    if let Some(name) = referred(schema) {
        return if known.contains_key(name) { json!({"$ref": format!("#/definitions/{name}")}) } else { json!({}) };
    }
    let mut out = Map::new();
    for (keyword, value) in schema {
        let value = match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let required: Vec<&String> =
                    properties.iter().filter(|(_, is)| is["required"] == true).map(|(name, _)| name).collect();
                if !required.is_empty() {
                    out.insert("required".to_owned(), json!(required));
                }
                properties.iter().map(|(name, property)| (name.clone(), valid(property, known))).collect()
            }
            ("items" | "additionalProperties", value) => valid(value, known),
            ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => parts.iter().map(|part| valid(part, known)).collect(),
            // Facts about the text and the reader, not about the value.
            ("required" | "discriminator" | "description" | "enumNames" | "entity" | "default", _) => continue,
            (_, value) => value.clone(),
        };
        out.insert(keyword.clone(), value);
    }
    Value::Object(out)
}

/// The name of the definition a schema is a reference to.
pub(super) fn referred(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// `schema` with the definitions it reaches, so that it can be compiled by itself.
pub(super) fn whole(schema: &Value, definitions: &Map<String, Value>) -> Value {
    let mut reached = Map::new();
    reach(schema, definitions, &mut reached);
    // Draft-07 ignores what stands beside a `$ref`.
    json!({"allOf": [schema], "definitions": reached})
}

fn reach(schema: &Value, definitions: &Map<String, Value>, reached: &mut Map<String, Value>) {
    match schema {
        Value::Object(object) => {
            if let Some(name) = referred(object)
                && let Some(definition) = definitions.get(name)
                && !reached.contains_key(name)
            {
                reached.insert(name.to_owned(), definition.clone());
                reach(definition, definitions, reached);
            }
            object.values().for_each(|value| reach(value, definitions, reached));
        }
        Value::Array(list) => list.iter().for_each(|value| reach(value, definitions, reached)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        json!({"definitions": {
            "a_thing": {"type": "object", "properties": {
                "id": {"type": "integer", "required": true, "description": "Its id"},
                "required": {"type": "string"},
                "photo": {"$ref": "../photos/objects.json#/definitions/photos_photo", "required": true},
                "other": {"$ref": "../a/objects.json#/definitions/a_kind"}}},
            "a_kind": {"type": "string", "enum": ["one", "two"], "enumNames": ["1", "2"]}}})
    }

    #[test]
    fn required_moves_to_the_object_and_references_into_one_document() {
        let definitions = definitions(&[document()]);
        let expected = json!({"type": "object", "required": ["id", "photo"], "properties": {
            "id": {"type": "integer"}, "required": {"type": "string"}, "photo": {}, "other": {"$ref": "#/definitions/a_kind"}}});
        assert_eq!(definitions["a_thing"], expected);
        let check = jsonschema::draft7::new(&whole(&definitions["a_thing"], &definitions)).unwrap();
        assert!(check.is_valid(&json!({"id": 1, "photo": "anything", "other": "two"})));
        for wrong in [json!({"photo": 1}), json!({"id": 1}), json!({"id": 1, "photo": 1, "other": "three"})] {
            assert!(!check.is_valid(&wrong), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_reached_is_carried_along() {
        let definitions = definitions(&[document()]);
        let alone = whole(&json!({"$ref": "#/definitions/a_kind"}), &definitions);
        assert_eq!(alone["definitions"].as_object().map(Map::len), Some(1));
    }
}
