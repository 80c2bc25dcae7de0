//! Records: what is taken, what is dropped, what is made up.

use serde_json::{Value, json};

use super::{Portal, error};

const PHONE: &str = "+79001234567";

#[tokio::test]
async fn a_contact_is_made_and_read_back() {
    let portal = Portal::open().await;
    let fields = json!({"name": "Anna", "lastName": "Petrova", "originatorId": "salon", "originId": "u-1",
                        "ufCrmSalonId": "42", "ufCrmConsent": true,
                        "fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": PHONE}]});
    let id = portal.add(3, fields).await;
    let item = portal.item(3, id).await;
    assert_eq!((&item["name"], &item["ufCrmSalonId"], &item["ufCrmConsent"]), (&json!("Anna"), &json!("42"), &json!("Y")));
    assert_eq!(item["fm"], json!([{"id": 1, "typeId": "PHONE", "valueType": "MOBILE", "value": PHONE}]));
    assert_eq!((&item["phoneMobile"], &item["hasPhone"], &item["hasEmail"]), (&json!(PHONE), &json!("Y"), &json!("N")));
    assert_eq!(item["sourceId"], "CALL", "the directory's first row, not none");
    assert_eq!((&item["assignedById"], &item["entityTypeId"]), (&json!(1), &json!(3)));
    let original = portal.result("crm.item.get", json!({"entityTypeId": 3, "id": id, "useOriginalUfNames": "Y"})).await;
    assert_eq!((&original["item"]["UF_CRM_SALON_ID"], original["item"].get("ufCrmSalonId")), (&json!("42"), None));
    assert!(portal.violations().is_empty(), "{:?}", portal.violations());
}

#[tokio::test]
async fn unknown_and_read_only_fields_are_dropped_in_silence() {
    let portal = Portal::open().await;
    let id =
        portal.add(3, json!({"name": "Anna", "NAME": "x", "UF_CRM_SALON_ID": "42", "createdTime": "x", "phone": PHONE})).await;
    let item = portal.item(3, id).await;
    assert_eq!((&item["ufCrmSalonId"], &item["phone"]), (&Value::Null, &json!("")));
    let told = portal.complaints();
    for name in ["NAME", "UF_CRM_SALON_ID", "createdTime", "phone"] {
        assert!(told.contains(&format!("field \"{name}\"")), "{told}");
    }
    portal.call("crm.item.add", json!({"entityTypeId": 3, "fields": {"name": "Anna"}, "FIELDS": {}})).await;
    assert!(portal.complaints().contains("parameter \"FIELDS\""));
    let deal = portal.add(2, json!({"fm": [{"typeId": "PHONE", "valueType": "WORK", "value": PHONE}]})).await;
    assert!(portal.item(2, deal).await.get("fm").is_none(), "a deal has no phones");
    assert!(portal.complaints().contains("field \"fm\""));
    let fields = json!({"UF_CRM_SALON_ID": "43"});
    portal.result("crm.item.update", json!({"entityTypeId": 3, "id": id, "fields": fields, "useOriginalUfNames": "Y"})).await;
    assert_eq!(portal.item(3, id).await["ufCrmSalonId"], "43");
    assert_eq!(portal.complaints(), "");
}

#[tokio::test]
async fn values_must_fit_their_fields() {
    let portal = Portal::open().await;
    for (entity, fields) in [
        (1, json!({"sourceId": "TELEGRAM"})),
        (1, json!({"stageId": "WON"})),
        (2, json!({"contactId": 99})),
        (2, json!({"ufCrmState": 99})),
        (2, json!({"ufCrmState": "booked"})),
        (2, json!({"opportunity": "much"})),
        (3, json!({"assignedById": 99})),
        (3, json!({"birthdate": "soon"})),
        (3, json!({"name": {"first": "Anna"}})),
    ] {
        let refused = portal.refused("crm.item.add", json!({"entityTypeId": entity, "fields": fields})).await;
        assert_eq!(refused, (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID".to_owned()), "{fields}");
    }
    let single = json!({"entityTypeId": 2, "fields": {"contactIds": 5}});
    assert_eq!(portal.refused("crm.item.add", single).await, (400, "100".to_owned()));
    assert_eq!(portal.refused("crm.item.add", json!({"entityTypeId": 3})).await, (400, "100".to_owned()));
    assert_eq!(portal.refused("crm.item.add", json!({"entityTypeId": "x", "fields": {}})).await, (400, "100".to_owned()));
    assert_eq!(portal.refused("crm.item.add", json!({"entityTypeId": 31, "fields": {}})).await, (400, "NOT_FOUND".to_owned()));
    assert_eq!(portal.violations().len(), 13);
}

#[tokio::test]
async fn phones_are_added_changed_and_deleted_by_key() {
    let portal = Portal::open().await;
    let id = portal.add(3, json!({"fm": [{"typeId": "PHONE", "valueType": "WORK", "value": "1"}]})).await;
    let email = json!({"typeId": "EMAIL", "valueType": "WORK", "value": "a@b.example"});
    let item = portal.update(3, id, json!({"fm": {"n0": email, "1": {"value": "2"}}})).await;
    assert_eq!((&item["phone"], &item["email"]), (&json!("2"), &json!("a@b.example")));
    let item = portal.update(3, id, json!({"fm": {"1": {"value": ""}}})).await;
    assert_eq!(item["fm"], json!([{"id": 2, "typeId": "EMAIL", "valueType": "WORK", "value": "a@b.example"}]));
    assert_eq!(portal.complaints(), "");
    let item = portal.update(3, id, json!({"fm": [email]})).await;
    assert_eq!(item["fm"].as_array().unwrap().len(), 2, "a list adds, and makes a double");
    assert!(portal.complaints().contains("an object with the keys n0"));
    portal.update(3, id, json!({"fm": {"n0": {"typeId": "TELEGRAM", "value": "@anna"}}})).await;
    assert!(portal.complaints().contains("TELEGRAM"));
    portal.add(3, json!({"fm": {"n0": email}})).await;
    assert!(portal.complaints().contains("a list"));
}

#[tokio::test]
async fn nothing_is_deduplicated() {
    let portal = Portal::open().await;
    let fields = json!({"name": "Anna", "originatorId": "salon", "originId": "u-1"});
    let (one, two) = (portal.add(3, fields.clone()).await, portal.add(3, fields).await);
    assert_ne!(one, two);
}

#[tokio::test]
async fn an_update_without_a_change_is_not_saved() {
    let portal = Portal::open().await;
    let id = portal.add(3, json!({"name": "Anna"})).await;
    portal.advance(60);
    let before = portal.item(3, id).await["updatedTime"].clone();
    assert_eq!(portal.update(3, id, json!({"name": "Anna"})).await["updatedTime"], before);
    assert_ne!(portal.update(3, id, json!({"name": "Olga"})).await["updatedTime"], before);
    assert_eq!(portal.refused("crm.item.update", json!({"entityTypeId": 3, "id": 99, "fields": {}})).await.1, "NOT_FOUND");
}

#[tokio::test]
async fn stages_and_contacts_have_consequences() {
    let portal = Portal::open().await;
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let deal = portal.add(2, json!({"contactId": contact, "ufCrmState": 2})).await;
    let item = portal.item(2, deal).await;
    assert_eq!((&item["stageId"], &item["title"]), (&json!("NEW"), &json!(format!("Deal #{deal}"))));
    assert_eq!((&item["contactIds"], &item["closed"]), (&json!([contact]), &json!("N")));
    let item = portal.update(2, deal, json!({"stageId": "LOSE"})).await;
    assert_eq!((&item["stageSemanticId"], &item["closed"]), (&json!("F"), &json!("Y")));
    let lead = portal.add(1, json!({"contactIds": [contact]})).await;
    assert_eq!(portal.item(1, lead).await["isReturnCustomer"], "Y");
    assert_eq!(portal.result("crm.item.delete", json!({"entityTypeId": 3, "id": contact})).await, json!([]));
    assert_eq!(portal.item(2, deal).await["contactIds"], json!([]));
    assert_eq!(portal.refused("crm.item.get", json!({"entityTypeId": 3, "id": contact})).await, (400, "NOT_FOUND".to_owned()));
    assert!(portal.violations().is_empty());
}

#[tokio::test]
async fn in_simple_mode_a_lead_becomes_a_deal() {
    let portal = Portal::open().await;
    assert_eq!(portal.result("crm.settings.mode.get", json!({})).await, 1);
    portal.seed(json!({"portal": {"mode": "simple", "utc_offset": "+03:00"}}));
    assert_eq!(portal.result("crm.settings.mode.get", json!({})).await, 2);
    let phone = json!([{"typeId": "PHONE", "valueType": "WORK", "value": PHONE}]);
    let lead = portal.add(1, json!({"title": "Chat", "name": "Anna", "fm": phone, "originId": "e-1"})).await;
    assert_eq!(portal.item(1, lead).await["stageId"], "CONVERTED");
    let seen = portal.bitrix.snapshot();
    let (deal, contact) = (&seen["deals"][0], &seen["contacts"][0]);
    assert_eq!((&deal["leadId"], &deal["title"], &deal["originId"]), (&json!(lead), &json!("Chat"), &json!("e-1")));
    assert_eq!((&deal["contactId"], &contact["phone"]), (&contact["id"], &json!(PHONE)));
    assert!(deal["createdTime"].as_str().unwrap().ends_with("+03:00"));
}

#[tokio::test]
async fn a_reader_may_not_write() {
    let portal = Portal::open().await;
    let id = portal.add(3, json!({"name": "Anna"})).await;
    let ask = async |method: &str, parameters: Value| {
        portal.send(portal.client.post(format!("{}/rest/3/readonly/{method}", portal.base)).json(&parameters)).await
    };
    assert_eq!(ask("crm.item.get", json!({"entityTypeId": 3, "id": id})).await.0, 200);
    let refused = error(ask("crm.item.delete", json!({"entityTypeId": 3, "id": id})).await);
    assert_eq!(refused, (400, "ACCESS_DENIED".to_owned()), "access errors of methods are 400");
}

#[tokio::test]
async fn duplicates_are_found_by_phone_and_address() {
    let portal = Portal::open().await;
    let phone = |number: &str| json!({"name": "A", "fm": [{"typeId": "PHONE", "valueType": "WORK", "value": number}]});
    let lead = portal.add(1, phone(PHONE)).await;
    let contact = portal.add(3, phone("+7 (900) 123-45-67 доб. 5")).await;
    let find = async |ask: Value| portal.result("crm.duplicate.findbycomm", ask).await;
    assert_eq!(find(json!({"type": "PHONE", "values": [PHONE]})).await, json!({"LEAD": [lead], "CONTACT": [contact]}));
    let only = json!({"type": "PHONE", "values": [PHONE], "entity_type": "CONTACT"});
    assert_eq!(find(only).await, json!({"CONTACT": [contact]}));
    assert_eq!(find(json!({"type": "EMAIL", "values": ["a@b.example"]})).await, json!([]), "an empty array, not an object");
    for _ in 0..19 {
        portal.add(1, phone(PHONE)).await;
    }
    let hidden = find(json!({"type": "PHONE", "values": [PHONE]})).await;
    assert_eq!((hidden["LEAD"].as_array().unwrap().len(), hidden.get("CONTACT")), (20, None));
    assert_eq!(portal.complaints(), "");
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    find(json!({"type": "PHONE", "values": many})).await;
    assert!(portal.complaints().contains("the first 20"));
}
