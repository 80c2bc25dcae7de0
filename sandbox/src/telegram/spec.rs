//! The Bot API's own machine-readable specification, and the check of a value against it.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value};

/// Bot API 10.1; its origin and licence are beside the file.
const API: &str = include_str!("../../spec/telegram/api.json");

#[allow(clippy::expect_used, reason = "the specification is compiled in and every test reads it")]
static SPEC: LazyLock<Spec> =
    LazyLock::new(|| serde_json::from_str::<Document>(API).map(Spec::from).expect("the embedded specification"));

/// The embedded specification.
pub fn spec() -> &'static Spec {
    &SPEC
}

/// One disagreement between a value and the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `reply_markup.inline_keyboard[0][1].text`.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// Whether it makes the call fail. Unknown and null fields are faults of the caller that Telegram lets pass.
    pub refused: bool,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// Methods and types of the Bot API.
#[derive(Debug)]
pub struct Spec {
    methods: HashMap<String, (String, Definition)>,
    types: HashMap<String, Definition>,
}

#[derive(Debug)]
struct Definition {
    fields: HashMap<String, Field>,
    subtypes: Vec<Kind>,
    returns: Vec<Kind>,
}

#[derive(Debug)]
struct Field {
    kinds: Vec<Kind>,
    required: bool,
    /// The discriminator of a union's member, from the text `always "kicked"`.
    constant: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Integer,
    Float,
    Text,
    Flag,
    List(Box<Kind>),
    Named(String),
}

#[derive(Deserialize)]
struct Document {
    methods: HashMap<String, RawDefinition>,
    types: HashMap<String, RawDefinition>,
}

#[derive(Deserialize)]
struct RawDefinition {
    #[serde(default)]
    fields: Vec<RawField>,
    #[serde(default)]
    subtypes: Vec<String>,
    #[serde(default)]
    returns: Vec<String>,
}

#[derive(Deserialize)]
struct RawField {
    name: String,
    types: Vec<String>,
    required: bool,
    description: String,
}

impl From<Document> for Spec {
    fn from(document: Document) -> Self {
        Self {
            methods: document.methods.into_iter().map(|(name, raw)| (name.to_ascii_lowercase(), (name, raw.into()))).collect(),
            types: document.types.into_iter().map(|(name, raw)| (name, raw.into())).collect(),
        }
    }
}

impl From<RawDefinition> for Definition {
    fn from(raw: RawDefinition) -> Self {
        let kinds = |names: Vec<String>| names.iter().map(|name| Kind::parse(name)).collect();
        Self {
            subtypes: kinds(raw.subtypes),
            returns: kinds(raw.returns),
            fields: raw
                .fields
                .into_iter()
                .map(|field| {
                    let constant = constant(&field.description);
                    (field.name, Field { kinds: kinds(field.types), required: field.required, constant })
                })
                .collect(),
        }
    }
}

/// The value of a field described as `..., always "kicked"` or `..., always “kicked”`.
fn constant(description: &str) -> Option<String> {
    let (_, rest) = description.split_once("always ")?;
    let rest = rest.strip_prefix(['"', '“'])?;
    rest.split(['"', '”']).next().map(str::to_owned)
}

impl Kind {
    fn parse(name: &str) -> Self {
        match name {
            "Integer" => Self::Integer,
            "Float" => Self::Float,
            "String" => Self::Text,
            "Boolean" => Self::Flag,
            _ => match name.strip_prefix("Array of ") {
                Some(item) => Self::List(Box::new(Self::parse(item))),
                None => Self::Named(name.to_owned()),
            },
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Integer => "Integer".to_owned(),
            Self::Float => "Float".to_owned(),
            Self::Text => "String".to_owned(),
            Self::Flag => "Boolean".to_owned(),
            Self::List(item) => format!("Array of {}", item.name()),
            Self::Named(name) => name.clone(),
        }
    }
}

impl Spec {
    /// The method's name as the vendor writes it; Telegram reads method names in any case.
    pub fn method(&self, name: &str) -> Option<&str> {
        self.methods.get(&name.to_ascii_lowercase()).map(|(name, _)| name.as_str())
    }

    /// Checks a call's parameters.
    pub fn check_call(&self, method: &str, parameters: &Map<String, Value>) -> Vec<Problem> {
        let mut found = Vec::new();
        match self.methods.get(&method.to_ascii_lowercase()) {
            Some((_, definition)) => self.check_fields("", definition, parameters, &mut found),
            None => found.push(refused(method, "method not found")),
        }
        found
    }

    /// Checks what a method answers.
    pub fn check_result(&self, method: &str, result: &Value) -> Vec<Problem> {
        match self.methods.get(&method.to_ascii_lowercase()) {
            Some((_, definition)) => self.check_any("result", &definition.returns, result),
            None => vec![refused(method, "method not found")],
        }
    }

    /// Checks a value against a named type, such as `Update`.
    pub fn check_type(&self, name: &str, value: &Value) -> Vec<Problem> {
        self.check_any(name, &[Kind::parse(name)], value)
    }

    /// Reads the strings of a query or form into the JSON that the method's fields ask for; what can't be read stays a
    /// string and fails the check.
    pub fn read_form(&self, method: &str, pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
        let fields = self.methods.get(&method.to_ascii_lowercase()).map(|(_, definition)| &definition.fields);
        pairs
            .map(|(name, text)| {
                let kinds = fields.and_then(|fields| fields.get(&name)).map_or(&[][..], |field| &field.kinds);
                let value = read_text(kinds, text);
                (name, value)
            })
            .collect()
    }

    fn check_fields(&self, path: &str, definition: &Definition, object: &Map<String, Value>, found: &mut Vec<Problem>) {
        for (name, field) in &definition.fields {
            if field.required && !object.contains_key(name) {
                found.push(refused(&join(path, name), "required, but missing"));
            }
        }
        for (name, value) in object {
            let path = join(path, name);
            let Some(field) = definition.fields.get(name) else {
                found.push(Problem { path, what: "unknown field".to_owned(), refused: false });
                continue;
            };
            if value.is_null() {
                found.push(Problem { path, what: "null, where a field is left out".to_owned(), refused: field.required });
                continue;
            }
            if let Some(constant) = &field.constant
                && value.as_str() != Some(constant)
            {
                found.push(refused(&path, &format!("must be \"{constant}\"")));
                continue;
            }
            found.extend(self.check_any(&path, &field.kinds, value));
        }
    }

    /// The problems of the alternative that fits best: none, if one fits.
    fn check_any(&self, path: &str, kinds: &[Kind], value: &Value) -> Vec<Problem> {
        let mut best: Option<Vec<Problem>> = None;
        for kind in kinds {
            let mut found = Vec::new();
            self.check_kind(path, kind, value, &mut found);
            if found.is_empty() {
                return found;
            }
            let weight = |problems: &[Problem]| (problems.iter().filter(|problem| problem.refused).count(), problems.len());
            if best.as_deref().is_none_or(|best| weight(&found) < weight(best)) {
                best = Some(found);
            }
        }
        best.unwrap_or_default()
    }

    fn check_kind(&self, path: &str, kind: &Kind, value: &Value, found: &mut Vec<Problem>) {
        match (kind, value) {
            (Kind::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Kind::Float, Value::Number(_)) | (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Bool(_)) => {}
            (Kind::List(item), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    found.extend(self.check_any(&format!("{path}[{index}]"), std::slice::from_ref(item), value));
                }
            }
            (Kind::Named(name), value) => match (self.types.get(name), value) {
                (Some(definition), _) if !definition.subtypes.is_empty() => {
                    found.extend(self.check_any(path, &definition.subtypes, value));
                }
                // A file's contents travel only in multipart/form-data.
                (Some(definition), Value::Object(object)) if name != "InputFile" => {
                    self.check_fields(path, definition, object, found);
                }
                _ => found.push(refused(path, &format!("must be {name}"))),
            },
            (kind, _) => found.push(refused(path, &format!("must be {}", kind.name()))),
        }
    }
}

fn read_text(kinds: &[Kind], text: String) -> Value {
    if kinds.is_empty() || kinds.contains(&Kind::Text) {
        return Value::String(text);
    }
    if kinds.contains(&Kind::Flag) && matches!(text.as_str(), "1" | "0" | "True" | "False") {
        return Value::Bool(matches!(text.as_str(), "1" | "True"));
    }
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn refused(path: &str, what: &str) -> Problem {
    Problem { path: path.to_owned(), what: what.to_owned(), refused: true }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
