//! Redis hangs: it takes a connection and says nothing.

use tokio::{net::TcpListener, time::timeout};

use super::{
    one_queue::{Working, open},
    *,
};

/// What the jobs of these queues work on.
const LOCKED: &[&str] = &[
    "select 1 from message for update nowait",
    "select 1 from conversation for update nowait",
    "select 1 from booking for update nowait",
    "select 1 from crm_intent for update nowait",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_keeps_no_row_locked() {
    let mut chain = Chain::new().await;
    let summary = {
        let mut anna = chain.anna();
        anna.enters(RU).await;
        anna.chooses(RU).await
    };
    chain.idle().await;
    chain.rest().await;
    chain.anna().press_on(&summary, RU.confirm).await;
    chain.until("the press is stored", async || (open(&chain, Queue::Dialogue).await > 0).then_some(())).await;
    // The dialogue asks no pacer.
    Working::on(&chain, Queue::Dialogue, &chain.redis).await.ends().await;

    let mut owner = chain.world.owner().await;
    for queue in [Queue::Outbound, Queue::Calendar, Queue::Crm] {
        let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let redis = redis::Client::open(format!("redis://{}", mute.local_addr().unwrap())).unwrap();
        let working = Working::on(&chain, queue, &redis).await;
        // From here on the pacer waits a quarter of a second for an answer.
        let asked = timeout(PATIENCE, mute.accept()).await.expect("the pacer asks").unwrap();
        for query in LOCKED {
            let free = sqlx::query(*query).execute(&mut owner).await;
            assert!(free.is_ok(), "{queue}: {query}: {}", free.unwrap_err());
        }
        working.ends().await;
        drop(asked);
    }
    chain.start_workers();
    chain.anna().sees(RU.booked).await;
    chain.finish().await;
}
