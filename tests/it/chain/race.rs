//! One time, two who want it.

use chrono::{DateTime, Utc};

use super::{Chain, EN, RU};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_taken_in_the_calendar_before_the_confirmation_is_answered_with_fresh_times() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let summary = anna.chooses(RU).await;
    let wednesday: DateTime<Utc> = super::monday_noon(chain.now() - chrono::TimeDelta::days(7)) + chrono::TimeDelta::hours(47);
    chain.sandbox.calcom.book_as_somebody_else(101, wednesday).await.unwrap();
    anna.press_on(&summary, RU.confirm).await;
    let fresh = anna.sees(RU.just_taken).await;
    let times: Vec<String> = fresh.buttons().into_iter().map(|(label, _)| label).collect();
    assert!(times.contains(&"10:00".to_owned()) && !times.contains(&"11:00".to_owned()), "{times:?}");
    assert!(chain.booked_through_us().is_empty());
    let refused: Vec<(String, Option<String>)> =
        chain.rows(&chain.lotos, "select status, reason from booking where tenant_id = $1 and client_id is not null").await;
    assert_eq!(refused, [("refused".to_owned(), Some("slot_taken".to_owned()))]);

    anna.press_on(&fresh, "12:00").await;
    anna.press(RU.confirm).await;
    anna.sees(RU.booked).await;
    assert_eq!(chain.calendar_states(), ["accepted"]);
    chain.pass(super::minutes(1)).await;
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_clients_who_confirm_the_same_time_at_once_exactly_one_has_it() {
    let chain = Chain::new().await;
    let (mut anna, mut john) = (chain.anna(), chain.john());
    anna.enters(RU).await;
    john.enters(EN).await;
    let (hers, his) = (anna.chooses(RU).await, john.chooses(EN).await);
    tokio::join!(anna.press_on(&hers, RU.confirm), john.press_on(&his, EN.confirm));
    chain
        .until("both are answered", async || {
            let won = anna.count(RU.booked) + john.count(EN.booked);
            let lost = anna.count(RU.just_taken) + john.count(EN.just_taken);
            (won + lost == 2).then_some(())
        })
        .await;
    assert_eq!(anna.count(RU.booked) + john.count(EN.booked), 1);
    assert_eq!(chain.calendar_states(), ["accepted"]);
    let booked = chain.visits().await.iter().filter(|status| *status == "booked").count();
    assert_eq!(booked, 1, "{:?}", chain.visits().await);
    chain.finish().await;
}
