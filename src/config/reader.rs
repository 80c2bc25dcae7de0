//! Reads settings and gathers what is wrong with them.

use std::{fmt, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{settings::Setting, source::Source};

/// One setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting's name, with `_FILE` where the file is at fault.
    pub setting: String,
    /// What was expected, and what is wrong, without the value of a secret.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.text)
    }
}

/// Why the configuration was refused: at least one problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    /// The problems, in the order in which settings are read.
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl std::error::Error for ConfigErrors {}

/// One problem per line, without a line end after the last.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Reads settings from a source. A method that answers `None` for a value that must be there has noted why.
pub struct Reader<'a> {
    source: &'a dyn Source,
    problems: Vec<Problem>,
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("problems", &self.problems).finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// A reader that has found nothing wrong yet.
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, problems: Vec::new() }
    }

    /// What was read, if nothing was wrong.
    ///
    /// # Errors
    /// Everything that was wrong.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, ConfigErrors> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(ConfigErrors(self.problems)),
        }
    }

    /// Notes that a setting is wrong.
    pub(super) fn refuse(&mut self, setting: &Setting, what: impl fmt::Display) {
        self.problems.push(Problem { setting: setting.name.to_owned(), text: format!("expected {} ({what})", setting.expected) });
    }

    /// A setting that need not be there. The outer `None`: it is there and wrong.
    #[allow(clippy::option_option, reason = "three outcomes: wrong, absent, read")]
    pub(super) fn optional<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        let Some(text) = self.text(setting)? else { return Some(None) };
        let parsed = parse(text.expose_secret());
        if parsed.is_none() {
            let got = if setting.secret {
                "what is set is something else".to_owned()
            } else {
                format!("got {:?}", text.expose_secret())
            };
            self.refuse(setting, got);
        }
        parsed.map(Some)
    }

    /// A setting that has a default or must be there.
    pub(super) fn required<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        match self.optional(setting, &parse)? {
            Some(value) => Some(value),
            None => {
                let value = setting.default.and_then(parse);
                if value.is_none() {
                    self.refuse(setting, "it is not set");
                }
                value
            }
        }
    }

    /// A setting that names a file, made of what is in that.
    #[allow(clippy::option_option, reason = "three outcomes: wrong, absent, read")]
    pub(super) fn file<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        let Some(path) = self.optional(setting, |path| Some(path.to_owned()))? else { return Some(None) };
        let wrong = match self.source.file(Path::new(&path)) {
            Ok(text) => match parse(&text) {
                Some(parsed) => return Some(Some(parsed)),
                None => "there is something else in it".to_owned(),
            },
            Err(error) => error.kind().to_string(),
        };
        self.refuse(setting, wrong);
        None
    }

    /// The text of a setting without surrounding white space; an empty one counts as not set.
    #[allow(clippy::option_option, reason = "three outcomes: wrong, absent, read")]
    fn text(&mut self, setting: &Setting) -> Option<Option<SecretString>> {
        let value = self.source.variable(setting.name).filter(|value| !value.trim().is_empty());
        let file_name = setting.file_name();
        let file = self.source.variable(&file_name).filter(|path| setting.secret && !path.trim().is_empty());
        match (value, file) {
            (value, None) => Some(value.map(trimmed)),
            (Some(_), Some(_)) => {
                let text = format!("expected either {} or {file_name}, not both", setting.name);
                self.problems.push(Problem { setting: file_name, text });
                None
            }
            (None, Some(path)) => match self.source.file(Path::new(path.trim())) {
                Ok(text) => Some(Some(trimmed(text))),
                Err(error) => {
                    let text = format!("expected the path of a readable file ({})", error.kind());
                    self.problems.push(Problem { setting: file_name, text });
                    None
                }
            },
        }
    }
}

fn trimmed(text: String) -> SecretString {
    text.trim().to_owned().into()
}

/// `true` or `false`, nothing else: `0`, `no` and `off` mean different things to different people.
pub(super) fn switch(text: &str) -> Option<bool> {
    text.parse().ok()
}
