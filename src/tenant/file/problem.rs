//! What is wrong with a file, and where.

use std::fmt;

use serde_json::Value;

use super::parse::Document;
use super::secret;

/// Beyond this many, problems are counted and not printed: the file is probably another kind of file.
const SHOWN: usize = 50;

/// A name longer than this is not repeated: it is no field name, and it may be a secret that slipped out of its place.
const LONGEST_NAME: usize = 32;

/// One rule that a file breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line of the field, from 1. For a field that is missing, the line of what it is missing from.
    pub line: usize,
    /// Path of the field, as in `staff[0].services[1].event_type_id`; empty for the file as a whole.
    pub field: String,
    /// What was expected, to be read after the field.
    pub rule: String,
    /// What was found, where it is short and cannot be a secret.
    pub got: Option<String>,
}

impl Problem {
    /// A problem of the file as a whole.
    pub(super) fn of_file(line: usize, rule: impl Into<String>) -> Self {
        Self { line: line.max(1), field: String::new(), rule: rule.into(), got: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "the file" } else { &self.field };
        write!(f, "line {}: {field}: {}", self.line, self.rule)?;
        match &self.got {
            Some(got) => write!(f, " (got {got})"),
            None => Ok(()),
        }
    }
}

/// Why a file was refused: at least one problem, in the order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileErrors(Vec<Problem>);

impl FileErrors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// The problems, in the order of lines.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl From<Problem> for FileErrors {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl std::error::Error for FileErrors {}

/// One problem per line, without a line end after the last.
impl fmt::Display for FileErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().take(SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n... and {more} more"),
        }
    }
}

/// A problem at a JSON pointer, before its line and field are known.
struct Finding {
    pointer: String,
    rule: String,
    got: Option<String>,
}

/// Gathers problems while a document is checked.
#[derive(Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, pointer: impl Into<String>, rule: impl Into<String>) {
        self.0.push(Finding { pointer: pointer.into(), rule: rule.into(), got: None });
    }

    /// As [`Report::add`], repeating the value found, unless its place is one that may hold a secret.
    pub(super) fn add_got(&mut self, pointer: &str, rule: impl Into<String>, value: &Value) {
        let got = if secret::may_be_shown(pointer) { shown(value) } else { None };
        self.0.push(Finding { pointer: pointer.to_owned(), rule: rule.into(), got });
    }

    pub(super) fn into_problems(self, document: &Document) -> Vec<Problem> {
        let repeated = document.repeated.iter().map(|(pointer, line)| Problem {
            line: *line,
            field: field(&document.value, pointer),
            rule: format!("is given twice: first on line {}", document.line(pointer)),
            got: None,
        });
        let mut problems: Vec<Problem> = repeated.collect();
        problems.extend(self.0.into_iter().map(|finding| Problem {
            line: document.line(&finding.pointer),
            field: field(&document.value, &finding.pointer),
            rule: finding.rule,
            got: finding.got,
        }));
        problems.sort();
        problems.dedup();
        problems
    }
}

/// A value as a message may repeat it: short, and of one line.
fn shown(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("nothing".to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) if text.chars().count() <= 40 => Some(format!("{text:?}")),
        Value::String(_) => None,
        Value::Array(_) => Some("a list".to_owned()),
        Value::Object(_) => Some("a mapping".to_owned()),
    }
}

/// The path of a pointer as people write it: `/staff/0/name` is `staff[0].name`.
pub(super) fn field(root: &Value, pointer: &str) -> String {
    let mut path = String::new();
    let mut at = Some(root);
    let mut in_secret = false;
    for token in pointer.split('/').skip(1) {
        let key = token.replace("~1", "/").replace("~0", "~");
        if let Some(Value::Array(items)) = at {
            path.push_str(&format!("[{key}]"));
            at = key.parse::<usize>().ok().and_then(|index| items.get(index));
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        if in_secret && !matches!(key.as_str(), "env" | "file") {
            path.push('…');
        } else {
            path.push_str(&name(&key));
        }
        in_secret |= secret::is_secret(&key);
        at = at.and_then(|value| value.get(&key));
    }
    path
}

/// A field name as a message may repeat it.
fn name(key: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    if key.chars().count() > LONGEST_NAME {
        "…".to_owned()
    } else if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
