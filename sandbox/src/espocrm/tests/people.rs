use serde_json::json;

use super::*;

#[tokio::test]
async fn numbers_are_international_or_refused() {
    let salon = Salon::open().await;
    let wrong = ("phoneNumber".to_owned(), "valid".to_owned());
    for number in ["89001234567", "900 123-45-67", "+7900", "anna", "79001234567"] {
        assert_eq!(salon.post("Contact", json!({"lastName": "A", "phoneNumber": number})).await.invalid(), wrong, "{number}");
    }
    let made = salon.post("Contact", json!({"lastName": "A", "phoneNumber": "+7 (900) 123-45-67"})).await.json();
    assert_eq!(made["phoneNumber"], "+79001234567");
    let expected = json!([{"phoneNumber": "+79001234567", "primary": true, "type": "Mobile", "optOut": false, "invalid": false}]);
    assert_eq!(made["phoneNumberData"], expected);
    let salon = Salon::with(json!({"settings": {"phone_international": false}})).await;
    assert_eq!(salon.post("Contact", json!({"lastName": "A", "phoneNumber": "8 900"})).await.json()["phoneNumber"], "8 900");
    let long = salon.post("Contact", json!({"lastName": "A", "phoneNumber": "8".repeat(37)})).await;
    assert_eq!(long.invalid(), ("phoneNumber".to_owned(), "maxLength".to_owned()));
}

#[tokio::test]
async fn a_record_has_several_numbers_and_addresses() {
    let salon = Salon::open().await;
    let numbers = json!([{"phoneNumber": "+79001234567", "type": "Home"},
                         {"phoneNumber": "+79001234568", "primary": true, "type": "Mobile", "optOut": true}]);
    let addresses = json!([{"emailAddress": "Anna@Example.com", "primary": true}]);
    let made = salon.post("Contact", json!({"lastName": "A", "phoneNumberData": numbers, "emailAddressData": addresses})).await;
    let (id, record) = (made.id(), made.json());
    assert_eq!((record["phoneNumber"].clone(), record["phoneNumberIsOptedOut"].clone()), (json!("+79001234568"), json!(true)));
    assert_eq!(
        (record["emailAddress"].clone(), record["emailAddressData"][0]["lower"].clone()),
        (json!("Anna@Example.com"), json!("anna@example.com"))
    );
    let replaced = salon.patch(&format!("Contact/{id}"), json!({"phoneNumber": "+79001234569"})).await.json();
    let left: Vec<&Value> = replaced["phoneNumberData"].as_array().unwrap().iter().map(|entry| &entry["phoneNumber"]).collect();
    assert_eq!(left, ["+79001234569", "+79001234567"], "the primary one alone is replaced");
    for (body, field, rule) in [
        (json!({"phoneNumberData": [{"phoneNumber": "+79001234567", "type": "Pager"}]}), "phoneNumber", "valid"),
        (
            json!({"phoneNumberData": (0..11).map(|n| json!({"phoneNumber": format!("+790012345{n:02}")})).collect::<Value>()}),
            "phoneNumber",
            "maxCount",
        ),
        (json!({"emailAddress": "anna at example"}), "emailAddress", "emailAddress"),
        (json!({"emailAddress": "a..b@example.com"}), "emailAddress", "emailAddress"),
        (json!({"emailAddress": "a@-example.com"}), "emailAddress", "emailAddress"),
        (json!({"emailAddress": "анна@example.com"}), "emailAddress", "emailAddress"),
    ] {
        assert_eq!(salon.patch(&format!("Contact/{id}"), body).await.invalid(), (field.to_owned(), rule.to_owned()));
    }
    assert_eq!(salon.patch(&format!("Contact/{id}"), json!({"phoneNumberData": []})).await.json()["phoneNumber"], Value::Null);
}

#[tokio::test]
async fn doubles_are_equal_names_or_addresses_and_never_numbers() {
    let salon = Salon::open().await;
    let first = json!({"firstName": "Anna", "lastName": "-", "phoneNumber": "+79001234567", "emailAddress": "a@example.com"});
    let id = salon.post("Contact", first.clone()).await.id();
    for body in [
        json!({"firstName": "anna", "lastName": "-", "phoneNumber": "+79001234568"}),
        json!({"lastName": "Other", "emailAddress": "A@Example.com"}),
    ] {
        let refused = salon.post("Contact", body).await;
        assert_eq!((refused.status, refused.reason.as_str()), (409, "duplicate"));
        let found = refused.json();
        assert_eq!(
            (found[0]["id"].clone(), found[0]["phoneNumberData"][0]["phoneNumber"].clone()),
            (json!(id), json!("+79001234567"))
        );
        assert!(salon.blame().is_empty());
    }
    assert_eq!(salon.post("Contact", json!({"lastName": "Third", "phoneNumber": "+79001234567"})).await.status, 200);
    assert_eq!(salon.post("Lead", first.clone()).await.status, 200, "within one type only");
    salon.contact(first.clone()).await;
    assert_eq!(
        salon.patch(&format!("Contact/{id}"), json!({"lastName": "Third"})).await.status,
        200,
        "updates are not looked at"
    );
    let salon = Salon::with(json!({"settings": {"duplicate_check": {"Contact": ["phoneNumber"]}}})).await;
    for _ in 0..7 {
        salon.contact(first.clone()).await;
    }
    let refused = salon.post("Contact", json!({"lastName": "B", "phoneNumber": "+79001234567"})).await;
    assert_eq!((refused.status, refused.json().as_array().unwrap().len()), (409, 5));
    let checked = salon.get("Metadata?key=scopes.Contact.duplicateCheckFieldList").await.json();
    assert_eq!(checked, json!(["phoneNumber"]));
}
