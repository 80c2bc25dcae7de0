//! The check of calls, answers and events against VK's own schema.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

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

/// Parameters that every method takes.
const COMMON: &[&str] = &["v", "access_token", "lang", "test_mode"];

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

#[derive(Debug)]
struct Method {
    parameters: BTreeMap<String, Parameter>,
    answers: Vec<Validator>,
}

#[derive(Debug)]
struct Parameter {
    required: bool,
    kind: Kind,
    check: Validator,
    /// The schema of the JSON text that the parameter holds.
    inside: Option<Validator>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Number,
    Flag,
    Text,
    Integers,
    Texts,
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
        let settings = spec.methods.get("groups.setCallbackSettings").map(|method| &method.parameters);
        let flags = settings.into_iter().flatten().filter(|(_, parameter)| parameter.kind == Kind::Flag);
        spec.flags = flags.map(|(name, _)| name.clone()).collect();
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
        let (mut read, mut found) = (Map::new(), Vec::new());
        let Some(method) = self.methods.get(method) else { return (read, found) };
        for (name, parameter) in &method.parameters {
            if parameter.required && !pairs.contains_key(name) {
                found.push(Problem { parameter: name.clone(), what: "is undefined".to_owned(), refused: true });
            }
        }
        for (name, text) in pairs.iter().filter(|(name, _)| !COMMON.contains(&name.as_str())) {
            let Some(parameter) = method.parameters.get(name) else {
                found.push(Problem { parameter: name.clone(), what: "is no parameter".to_owned(), refused: false });
                continue;
            };
            let value = parameter.kind.read(text);
            let wrong = parameter.wrong(&value, text);
            found.extend(wrong.into_iter().map(|what| Problem { parameter: name.clone(), what, refused: true }));
            read.insert(name.clone(), value);
        }
        (read, found)
    }

    /// Checks what a method answers, `{"response": ..}`: none, if one of its forms fits.
    pub fn check_answer(&self, method: &str, answer: &Value) -> Vec<String> {
        let Some(method) = self.methods.get(method) else { return vec!["no such method".to_owned()] };
        let found: Vec<Vec<String>> = method.answers.iter().map(|form| complaints(form, answer)).collect();
        found.into_iter().min_by_key(Vec::len).unwrap_or_default()
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

impl Method {
    fn read(method: &Value, definitions: &Map<String, Value>) -> Result<Self, Bad> {
        let mut parameters = BTreeMap::new();
        for parameter in method["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            parameters.insert(name, Parameter::read(parameter, definitions)?);
        }
        let responses = method["responses"].as_object().into_iter().flat_map(Map::values);
        let answers = responses.map(|answer| compile(&schema::valid(answer, definitions), definitions));
        Ok(Self { parameters, answers: answers.collect::<Result<_, _>>()? })
    }
}

impl Parameter {
    fn read(parameter: &Value, definitions: &Map<String, Value>) -> Result<Self, Bad> {
        let kind = Kind::of(parameter);
        let mut own = parameter.as_object().cloned().unwrap_or_default();
        own.remove("name");
        // A text with a `$ref` is JSON of that type: draft-07 would read the reference alone.
        let inside = match own.get("$ref") {
            Some(_) if kind == Kind::Text => Some(compile(&schema::valid(parameter, definitions), definitions)?),
            _ => None,
        };
        if inside.is_some() {
            own.remove("$ref");
        }
        let check = compile(&schema::valid(&Value::Object(own), definitions), definitions)?;
        Ok(Self { required: parameter["required"] == true, kind, check, inside })
    }

    fn wrong(&self, value: &Value, text: &str) -> Vec<String> {
        let mut wrong = complaints(&self.check, value);
        // VK takes an empty text as none at all.
        if let Some(inside) = self.inside.as_ref().filter(|_| !text.is_empty()) {
            match serde_json::from_str(text) {
                Ok(value) => wrong.extend(complaints(inside, &value).into_iter().map(|what| format!("holds JSON: {what}"))),
                Err(_) => wrong.push("must hold JSON".to_owned()),
            }
        }
        wrong
    }
}

impl Kind {
    fn of(parameter: &Value) -> Self {
        match parameter["type"].as_str() {
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Flag,
            Some("array") if parameter["items"]["type"] == "integer" => Self::Integers,
            Some("array") => Self::Texts,
            _ => Self::Text,
        }
    }

    /// Reads a form's text; what can't be read stays a string and fails the check.
    fn read(self, text: &str) -> Value {
        let integer = |text: &str| text.trim().parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        match self {
            Self::Integer => integer(text),
            Self::Number => text.parse::<f64>().map_or_else(|_| json!(text), |number| json!(number)),
            // VK: 1 or 0; its JavaScript clients send `true`, which is as good.
            Self::Flag => match text {
                "1" | "true" => json!(true),
                "0" => json!(false),
                other => json!(other),
            },
            Self::Text => json!(text),
            Self::Integers => text.split(',').filter(|item| !item.is_empty()).map(integer).collect(),
            Self::Texts => text.split(',').filter(|item| !item.is_empty()).map(|item| json!(item.trim())).collect(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn problems(method: &str, list: &[(&str, &str)]) -> Vec<(String, bool)> {
        let (_, found) = spec().check_call(method, &pairs(list));
        found.into_iter().map(|problem| (problem.parameter, problem.refused)).collect()
    }

    #[test]
    fn every_played_method_is_in_the_schema() {
        for method in PLAYED {
            assert_eq!(spec().played(method), Some(*method));
        }
        assert!(spec().knows("messages.pin") && spec().played("messages.pin").is_none());
        assert!(!spec().knows("messages.dance"));
    }

    #[test]
    fn parameters_are_read_and_checked_as_the_schema_types_them() {
        let (read, found) = spec().check_call(
            "messages.send",
            &pairs(&[("peer_ids", "5,-7,2000000001"), ("dont_parse_links", "1"), ("message", "5"), ("v", "5.199")]),
        );
        assert_eq!(found, []);
        assert_eq!(
            Value::Object(read),
            json!({"peer_ids": [5, -7, 2_000_000_001_i64], "dont_parse_links": true, "message": "5"})
        );
        let keyboard =
            r#"{"inline":true,"buttons":[[{"action":{"type":"callback","label":"a","payload":"{}"},"color":"secondary"}]]}"#;
        assert_eq!(problems("messages.send", &[("keyboard", keyboard)]), []);
    }

    #[test]
    fn what_does_not_fit_is_named_without_its_value() {
        let cases = [
            ("messages.send", [("peer_ids", "Anna")], ("peer_ids", true)),
            ("messages.send", [("text", "hello")], ("text", false)),
            ("messages.send", [("intent", "greeting")], ("intent", true)),
            ("messages.send", [("keyboard", "no json")], ("keyboard", true)),
            ("messages.send", [("keyboard", r#"{"buttons":[[{"action":{"type":"text"}}]]}"#)], ("keyboard", true)),
            ("messages.send", [("disable_mentions", "yes")], ("disable_mentions", true)),
            ("groups.getCallbackServers", [("group_id", "0")], ("group_id", true)),
            ("groups.getTokenPermissions", [("group_id", "7")], ("group_id", false)),
        ];
        for (method, parameters, (name, refused)) in cases {
            assert_eq!(problems(method, &parameters), [(name.to_owned(), refused)], "{method} {parameters:?}");
        }
        let hundred_and_one = vec!["5"; 101].join(",");
        assert_eq!(problems("messages.send", &[("peer_ids", &hundred_and_one)]), [("peer_ids".to_owned(), true)]);
        let missing = problems("groups.addCallbackServer", &[("group_id", "7"), ("title", "fifteen letters")]);
        assert_eq!(missing, [("url".to_owned(), true), ("title".to_owned(), true)]);
        let (_, found) = spec().check_call("messages.edit", &pairs(&[("peer_id", "79001234567x")]));
        assert!(!found[0].to_string().contains("79001234567"), "{}", found[0]);
    }

    #[test]
    fn answers_and_errors_are_the_schemas() {
        assert_eq!(spec().check_answer("messages.send", &json!({"response": 7})), Vec::<String>::new());
        let item = json!({"peer_id": 5, "message_id": 7, "conversation_message_id": 3});
        assert_eq!(spec().check_answer("messages.send", &json!({"response": [item]})), Vec::<String>::new());
        assert_ne!(spec().check_answer("messages.send", &json!({"response": [{"peer_id": 5}]})), Vec::<String>::new());
        assert_ne!(spec().check_answer("messages.edit", &json!({"response": 2})), Vec::<String>::new());
        assert_eq!(spec().error(901), "Can't send messages for users without permission");
        assert!(spec().event_flags().contains("message_event") && spec().event_flags().len() > 50);
    }

    #[test]
    fn each_difference_is_one_and_has_a_reason() {
        let documents: Vec<Value> = OBJECTS.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
        let raw = schema::merged(&documents);
        for difference in schema::DIFFERENCES {
            let stated = raw.pointer(difference.pointer).unwrap_or_else(|| panic!("{} is gone", difference.pointer));
            assert_ne!(*stated, serde_json::from_str::<Value>(difference.is).unwrap(), "{}", difference.pointer);
            assert!(!difference.because.is_empty());
        }
    }

    #[test]
    fn the_fixtures_are_events() {
        let fixtures = [
            include_str!("../../spec/vk/fixtures/confirmation.json"),
            include_str!("../../spec/vk/fixtures/group_join.json"),
            include_str!("../../spec/vk/fixtures/group_leave.json"),
            include_str!("../../spec/vk/fixtures/message_allow.json"),
            include_str!("../../spec/vk/fixtures/message_edit.json"),
            include_str!("../../spec/vk/fixtures/message_event.json"),
            include_str!("../../spec/vk/fixtures/message_new.geo.json"),
            include_str!("../../spec/vk/fixtures/message_new.photo.json"),
            include_str!("../../spec/vk/fixtures/message_new.start.json"),
            include_str!("../../spec/vk/fixtures/message_new.text.json"),
            include_str!("../../spec/vk/fixtures/message_new.text_button.json"),
        ];
        for fixture in fixtures {
            let event: Value = serde_json::from_str(fixture).unwrap();
            assert_eq!(spec().check_event(&event), Vec::<String>::new(), "{fixture}");
            let mut nameless = event.clone();
            nameless["event_id"] = Value::Null;
            assert_eq!(spec().check_event(&nameless).len(), 1, "{fixture}");
        }
    }
}
