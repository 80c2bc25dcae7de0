//! One slip, one message: each case changes one thing in the good file and names all that is printed.

use super::*;

#[derive(Clone, Copy)]
struct Case {
    from: &'static str,
    to: &'static str,
    printed: &'static [&'static str],
}

const fn case(from: &'static str, to: &'static str, printed: &'static [&'static str]) -> Case {
    Case { from, to, printed }
}

const UNKNOWN_FIELDS: &[Case] = &[
    case("zone: E", "timezone: x\nzone: E", &["line 3: timezone: is not a known field"]),
    case("name: Л", "adress: x\nname: Л", &["line 2: adress: is not a known field; did you mean address?"]),
    case("name: Л", "имя: x\nname: Л", &["line 2: имя: is not a known field"]),
    case("name: Л", "12: x\nname: Л", &["line 2: 12: is not a known field"]),
    case("name: Л", "\"a b\": x\nname: Л", &["line 2: \"a b\": is not a known field"]),
    case("  api_key", "  team: 4\n  api_key", &["line 7: calcom.team: is not a known field; did you mean team_id?"]),
    case(
        "{ env: LOTOS_KEY }",
        "{ evn: LOTOS_KEY }",
        &["line 7: calcom.api_key.…: has an unknown field; it may be text, { env: NAME } or { file: path }"],
    ),
    case(
        "    bot_token",
        "    token: x\n    bot_token",
        &["line 11: channels[0].token: is not a known field; did you mean access_token?"],
    ),
    case("minutes: 30", "minutes: 30\n    duration: 4", &["line 20: services[1].duration: is not a known field"]),
    case("ru: Стрижка,", "ru: Стрижка, de: Schnitt,", &["line 15: services[0].title.de: is not a known field"]),
    case("    name: Анна", "    nmae: А\n    name: Анна", &["line 23: staff[0].nmae: is not a known field; did you mean name?"]),
    case(
        "event_type_id: 11",
        "event_type_id: 11, event_type: 11",
        &["line 25: staff[0].services[0].event_type: is not a known field; did you mean event_type_id?"],
    ),
    case(
        "languages:",
        "quiet_hours: { start: \"21:00\", end: \"09:00\", from: 1 }\nlanguages:",
        &["line 4: quiet_hours.from: is not a known field"],
    ),
    case(
        "languages:",
        "reminders:\n  day_before:\n    att: 1\n    at: \"18:00\"\n  hour_before: 2\nlanguages:",
        &[
            "line 6: reminders.day_before.att: is not a known field; did you mean at?",
            "line 8: reminders.hour_before: is not a known field; did you mean hours_before?",
        ],
    ),
    case(
        "calcom:",
        "erxes:\n  base_url: http://erxes\n  integration: a\n  brand_id: b\ncalcom:",
        &[
            "line 5: erxes.integration_id: is required",
            "line 7: erxes.integration: is not a known field; did you mean integration_id?",
        ],
    ),
];

const CHANNELS: &[Case] = &[
    case(
        "kind: telegram\n    name: main\n    bot_token: { env: SECRET_BOT_TOKEN }",
        "kind: vk\n    name: main",
        &[
            "line 9: channels[0].access_token: is required for a channel of kind vk",
            "line 9: channels[0].group_id: is required for a channel of kind vk",
        ],
    ),
    case(
        "    bot_token",
        "    group_id: 7\n    bot_token",
        &["line 11: channels[0].group_id: is not a field of a channel of kind telegram"],
    ),
    case(
        "languages:",
        "fallback: { order: [mian] }\nlanguages:",
        &["line 4: fallback.order[0]: must be the name of a channel of this file; did you mean main? (got \"mian\")"],
    ),
    case(
        "languages:",
        "fallback: { after_minutes: 0 }\nlanguages:",
        &["line 4: fallback.after_minutes: must be between 1 and 1440 (got 0)"],
    ),
    case(
        "    bot_token",
        "    phone_number_id: 106\n    bot_token",
        &[
            "line 11: channels[0].phone_number_id: is not a field of a channel of kind telegram",
            "line 11: channels[0].phone_number_id: must be an id of Meta's: digits, in quotes (got 106)",
        ],
    ),
];

const VALUES: &[Case] = &[
    case("slug: lotos\n", "", &["line 1: slug: is required"]),
    case(
        "slug: lotos",
        "slug: -lotos",
        &["line 1: slug: must be 3 to 40 characters of a-z, 0-9 and -, with no - at either end (got \"-lotos\")"],
    ),
    case("name: Лотос", "name: \" \"", &["line 2: name: must be one line of text of 1 to 100 characters (got \" \")"]),
    case("name: Лотос", "name:", &["line 2: name: must be one line of text of 1 to 100 characters (got nothing)"]),
    case(
        "zone: Europe/Moscow",
        "zone: Moscow",
        &["line 3: zone: must be an IANA time zone, such as Europe/Moscow; did you mean Europe/Moscow? (got \"Moscow\")"],
    ),
    case(
        "zone: Europe/Moscow",
        "zone: +03:00",
        &["line 3: zone: must be an IANA time zone, such as Europe/Moscow (got \"+03:00\")"],
    ),
    case("[ru, en]", "[]", &["line 4: languages: must have at least one entry"]),
    case("[ru, en]", "[ru, en, ru]", &["line 4: languages: must not have the same entry twice"]),
    case("[ru, en]", "[ru, en, kz]", &["line 4: languages[2]: must be one of ru, en (got \"kz\")"]),
    case("[ru, en]", "ru", &["line 4: languages: must be a list (got text)"]),
    case(
        "languages:",
        "phone_region: ru\nlanguages:",
        &["line 4: phone_region: must be an ISO 3166 region of two capital letters, such as RU (got \"ru\")"],
    ),
    case(
        "languages:",
        "phone_region: XQ\nlanguages:",
        &["line 4: phone_region: must be a region of ISO 3166, such as RU (got \"XQ\")"],
    ),
    case(
        "languages:",
        "quiet_hours: { start: \"9:00\", end: 540 }\nlanguages:",
        &[
            "line 4: quiet_hours.end: must be a time of day from 00:00 to 23:59, written HH:MM (got 540)",
            "line 4: quiet_hours.start: must be a time of day from 00:00 to 23:59, written HH:MM (got \"9:00\")",
        ],
    ),
    case(
        "languages:",
        "quiet_hours:\n  start: \"09:00\"\n  end: \"05:01\"\nlanguages:",
        &["line 4: quiet_hours: must be at most 20 hours long (got 20 h 1 min)"],
    ),
    case("languages:", "quiet_hours:\n  start: \"09:00\"\n  end: \"05:00\"\nlanguages:", &[]),
    case(
        "languages:",
        "quiet_hours: { start: \"09:00\", end: \"09:00\" }\nlanguages:",
        &["line 4: quiet_hours: must end at another time than it starts"],
    ),
    case(
        "languages:",
        "reminders: { day_before: maybe, hours_before: 49 }\nlanguages:",
        &[
            "line 4: reminders.day_before: must be true or false, or a mapping of fields (got text)",
            "line 4: reminders.hours_before: must be between 1 and 48 (got 49)",
        ],
    ),
    case(
        "languages:",
        "reminders:\n  hours_before: [24, 2]\nlanguages:",
        &["line 5: reminders.hours_before: must be a whole number between 1 and 48 (got a list)"],
    ),
    case(
        "languages:",
        "cancel_until_hours: 169\nlanguages:",
        &["line 4: cancel_until_hours: must be between 0 and 168 (got 169)"],
    ),
    case(
        "kind: telegram",
        "kind: telegramm",
        &[
            "line 9: channels[0].kind: must be one of telegram, max, vk, whatsapp, instagram; did you mean telegram? (got \"telegramm\")",
        ],
    ),
    case("minutes: 60", "minutes: 60.5", &["line 16: services[0].minutes: must be a whole number between 5 and 720 (got 60.5)"]),
    case(
        "minutes: 60",
        "minutes: 99999999999999999999",
        &["line 16: services[0].minutes: must be between 5 and 720 (got 1e+20)"],
    ),
    case(
        "minutes: 60",
        "price: 1500\n    minutes: 60",
        &["line 16: services[0].price: must be text of 1 to 40 characters, in quotes (got 1500)"],
    ),
    case("event_type_id: 12", "event_type_id: -12", &["line 26: staff[0].services[1].event_type_id: must be from 1 (got -12)"]),
    case("service: brows", "service:\n        - brows", &["line 27: the file: is not valid YAML: "]),
];

const SITE: &[Case] = &[
    case("calcom:", "site: { origins: [https://lotos.example, \"http://localhost:8080\"] }\ncalcom:", &[]),
    case("calcom:", "site: {}\ncalcom:", &["line 5: site.origins: is required"]),
    case("calcom:", "site: { origins: [] }\ncalcom:", &["line 5: site.origins: must have at least one entry"]),
    case(
        "calcom:",
        "site: { origins: [lotos.example, https://lotos.example/] }\ncalcom:",
        &[
            "line 5: site.origins[0]: must be an origin: http:// or https:// and a host, with nothing behind it",
            "line 5: site.origins[1]: must be an origin: http:// or https:// and a host, with nothing behind it",
        ],
    ),
    case(
        "calcom:",
        "site: { origins: [https://Lotos.example, https://лотос.рф, https://lotos.example:443] }\ncalcom:",
        &[
            "line 5: site.origins[0]: must be written as browsers do: in small letters, in punycode, without a port that its scheme implies",
            "line 5: site.origins[1]: must be written as browsers do: in small letters, in punycode, without a port that its scheme implies",
            "line 5: site.origins[2]: must be written as browsers do: in small letters, in punycode, without a port that its scheme implies",
        ],
    ),
];

const REFERENCES: &[Case] = &[
    case(
        "key: brows",
        "key: haircut",
        &[
            "line 17: services[1].key: must be unique: services[0].key on line 14 is the same (got \"haircut\")",
            "line 26: staff[0].services[1].service: must be the key of a service of this file (got \"brows\")",
        ],
    ),
    case(
        "event_type_id: 12",
        "event_type_id: 11",
        &[
            "line 26: staff[0].services[1].event_type_id: must be unique: staff[0].services[0].event_type_id on line 25 is the same (got 11)",
        ],
    ),
    case(
        "service: brows",
        "service: haircut",
        &[
            "line 26: staff[0].services[1].service: must be unique: staff[0].services[0].service on line 25 is the same (got \"haircut\")",
        ],
    ),
    case(
        "\nservices:\n",
        "  - kind: telegram\n    name: main\n    bot_token: \"1:a\"\nservices:\n",
        &["line 13: channels[1].name: must be unique: channels[0].name on line 10 is the same (got \"main\")"],
    ),
    case(
        "\nservices:\n",
        "\n  - kind: telegram\n    name: other\n    bot_token: \"123456:other\"\nservices:\n",
        &["line 15: channels[1].bot_token: must not be the bot of channels[0].bot_token on line 11"],
    ),
    case(", en: Haircut", "", &["line 15: services[0].title: must have a text in en, which is one of `languages`"]),
    case("https://api.cal.com", "ftp://api.cal.com", &["line 6: calcom.base_url: must be an http:// or https:// address"]),
    case(
        "https://api.cal.com",
        "https://u:p@api.cal.com",
        &["line 6: calcom.base_url: must not have a user name or password in it"],
    ),
    case(
        "https://api.cal.com",
        "https://[api",
        &["line 6: calcom.base_url: must be an address that can be parsed, such as https://example.com"],
    ),
    case(
        "https://api.cal.com",
        "https://api.cal.com/?a=b",
        &["line 6: calcom.base_url: must end with its path: nothing from ? or # on"],
    ),
];

const SECRETS: &[Case] = &[
    case("{ env: LOTOS_KEY }", "{ env: NOT_SET }", &["line 7: calcom.api_key: the environment variable it names does not exist"]),
    case(
        "{ env: LOTOS_KEY }",
        "{ file: /secret/key }",
        &["line 7: calcom.api_key: the file it names cannot be read: permission denied"],
    ),
    case(
        "{ env: LOTOS_KEY }",
        "{ env: A, file: B }",
        &["line 7: calcom.api_key: must be text in quotes, or one of { env: NAME } and { file: path }"],
    ),
    case(
        "{ env: LOTOS_KEY }",
        "12345",
        &["line 7: calcom.api_key: must be text in quotes, or one of { env: NAME } and { file: path }"],
    ),
    case("{ env: LOTOS_KEY }", "{ env: LOTOS_BROKEN }", &["line 7: calcom.api_key: must be ASCII without spaces or line ends"]),
    case(
        "channels:",
        "  webhook_secret: short\nchannels:",
        &["line 8: calcom.webhook_secret: must be at least 32 characters without spaces"],
    ),
    case(
        "{ env: SECRET_BOT_TOKEN }",
        "abc/../x",
        &[
            "line 11: channels[0].bot_token: must be a bot token as BotFather gives it: digits, a colon, then A-Z, a-z, 0-9, _ and -",
        ],
    ),
    case(
        "\nservices:\n",
        "    secret_token: a+b\nservices:\n",
        &["line 12: channels[0].secret_token: must be 1 to 256 characters of A-Z, a-z, 0-9, _ and -"],
    ),
];

const SYNTAX: &[Case] = &[
    case("zone: Europe/Moscow\n", "zone: Europe/Moscow\nslug: other\n", &["line 4: slug: is given twice: first on line 1"]),
    case("key: brows", "key: brows\n    key: brows", &["line 18: services[1].key: is given twice: first on line 17"]),
    case("  api_key", "\tapi_key", &["line 7: the file: must be indented with spaces, not with tabs"]),
    case("name: Лотос", "name: 'Лотос", &["line 2: the file: is not valid YAML: "]),
    case("[ru, en]", "&all [ru, en]\nother: *all", &["line 5: the file: must not use aliases (*name): write the value out"]),
    case(
        "[ru, en]",
        "!list [ru, en]",
        &["line 4: the file: must not use tags (!name): write a plain value, or put it in quotes"],
    ),
    case("minutes: 60", "minutes: !!int sixty", &["line 16: the file: has a value that does not fit its tag (!!)"]),
    case("name: Лотос", "? [a, b]\n: c", &["line 2: the file: must use plain text for the names of fields"]),
    case("\nservices:", "---\nservices:", &["line 12: the file: must hold one document: a second one begins here"]),
];

#[test]
fn each_slip_has_its_message() {
    let cases = [UNKNOWN_FIELDS, CHANNELS, VALUES, SITE, REFERENCES, SECRETS, SYNTAX].concat();
    let mut wrong = String::new();
    for case in &cases {
        let text = GOOD.replacen(case.from, case.to, 1);
        assert_ne!(text, GOOD, "{:?} is not in the file", case.from);
        let printed = messages(&text);
        if !same(&printed, case.printed) {
            wrong += &format!("{:?}\nshould print {:#?}\nprints {printed:#?}\n", case.to, case.printed);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What the YAML scanner says is its own affair; ours is where, and that it is no YAML.
fn same(printed: &[String], expected: &[&str]) -> bool {
    printed.len() == expected.len()
        && printed.iter().zip(expected).all(|(is, should)| is == should || (should.ends_with("YAML: ") && is.starts_with(should)))
}

#[test]
fn a_file_that_is_something_else_is_refused() {
    for (text, printed) in [
        ("", "line 1: the file: is empty"),
        ("\n# only a comment\n", "line 1: the file: is empty"),
        ("---\n", "line 1: the file: is empty"),
        ("just text", "line 1: the file: must be a mapping of fields (got text)"),
        ("- a\n- b\n", "line 1: the file: must be a mapping of fields (got a list)"),
        ("[1", "line 1: the file: is not valid YAML: "),
    ] {
        let all = messages(text);
        assert!(all.len() == 1 && all[0].starts_with(printed), "{text:?} prints {all:#?}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let long = format!("{GOOD}# {}\n", "x".repeat(MAX_BYTES));
    assert_eq!(messages(&long), ["line 1: the file: must be at most 1048576 bytes long"]);
    let just_fits = format!("{GOOD}# {}\n", "x".repeat(MAX_BYTES - GOOD.len() - 3));
    assert!(messages(&just_fits).is_empty());
    for deep in ["[".repeat(200), "- ".repeat(100_000), "{a: ".repeat(200)] {
        assert_eq!(messages(&deep), ["line 1: the file: must not nest deeper than 32"]);
    }
}

#[test]
fn fields_named_by_mappings_nest_no_deeper() {
    assert_eq!(messages(&"? ".repeat(100_000)), ["line 1: the file: must use plain text for the names of fields"]);
}

#[test]
fn a_json_slip_has_its_line_too() {
    let value = parse::parse(GOOD).map(|document| document.value).unwrap_or_default();
    let text = serde_json::to_string_pretty(&value).unwrap().replace("\"minutes\": 30", "\"minutes\": 3");
    let line = 1 + text.lines().position(|line| line.contains("\"minutes\": 3") && !line.contains("60")).unwrap();
    assert_eq!(messages(&text), [format!("line {line}: services[1].minutes: must be between 5 and 720 (got 3)")]);
    let truncated = &text[..text.len() / 2 - text.len() / 2 % 2];
    let truncated = truncated.trim_end_matches(|c: char| !c.is_ascii());
    let printed = messages(truncated);
    assert!(printed[0].contains("the file: is not valid YAML: "), "{printed:?}");
}
