//! Webhooks on their way: one JSON array per webhook, signed, tried four times (EspoCRM note, 2.7).
//!
//! The vendor's job runs every two minutes; this one sends at once, so that a test need not move the clock for a first try.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value;

use super::{
    EspoCrm, VENDOR,
    schema::{Entity, attributes},
    state::{By, Record, State},
};
use crate::{
    fault::{Fault, Handing},
    wire::hmac_sha256,
};

/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";
const BATCH: usize = 50;
const TRIES: u32 = 4;
const BETWEEN_TRIES: TimeDelta = TimeDelta::minutes(10);
/// How often the sandbox's clock is looked at.
const TICK: Duration = Duration::from_millis(20);
/// What an update does not count as a change.
const UNTOLD: &[&str] = &["modifiedAt", "modifiedById", "modifiedByName", "versionNumber", "followersIds", "followersNames"];

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Create,
    Update,
    Delete,
}

/// An event for one webhook.
#[derive(Debug, Clone)]
pub(super) struct Queued {
    serial: u64,
    pub(super) hook: String,
    payload: Value,
    tries: u32,
    due: DateTime<Utc>,
    /// Deliver it twice.
    pub(super) twice: bool,
}

/// One attempt to hand events over.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Delivery {
    at: DateTime<Utc>,
    webhook: String,
    event: String,
    /// The records told of.
    ids: Vec<Value>,
    /// HTTP status of the answer; 0 when there was none.
    status: u16,
    ending: Ending,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Ending {
    Delivered,
    /// To be tried again.
    Waiting,
    Failed,
    /// 410: the webhook is deleted.
    Removed,
}

impl Ending {
    fn of(status: u16) -> Self {
        match status {
            200..=399 => Self::Delivered,
            410 => Self::Removed,
            0 | 401 | 403 | 404 | 405 | 408 | 500 | 503 => Self::Waiting,
            _ => Self::Failed,
        }
    }
}

impl State {
    /// Queues an event for those who hear it. `before` is what an updated record was.
    pub(super) fn announce(&mut self, scope: &str, what: What, record: &Record, before: Option<&Record>, by: &By) {
        let Some(entity) = self.schema.get(scope).filter(|entity| entity.object) else { return };
        let changed: Record = record
            .iter()
            .filter(|(name, value)| {
                !UNTOLD.contains(&name.as_str()) && before.and_then(|before| before.get(*name)) != Some(value)
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        if what == What::Update && changed.is_empty() {
            return;
        }
        let told = told(scope, entity, what, record, changed);
        for hook in &self.hooks {
            let hears = hook.is_active && !(hook.skip_own && hook.user == by.user);
            for (_, payload) in told.iter().filter(|(event, _)| hears && *event == hook.event) {
                self.serial += 1;
                self.queue.push_back(Queued {
                    serial: self.serial,
                    hook: hook.id.clone(),
                    payload: payload.clone(),
                    tries: 0,
                    due: by.now,
                    twice: false,
                });
            }
        }
    }

    fn due(&self, now: DateTime<Utc>) -> usize {
        self.queue.iter().filter(|queued| queued.due <= now).count()
    }

    /// The events that go out together next.
    fn batch(&self, now: DateTime<Utc>) -> Option<Batch> {
        let first = self.queue.iter().find(|queued| queued.due <= now)?;
        let hook = self.hooks.iter().find(|hook| hook.id == first.hook)?;
        let events = self.queue.iter().filter(|queued| queued.hook == hook.id && queued.due <= now).take(BATCH);
        let events: Vec<Queued> = events.cloned().collect();
        let payload: Vec<&Value> = events.iter().map(|queued| &queued.payload).collect();
        let body = serde_json::to_string(&payload).unwrap_or_default();
        let (signature, old_signature) = signatures(&hook.id, &hook.secret, body.as_bytes());
        Some(Batch {
            url: hook.url.clone(),
            event: hook.event.clone(),
            hook: hook.id.clone(),
            body,
            signature,
            old_signature,
            events,
        })
    }

    fn conclude(&mut self, batch: &Batch, status: u16, now: DateTime<Utc>) {
        let ending = Ending::of(status);
        let is_in = |queued: &Queued| batch.events.iter().any(|sent| sent.serial == queued.serial);
        if ending == Ending::Waiting {
            for queued in self.queue.iter_mut().filter(|queued| is_in(queued)) {
                queued.tries += 1;
                queued.due = now + BETWEEN_TRIES;
            }
            self.queue.retain(|queued| queued.tries < TRIES);
        } else {
            self.queue.retain(|queued| !is_in(queued));
        }
        if ending == Ending::Removed {
            self.forget_hook(&batch.hook);
        }
        let last = ending == Ending::Waiting && batch.events.iter().any(|sent| sent.tries + 1 >= TRIES);
        self.remember(Delivery {
            at: now,
            webhook: batch.hook.clone(),
            event: batch.event.clone(),
            ids: batch.events.iter().map(|queued| queued.payload["id"].clone()).collect(),
            status,
            ending: if last { Ending::Failed } else { ending },
        });
    }
}

/// The events that a change of a record is, with their payloads.
fn told(scope: &str, entity: &Entity, what: What, record: &Record, changed: Record) -> Vec<(String, Value)> {
    let id = record.get("id").cloned().unwrap_or_default();
    let with_id = |mut part: Record| {
        part.insert("id".to_owned(), id.clone());
        Value::Object(part)
    };
    match what {
        What::Create => vec![(format!("{scope}.create"), Value::Object(record.clone()))],
        What::Delete => vec![(format!("{scope}.delete"), with_id(Record::new()))],
        What::Update => {
            let fields = entity.fields.iter().filter_map(|(field, definition)| {
                let names = attributes(field, definition.kind);
                names.iter().any(|(name, _)| changed.contains_key(name)).then_some(())?;
                let part = names.iter().filter_map(|(name, _)| Some((name.clone(), record.get(name)?.clone())));
                Some((format!("{scope}.fieldUpdate.{field}"), with_id(part.collect())))
            });
            let fields: Vec<_> = fields.collect();
            std::iter::once((format!("{scope}.update"), with_id(changed))).chain(fields).collect()
        }
    }
}

/// `base64(id ":" hex(hmac))`, and the old form with the hmac as it is.
fn signatures(id: &str, secret: &str, body: &[u8]) -> (String, String) {
    let mac = hmac_sha256(secret, body);
    let old = [format!("{id}:").as_bytes(), &mac].concat();
    (STANDARD.encode(format!("{id}:{}", hex::encode(&mac))), STANDARD.encode(old))
}

struct Batch {
    hook: String,
    event: String,
    url: String,
    body: String,
    signature: String,
    old_signature: String,
    events: Vec<Queued>,
}

/// Delivers events until the installation is gone.
pub(super) async fn deliver(crm: Weak<EspoCrm>) {
    loop {
        let Some(crm) = crm.upgrade() else { return };
        let work = Arc::clone(&crm.work);
        crm.send_due().await;
        drop(crm);
        // Either something is new, or the clock may have been moved.
        let _ = tokio::time::timeout(TICK, work.notified()).await;
    }
}

impl EspoCrm {
    /// Tells the sender that there may be something to send.
    pub(super) fn wake(&self) {
        self.count_open();
        self.work.notify_one();
    }

    fn count_open(&self) {
        let due = self.state().due(self.world.now());
        self.open.send_replace(due);
    }

    async fn send_due(&self) {
        loop {
            let batch = self.state().batch(self.world.now());
            let Some(batch) = batch else { break };
            let status = self.attempt(&batch).await;
            let now = self.world.now();
            self.state().conclude(&batch, status, now);
        }
        self.count_open();
    }

    async fn attempt(&self, batch: &Batch) -> u16 {
        let fault = self.world.faults.take_exact(VENDOR, OPERATION);
        let twice = batch.events.iter().any(|event| event.twice && event.tries == 0);
        match Fault::handing(fault.as_ref(), twice).await {
            Handing::Once => self.send(batch).await,
            Handing::Twice => {
                self.send(batch).await;
                self.send(batch).await
            }
            Handing::Unanswered => {
                self.send(batch).await;
                0
            }
            Handing::Lost => 0,
        }
    }

    async fn send(&self, batch: &Batch) -> u16 {
        let request = self
            .client
            .post(&batch.url)
            .header("content-type", "application/json")
            .header("signature", &batch.signature)
            .header("x-signature", &batch.old_signature);
        match request.body(batch.body.clone()).send().await {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                tracing::warn!(webhook = batch.hook, error = %error.without_url(), "a webhook's receiver did not answer");
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of the EspoCRM note, 2.7.
    #[test]
    fn both_signatures_are_of_the_raw_body() {
        let (new, old) = signatures("6470a1b2c3d4e5f60", "s3cr3t-key", br#"[{"id":"abc"}]"#);
        let expected =
            "NjQ3MGExYjJjM2Q0ZTVmNjA6MDVjYmEyYmNhNTI1YTgxOWFhNzNjMzRmZmFmNTk4OGQyZDQ4NjRiNzkwZDIxMTkwOTJhOTMxNDYyZDdmYWFhZQ==";
        assert_eq!(new, expected);
        assert_eq!(old, "NjQ3MGExYjJjM2Q0ZTVmNjA6BcuivKUlqBmqc8NP+vWYjS1IZLeQ0hGQkqkxRi1/qq4=");
    }

    #[test]
    fn answers_have_classes() {
        let of =
            |statuses: &[u16], ending| statuses.iter().for_each(|status| assert_eq!(Ending::of(*status), ending, "{status}"));
        of(&[200, 204, 302, 399], Ending::Delivered);
        of(&[0, 401, 403, 404, 405, 408, 500, 503], Ending::Waiting);
        of(&[400, 409, 422, 429, 502, 504], Ending::Failed);
        of(&[410], Ending::Removed);
    }
}
