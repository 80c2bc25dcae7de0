use serde_json::json;

use super::*;

#[tokio::test]
async fn administrators_make_fields_which_get_a_prefix() {
    let salon = Salon::open().await;
    let field = json!({"name": "referralCode", "type": "varchar", "label": "Referral", "maxLength": 150});
    assert_eq!(salon.post("Admin/fieldManager/Lead", field.clone()).await.status, 403);
    let made = salon.admin("POST", "Admin/fieldManager/Lead", Some(field.clone())).await.json();
    assert_eq!(
        (made["name"].clone(), made["type"].clone(), made["maxLength"].clone()),
        (json!("cReferralCode"), json!("varchar"), json!(150))
    );
    assert_eq!(salon.admin("POST", "Admin/fieldManager/Lead", Some(field)).await.status, 409);
    let lead = salon.post("Lead", json!({"lastName": "A", "cReferralCode": "r1", "referralCode": "r2"})).await.json();
    assert_eq!((lead["cReferralCode"].clone(), lead.get("referralCode")), (json!("r1"), None));
    let choice = json!({"name": "channel", "type": "enum", "options": ["", "telegram"]});
    salon.admin("POST", "Admin/fieldManager/Lead", Some(choice)).await;
    let wrong = salon.post("Lead", json!({"lastName": "B", "cChannel": "max"})).await;
    assert_eq!(wrong.invalid(), ("cChannel".to_owned(), "valid".to_owned()));
    salon.admin("POST", "Admin/fieldManager/Lead", Some(json!({"name": "note", "type": "varchar"}))).await;
    let long = salon.post("Lead", json!({"lastName": "B", "cNote": "x".repeat(101)})).await;
    assert_eq!(long.invalid(), ("cNote".to_owned(), "maxLength".to_owned()), "a hundred unless told otherwise");
    assert_eq!(salon.admin("DELETE", "Admin/fieldManager/Lead/cNote", None).await.status, 200);
    assert_eq!(salon.admin("GET", "Admin/fieldManager/Lead/cNote", None).await.status, 404);
    assert_eq!(salon.admin("DELETE", "Admin/fieldManager/Lead/status", None).await.status, 403);
}

#[tokio::test]
async fn metadata_tells_of_fields_by_a_key() {
    let salon = Salon::open().await;
    let fields = salon.get("Metadata?key=entityDefs.Contact.fields").await.json();
    assert_eq!(
        (fields["cExternalId"]["type"].clone(), fields["cExternalId"]["isCustom"].clone()),
        (json!("varchar"), json!(true))
    );
    assert_eq!(fields["lastName"]["required"], true);
    let options = salon.get("Metadata?key=entityDefs.Meeting.fields.status.options").await.json();
    assert_eq!(options, json!(["Planned", "Held", "Not Held"]));
    let nothing = salon.get("Metadata?key=entityDefs.Contact.fields.cNothing").await;
    assert_eq!((nothing.status, nothing.json()), (200, Value::Null));
    let unprefixed = Salon::with(json!({"settings": {"custom_prefix": false}})).await;
    let made = unprefixed.admin("POST", "Admin/fieldManager/Lead", Some(json!({"name": "code", "type": "varchar"}))).await;
    assert_eq!(made.json()["name"], "code");
}
