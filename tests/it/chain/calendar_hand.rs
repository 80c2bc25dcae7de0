//! The salon's staff work in cal.com itself.

use chrono::{DateTime, TimeDelta, Utc};
use salon_sandbox::fault::Fault;

use super::{Chain, RU, minutes};

async fn reminders(chain: &Chain) -> Vec<(String, String, DateTime<Utc>)> {
    let query = "select kind, state, due_at from reminder where tenant_id = $1 order by booking_version, due_at";
    chain.rows(&chain.lotos, query).await
}

fn uid(chain: &Chain) -> String {
    chain.booked_through_us().last().unwrap()["uid"].as_str().unwrap().to_owned()
}

async fn start(chain: &Chain) -> DateTime<Utc> {
    chain.value("select start_at from booking where tenant_id = $1").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_cancelled_in_the_calendar_is_cancelled_here_and_nobody_is_reminded_of_it() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    chain.sandbox.calcom.cancel_in_ui(&uid(&chain)).await.unwrap();
    chain.pass(minutes(1)).await;
    anna.sees("к сожалению, ваш визит отменён").await;
    assert_eq!(chain.visits().await, ["cancelled"]);
    chain.pass(TimeDelta::days(3)).await;
    assert_eq!(anna.count(RU.reminder), 0);
    let states: Vec<String> = reminders(&chain).await.into_iter().map(|(_, state, _)| state).collect();
    assert_eq!(states, ["superseded", "superseded"]);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_moved_in_the_calendar_moves_its_reminders_and_the_client_learns_the_new_time() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let later = start(&chain).await + TimeDelta::hours(28);
    chain.sandbox.calcom.reschedule_in_ui(&uid(&chain), later).await.unwrap();
    chain.pass(minutes(1)).await;
    let told = anna.sees("ваш визит перенесён").await;
    assert!(told.text().contains("15:00") && told.text().contains("11:00"), "{}", told.text());
    assert_eq!((chain.visits().await, start(&chain).await), (vec!["booked".to_owned()], later));
    let planned: Vec<_> =
        reminders(&chain).await.into_iter().filter(|(_, state, _)| state == "planned").map(|(.., due)| due).collect();
    assert_eq!(planned, [later - TimeDelta::days(1), later - TimeDelta::hours(2)]);
    chain.pass(TimeDelta::days(4)).await;
    assert_eq!(anna.count(RU.reminder), 2, "of the new time only");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_webhook_would_have_told_is_read_within_minutes() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(1)).await;
    // cal.com asks once: a webhook that finds nobody is gone.
    let silenced = chain.silence_calendar().await;
    assert!(silenced > 0, "there was a webhook to lose");
    chain.sandbox.calcom.cancel_in_ui(&uid(&chain)).await.unwrap();
    chain.pass(minutes(1)).await;
    assert_eq!(chain.visits().await, ["booked"], "nobody has told yet");
    chain.go_to(chain.now() + minutes(6));
    anna.sees("к сожалению, ваш визит отменён").await;
    assert_eq!(chain.visits().await, ["cancelled"]);
    chain.pass(TimeDelta::days(3)).await;
    assert_eq!(anna.count(RU.reminder), 0);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_comes_twice_tells_once() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("calcom", "POST /v2/bookings", Fault::Twice, 1);
    let booked = anna.books(RU).await;
    chain.pass(minutes(1)).await;
    let sent: Vec<(String, i64)> = chain
        .rows(&chain.lotos, "select kind, count(*) from inbound_event where tenant_id = $1 and source = 'calcom' group by kind")
        .await;
    assert_eq!(sent.iter().map(|(_, count)| count).sum::<i64>(), 1, "{sent:?}");
    chain.plan("calcom", "POST /v2/bookings/{bookingUid}/cancel", Fault::Twice, 1);
    anna.cancels(&booked, RU).await;
    chain.pass(minutes(1)).await;
    assert!(chain.faults_are_used_up());
    assert_eq!((anna.count(RU.booked), anna.count(RU.cancelled)), (1, 1));
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec!["cancelled".to_owned()], vec!["cancelled".to_owned()]));
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_who_did_not_come_is_told_apart_from_one_who_did_and_from_a_cancellation() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    let starts = start(&chain).await;
    chain.go_to(starts + TimeDelta::minutes(30));
    chain.sandbox.calcom.mark_absent_in_ui(&uid(&chain)).await.unwrap();
    chain.pass(minutes(1)).await;
    let outcome = "select outcome from booking where tenant_id = $1";
    assert_eq!(chain.value::<Option<String>>(outcome).await.as_deref(), Some("no_show"));
    let told = |beginning: &str| chain.crm_texts().iter().filter(|text| text.starts_with(beginning)).count();
    assert_eq!((told("Клиент не пришёл: "), told("Запись отменена")), (1, 0), "{:?}", chain.crm_texts());
    chain.pass(TimeDelta::hours(5)).await;
    assert_eq!(chain.value::<Option<String>>(outcome).await.as_deref(), Some("no_show"), "the clock does not say otherwise");
    assert_eq!(told("Визит состоялся: "), 0);

    let mut john = chain.john();
    john.enters(RU).await;
    john.books(RU).await;
    chain.pass(TimeDelta::days(8)).await;
    chain.until("the visit took place", async || (told("Визит состоялся: ") == 1).then_some(())).await;
    chain.finish().await;
}
