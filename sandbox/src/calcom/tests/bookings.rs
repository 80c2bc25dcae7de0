use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{Salon, message};

#[tokio::test]
async fn a_booking_is_made_and_read_back() {
    let salon = Salon::open().await;
    let start = salon.at(0);
    let (status, made) = salon.post("/v2/bookings", salon.body(101, start, "anna")).await;
    assert_eq!(status, 201, "{made}");
    salon.conforms("POST /v2/bookings", 201, &made);
    let data = &made["data"];
    assert_eq!((&data["status"], &data["location"], &data["duration"]), (&json!("accepted"), &json!("Tverskaya 1"), &json!(60)));
    assert_eq!(data["attendees"][0]["phoneNumber"], "+79991234567");
    let path = format!("/v2/bookings/{}", data["uid"].as_str().unwrap());
    let (_, read) = salon.get(&path).await;
    salon.conforms("GET /v2/bookings/{bookingUid}", 200, &read);
    assert_eq!(read["data"], *data);
    assert_eq!(salon.violations(), [""; 0]);
}

#[tokio::test]
async fn two_at_once_for_one_slot_have_one_winner() {
    let salon = Salon::open().await;
    let start = salon.at(1);
    let (one, two) = tokio::join!(
        salon.post("/v2/bookings", salon.body(103, start, "anna")),
        salon.post("/v2/bookings", salon.body(103, start, "bella")),
    );
    let mut outcomes = [one, two];
    outcomes.sort_by_key(|(status, _)| *status);
    assert_eq!([outcomes[0].0, outcomes[1].0], [201, 400]);
    assert_eq!(message(&outcomes[1].1), "User either already has booking at this time or is not available");
    assert_eq!(outcomes[1].1["error"]["code"], "BadRequestException");
    assert_eq!(outcomes[1].1["path"], "/v2/bookings");
    assert_eq!(salon.violations(), [""; 0], "a lost race is not a breach of the rules");
}

#[tokio::test]
async fn a_round_robin_takes_as_many_as_it_has_hosts_and_replays() {
    let salon = Salon::open().await;
    let start = salon.at(2);
    let first = salon.book(101, start, "anna").await;
    let again = salon.book(101, start, "anna").await;
    assert_eq!(first["uid"], again["uid"], "the natural replay answers the booking that is there");
    let second = salon.book(101, start, "bella").await;
    assert_ne!(first["hosts"][0]["id"], second["hosts"][0]["id"]);
    let (status, full) = salon.post("/v2/bookings", salon.body(101, start, "clara")).await;
    assert_eq!(status, 400);
    assert_eq!(message(&full), "One of the hosts either already has booking at this time or is not available");
}

#[tokio::test]
async fn a_subset_chooses_the_master_and_a_collective_takes_all() {
    let salon = Salon::open().await;
    let mut body = salon.body(101, salon.at(3), "anna");
    body["rrHostSubsetIds"] = json!([12]);
    let (_, made) = salon.post("/v2/bookings", body).await;
    assert_eq!(made["data"]["hosts"][0]["id"], 12);
    let (status, _) = salon.post("/v2/bookings", salon.body(102, salon.at(3), "bella")).await;
    assert_eq!(status, 400, "one of the two is taken");
    let wedding = salon.book(102, salon.at(5), "clara").await;
    assert_eq!(wedding["attendees"].as_array().unwrap().len(), 2, "the second host shows among the attendees");
}

#[tokio::test]
async fn input_rules_are_cal_coms() {
    let salon = Salon::open().await;
    let good = salon.body(101, salon.at(0), "anna");
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[key] = value;
        body
    };
    let mut nobody = good.clone();
    nobody["attendee"].as_object_mut().unwrap().retain(|key, _| key == "name" || key == "timeZone");
    let many: serde_json::Map<_, _> = (0..51).map(|index| (format!("k{index}"), json!("v"))).collect();
    let cases = [
        (with("/unknown", json!(1)), "property unknown should not exist"),
        (nobody, "Attendee must have at least one contact method"),
        (with("/attendee/email", json!("nowhere")), "Invalid email format"),
        (with("/attendee/phoneNumber", json!("89991234567")), "Invalid phone number format."),
        (with("/attendee/phoneNumber", json!("+7999")), "Invalid phone number format."),
        (with("/attendee/timeZone", json!("Moscow")), "IANA"),
        (with("/attendee/language", json!("kk")), "language"),
        (with("/metadata", Value::Object(many)), "metadata"),
        (with("/metadata", json!({"k".repeat(41): "v"})), "metadata"),
        (with("/metadata", json!({"k": "v".repeat(501)})), "metadata"),
        (with("/metadata", json!({"k": {"nested": true}})), "metadata"),
        (with("/metadata", json!({"count": 5})), "metadata,count - Expected string, received number"),
        (with("/start", json!("tomorrow")), "start"),
    ];
    for (index, (body, expected)) in cases.into_iter().enumerate() {
        let (status, answer) = salon.post("/v2/bookings", body).await;
        assert_eq!(status, 400, "{answer}");
        assert!(message(&answer).contains(expected), "{expected}: {answer}");
        assert_eq!(salon.world.ledger.violations().len(), index + 1, "{expected}");
    }
    assert_eq!(salon.calcom.snapshot()["bookings"], json!([]));
}

#[tokio::test]
async fn the_event_type_decides_what_else_is_refused() {
    let salon = Salon::open().await;
    let refused = async |event_type: i64, change: fn(&mut Value, &Salon), status: u16, text: &str| {
        let mut body = salon.body(event_type, salon.at(0), "anna");
        change(&mut body, &salon);
        let (given, answer) = salon.post("/v2/bookings", body).await;
        assert_eq!(given, status, "{answer}");
        assert!(message(&answer).starts_with(text), "{answer}");
    };
    refused(999, |_, _| (), 404, "Event type with id 999 not found.").await;
    refused(103, |body, _| body["lengthInMinutes"] = json!(60), 400, "Can't specify 'lengthInMinutes' because").await;
    refused(
        101,
        |body, salon| body["start"] = json!(salon.world.now() - TimeDelta::hours(1)),
        400,
        "Attempting to book a meeting in the past.",
    )
    .await;
    refused(
        101,
        |body, salon| body["start"] = json!(salon.world.now() + TimeDelta::hours(1)),
        400,
        "The event type can't be booked at the \"start\" time",
    )
    .await;
    refused(101, |body, salon| body["start"] = json!(salon.at(-3)), 400, "One of the hosts either already has booking").await;
    refused(
        103,
        |body, _| {
            body["attendee"].as_object_mut().unwrap().remove("email");
        },
        400,
        "responses - {email}error_required_field",
    )
    .await;
    refused(
        105,
        |body, _| {
            body["attendee"].as_object_mut().unwrap().remove("phoneNumber");
        },
        400,
        "Missing attendee phone number",
    )
    .await;
    let nails = salon.book(105, salon.at(0), "anna").await;
    assert_eq!(nails["attendees"][0]["email"], "79991234567@sms.cal.com", "a hidden e-mail field blanks the address");
}

#[tokio::test]
async fn a_move_makes_a_chain() {
    let salon = Salon::open().await;
    let first = salon.book(101, salon.at(0), "anna").await;
    let first_uid = first["uid"].as_str().unwrap();
    let path = format!("/v2/bookings/{first_uid}/reschedule");
    let (status, moved) = salon.post(&path, json!({"start": salon.at(4), "rescheduledBy": "anna@example.org"})).await;
    assert_eq!(status, 201, "{moved}");
    salon.conforms("POST /v2/bookings/{bookingUid}/reschedule", 201, &moved);
    let second = &moved["data"];
    assert_ne!(second["uid"], first["uid"]);
    assert_eq!(
        (&second["rescheduledFromUid"], &second["metadata"], &second["hosts"]),
        (&first["uid"], &first["metadata"], &first["hosts"])
    );
    let (_, old) = salon.get(&format!("/v2/bookings/{first_uid}")).await;
    assert_eq!((&old["data"]["status"], &old["data"]["rescheduledToUid"]), (&json!("cancelled"), &second["uid"]));
    let (status, again) = salon.post(&path, json!({"start": salon.at(5)})).await;
    assert_eq!(status, 400);
    assert!(
        message(&again).contains(&format!("rescheduled already to booking with uid={}", second["uid"].as_str().unwrap())),
        "{again}"
    );
    let (status, unknown) = salon.post("/v2/bookings/nothing/reschedule", json!({"start": salon.at(5)})).await;
    assert_eq!((status, unknown), (500, json!({"statusCode": 500, "message": "Internal server error"})));
    // The time that was left is free again; the time that was taken is not.
    salon.book(101, salon.at(0), "bella").await;
}

#[tokio::test]
async fn cancelling_has_its_texts() {
    let salon = Salon::open().await;
    let booking = salon.book(103, salon.at(0), "anna").await;
    let path = format!("/v2/bookings/{}/cancel", booking["uid"].as_str().unwrap());
    let host = reqwest::Client::new().post(format!("{}{path}", salon.base)).header("cal-api-version", "2024-08-13");
    let (status, refused) = salon.send(host.bearer_auth("cal_live_olga").json(&json!({}))).await;
    assert_eq!(
        (status, refused),
        (400, json!({"statusCode": 400, "message": "Cancellation reason is required when you are the host"}))
    );
    let (status, done) = salon.post(&path, json!({"cancellationReason": "changed plans"})).await;
    assert_eq!(status, 200);
    salon.conforms("POST /v2/bookings/{bookingUid}/cancel", 200, &done);
    assert_eq!((&done["data"]["status"], &done["data"]["cancellationReason"]), (&json!("cancelled"), &json!("changed plans")));
    let (status, again) = salon.post(&path, json!({"cancellationReason": "changed plans"})).await;
    assert_eq!(status, 400);
    assert!(message(&again).contains("because it has been cancelled already"), "{again}");
    let (status, _) = salon.get("/v2/bookings/nothing").await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn a_team_reads_what_changed_since() {
    let salon = Salon::open().await;
    salon.book(101, salon.at(0), "anna").await;
    salon.world.advance(TimeDelta::minutes(10));
    let mark = salon.world.now();
    let late = salon.book(101, salon.at(1), "bella").await;
    let (status, all) = salon.get("/v2/teams/7/bookings?take=1&sortUpdatedAt=asc").await;
    assert_eq!(status, 200, "{all}");
    salon.conforms("GET /v2/teams/{teamId}/bookings", 200, &all);
    assert_eq!(all["pagination"]["currentPage"], 0);
    assert_eq!((&all["pagination"]["totalItems"], &all["pagination"]["hasNextPage"]), (&json!(2), &json!(true)));
    let since = mark.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    let (_, some) = salon.get(&format!("/v2/teams/7/bookings?afterUpdatedAt={since}&sortUpdatedAt=asc&take=250")).await;
    assert_eq!(some["data"].as_array().unwrap().iter().map(|one| &one["uid"]).collect::<Vec<_>>(), [&late["uid"]]);
    let (_, found) = salon.get("/v2/bookings?attendeeEmail=bella@example.org").await;
    assert_eq!(found["data"], json!([]), "the key's user hosts nothing");
    let (status, _) = salon.get("/v2/teams/7/bookings?take=251").await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn staff_and_strangers_act_in_cal_coms_own_ui() {
    let salon = Salon::open().await;
    let taken = salon.calcom.book_as_somebody_else(103, salon.at(0)).await.unwrap();
    let (status, _) = salon.post("/v2/bookings", salon.body(103, salon.at(0), "anna")).await;
    assert_eq!(status, 400);
    let moved = salon.calcom.reschedule_in_ui(&taken, salon.at(2)).await.unwrap();
    salon.calcom.cancel_in_ui(&moved).await.unwrap();
    assert!(salon.calcom.cancel_in_ui(&moved).await.unwrap_err().contains("cancelled already"));
    salon.book(103, salon.at(2), "anna").await;
}
