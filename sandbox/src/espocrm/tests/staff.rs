use serde_json::json;

use super::*;

#[tokio::test]
async fn a_lead_becomes_a_contact() {
    let salon = Salon::open().await;
    let lead = json!({"firstName": "Anna", "lastName": "Orlova", "phoneNumber": "+79001234567", "source": "Web Site"});
    let id = salon.post("Lead", lead).await.id();
    let offered = salon.post("Lead/action/getConvertAttributes", json!({"id": id})).await.json();
    assert_eq!(offered["Contact"]["phoneNumber"], "+79001234567");
    let contact = salon.sandbox.espocrm.act(&json!({"do": "convert", "id": id, "by": "u1"})).unwrap()["contact"].clone();
    let contact = salon.get(&format!("Contact/{}", contact.as_str().unwrap())).await.json();
    assert_eq!((contact["name"].clone(), contact["phoneNumber"].clone()), (json!("Anna Orlova"), json!("+79001234567")));
    assert_eq!((contact["originalLeadId"].clone(), contact["createdById"].clone()), (json!(id), json!("u1")));
    let lead = salon.get(&format!("Lead/{id}")).await.json();
    assert_eq!((lead["status"].clone(), lead["createdContactId"].clone()), (json!("Converted"), contact["id"].clone()));
}

#[tokio::test]
async fn conversion_over_the_api_looks_for_doubles() {
    let salon = Salon::open().await;
    salon.contact(json!({"lastName": "Anna"})).await;
    let id = salon.post("Lead", json!({"lastName": "Anna"})).await.id();
    let ask = |skip: bool| json!({"id": id, "records": {"Contact": {"lastName": "Anna"}}, "skipDuplicateCheck": skip});
    assert_eq!(salon.post("Lead/action/convert", ask(false)).await.status, 409);
    assert_eq!(salon.get(&format!("Lead/{id}")).await.json()["status"], "New");
    assert_eq!(salon.post("Lead/action/convert", ask(true)).await.json()["status"], "Converted");
}

#[tokio::test]
async fn merged_contacts_are_one() {
    let salon = Salon::open().await;
    let into = salon.contact(json!({"lastName": "Anna", "phoneNumber": "+79001234561"})).await;
    let from =
        salon.contact(json!({"firstName": "A", "lastName": "Anna", "phoneNumber": "+79001234562", "cExternalId": "7"})).await;
    let visit = salon.post("Meeting", meeting(&from)).await.id();
    salon.post("Note", json!({"type": "Post", "parentType": "Contact", "parentId": from, "post": "hello"})).await.id();
    salon.sandbox.espocrm.act(&json!({"do": "merge", "into": into, "from": from})).unwrap();
    assert_eq!(salon.get(&format!("Contact/{from}")).await.status, 404);
    let kept = salon.get(&format!("Contact/{into}")).await.json();
    assert_eq!((kept["phoneNumber"].clone(), kept["phoneNumberData"].as_array().unwrap().len()), (json!("+79001234561"), 2));
    assert_eq!(kept["cExternalId"], "7");
    let visit = salon.get(&format!("Meeting/{visit}")).await.json();
    assert_eq!((visit["parentId"].clone(), visit["contactsIds"].clone()), (json!(into), json!([into])));
    let stream = salon.get(&format!("Contact/{into}/stream")).await.json();
    assert!(stream["list"].as_array().unwrap().iter().any(|note| note["post"] == "hello"));
}

#[tokio::test]
async fn impossible_actions_and_seeds_say_why() {
    let salon = Salon::open().await;
    let crm = &salon.sandbox.espocrm;
    for action in [
        json!({"do": "edit", "type": "Contact", "id": "x", "fields": {}}),
        json!({"do": "merge", "into": "x", "from": "x"}),
        json!({"do": "create", "type": "Contact", "fields": {"lastName": "A"}, "by": "nobody"}),
        json!({"do": "dance"}),
    ] {
        assert!(crm.act(&action).is_err(), "{action}");
    }
    for seed in [
        json!({"records": {"Nothing": []}}),
        json!({"records": {"Contact": [{"lastName": "A", "odd": 1}]}}),
        json!({"records": {"Contact": [{}]}}),
        json!({"odd": 1}),
        json!({"fields": {"Contact": {"cX": {"type": "magic"}}}}),
    ] {
        assert!(crm.seed(&seed).is_err(), "{seed}");
    }
}

#[tokio::test]
async fn a_conversion_makes_everything_or_nothing() {
    let salon = Salon::open().await;
    salon.contact(json!({"lastName": "Anna"})).await;
    let id = salon.post("Lead", json!({"lastName": "Anna"})).await.id();
    let both = json!({"id": id, "records": {"Account": {"name": "Salon"}, "Contact": {"lastName": "Anna"}}});
    let refused = salon.post("Lead/action/convert", both).await;
    assert_eq!((refused.status, refused.reason.as_str()), (409, "duplicate"));
    assert!(salon.records("Account").is_empty());
}
