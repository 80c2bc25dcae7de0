//! The CRM is down, or doesn't say what it did.

use std::time::Duration;

use chrono::TimeDelta;
use salon_sandbox::fault::Fault;
use uuid::Uuid;

use super::{Chain, RU, Scenario};

/// One customer, one talk, and each message and each booking in it once.
async fn complete(chain: &Chain) {
    let crm = chain.sandbox.erxes.snapshot();
    assert_eq!((crm["customers"].as_array().unwrap().len(), crm["conversations"].as_array().unwrap().len()), (1, 1));
    let open: i64 = chain.value("select count(*) from crm_intent where tenant_id = $1 and state <> 'done'").await;
    assert_eq!(open, 0);
    let linked: i64 =
        chain.value("select count(*) from crm_link where tenant_id = $1 and entity in ('message', 'booking')").await;
    let logged: i64 = chain
        .value("select (select count(*) from message where tenant_id = $1) + (select count(*) from booking where tenant_id = $1)")
        .await;
    let mut texts = chain.crm_texts();
    assert_eq!((i64::try_from(texts.len()).unwrap(), linked), (logged, logged), "{texts:#?}");
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(i64::try_from(texts.len()).unwrap(), logged, "no text twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_was_down_has_everything_once_when_it_is_back() {
    for code in [500, 503] {
        let chain = Chain::new().await;
        let mut anna = chain.anna();
        chain.plan("erxes", "*", Fault::Status { code }, 6);
        anna.enters(RU).await;
        anna.books(RU).await;
        chain.pass(TimeDelta::hours(20)).await;
        assert!(chain.faults_are_used_up());
        complete(&chain).await;
        chain.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crm_that_loses_its_answers_has_no_message_twice() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    chain.plan("erxes", "widgetsMessengerConnect", Fault::DropAfterCommit, 1);
    chain.plan("erxes", "widgetsInsertMessage", Fault::DropAfterCommit, 2);
    chain.plan("erxes", "conversationMessageAdd", Fault::DropAfterCommit, 2);
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(TimeDelta::hours(20)).await;
    assert!(chain.faults_are_used_up());
    complete(&chain).await;
    chain.finish().await;
}

/// A process stood still in the middle of a call, and another one took the job over and told all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_lost_its_lease_does_not_undo_what_the_next_one_did() {
    let mut chain = Chain::with_crm(Duration::from_secs(1), &Scenario::default(), str::to_owned).await;
    chain.plan("erxes", "widgetsMessengerConnect", Fault::Hang, 1);
    {
        chain.anna().enters(RU).await;
    }
    let taken = chain
        .until("the CRM is being called", async || {
            let taken =
                "update job j set fence = fence + 1, lease_owner = gen_random_uuid(), lease_until = now() + interval '1 h'
                         from crm_intent i where i.id = j.subject_id and i.state = 'sending' and j.state = 2 returning i.id";
            sqlx::query_scalar::<_, Uuid>(taken).fetch_optional(&mut chain.world.owner().await).await.unwrap()
        })
        .await;
    let told = "update crm_intent set state = 'done' where id = $1";
    sqlx::query(told).bind(taken).execute(&mut chain.world.owner().await).await.unwrap();
    // Whatever runs ends first.
    chain.rest().await;
    assert!(chain.faults_are_used_up());
    let state: String = sqlx::query_scalar("select state from crm_intent where id = $1")
        .bind(taken)
        .fetch_one(&mut chain.world.owner().await)
        .await
        .unwrap();
    assert_eq!(state, "done");
    sqlx::query("delete from job where subject_id = $1").bind(taken).execute(&mut chain.world.owner().await).await.unwrap();
    chain.start_workers();
    chain.finish().await;
}
