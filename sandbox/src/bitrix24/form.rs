//! The parameters of a call: a query, a form with bracket keys, or JSON; and bracket keys for the events.

use std::{collections::HashMap, fmt};

use axum::http::{HeaderMap, Method, header};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

/// What a request says.
#[derive(Debug, Clone, Default)]
pub(super) struct Parameters {
    pub(super) values: Map<String, Value>,
    /// The order of keys inside `cmd` and `order`, where it means something.
    sequences: HashMap<String, Vec<String>>,
    /// What the vendor does not read.
    pub(super) unread: Vec<String>,
}

impl Parameters {
    /// Reads a request; the body goes before the query.
    pub(super) fn read(method: &Method, query: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let mut read = Self::parse(query.as_bytes());
        if body.is_empty() {
            return read;
        }
        if matches!(*method, Method::GET | Method::HEAD) {
            read.unread.push("the body of a GET is not read".to_owned());
            return read;
        }
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => match serde_json::from_slice(body) {
                Ok(Value::Object(values)) => {
                    read.values.extend(values);
                    read.sequences.extend(sequences(body));
                }
                _ => read.unread.push("the body is no JSON object".to_owned()),
            },
            "application/x-www-form-urlencoded" => {
                let form = Self::parse(body);
                read.values.extend(form.values);
                read.sequences.extend(form.sequences);
            }
            other => read.unread.push(format!("a body of type \"{other}\" is not read")),
        }
        read
    }

    /// Reads `key[sub]=value` pairs.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        let mut tree = Value::Object(Map::new());
        let mut sequences: HashMap<String, Vec<String>> = HashMap::new();
        for (key, value) in url::form_urlencoded::parse(encoded) {
            let path = path(&key);
            if let [top, sub, ..] = path.as_slice() {
                let seen = sequences.entry(top.clone()).or_default();
                if !seen.contains(sub) {
                    seen.push(sub.clone());
                }
            }
            plant(&mut tree, &path, Value::String(value.into_owned()));
        }
        let Value::Object(values) = listed(tree) else { return Self::default() };
        Self { values, sequences, unread: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> &Value {
        self.values.get(name).unwrap_or(&Value::Null)
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).as_str().unwrap_or_default()
    }

    /// A number, or one in a string as forms have it.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        number(self.get(name))
    }

    /// `Y`, `true`, 1.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.get(name) {
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_i64() != Some(0),
            Value::String(text) => !matches!(text.as_str(), "" | "0" | "N" | "n"),
            _ => false,
        }
    }

    pub(super) fn object(&self, name: &str) -> Map<String, Value> {
        self.get(name).as_object().cloned().unwrap_or_default()
    }

    /// The members of an object or a list, in the order they were written in.
    pub(super) fn members(&self, name: &str) -> Vec<(String, Value)> {
        match self.get(name) {
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                let order = self.sequences.get(name);
                keys.sort_by_key(|key| order.and_then(|order| order.iter().position(|seen| seen == *key)));
                keys.into_iter().map(|key| (key.clone(), map[key].clone())).collect()
            }
            Value::Array(list) => list.iter().enumerate().map(|(index, one)| (index.to_string(), one.clone())).collect(),
            _ => Vec::new(),
        }
    }
}

/// A number, or one in a string.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// `a[b][c]` as its three names.
pub(super) fn path(key: &str) -> Vec<String> {
    let (top, rest) = key.find('[').map_or((key, ""), |at| key.split_at(at));
    let inner = rest.strip_prefix('[').map(|rest| rest.strip_suffix(']').unwrap_or(rest));
    let inner = inner.map(|inner| inner.split("][").map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
    std::iter::once(top.to_owned()).chain(inner).collect()
}

fn plant(tree: &mut Value, path: &[String], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *tree = value;
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    if let Value::Object(map) = tree {
        let name = if name.is_empty() { map.len().to_string() } else { name.clone() };
        plant(map.entry(name).or_insert(Value::Null), rest, value);
    }
}

/// Objects below the top whose keys are 0, 1, 2 and so on are lists.
fn listed(tree: Value) -> Value {
    let Value::Object(map) = tree else { return tree };
    let member = |value: Value| match value {
        Value::Object(inner) if (0..inner.len()).all(|index| inner.contains_key(&index.to_string())) => {
            let mut inner = inner;
            (0..inner.len()).filter_map(|index| inner.remove(&index.to_string())).map(listed_deep).collect()
        }
        other => listed(other),
    };
    Value::Object(map.into_iter().map(|(key, value)| (key, member(value))).collect())
}

fn listed_deep(value: Value) -> Value {
    let wrapped = listed(Value::Object(Map::from_iter([("value".to_owned(), value)])));
    wrapped.get("value").cloned().unwrap_or_default()
}

/// The keys of an object in the order of the text: `serde_json`'s map sorts them.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Keys;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn sequences(body: &[u8]) -> Vec<(String, Vec<String>)> {
    #[derive(Deserialize)]
    struct Cmd {
        cmd: Keys,
    }
    #[derive(Deserialize)]
    struct Order {
        order: Keys,
    }
    let cmd = serde_json::from_slice::<Cmd>(body).ok().map(|read| ("cmd".to_owned(), read.cmd.0));
    let order = serde_json::from_slice::<Order>(body).ok().map(|read| ("order".to_owned(), read.order.0));
    cmd.into_iter().chain(order).collect()
}

/// An object as a form with bracket keys.
pub(super) fn encode(tree: &Value) -> String {
    fn walk(key: &str, value: &Value, out: &mut url::form_urlencoded::Serializer<'_, String>) {
        match value {
            Value::Object(map) => {
                for (name, inner) in map {
                    let key = if key.is_empty() { name.clone() } else { format!("{key}[{name}]") };
                    walk(&key, inner, out);
                }
            }
            Value::String(text) => {
                out.append_pair(key, text);
            }
            other => {
                out.append_pair(key, &other.to_string());
            }
        }
    }
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    walk("", tree, &mut out);
    out.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bracket_keys_make_objects_and_lists() {
        let read = Parameters::parse(b"cmd[z]=a&cmd[b]=c&values[]=1&values[]=2&fields[fm][0][value]=%2B7&id=5");
        let expected = json!({"cmd": {"z": "a", "b": "c"}, "values": ["1", "2"], "fields": {"fm": [{"value": "+7"}]}, "id": "5"});
        assert_eq!(Value::Object(read.values.clone()), expected);
        assert_eq!(read.members("cmd").into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["z", "b"]);
        assert_eq!(read.number("id"), Some(5));
    }

    #[test]
    fn json_keeps_the_order_of_commands() {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        let body = br#"{"cmd": {"z": "a", "b": "c"}, "halt": 1}"#;
        let read = Parameters::read(&Method::POST, "auth=x", &headers, body);
        assert_eq!(read.members("cmd").into_iter().map(|(key, _)| key).collect::<Vec<_>>(), ["z", "b"]);
        assert_eq!(read.text("auth"), "x");
        assert!(read.flag("halt") && !read.flag("missing"));
        let lost = Parameters::read(&Method::GET, "", &headers, body);
        assert_eq!((lost.values.len(), lost.unread.len()), (0, 1));
    }

    #[test]
    fn events_have_bracket_keys() {
        let encoded = encode(&json!({"event": "ONCRMLEADADD", "data": {"FIELDS": {"ID": 5}}}));
        assert_eq!(encoded, "data%5BFIELDS%5D%5BID%5D=5&event=ONCRMLEADADD");
    }
}
