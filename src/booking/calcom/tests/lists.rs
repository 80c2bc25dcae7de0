use serde_json::{Value, json};

use super::{Answer, Fake, at, booking, wish};
use crate::{
    booking::{Calendar, CalendarStatus, calcom::Calcom},
    vendor::Failure,
};

fn others(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| booking(json!({ "uid": format!("other{n}"), "metadata": { "salonBooking": format!("wish{n}") } })))
        .collect()
}

#[tokio::test]
async fn a_wish_is_looked_for_by_type_and_time_newest_first() {
    let fake = Fake::answering([Answer::page(json!([]), false), Answer::page(json!([]), false)]).await;
    assert_eq!(Calcom.find(&fake.http, &fake.account, &wish()).await, Ok(None));
    let asked = fake.only();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.version()),
        ("GET", "/calcom/v2/teams/7/bookings", "2024-08-13")
    );
    assert_eq!(
        json!(asked.query),
        json!({ "eventTypeId": "101", "afterStart": "2026-12-01T05:59:59Z", "beforeEnd": "2026-12-03T06:00:00Z", "sortCreated": "desc",
                "take": "250", "skip": "0" })
    );
    let fake = fake.without_team();
    Calcom.find(&fake.http, &fake.account, &wish()).await.unwrap();
    assert_eq!(fake.asked()[1].path, "/calcom/v2/bookings");
}

#[tokio::test]
async fn only_the_key_makes_a_booking_ours() {
    let ours = booking(json!({ "uid": "ours" }));
    let mut bookings = others(3);
    bookings.push(booking(json!({ "uid": "keyless", "metadata": {} })));
    bookings.push(booking(json!({ "uid": "odd", "metadata": { "salonBooking": 7 } })));
    bookings.push(ours);
    let fake = Fake::answering([Answer::page(json!(bookings), true)]).await;
    let found = Calcom.find(&fake.http, &fake.account, &wish()).await.unwrap().unwrap();
    assert_eq!(found.uid, "ours");
}

#[tokio::test]
async fn a_wish_on_a_later_page_is_found() {
    let fake = Fake::answering([
        Answer::page(json!(others(250)), true),
        Answer::page(json!([booking(json!({ "uid": "ours" }))]), false),
    ])
    .await;
    let found = Calcom.find(&fake.http, &fake.account, &wish()).await.unwrap().unwrap();
    assert_eq!(found.uid, "ours");
    assert_eq!(fake.asked()[1].query["skip"], "235", "pages overlap, since the list may change during the walk");
}

#[tokio::test]
async fn a_wish_that_was_undone_is_found_with_its_status() {
    let undone = booking(json!({ "status": "cancelled" }));
    let fake = Fake::answering([Answer::page(json!([undone]), false)]).await;
    let found = Calcom.find(&fake.http, &fake.account, &wish()).await.unwrap().unwrap();
    assert_eq!(found.status, CalendarStatus::Cancelled);
}

#[tokio::test]
async fn a_move_s_successor_is_preferred() {
    let before = booking(json!({ "uid": "before", "status": "cancelled", "rescheduledToUid": "after" }));
    let after = booking(json!({ "uid": "after", "rescheduledFromUid": "before" }));
    let fake = Fake::answering([Answer::page(json!([before, after]), false)]).await;
    assert_eq!(Calcom.find(&fake.http, &fake.account, &wish()).await.unwrap().unwrap().uid, "after");
}

#[tokio::test]
async fn none_is_never_said_without_having_read_everything() {
    let endless = (0..41).map(|_| Answer::page(json!(others(2)), true));
    let fake = Fake::answering(endless).await;
    assert_eq!(Calcom.find(&fake.http, &fake.account, &wish()).await, Err(Failure::unknown("too_many_pages").into()));
    assert_eq!(fake.asked().len(), 40);

    let unreadable = booking(json!({ "status": "levitating" }));
    let fake = Fake::answering([Answer::page(json!([unreadable]), false)]).await;
    assert_eq!(Calcom.find(&fake.http, &fake.account, &wish()).await, Err(Failure::retry("unreadable_answer").into()));
}

#[tokio::test]
async fn what_changed_comes_oldest_change_first_and_once() {
    let since = at("2026-11-21T09:00:00Z");
    let changed = |uid: &str, updated: &str| booking(json!({ "uid": uid, "updatedAt": updated }));
    let updated = json!([
        changed("c", "2026-11-21T12:00:00.000Z"),
        changed("a", "2026-11-21T10:30:00.000Z"),
        booking(json!({ "uid": "ancient", "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z" })),
        booking(json!({ "uid": "odd", "status": "levitating" })),
    ]);
    let created = json!([
        changed("a", "2026-11-21T10:30:00.000Z"),
        booking(json!({ "uid": "b", "createdAt": "2026-11-21T11:00:00.000Z" }))
    ]);
    let fake = Fake::answering([Answer::page(updated, false), Answer::page(created, false)]).await;
    let found = Calcom.changed_since(&fake.http, &fake.account, since).await.unwrap();
    let uids: Vec<_> = found.iter().map(|booking| booking.uid.as_str()).collect();
    assert_eq!(uids, ["a", "b", "c"]);
    let asked = fake.asked();
    assert_eq!(asked[0].path, "/calcom/v2/teams/7/bookings");
    assert_eq!(
        json!(asked[0].query),
        json!({ "afterUpdatedAt": "2026-11-21T09:00:00Z", "sortUpdatedAt": "asc", "take": "250", "skip": "0" })
    );
    assert_eq!(
        json!(asked[1].query),
        json!({ "afterCreatedAt": "2026-11-21T09:00:00Z", "sortCreated": "asc", "take": "250", "skip": "0" })
    );
}

#[tokio::test]
async fn pages_end_with_or_without_pagination() {
    let since = at("2026-11-21T09:00:00Z");
    let bare = |data: Vec<Value>| Answer::of(200, json!({ "status": "success", "data": data, "pagination": null }));
    let fake = Fake::answering([bare(others(250)), bare(others(20)), bare(vec![])]).await.without_team();
    assert_eq!(Calcom.changed_since(&fake.http, &fake.account, since).await.unwrap().len(), 250);
    let skips: Vec<_> = fake.asked().iter().map(|asked| asked.query["skip"].clone()).collect();
    assert_eq!(skips, ["0", "235", "0"]);
    // An empty page is the end, whatever the pagination says.
    let fake = Fake::answering([Answer::page(json!([]), true), Answer::page(json!([]), true)]).await;
    assert_eq!(Calcom.changed_since(&fake.http, &fake.account, since).await, Ok(vec![]));
}

#[tokio::test]
async fn a_failure_on_any_page_fails_the_whole() {
    let fake = Fake::answering([Answer::page(json!(others(250)), true), Answer::of(503, "")]).await;
    let failed = Calcom.changed_since(&fake.http, &fake.account, at("2026-11-21T09:00:00Z")).await;
    assert_eq!(failed, Err(Failure::retry("http_503").into()));
}
