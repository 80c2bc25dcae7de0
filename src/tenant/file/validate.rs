//! The schema's rules, in words.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use super::parse::{Document, join};
use super::problem::Report;
use super::{SCHEMA, secret, suggest};

struct Schema {
    value: Value,
    validator: Validator,
}

#[allow(clippy::expect_used, reason = "the schema is compiled in, and every test of this module would fail on a bad one")]
static COMPILED: LazyLock<Schema> = LazyLock::new(|| {
    let value = serde_json::from_str(SCHEMA).expect("schema/tenant.schema.json is JSON");
    let validator = jsonschema::draft202012::new(&value).expect("schema/tenant.schema.json is a JSON Schema");
    Schema { value, validator }
});

/// Reports everything in which the document breaks the schema.
pub(super) fn check(document: &Document, report: &mut Report) {
    for error in COMPILED.validator.iter_errors(&document.value) {
        describe(&error, report);
    }
}

fn describe(error: &ValidationError<'_>, report: &mut Report) {
    let pointer = error.instance_path().as_str();
    let node = node_of(error);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            for key in unexpected {
                report.add(join(pointer, key), unknown_field(pointer, key, node));
            }
        }
        Kind::Required { property } => {
            report.add(join(pointer, property.as_str().unwrap_or_default()), "is required");
        }
        kind => {
            let rule = match node.get("errorMessage").and_then(Value::as_str) {
                Some(rule) => rule.to_owned(),
                None => rule(kind, node, error.instance()),
            };
            match (kind, error.instance().as_ref()) {
                // Text in the place of something else is more often a secret or a slip than worth repeating.
                (Kind::Type { .. }, Value::String(_)) => {
                    report.add(pointer, format!("{rule} (got text)"));
                }
                (Kind::MinItems { .. } | Kind::MaxItems { .. } | Kind::UniqueItems, _) | (_, Value::Object(_))
                    if !matches!(kind, Kind::Type { .. }) =>
                {
                    report.add(pointer, rule);
                }
                (_, value) => report.add_got(pointer, rule, value),
            }
        }
    }
}

/// The part of the schema that holds the keyword which failed.
fn node_of(error: &ValidationError<'_>) -> &'static Value {
    let path = error.schema_path().as_str();
    let parent = path.rfind('/').and_then(|end| COMPILED.value.pointer(&path[..end]));
    parent.unwrap_or(&Value::Null)
}

fn unknown_field(parent: &str, key: &str, node: &Value) -> String {
    if !secret::may_be_shown(parent) {
        return "has an unknown field; it may be text, { env: NAME } or { file: path }".to_owned();
    }
    let known = node.get("properties").and_then(Value::as_object);
    let known = known.into_iter().flatten().map(|(name, _)| name.as_str());
    format!("is not a known field{}", suggest::hint(key, known))
}

fn rule(kind: &Kind, node: &Value, found: &Value) -> String {
    match kind {
        Kind::Type { .. } => format!("must be {}", expected(node)),
        Kind::Minimum { .. } | Kind::Maximum { .. } => format!("must be {}", range(node)),
        Kind::MinItems { limit: 1 } => "must have at least one entry".to_owned(),
        Kind::MinItems { limit } => format!("must have at least {limit} entries"),
        Kind::MaxItems { limit } => format!("must have at most {limit} entries"),
        Kind::UniqueItems => "must not have the same entry twice".to_owned(),
        Kind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let hint = suggest::hint(found.as_str().unwrap_or_default(), options.iter().copied());
            match options.as_slice() {
                [only] => format!("must be {only}"),
                many => format!("must be one of {}{hint}", many.join(", ")),
            }
        }
        other => format!("must follow the schema's rule {}", other.keyword()),
    }
}

/// The types a node allows, in words.
fn expected(node: &Value) -> String {
    let words = |name: &str| match name {
        "string" => "text in quotes".to_owned(),
        "integer" => format!("a whole number {}", range(node)),
        "boolean" => "true or false".to_owned(),
        "array" => "a list".to_owned(),
        _ => "a mapping of fields".to_owned(),
    };
    match node.get("type") {
        Some(Value::Array(names)) => {
            let names: Vec<String> = names.iter().filter_map(Value::as_str).map(words).collect();
            names.join(", or ")
        }
        name => words(name.and_then(Value::as_str).unwrap_or_default()),
    }
}

fn range(node: &Value) -> String {
    match (node.get("minimum"), node.get("maximum")) {
        // The upper limit of an id is a technical one, which would only confuse.
        (Some(low), Some(high)) if high.as_i64().is_some_and(|high| high < 1_000_000) => {
            format!("between {low} and {high}")
        }
        (Some(low), _) => format!("from {low}"),
        (None, Some(high)) => format!("at most {high}"),
        (None, None) => "of any size".to_owned(),
    }
}
