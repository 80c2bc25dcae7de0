//! Events to webhooks: one POST each to every subscription that wants it. The first tries of a chat go out in order; what fails is
//! repeated on its own, so that later events overtake it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use tokio::{runtime::Handle, time::Instant};

use super::{
    VENDOR,
    state::{Bot, Event},
};
use crate::{
    changes::Changes,
    fault::{Fault, Handing},
    wire::poster,
    world::World,
};

/// MAX: the first repetition comes after a minute ..
const FIRST_PAUSE_MS: f64 = 60_000.0;
/// .. each pause is so many times the one before ..
const GROWTH: f64 = 2.5;
/// .. and there are so many.
const REPETITIONS: i32 = 10;
/// MAX: a webhook has 30 s to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";
const REMEMBERED: usize = 2_000;

/// One attempt to hand an event over.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// When, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// Bot whose event it is.
    pub bot: i64,
    /// The subscription's address.
    pub url: String,
    /// What tells the event from others.
    pub event: String,
    /// `update_type`.
    pub kind: &'static str,
    /// 0 for the first try.
    pub repetition: i32,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// What one try came to.
#[derive(Debug, Clone, Copy)]
struct Tried {
    status: u16,
    error: Option<&'static str>,
}

impl Tried {
    const fn failed(error: &'static str) -> Self {
        Self { status: 0, error: Some(error) }
    }
}

/// Carries events to webhooks, by tasks of its own.
#[derive(Debug)]
pub(super) struct Courier {
    world: Arc<World>,
    tasks: Handle,
    client: reqwest::Client,
    deliveries: Mutex<VecDeque<Delivery>>,
    /// Milliseconds that stand for one second between two tries.
    pub(super) retry_ms_per_second: AtomicU64,
    /// Counts what changed, for those who wait.
    pub(super) changed: Changes,
}

/// The pause before a repetition, 1 for the first.
fn pause(repetition: i32, retry_ms_per_second: u64) -> Duration {
    let real = FIRST_PAUSE_MS * GROWTH.powi(repetition - 1);
    Duration::from_secs_f64(real / 1000.0 * retry_ms_per_second as f64 / 1000.0)
}

impl Courier {
    pub(super) fn new(world: Arc<World>, tasks: Handle, retry_ms_per_second: u64) -> Result<Arc<Self>, reqwest::Error> {
        let client = poster(ANSWER_WITHIN).build()?;
        Ok(Arc::new(Self {
            world,
            tasks,
            client,
            deliveries: Mutex::default(),
            retry_ms_per_second: AtomicU64::new(retry_ms_per_second),
            changed: Changes::default(),
        }))
    }

    /// The last attempts to deliver, oldest first.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(super) fn touch(&self) {
        self.changed.touch();
    }

    /// Starts a task for each lane that has something to deliver and nobody who does it.
    pub(super) fn run(self: &Arc<Self>, bot: &Arc<Bot>) {
        for subscription in &mut bot.state().subscriptions {
            let idle: Vec<i64> = subscription.lanes.keys().filter(|chat| !subscription.running.contains(chat)).copied().collect();
            for chat in idle {
                subscription.running.insert(chat);
                self.tasks.spawn(Arc::clone(self).drain(Arc::clone(bot), subscription.key, chat));
            }
        }
    }

    async fn drain(self: Arc<Self>, bot: Arc<Bot>, key: u64, chat: i64) {
        while let Some(event) = next(&bot, key, chat) {
            if self.attempt(&bot, key, &event, 0).await {
                settle(&bot, key);
            } else {
                self.tasks.spawn(Arc::clone(&self).repeat(Arc::clone(&bot), key, event));
            }
            self.touch();
        }
    }

    async fn repeat(self: Arc<Self>, bot: Arc<Bot>, key: u64, event: Event) {
        for repetition in 1..=REPETITIONS {
            let due = Instant::now() + pause(repetition, self.retry_ms_per_second.load(Ordering::Relaxed));
            while Instant::now() < due {
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    () = bot.wake.notified() => {}
                }
                if bot.state().subscription(key).is_none() {
                    return;
                }
            }
            if self.attempt(&bot, key, &event, repetition).await {
                break;
            }
        }
        settle(&bot, key);
        self.touch();
    }

    /// One try; true if the event was taken, or if there is nobody left to take it.
    async fn attempt(&self, bot: &Bot, key: u64, event: &Event, repetition: i32) -> bool {
        let address = bot.state().subscription(key).map(|subscription| (subscription.url.clone(), subscription.secret.clone()));
        let Some((url, secret)) = address else { return true };
        let fault = if repetition == 0 { self.world.faults.take_exact(VENDOR, OPERATION) } else { None };
        let post = || self.post(&url, secret.as_deref(), event.body.to_string());
        let tried = match Fault::handing(fault.as_ref(), false).await {
            Handing::Once => post().await,
            Handing::Twice => tokio::join!(post(), post()).0,
            Handing::Unanswered => Tried { error: Some("the answer was lost"), ..post().await },
            Handing::Lost => Tried::failed("no connection"),
        };
        self.after(bot, key, &url, event, repetition, tried);
        tried.error.is_none()
    }

    async fn post(&self, url: &str, secret: Option<&str>, body: String) -> Tried {
        let mut request = self.client.post(url).header("Content-Type", "application/json").body(body);
        if let Some(secret) = secret {
            request = request.header("X-Max-Bot-Api-Secret", secret);
        }
        match request.send().await {
            Ok(response) => {
                // MAX: 200 is success; any other status, also another 2xx, is not.
                let status = response.status().as_u16();
                Tried { status, error: (status != 200).then_some("not 200") }
            }
            Err(error) if error.is_timeout() => Tried::failed("no answer in 30 s"),
            Err(_) => Tried::failed("no connection"),
        }
    }

    fn after(&self, bot: &Bot, key: u64, url: &str, event: &Event, repetition: i32, tried: Tried) {
        let at = self.world.now();
        let mut state = bot.state();
        if let Some(subscription) = state.subscription(key) {
            subscription.failing_since = tried.error.and(Some(subscription.failing_since.unwrap_or(at)));
        }
        let before = state.subscriptions.len();
        state.expire(at);
        if state.subscriptions.len() < before {
            bot.wake.notify_waiters();
        }
        drop(state);
        let delivery = Delivery {
            at,
            bot: bot.id,
            url: url.to_owned(),
            event: event.id.clone(),
            kind: event.kind,
            repetition,
            status: tried.status,
            error: tried.error,
        };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back(delivery);
        drop(deliveries);
        self.touch();
    }

    /// Posts something that did not come from MAX, with a secret of the caller's choice, to the first subscription; answers the status.
    pub(super) async fn forge(&self, bot: &Bot, update: &Value, secret: Option<&str>) -> Result<u16, String> {
        let url = bot.state().subscriptions.first().map(|subscription| subscription.url.clone()).ok_or("no subscription")?;
        let mut request = self.client.post(url).header("Content-Type", "application/json").body(update.to_string());
        if let Some(secret) = secret {
            request = request.header("X-Max-Bot-Api-Secret", secret);
        }
        let sent = self.tasks.spawn(request.send());
        let response = sent.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    }
}

/// Takes the lane's next event; none ends the lane's task.
fn next(bot: &Bot, key: u64, chat: i64) -> Option<Event> {
    let mut state = bot.state();
    let subscription = state.subscription(key)?;
    let event = subscription.lanes.get_mut(&chat).and_then(VecDeque::pop_front);
    if event.is_none() {
        subscription.lanes.remove(&chat);
        subscription.running.remove(&chat);
    }
    event
}

/// An event of the subscription is over, taken or given up.
fn settle(bot: &Bot, key: u64) {
    if let Some(subscription) = bot.state().subscription(key) {
        subscription.open = subscription.open.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_follow_the_vendors_schedule() {
        let seconds: Vec<u64> = (1..=5).map(|repetition| pause(repetition, 1000).as_secs()).collect();
        assert_eq!(seconds, [60, 150, 375, 937, 2_343]);
        let sum = |count| (1..=count).map(|repetition| pause(repetition, 1000)).sum::<Duration>();
        let patience = Duration::from_hours(8);
        assert!(sum(7) < patience && sum(8) > patience, "at most seven fit before the bot is unsubscribed");
        assert_eq!(pause(2, 1), Duration::from_millis(150));
    }
}
