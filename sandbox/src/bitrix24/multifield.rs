//! `fm`: phones, addresses and messengers. `crm.item.add` takes a list; `crm.item.update` an object whose keys are `n0`,
//! `n1`, ... for new values and ids for old ones, of which an empty value is deleted (Bitrix24 note, 3.2).

use serde_json::{Map, Value, json};

use super::{
    form::number,
    state::{Kind, State},
};

const VALUE_TYPES: &[(&str, &[&str])] = &[
    ("PHONE", &["WORK", "MOBILE", "FAX", "HOME", "PAGER", "MAILING", "OTHER"]),
    ("EMAIL", &["WORK", "HOME", "MAILING", "OTHER"]),
    ("WEB", &["WORK", "HOME", "FACEBOOK", "VK", "LIVEJOURNAL", "TWITTER", "OTHER"]),
    (
        "IM",
        &[
            "FACEBOOK",
            "TELEGRAM",
            "VK",
            "SKYPE",
            "VIBER",
            "INSTAGRAM",
            "BITRIX24",
            "OPENLINE",
            "IMOL",
            "ICQ",
            "MSN",
            "JABBER",
            "OTHER",
        ],
    ),
];

/// The values after a call, and what the vendor does not take as it is meant.
pub(super) fn apply(state: &mut State, old: &[Value], given: &Value, adding: bool) -> (Vec<Value>, Vec<String>) {
    let (mut values, mut ignored) = (old.to_vec(), Vec::new());
    match given {
        Value::Array(list) => {
            if !adding {
                ignored.push("fm of an update is an object with the keys n0, n1, ... or ids".to_owned());
            }
            for one in list {
                values.extend(fresh(state, one, &mut ignored));
            }
        }
        Value::Object(map) => {
            if adding {
                ignored.push("fm of a new record is a list".to_owned());
            }
            for (key, one) in map {
                change(state, &mut values, key, one, adding, &mut ignored);
            }
        }
        Value::Null => {}
        _ => ignored.push("fm is neither a list nor an object".to_owned()),
    }
    (values, ignored)
}

fn change(state: &mut State, values: &mut Vec<Value>, key: &str, given: &Value, adding: bool, ignored: &mut Vec<String>) {
    let new = key.strip_prefix('n').is_some_and(|rest| rest.parse::<u32>().is_ok());
    let id = key.parse::<i64>().ok();
    let place = values.iter().position(|value| id.is_some() && number(&value["id"]) == id);
    match place {
        Some(place) if given["value"].as_str() == Some("") => {
            values.remove(place);
        }
        Some(place) => {
            for name in ["value", "valueType"] {
                if given[name].is_string() {
                    values[place][name] = given[name].clone();
                }
            }
        }
        None if new || id.is_some() => {
            if !new && !adding {
                ignored.push(format!("fm has no value {key}: a new one is made"));
            }
            values.extend(fresh(state, given, ignored));
        }
        None => ignored.push(format!("fm's key \"{key}\" is neither n0, n1, ... nor an id")),
    }
}

/// A new value, if it is one.
fn fresh(state: &mut State, given: &Value, ignored: &mut Vec<String>) -> Option<Value> {
    let type_id = given["typeId"].as_str().unwrap_or_default();
    let Some((_, value_types)) = VALUE_TYPES.iter().find(|(known, _)| *known == type_id) else {
        ignored.push(format!("fm of type \"{type_id}\" is ignored"));
        return None;
    };
    let value = given["value"].as_str().filter(|value| !value.is_empty());
    let Some(value) = value else {
        ignored.push("fm without a value is ignored".to_owned());
        return None;
    };
    let value_type = given["valueType"].as_str().unwrap_or("WORK");
    if !value_types.contains(&value_type) {
        ignored.push(format!("\"{value_type}\" is no valueType of {type_id}"));
    }
    Some(json!({"id": state.next_id("fm"), "typeId": type_id, "valueType": value_type, "value": value}))
}

/// The read-only fields that follow from the values.
fn aliases(item: &mut Map<String, Value>) {
    let values = item.get("fm").and_then(Value::as_array).cloned().unwrap_or_default();
    let first = |type_id: &str, value_type: Option<&str>| {
        let fits =
            |value: &&Value| value["typeId"] == type_id && value_type.is_none_or(|value_type| value["valueType"] == value_type);
        values.iter().find(fits).map_or(json!(""), |value| value["value"].clone())
    };
    let has = |type_id: &str| if values.iter().any(|value| value["typeId"] == type_id) { "Y" } else { "N" };
    let derived = [
        ("hasPhone", json!(has("PHONE"))),
        ("hasEmail", json!(has("EMAIL"))),
        ("hasImol", json!(has("IM"))),
        ("phone", first("PHONE", None)),
        ("phoneWork", first("PHONE", Some("WORK"))),
        ("phoneMobile", first("PHONE", Some("MOBILE"))),
        ("email", first("EMAIL", None)),
        ("emailWork", first("EMAIL", Some("WORK"))),
        ("emailHome", first("EMAIL", Some("HOME"))),
    ];
    item.extend(derived.into_iter().map(|(name, value)| (name.to_owned(), value)));
}

/// The same for a record of any kind: deals have no multifields.
pub(super) fn aliases_of(kind: Kind, item: &mut Map<String, Value>) {
    if kind != Kind::Deal {
        aliases(item);
    }
}
