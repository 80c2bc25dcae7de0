//! Queries: bracket keys as PHP reads them, and search parameters (EspoCRM note, 2.4).

use serde_json::{Map, Value};

use super::answer::Refusal;

/// The most that is handed out at once, and what is handed out where nothing is said.
const MOST: usize = 200;

/// What narrows a list and is not played: an answer without it would hold too much, and nobody would see.
const UNPLAYED: &[&str] = &["primaryFilter", "boolFilterList"];

/// Reads `where[0][type]=equals&maxSize=5`.
pub(super) fn read(encoded: &str) -> Map<String, Value> {
    let mut tree = Value::Object(Map::new());
    for (key, value) in url::form_urlencoded::parse(encoded.as_bytes()) {
        plant(&mut tree, &path(&key), value.into_owned());
    }
    let Value::Object(map) = listed(tree) else { return Map::new() };
    map
}

fn path(key: &str) -> Vec<String> {
    let mut parts = key.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    std::iter::once(first).chain(parts.map(|part| part.trim_end_matches(']').to_owned())).collect()
}

fn plant(tree: &mut Value, path: &[String], value: String) {
    let Some((key, rest)) = path.split_first() else {
        *tree = value.into();
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(map) = tree {
        let key = if key.is_empty() { map.len().to_string() } else { key.clone() };
        plant(map.entry(key).or_insert(Value::Null), rest, value);
    }
}

/// Objects whose keys are numbers are lists.
fn listed(tree: Value) -> Value {
    let Value::Object(map) = tree else { return tree };
    let numbers: Option<Vec<usize>> = map.keys().map(|key| key.parse().ok()).collect();
    match numbers.filter(|numbers| !numbers.is_empty()) {
        Some(_) => {
            let mut entries: Vec<(usize, Value)> =
                map.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, listed(value)))).collect();
            entries.sort_by_key(|(index, _)| *index);
            entries.into_iter().map(|(_, value)| value).collect()
        }
        None => Value::Object(map.into_iter().map(|(key, value)| (key, listed(value))).collect()),
    }
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) conditions: Vec<Value>,
    pub(super) offset: usize,
    pub(super) most: usize,
    pub(super) order_by: Option<String>,
    pub(super) descending: Option<bool>,
    pub(super) select: Option<Vec<String>>,
    pub(super) text: Option<String>,
}

impl Search {
    /// Reads the parameters, those of `searchParams` before the flat ones.
    pub(super) fn read(query: &Map<String, Value>) -> Result<Self, Refusal> {
        let mut all = query.clone();
        if let Some(text) = all.remove("searchParams") {
            let inner = text.as_str().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
            all.extend(inner.ok_or_else(|| Refusal::wrong(400, "Invalid search params JSON."))?);
        }
        if let Some(name) = UNPLAYED.iter().find(|name| all.contains_key(**name)) {
            return Err(Refusal::wrong(400, format!("{name} is not played here.")));
        }
        let number = |name: &str| match all.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).and_then(|n| usize::try_from(n).ok());
                number.map(Some).ok_or_else(|| Refusal::wrong(400, format!("Bad {name}.")))
            }
        };
        let most = number("maxSize")?.unwrap_or(MOST);
        if most > MOST {
            return Err(Refusal::wrong(403, format!("Max size should not exceed {MOST}. Use offset and limit.")));
        }
        let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| all.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(Self {
            conditions: [list("where"), list("whereGroup")].concat(),
            offset: number("offset")?.unwrap_or(0),
            most,
            order_by: text("orderBy"),
            descending: descending(&all)?,
            select: select(&all),
            text: text("textFilter"),
        })
    }
}

/// The names of a comma list, or of a list.
fn select(all: &Map<String, Value>) -> Option<Vec<String>> {
    match all.get("select").or_else(|| all.get("attributeSelect"))? {
        Value::String(names) => Some(names.split(',').map(str::to_owned).collect()),
        Value::Array(names) => Some(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()),
        _ => None,
    }
}

fn descending(all: &Map<String, Value>) -> Result<Option<bool>, Refusal> {
    match all.get("order") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(descending)) => Ok(Some(*descending)),
        Some(Value::String(order)) if order.eq_ignore_ascii_case("desc") => Ok(Some(true)),
        Some(Value::String(order)) if order.eq_ignore_ascii_case("asc") => Ok(Some(false)),
        Some(_) => Err(Refusal::wrong(400, "Bad order.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bracket_keys_make_objects_and_lists() {
        let query = "where[0][type]=in&where[0][value][]=a&where[0][value][]=b&where[1][type]=or&\
                     where[1][value][0][attribute]=phoneNumber&where[1][value][0][value]=%2B7&maxSize=5";
        let expected = json!({"maxSize": "5", "where": [{"type": "in", "value": ["a", "b"]},
            {"type": "or", "value": [{"attribute": "phoneNumber", "value": "+7"}]}]});
        assert_eq!(Value::Object(read(query)), expected);
    }
}
