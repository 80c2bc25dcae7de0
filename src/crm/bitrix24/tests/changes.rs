use serde_json::{Value, json};

use super::*;
use crate::{
    crm::{BookingState, Crm, Entity, RemotePage, RemoteState},
    vendor::stub::http,
};

async fn read(entity: Entity, record: &str, step: Step) -> Result<Option<RemoteState>, Failure> {
    let stub = Stub::start("", vec![step]).await;
    let mut account = account(&stub);
    account.settings["stages"] = json!({"completed": "C3:WON", "cancelled_by_client": "C3:LOSE", "no_show": "C3:LOSE"});
    Bitrix24.read(&call(&http(), &account), entity, record).await
}

#[tokio::test]
async fn a_contact_is_read() {
    let item = json!({"id": 275, "originatorId": "salon-core", "originId": OURS, "updatedTime": "2026-11-20T21:40:00+03:00",
        "name": "Anna", "lastName": "K.", "fm": [
            {"id": 1, "typeId": "PHONE", "value": "+7 (900) 123-45-67"}, {"id": 2, "typeId": "EMAIL", "value": "Anna@Example.com"},
            {"id": 3, "typeId": "IM", "value": "@anna"}, {"id": 4, "typeId": "PHONE", "value": ""}]});
    let expected = RemoteState {
        record: "275".to_owned(),
        external_id: Some(OURS.to_owned()),
        changed_at: Some(at(0)),
        name: Some("Anna K.".to_owned()),
        contacts: vec!["+79001234567".to_owned(), "anna@example.com".to_owned()],
        ..RemoteState::default()
    };
    assert_eq!(read(Entity::Client, "275", good(&json!({"item": item}))).await, Ok(Some(expected)));
    let foreign = json!({"item": {"id": 275, "originatorId": "1C", "originId": "42"}});
    assert_eq!(read(Entity::Client, "275", good(&foreign)).await.unwrap().unwrap().external_id, None);
}

#[tokio::test]
async fn a_visits_state_is_our_fields_else_its_stages() {
    let deal = |status: Value, stage: &str| {
        json!({"item": {"id": 5, "UF_CRM_SALON_STATUS": status, "stageId": stage,
            "UF_CRM_SALON_START": "2026-11-20T21:40:00+03:00", "UF_CRM_SALON_END": ""}})
    };
    for (status, stage, expected) in [
        (json!("no_show"), "C3:WON", Some(BookingState::NoShow)),
        (json!(""), "C3:WON", Some(BookingState::Completed)),
        (json!(null), "C3:WON", Some(BookingState::Completed)),
        (json!("?"), "C3:WON", Some(BookingState::Completed)),
        (json!(null), "C3:LOSE", None),
        (json!(null), "C3:NEW", None),
    ] {
        let state = read(Entity::Booking, "5", good(&deal(status.clone(), stage))).await.unwrap().unwrap();
        assert_eq!((state.booking, state.start, state.end), (expected, Some(at(0)), None), "{status} {stage}");
    }
}

#[tokio::test]
async fn what_is_gone_is_none_and_what_fails_is_no_answer() {
    assert_eq!(read(Entity::Enquiry, "lead:12", bad(400, "NOT_FOUND")).await, Ok(None));
    assert_eq!(read(Entity::Enquiry, "lead:12", good(&json!({"item": {"id": 12}}))).await.unwrap().unwrap().record, "lead:12");
    assert_eq!(read(Entity::Booking, "5", Step::Close).await, Err(Failure::retry("no_answer")));
    assert_eq!(read(Entity::Booking, "5", good(&json!([]))).await, Err(Failure::retry("unreadable_answer")));
    assert_eq!(read(Entity::Booking, "deal:5", good(&json!([]))).await, Err(refused("record_id")));
    // A gateway's 404 is no deletion.
    let page = Step::Answer { status: 404, headers: vec![], body: "<html>".to_owned() };
    assert_eq!(read(Entity::Booking, "5", page).await, Err(Failure::retry("not_found")));
}

fn page(items: &Value, next: Option<u32>) -> Step {
    Step::json(200, &json!({"result": {"items": items}, "next": next, "total": 120}))
}

async fn changes(stub: &Stub, entity: Entity, from: Option<&str>) -> Result<RemotePage, Failure> {
    Bitrix24.changes_since(&call(&http(), &account(stub)), entity, at(0), from).await
}

#[tokio::test]
async fn changes_are_asked_for_oldest_first() {
    let client = json!({"entityTypeId": 3, "select": ["id", "updatedTime", "originatorId", "originId", "name", "lastName", "fm"],
        "filter": {">=updatedTime": "2026-11-20T18:40:00+00:00"}, "order": {"updatedTime": "ASC", "id": "ASC"}, "start": 0,
        "useOriginalUfNames": "Y"});
    let stub = Stub::start("", vec![page(&json!([]), None)]).await;
    assert_eq!(changes(&stub, Entity::Client, None).await, Ok(RemotePage::default()));
    assert_eq!((method(&stub.seen()[0]), &stub.seen()[0].body), ("crm.item.list", &client));

    let stub = Stub::start("", vec![page(&json!([{"id": 5, "UF_CRM_SALON_STATUS": "completed"}]), None)]).await;
    let bookings = changes(&stub, Entity::Booking, None).await.unwrap();
    assert_eq!((bookings.records[0].record.as_str(), bookings.records[0].booking), ("5", Some(BookingState::Completed)));
    let body = &stub.seen()[0].body;
    assert_eq!(body["filter"]["originatorId"], "salon-core");
    let select = [
        "id",
        "updatedTime",
        "originatorId",
        "originId",
        "stageId",
        "UF_CRM_SALON_STATUS",
        "UF_CRM_SALON_START",
        "UF_CRM_SALON_END",
    ];
    assert_eq!(body["select"], json!(select));
}

#[tokio::test]
async fn enquiries_are_what_the_mode_makes_of_them() {
    for (mode, kind, type_id) in [(1, "lead", 1), (2, "deal", 2)] {
        let stub =
            Stub::start("", vec![good(&json!(mode)), page(&json!([changed(12, 5)]), Some(50)), page(&json!([{"id": 13}]), None)])
                .await;
        let first = changes(&stub, Entity::Enquiry, None).await.unwrap();
        assert_eq!(first.records[0].record, format!("{kind}:12"));
        let second = changes(&stub, Entity::Enquiry, first.next.as_deref()).await.unwrap();
        assert_eq!((second.records[0].record.clone(), second.next), (format!("{kind}:13"), None));
        let seen = stub.seen();
        assert_eq!(method(&seen[0]), "crm.settings.mode.get");
        assert_eq!((&seen[1].body["entityTypeId"], &seen[2].body["entityTypeId"]), (&json!(type_id), &json!(type_id)));
        assert_eq!(seen.len(), 3, "the mode is asked for once");
    }
}

fn changed(id: u32, seconds: i64) -> Value {
    json!({"id": id, "updatedTime": super::super::wire::at(&at(seconds))})
}

/// Nothing is counted past: what is changed meanwhile leaves its place.
#[tokio::test]
async fn a_page_begins_at_the_last_change_seen_so_that_none_slips_by() {
    let of_one_second: Value = (0..50).map(|id| changed(id + 1, 7)).collect();
    let steps = vec![
        page(&json!([changed(1, 3), changed(2, 7)]), Some(50)),
        page(&of_one_second, Some(50)),
        page(&json!([changed(60, 7)]), None),
        page(&json!([changed(61, 9)]), None),
    ];
    let stub = Stub::start("", steps).await;
    let mut next = None;
    for _ in 0..4 {
        next = changes(&stub, Entity::Client, next.as_deref()).await.unwrap().next;
    }
    assert_eq!(next, None);
    let asked: Vec<Value> = stub.seen().iter().map(|seen| seen.body["filter"].clone()).collect();
    let time = |seconds| json!(super::super::wire::at(&at(seconds)));
    let from = |seconds| json!({">=updatedTime": time(seconds)});
    let rest = json!({">=updatedTime": time(7), "<=updatedTime": time(7), ">id": 50});
    assert_eq!(asked, [from(0), from(7), rest, from(8)]);
    assert!(stub.seen().iter().all(|seen| seen.body["start"] == 0));
}

#[tokio::test]
async fn a_page_that_is_none_of_ours_is_refused() {
    let stub = Stub::start("", vec![]).await;
    for page in [
        "",
        "x",
        "deal|2026-11-20T18:40:00+00:00",
        "deal|now|0",
        "company|2026-11-20T18:40:00+00:00|0",
        "deal|2026-11-20T18:40:00+00:00|0|0",
    ] {
        assert_eq!(changes(&stub, Entity::Booking, Some(page)).await, Err(refused("page")), "{page}");
    }
}

/// The portal sorts by the keys of `order` in their order, and a `Value` sorts its keys: by id first, a page would not begin where the last
/// one ended.
#[test]
fn changes_are_sorted_by_time_before_all() {
    let order = json!({"order": [["updatedTime", "ASC"], ["id", "ASC"]], "start": 0});
    let sent = serde_json::to_string(&super::super::call::Sent(&order)).unwrap();
    assert_eq!(sent, r#"{"order":{"updatedTime":"ASC","id":"ASC"},"start":0}"#);
}
