use serde_json::json;

use super::{Answer, Fake, SECRET, at, booking, fixture, wish};
use crate::{
    booking::{Calendar, CalendarBooking, CalendarError, CalendarStatus, EventType, calcom::Calcom},
    lang::Lang,
    vendor::Failure,
};

const ADDRESS: &str = "https://core.example/webhooks/calcom/k3y";

fn accepted() -> CalendarBooking {
    CalendarBooking {
        uid: "uQ1aBc".to_owned(),
        previous_uid: None,
        next_uid: None,
        status: CalendarStatus::Accepted,
        start: at("2026-12-01T06:00:00Z"),
        end: at("2026-12-01T07:00:00Z"),
        event_type_id: Some(101),
        key: Some("0192f0c4-wish".to_owned()),
        updated_at: Some(at("2026-11-21T10:00:00Z")),
        no_show: false,
    }
}

#[tokio::test]
async fn a_booking_is_made_for_a_number_alone() {
    let fake = Fake::answering([Answer::of(201, json!({ "status": "success", "data": booking(json!({})) }))]).await;
    assert_eq!(Calcom.create(&fake.http, &fake.account, &wish()).await, Ok(accepted()));
    let asked = fake.only();
    assert_eq!((asked.method.as_str(), asked.path.as_str(), asked.version()), ("POST", "/calcom/v2/bookings", "2024-08-13"));
    assert_eq!(asked.headers["authorization"], "Bearer cal_live_key");
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(
        asked.body,
        json!({
            "start": "2026-12-01T06:00:00Z",
            "eventTypeId": 101,
            "attendee": { "name": "Anna P.", "phoneNumber": "+79991234567", "timeZone": "Europe/Moscow", "language": "ru" },
            "metadata": { "salonBooking": "0192f0c4-wish" },
        })
    );
}

#[tokio::test]
async fn the_client_s_language_goes_along() {
    let fake = Fake::answering([Answer::ok(booking(json!({})))]).await;
    Calcom.create(&fake.http, &fake.account, &crate::booking::NewBooking { lang: Lang::En, ..wish() }).await.unwrap();
    assert_eq!(fake.only().body["attendee"]["language"], "en");
}

#[tokio::test]
async fn a_key_that_would_not_fit_is_refused_here() {
    let fake = Fake::answering([Answer::ok(booking(json!({})))]).await;
    // 251 characters, but 502 of the units that cal.com counts.
    let long = crate::booking::NewBooking { key: "𝄞".repeat(251), ..wish() };
    let refused = Calcom.create(&fake.http, &fake.account, &long).await;
    assert_eq!(refused, Err(Failure::permanent("key_too_long").into()));
    assert!(fake.asked().is_empty());
    let fits = crate::booking::NewBooking { key: "𝄞".repeat(250), ..wish() };
    assert!(Calcom.create(&fake.http, &fake.account, &fits).await.is_ok());
}

#[tokio::test]
async fn an_account_s_versions_and_the_bare_base_address_are_used() {
    let mut fake = Fake::answering([Answer::ok(booking(json!({}))), Answer::ok(json!({}))]).await;
    fake.account.base_url.set_path("/");
    fake.account.versions.insert("bookings".to_owned(), "2026-02-25".to_owned());
    Calcom.create(&fake.http, &fake.account, &wish()).await.unwrap();
    let asked = fake.only();
    assert_eq!((asked.path.as_str(), asked.version()), ("/v2/bookings", "2026-02-25"));
}

#[tokio::test]
async fn every_status_and_link_is_read() {
    for (status, read) in [
        ("accepted", CalendarStatus::Accepted),
        ("pending", CalendarStatus::Pending),
        ("awaiting_host", CalendarStatus::Pending),
        ("cancelled", CalendarStatus::Cancelled),
        ("rejected", CalendarStatus::Rejected),
    ] {
        let data = booking(json!({ "status": status, "rescheduledFromUid": "u0", "rescheduledToUid": "u2", "metadata": null,
            "updatedAt": "2026-11-22T00:00:00.000Z" }));
        let fake = Fake::answering([Answer::ok(data)]).await;
        let found = Calcom.get(&fake.http, &fake.account, "uQ1aBc").await.unwrap();
        assert_eq!((found.status, found.key.as_deref()), (read, None));
        assert_eq!((found.previous_uid.as_deref(), found.next_uid.as_deref()), (Some("u0"), Some("u2")));
        assert_eq!(found.updated_at, Some(at("2026-11-22T00:00:00Z")));
    }
}

#[tokio::test]
async fn an_occurrence_list_gives_its_first() {
    let fake = Fake::answering([Answer::ok(json!([booking(json!({})), booking(json!({ "uid": "later" }))]))]).await;
    assert_eq!(Calcom.get(&fake.http, &fake.account, "recurring").await, Ok(accepted()));
    assert_eq!(fake.only().path, "/calcom/v2/bookings/recurring");
}

#[tokio::test]
async fn a_uid_cannot_lead_to_another_endpoint() {
    let fake = Fake::answering([Answer::ok(booking(json!({})))]).await;
    for uid in ["", ".", ".."] {
        assert_eq!(Calcom.get(&fake.http, &fake.account, uid).await, Err(CalendarError::NotFound));
        assert_eq!(Calcom.cancel(&fake.http, &fake.account, uid, "ill").await, Err(CalendarError::NotFound));
        assert_eq!(
            Calcom.reschedule(&fake.http, &fake.account, uid, at("2026-12-02T06:00:00Z")).await,
            Err(CalendarError::NotFound)
        );
    }
    Calcom.get(&fake.http, &fake.account, "../me?x=1#y/%2e%2e").await.unwrap();
    let asked = fake.only();
    assert_eq!(asked.path, "/calcom/v2/bookings/..%2Fme%3Fx=1%23y%2F%252e%252e");
    assert!(asked.query.is_empty());
}

#[tokio::test]
async fn a_move_sends_the_new_start_alone() {
    let moved = booking(
        json!({ "uid": "uQ2dEf", "rescheduledFromUid": "uQ1aBc", "start": "2026-12-02T06:00:00.000Z", "end": "2026-12-02T07:00:00.000Z" }),
    );
    let fake = Fake::answering([Answer::of(201, json!({ "status": "success", "data": moved }))]).await;
    let found = Calcom.reschedule(&fake.http, &fake.account, "uQ1aBc", at("2026-12-02T09:00:00+03:00")).await.unwrap();
    assert_eq!((found.uid.as_str(), found.previous_uid.as_deref()), ("uQ2dEf", Some("uQ1aBc")));
    let asked = fake.only();
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.version()),
        ("POST", "/calcom/v2/bookings/uQ1aBc/reschedule", "2024-08-13")
    );
    assert_eq!(asked.body, json!({ "start": "2026-12-02T06:00:00Z" }));
}

#[tokio::test]
async fn a_cancellation_always_has_a_reason() {
    let fake = Fake::answering([Answer::ok(json!({})), Answer::of(200, "not JSON")]).await;
    Calcom.cancel(&fake.http, &fake.account, "uQ1aBc", "The client is ill").await.unwrap();
    Calcom.cancel(&fake.http, &fake.account, "uQ1aBc", "  ").await.unwrap();
    let asked = fake.asked();
    assert_eq!(
        (asked[0].method.as_str(), asked[0].path.as_str(), asked[0].version()),
        ("POST", "/calcom/v2/bookings/uQ1aBc/cancel", "2024-08-13")
    );
    assert_eq!(asked[0].body, json!({ "cancellationReason": "The client is ill" }));
    assert_eq!(asked[1].body, json!({ "cancellationReason": "Cancelled" }));
}

#[tokio::test]
async fn event_types_of_a_team_and_of_a_user() {
    let types = || Answer::ok(fixture(include_str!("../fixtures/event_types.json")));
    let expected = [
        EventType { id: 101, title: "Haircut".to_owned(), minutes: 60 },
        EventType { id: 102, title: "Colouring".to_owned(), minutes: 150 },
    ];
    let fake = Fake::answering([types()]).await;
    assert_eq!(Calcom.event_types(&fake.http, &fake.account).await.unwrap(), expected);
    let asked = fake.only();
    assert_eq!((asked.path.as_str(), asked.version(), asked.query.len()), ("/calcom/v2/teams/7/event-types", "2024-08-13", 0));

    let fake = Fake::answering([Answer::ok(json!({ "id": 11, "username": "olga", "organizationId": null })), types()])
        .await
        .without_team();
    assert_eq!(Calcom.event_types(&fake.http, &fake.account).await.unwrap(), expected);
    let asked = fake.asked();
    assert_eq!((asked[0].path.as_str(), asked[0].version()), ("/calcom/v2/me", "2024-08-13"));
    assert_eq!((asked[1].path.as_str(), asked[1].version()), ("/calcom/v2/event-types", "2024-06-14"));
    assert_eq!(json!(asked[1].query), json!({ "username": "olga" }));
}

fn on_record(active: bool, secret: &str, triggers: &[&str]) -> serde_json::Value {
    json!({ "id": "6f2c-uuid", "eventTypeId": 101, "active": active, "subscriberUrl": ADDRESS, "secret": secret, "payloadTemplate": null, "triggers": triggers })
}

const TRIGGERS: &[&str] = &[
    "BOOKING_NO_SHOW_UPDATED",
    "BOOKING_REJECTED",
    "BOOKING_CANCELLED",
    "BOOKING_RESCHEDULED",
    "BOOKING_REQUESTED",
    "BOOKING_CREATED",
];

#[tokio::test]
async fn a_missing_webhook_is_made() {
    let other = json!({ "id": 5, "subscriberUrl": "https://zapier.example/x", "active": true, "triggers": ["BOOKING_CREATED"], "secret": null });
    let made = Answer::of(201, json!({ "status": "success", "data": on_record(true, SECRET, TRIGGERS) }));
    let fake = Fake::answering([Answer::ok(json!([other])), made]).await;
    Calcom.ensure_webhooks(&fake.http, &fake.account, &ADDRESS.parse().unwrap(), &[101]).await.unwrap();
    let asked = fake.asked();
    let calls: Vec<_> = asked.iter().map(|asked| (asked.method.as_str(), asked.path.as_str(), asked.version())).collect();
    let path = "/calcom/v2/teams/7/event-types/101/webhooks";
    assert_eq!(calls, [("GET", path, "2024-08-13"), ("POST", path, "2024-08-13")]);
    assert_eq!(
        asked[1].body,
        json!({
            "active": true,
            "subscriberUrl": ADDRESS,
            "secret": SECRET,
            "triggers": ["BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_RESCHEDULED", "BOOKING_CANCELLED", "BOOKING_REJECTED", "BOOKING_NO_SHOW_UPDATED"],
            "version": "2021-10-20",
        })
    );
}

#[tokio::test]
async fn a_webhook_that_is_right_is_left_alone() {
    let present = || Answer::ok(json!([on_record(true, SECRET, TRIGGERS)]));
    let fake = Fake::answering([present(), present()]).await.without_team();
    Calcom.ensure_webhooks(&fake.http, &fake.account, &ADDRESS.parse().unwrap(), &[101, 102]).await.unwrap();
    let paths: Vec<_> = fake.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, ["/calcom/v2/event-types/101/webhooks", "/calcom/v2/event-types/102/webhooks"]);
}

#[tokio::test]
async fn a_webhook_that_was_changed_is_set_right() {
    for wrong in [
        on_record(false, SECRET, TRIGGERS),
        on_record(true, "another", TRIGGERS),
        on_record(true, SECRET, &TRIGGERS[1..]),
        json!({ "id": "6f2c-uuid", "subscriberUrl": ADDRESS, "active": null, "secret": null, "triggers": null }),
    ] {
        let fake = Fake::answering([Answer::ok(json!([wrong])), Answer::ok(json!({}))]).await;
        Calcom.ensure_webhooks(&fake.http, &fake.account, &ADDRESS.parse().unwrap(), &[101]).await.unwrap();
        let patch = &fake.asked()[1];
        assert_eq!(
            (patch.method.as_str(), patch.path.as_str()),
            ("PATCH", "/calcom/v2/teams/7/event-types/101/webhooks/6f2c-uuid")
        );
        assert_eq!((&patch.body["active"], &patch.body["secret"]), (&json!(true), &json!(SECRET)));
    }
}

#[tokio::test]
async fn a_webhook_made_by_another_process_is_no_failure() {
    let exists = json!({ "status": "error", "error": { "code": "ConflictException", "message": "Webhook with this subscriber url already exists for this user/event type" } });
    let fake =
        Fake::answering([Answer::ok(json!([])), Answer::of(409, exists), Answer::ok(json!([])), Answer::of(502, "")]).await;
    let address = ADDRESS.parse().unwrap();
    assert_eq!(Calcom.ensure_webhooks(&fake.http, &fake.account, &address, &[101]).await, Ok(()));
    // Safe to repeat, so not an unknown outcome.
    assert_eq!(Calcom.ensure_webhooks(&fake.http, &fake.account, &address, &[101]).await, Err(Failure::retry("http_502").into()));
}
