use super::*;

fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn problems(method: &str, list: &[(&str, &str)]) -> Vec<(String, bool)> {
    let (_, found) = spec().check_call(method, &pairs(list));
    found.into_iter().map(|problem| (problem.parameter, problem.refused)).collect()
}

#[test]
fn every_played_method_is_in_the_schema() {
    for method in PLAYED {
        assert_eq!(spec().played(method), Some(*method));
    }
    assert!(spec().knows("messages.pin") && spec().played("messages.pin").is_none());
    assert!(!spec().knows("messages.dance"));
}

#[test]
fn parameters_are_read_and_checked_as_the_schema_types_them() {
    let (read, found) = spec().check_call(
        "messages.send",
        &pairs(&[("peer_ids", "5,-7,2000000001"), ("dont_parse_links", "1"), ("message", "5"), ("v", "5.199")]),
    );
    assert_eq!(found, []);
    assert_eq!(Value::Object(read), json!({"peer_ids": [5, -7, 2_000_000_001_i64], "dont_parse_links": true, "message": "5"}));
    let keyboard =
        r#"{"inline":true,"buttons":[[{"action":{"type":"callback","label":"a","payload":"{}"},"color":"secondary"}]]}"#;
    assert_eq!(problems("messages.send", &[("keyboard", keyboard)]), []);
}

#[test]
fn what_does_not_fit_is_named_without_its_value() {
    let cases = [
        ("messages.send", [("peer_ids", "Anna")], ("peer_ids", true)),
        ("messages.send", [("text", "hello")], ("text", false)),
        ("messages.send", [("intent", "greeting")], ("intent", true)),
        ("messages.send", [("keyboard", "no json")], ("keyboard", true)),
        ("messages.send", [("keyboard", r#"{"buttons":[[{"action":{"type":"text"}}]]}"#)], ("keyboard", true)),
        ("messages.send", [("disable_mentions", "yes")], ("disable_mentions", true)),
        ("groups.getCallbackServers", [("group_id", "0")], ("group_id", true)),
        ("groups.getTokenPermissions", [("group_id", "7")], ("group_id", false)),
    ];
    for (method, parameters, (name, refused)) in cases {
        assert_eq!(problems(method, &parameters), [(name.to_owned(), refused)], "{method} {parameters:?}");
    }
    let hundred_and_one = vec!["5"; 101].join(",");
    assert_eq!(problems("messages.send", &[("peer_ids", &hundred_and_one)]), [("peer_ids".to_owned(), true)]);
    let missing = problems("groups.addCallbackServer", &[("group_id", "7"), ("title", "fifteen letters")]);
    assert_eq!(missing, [("url".to_owned(), true), ("title".to_owned(), true)]);
    let (_, found) = spec().check_call("messages.edit", &pairs(&[("peer_id", "79001234567x")]));
    assert!(!found[0].to_string().contains("79001234567"), "{}", found[0]);
}

#[test]
fn answers_and_errors_are_the_schemas() {
    assert_eq!(spec().check_answer("messages.send", &json!({"response": 7})), Vec::<String>::new());
    let item = json!({"peer_id": 5, "message_id": 7, "conversation_message_id": 3});
    assert_eq!(spec().check_answer("messages.send", &json!({"response": [item]})), Vec::<String>::new());
    assert_ne!(spec().check_answer("messages.send", &json!({"response": [{"peer_id": 5}]})), Vec::<String>::new());
    assert_ne!(spec().check_answer("messages.edit", &json!({"response": 2})), Vec::<String>::new());
    assert_eq!(spec().error(901), "Can't send messages for users without permission");
    assert!(spec().event_flags().contains("message_event") && spec().event_flags().len() > 50);
}

#[test]
fn each_difference_is_one_and_has_a_reason() {
    let documents: Vec<Value> = OBJECTS.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let raw = schema::merged(&documents);
    for difference in schema::DIFFERENCES {
        let stated = raw.pointer(difference.pointer).unwrap_or_else(|| panic!("{} is gone", difference.pointer));
        assert_ne!(*stated, serde_json::from_str::<Value>(difference.is).unwrap(), "{}", difference.pointer);
        assert!(!difference.because.is_empty());
    }
}

#[test]
fn the_fixtures_are_events() {
    let fixtures = [
        include_str!("../../../spec/vk/fixtures/confirmation.json"),
        include_str!("../../../spec/vk/fixtures/group_join.json"),
        include_str!("../../../spec/vk/fixtures/group_leave.json"),
        include_str!("../../../spec/vk/fixtures/message_allow.json"),
        include_str!("../../../spec/vk/fixtures/message_edit.json"),
        include_str!("../../../spec/vk/fixtures/message_event.json"),
        include_str!("../../../spec/vk/fixtures/message_new.geo.json"),
        include_str!("../../../spec/vk/fixtures/message_new.photo.json"),
        include_str!("../../../spec/vk/fixtures/message_new.start.json"),
        include_str!("../../../spec/vk/fixtures/message_new.text.json"),
        include_str!("../../../spec/vk/fixtures/message_new.text_button.json"),
    ];
    for fixture in fixtures {
        let event: Value = serde_json::from_str(fixture).unwrap();
        assert_eq!(spec().check_event(&event), Vec::<String>::new(), "{fixture}");
        let mut nameless = event.clone();
        nameless["event_id"] = Value::Null;
        assert_eq!(spec().check_event(&nameless).len(), 1, "{fixture}");
    }
}
