//! An operator answers a client in the CRM's inbox.

use chrono::{DateTime, TimeDelta, Utc};
use salon_core::{
    ids::ConnectionId,
    job::{Job, NewJob},
};
use salon_sandbox::fault::Fault;

use super::{Chain, RU, minutes};

const ANSWER: &str = "Ждём вас, возьмите снимки";

/// The one talk there is in the CRM.
fn talk(chain: &Chain) -> String {
    let talks = chain.sandbox.erxes.snapshot()["conversations"].clone();
    assert_eq!(talks.as_array().unwrap().len(), 1);
    talks[0]["_id"].as_str().unwrap().to_owned()
}

fn answers(chain: &Chain) {
    chain.sandbox.erxes.operator_reply(&talk(chain), &format!("<p>{ANSWER}</p>")).unwrap();
}

/// Each message of the log that is the answer: its state, and whether it is linked.
async fn logged(chain: &Chain) -> Vec<(String, bool)> {
    let query = "select m.state, exists (select from crm_link l where l.entity = 'message' and l.our_id = m.id) from message m
                 where m.tenant_id = $1 and m.kind = 'operator'";
    chain.rows(&chain.lotos, query).await
}

fn in_the_crm(chain: &Chain) -> usize {
    chain.crm_texts().iter().filter(|text| text.contains(ANSWER)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_answer_reaches_the_client_once_and_ours_never_come_back() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    anna.books(RU).await;
    chain.pass(minutes(5)).await;
    let before = anna.shown().len();
    answers(&chain);
    chain.pass(minutes(2)).await;
    anna.sees(ANSWER).await;
    chain.pass(minutes(30)).await;
    assert_eq!((anna.count(ANSWER), anna.shown().len()), (1, before + 1), "and nothing that we wrote there ourselves");
    assert_eq!(logged(&chain).await, [("sent".to_owned(), true)]);
    assert_eq!(in_the_crm(&chain), 1, "it is not told to where it came from");
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inbox_that_fails_or_is_read_twice_gives_each_answer_once() {
    let mut chain = Chain::new().await;
    {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        chain.pass(minutes(2)).await;
    }
    for fault in [Fault::Status { code: 502 }, Fault::Drop, Fault::DropAfterCommit, Fault::Status { code: 500 }] {
        chain.plan("erxes", "conversationMessages", fault, 1);
    }
    answers(&chain);
    // What makes readings due goes by the clock, what looks for it by real time.
    let answered = async || {
        chain.pass(minutes(1)).await;
        (chain.faults_are_used_up() && chain.anna().count(ANSWER) > 0).then_some(())
    };
    chain.until("the answer arrives", answered).await;
    assert_eq!(chain.anna().count(ANSWER), 1);
    // As after a worker that was killed before it noted up to when it had read, and with several readers at once.
    chain
        .until("the inbox is read up to now", async || {
            let read_until: DateTime<Utc> =
                chain.value("select read_until from crm_watermark where tenant_id = $1 and entity = 'inbox'").await;
            (chain.now() - read_until < TimeDelta::minutes(2)).then_some(())
        })
        .await;
    chain.rest().await;
    let mut owner = chain.world.owner().await;
    let back = "update crm_watermark set read_until = read_until - interval '1 hour' where tenant_id = $1";
    sqlx::query(back).bind(chain.lotos.tenant).execute(&mut owner).await.unwrap();
    let connection: ConnectionId = chain.value("select id from connection where tenant_id = $1 and kind = 'erxes'").await;
    let second = "Второй ответ";
    chain.sandbox.erxes.operator_reply(&talk(&chain), second).unwrap();
    let mut tx = chain.db.tenant(chain.lotos.tenant).await.unwrap();
    for _ in 0..4 {
        tx.enqueue(NewJob::new(Job::PollInbox { connection })).await.unwrap();
    }
    tx.commit().await.unwrap();
    chain.start_workers();
    chain.pass(minutes(2)).await;
    let anna = chain.anna();
    assert_eq!((anna.count(ANSWER), anna.count(second)), (1, 1));
    assert_eq!(logged(&chain).await, [("sent".to_owned(), true), ("sent".to_owned(), true)]);
    chain.finish().await;
}
