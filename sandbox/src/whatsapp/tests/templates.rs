use serde_json::{Value, json};

use super::{ANNA, NUMBER, Salon, WABA, messages, template};

#[tokio::test]
async fn templates_are_listed_with_their_languages_and_states() {
    let salon = Salon::open().await;
    let (status, all) = salon.get(&format!("{WABA}/message_templates?fields=name,language,status,category,components")).await;
    assert_eq!(status, 200);
    let listed: Vec<(&str, &str, &str)> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|template| {
            let part = |name: &str| template[name].as_str().unwrap();
            (part("name"), part("language"), part("status"))
        })
        .collect();
    assert_eq!(
        listed,
        [
            ("visit_reminder", "ru", "APPROVED"),
            ("visit_reminder", "en_US", "PENDING"),
            ("visit_paused", "ru", "PAUSED"),
            ("visit_disabled", "ru", "DISABLED"),
            ("news", "ru", "APPROVED"),
        ]
    );
    assert_eq!(all["data"][0]["components"][0]["text"], "{{1}}, we wait for you on {{2}}.");
    let (_, some) = salon.get(&format!("{WABA}/message_templates?name=visit_reminder&status=APPROVED")).await;
    assert_eq!((some["data"].as_array().map(Vec::len), &some["data"][0]["parameter_format"]), (Some(1), &json!("POSITIONAL")));
    assert_eq!(salon.violations(), Vec::<String>::new());
    salon.get(&format!("{WABA}/message_templates?colour=red")).await;
    assert_eq!(salon.violations(), ["colour"]);
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let salon = Salon::open().await;
    let (mut names, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let (_, page) = salon.get(&format!("{WABA}/message_templates?fields=name&limit=2{after}")).await;
        names.extend(page["data"].as_array().unwrap().iter().map(|template| template["name"].as_str().unwrap().to_owned()));
        if page["paging"].get("next").is_none() {
            break;
        }
        after = format!("&after={}", page["paging"]["cursors"]["after"].as_str().unwrap());
    }
    assert_eq!(names.len(), 5);
    names.dedup();
    assert_eq!(names, ["visit_reminder", "visit_paused", "visit_disabled", "news"]);
}

#[tokio::test]
async fn only_approved_templates_go_out_and_changes_are_told() {
    let (salon, product) = Salon::connected().await;
    // This field does not follow an account's own callback: it goes to the app's.
    let (office, url) = crate::meta::testing::Product::listen().await;
    let callback = json!({"url": url, "verify_token": crate::meta::testing::VERIFY_TOKEN, "fields": []});
    salon.office(json!({"do": "set_callback", "app": super::APP, "callback": callback})).await;
    for (name, language, code) in
        [("visit_paused", "ru", 132_015), ("visit_disabled", "ru", 132_016), ("visit_reminder", "en_US", 132_001)]
    {
        assert_eq!(salon.refused(ANNA, template(name, language)).await.1, code, "{name}");
    }
    let approve =
        json!({"do": "template_status", "account": WABA, "name": "visit_reminder", "language": "en_US", "status": "APPROVED"});
    salon.office(approve).await;
    salon.sent(ANNA, template("visit_reminder", "en_US")).await;
    salon.settled().await;
    let told = office.of_entries("changes");
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["field"], &told[0]["value"]["event"], &told[0]["value"]["message_template_language"]),
        (&json!("message_template_status_update"), &json!("APPROVED"), &json!("en_US"))
    );
    assert!(office.hooks()[0].body["entry"][0]["time"].is_i64());
    assert!(product.values().iter().all(|value| value.get("event").is_none()));
    assert_eq!(salon.violations(), Vec::<String>::new(), "pausing and approving is Meta's business");
}

#[tokio::test]
async fn a_template_filled_in_wrongly_is_the_products_fault() {
    let (salon, _product) = Salon::connected().await;
    let with = |pointer: &str, value: Value| {
        let mut message = template("visit_reminder", "ru");
        *message.pointer_mut(pointer).unwrap() = value;
        message
    };
    let parameters = "/template/components/0/parameters";
    let one = json!([{"type": "text", "text": "Anna"}]);
    let (_, code, details) = salon.refused(ANNA, with(parameters, one)).await;
    assert_eq!(
        (code, details.as_str()),
        (132_000, "body: number of localizable_params (1) does not match the expected number of params (2)")
    );
    assert_eq!(salon.refused(ANNA, with("/template/components/1/sub_type", json!("url"))).await.1, 132_012);
    assert_eq!(salon.refused(ANNA, with("/template/components/1/index", json!("a"))).await.1, 131_009);
    assert_eq!(salon.refused(ANNA, with("/template/components/0/parameters/0/text", json!("a\tb"))).await.1, 132_018);
    assert_eq!(salon.violations().len(), 4);
}

#[tokio::test]
async fn types_of_components_are_read_in_any_case() {
    let (salon, _product) = Salon::connected().await;
    let mut message = template("visit_reminder", "ru");
    message["template"]["components"][0]["type"] = json!("BODY");
    message["template"]["components"][1]["sub_type"] = json!("QUICK_REPLY");
    message["template"]["components"][1]["index"] = json!(0);
    salon.sent(ANNA, message).await;
    assert_eq!(salon.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_press_without_a_payload_says_the_label() {
    let (salon, product) = Salon::connected().await;
    let mut message = template("visit_reminder", "ru");
    message["template"]["components"].as_array_mut().unwrap().truncate(1);
    salon.sent(ANNA, message).await;
    salon.act(ANNA, crate::whatsapp::Action::Press { message: None, press: "Cancel".into() });
    salon.settled().await;
    assert_eq!(messages(&product)[0]["button"], json!({"payload": "Cancel", "text": "Cancel"}));
    assert!(
        salon
            .whatsapp()
            .act_in_chat(NUMBER, ANNA, crate::whatsapp::Action::Press { message: None, press: "forged".into() })
            .is_err()
    );
}
