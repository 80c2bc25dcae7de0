//! `crm.duplicate.findbycomm`: who has one of these phones or addresses.

use serde_json::{Map, Value, json};

use super::{
    answer::{Outcome, Refusal},
    methods::Call,
    state::{Item, Kind, State},
};

const MOST_VALUES: usize = 20;
/// As many hits of one kind hide the kinds after it.
const HIDING: usize = 20;

/// What is looked for.
struct Sought {
    /// `PHONE` or `EMAIL`.
    of: String,
    values: Vec<String>,
    /// The only kind to look among; empty for all.
    only: String,
}

impl Sought {
    fn read(call: &mut Call) -> Result<Self, Refusal> {
        let of = call.parameters.text("type").to_uppercase();
        match of.as_str() {
            "PHONE" | "EMAIL" => {}
            "" => return Err(Refusal::wrong(400, "Communication type is not defined", "Parameter 'type' is required.")),
            other => {
                let text = format!("Communication type '{other}' is not supported in current context");
                return Err(Refusal::wrong(400, &text, ""));
            }
        }
        let values = call.parameters.get("values").as_array().cloned().unwrap_or_default();
        if values.is_empty() {
            return Err(Refusal::wrong(400, "Communication values is not defined", "Parameter 'values' is required."));
        }
        if values.len() > MOST_VALUES {
            call.violations.push(format!("of {} values the first {MOST_VALUES} are looked for", values.len()));
        }
        let values = values.iter().take(MOST_VALUES).filter_map(|value| Some(plain(&of, value.as_str()?)));
        let values = values.filter(|value| !value.is_empty()).collect();
        let only = call.parameters.text("entity_type").to_uppercase();
        if !matches!(only.as_str(), "" | "LEAD" | "CONTACT" | "COMPANY") {
            call.violations.push(format!("entity_type \"{only}\" is not known"));
        }
        Ok(Self { of, values, only })
    }
}

pub(super) fn find(state: &mut State, call: &mut Call) -> Outcome {
    // The one access error of a method that is a 403: the vendor's page of this method says so.
    if !state.may_read(call.caller.user) {
        return Err(Refusal::happens(403, "Access denied", "Access denied."));
    }
    let Sought { of, values, only } = Sought::read(call)?;
    let mut found = Map::new();
    for kind in [Kind::Lead, Kind::Contact].into_iter().filter(|kind| only.is_empty() || kind.name() == only) {
        let items = state.items.get(&kind).into_iter().flatten();
        let ids: Vec<i64> = items.filter(|(_, item)| has(item, &of, &values)).map(|(id, _)| *id).collect();
        let hides = ids.len() >= HIDING;
        if !ids.is_empty() {
            found.insert(kind.name().to_owned(), json!(ids));
        }
        if hides {
            break;
        }
    }
    // PHP's empty array, where an object is expected.
    Ok(if found.is_empty() { json!([]) } else { Value::Object(found) }.into())
}

fn has(item: &Item, of: &str, wanted: &[String]) -> bool {
    let values = item.get("fm").and_then(Value::as_array);
    values
        .into_iter()
        .flatten()
        .any(|value| value["typeId"] == of && value["value"].as_str().is_some_and(|value| wanted.contains(&plain(of, value))))
}

/// A phone's digits without its extension, or an address in lower case.
fn plain(of: &str, value: &str) -> String {
    if of == "EMAIL" {
        return value.trim().to_lowercase();
    }
    let lower = value.to_lowercase();
    let end = [";", ",", "#", "x", "ext", "доб"].iter().filter_map(|mark| lower.find(mark)).min();
    lower[..end.unwrap_or(lower.len())].chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_its_digits() {
        for same in ["+7 (900) 123-45-67", "+79001234567 доб. 5", "79001234567;15", "+7 900 1234567 ext 2"] {
            assert_eq!(plain("PHONE", same), "79001234567", "{same}");
        }
        assert_eq!(plain("EMAIL", " Anna@Example.com "), "anna@example.com");
    }
}
