//! Resources and bookings.

use serde_json::{Value, json};

use super::{Portal, Received};

const NOON: i64 = 1_796_126_400;

fn period(from: i64, to: i64) -> Value {
    let bound = |at: i64| json!({"timestamp": at, "timezone": "Europe/Moscow"});
    json!({"from": bound(from), "to": bound(to)})
}

async fn open() -> (Portal, Received) {
    let portal = Portal::open().await;
    let (received, url) = Received::listen().await;
    portal.seed(json!({"webhooks": [{"user": 1, "code": "booker", "scopes": ["crm", "booking"]}],
                       "outgoing_webhooks": [{"events": ["ONBOOKINGADD", "ONBOOKINGDELETE"], "url": url}]}));
    (portal, received)
}

async fn ask(portal: &Portal, method: &str, parameters: Value) -> Value {
    let url = format!("{}/rest/1/booker/booking.v1.{method}", portal.base);
    portal.send(portal.client.post(url).json(&parameters)).await.1
}

#[tokio::test]
async fn a_booking_is_made_moved_and_deleted() {
    let (portal, received) = open().await;
    let resource = ask(&portal, "resource.add", json!({"fields": {"name": "Vera", "typeId": 1}})).await["result"]["id"].clone();
    let found = ask(&portal, "resource.list", json!({"filter": {"searchQuery": "ver"}})).await;
    assert_eq!(found["result"]["resource"][0]["id"], resource);
    let fields = json!({"resourceIds": [resource], "name": "Haircut", "datePeriod": period(NOON, NOON + 1800)});
    let id = ask(&portal, "booking.add", json!({"fields": fields})).await["result"]["id"].clone();
    let contact = portal.add(3, json!({"name": "Anna"})).await;
    let clients = json!([{"id": contact, "type": {"module": "crm", "code": "CONTACT"}}]);
    assert_eq!(ask(&portal, "booking.client.set", json!({"bookingId": id, "clients": clients})).await["result"], true);
    let moved = json!({"id": id, "fields": {"datePeriod": period(NOON + 900, NOON + 2700)}});
    assert_eq!(ask(&portal, "booking.update", moved).await["result"], true);
    let shown = ask(&portal, "booking.get", json!({"id": id})).await["result"]["booking"].clone();
    assert_eq!((&shown["datePeriod"]["from"]["timestamp"], shown.get("clients")), (&json!(NOON + 900), None));
    assert_eq!(portal.bitrix.snapshot()["bookings"][0]["clients"], clients);
    assert_eq!(ask(&portal, "booking.delete", json!({"id": id})).await["result"], true);
    assert!(portal.bitrix.settled(std::time::Duration::from_secs(20)).await);
    let told: Vec<Value> = received.all().iter().map(|one| one["data"].clone()).collect();
    assert_eq!(told, [json!({"ID": "1"}), json!({"ID": "1"})], "no FIELDS here");
    assert_eq!(portal.complaints(), "");
}

#[tokio::test]
async fn bookings_are_refused_by_number() {
    let (portal, _) = open().await;
    let resource = ask(&portal, "resource.add", json!({"fields": {"name": "Vera", "typeId": 1}})).await["result"]["id"].clone();
    let booking = |resources: Value, period: Value| json!({"fields": {"resourceIds": resources, "datePeriod": period}});
    let good = period(NOON, NOON + 1800);
    assert!(ask(&portal, "booking.add", booking(json!([resource]), good.clone())).await.get("result").is_some());
    let nowhere = json!({"from": {"timestamp": 1, "timezone": "Nowhere"}, "to": {"timestamp": 2, "timezone": "Nowhere"}});
    for (method, parameters, expected) in [
        ("booking.add", booking(json!([resource]), period(NOON + 900, NOON + 2700)), 1018),
        ("booking.add", booking(json!([]), good.clone()), 1018),
        ("booking.add", booking(json!([99]), good.clone()), 1018),
        ("booking.add", booking(json!([resource]), period(NOON, NOON)), 422),
        ("booking.add", booking(json!([resource]), nowhere), 422),
        ("booking.add", json!({"fields": {"name": "x"}}), 0),
        ("booking.update", json!({"id": 99, "fields": {}}), 1019),
        ("booking.get", json!({"id": 99}), 1021),
        ("booking.client.set", json!({"bookingId": 99, "clients": []}), 1021),
        ("resource.add", json!({"fields": {"name": "x", "typeId": 7}}), 1013),
    ] {
        let body = ask(&portal, method, parameters).await;
        assert_eq!(body["error"], expected, "{method}: {body}");
    }
    let refused = portal.refused("booking.v1.resource.list", json!({})).await;
    assert_eq!(refused, (403, "insufficient_scope".to_owned()));
}
