//! Telegram fails in the ways its users report.

use chrono::{DateTime, TimeDelta, Utc};
use salon_sandbox::{fault::Fault, telegram::Action};

use super::{ANNA, Chain, Client, RU, minutes};

const SEND: &str = "sendMessage";

async fn reachable(chain: &Chain) -> bool {
    chain.value("select reachable from client_identity where tenant_id = $1").await
}

/// State, reason of failure and number of repeats of the salon's reminders as messages.
async fn reminder_messages(chain: &Chain) -> Vec<(String, Option<String>, i32)> {
    let query = "select state, error_code, resends from message where tenant_id = $1 and kind = 'reminder' order by id";
    chain.rows(&chain.lotos, query).await
}

async fn reminders(chain: &Chain) -> Vec<String> {
    let rows: Vec<(String,)> = chain.rows(&chain.lotos, "select state from reminder where tenant_id = $1 order by due_at").await;
    rows.into_iter().map(|(state,)| state).collect()
}

/// A booking for Wednesday, and the clock a minute before its first reminder.
pub(super) async fn about_to_be_reminded(chain: &Chain) {
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    let start: DateTime<Utc> = chain.value("select start_at from booking where tenant_id = $1").await;
    chain.pass(start - TimeDelta::days(1) - minutes(1) - chain.now()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_limit_is_kept_to_and_is_no_attempt() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("telegram", SEND, Fault::RateLimit { retry_after: 2 }, 1);
    anna.press(RU.book).await;
    anna.sees_button("Стрижка").await;
    // The stand-in writes its ledger after the message shows.
    chain.idle().await;
    let entries = chain.sandbox.world.ledger.entries();
    let sends: Vec<_> = entries.iter().filter(|entry| entry.operation == SEND).collect();
    let [.., refused, taken] = &sends[..] else { panic!("{sends:?}") };
    assert_eq!((refused.status, taken.status), (429, 200));
    assert!(taken.at - refused.at >= TimeDelta::seconds(2), "{} and {}", refused.at, taken.at);
    let attempts: Vec<(i32,)> =
        chain.rows(&chain.lotos, "select max(attempt) from job_finished where tenant_id = $1 and kind = 'send_message'").await;
    assert_eq!(attempts, [(1,)]);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_gone_is_not_written_to_again() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    // A deleted account tells the bot nothing: it is learnt from the refusal.
    chain.anna().act(Action::Deactivate).await;
    chain.pass(minutes(2)).await;
    assert_eq!(reminder_messages(&chain).await, [("failed".to_owned(), Some("deactivated".to_owned()), 0)]);
    assert!(!reachable(&chain).await);
    chain.pass(TimeDelta::days(1)).await;
    assert_eq!(reminders(&chain).await.last().unwrap(), "dropped");
    assert_eq!(reminder_messages(&chain).await.len(), 1, "nothing was even tried");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_blocked_the_bot_is_left_alone_until_they_come_back() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    chain.anna().act(Action::Block).await;
    chain.pass(minutes(2)).await;
    assert_eq!((reminders(&chain).await[0].as_str(), reachable(&chain).await), ("dropped", false));
    let mut anna = chain.anna();
    let before = anna.shown().len();
    anna.act(Action::Unblock).await;
    chain.idle().await;
    assert_eq!((anna.shown().len(), reachable(&chain).await), (before, true), "coming back is no question to be answered");
    chain.pass(TimeDelta::hours(23)).await;
    anna.sees(RU.reminder).await;
    assert_eq!(anna.count(RU.reminder), 1);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answer_is_lost_is_sent_once_more_on_record() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    chain.plan("telegram", SEND, Fault::DropAfterCommit, 1);
    chain.pass(minutes(5)).await;
    assert_eq!(reminder_messages(&chain).await, [("sent".to_owned(), None, 1)]);
    assert_eq!(chain.anna().count(RU.reminder), 2, "a reminder that comes twice harms less than none");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_answers_are_all_lost_is_never_sent_a_third_time() {
    let chain = Chain::new().await;
    about_to_be_reminded(&chain).await;
    chain.plan("telegram", SEND, Fault::DropAfterCommit, 10);
    chain.pass(TimeDelta::hours(2)).await;
    let told = reminder_messages(&chain).await;
    assert_eq!(told, [("unknown".to_owned(), Some("sent_twice_without_answer".to_owned()), 1)]);
    assert_eq!(chain.anna().count(RU.reminder), 2);
    chain.sandbox.world.faults.clear();
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_stops_one_salon_and_not_the_other() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    chain.plan("telegram", SEND, Fault::Status { code: 401 }, 1);
    anna.press(RU.book).await;
    let query = "select broken_reason from channel_account where tenant_id = $1 and status = 'broken'";
    let reason: String = chain
        .until("the account is stopped", async || {
            let rows: Vec<(String,)> = chain.rows(&chain.lotos, query).await;
            rows.into_iter().next().map(|(reason,)| reason)
        })
        .await;
    assert_eq!(reason, "credential (unauthorized)");
    anna.says("меню").await;
    chain.idle().await;
    let last: Vec<(String, Option<String>)> = chain
        .rows(
            &chain.lotos,
            "select state, error_code from message where tenant_id = $1 and direction = 'out' order by id desc limit 1",
        )
        .await;
    assert_eq!(last, [("failed".to_owned(), Some("account_broken".to_owned()))]);

    let mut neighbour = Client::new(&chain, &chain.roza, ANNA);
    neighbour.enters(RU).await;
    neighbour.books(RU).await;
    assert!(chain.rows::<(String,)>(&chain.roza, query).await.is_empty());
    chain.finish_both().await;
}
