//! The check of calls, answers and events against VK's own schema.

mod method;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use self::method::Method;
use super::{methods::PLAYED, schema};

/// API 5.199; origin and licence are beside the files.
const OBJECTS: &[&str] = &[
    include_str!("../../spec/vk/base/objects.json"),
    include_str!("../../spec/vk/base/responses.json"),
    include_str!("../../spec/vk/callback/objects.json"),
    include_str!("../../spec/vk/groups/objects.json"),
    include_str!("../../spec/vk/groups/responses.json"),
    include_str!("../../spec/vk/messages/objects.json"),
    include_str!("../../spec/vk/messages/responses.json"),
    include_str!("../../spec/vk/users/objects.json"),
    include_str!("../../spec/vk/users/responses.json"),
];
const METHODS: &[&str] = &[
    include_str!("../../spec/vk/groups/methods.json"),
    include_str!("../../spec/vk/messages/methods.json"),
    include_str!("../../spec/vk/users/methods.json"),
];
const ERRORS: &str = include_str!("../../spec/vk/errors.json");

/// Compiling takes a while, and every stand-in of a process checks against the same schema.
#[allow(clippy::expect_used, reason = "the documents are compiled in and every test reads them")]
static SPEC: LazyLock<Spec> = LazyLock::new(|| Spec::read().expect("the embedded schema"));

/// The embedded schema.
pub fn spec() -> &'static Spec {
    &SPEC
}

/// One disagreement between a call and the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which parameter.
    pub parameter: String,
    /// What is wrong; never the value.
    pub what: String,
    /// Whether VK refuses the call. It drops unknown parameters silently, which is a fault of the caller all the same.
    pub refused: bool,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.parameter, self.what)
    }
}

/// Methods, types and errors of the API.
#[derive(Debug)]
pub struct Spec {
    known: BTreeSet<String>,
    methods: HashMap<&'static str, Method>,
    types: HashMap<&'static str, Validator>,
    errors: HashMap<i64, String>,
    flags: BTreeSet<String>,
}

/// The types checked beside calls: the envelope, the object of each kind of event, and a keyboard.
const TYPES: &[&str] = &[
    "callback_base",
    "callback_group_join",
    "callback_group_leave",
    "callback_message",
    "callback_message_allow",
    "callback_message_deny",
    "callback_message_event",
    "callback_message_new",
    "callback_user_block",
    "callback_user_unblock",
    "messages_keyboard",
];

type Bad = Box<dyn std::error::Error + Send + Sync>;

impl Spec {
    fn read() -> Result<Self, Bad> {
        let parse = |texts: &[&str]| texts.iter().map(|text| serde_json::from_str(text)).collect::<Result<Vec<Value>, _>>();
        let definitions = schema::definitions(&parse(OBJECTS)?);
        let mut spec = Self {
            known: BTreeSet::new(),
            methods: HashMap::new(),
            types: HashMap::new(),
            errors: errors(&serde_json::from_str(ERRORS)?),
            flags: BTreeSet::new(),
        };
        for method in parse(METHODS)?.iter().filter_map(|document| document["methods"].as_array()).flatten() {
            let name = method["name"].as_str().unwrap_or_default();
            spec.known.insert(name.to_owned());
            if let Some(played) = PLAYED.iter().find(|played| **played == name) {
                spec.methods.insert(played, Method::read(method, &definitions)?);
            }
        }
        for name in TYPES {
            let reference = json!({"$ref": format!("#/definitions/{name}")});
            spec.types.insert(name, compile(&reference, &definitions)?);
        }
        spec.flags = spec.methods.get("groups.setCallbackSettings").into_iter().flat_map(Method::flags).collect();
        Ok(spec)
    }

    /// The name under which a method is played here.
    pub fn played(&self, method: &str) -> Option<&'static str> {
        self.methods.get_key_value(method).map(|(name, _)| *name)
    }

    /// Whether VK has such a method in the parts of the schema that are here.
    pub fn knows(&self, method: &str) -> bool {
        self.known.contains(method)
    }

    /// What VK calls an error.
    pub fn error(&self, code: i64) -> &str {
        self.errors.get(&code).map_or("Unknown error occurred", String::as_str)
    }

    /// The kinds of events a callback server can be told to get.
    pub fn event_flags(&self) -> &BTreeSet<String> {
        &self.flags
    }

    /// Checks a call's parameters, and reads them as the types the method gives them.
    pub fn check_call(&self, method: &str, pairs: &BTreeMap<String, String>) -> (Map<String, Value>, Vec<Problem>) {
        self.methods.get(method).map(|method| method.check(pairs)).unwrap_or_default()
    }

    /// Checks what a method answers, `{"response": ..}`: none, if one of its forms fits.
    pub fn check_answer(&self, method: &str, answer: &Value) -> Vec<String> {
        let method = self.methods.get(method);
        method.map_or_else(|| vec!["no such method".to_owned()], |method| method.check_answer(answer))
    }

    /// Checks a value against a named type.
    pub fn check_type(&self, name: &str, value: &Value) -> Vec<String> {
        self.types.get(name).map_or_else(|| vec![format!("no type {name}")], |check| complaints(check, value))
    }

    /// Checks an event as it is posted.
    pub fn check_event(&self, event: &Value) -> Vec<String> {
        let mut found = self.check_type("callback_base", event);
        let object = match event["type"].as_str().unwrap_or_default() {
            "confirmation" => return found,
            "message_reply" | "message_edit" => "callback_message".to_owned(),
            kind => format!("callback_{kind}"),
        };
        found.extend(self.check_type(&object, &event["object"]).into_iter().map(|what| format!("object: {what}")));
        found
    }
}

fn errors(document: &Value) -> HashMap<i64, String> {
    let all = document["errors"].as_object().into_iter().flat_map(Map::values);
    all.filter_map(|error| Some((error["code"].as_i64()?, error["description"].as_str()?.to_owned()))).collect()
}

fn compile(schema: &Value, definitions: &Map<String, Value>) -> Result<Validator, Bad> {
    let whole = schema::whole(schema, definitions);
    Ok(jsonschema::draft7::options().should_validate_formats(true).build(&whole)?)
}

/// Complaints name the place and the rule, never the value: calls carry clients' names and texts.
fn complaints(check: &Validator, value: &Value) -> Vec<String> {
    let errors = check.iter_errors(value);
    errors
        .map(|error| {
            let (place, rule) = (error.instance_path().to_string(), error.masked().to_string());
            if place.is_empty() { rule } else { format!("{place}: {rule}") }
        })
        .collect()
}
