//! Nobody is messaged at a wrong hour or after the fact.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Chain, RU, minutes};

/// Wednesday, 11:00 in Moscow, is the visit; its reminders are due on Tuesday and on Wednesday at 09:00.
async fn due(chain: &Chain) -> Vec<(String, DateTime<Utc>)> {
    chain.rows(&chain.lotos, "select kind, due_at from reminder where tenant_id = $1 and state = 'planned' order by due_at").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reminder_whose_moment_is_at_night_waits_for_the_morning() {
    // Quiet until ten: two hours before a visit at eleven it is still night.
    let chain = Chain::with(|salon| salon.replace("end: \"09:00\"", "end: \"10:00\"")).await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    let start: DateTime<Utc> = chain.value("select start_at from booking where tenant_id = $1").await;
    assert_eq!(due(&chain).await.last().unwrap(), &("hours_before".to_owned(), start - TimeDelta::hours(1)));
    chain.pass(start - TimeDelta::hours(2) + minutes(5) - chain.now()).await;
    assert_eq!(anna.count(RU.reminder), 1, "that of the day before");
    chain.go_to(start - TimeDelta::hours(1));
    chain.until("the reminder at ten", async || (anna.count(RU.reminder) == 2).then_some(())).await;
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_due_reminder_that_finds_the_salon_s_hours_changed_moves_to_the_morning() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    let start: DateTime<Utc> = chain.value("select start_at from booking where tenant_id = $1").await;
    chain.pass(start - TimeDelta::hours(20) - chain.now()).await;
    assert_eq!(anna.count(RU.reminder), 1);
    let quieter = super::SALON.replace("end: \"09:00\"", "end: \"10:00\"");
    chain.open(&quieter).await;
    chain.pass(start - TimeDelta::hours(2) + minutes(5) - chain.now()).await;
    assert_eq!(anna.count(RU.reminder), 1, "it is still night");
    assert_eq!(due(&chain).await, [("hours_before".to_owned(), start - TimeDelta::hours(1))]);
    chain.pass(TimeDelta::hours(1)).await;
    assert_eq!(anna.count(RU.reminder), 2);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_outage_no_reminder_comes_late_or_after_the_visit() {
    let mut chain = Chain::new().await;
    {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        anna.books(RU).await;
    }
    chain.idle().await;
    chain.rest().await;
    let start: DateTime<Utc> = chain.value("select start_at from booking where tenant_id = $1").await;
    chain.go_to(start + minutes(1));
    chain.start_workers();
    chain.idle().await;
    let told: Vec<(String, String, Option<String>)> =
        chain.rows(&chain.lotos, "select kind, state, reason from reminder where tenant_id = $1 order by due_at").await;
    for (kind, state, reason) in &told {
        assert!(state == "expired" && reason.is_some(), "{kind}: {state}, {reason:?}");
    }
    assert_eq!((told.len(), chain.anna().count(RU.reminder)), (2, 0));
    chain.finish().await;
}
