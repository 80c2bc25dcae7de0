//! cal.com fails in the ways its users report.

use chrono::TimeDelta;
use salon_sandbox::fault::Fault;

use super::{Chain, RU, minutes};

const CREATE: &str = "POST /v2/bookings";
const SLOTS: &str = "GET /v2/slots";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_lost_after_the_booking_was_made_leaves_one_booking_and_the_client_knows() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", CREATE, Fault::DropAfterCommit, 1);
    let summary = anna.chooses(RU).await;
    anna.press_on(&summary, RU.confirm).await;
    chain.pass(minutes(1)).await;
    anna.sees(RU.booked).await;
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec!["accepted".to_owned()], vec!["booked".to_owned()]));
    assert_eq!(chain.calls("calcom", CREATE), 1, "looked up by its key, and not made again");
    assert!(chain.faults_are_used_up());
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_answer_is_an_answer() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", CREATE, Fault::Slow { ms: 1500 }, 1);
    anna.books(RU).await;
    assert_eq!((chain.calendar_states(), chain.calls("calcom", CREATE)), (vec!["accepted".to_owned()], 1));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calendar_that_fails_twice_books_at_the_third_attempt() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", CREATE, Fault::Status { code: 500 }, 2);
    let summary = anna.chooses(RU).await;
    anna.press_on(&summary, RU.confirm).await;
    chain.pass(minutes(1)).await;
    anna.sees(RU.booked).await;
    assert_eq!((chain.calendar_states(), chain.calls("calcom", CREATE)), (vec!["accepted".to_owned()], 3));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_limit_is_waited_out_and_is_no_attempt() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", CREATE, Fault::RateLimit { retry_after: 40 }, 1);
    let summary = anna.chooses(RU).await;
    let asked_at = chain.now();
    anna.press_on(&summary, RU.confirm).await;
    chain.until("the limit struck", async || chain.faults_are_used_up().then_some(())).await;
    chain.pass(TimeDelta::seconds(30)).await;
    assert_eq!(chain.calls("calcom", CREATE), 1, "not before the time that cal.com named");
    chain.pass(TimeDelta::seconds(30)).await;
    anna.sees(RU.booked).await;
    let entries = chain.sandbox.world.ledger.entries();
    let last = entries.iter().rfind(|entry| entry.operation == CREATE).unwrap();
    assert!(last.at >= asked_at + TimeDelta::seconds(40), "{} after {asked_at}", last.at);
    let attempts: Vec<(i32,)> =
        chain.rows(&chain.lotos, "select attempt from job_finished where tenant_id = $1 and kind = 'create_booking'").await;
    assert_eq!(attempts, [(1,)]);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_stops_the_connection_and_the_client_is_told() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", CREATE, Fault::Status { code: 401 }, 1);
    let summary = anna.chooses(RU).await;
    anna.press_on(&summary, RU.confirm).await;
    anna.sees("Записать не получилось").await;
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec![], vec!["refused".to_owned()]));
    assert_eq!(broken(&chain, &chain.lotos).await, 1);
    assert_eq!(broken(&chain, &chain.roza).await, 0);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_key_while_times_are_looked_up_leaves_nobody_waiting() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", SLOTS, Fault::Status { code: 401 }, 1);
    for label in [RU.book, "Стрижка", "Ольга"] {
        anna.press(label).await;
    }
    anna.sees_button("Попробовать ещё раз").await;
    assert_eq!(broken(&chain, &chain.lotos).await, 1);
    assert_eq!(broken(&chain, &chain.roza).await, 0);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn times_that_cannot_be_looked_up_are_tried_again_and_then_the_client_decides() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", SLOTS, Fault::Status { code: 500 }, 4);
    for label in [RU.book, "Стрижка", "Ольга"] {
        anna.press(label).await;
    }
    chain.idle().await;
    chain.pass(minutes(2)).await;
    anna.press("Попробовать ещё раз").await;
    anna.sees("Выберите день.").await;
    assert!(chain.faults_are_used_up());
    chain.finish().await;
}

async fn broken(chain: &Chain, salon: &super::Salon) -> usize {
    let query = "select broken_reason from connection where tenant_id = $1 and kind = 'calcom' and status = 'broken'";
    let rows: Vec<(Option<String>,)> = chain.rows(salon, query).await;
    assert!(rows.iter().all(|(reason,)| reason.as_ref().is_some_and(|reason| reason.starts_with("credential"))), "{rows:?}");
    rows.len()
}
