use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use super::{Answer, Fake, at, wish};
use crate::{
    booking::{
        Calendar, CalendarError,
        calcom::{
            Calcom,
            error::{Repeat, classify, unanswered},
        },
    },
    vendor::{Class, Failure, HttpError, Reply},
};

/// Nest's envelope.
fn nest(message: impl Into<Value>) -> Value {
    let message = message.into();
    json!({ "status": "error", "timestamp": "2026-11-21T10:00:00.000Z", "path": "/v2/bookings",
            "error": { "code": "BadRequestException", "message": message, "details": { "message": message } } })
}

/// The bare one, of errors thrown deep in the booking code.
fn bare(status: u16, message: &str) -> Value {
    json!({ "statusCode": status, "message": message })
}

fn reply(status: u16, body: &Value) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: body.to_string().into_bytes() }
}

fn failed(class: Class, code: &'static str) -> CalendarError {
    Failure::new(class, code).into()
}

fn check(rows: &[(u16, &str, CalendarError)]) {
    for (status, text, meaning) in rows {
        for body in [nest(*text), nest(json!([text])), bare(*status, text), json!({ "message": [text] })] {
            assert_eq!(classify(&reply(*status, &body), Repeat::LookFirst), *meaning, "{status} {text}");
        }
    }
}

#[test]
fn refusals_of_a_time() {
    use CalendarError::{LimitReached, OutOfBounds, SlotTaken};
    check(&[
        (400, "User either already has booking at this time or is not available", SlotTaken),
        (400, "One of the hosts either already has booking at this time or is not available", SlotTaken),
        (409, "No more seats left at this seated booking.", SlotTaken),
        (409, "booking_seats_full_error", SlotTaken),
        (409, "booking_conflict_error", SlotTaken),
        (
            400,
            "The event type can't be booked at the \"start\" time provided. This could be because it's too soon (violating the minimum booking notice)",
            OutOfBounds,
        ),
        (400, "Attempting to book a meeting in the past.", OutOfBounds),
        (403, "Rescheduling is not allowed within the minimum notice period before the event", OutOfBounds),
        (400, "Cannot cancel a booking that has already ended", OutOfBounds),
        (403, "booking_limit_reached", LimitReached),
        (403, "duration_limit_reached", LimitReached),
        (
            400,
            "Attendee with this email can't book because the maximum number of active bookings has been reached. You can reschedule your existing booking uQ0",
            LimitReached,
        ),
    ]);
}

#[test]
fn refusals_for_good() {
    let permanent = |code| failed(Class::Permanent, code);
    check(&[
        (400, "Invalid event length", permanent("event_length")),
        (
            400,
            "Can't specify 'lengthInMinutes' because event type does not have multiple possible lengths.",
            permanent("event_length"),
        ),
        (400, "email_verification_required", permanent("email_verification")),
        (400, "invalid_verification_code", permanent("email_verification")),
        (403, "This email address is blocked", permanent("http_403")),
        (409, "already_signed_up_for_this_booking_error", permanent("already_signed_up")),
        (400, "Event type with id=101 is the parent managed event type that can't be booked.", permanent("managed_event_type")),
        (422, "Can't book this team event type because it has no hosts. Please, add at least 1 host.", permanent("no_hosts")),
        (400, "responses - {email}error_required_field, ", permanent("email_required")),
        (
            400,
            "`attendee` property is wrong,Attendee must have at least one contact method (email or phone number) ,",
            permanent("contact_missing"),
        ),
        (400, "Both Phone and Email are missing", permanent("contact_missing")),
        (400, "Invalid phone number format. Please use international format.", permanent("phone_invalid")),
        (
            400,
            "Missing attendee phone number - it is required by the event type. Pass it as \"attendee.phoneNumber\" string in the request.",
            permanent("phone_missing"),
        ),
        (400, "Missing required booking field response: colour - it is required", permanent("booking_field_missing")),
        (400, "Invalid type for booking field 'colour'. Expected type string", permanent("booking_field_invalid")),
        (400, "Invalid option 'v' for booking field 'X'. Allowed options are: a, b", permanent("booking_field_invalid")),
        (400, "Cancellation reason is required when you are the host", permanent("reason_required")),
        (400, "This event type does not allow cancellations", permanent("cancellation_not_allowed")),
        (400, "Invalid seatUid: x", permanent("seat_invalid")),
        (400, "Invalid time range given - check the 'start' and 'end' query parameters.", permanent("time_range")),
        (404, "Cannot GET /v2/bookings", permanent("no_such_endpoint")),
        (401, "Not permitted to confirm", permanent("http_401")),
        (413, "request entity too large", permanent("http_413")),
        (302, "Found", permanent("http_302")),
    ]);
}

#[test]
fn what_is_not_there() {
    check(&[
        (404, "Event type with id 101 not found.", CalendarError::NotFound),
        (404, "Event type with slug haircut belonging to team salon not found.", CalendarError::NotFound),
        (404, "Event Type not found", CalendarError::NotFound),
        (404, "Could not find original booking", CalendarError::NotFound),
        (404, "Booking with uid=uQ1 was not found in the database", CalendarError::NotFound),
    ]);
    // A proxy's page says nothing about the booking.
    let page = Reply { status: 404, headers: HeaderMap::new(), body: b"<html>nginx</html>".to_vec() };
    assert_eq!(classify(&page, Repeat::Safe), failed(Class::Permanent, "http_404"));
}

#[test]
fn broken_credentials() {
    let credential = |code| failed(Class::Credential, code);
    check(&[
        (
            401,
            "ApiAuthStrategy - No authentication method provided. Either pass an API key as 'Bearer' header or OAuth client credentials",
            credential("api_key"),
        ),
        (401, "ApiAuthStrategy - api key - Your api key is not valid", credential("api_key")),
        (401, "ApiAuthStrategy - api key - Your api key is expired", credential("api_key")),
        (401, "ApiAuthStrategy - api key - Invalid or missing CALCOM_LICENSE_KEY environment variable", credential("api_key")),
        (401, "CustomThrottlerGuard - Invalid API Key", credential("guard")),
        (
            403,
            "RolesGuard - user with id=1 does not have the minimum required role=TEAM_ADMIN within team with id=7",
            credential("guard"),
        ),
        (401, "checkBookingRequiresAuthentication - user not authenticated", credential("booking_requires_authentication")),
        (403, "checkBookingRequiresAuthentication - user is not authorized", credential("booking_requires_authentication")),
        (498, "ACCESS_TOKEN_IS_EXPIRED", credential("access_token_expired")),
    ]);
    assert_eq!(classify(&reply(401, &json!({})), Repeat::Safe), credential("http_401"));
}

#[test]
fn undecided_answers_depend_on_the_call() {
    let cases = [
        (500, bare(500, "Internal server error"), "http_500"),
        (500, nest("There was an error, please try again later."), "http_500"),
        (502, Value::Null, "http_502"),
        (524, json!("a proxy's"), "http_524"),
        (408, Value::Null, "http_408"),
        (400, bare(400, "An error occurred while querying the database."), "unique_key"),
        (409, nest("Invalid Input: Trying to create a record that already exists."), "unique_key"),
    ];
    for (status, body, code) in cases {
        assert_eq!(classify(&reply(status, &body), Repeat::LookFirst), failed(Class::Unknown, code));
        assert_eq!(classify(&reply(status, &body), Repeat::Safe), failed(Class::Retry { after: None }, code));
    }
    for (error, safe, look) in [
        (HttpError::NoAnswer, Failure::retry("no_answer"), Failure::unknown("no_answer")),
        (HttpError::NotSent, Failure::retry("not_sent"), Failure::retry("not_sent")),
        (HttpError::AnswerTooLarge, Failure::permanent("answer_too_large"), Failure::unknown("answer_too_large")),
        (HttpError::Refused("x"), Failure::permanent("address_refused"), Failure::permanent("address_refused")),
    ] {
        assert_eq!(unanswered(error, Repeat::Safe), safe.into());
        assert_eq!(unanswered(error, Repeat::LookFirst), look.into());
    }
}

#[test]
fn a_cancelled_booking_names_its_successor() {
    let gone = |next: Option<&str>| CalendarError::AlreadyCancelled { next_uid: next.map(str::to_owned) };
    check(&[
        (
            400,
            "Can't cancel booking with uid=uQ1 because it has been cancelled already. Please provide uid of a non cancelled booking.",
            gone(None),
        ),
        (
            400,
            "Can't reschedule booking with uid=uQ1 because it has been cancelled. Please provide uid of a non cancelled booking.",
            gone(None),
        ),
        (
            400,
            "Can't reschedule booking with uid=uQ1 because it has been cancelled and rescheduled already to booking with uid=uQ2dEf_-9. You probably want to reschedule uQ2dEf_-9 instead",
            gone(Some("uQ2dEf_-9")),
        ),
        (400, "Can't reschedule booking with uid=uQ1, it was cancelled and rescheduled already to booking with uid=", gone(None)),
    ]);
}

#[tokio::test]
async fn the_stated_wait_is_kept() {
    let text = nest("CustomThrottlerGuard - Too many requests. Please try again later.");
    let limited = || Answer::of(429, text.clone());
    let fake = Fake::answering([
        limited().header("x-ratelimit-reset-default", 42),
        limited().header("x-ratelimit-reset-default", 42).header("x-ratelimit-reset-bookings", 57),
        limited(),
        limited().header("x-ratelimit-reset-default", u64::MAX),
    ])
    .await;
    for after in [Some(42), Some(57), None, Some(3600)] {
        let waits = Class::Retry { after: after.map(Duration::from_secs) };
        assert_eq!(Calcom.create(&fake.http, &fake.account, &wish()).await, Err(failed(waits, "rate_limited")));
    }
}

#[tokio::test]
async fn calls_that_change_something_are_never_repeated_blindly() {
    let fake = Fake::answering((0..4).map(|_| Answer::of(500, bare(500, "Internal server error")))).await;
    let (http, account) = (&fake.http, &fake.account);
    assert_eq!(Calcom.create(http, account, &wish()).await, Err(failed(Class::Unknown, "http_500")));
    assert_eq!(Calcom.reschedule(http, account, "u", at("2026-12-02T06:00:00Z")).await, Err(failed(Class::Unknown, "http_500")));
    assert_eq!(Calcom.cancel(http, account, "u", "ill").await, Err(failed(Class::Unknown, "http_500")));
    assert_eq!(Calcom.get(http, account, "u").await, Err(failed(Class::Retry { after: None }, "http_500")));
    assert_eq!(fake.asked().len(), 4, "no retry inside the adapter");
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_no_failure_of_the_work() {
    for body in [
        "",
        "<html>",
        r#"{"status":"success"}"#,
        r#"{"status":"error","data":{}}"#,
        r#"{"status":"success","data":{"uid":"u"}}"#,
        r#"{"status":"success","data":[]}"#,
    ] {
        let fake = Fake::answering([Answer::of(201, body), Answer::of(200, body)]).await;
        assert_eq!(
            Calcom.create(&fake.http, &fake.account, &wish()).await,
            Err(failed(Class::Unknown, "unreadable_answer")),
            "{body}"
        );
        assert_eq!(Calcom.get(&fake.http, &fake.account, "u").await, Err(Failure::retry("unreadable_answer").into()), "{body}");
    }
}

#[tokio::test]
async fn nobody_there_means_nothing_was_done() {
    let mut fake = Fake::answering([]).await;
    // Bound and dropped: nothing listens there.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    fake.account.base_url.set_port(Some(free.port())).unwrap();
    assert_eq!(Calcom.create(&fake.http, &fake.account, &wish()).await, Err(Failure::retry("not_sent").into()));
}
