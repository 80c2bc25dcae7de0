//! Our description of the methods, `spec/bitrix24/methods.json`, and the check of a call against it.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::Value;

use super::{answer::Refusal, form::Parameters};

/// The description: `spec/bitrix24/SOURCE.txt` tells where it comes from.
pub(super) const METHODS: &str = include_str!("../../spec/bitrix24/methods.json");

/// A method.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Method {
    /// All of these are needed, and of each group one is enough.
    #[serde(default)]
    pub(super) scopes: Vec<Vec<String>>,
    /// Only an application may call it.
    #[serde(default)]
    pub(super) application: bool,
    /// Its parameters may be spelled in any case.
    #[serde(default)]
    any_case: bool,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    #[serde(rename = "type")]
    kind: Kind,
    /// Its absence is the vendor's error 100.
    #[serde(default)]
    required: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Integer,
    String,
    /// `Y`, `N`, 1, 0, true, false.
    Flag,
    Datetime,
    Object,
    /// A list; in a form, an object with numbers as keys.
    List,
    /// `cmd` of a batch.
    ListOrObject,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Integer => super::form::number(value).is_some(),
            Self::String | Self::Datetime => value.is_string() || value.is_number(),
            Self::Flag => value.is_boolean() || value.is_number() || value.is_string(),
            // PHP has one type for both, and an empty object arrives as an empty list.
            Self::Object => value.is_object() || value.as_array().is_some_and(Vec::is_empty),
            Self::List => value.is_array(),
            Self::ListOrObject => value.is_array() || value.is_object(),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Integer => "int",
            Self::Flag => "bool",
            Self::String | Self::Datetime => "string",
            Self::Object | Self::List | Self::ListOrObject => "array",
        }
    }
}

/// The description, parsed.
#[allow(clippy::expect_used, reason = "the description is compiled in and every test reads it")]
static SPEC: LazyLock<BTreeMap<String, Method>> =
    LazyLock::new(|| serde_json::from_str(METHODS).expect("the embedded description"));

/// A method by its name, in any case, with the name the vendor's pages give it.
pub(super) fn find(name: &str) -> Option<(&'static str, &'static Method)> {
    let (name, method) = SPEC.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some((name, method))
}

/// Every method.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    SPEC.keys().map(String::as_str)
}

impl Method {
    /// Checks a call and spells its parameters as described; answers what the vendor drops in silence.
    pub(super) fn check(&self, parameters: &mut Parameters) -> Result<Vec<String>, Refusal> {
        parameters.values.remove("auth");
        if self.any_case {
            let given = std::mem::take(&mut parameters.values);
            let declared = |name: &String| self.parameters.keys().find(|known| known.eq_ignore_ascii_case(name));
            parameters.values =
                given.into_iter().map(|(name, value)| (declared(&name).cloned().unwrap_or(name), value)).collect();
        }
        let unknown = parameters.values.keys().filter(|name| !self.parameters.contains_key(*name));
        let unknown: Vec<String> = unknown.map(|name| format!("parameter \"{name}\" is not known and ignored")).collect();
        for (name, parameter) in &self.parameters {
            match parameters.get(name) {
                Value::Null if parameter.required => return Err(Refusal::missing(name)),
                Value::Null => {}
                value if parameter.kind.takes(value) => {}
                value => {
                    let text = format!(
                        "Invalid value {{{value}}} to match with parameter {{{name}}}. Should be value of type {}.",
                        parameter.kind.name()
                    );
                    return Err(Refusal::wrong(400, "100", text));
                }
            }
        }
        Ok(unknown)
    }
}
