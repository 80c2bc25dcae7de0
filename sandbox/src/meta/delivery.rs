//! Webhooks on their way: signed, in batches, and again until the callback answers exactly 200 or the time is over.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde::Serialize;
use serde_json::json;

use super::{
    Platform,
    app::{App, Subscription},
    bundle::{self, Event},
    escape::as_meta_does,
    manners::MOST_IN_A_BATCH,
    signature::sign,
};
use crate::fault::{Fault, Handing};

/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";
const REMEMBERED: usize = 2_000;

/// One attempt to hand a body over.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// When, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// App whose callback it is.
    pub app: String,
    /// The events in the body.
    pub events: Vec<String>,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A callback of an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) app: String,
    pub(super) url: String,
}

/// What a platform remembers of its apps and of what they have to be told.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) subscriptions: BTreeMap<String, Vec<Subscription>>,
    /// What waits for its first attempt, by the callbacks it goes to.
    queues: HashMap<Vec<Target>, VecDeque<Event>>,
    pumping: HashSet<Vec<Target>>,
    /// Events that no webhook has taken yet, by whose they are.
    open: HashMap<String, usize>,
    deliveries: VecDeque<Delivery>,
    /// Since when an account's webhooks have failed without exception.
    failing_since: HashMap<String, DateTime<Utc>>,
}

/// Events that travel in one body. A repetition sends the same bytes.
#[derive(Debug)]
struct Parcel {
    targets: Vec<Target>,
    events: Vec<Event>,
    body: String,
    expires: DateTime<Utc>,
}

/// Seconds before the next try: "decreasing frequency" is all that Meta says. Doubled from 5 s up to an hour.
fn retry_delay(failures: u32) -> u64 {
    5_u64.saturating_mul(1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX)).min(3_600)
}

impl Platform {
    /// The last attempts to deliver, oldest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.desk().deliveries.iter().cloned().collect()
    }

    /// True when no webhook of this number or account is under way or waits for its repetition.
    pub(crate) fn is_settled(&self, owner: &str) -> bool {
        !self.desk().open.contains_key(owner)
    }

    /// Sends an event to whoever hears it; nobody may. There is no replay for those who come later.
    pub(crate) fn emit(self: &Arc<Self>, event: Event) {
        let targets = self.targets(&event.account, &event.field);
        if targets.is_empty() {
            return;
        }
        {
            let mut desk = self.desk();
            *desk.open.entry(event.owner.clone()).or_default() += 1;
            desk.queues.entry(targets).or_default().push_back(event);
        }
        self.start_pumps();
    }

    /// Sends an event at once and comes back after the first attempt, whatever came of it.
    pub(crate) async fn emit_now(self: &Arc<Self>, event: Event) {
        let targets = self.targets(&event.account, &event.field);
        if targets.is_empty() {
            return;
        }
        *self.desk().open.entry(event.owner.clone()).or_default() += 1;
        let parcel = self.parcel(targets, vec![event]);
        self.hand_over(parcel).await;
    }

    /// Tries again at once whatever waits for its repetition.
    pub(crate) fn repeat_now(&self) {
        self.wake.send_modify(|calls| *calls += 1);
    }

    pub(super) fn start_pumps(self: &Arc<Self>) {
        if self.manners().hold {
            return;
        }
        let mut desk = self.desk();
        let idle: Vec<_> = desk.queues.keys().filter(|targets| !desk.pumping.contains(*targets)).cloned().collect();
        for targets in idle {
            desk.pumping.insert(targets.clone());
            self.tasks.spawn(Arc::clone(self).pump(targets));
        }
    }

    /// First attempts go one after the other, so that tests can rely on what comes first; nothing waits for a repetition.
    async fn pump(self: Arc<Self>, targets: Vec<Target>) {
        while let Some(parcel) = self.next_parcel(&targets) {
            match self.world.faults.take_exact(self.object.vendor(), OPERATION) {
                None => self.hand_over(parcel).await,
                Some(fault) => _ = self.tasks.spawn(Arc::clone(&self).hand_over_badly(parcel, fault)),
            }
        }
        self.touch();
    }

    /// As many of the waiting events as one body may carry; none ends the pump.
    fn next_parcel(&self, targets: &[Target]) -> Option<Parcel> {
        let manners = self.manners();
        let mut desk = self.desk();
        let waiting = if manners.hold { None } else { desk.queues.get_mut(targets) };
        let events: Vec<Event> = waiting
            .map(|queue| queue.drain(..manners.batch.clamp(1, MOST_IN_A_BATCH).min(queue.len())).collect())
            .unwrap_or_default();
        if events.is_empty() {
            desk.pumping.remove(targets);
            if desk.queues.get(targets).is_some_and(VecDeque::is_empty) {
                desk.queues.remove(targets);
            }
            return None;
        }
        drop(desk);
        Some(self.parcel(targets.to_vec(), events))
    }

    fn parcel(&self, targets: Vec<Target>, events: Vec<Event>) -> Parcel {
        let now = self.world.now();
        let plain = bundle::body(self.object, &events, now).to_string();
        let body = if self.manners().escape { as_meta_does(&plain) } else { plain };
        Parcel { targets, events, body, expires: now + self.object.keeps_for() }
    }

    /// The first attempt. If it fails, the repetitions go on by themselves.
    async fn hand_over(self: &Arc<Self>, parcel: Parcel) {
        let called = *self.wake.borrow();
        let twice = parcel.events.iter().any(|event| event.twice);
        let taken = if twice {
            let (first, second) = tokio::join!(self.attempt(&parcel), self.attempt(&parcel));
            first && second
        } else {
            self.attempt(&parcel).await
        };
        if taken {
            self.settle(&parcel);
        } else {
            self.tasks.spawn(Arc::clone(self).repeat(parcel, called));
        }
    }

    async fn hand_over_badly(self: Arc<Self>, mut parcel: Parcel, fault: Fault) {
        let called = *self.wake.borrow();
        match Fault::handing(Some(&fault), false).await {
            Handing::Once => self.hand_over(parcel).await,
            Handing::Twice => {
                parcel.events.iter_mut().for_each(|event| event.twice = true);
                self.hand_over(parcel).await;
            }
            Handing::Unanswered => {
                self.attempt(&parcel).await;
                self.note(&parcel, 0, 0, Some("the answer was lost".to_owned()));
                self.repeat(parcel, called).await;
            }
            Handing::Lost => {
                self.note(&parcel, 0, 0, Some("the callback was not reached".to_owned()));
                self.repeat(parcel, called).await;
            }
        }
    }

    /// `called` is how often a repetition had been called for when the first attempt began: a later call is never missed.
    async fn repeat(self: Arc<Self>, mut parcel: Parcel, mut called: u64) {
        // Each repetition goes out once, whatever the first attempt was told to do.
        parcel.events.iter_mut().for_each(|event| event.twice = false);
        for failures in 1.. {
            let delay = Duration::from_millis(retry_delay(failures).saturating_mul(self.manners().retry_ms_per_second));
            let mut calls = self.wake.subscribe();
            // Both ends are as good, and the sender lives as long as `self`.
            let _ = tokio::time::timeout(delay, calls.wait_for(|calls| *calls > called)).await;
            called = *self.wake.borrow();
            if self.world.now() > parcel.expires || self.attempt(&parcel).await {
                break;
            }
        }
        self.settle(&parcel);
    }

    /// Posts a body to every app that hears the account. Webhooks overview: when one of them fails, all of them are told again.
    async fn attempt(&self, parcel: &Parcel) -> bool {
        let answers = join_all(parcel.targets.iter().map(|target| self.post(target, &parcel.body))).await;
        let taken = answers.iter().all(|(status, _)| *status == 200);
        // Who sees the attempt sees what followed from it.
        self.judge(parcel, taken);
        for (index, (status, error)) in answers.into_iter().enumerate() {
            self.note(parcel, index, status, error);
        }
        taken
    }

    async fn post(&self, target: &Target, body: &str) -> (u16, Option<String>) {
        // A retry is signed with the secret of the moment: one that was rotated meanwhile is the new one.
        let secret = self.desk().apps.get(&target.app).map(|app| app.signs_with(self.object).to_owned()).unwrap_or_default();
        let request = self
            .client
            .post(&target.url)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", sign(&secret, body.as_bytes()))
            .body(body.to_owned());
        match request.send().await {
            Ok(answer) => match answer.status().as_u16() {
                200 => (200, None),
                status => (status, Some(format!("answered {status}, and only 200 counts"))),
            },
            Err(error) if error.is_timeout() => (0, Some("no answer in time".to_owned())),
            Err(_) => (0, Some("no connection".to_owned())),
        }
    }

    /// Posts what Meta did not sign to where an account's messages go; answers the HTTP status.
    pub(crate) async fn forge(&self, account: &str) -> Result<u16, String> {
        let target = self.targets(account, "messages").into_iter().next().ok_or("nobody hears the account")?;
        let body = json!({"object": self.object.name(), "entry": [{"id": account, "time": 1, "changes": []}]}).to_string();
        let request = self
            .client
            .post(target.url)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", sign("guess", body.as_bytes()))
            .body(body);
        let sent = self.tasks.spawn(request.send());
        let response = sent.await.map_err(|error| error.to_string())?.map_err(|error| error.without_url().to_string())?;
        Ok(response.status().as_u16())
    }

    fn note(&self, parcel: &Parcel, target: usize, status: u16, error: Option<String>) {
        let app = parcel.targets.get(target).map(|target| target.app.clone()).unwrap_or_default();
        let events = parcel.events.iter().map(|event| event.id.clone()).collect();
        let mut desk = self.desk();
        if desk.deliveries.len() == REMEMBERED {
            desk.deliveries.pop_front();
        }
        desk.deliveries.push_back(Delivery { at: self.world.now(), app, events, status, error });
        drop(desk);
        self.touch();
    }

    /// Messenger page: an app whose webhook keeps failing loses its subscription to the account.
    fn judge(&self, parcel: &Parcel, taken: bool) {
        let now = self.world.now();
        let patience = self.manners().unsubscribe_after.and_then(|seconds| TimeDelta::try_seconds(i64::try_from(seconds).ok()?));
        let accounts: HashSet<&str> = parcel.events.iter().map(|event| event.account.as_str()).collect();
        let mut lost = Vec::new();
        {
            let mut desk = self.desk();
            for account in accounts {
                if taken {
                    desk.failing_since.remove(account);
                    continue;
                }
                let since = *desk.failing_since.entry(account.to_owned()).or_insert(now);
                if patience.is_some_and(|patience| now - since > patience) {
                    desk.failing_since.remove(account);
                    lost.push(account);
                }
            }
        }
        for (account, target) in lost.iter().flat_map(|account| parcel.targets.iter().map(move |target| (account, target))) {
            self.unsubscribe(account, &target.app);
        }
    }

    fn settle(&self, parcel: &Parcel) {
        let mut desk = self.desk();
        for event in &parcel.events {
            if let Some(open) = desk.open.get_mut(&event.owner) {
                *open -= 1;
                if *open == 0 {
                    desk.open.remove(&event.owner);
                }
            }
        }
        drop(desk);
        self.touch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_become_rarer() {
        let delays: Vec<u64> = (1..=12).map(retry_delay).collect();
        assert_eq!(delays, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(retry_delay(200), 3600);
    }
}
