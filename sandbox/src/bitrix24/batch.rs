//! `batch`: up to 50 commands in one request, each with its own outcome, later ones reading what earlier ones answered.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    VENDOR,
    answer::{Outcome, Refusal, php, time},
    form::{Parameters, path},
    http,
    methods::Call,
    spec::find,
    state::State,
};
use crate::{fault::Fault, world::World};

const LONGEST: usize = 50;

/// The five parts of the answer, each by the command's key.
#[derive(Debug, Default)]
struct Answers {
    result: Vec<(String, Value)>,
    error: Vec<(String, Value)>,
    total: Vec<(String, Value)>,
    next: Vec<(String, Value)>,
    time: Vec<(String, Value)>,
}

/// Does the commands in their order. It is one request for the rate limit; each command works on its own account.
pub(super) fn run(state: &mut State, call: &mut Call, world: &World) -> Outcome {
    let commands = call.parameters.members("cmd");
    if commands.len() > LONGEST {
        return Err(Refusal::wrong(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded"));
    }
    let halt = call.parameters.flag("halt");
    let (mut answers, mut known) = (Answers::default(), HashMap::new());
    for (key, command) in commands {
        let outcome = one(state, call, world, &key, command.as_str().unwrap_or_default(), &known);
        match outcome {
            Ok((success, command_time)) => {
                known.insert(key.clone(), success.result.clone());
                answers.total.extend(success.total.map(|total| (key.clone(), json!(total))));
                answers.next.extend(success.next.map(|next| (key.clone(), json!(next))));
                answers.time.push((key.clone(), command_time));
                answers.result.push((key, success.result));
            }
            Err(refusal) => {
                if refusal.violation {
                    call.violations.push(format!("{key}: {}", refusal.text()));
                }
                answers.error.push((key, refusal.body()));
                if halt {
                    break;
                }
            }
        }
    }
    let Answers { result, error, total, next, time } = answers;
    Ok(json!({"result": php(result), "result_error": php(error), "result_total": php(total),
              "result_next": php(next), "result_time": php(time)})
    .into())
}

type Known = HashMap<String, Value>;

fn one(
    state: &mut State,
    batch: &mut Call,
    world: &World,
    key: &str,
    command: &str,
    known: &Known,
) -> Result<(super::answer::Success, Value), Refusal> {
    let (method, query) = command.split_once('?').unwrap_or((command, ""));
    let unknown = || Refusal::wrong(404, "ERROR_METHOD_NOT_FOUND", "Method not found!");
    let (method, _) = find(method.trim_matches('/')).ok_or_else(unknown)?;
    if method == "batch" {
        return Err(Refusal::wrong(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage"));
    }
    // A command is no request: a fault that needs a connection waits for one.
    let fault = world.faults.take_exact_if(VENDOR, method, strikes_commands);
    match fault {
        Some(Fault::Status { code }) => return Err(Refusal::of_status(code)),
        Some(Fault::Html { .. } | Fault::Truncated | Fault::ErrorInOk) => return Err(Refusal::of_status(500)),
        Some(Fault::RateLimit { .. }) => return Err(Refusal::of_status(429)),
        _ => {}
    }
    let mut parameters = Parameters::parse(query.as_bytes());
    parameters.values.values_mut().for_each(|value| refer(value, known));
    let caller = batch.caller.clone();
    let mut call = Call { caller, method, parameters, now: batch.now, violations: Vec::new(), events: Vec::new() };
    let outcome = http::run(state, &mut call);
    batch.violations.extend(call.violations.into_iter().map(|text| format!("{key}: {text}")));
    let twice = fault == Some(Fault::Twice);
    batch.events.extend(call.events.into_iter().map(|mut event| {
        event.twice |= twice;
        event
    }));
    let label = &batch.caller.label;
    let counted = state.limits.settings.counters.then(|| state.limits.operating(label, method, batch.now));
    if let Some(Fault::AnswerAfterCommit { code: Some(code), .. }) = fault {
        return Err(Refusal::of_status(code));
    }
    Ok((outcome?, time(batch.now, world.now(), state.zone(), counted)))
}

fn strikes_commands(fault: &Fault) -> bool {
    match fault {
        Fault::Status { .. } | Fault::Html { .. } | Fault::Truncated | Fault::ErrorInOk => true,
        Fault::RateLimit { .. } | Fault::Twice => true,
        Fault::AnswerAfterCommit { code, .. } => code.is_some(),
        Fault::Slow { .. } | Fault::Hang | Fault::Drop | Fault::HangAfterCommit | Fault::DropAfterCommit => false,
    }
}

/// Puts earlier answers in the place of `$result[key][field]`; what is not there becomes nothing.
fn refer(value: &mut Value, known: &Known) {
    match value {
        Value::String(text) => {
            while let Some(begin) = text.find("$result[") {
                let rest = &text[begin + 1..];
                let end = reference_end(rest);
                let found = resolve(&path(&rest[..end]), known);
                text.replace_range(begin..=begin + end, &found);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|one| refer(one, known)),
        Value::Object(map) => map.values_mut().for_each(|one| refer(one, known)),
        _ => {}
    }
}

/// The length of `result[a][b]` at the beginning of a text.
fn reference_end(text: &str) -> usize {
    let mut end = "result".len();
    while text[end..].starts_with('[') {
        let Some(close) = text[end..].find(']') else { return text.len() };
        end += close + 1;
    }
    end
}

fn resolve(path: &[String], known: &Known) -> String {
    let mut names = path.iter().skip(1);
    let mut value = names.next().and_then(|key| known.get(key)).cloned().unwrap_or_default();
    for name in names {
        let inner = name.parse::<usize>().ok().and_then(|index| value.get(index)).or_else(|| value.get(name));
        value = inner.cloned().unwrap_or_default();
    }
    match value {
        Value::String(text) => text.replace("$result[", ""),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
