use serde_json::json;

use super::{Answer, Fake, at};
use crate::booking::{Calendar, SlotQuery, calcom::Calcom};

fn day(from: &str, to: &str) -> SlotQuery {
    SlotQuery { event_type_id: 101, from: at(from), to: at(to), zone: chrono_tz::Europe::Berlin }
}

#[tokio::test]
async fn slots_are_asked_in_utc_with_the_key() {
    let fake = Fake::answering([Answer::ok(json!({}))]).await;
    let query = day("2026-12-01T00:00:00+01:00", "2026-12-02T00:00:00+01:00");
    assert_eq!(Calcom.slots(&fake.http, &fake.account, &query).await, Ok(vec![]));
    let asked = fake.only();
    assert_eq!((asked.method.as_str(), asked.path.as_str(), asked.version()), ("GET", "/calcom/v2/slots", "2024-09-04"));
    assert_eq!(asked.headers["authorization"], "Bearer cal_live_key");
    assert_eq!(
        json!(asked.query),
        json!({ "eventTypeId": "101", "start": "2026-11-30T23:00:00Z", "end": "2026-12-01T23:00:00Z", "timeZone": "Europe/Berlin" })
    );
}

#[tokio::test]
async fn slots_are_sorted_once_each_and_within_the_range() {
    let fake = Fake::answering([Answer::ok(json!({
        "2026-12-02": [{ "start": "2026-12-02T00:00:00.000+01:00" }],
        "2026-12-01": [
            { "start": "2026-12-01T10:00:00.000+01:00", "seatsBooked": 2, "seatsRemaining": 3, "seatsTotal": 5, "bookingUid": "u" },
            { "start": "2026-12-01T09:00:00.000+01:00", "end": "2026-12-01T10:00:00.000+01:00" },
            { "start": "2026-12-01T08:00:00Z" },
        ],
        "2026-11-30": [{ "start": "2026-11-30T23:30:00.000+01:00" }],
    }))])
    .await;
    let query = day("2026-12-01T00:00:00+01:00", "2026-12-02T00:00:00+01:00");
    let slots = Calcom.slots(&fake.http, &fake.account, &query).await.unwrap();
    assert_eq!(slots, [at("2026-12-01T08:00:00Z"), at("2026-12-01T09:00:00Z")]);
}

#[tokio::test]
async fn the_hour_that_comes_twice_gives_two_slots() {
    let fake = Fake::answering([Answer::ok(json!({ "2026-10-25": [
        { "start": "2026-10-25T02:30:00.000+01:00" },
        { "start": "2026-10-25T02:30:00.000+02:00" },
        { "start": "2026-10-25T03:00:00.000+01:00" },
    ] }))])
    .await;
    let query = day("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00");
    let slots = Calcom.slots(&fake.http, &fake.account, &query).await.unwrap();
    assert_eq!(slots, [at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"), at("2026-10-25T02:00:00Z")]);
    let asked = fake.only();
    assert_eq!((&*asked.query["start"], &*asked.query["end"]), ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"));
}

#[tokio::test]
async fn the_hour_that_is_skipped_leaves_no_gap() {
    let fake = Fake::answering([Answer::ok(json!({ "2026-03-29": [
        { "start": "2026-03-29T01:30:00.000+01:00" },
        { "start": "2026-03-29T03:00:00.000+02:00" },
    ] }))])
    .await;
    let query = day("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00");
    let slots = Calcom.slots(&fake.http, &fake.account, &query).await.unwrap();
    assert_eq!(slots[1] - slots[0], chrono::TimeDelta::minutes(30));
}

#[tokio::test]
async fn an_empty_range_is_not_asked_for() {
    let fake = Fake::answering([]).await;
    let query = day("2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z");
    assert_eq!(Calcom.slots(&fake.http, &fake.account, &query).await, Ok(vec![]));
    assert!(fake.asked().is_empty());
}
