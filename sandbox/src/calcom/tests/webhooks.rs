use std::time::Duration;

use axum::{Router, routing::post};
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Hook, Salon, listen, seed};
use crate::{
    calcom::Calcom,
    fault::{Fault, Target},
    world::World,
};

const SECRET: &str = "a secret of the salon";

fn triggers(hooks: &[Hook]) -> Vec<&str> {
    hooks.iter().map(|hook| hook.body["triggerEvent"].as_str().unwrap()).collect()
}

fn is_signed(hook: &Hook, secret: &str) -> bool {
    let header = hook.headers["x-cal-signature-256"].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(&hook.raw);
    hex::decode(header).is_ok_and(|given| mac.verify_slice(&given).is_ok())
}

#[tokio::test]
async fn deliveries_are_signed_over_the_exact_bytes() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    salon.book(101, salon.at(0), "anna").await;
    let hooks = salon.hooks();
    assert_eq!(triggers(&hooks), ["BOOKING_CREATED"]);
    assert!(is_signed(&hooks[0], SECRET));
    assert!(!is_signed(&hooks[0], "another secret"));
    assert_eq!(hooks[0].headers["x-cal-webhook-version"], "2021-10-20");
    assert_eq!(hooks[0].headers["x-cal-signature-256"].len(), 64);
}

#[tokio::test]
async fn without_a_secret_the_header_says_so() {
    let salon = Salon::open().await;
    salon.listen_to(101, None).await;
    salon.book(101, salon.at(0), "anna").await;
    assert_eq!(salon.hooks()[0].headers["x-cal-signature-256"], "no-secret-provided");
}

#[tokio::test]
async fn a_booking_is_told_before_the_call_is_answered() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    let booking = salon.book(101, salon.at(0), "anna").await;
    // The answer is here, and so is the webhook: nothing was waited for.
    let hooks = salon.hooks();
    let payload = &hooks[0].body["payload"];
    assert_eq!(payload["uid"], booking["uid"]);
    assert_eq!(payload["startTime"], salon.at(0).format("%Y-%m-%dT%H:%M:%SZ").to_string());
    assert_eq!((&payload["status"], &payload["schedulingType"]), (&json!("ACCEPTED"), &json!("ROUND_ROBIN")));
    assert_eq!(payload["metadata"], json!({"salonTenant": "t_42", "salonBooking": "anna"}));
    assert_eq!(payload["attendees"][0]["utcOffset"], 180);
    assert_eq!(payload["team"]["id"], 7);
    assert_eq!(payload["disableCancelling"], false);
}

#[tokio::test]
async fn a_cancellation_is_told_before_it_is_written_and_without_metadata() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    let booking = salon.book(101, salon.at(0), "anna").await;
    let path = format!("/v2/bookings/{}/cancel", booking["uid"].as_str().unwrap());
    let (status, _) = salon.post(&path, json!({"cancellationReason": "ill"})).await;
    assert_eq!(status, 200);
    let hooks = salon.hooks();
    assert_eq!(triggers(&hooks), ["BOOKING_CREATED", "BOOKING_CANCELLED"]);
    let payload = &hooks[1].body["payload"];
    assert_eq!(hooks[1].status_then.as_deref(), Some("accepted"), "an immediate read still says accepted");
    assert_eq!(payload.get("metadata"), None);
    assert_eq!(payload["startTime"], salon.at(0).format("%Y-%m-%dT%H:%M:%S+00:00").to_string());
    assert_eq!((&payload["cancellationReason"], &payload["status"]), (&json!("ill"), &json!("CANCELLED")));
    assert_eq!((&payload["iCalSequence"], &payload["requestReschedule"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn a_move_is_told_once_under_the_new_uid() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    let old = salon.book(101, salon.at(0), "anna").await;
    let new = salon.calcom.reschedule_in_ui(old["uid"].as_str().unwrap(), salon.at(3)).await.unwrap();
    let hooks = salon.hooks();
    assert_eq!(triggers(&hooks), ["BOOKING_CREATED", "BOOKING_RESCHEDULED"], "no BOOKING_CANCELLED for the old one");
    let payload = &hooks[1].body["payload"];
    assert_eq!((&payload["uid"], &payload["rescheduleUid"]), (&json!(new), &old["uid"]));
    assert_eq!(payload["rescheduleStartTime"], salon.at(0).format("%Y-%m-%dT%H:%M:%SZ").to_string());
}

#[tokio::test]
async fn confirmation_loses_our_metadata_and_a_refusal_gives_its_reason() {
    let salon = Salon::open().await;
    salon.listen_to(104, Some(SECRET)).await;
    let first = salon.book(104, salon.at(0), "anna").await;
    assert_eq!(first["status"], "pending");
    let (status, done) = salon.post(&format!("/v2/bookings/{}/confirm", first["uid"].as_str().unwrap()), json!({})).await;
    assert_eq!(status, 200, "{done}");
    salon.conforms("POST /v2/bookings/{bookingUid}/confirm", 200, &done);
    let second = salon.book(104, salon.at(2), "bella").await;
    let path = format!("/v2/bookings/{}/decline", second["uid"].as_str().unwrap());
    let (_, done) = salon.post(&path, json!({"reason": "closed"})).await;
    salon.conforms("POST /v2/bookings/{bookingUid}/decline", 200, &done);
    let hooks = salon.hooks();
    assert_eq!(triggers(&hooks), ["BOOKING_REQUESTED", "BOOKING_CREATED", "BOOKING_REQUESTED", "BOOKING_REJECTED"]);
    assert_eq!((&hooks[0].body["payload"]["status"], &hooks[1].body["payload"]["metadata"]), (&json!("PENDING"), &json!({})));
    assert_eq!(hooks[3].body["payload"]["rejectionReason"], "closed");
    let (status, again) = salon.post(&path, json!({})).await;
    assert_eq!((status, &again["error"]["code"]), (400, &json!("TRPCError")));
}

#[tokio::test]
async fn a_no_show_has_another_shape_and_comes_after_the_start_only() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    let booking = salon.book(101, salon.at(0), "anna").await;
    let path = format!("/v2/bookings/{}/mark-absent", booking["uid"].as_str().unwrap());
    let body = json!({"attendees": [{"email": "anna@example.org", "absent": true}]});
    assert_eq!(salon.post(&path, body.clone()).await.0, 400);
    salon.world.advance(salon.at(0) - salon.world.now() + TimeDelta::minutes(1));
    let (status, done) = salon.post(&path, body).await;
    assert_eq!(status, 200, "{done}");
    salon.conforms("POST /v2/bookings/{bookingUid}/mark-absent", 200, &done);
    let payload: Value = salon.hooks()[1].body["payload"].clone();
    assert_eq!(
        payload,
        json!({"message": "anna@example.org marked as no-show", "bookingUid": booking["uid"], "bookingId": booking["id"],
               "attendees": [{"email": "anna@example.org", "noShow": true}]})
    );
}

#[tokio::test]
async fn a_dead_receiver_costs_the_webhook_and_nothing_else() {
    let salon = Salon::open().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hook = json!({"teamId": 7, "subscriberUrl": format!("http://{closed}/"), "triggers": ["BOOKING_CREATED"]});
    salon.calcom.seed(&json!({"webhooks": [hook]})).unwrap();
    salon.book(101, salon.at(0), "anna").await;
    assert_eq!(salon.calcom.snapshot()["deliveries"][0]["status"], 0);
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up() {
    let calcom = Calcom::with_patience(World::new(), Duration::from_millis(200));
    let silent = listen(Router::new().route("/", post(std::future::pending::<()>))).await;
    let hook = json!({"teamId": 7, "subscriberUrl": silent, "triggers": ["BOOKING_CREATED"]});
    calcom.seed(&seed()).unwrap();
    calcom.seed(&json!({"webhooks": [hook]})).unwrap();
    let start = (calcom.world.now() + TimeDelta::days(2)).date_naive().and_hms_opt(7, 0, 0).unwrap().and_utc();
    calcom.book_as_somebody_else(101, start).await.unwrap();
    assert_eq!(calcom.snapshot()["deliveries"][0]["status"], 0);
}

#[tokio::test]
async fn twice_means_the_same_bytes_twice() {
    let salon = Salon::open().await;
    salon.listen_to(101, Some(SECRET)).await;
    let target = Target { vendor: "calcom".to_owned(), operation: "POST /v2/bookings".to_owned() };
    salon.world.faults.plan(target, &Fault::Twice, 1);
    salon.book(101, salon.at(0), "anna").await;
    let hooks = salon.hooks();
    assert_eq!(hooks.len(), 2);
    assert_eq!(hooks[0].raw, hooks[1].raw);
    salon.book(101, salon.at(1), "anna").await;
    assert_eq!(salon.hooks().len(), 3);
}
