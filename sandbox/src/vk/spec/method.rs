//! Methods and their parameters, as the schema types them.

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{super::schema, Bad, Problem, compile, complaints};

/// Parameters that every method takes.
const COMMON: &[&str] = &["v", "access_token", "lang", "test_mode"];

/// A method.
#[derive(Debug)]
pub(super) struct Method {
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

impl Method {
    pub(super) fn read(method: &Value, definitions: &Map<String, Value>) -> Result<Self, Bad> {
        let mut parameters = BTreeMap::new();
        for parameter in method["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            parameters.insert(name, Parameter::read(parameter, definitions)?);
        }
        let responses = method["responses"].as_object().into_iter().flat_map(Map::values);
        let answers = responses.map(|answer| compile(&schema::valid(answer, definitions), definitions));
        Ok(Self { parameters, answers: answers.collect::<Result<_, _>>()? })
    }

    /// The parameters that are flags.
    pub(super) fn flags(&self) -> impl Iterator<Item = String> {
        self.parameters.iter().filter(|(_, parameter)| parameter.kind == Kind::Flag).map(|(name, _)| name.clone())
    }

    /// Checks a call's parameters, and reads them as they are typed.
    pub(super) fn check(&self, pairs: &BTreeMap<String, String>) -> (Map<String, Value>, Vec<Problem>) {
        let (mut read, mut found) = (Map::new(), Vec::new());
        for (name, parameter) in &self.parameters {
            if parameter.required && !pairs.contains_key(name) {
                found.push(Problem { parameter: name.clone(), what: "is undefined".to_owned(), refused: true });
            }
        }
        for (name, text) in pairs.iter().filter(|(name, _)| !COMMON.contains(&name.as_str())) {
            let Some(parameter) = self.parameters.get(name) else {
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

    /// What the nearest form of an answer holds against this one.
    pub(super) fn check_answer(&self, answer: &Value) -> Vec<String> {
        let found = self.answers.iter().map(|form| complaints(form, answer));
        found.min_by_key(Vec::len).unwrap_or_default()
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
