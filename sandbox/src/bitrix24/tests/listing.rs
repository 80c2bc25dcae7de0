//! Lists of records, directories and fields.

use serde_json::json;

use super::Portal;

#[tokio::test]
async fn lists_come_in_pages_of_fifty() {
    let portal = Portal::open().await;
    let records: Vec<_> =
        (0..120).map(|number| json!({"name": format!("N{number:03}"), "originId": number.to_string()})).collect();
    portal.seed(json!({"records": {"contacts": records}}));
    let (mut start, mut seen) = (json!(0), 0);
    loop {
        let (_, body) = portal.call("crm.item.list", json!({"entityTypeId": 3, "start": start, "select": ["id"]})).await;
        assert_eq!(body["total"], 120);
        seen += body["result"]["items"].as_array().unwrap().len();
        assert_eq!(body["result"]["items"][0].as_object().unwrap().len(), 1);
        match body.get("next") {
            Some(next) => start = next.clone(),
            None => break,
        }
    }
    assert_eq!((seen, start), (120, json!(100)));
    let (_, body) = portal.call("crm.item.list", json!({"entityTypeId": 3, "start": -1})).await;
    assert_eq!((body.get("total"), body.get("next")), (None, None), "nobody counts");
    let order = json!({"entityTypeId": 3, "order": {"originatorId": "ASC", "name": "DESC"}, "filter": {"<id": 4}});
    assert_eq!(portal.result("crm.item.list", order).await["items"][0]["name"], "N002");
}

#[tokio::test]
async fn records_are_found_by_their_outer_id_and_by_time() {
    let portal = Portal::open().await;
    let fields = json!({"originatorId": "salon", "originId": "u-1", "ufCrmSalonId": "7",
                        "fm": [{"typeId": "PHONE", "valueType": "WORK", "value": "1"}]});
    let id = portal.add(3, fields).await;
    portal.add(3, json!({"originatorId": "salon", "originId": "u-2"})).await;
    let find = async |filter| {
        let found = portal.result("crm.item.list", json!({"entityTypeId": 3, "filter": filter, "select": ["*"]})).await;
        found["items"].as_array().unwrap().clone()
    };
    let found = find(json!({"originatorId": "salon", "=originId": "u-1"})).await;
    assert_eq!((found.len(), &found[0]["id"], found[0].get("fm")), (1, &json!(id), None));
    assert_eq!(find(json!({"ufCrmSalonId": "7"})).await.len(), 1);
    let whole = json!({"entityTypeId": 3, "filter": {"id": id}, "select": ["id", "fm", "ufCrmSalonId"]});
    assert!(portal.result("crm.item.list", whole).await["items"][0]["fm"].is_array());
    portal.advance(60);
    let mark = portal.world.now();
    portal.advance(60);
    portal.update(3, id, json!({"name": "Anna"})).await;
    let changed = find(json!({">updatedTime": mark.to_rfc3339()})).await;
    assert_eq!((changed.len(), &changed[0]["id"]), (1, &json!(id)));
    assert_eq!(portal.complaints(), "");
    find(json!({">updatedTime": "2026-01-01T00:00:00"})).await;
    assert!(portal.complaints().contains("no offset"));
}

#[tokio::test]
async fn a_filter_of_an_unknown_field_is_refused() {
    let portal = Portal::open().await;
    for wrong in [
        json!({"filter": {"ORIGIN_ID": "x"}}),
        json!({"filter": {"fm": "x"}}),
        json!({"order": {"nothing": "ASC"}}),
        json!({"order": {"id": "UP"}}),
    ] {
        let mut ask = wrong.clone();
        ask["entityTypeId"] = json!(3);
        assert_eq!(portal.refused("crm.item.list", ask).await, (400, "INVALID_ARG_VALUE".to_owned()), "{wrong}");
    }
    assert_eq!(portal.violations().len(), 4);
    portal.result("crm.item.list", json!({"entityTypeId": 3, "select": ["id", "nothing"]})).await;
    assert!(portal.complaints().contains("\"nothing\" in select"));
}

#[tokio::test]
async fn sources_are_a_directory() {
    let portal = Portal::open().await;
    let sources = portal.result("crm.status.list", json!({"filter": {"ENTITY_ID": "SOURCE"}, "order": {"SORT": "ASC"}})).await;
    assert_eq!((&sources[0]["STATUS_ID"], sources.as_array().unwrap().len()), (&json!("CALL"), 7));
    portal.seed(json!({"statuses": [{"entity": "SOURCE", "id": "TELEGRAM", "name": "Telegram"}]}));
    let id = portal.add(1, json!({"title": "Chat"})).await;
    assert_eq!(portal.item(1, id).await["sourceId"], "TELEGRAM", "the first row now");
    assert_eq!(portal.complaints(), "");
}
