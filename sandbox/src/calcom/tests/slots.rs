use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Salon, message};

async fn days(salon: &Salon, query: &str) -> Value {
    let (status, answer) = salon.get(&format!("/v2/slots?{query}")).await;
    assert_eq!(status, 200, "{answer}");
    salon.conforms("GET /v2/slots", 200, &answer);
    answer["data"].clone()
}

fn starts(days: &Value) -> Vec<String> {
    let lists = days.as_object().unwrap().values();
    lists.flat_map(|list| list.as_array().unwrap()).map(|slot| slot["start"].as_str().unwrap().to_owned()).collect()
}

/// Moves the clock to a date in the future, so that DST days of a known year can be asked for.
fn travel(salon: &Salon, to: &str) {
    let to: DateTime<Utc> = to.parse().unwrap();
    salon.world.advance(to - salon.world.now());
}

#[tokio::test]
async fn slots_follow_hours_bookings_buffers_and_reservations() {
    let salon = Salon::open().await;
    let day = salon.at(0).date_naive();
    let query = format!("eventTypeId=103&start={day}&end={day}&timeZone=Europe/Moscow");
    let free = starts(&days(&salon, &query).await);
    assert_eq!(free.len(), 9, "{free:?}");
    assert_eq!(free[0], format!("{day}T10:00:00.000+03:00"));
    salon.book(103, salon.at(3), "anna").await;
    let left = starts(&days(&salon, &query).await);
    assert!(!left.contains(&format!("{day}T13:00:00.000+03:00")));
    assert!(!left.contains(&format!("{day}T14:00:00.000+03:00")), "the buffer after it is taken too");
    assert!(left.contains(&format!("{day}T15:00:00.000+03:00")));
    let held = json!({"eventTypeId": 103, "slotStart": salon.at(6)});
    let (status, answer) = salon.post("/v2/slots/reservations", held.clone()).await;
    assert_eq!(status, 201, "{answer}");
    salon.conforms("POST /v2/slots/reservations", 201, &answer);
    assert!(!starts(&days(&salon, &query).await).contains(&format!("{day}T16:00:00.000+03:00")));
    let (status, taken) = salon.post("/v2/slots/reservations", held).await;
    assert_eq!(
        (status, message(&taken)),
        (422, "This time slot is already reserved by another user. Please choose a different time.")
    );
    // A reservation is advisory: it hides the slot and does not keep it.
    salon.book(103, salon.at(6), "bella").await;
    let uid = answer["data"]["reservationUid"].as_str().unwrap();
    let path = format!("/v2/slots/reservations/{uid}");
    let (_, read) = salon.get(&path).await;
    salon.conforms("GET /v2/slots/reservations/{uid}", 200, &read);
    let (_, gone) = salon.send(salon.request("DELETE", &path)).await;
    salon.conforms("DELETE /v2/slots/reservations/{uid}", 200, &gone);
    assert_eq!(salon.get(&path).await, (200, json!({"status": "success", "data": null})));
}

#[tokio::test]
async fn ranges_zones_subsets_and_an_empty_day() {
    let salon = Salon::open().await;
    let day = salon.at(0).date_naive();
    let ranges = days(&salon, &format!("eventTypeId=101&start={day}&end={day}&format=range&duration=90")).await;
    assert_eq!(
        ranges[day.to_string()][0],
        json!({"start": format!("{day}T07:00:00.000Z"), "end": format!("{day}T08:30:00.000Z")})
    );
    for who in ["anna", "bella"] {
        let mut body = salon.body(101, salon.at(0), who);
        body["rrHostSubsetIds"] = json!([if who == "anna" { 11 } else { 12 }]);
        let _ = salon.post("/v2/bookings", body).await;
        let first = format!("{day}T07:00:00.000Z");
        let olga = starts(&days(&salon, &format!("eventTypeId=101&start={day}&end={day}&rrHostSubsetIds=11")).await);
        let any = starts(&days(&salon, &format!("eventTypeId=101&start={day}&end={day}")).await);
        assert!(!olga.contains(&first));
        assert_eq!(any.contains(&first), who == "anna", "free until both masters are taken");
    }
    let night = format!("eventTypeId=101&start={day}T00:00:00Z&end={day}T01:00:00Z");
    assert_eq!(days(&salon, &night).await, json!({}));
}

#[tokio::test]
async fn notice_is_kept() {
    let salon = Salon::open().await;
    let noon = salon.at(2);
    salon.world.advance(noon - salon.world.now() + TimeDelta::minutes(1));
    let day = noon.date_naive();
    let free = starts(&days(&salon, &format!("eventTypeId=101&start={day}&end={day}")).await);
    // Two hours' notice, and it is a minute past noon in Moscow.
    assert_eq!(free.first().map(String::as_str), Some(format!("{day}T12:00:00.000Z").as_str()), "{free:?}");
}

#[tokio::test]
async fn days_of_summer_time_have_their_own_length() {
    let salon = Salon::open().await;
    let night =
        json!({"timeZone": "Europe/Berlin", "availability": [{"days": ["Sunday"], "startTime": "00:00", "endTime": "06:00"}]});
    salon
        .calcom
        .seed(&json!({
            "users": [{"id": 20, "name": "Nina", "email": "nina@salon.example", "username": "nina", "schedule": night}],
            "eventTypes": [{"id": 200, "ownerId": 20, "title": "Night", "slug": "night", "lengthInMinutes": 60}]}))
        .unwrap();
    travel(&salon, "2027-03-20T00:00:00Z");
    let spring = "eventTypeId=200&start=2027-03-27T12:00:00Z&end=2027-03-28T12:00:00Z&timeZone=Europe/Berlin";
    let found = starts(&days(&salon, spring).await);
    assert_eq!(
        found,
        [
            "2027-03-28T00:00:00.000+01:00",
            "2027-03-28T01:00:00.000+01:00",
            "2027-03-28T03:00:00.000+02:00",
            "2027-03-28T04:00:00.000+02:00",
            "2027-03-28T05:00:00.000+02:00"
        ],
        "02:00 doesn't exist"
    );
    travel(&salon, "2027-10-20T00:00:00Z");
    let autumn = "eventTypeId=200&start=2027-10-30T12:00:00Z&end=2027-10-31T12:00:00Z&timeZone=Europe/Berlin";
    let found = starts(&days(&salon, autumn).await);
    assert_eq!(found.len(), 7, "{found:?}");
    assert_eq!(found[2..4], ["2027-10-31T02:00:00.000+02:00", "2027-10-31T02:00:00.000+01:00"], "02:00 comes twice");
}

#[tokio::test]
async fn the_query_is_checked() {
    let salon = Salon::open().await;
    let day = salon.at(0).date_naive();
    let later = day + TimeDelta::days(1);
    for (query, status, text) in [
        (format!("eventTypeId=101&start={day}&end={day}&page=1"), 400, "property page should not exist"),
        (format!("eventTypeId=101&username=olga&start={day}&end={day}"), 400, "property username should not exist"),
        (format!("eventTypeId=101&start={day}"), 400, "end: required"),
        (format!("start={day}&end={day}"), 400, "Provide eventTypeId"),
        (format!("eventTypeId=101&start={later}&end={day}"), 400, "Invalid time range given"),
        (format!("eventTypeId=101&start={day}&end={day}&timeZone=Mars"), 400, "timeZone must be"),
        (format!("eventTypeId=101&start={day}&end={day}&format=list"), 400, "format must be"),
        (format!("eventTypeId=5&start={day}&end={day}"), 404, "Event Type not found"),
        (format!("eventTypeSlug=talk&username=nobody&start={day}&end={day}"), 404, "User with username nobody not found"),
        (format!("eventTypeSlug=haircut&teamSlug=no&start={day}&end={day}"), 404, "Team with slug no not found"),
    ] {
        let (given, answer) = salon.get(&format!("/v2/slots?{query}")).await;
        assert_eq!(given, status, "{query}: {answer}");
        assert!(message(&answer).starts_with(text), "{query}: {answer}");
    }
    let by_slug = days(&salon, &format!("eventTypeSlug=haircut&teamSlug=salon-42&start={day}&end={day}")).await;
    assert_eq!(starts(&by_slug).len(), 9);
}
