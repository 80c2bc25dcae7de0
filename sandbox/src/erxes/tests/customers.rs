//! Customers: found, made, changed.

use serde_json::{Value, json};

use super::{APP, CONNECT, Crm, USER, error};

#[tokio::test]
async fn connecting_finds_by_exact_identity_in_order() {
    let crm = Crm::open().await;
    let first = crm.connect(json!({"i": "i1", "p": "+79991234567", "d": {"firstName": "Anna", "bonus": 5}})).await;
    assert_eq!(first["customer"], json!({"state": "lead", "firstName": "Anna", "phones": ["+79991234567"]}));
    let again = crm.connect(json!({"i": "i1", "p": "+79991234567"})).await;
    assert_eq!(again["customerId"], first["customerId"]);
    let other = crm.connect(json!({"i": "i1", "p": "79991234567"})).await;
    assert_ne!(other["customerId"], first["customerId"], "equality is exact");
    let cached = crm.connect(json!({"i": "i1", "p": "+79991234567", "c": other["customerId"]})).await;
    assert_eq!(cached["customerId"], other["customerId"], "the cached id comes first");
    assert_eq!(crm.erxes.snapshot()["customers"][0]["propertiesData"], json!({"bonus": 5}));
    assert!(crm.world.ledger.violations().is_empty());
}

#[tokio::test]
async fn connecting_needs_a_messenger_with_a_channel() {
    let crm = Crm::open().await;
    for (integration, message) in
        [("none", "Integration not found"), ("i2", "Integration not found"), ("i3", "Channel not found")]
    {
        let (status, body) = crm.ask(None, CONNECT, json!({"i": integration})).await;
        assert_eq!((status, error(&body)), (200, (message, "EXPECTED")));
        assert_eq!(body["data"]["widgetsMessengerConnect"], Value::Null);
        assert_eq!(body["errors"][0]["extensions"]["code"], "INTERNAL_SERVER_ERROR");
    }
}

#[tokio::test]
async fn a_search_is_a_regular_expression() {
    let crm = Crm::open().await;
    crm.connect(json!({"i": "i1", "p": "+79991234567"})).await;
    let find = "query($s: String) { customers(searchValue: $s) { totalCount list { primaryPhone } } }";
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "+79991234567"})).await;
    assert_eq!(error(&body).1, "SYSTEM", "a bare quantifier is refused by the database");
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "\\+79991234567"})).await;
    assert_eq!(body["data"]["customers"], json!({"totalCount": 1, "list": [{"primaryPhone": "+79991234567"}]}));
    let (_, body) = crm.ask(Some(APP), find, json!({"s": "9991"})).await;
    assert_eq!(body["data"]["customers"]["totalCount"], 1, "a part matches too");
}

#[tokio::test]
async fn properties_are_replaced_and_unknown_or_empty_ones_dropped() {
    let crm = Crm::open().await;
    let add = "mutation($d: JSON) { customersAdd(propertiesData: $d) { _id propertiesData } }";
    let (_, body) = crm.ask(Some(USER), add, json!({"d": {"salonChannel": "vk", "unknown": 1, "bonus": 0}})).await;
    let customer = &body["data"]["customersAdd"];
    assert_eq!(customer["propertiesData"], json!({"salonChannel": "vk"}));
    let edit = "mutation($i: String!, $d: JSON) { customersEdit(_id: $i, propertiesData: $d) { propertiesData } }";
    let (_, body) = crm.ask(Some(USER), edit, json!({"i": customer["_id"], "d": {"bonus": 5}})).await;
    assert_eq!(body["data"]["customersEdit"]["propertiesData"], json!({"bonus": 5}));
}

#[tokio::test]
async fn connecting_drops_what_is_no_property_and_finds_nobody_who_was_merged_away() {
    let crm = Crm::open().await;
    let first = crm.connect(json!({"i": "i1", "p": "+79991234567", "d": {"bonus": 5, "unknown": 1, "salonChannel": ""}})).await;
    assert_eq!(crm.erxes.snapshot()["customers"][0]["propertiesData"], json!({"bonus": 5}));
    let second = crm.connect(json!({"i": "i1", "e": "a@b.example"})).await;
    let (kept, lost) = (second["customerId"].as_str().unwrap(), first["customerId"].as_str().unwrap());
    crm.erxes.merge_customers(kept, lost).unwrap();
    for variables in [json!({"i": "i1", "p": "+79991234567"}), json!({"i": "i1", "c": lost, "p": "+79991234567"})] {
        assert_eq!(crm.connect(variables).await["customerId"], kept);
    }
}

#[tokio::test]
async fn a_page_has_a_hundred_at_most() {
    let crm = Crm::open().await;
    let find = "query($l: Int) { customers(limit: $l) { totalCount } }";
    for limit in [0, 101] {
        let (status, body) = crm.ask(Some(APP), find, json!({"l": limit})).await;
        assert_eq!((status, error(&body).0), (200, "Limit must be between 1 and 100"), "{limit}");
    }
    assert_eq!(crm.ask(Some(APP), find, json!({"l": 100})).await.1["data"]["customers"]["totalCount"], 0);
}
