//! What one process tells the others after a commit, through Redis: that a queue has work, so that workers look at once instead of at
//! their next poll, and that a tenant was changed, so that nobody goes on with what was kept of it. A message that is lost costs one
//! poll interval, or the time for which something is kept, and nothing else; with Redis gone that is how it always is.
//!
//! Not NOTIFY inside the transaction: PostgreSQL takes one global lock at such a commit, which cuts the commit rate to a third.

use std::{collections::BTreeSet, str::FromStr, time::Duration};

use futures::StreamExt;
use redis::{
    Client,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::{ids::TenantId, job::Queue};

const WAKE: &str = "salon:wake";
const CHANGED: &str = "salon:changed";
/// How long a command waits for what it told to be on its way.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

enum Told {
    Work(Queue),
    Changed(TenantId),
    /// Answered when everything before it was published, or could not be.
    Flush(oneshot::Sender<()>),
}

/// Tells the other processes.
#[derive(Clone)]
pub struct Waker {
    to_publish: Option<mpsc::Sender<Told>>,
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker").field("redis", &self.to_publish.is_some()).finish()
    }
}

impl Waker {
    /// Tells nobody: workers find the work at their next poll.
    pub const fn none() -> Self {
        Self { to_publish: None }
    }

    /// Publishes through `redis`, from a task of its own: a commit never waits for Redis, and a Redis that hangs only loses messages.
    pub fn redis(redis: Client) -> Self {
        let (to_publish, queued) = mpsc::channel(256);
        tokio::spawn(publish(redis, queued));
        Self { to_publish: Some(to_publish) }
    }

    /// Wakes these queues' workers, if that costs nothing.
    pub fn wake(&self, queues: impl IntoIterator<Item = Queue>) {
        for queue in queues {
            self.tell(Told::Work(queue));
        }
    }

    /// Has every process forget what it keeps of a tenant.
    pub fn changed(&self, tenant: TenantId) {
        self.tell(Told::Changed(tenant));
    }

    fn tell(&self, told: Told) {
        if let Some(to_publish) = &self.to_publish {
            // Full: the publisher is behind, and whoever it is behind on finds out anyway.
            let _ = to_publish.try_send(told);
        }
    }

    /// Waits a moment until what was told is published: a command ends right after its commit, and its publisher with it.
    pub async fn flush(&self) {
        let Some(to_publish) = &self.to_publish else { return };
        let (sent, published) = oneshot::channel();
        let flushed = async {
            if to_publish.send(Told::Flush(sent)).await.is_ok() {
                let _ = published.await;
            }
        };
        let _ = tokio::time::timeout(FLUSH_PATIENCE, flushed).await;
    }
}

async fn publish(redis: Client, mut queued: mpsc::Receiver<Told>) {
    let settings = ConnectionManagerConfig::new().set_response_timeout(Some(Duration::from_secs(1)));
    let mut connection: Option<ConnectionManager> = None;
    let mut batch = Vec::new();
    while queued.recv_many(&mut batch, 256).await > 0 {
        let (mut messages, mut flushed) = (BTreeSet::new(), Vec::new());
        for told in batch.drain(..) {
            match told {
                Told::Work(queue) => _ = messages.insert((WAKE, queue.to_string())),
                Told::Changed(tenant) => _ = messages.insert((CHANGED, tenant.to_string())),
                Told::Flush(done) => flushed.push(done),
            }
        }
        if connection.is_none() {
            connection = ConnectionManager::new_lazy_with_config(redis.clone(), settings.clone()).ok();
        }
        if let Some(connection) = connection.as_mut()
            && !messages.is_empty()
        {
            let mut publish = redis::pipe();
            for (channel, message) in messages {
                publish.publish(channel, message).ignore();
            }
            let sent: Result<(), _> = publish.query_async(connection).await;
            if let Err(error) = sent {
                tracing::debug!(%error, "messages to the other processes lost");
            }
        }
        for done in flushed {
            let _ = done.send(());
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
        Self { _stop: listen(redis, WAKE, woken) }
    }
}

/// Hears of changed tenants, for as long as it lives; reconnects by itself.
#[derive(Debug)]
pub struct ChangeListener {
    _stop: DropGuard,
}

impl ChangeListener {
    /// Calls `changed` for each change heard on `redis`, after it was committed.
    pub fn start(redis: Client, changed: impl Fn(TenantId) + Send + Sync + 'static) -> Self {
        Self { _stop: listen(redis, CHANGED, move |id: Uuid| changed(TenantId(id))) }
    }
}

/// Hands on every message of a channel that can be read, until the guard is dropped.
fn listen<M: FromStr>(redis: Client, channel: &'static str, heard: impl Fn(M) + Send + Sync + 'static) -> DropGuard {
    let stop = CancellationToken::new();
    let guard = stop.clone().drop_guard();
    tokio::spawn(async move {
        loop {
            let listening = async {
                let mut pubsub = redis.get_async_pubsub().await?;
                pubsub.subscribe(channel).await?;
                let mut messages = pubsub.on_message();
                while let Some(message) = messages.next().await {
                    if let Ok(Ok(message)) = message.get_payload::<String>().map(|text| text.parse()) {
                        heard(message);
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
    guard
}
