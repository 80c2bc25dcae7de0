use serde_json::json;

use super::*;

/// Four contacts, a second apart.
async fn crowd(salon: &Salon) -> Vec<String> {
    let mut made = Vec::new();
    for (name, number, ours) in
        [("Anna", "+79001234561", "1"), ("Boris", "+79001234562", "2"), ("anya", "+79001234563", ""), ("Vera", "", "4")]
    {
        let mut body = json!({"lastName": name, "phoneNumber": number});
        if !ours.is_empty() {
            body["cExternalId"] = ours.into();
        }
        made.push(salon.contact(body).await);
        salon.advance(2);
    }
    made
}

fn encoded(search: &Value) -> String {
    url::form_urlencoded::Serializer::new(String::new()).append_pair("searchParams", &search.to_string()).finish()
}

#[tokio::test]
async fn conditions_choose_records() {
    let salon = Salon::open().await;
    let all = crowd(&salon).await;
    let second = salon.get(&format!("Contact/{}", all[1])).await.json()["modifiedAt"].clone();
    let is = |kind: &str, attribute: &str, value: Value| json!({"type": kind, "attribute": attribute, "value": value});
    let either = json!([is("equals", "lastName", json!("Vera")), is("equals", "phoneNumber", json!("+79001234562"))]);
    for (condition, expected) in [
        (is("equals", "phoneNumber", json!("+79001234562")), &[1][..]),
        (is("equals", "lastName", json!("ANNA")), &[0]),
        (is("notEquals", "lastName", json!("anna")), &[1, 2, 3]),
        (is("in", "cExternalId", json!(["1", "4", "9"])), &[0, 3]),
        (is("isNull", "cExternalId", Value::Null), &[2]),
        (is("isNotNull", "cExternalId", Value::Null), &[0, 1, 3]),
        (is("startsWith", "lastName", json!("An")), &[0, 2]),
        (is("contains", "name", json!("er")), &[3]),
        (is("greaterThanOrEquals", "modifiedAt", second.clone()), &[1, 2, 3]),
        (is("after", "modifiedAt", second), &[2, 3]),
        (json!({"type": "or", "value": either}), &[1, 3]),
        (json!({"type": "and", "value": either}), &[]),
    ] {
        let search = json!({"where": [condition], "orderBy": "createdAt", "order": "asc"});
        let found = ids(&salon.get(&format!("Contact?{}", encoded(&search))).await);
        let expected: Vec<String> = expected.iter().map(|index| all[*index].clone()).collect();
        assert_eq!(found, expected, "{condition}");
        assert!(salon.blame().is_empty());
    }
}

#[tokio::test]
async fn the_flat_form_says_the_same() {
    let salon = Salon::open().await;
    let all = crowd(&salon).await;
    let flat = "where%5B0%5D%5Btype%5D=equals&where%5B0%5D%5Battribute%5D=phoneNumber&where%5B0%5D%5Bvalue%5D=";
    assert_eq!(ids(&salon.get(&format!("Contact?{flat}%2B79001234562")).await), [all[1].clone()]);
    assert!(ids(&salon.get(&format!("Contact?{flat}+79001234562")).await).is_empty(), "a plus is a space");
    let grouped = "whereGroup[0][type]=in&whereGroup[0][attribute]=cExternalId&whereGroup[0][value][]=2&whereGroup[0][value][]=4";
    assert_eq!(ids(&salon.get(&format!("Contact?{grouped}&orderBy=lastName&order=asc")).await), [all[1].clone(), all[3].clone()]);
}

#[tokio::test]
async fn lists_have_pages_orders_and_totals() {
    let salon = Salon::open().await;
    let all = crowd(&salon).await;
    let page = salon.get("Contact?maxSize=2&offset=1").await;
    assert_eq!(ids(&page), [all[2].clone(), all[1].clone()], "the newest first, unless asked otherwise");
    assert_eq!(page.json()["total"], 4);
    let row = &page.json()["list"][0];
    assert!(row.get("phoneNumberData").is_none() && row["phoneNumber"] == "+79001234563", "a list has the primary number only");
    let selected =
        salon.get("Contact?select=name,cExternalId&maxSize=1&orderBy=createdAt&order=asc").await.json()["list"][0].clone();
    assert_eq!(selected, json!({"id": all[0], "name": "Anna", "cExternalId": "1"}));
    for (path, total) in [("Contact?maxSize=2", -1), ("Contact?maxSize=4", -2)] {
        let answer = salon.call("GET", path, &[("x-api-key", KEY), ("x-no-total", "true")], None).await.unwrap();
        assert_eq!(answer.json()["total"], total);
    }
    let greedy = salon.get("Contact?maxSize=201").await;
    assert_eq!(greedy.status, 403);
    assert!(!salon.blame().is_empty() && salon.get("Contact?maxSize=200").await.status == 200);
    salon.get("Contact?select=name,phone").await;
    assert_eq!(salon.blame(), ["attribute phone of Contact doesn't exist and is not selected"]);
    for search in [
        json!({"where": [{"type": "equal", "attribute": "name", "value": "x"}]}),
        json!({"where": [{"type": "equals", "attribute": "nothing", "value": "x"}]}),
        json!({"orderBy": "nothing"}),
    ] {
        assert_eq!(salon.get(&format!("Contact?{}", encoded(&search))).await.status, 400, "{search}");
    }
}

#[tokio::test]
async fn what_is_not_read_or_not_played_is_told() {
    let salon = Salon::open().await;
    let id = salon.contact(json!({"lastName": "Anna"})).await;
    assert_eq!(salon.get("Contact?boolFilterList[]=onlyMy").await.status, 400);
    assert_eq!(salon.blame(), ["boolFilterList is not played here."]);
    assert_eq!(salon.get(&format!("Contact/{id}?select=id")).await.json()["lastName"], "Anna", "one record comes whole");
    assert_eq!(salon.blame(), ["query parameter select is not read"]);
    assert_eq!(salon.get(&format!("Contact/{id}/stream?textFilter=x")).await.status, 200);
    assert_eq!(salon.blame(), ["query parameter textFilter is not read"]);
}
