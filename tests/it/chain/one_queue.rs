//! One queue at work while the others rest.

use salon_workers::{queue::QueueSettings, runtime::Settings};

use super::*;

/// Jobs of a queue that have not ended.
pub(super) async fn open(chain: &Chain, queue: Queue) -> i64 {
    let count = "select count(*) from job where queue = $1";
    sqlx::query_scalar(count).bind(queue.as_str()).fetch_one(&mut chain.world.owner().await).await.unwrap()
}

/// Works on one queue, one job at a time, until some of it is done.
pub(super) struct Working<'a> {
    chain: &'a Chain,
    queue: Queue,
    before: i64,
    stop: CancellationToken,
    task: JoinHandle<Result<(), String>>,
}

impl<'a> Working<'a> {
    pub(super) async fn on(chain: &'a Chain, queue: Queue, redis: &redis::Client) -> Self {
        let before = open(chain, queue).await;
        assert!(before > 0, "{queue}: there is something to do");
        let ctx = Ctx {
            db: chain.db.clone(),
            http: chain.http.clone(),
            keyring: chain.keyring.clone(),
            pacer: Pacer::new(Some(redis)),
            public_url: chain.base.clone(),
            bulkhead: salon_workers::Bulkhead::default(),
            crm_patience: salon_core::crm::UNATTENDED,
            circuits: salon_workers::Circuits::default(),
        };
        let stop = CancellationToken::new();
        let settings = Settings { queues: vec![QueueSettings::new(queue, 1)], ticker: false };
        let task = tokio::spawn(runtime::run(ctx, settings, None, stop.clone()));
        Self { chain, queue, before, stop, task }
    }

    pub(super) async fn ends(self) {
        let Self { chain, queue, before, stop, task } = self;
        chain.until("something done", async || (open(chain, queue).await < before).then_some(())).await;
        stop.cancel();
        task.await.unwrap().unwrap();
    }
}
