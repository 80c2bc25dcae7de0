//! What the product is for.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Chain, EN, RU, minutes};

/// The moments of the reminders that were sent, in order, and of the visit.
async fn reminded(chain: &Chain) -> Vec<(String, DateTime<Utc>)> {
    chain
        .rows(&chain.lotos, "select kind, updated_at from reminder where tenant_id = $1 and state = 'sent' order by due_at")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_books_is_reminded_twice_on_the_minute_cancels_and_the_time_is_free_again() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let booked = anna.books(RU).await;
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec!["accepted".to_owned()], vec!["booked".to_owned()]));
    let visit = &chain.booked_through_us()[0];
    let start: DateTime<Utc> = visit["start"].as_str().unwrap().parse().unwrap();
    assert_eq!(start, super::monday_noon(chain.now() - TimeDelta::days(7)) + TimeDelta::hours(47), "Wednesday, 11:00 in Moscow");
    assert_eq!((visit["eventTypeId"].as_i64(), visit["attendees"][0]["phoneNumber"].as_str()), (Some(101), Some("+79161234567")));
    assert_eq!(chain.value::<DateTime<Utc>>("select start_at from booking where tenant_id = $1").await, start);

    chain.idle().await;
    let crm = chain.sandbox.erxes.snapshot();
    assert_eq!((crm["customers"].as_array().unwrap().len(), crm["conversations"].as_array().unwrap().len()), (1, 1));
    assert_eq!(crm["customers"][0]["primaryPhone"], "+79161234567");
    assert!(chain.crm_texts().iter().any(|text| text.starts_with("Запись: Стрижка, Ольга")), "{:?}", chain.crm_texts());

    for (number, ahead) in [(1, TimeDelta::days(1)), (2, TimeDelta::hours(2))] {
        chain.go_to(start - ahead - minutes(1));
        chain.idle().await;
        assert_eq!(anna.count(RU.reminder), number - 1, "not a minute too early");
        chain.go_to(start - ahead);
        anna.sees(RU.reminder).await;
        let (_, sent_at) = reminded(&chain).await.pop().unwrap();
        assert!(sent_at >= start - ahead && sent_at < start - ahead + TimeDelta::seconds(20), "{sent_at} for {start}");
    }
    let kinds: Vec<String> = reminded(&chain).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["day_before", "hours_before"]);

    anna.cancels(&booked, RU).await;
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec!["cancelled".to_owned()], vec!["cancelled".to_owned()]));
    chain.sandbox.calcom.book_as_somebody_else(101, start).await.expect("the time is free again");
    chain.idle().await;
    assert!(chain.crm_texts().iter().any(|text| text.starts_with("Запись отменена")), "{:?}", chain.crm_texts());
    chain.pass(minutes(10)).await;
    assert_eq!(anna.count(RU.reminder), 2);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_books_in_english() {
    let chain = Chain::new().await;
    let mut john = chain.john();
    john.enters(EN).await;
    let booked = john.books(EN).await;
    assert!(booked.text().contains("Wed") && booked.text().contains("11:00"), "{}", booked.text());
    assert_eq!(chain.value::<Option<String>>("select lang from client where tenant_id = $1").await.as_deref(), Some("en"));
    chain.pass(TimeDelta::hours(24)).await;
    john.sees(EN.reminder).await;
    john.cancels(&booked, EN).await;
    assert_eq!(chain.calendar_states(), ["cancelled"]);
    chain.pass(TimeDelta::hours(48)).await;
    assert_eq!(john.count(EN.reminder), 1, "no reminder of a visit that is cancelled");
    chain.finish().await;
}
