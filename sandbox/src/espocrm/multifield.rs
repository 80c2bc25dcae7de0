//! Numbers and e-mail addresses: a record may have several, and one of them is the primary one (EspoCRM note, 2.3).

use serde_json::{Value, json};

use super::{
    answer::Refusal,
    schema::{Field, Kind},
    state::Record,
};

const MOST_CHARS: usize = 36;
const MOST_NUMBERS: usize = 10;

/// Takes the numbers or addresses that an input has for a field, and fills in what follows from them.
pub(super) fn apply(
    record: &mut Record,
    name: &str,
    field: &Field,
    single: Option<Value>,
    list: Option<Value>,
    international: bool,
) -> Result<(), Refusal> {
    let given = match (list, single) {
        (Some(Value::Array(list)), single) => whole(name, list, single.as_ref())?,
        (Some(Value::Null), None) => Vec::new(),
        (Some(Value::Null) | None, Some(single)) => with_primary(record, name, field, single),
        (Some(_), _) => return Err(Refusal::invalid(name, "valid")),
        (None, None) => return Ok(()),
    };
    let mut kept: Vec<Value> = Vec::new();
    for entry in given {
        let entry = clean(name, field, &entry, international)?;
        if kept.iter().all(|other| other[name] != entry[name]) {
            kept.push(entry);
        }
    }
    if field.kind == Kind::Phone && kept.len() > MOST_NUMBERS {
        return Err(Refusal::invalid(name, "maxCount"));
    }
    store(record, name, kept);
    Ok(())
}

/// A list replaces all that there is.
fn whole(name: &str, mut list: Vec<Value>, single: Option<&Value>) -> Result<Vec<Value>, Refusal> {
    if list.iter().any(|entry| !entry[name].is_string()) {
        return Err(Refusal::invalid(name, "valid"));
    }
    if let Some(single) = single {
        for entry in &mut list {
            entry["primary"] = (entry[name] == *single).into();
        }
    }
    Ok(list)
}

/// The primary one alone takes the place of the one before; the others stay.
fn with_primary(record: &Record, name: &str, field: &Field, single: Value) -> Vec<Value> {
    let before = record.get(&format!("{name}Data")).and_then(Value::as_array).cloned().unwrap_or_default();
    let others = before.into_iter().filter(|entry| entry["primary"] != true && entry[name] != single).map(|mut entry| {
        entry["primary"] = false.into();
        entry
    });
    let kind = field.type_list.as_ref().and_then(|types| types.first());
    let primary = (!single.is_null() && single != "").then(|| json!({name: single, "primary": true, "type": kind}));
    primary.into_iter().chain(others).collect()
}

/// As PHP's `FILTER_VALIDATE_EMAIL`, by which EspoCRM checks e-mails, for what no quotes stand around: ASCII alone.
fn is_mailbox(address: &str) -> bool {
    let is_atom = |atom: &str| {
        let special = |byte: u8| b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        !atom.is_empty() && atom.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
    };
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    address.rsplit_once('@').is_some_and(|(user, host)| {
        user.len() <= 64 && user.split('.').all(is_atom) && host.contains('.') && host.split('.').all(is_label)
    })
}

fn clean(name: &str, field: &Field, entry: &Value, international: bool) -> Result<Value, Refusal> {
    let invalid = |rule: &str| Err(Refusal::invalid(name, rule));
    let Some(text) = entry[name].as_str() else { return invalid("valid") };
    let flag = |name: &str| entry[name] == true;
    let mut kept = json!({"primary": flag("primary"), "optOut": flag("optOut"), "invalid": flag("invalid")});
    if field.kind == Kind::Email {
        let address = text.trim();
        if !is_mailbox(address) {
            return invalid("emailAddress");
        }
        kept[name] = address.into();
        kept["lower"] = address.to_lowercase().into();
        return Ok(kept);
    }
    let types = field.type_list.as_deref().unwrap_or_default();
    kept["type"] = match entry["type"].as_str() {
        None => json!(types.first()),
        Some(kind) if types.iter().any(|known| known == kind) => kind.into(),
        Some(_) => return invalid("valid"),
    };
    let number = number(text, international);
    if number.chars().count() > MOST_CHARS {
        return invalid("maxLength");
    }
    if international && !is_number(&number) {
        return invalid("valid");
    }
    kept[name] = number.into();
    Ok(kept)
}

/// What begins with a plus is brought into E.164; anything else stays as it is, and then does not pass as a number.
fn number(text: &str, international: bool) -> String {
    let text = text.trim();
    let parsed = (international && text.starts_with('+')).then(|| phonenumber::parse(None, text).ok()).flatten();
    parsed.map_or_else(|| text.to_owned(), |number| number.format().mode(phonenumber::Mode::E164).to_string())
}

fn is_number(text: &str) -> bool {
    text.starts_with('+') && phonenumber::parse(None, text).is_ok_and(|number| phonenumber::is_valid(&number))
}

/// Keeps a list, and what follows from it.
pub(super) fn store(record: &mut Record, name: &str, mut list: Vec<Value>) {
    if list.iter().filter(|entry| entry["primary"] == true).count() != 1 {
        for (index, entry) in list.iter_mut().enumerate() {
            entry["primary"] = (index == 0).into();
        }
    }
    let primary = list.iter().find(|entry| entry["primary"] == true).cloned().unwrap_or_default();
    record.insert(name.to_owned(), primary[name].clone());
    record.insert(format!("{name}IsOptedOut"), (primary["optOut"] == true).into());
    record.insert(format!("{name}IsInvalid"), (primary["invalid"] == true).into());
    record.insert(format!("{name}Data"), list.into());
}
