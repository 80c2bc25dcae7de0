//! Several commands in one request, at most 50. It counts once for the rate, each command for its method's working time. Each has a
//! result or an error of its own; an answer that is lost says nothing about any of them.

use std::time::Duration;

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{
    call::{self, call, resets_in},
    error::{self, COMMAND, Fault, Waits},
    wire::{self, Operating},
};
use crate::{
    crm::{CrmCall, meaning::Effect},
    vendor::{Failure, Quote},
};

/// The most commands of one batch (Bitrix24 note, 3.3).
pub(super) const LONGEST: usize = 50;

/// One command of a batch.
pub(super) struct Command {
    method: &'static str,
    params: Value,
    /// A parameter that an earlier command's result becomes.
    refers: Option<(&'static str, &'static str)>,
}

impl Command {
    /// A method and its parameters.
    pub(super) const fn new(method: &'static str, params: Value) -> Self {
        Self { method, params, refers: None }
    }

    /// Takes a parameter from an earlier command's result: `$result[0][item][id]`.
    pub(super) const fn with(mut self, parameter: &'static str, reference: &'static str) -> Self {
        self.refers = Some((parameter, reference));
        self
    }

    /// Sends it alone.
    pub(super) async fn alone(self, crm: &CrmCall<'_>, effect: Effect) -> Result<Value, Failure> {
        call(crm, self.method, self.params, effect).await.map(|answer| answer.result)
    }

    fn query(&self) -> String {
        let mut out = Serializer::new(String::new());
        write("", &self.params, &mut out);
        if let Some((parameter, reference)) = self.refers {
            out.append_pair(parameter, reference);
        }
        format!("{}?{}", self.method, out.finish())
    }
}

/// Nested parameters under bracket keys, as PHP reads them.
fn write(key: &str, value: &Value, out: &mut Serializer<'_, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}[{name}]") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, inner)| write(&below(name), inner, out)),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, inner)| write(&below(&at.to_string()), inner, out)),
        Value::Null => {}
        // A batch puts other commands' results in the place of these words, wherever they stand. Nobody's name or message may do that.
        Value::String(text) => _ = out.append_pair(key, &text.replace("$result[", "$ result[")),
        other => _ = out.append_pair(key, &other.to_string()),
    }
}

/// What became of each command.
pub(super) struct Answers {
    results: Value,
    errors: Value,
    times: Value,
    effect: Effect,
}

/// Sends a batch. With `halt`, what comes after the first error is not run. A list of commands, and no object: an object's keys are
/// sorted on their way, and commands run in the order of their keys.
pub(super) async fn batch(crm: &CrmCall<'_>, commands: &[Command], halt: bool, effect: Effect) -> Result<Answers, Failure> {
    if commands.len() > LONGEST {
        return Err(Failure::permanent("batch_length"));
    }
    let cmd: Vec<String> = commands.iter().map(Command::query).collect();
    let answer = call(crm, "batch", json!({"halt": i32::from(halt), "cmd": cmd}), effect).await?;
    let part = |name: &str| answer.result.get(name).cloned().unwrap_or_default();
    let answers = Answers { results: part("result"), errors: part("result_error"), times: part("result_time"), effect };
    answers.keep_pace(crm, commands.len()).await;
    Ok(answers)
}

impl Answers {
    /// The result of the command at this place.
    pub(super) fn result(&self, at: usize) -> Result<&Value, Failure> {
        if let Some(failure) = self.failure(at) {
            return Err(failure);
        }
        // Neither: an earlier one failed, and this one was not run.
        wire::member(&self.results, at).ok_or_else(|| Failure::retry("not_run"))
    }

    /// The results, with an error instead of them that stands before.
    pub(super) fn all(&self, commands: usize) -> Result<Vec<&Value>, Failure> {
        (0..commands).map(|at| self.result(at)).collect()
    }

    fn failure(&self, at: usize) -> Option<Failure> {
        let error = wire::member(&self.errors, at)?;
        let fault = match error {
            Value::Object(inner) => Fault::read(inner.get("error"), inner.get("error_description")),
            other => Fault::read(Some(other), None),
        };
        let reset: Option<Duration> = resets_in(self.operating(at));
        let failure = error::classify(COMMAND, &fault, Waits { header: None, reset }, self.effect);
        Some(Failure { quote: Some(Quote::of_part(COMMAND, error)), ..failure })
    }

    fn operating(&self, at: usize) -> Operating {
        wire::member(&self.times, at).map(Operating::read).unwrap_or_default()
    }

    /// A limit may be near, or hit, in one command alone.
    async fn keep_pace(&self, crm: &CrmCall<'_>, commands: usize) {
        for at in 0..commands {
            call::rest(crm, self.operating(at)).await;
            if let Some(failure) = self.failure(at) {
                call::ease(crm, &failure).await;
            }
        }
    }
}
