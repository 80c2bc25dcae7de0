//! Fields and how they are made.

use serde_json::{Value, json};

use super::Portal;

#[tokio::test]
async fn fields_are_described_with_the_custom_ones() {
    let portal = Portal::open().await;
    let fields = portal.result("crm.item.fields", json!({"entityTypeId": 2})).await["fields"].clone();
    assert_eq!((&fields["stageId"]["type"], &fields["stageId"]["statusType"]), (&json!("crm_status"), &json!("DEAL_STAGE")));
    assert_eq!((&fields["id"]["isReadOnly"], &fields["contactIds"]["isMultiple"]), (&json!(true), &json!(true)));
    let state = &fields["ufCrmState"];
    assert_eq!(
        (&state["type"], &state["upperName"], &state["isDynamic"]),
        (&json!("enumeration"), &json!("UF_CRM_STATE"), &json!(true))
    );
    assert_eq!(state["items"], json!([{"ID": "1", "VALUE": "booked"}, {"ID": "2", "VALUE": "no show"}]));
    let original = portal.result("crm.item.fields", json!({"entityTypeId": 2, "useOriginalUfNames": "Y"})).await;
    assert!(original["fields"].get("UF_CRM_STATE").is_some());
}

#[tokio::test]
async fn the_old_methods_put_a_prefix_before_the_name() {
    let portal = Portal::open().await;
    let new = json!({"fields": {"FIELD_NAME": "REFERRAL_CODE", "USER_TYPE_ID": "string", "EDIT_FORM_LABEL": "Code"}});
    assert!(portal.result("crm.lead.userfield.add", new.clone()).await.is_i64());
    let lead = portal.add(1, json!({"ufCrmReferralCode": "X"})).await;
    assert_eq!(portal.item(1, lead).await["ufCrmReferralCode"], "X");
    let listed = portal.result("crm.lead.userfield.list", json!({"filter": {"FIELD_NAME": "UF_CRM_REFERRAL_CODE"}})).await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["USER_TYPE_ID"]), (1, &json!("string")));
    assert_eq!(portal.complaints(), "");
    let (status, body) = portal.call("crm.lead.userfield.add", new).await;
    assert_eq!((status, &body["error"]), (400, &json!("")), "the error is an empty string");
    for (fields, text) in [
        (json!({"FIELD_NAME": "", "USER_TYPE_ID": "string"}), "'FIELD_NAME'"),
        (json!({"FIELD_NAME": "A"}), "'USER_TYPE_ID'"),
        (json!({"FIELD_NAME": "a-b", "USER_TYPE_ID": "string"}), "invalid characters"),
        (json!({"FIELD_NAME": "A".repeat(44), "USER_TYPE_ID": "string"}), "too long"),
        (json!({"FIELD_NAME": "A", "USER_TYPE_ID": "text"}), "type"),
    ] {
        let (_, body) = portal.call("crm.lead.userfield.add", json!({"fields": fields})).await;
        assert!(body["error_description"].as_str().unwrap().contains(text), "{body}");
    }
}

#[tokio::test]
async fn the_new_method_wants_the_entity_in_the_name() {
    let portal = Portal::open().await;
    let new = |name: &str| {
        json!({"moduleId": "crm", "field": {"entityId": "CRM_CONTACT", "fieldName": name, "userTypeId": "enumeration",
                                            "enum": [{"value": "yes"}, {"value": "no"}]}})
    };
    let (status, body) = portal.call("userfieldconfig.add", new("UF_CRM_ANSWER")).await;
    assert_eq!((status, &body["error_description"]), (400, &json!("You cannot create custom fields")));
    let made = portal.result("userfieldconfig.add", new("UF_CRM_CONTACT_ANSWER")).await;
    assert_eq!(
        (&made["field"]["fieldName"], &made["field"]["enum"][1]["value"]),
        (&json!("UF_CRM_CONTACT_ANSWER"), &json!("no"))
    );
    let option: i64 = made["field"]["enum"][0]["id"].as_str().unwrap().parse().unwrap();
    let id = portal.add(3, json!({"ufCrmContactAnswer": option})).await;
    assert_eq!(portal.item(3, id).await["ufCrmContactAnswer"], option);
    let ask = json!({"moduleId": "crm", "filter": {"entityId": "CRM_CONTACT"}});
    assert_eq!(portal.result("userfieldconfig.list", ask).await["fields"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_mandatory_field_is_asked_for() {
    let portal = Portal::open().await;
    portal.seed(json!({"user_fields": [{"entity": "lead", "name": "UF_CRM_MUST", "type": "string", "mandatory": true}]}));
    let refused = portal.refused("crm.item.add", json!({"entityTypeId": 1, "fields": {"title": "x"}})).await;
    assert_eq!(refused, (400, "CRM_FIELD_ERROR_REQUIRED".to_owned()));
    portal.add(1, json!({"title": "x", "ufCrmMust": "y"})).await;
}

#[tokio::test]
async fn every_described_method_is_played() {
    let portal = Portal::open().await;
    portal.seed(json!({"limits": {"rate": false}}));
    for method in crate::bitrix24::spec::names() {
        let (_, body) = portal.call(method, json!({})).await;
        assert_ne!(body["error"], json!("ERROR_METHOD_NOT_FOUND"), "{method}");
        assert_ne!(body, Value::Null, "{method}");
    }
}

#[tokio::test]
async fn a_seed_must_fit() {
    let portal = Portal::open().await;
    for wrong in [
        json!({"people": []}),
        json!({"webhooks": [{"user": 9, "code": "x", "scopes": []}]}),
        json!({"user_fields": [{"entity": "lead", "name": "CODE", "type": "string"}]}),
        json!({"outgoing_webhooks": [{"events": ["ONNOTHING"], "url": "http://127.0.0.1"}]}),
        json!({"records": {"contacts": [{"phone": "1"}]}}),
        json!({"portal": {"utc_offset": "Moscow"}}),
    ] {
        assert!(portal.bitrix.seed(&wrong).is_err(), "{wrong}");
    }
}
