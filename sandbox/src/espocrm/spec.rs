//! Our description of the operations, `spec/espocrm/operations.json`, and the check of a request against it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value};

const OPERATIONS: &str = include_str!("../../spec/espocrm/operations.json");

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Operation {
    query: Vec<String>,
    /// None where the body has a scope's attributes, or is not looked at.
    body: Option<BTreeMap<String, String>>,
    required: Vec<String>,
    open: bool,
}

#[allow(clippy::expect_used, reason = "the document is embedded and every test reads it")]
static SPEC: LazyLock<BTreeMap<String, Operation>> =
    LazyLock::new(|| serde_json::from_str(OPERATIONS).expect("the embedded description"));

/// What a request has that the operation doesn't read, or misses.
pub(super) fn check(operation: &str, query: &Map<String, Value>, body: &Value) -> Vec<String> {
    let Some(described) = SPEC.get(operation) else { return vec!["no such operation".to_owned()] };
    let unread = query.keys().filter(|name| !described.query.contains(name));
    let mut complaints: Vec<String> = unread.map(|name| format!("query parameter {name} is not read")).collect();
    let Some(properties) = &described.body else { return complaints };
    let given = body.as_object();
    for (name, value) in given.into_iter().flatten() {
        match properties.get(name) {
            Some(kind) if !is_a(value, kind) => complaints.push(format!("{name} should be of type {kind}")),
            None if !described.open => complaints.push(format!("{name} is not read")),
            _ => {}
        }
    }
    let missing = described.required.iter().filter(|name| given.is_none_or(|body| !body.contains_key(*name)));
    complaints.extend(missing.map(|name| format!("{name} is missing")));
    complaints
}

fn is_a(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => false,
    }
}
