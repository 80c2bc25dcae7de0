//! Events to callback servers: one POST each, in order about a person, and again by VK's own schedule until it is given up.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    VENDOR, Vk,
    server::{Event, Lane, Server, Status},
    spec::spec,
    state::{Group, random_hex},
};
use crate::fault::{Fault, Handing};

/// VK: an event is repeated after 10 s, 3 min, 10 min, 30 min and 1 h, and then lost.
const PAUSES: [u64; 5] = [10, 180, 600, 1_800, 3_600];
/// VK: a server may ask for a pause below three hours.
const LONGEST_ASKED: u64 = 3 * 3_600;
/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";
const REMEMBERED: usize = 2_000;

/// One attempt to hand an event over.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// When, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// Community.
    pub group: i64,
    /// Callback server.
    pub server: i64,
    /// `event_id`.
    pub event_id: String,
    /// `message_new`, `message_event`, ..., `confirmation`.
    pub kind: &'static str,
    /// `X-Retry-Counter`; 0 at the first try, which has none.
    pub retry: usize,
    /// HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// Whether it was the answer VK wants.
    pub taken: bool,
}

/// What a server answered.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: String,
    /// Seconds to wait, where VK listens to it.
    retry_after: Option<u64>,
}

/// What VK makes of an answer.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    /// `remove`: VK deletes the server.
    Remove,
    /// `version 5.N`: VK changes the version of the server's events.
    Version(String),
    /// Anything else, with the seconds the server asked VK to wait.
    Refused(Option<u64>),
}

impl Answer {
    const NONE: Self = Self { status: 0, body: String::new(), retry_after: None };

    fn verdict(&self) -> Verdict {
        match (self.status, self.body.as_str()) {
            (200, "ok") => Verdict::Taken,
            (200, "remove") => Verdict::Remove,
            (200, other) if other.starts_with("version ") => Verdict::Version(other["version ".len()..].to_owned()),
            _ => Verdict::Refused(self.retry_after),
        }
    }
}

/// VK: `Retry-After` is heard with 410, 429 and 503, in seconds or as a date, below three hours.
fn asked_pause(status: u16, header: Option<&str>, now: DateTime<Utc>) -> Option<u64> {
    let header = header.filter(|_| matches!(status, 410 | 429 | 503))?;
    let date =
        || DateTime::parse_from_rfc2822(header).ok().map(|date| (date.to_utc() - now).num_seconds().max(0).cast_unsigned());
    header.parse().ok().or_else(date).filter(|seconds| *seconds < LONGEST_ASKED)
}

impl Vk {
    /// The last attempts to deliver, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Starts the lanes that have something to deliver and nobody who does it.
    pub(super) fn run_lanes(&self, group: &Arc<Group>) {
        let Some(vk) = self.me.upgrade() else { return };
        let mut state = group.state();
        let idle: Vec<Lane> = state.lanes.keys().filter(|lane| !state.running.contains(lane)).copied().collect();
        for lane in idle {
            state.running.insert(lane);
            self.tasks.spawn(Arc::clone(&vk).drain(Arc::clone(group), lane));
        }
    }

    /// Tries each event of a lane once; what is refused is repeated beside the lane, so that later events overtake it.
    async fn drain(self: Arc<Self>, group: Arc<Group>, lane: Lane) {
        while let Some(event) = next(&group, lane) {
            let verdict = self.attempt(&group, lane.server, &event, 0).await;
            match self.settle(&group, lane.server, verdict) {
                None => self.end(&group),
                Some(asked) => {
                    self.tasks.spawn(Arc::clone(&self).repeat(Arc::clone(&group), lane.server, event, asked));
                }
            }
        }
    }

    async fn repeat(self: Arc<Self>, group: Arc<Group>, server: i64, event: Arc<Event>, mut asked: Option<u64>) {
        for (number, pause) in (1..).zip(PAUSES) {
            let scale = self.manners().retry_ms_per_second;
            tokio::time::sleep(Duration::from_millis(asked.unwrap_or(pause) * scale)).await;
            let verdict = self.attempt(&group, server, &event, number).await;
            match self.settle(&group, server, verdict) {
                None => break,
                Some(again) => asked = again,
            }
        }
        self.end(&group);
    }

    /// One event is no longer on its way.
    fn end(&self, group: &Group) {
        group.state().open -= 1;
        self.touch();
    }

    /// Does what the server's answer commands; answers the pause it asked for if the event is to come again.
    fn settle(&self, group: &Group, server: i64, verdict: Verdict) -> Option<Option<u64>> {
        let mut state = group.state();
        let command = match verdict {
            Verdict::Taken => return None,
            Verdict::Refused(asked) => return Some(asked),
            Verdict::Remove => {
                state.servers.remove(&server);
                "removes the server"
            }
            Verdict::Version(version) => {
                if !state.servers.get_mut(&server).is_none_or(|server| server.set_version(&version)) {
                    return Some(None);
                }
                "changes the version of the server's events"
            }
        };
        drop(state);
        let violation = format!("the answer to an event {command}");
        self.complain(OPERATION, json!({"group": group.id, "server": server}), 200, vec![violation]);
        None
    }

    /// Posts an event to a server; one that is gone takes everything.
    async fn attempt(&self, group: &Group, id: i64, event: &Event, retry: usize) -> Verdict {
        let Some(server) = group.state().servers.get(&id).cloned() else { return Verdict::Taken };
        let envelope = server.envelope(group.id, event);
        let fault = if retry == 0 { self.world.faults.take_exact(VENDOR, OPERATION) } else { None };
        let post = || self.post(&server, &envelope, retry);
        let answer = match Fault::handing(fault.as_ref(), event.twice).await {
            Handing::Once => post().await,
            Handing::Twice => tokio::join!(post(), post()).0,
            Handing::Unanswered => {
                post().await;
                Answer::NONE
            }
            Handing::Lost => Answer::NONE,
        };
        let verdict = answer.verdict();
        self.remember(group.id, id, event, retry, answer.status, !matches!(verdict, Verdict::Refused(_)));
        verdict
    }

    async fn post(&self, server: &Server, envelope: &Value, retry: usize) -> Answer {
        let mut request = self.client.post(&server.url).header("Content-Type", "application/json").body(envelope.to_string());
        if retry > 0 {
            request = request.header("X-Retry-Counter", retry);
        }
        let Ok(response) = request.send().await else { return Answer::NONE };
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = asked_pause(status, header, self.world.now());
        Answer { status, retry_after, body: response.text().await.unwrap_or_default() }
    }

    /// Asks a server for the confirmation code. Once it was given, the community has another.
    pub(super) async fn ask_for_code(self: Arc<Self>, group: Arc<Group>, id: i64) {
        let event = Event { id: random_hex(5), kind: "confirmation", object: Value::Null, twice: false };
        let asked = group.state().servers.get(&id).cloned();
        if let Some(server) = asked {
            let envelope = server.envelope(group.id, &event);
            self.check_envelope(&envelope);
            let answer = self.post(&server, &envelope, 0).await;
            let mut state = group.state();
            let confirmed = answer.status == 200 && answer.body == state.code;
            if let Some(server) = state.servers.get_mut(&id) {
                server.status = if confirmed { Status::Ok } else { Status::Failed };
            }
            if confirmed {
                state.code = random_hex(4);
            }
            drop(state);
            self.remember(group.id, id, &event, 0, answer.status, confirmed);
        }
        self.end(&group);
    }

    fn remember(&self, group: i64, server: i64, event: &Event, retry: usize, status: u16, taken: bool) {
        let at = self.world.now();
        let delivery = Delivery { at, group, server, event_id: event.id.clone(), kind: event.kind, retry, status, taken };
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        if deliveries.len() == REMEMBERED {
            deliveries.pop_front();
        }
        deliveries.push_back(delivery);
        drop(deliveries);
        self.touch();
    }

    /// Posts an event that did not come from VK to the community's first server; answers the HTTP status.
    pub(super) async fn forge(&self, group: &Group, event: &Value) -> Result<u16, String> {
        let url = group.state().servers.values().next().map(|server| server.url.clone()).ok_or("no callback server")?;
        let request = self.client.post(url).header("Content-Type", "application/json").body(event.to_string());
        let sent = self.tasks.spawn(request.send());
        let response = sent.await.map_err(|error| error.to_string())?.map_err(|error| error.without_url().to_string())?;
        Ok(response.status().as_u16())
    }

    /// Records it when an event of ours is not what the schema says.
    pub(super) fn check_own(&self, kind: &str, object: &Value) {
        self.check_envelope(&json!({"type": kind, "event_id": "0", "v": "5.199", "group_id": 1, "object": object}));
    }

    fn check_envelope(&self, envelope: &Value) {
        let problems = spec().check_event(envelope);
        if !problems.is_empty() {
            self.complain("event", json!({"type": envelope["type"]}), 0, problems);
        }
    }
}

/// The lane's next event, taken out of it; none ends the lane's task.
fn next(group: &Group, lane: Lane) -> Option<Arc<Event>> {
    let mut state = group.state();
    let event = state.lanes.get_mut(&lane).and_then(std::collections::VecDeque::pop_front);
    if event.is_none() {
        state.lanes.remove(&lane);
        state.running.remove(&lane);
    }
    event
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn verdict(status: u16, body: &str) -> Verdict {
        Answer { status, body: body.to_owned(), retry_after: None }.verdict()
    }

    #[test]
    fn only_ok_is_ok() {
        assert_eq!(verdict(200, "ok"), Verdict::Taken);
        for (status, body) in [(200, ""), (200, "OK"), (200, "ok\n"), (200, "\"ok\""), (201, "ok"), (204, ""), (500, "ok")] {
            assert_eq!(verdict(status, body), Verdict::Refused(None), "{status} {body:?}");
        }
        assert_eq!(verdict(200, "remove"), Verdict::Remove);
        assert_eq!(verdict(200, "version 5.131"), Verdict::Version("5.131".to_owned()));
    }

    #[test]
    fn a_server_may_ask_for_a_pause() {
        let now = DateTime::UNIX_EPOCH;
        assert_eq!(asked_pause(503, Some("60"), now), Some(60));
        assert_eq!(asked_pause(429, Some("10799"), now), Some(10_799));
        assert_eq!(asked_pause(410, Some("10800"), now), None);
        assert_eq!(asked_pause(500, Some("60"), now), None);
        assert_eq!(asked_pause(503, None, now), None);
        assert_eq!(asked_pause(503, Some("soon"), now), None);
        let date = (now + TimeDelta::seconds(90)).to_rfc2822();
        assert_eq!(asked_pause(503, Some(&date), now), Some(90));
        assert_eq!(asked_pause(503, Some("Thu, 01 Jan 1970 00:02:00 GMT"), now), Some(120));
    }
}
