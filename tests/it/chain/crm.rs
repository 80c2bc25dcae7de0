//! The CRM is down, or doesn't say what it did.

use chrono::TimeDelta;
use salon_sandbox::fault::Fault;

use super::{Chain, RU};

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
