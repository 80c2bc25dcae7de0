//! Checks requests and answers against an OpenAPI 3.1 document: the part of it a stand-in needs.

use std::collections::HashMap;

use jsonschema::{Validator, error::ValidationErrorKind};
use serde_json::{Map, Value, json};

/// Why a document can't be used.
#[derive(Debug)]
pub struct BadDocument(String);

impl std::fmt::Display for BadDocument {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "not a usable OpenAPI document: {}", self.0)
    }
}

impl std::error::Error for BadDocument {}

#[derive(Debug)]
struct Parameter {
    required: bool,
    kind: String,
    check: Validator,
}

#[derive(Debug, Default)]
struct Operation {
    query: HashMap<String, Parameter>,
    body: Option<Validator>,
    answers: HashMap<u16, Validator>,
}

/// A parsed document, by operation: `POST /v2/bookings`.
#[derive(Debug)]
pub struct Spec {
    operations: HashMap<String, Operation>,
}

/// What is wrong with a query.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct QueryProblems {
    /// Parameters the operation doesn't have; many servers drop them silently.
    pub unknown: Vec<String>,
    /// Missing or malformed ones.
    pub wrong: Vec<String>,
}

impl Spec {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is not JSON, or one of its schemas is not a JSON Schema.
    pub fn parse(text: &str) -> Result<Self, BadDocument> {
        Self::of(&serde_json::from_str(text).map_err(|error| BadDocument(error.to_string()))?)
    }

    /// Takes a document that is read already.
    ///
    /// # Errors
    /// When one of its schemas is not a JSON Schema.
    pub fn of(document: &Value) -> Result<Self, BadDocument> {
        let mut operations = HashMap::new();
        for (path, methods) in object(&document["paths"]) {
            for (method, operation) in object(methods) {
                let name = format!("{} {path}", method.to_uppercase());
                operations.insert(name, Operation::parse(operation, &document["components"])?);
            }
        }
        Ok(Self { operations })
    }

    /// The names of all operations.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// Checks decoded query pairs; numbers and comma lists are read as the document types them.
    pub fn check_query(&self, operation: &str, pairs: &[(String, String)]) -> QueryProblems {
        let mut problems = QueryProblems::default();
        let Some(operation) = self.operations.get(operation) else {
            return problems;
        };
        for (name, text) in pairs {
            match operation.query.get(name) {
                None => problems.unknown.push(name.clone()),
                Some(parameter) => problems.wrong.extend(
                    complaints(&parameter.check, &parameter.read(text))
                        .into_iter()
                        .map(|complaint| format!("{name}: {complaint}")),
                ),
            }
        }
        let missing = operation
            .query
            .iter()
            .filter(|(name, parameter)| parameter.required && pairs.iter().all(|(given, _)| given != *name));
        problems.wrong.extend(missing.map(|(name, _)| format!("{name}: required")));
        problems.wrong.sort();
        problems
    }

    /// Checks a request's body; nothing to say when the operation takes none.
    pub fn check_body(&self, operation: &str, body: &Value) -> Vec<String> {
        self.operations
            .get(operation)
            .and_then(|operation| operation.body.as_ref())
            .map_or_else(Vec::new, |check| complaints(check, body))
    }

    /// Checks an answer's body. An operation or status the document doesn't have is itself a complaint.
    pub fn check_answer(&self, operation: &str, status: u16, body: &Value) -> Vec<String> {
        match self.operations.get(operation).and_then(|operation| operation.answers.get(&status)) {
            Some(check) => complaints(check, body),
            None => vec![format!("{operation} has no answer {status}")],
        }
    }
}

impl Operation {
    fn parse(operation: &Value, components: &Value) -> Result<Self, BadDocument> {
        let mut parsed = Self::default();
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "query" {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                parsed.query.insert(name, Parameter::parse(parameter, components)?);
            }
        }
        let body = json_schema(&operation["requestBody"]);
        if !body.is_null() {
            parsed.body = Some(validator(body, components)?);
        }
        for (status, answer) in object(&operation["responses"]) {
            if let Ok(status) = status.parse() {
                parsed.answers.insert(status, validator(json_schema(resolved(answer, components)), components)?);
            }
        }
        Ok(parsed)
    }
}

impl Parameter {
    fn parse(parameter: &Value, components: &Value) -> Result<Self, BadDocument> {
        let schema = resolved(&parameter["schema"], components);
        Ok(Self {
            required: parameter["required"] == true,
            kind: schema["type"].as_str().unwrap_or_default().to_owned(),
            check: validator(schema, components)?,
        })
    }

    fn read(&self, text: &str) -> Value {
        match self.kind.as_str() {
            "number" | "integer" => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
            "boolean" => text.parse::<bool>().map_or_else(|_| json!(text), |flag| json!(flag)),
            "array" => text.split(',').map(|item| json!(item.trim())).collect(),
            _ => json!(text),
        }
    }
}

fn validator(schema: &Value, components: &Value) -> Result<Validator, BadDocument> {
    let mut root = schema.as_object().cloned().unwrap_or_default();
    root.insert("components".to_owned(), components.clone());
    jsonschema::options()
        .should_validate_formats(true)
        .build(&Value::Object(root))
        .map_err(|error| BadDocument(error.to_string()))
}

/// Complaints name the place and the rule, never the value: bodies carry clients' names and phones.
fn complaints(check: &Validator, value: &Value) -> Vec<String> {
    check
        .iter_errors(value)
        .map(|error| {
            let place = error.instance_path().to_string();
            let complaint = match error.kind() {
                ValidationErrorKind::AdditionalProperties { unexpected } => {
                    let odd = unexpected.iter().map(|name| format!("property {name} should not exist"));
                    odd.collect::<Vec<_>>().join(",")
                }
                _ => error.masked().to_string(),
            };
            if place.is_empty() { complaint } else { format!("{place}: {complaint}") }
        })
        .collect()
}

/// What a reference into the components stands for, or the value itself.
fn resolved<'a>(value: &'a Value, components: &'a Value) -> &'a Value {
    let place = value["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/components"));
    place.and_then(|place| components.pointer(place)).unwrap_or(value)
}

fn json_schema(content: &Value) -> &Value {
    &content["content"]["application/json"]["schema"]
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r##"{"paths": {"/things": {"post": {
        "parameters": [
            {"in": "query", "name": "take", "required": true, "schema": {"type": "number", "maximum": 5}},
            {"in": "query", "name": "kinds", "required": false, "schema": {"type": "array", "items": {"enum": ["a", "b"]}}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
        "responses": {"201": {"content": {"application/json": {"schema": {"type": "null"}}}}}}}},
        "components": {"schemas": {"Thing": {"type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}}, "additionalProperties": false}}}}"##;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn bodies_are_checked_without_repeating_their_values() {
        let spec = Spec::parse(DOCUMENT).unwrap();
        assert!(spec.check_body("POST /things", &json!({"name": "x"})).is_empty());
        let complaints = spec.check_body("POST /things", &json!({"name": 79_991_234_567_i64}));
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("/name: "), "{complaints:?}");
        assert!(!complaints[0].contains("79991234567"), "{complaints:?}");
        assert_eq!(spec.check_body("POST /things", &json!({"name": "x", "more": 1})).len(), 1);
    }

    #[test]
    fn queries_are_read_as_typed() {
        let spec = Spec::parse(DOCUMENT).unwrap();
        assert_eq!(spec.check_query("POST /things", &pairs(&[("take", "5"), ("kinds", "a,b")])), QueryProblems::default());
        let problems = spec.check_query("POST /things", &pairs(&[("kinds", "a,c"), ("odd", "1")]));
        assert_eq!(problems.unknown, ["odd"]);
        assert_eq!(problems.wrong.len(), 2, "{problems:?}");
        assert_eq!(spec.check_query("POST /things", &pairs(&[("take", "six")])).wrong.len(), 1);
    }

    #[test]
    fn answers_are_checked_by_status() {
        let spec = Spec::parse(DOCUMENT).unwrap();
        assert!(spec.check_answer("POST /things", 201, &Value::Null).is_empty());
        assert_eq!(spec.check_answer("POST /things", 200, &Value::Null).len(), 1);
    }
}
