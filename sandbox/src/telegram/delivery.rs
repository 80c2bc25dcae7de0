//! Updates to webhooks: one POST each, in order within a lane, again until the webhook takes it or it expires.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Telegram, VENDOR,
    spec::spec,
    state::{Bot, Lane, Pending, Webhook},
};
use crate::fault::{Fault, Handing};

/// TG-SRV: messages, edits and membership changes live for a day.
pub(super) const MESSAGE_LIVES: TimeDelta = TimeDelta::seconds(86_400);
/// TG-SRV: a button press lives for 150 s.
pub(super) const QUERY_LIVES: TimeDelta = TimeDelta::seconds(150);
/// TG-SRV: a webhook that answers 410 for longer than this is removed.
const GONE_FOR: TimeDelta = TimeDelta::hours(23);
/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";
const REMEMBERED: usize = 2_000;

/// One attempt to hand an update over.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// When, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// Bot whose webhook it is.
    pub bot: i64,
    /// `update_id`.
    pub update_id: i64,
    /// `message`, `edited_message`, `callback_query`, `my_chat_member`.
    pub kind: &'static str,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What one try came to.
#[derive(Debug)]
struct Tried {
    status: u16,
    retry_after: Option<u64>,
    error: Option<String>,
}

impl Tried {
    fn failed(error: impl Into<String>) -> Self {
        Self { status: 0, retry_after: None, error: Some(error.into()) }
    }

    fn taken(&self) -> bool {
        self.error.is_none() && (200..300).contains(&self.status)
    }
}

/// TG-SRV: the webhook's own `Retry-After` if it gives one; else at once after the first failure, then 2, 4, 8 .. s.
/// The vendor's cap is a random 60-120 s; here it is 60.
fn retry_delay(failures: u32, retry_after: Option<u64>) -> u64 {
    match (retry_after, failures) {
        (Some(seconds), _) => seconds.min(3_600),
        (None, 0 | 1) => 0,
        (None, failures) => 1_u64.checked_shl(failures - 1).unwrap_or(60).min(60),
    }
}

impl Telegram {
    /// The last attempts to deliver, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether no update of the bot waits for its webhook.
    pub fn is_settled(&self, bot: i64) -> bool {
        self.bot(bot).is_none_or(|bot| bot.state().pending() == 0)
    }

    /// Starts the lanes that have something to deliver and nobody who does it.
    pub(super) fn run_lanes(&self, bot: &Arc<Bot>) {
        let Some(telegram) = self.me.upgrade() else { return };
        let mut state = bot.state();
        if state.webhook.is_none() {
            return;
        }
        let idle: Vec<Lane> = state.lanes.keys().filter(|lane| !state.running.contains(lane)).copied().collect();
        for lane in idle {
            state.running.insert(lane);
            self.tasks.spawn(Arc::clone(&telegram).drain(Arc::clone(bot), lane));
        }
    }

    async fn drain(self: Arc<Self>, bot: Arc<Bot>, lane: Lane) {
        let mut failures = 0;
        while let Some((webhook, pending)) = self.head(&bot, lane) {
            let tried = self.deliver(&bot, &webhook, &pending, failures == 0).await;
            self.after(&bot, &pending, &tried);
            if tried.taken() {
                failures = 0;
                self.settle(&bot, lane, pending.update_id);
                continue;
            }
            failures += 1;
            let scale = self.manners().retry_ms_per_second;
            let delay = Duration::from_millis(retry_delay(failures, tried.retry_after) * scale);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = bot.wake.notified() => {}
            }
        }
        self.touch();
    }

    /// The lane's next update; none ends the lane's task.
    fn head(&self, bot: &Bot, lane: Lane) -> Option<(Webhook, Pending)> {
        let now = self.world.now();
        let mut state = bot.state();
        if let Some(queue) = state.lanes.get_mut(&lane) {
            while queue.front().is_some_and(|pending| pending.expires < now) {
                queue.pop_front();
            }
        }
        let pending = state.lanes.get(&lane).and_then(|queue| queue.front()).cloned();
        match (state.webhook.clone(), pending) {
            (Some(webhook), Some(pending)) => Some((webhook, pending)),
            (_, pending) => {
                state.running.remove(&lane);
                if pending.is_none() {
                    state.lanes.remove(&lane);
                }
                None
            }
        }
    }

    /// Takes a delivered update out of its lane; `drop_pending_updates` may have been quicker.
    fn settle(&self, bot: &Bot, lane: Lane, update_id: i64) {
        let mut state = bot.state();
        if let Some(queue) = state.lanes.get_mut(&lane)
            && queue.front().is_some_and(|pending| pending.update_id == update_id)
        {
            queue.pop_front();
        }
    }

    async fn deliver(&self, bot: &Bot, webhook: &Webhook, pending: &Pending, first: bool) -> Tried {
        let Ok(_slot) = webhook.slots.acquire().await else { return Tried::failed("no connection") };
        let fault = if first { self.world.faults.take_exact(VENDOR, OPERATION) } else { None };
        let post = || self.post(bot, webhook, pending);
        match Fault::handing(fault.as_ref(), false).await {
            Handing::Once => post().await,
            Handing::Twice => tokio::join!(post(), post()).0,
            Handing::Unanswered => Tried { error: Some("Read timeout expired".to_owned()), ..post().await },
            Handing::Lost => Tried::failed("Connection timed out"),
        }
    }

    async fn post(&self, bot: &Bot, webhook: &Webhook, pending: &Pending) -> Tried {
        let mut request = self
            .client
            .post(&webhook.url)
            .header("Content-Type", "application/json")
            .header("Accept-Encoding", "gzip, deflate")
            .body(format!("{{\"update_id\":{},\n\"{}\":{}}}", pending.update_id, pending.kind, pending.content));
        if let Some(secret) = &webhook.secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_timeout() => return Tried::failed("Read timeout expired"),
            Err(_) => return Tried::failed("Connection refused"),
        };
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name)?.to_str().ok()?.parse().ok();
        let retry_after = header("retry-after");
        let body = response.bytes().await.unwrap_or_default();
        if !(200..300).contains(&status) {
            let error = Some(format!("Wrong response from the webhook: {status}"));
            return Tried { status, retry_after, error };
        }
        if serde_json::from_slice::<Value>(&body).is_ok_and(|body| body.get("method").is_some()) {
            self.complain(
                OPERATION,
                json!({"bot": bot.id, "update_id": pending.update_id}),
                status,
                vec!["the webhook's answer names a method, which Telegram would execute".to_owned()],
            );
        }
        Tried { status, retry_after: None, error: None }
    }

    fn after(&self, bot: &Bot, pending: &Pending, tried: &Tried) {
        let at = self.world.now();
        {
            let mut state = bot.state();
            if let Some(error) = &tried.error {
                state.last_error = Some((at, error.clone()));
            }
            state.gone_since = (tried.status == 410).then(|| state.gone_since.unwrap_or(at));
            if state.gone_since.is_some_and(|since| at - since > GONE_FOR) {
                state.webhook = None;
            }
        }
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back(Delivery {
            at,
            bot: bot.id,
            update_id: pending.update_id,
            kind: pending.kind,
            status: tried.status,
            error: tried.error.clone(),
        });
        drop(deliveries);
        self.touch();
    }

    /// Posts an update that did not come from Telegram, with a secret of the caller's choice; answers the HTTP status.
    ///
    /// # Errors
    ///
    /// When the bot has no webhook, or it can't be reached.
    pub async fn forge(&self, bot: i64, update: &Value, secret: Option<&str>) -> Result<u16, String> {
        let webhook = self.bot(bot).and_then(|bot| bot.state().webhook.clone()).ok_or("no webhook")?;
        let mut request = self.client.post(&webhook.url).header("Content-Type", "application/json");
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        let sent = self.tasks.spawn(request.body(update.to_string()).send());
        let response = sent.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(response.status().as_u16())
    }

    /// Records it when an update of ours is not what the specification says an update is.
    pub(super) fn check_own(&self, update_id: i64, kind: &str, content: &Value) {
        let update = json!({"update_id": update_id, kind: content});
        let problems = spec().check_type("Update", &update);
        if !problems.is_empty() {
            self.complain("Update", update, 0, problems.iter().map(ToString::to_string).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_follow_the_vendors_schedule() {
        let delays: Vec<u64> = (1..=9).map(|failures| retry_delay(failures, None)).collect();
        assert_eq!(delays, [0, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(retry_delay(500, None), 60);
        assert_eq!(retry_delay(1, Some(17)), 17);
        assert_eq!(retry_delay(1, Some(99_999)), 3_600);
    }
}
