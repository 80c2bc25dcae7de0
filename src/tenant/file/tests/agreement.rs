//! The published schema and the program's model say the same.

use std::collections::BTreeSet;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde_json::{Value, json};

use super::*;

/// The names of a struct's fields, as serde knows them.
struct FieldNames<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = de::value::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend_from_slice(fields);
        Err(de::Error::custom("only the names were asked for"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("not a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn names<T: DeserializeOwned>() -> BTreeSet<String> {
    let mut names = Vec::new();
    let _ = T::deserialize(FieldNames(&mut names));
    names.into_iter().map(str::to_owned).collect()
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Every place of the schema that lists fields, with its pointer.
fn objects<'a>(pointer: &str, node: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    if let Some(properties) = node.get("properties") {
        found.push((pointer.to_owned(), properties));
        for (name, child) in properties.as_object().unwrap() {
            objects(&format!("{pointer}/{name}"), child, found);
        }
    }
    if let Some(items) = node.get("items") {
        objects(pointer, items, found);
    }
}

#[test]
fn every_field_is_in_both() {
    let kinds = [names::<Telegram>(), names::<Max>(), names::<Vk>(), names::<Whatsapp>(), names::<Instagram>()];
    let mut channel: BTreeSet<String> = kinds.into_iter().flatten().collect();
    channel.insert("kind".to_owned());
    let expected = [
        ("", names::<TenantFile>()),
        ("/quiet_hours", names::<QuietHours>()),
        ("/reminders", names::<Reminders>()),
        ("/reminders/day_before", BTreeSet::from(["at".to_owned()])),
        ("/erxes", names::<Erxes>()),
        ("/espocrm", names::<Espocrm>()),
        ("/bitrix24", names::<Bitrix24>()),
        ("/site", names::<Site>()),
        ("/calcom", names::<Calcom>()),
        ("/fallback", names::<Fallback>()),
        ("/channels", channel),
        ("/channels/templates", names::<MessageTemplate>()),
        ("/services", names::<Service>()),
        ("/services/title", BTreeSet::from(["ru".to_owned(), "en".to_owned()])),
        ("/staff", names::<Staff>()),
        ("/staff/services", names::<StaffService>()),
    ];
    let schema = schema();
    let mut found = Vec::new();
    objects("", &schema, &mut found);
    let mut found: Vec<(&str, BTreeSet<String>)> =
        found.iter().map(|(pointer, fields)| (&**pointer, fields.as_object().unwrap().keys().cloned().collect())).collect();
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_object_is_closed_and_every_field_described() {
    let schema = schema();
    let mut found = Vec::new();
    objects("", &schema, &mut found);
    objects("/secret", &schema["$defs"]["secret"], &mut found);
    for (pointer, fields) in found {
        for (name, field) in fields.as_object().unwrap() {
            assert!(field["description"].is_string(), "{pointer}/{name} has no description");
        }
    }
    fn closed(node: &Value) {
        if node.get("properties").is_some_and(Value::is_object) && node.get("type").is_some() {
            assert_eq!(node["additionalProperties"], json!(false), "{node}");
        }
        match node {
            Value::Object(fields) => fields.values().for_each(closed),
            Value::Array(items) => items.iter().for_each(closed),
            _ => {}
        }
    }
    closed(&schema);
}

/// What the schema calls a secret is what the program never repeats.
#[test]
fn secrets_are_the_same_fields() {
    let schema = schema();
    let mut found = Vec::new();
    objects("", &schema, &mut found);
    let mut count = 0;
    for (pointer, fields) in found {
        for (name, field) in fields.as_object().unwrap() {
            let in_schema = field["$ref"] == json!("#/$defs/secret");
            assert_eq!(in_schema, secret::is_secret(name), "{pointer}/{name}");
            let address = field["$ref"] == json!("#/$defs/url") || field["items"]["$ref"] == json!("#/$defs/origin");
            assert_eq!(!(in_schema || address), secret::may_be_shown(&format!("{pointer}/{name}")));
            count += usize::from(in_schema);
        }
    }
    assert_eq!(count, 18);
}

/// All pointers of fields in a value.
fn fields(pointer: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                found.push((pointer.to_owned(), key.clone()));
                fields(&format!("{pointer}/{key}"), child, found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                fields(&format!("{pointer}/{index}"), item, found);
            }
        }
        _ => {}
    }
}

fn plain_example() -> Value {
    let mut value = parse::parse(EXAMPLE).map(|document| document.value).unwrap_or_default();
    secret::inline(&mut value, &secrets, &mut Report::default());
    value
}

/// The example has every field there is, so that leaving each out in turn tries every "required".
#[test]
fn the_same_fields_are_required() {
    let example = plain_example();
    let mut all = Vec::new();
    fields("", &example, &mut all);
    assert!(all.len() > 50);
    for (parent, key) in all {
        let mut value = example.clone();
        value.pointer_mut(&parent).and_then(Value::as_object_mut).unwrap().remove(&key);
        let valid = jsonschema::is_valid(&schema(), &value);
        // A title's languages are required by `languages`, not by the schema.
        if parent.ends_with("/title") {
            continue;
        }
        // What a channel's kind requires is in `rules.rs`, in words.
        let valid = valid && rules::channels_are_complete(&value);
        let fits = serde_json::from_value::<TenantFile>(value).is_ok();
        assert_eq!(fits, valid, "{parent}/{key} left out");
    }
}

#[test]
fn the_example_has_every_field() {
    let example = plain_example();
    let mut used = Vec::new();
    fields("", &example, &mut used);
    let used: BTreeSet<String> = used
        .into_iter()
        .map(|(parent, key)| {
            let parts = parent.split('/').filter(|part| part.parse::<usize>().is_err());
            parts.chain([key.as_str()]).collect::<Vec<_>>().join("/")
        })
        .collect();
    let schema = schema();
    let mut found = Vec::new();
    objects("", &schema, &mut found);
    for (pointer, properties) in found {
        for name in properties.as_object().unwrap().keys() {
            assert!(used.contains(&format!("{pointer}/{name}")), "{pointer}/{name} is not in the example");
        }
    }
}

/// A field of the schema as the guide names it, such as `staff[].services[].service`; none for one that is told in the row of the
/// field it is in, or in the rows of its own fields.
fn in_guide(pointer: &str, name: &str) -> Option<String> {
    if ["/quiet_hours", "/reminders/day_before", "/services/title"].contains(&pointer)
        || ["reminders", "calcom", "fallback"].contains(&name)
    {
        return None;
    }
    let path = pointer.replace('/', ".").replace("staff.services", "staff[].services[]");
    let path = path.replace("channels.templates", "channels[].templates[]");
    let path = ["channels", "services", "staff"]
        .iter()
        .fold(path, |path, list| if path == format!(".{list}") { format!(".{list}[]") } else { path });
    Some(format!("{path}.{name}").trim_start_matches('.').to_owned())
}

const GUIDE: &str = include_str!("../../../../docs/tenant-file.md");

/// The line of the guide's table that begins with this cell.
fn row(cell: &str) -> &'static str {
    GUIDE.lines().find(|line| line.starts_with(cell)).unwrap_or_else(|| panic!("no row {cell}"))
}

#[test]
fn the_guide_names_every_field_and_every_limit() {
    let schema = schema();
    let mut found = Vec::new();
    objects("", &schema, &mut found);
    let mut limits = 0;
    for (pointer, properties) in found {
        let required = schema_at(&schema, &pointer)["required"].clone();
        for (name, field) in properties.as_object().unwrap() {
            let Some(path) = in_guide(&pointer, name) else { continue };
            let is_required = required.as_array().is_some_and(|all| all.contains(&json!(name)));
            let row = row(&if is_required { format!("| **`{path}`** |") } else { format!("| `{path}` |") });
            limits += names_limits(row, field);
            if let Some(word) = field["$ref"].as_str().and_then(|target| target.strip_prefix("#/$defs/")) {
                assert!(row.contains(&format!("*{word}*")), "{path} is a {word}: {row}");
            }
        }
    }
    for (word, definition) in schema["$defs"].as_object().unwrap() {
        // Told in the rows of `languages` and of a service's title.
        if !["language", "title"].contains(&word.as_str()) {
            limits += names_limits(row(&format!("| *{word}* |")), definition);
        }
    }
    assert!(limits > 40, "{limits} limits looked for");
}

/// Checks that a row has each number which the schema's node enforces, but for "not empty". Returns how many.
fn names_limits(row: &str, node: &Value) -> usize {
    let numbers = |text: &str| -> BTreeSet<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect()
    };
    let keywords = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"];
    let of = |keyword: &&str| node[*keyword].as_u64().filter(|limit| (*keyword, *limit) != ("minLength", 1));
    let mut limits: BTreeSet<u64> = keywords.iter().filter_map(of).collect();
    limits.extend(numbers(node["errorMessage"].as_str().unwrap_or_default()));
    let told = numbers(row);
    assert!(limits.is_subset(&told), "{limits:?} in {row}");
    limits.len()
}

/// The schema's node for a pointer of `objects`, which passes over lists.
fn schema_at<'a>(schema: &'a Value, pointer: &str) -> &'a Value {
    pointer.split('/').skip(1).fold(schema, |node, name| {
        let node = &node["properties"][name];
        node.get("items").filter(|items| items.get("properties").is_some()).unwrap_or(node)
    })
}

#[test]
fn defaults_are_the_same() {
    let schema = schema();
    let default = |pointer: &str| schema.pointer(pointer).unwrap()["default"].clone();
    let file = load(GOOD, &secrets).unwrap();
    assert_eq!(default("/properties/phone_region"), json!(file.phone_region.as_ref()));
    assert_eq!(default("/properties/cancel_until_hours"), json!(file.cancel_until_hours));
    let quiet: QuietHours = serde_json::from_value(default("/properties/quiet_hours")).unwrap();
    assert_eq!(quiet, file.quiet_hours);
    let reminders: Reminders = serde_json::from_value(default("/properties/reminders")).unwrap();
    assert_eq!(reminders, file.reminders);
    let day_before = default("/properties/reminders/properties/day_before");
    let spelt: Reminders = serde_json::from_value(json!({ "day_before": day_before })).unwrap();
    assert_eq!(spelt, file.reminders);
    let fallback: Fallback = serde_json::from_value(default("/properties/fallback")).unwrap();
    assert_eq!(fallback, file.fallback);
    assert_eq!(default("/properties/fallback/properties/after_minutes"), json!(file.fallback.after_minutes));
    let mut example = plain_example();
    example["erxes"].as_object_mut().unwrap().remove("enabled");
    example["site"].as_object_mut().unwrap().remove("consent");
    let file: TenantFile = serde_json::from_value(example).unwrap();
    assert_eq!(default("/properties/erxes/properties/enabled"), json!(file.erxes.unwrap().enabled));
    assert_eq!(default("/properties/site/properties/consent"), json!(file.site.unwrap().consent));
}

/// Ends of ranges: what the schema lets through, the model can hold.
#[test]
fn the_model_holds_every_number_the_schema_allows() {
    for (from, low, high) in [
        ("minutes: 60", "minutes: 5", "minutes: 720"),
        ("event_type_id: 11", "event_type_id: 1", "event_type_id: 9007199254740991"),
        ("languages:", "cancel_until_hours: 0\nlanguages:", "cancel_until_hours: 168\nlanguages:"),
        ("languages:", "reminders: { hours_before: 1 }\nlanguages:", "reminders: { hours_before: 48 }\nlanguages:"),
    ] {
        for to in [low, high] {
            assert_eq!(messages(&GOOD.replace(from, to)), Vec::<String>::new(), "{to}");
        }
    }
}
