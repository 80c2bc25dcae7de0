//! Wake-ups after a commit, through Redis: workers look at once instead of at their next poll. A lost wake-up costs one poll interval
//! and nothing else; with Redis gone every worker polls.
//!
//! Not NOTIFY inside the transaction: PostgreSQL takes one global lock at such a commit, which cuts the commit rate to a third.

use std::{collections::BTreeSet, time::Duration};

use futures::StreamExt;
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::job::Queue;

const CHANNEL: &str = "salon:wake";

/// Tells workers that a queue has work.
#[derive(Clone)]
pub struct Waker {
    to_publish: Option<mpsc::Sender<Queue>>,
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker").field("redis", &self.to_publish.is_some()).finish()
    }
}

impl Waker {
    /// Wakes nobody: workers find the work at their next poll.
    pub const fn none() -> Self {
        Self { to_publish: None }
    }

    /// Publishes through `redis`, from a task of its own: a commit never waits for Redis, and a Redis that hangs only loses wake-ups.
    pub fn redis(redis: Client) -> Self {
        let (to_publish, mut queued) = mpsc::channel::<Queue>(256);
        tokio::spawn(async move {
            let settings = ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(1)));
            let mut connection: Option<ConnectionManager> = None;
            let mut batch = Vec::new();
            while queued.recv_many(&mut batch, 256).await > 0 {
                let queues: BTreeSet<Queue> = batch.drain(..).collect();
                if connection.is_none() {
                    connection = ConnectionManager::new_lazy_with_config(redis.clone(), settings.clone()).ok();
                }
                let Some(connection) = connection.as_mut() else { continue };
                let mut publish = redis::pipe();
                for queue in queues {
                    publish.publish(CHANNEL, queue.as_str()).ignore();
                }
                let sent: Result<(), _> = publish.query_async(connection).await;
                if let Err(error) = sent {
                    tracing::debug!(%error, "wake-up lost");
                }
            }
        });
        Self { to_publish: Some(to_publish) }
    }

    /// Wakes these queues' workers, if that costs nothing.
    pub fn wake(&self, queues: impl IntoIterator<Item = Queue>) {
        if let Some(to_publish) = &self.to_publish {
            for queue in queues {
                // Full: the publisher is behind, and the queue it is behind on polls anyway.
                let _ = to_publish.try_send(queue);
            }
        }
    }
}

/// Hears wake-ups, for as long as it lives; reconnects by itself.
#[derive(Debug)]
pub struct WakeListener {
    _stop: DropGuard,
}

impl WakeListener {
    /// Calls `woken` for each wake-up heard on `redis`.
    pub fn start(redis: Client, woken: impl Fn(Queue) + Send + Sync + 'static) -> Self {
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        tokio::spawn(async move {
            loop {
                let listening = async {
                    let mut pubsub = redis.get_async_pubsub().await?;
                    pubsub.subscribe(CHANNEL).await?;
                    let mut messages = pubsub.on_message();
                    while let Some(message) = messages.next().await {
                        if let Ok(Ok(queue)) = message.get_payload::<String>().map(|name| name.parse()) {
                            woken(queue);
                        }
                    }
                    Ok::<(), redis::RedisError>(())
                };
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = listening => {}
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
            }
        });
        Self { _stop: guard }
    }
}
