//! Documents against the schema.

use serde_json::json;

use super::{APP, Crm, error};

#[tokio::test]
async fn documents_must_keep_to_the_schema() {
    let crm = Crm::open().await;
    let long = format!("{{ allBrands {{ _id }} }}{}", " ".repeat(10_000));
    let cases = [
        ("{ nothing { _id } }", json!({}), "Cannot query field \"nothing\" on type \"Query\"."),
        ("{ allBrands { _id colour } }", json!({}), "Cannot query field \"colour\" on type \"Brand\"."),
        ("{ allBrands }", json!({}), "must have a selection"),
        ("{ customerDetail { _id } }", json!({}), "is required, but it was not provided"),
        ("{ allBrands(brandId: \"b\") { _id } }", json!({}), "Unknown argument \"brandId\""),
        ("mutation($b: String) { customersAdd(brandId: $b) { _id } }", json!({}), "Unknown argument \"brandId\""),
        (
            "query($i: String) { customerDetail(_id: $i) { _id } }",
            json!({"i": "x"}),
            "used in position expecting type \"String!\"",
        ),
        ("query($i: String!) { customerDetail(_id: $i) { _id } }", json!({}), "was not provided"),
        ("query($i: String!) { customerDetail(_id: $i) { _id } }", json!({"i": 5}), "got invalid value"),
        ("query($i: String) { allBrands { _id } }", json!({}), "is never used"),
        ("{ mine: allBrands { _id } }", json!({}), "alias"),
        ("{ customers(birthDate: \"2000-01-01\") { totalCount } }", json!({}), "inline Date"),
        ("{ customers(status: gone) { totalCount } }", json!({}), "not a CONTACT_STATUS"),
        ("{ allBrands { _id }", json!({}), "Syntax Error"),
        (long.as_str(), json!({}), "more than 10000 characters"),
    ];
    for (index, (query, variables, expected)) in cases.into_iter().enumerate() {
        let (status, body) = crm.ask(Some(APP), query, variables).await;
        assert_eq!(status, 400, "{query}: {body}");
        assert!(error(&body).0.contains(expected), "{query}: {body}");
        assert_eq!(crm.world.ledger.violations().len(), index + 1);
    }
    let dated = "query($d: Date) { customers(birthDate: $d) { totalCount } }";
    assert_eq!(crm.ask(Some(APP), dated, json!({"d": "2000-01-01"})).await.0, 200);
}

#[tokio::test]
async fn arguments_without_an_effect_are_told() {
    let crm = Crm::open().await;
    let find = "query($l: String, $s: String) { customers(leadStatus: $l, searchValue: $s) { totalCount } }";
    crm.ask(Some(APP), find, json!({"s": "a"})).await;
    assert_eq!(crm.violations(), Vec::<String>::new());
    assert_eq!(crm.ask(Some(APP), find, json!({"l": "new"})).await.0, 200, "dropped without a word");
    assert_eq!(crm.violations(), ["customers: argument leadStatus is not read"]);
}
