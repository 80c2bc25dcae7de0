//! Posting webhooks: inside the booking call, signed, at most once.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{
    Calcom,
    model::{Delivery, Scope, State, Webhook},
    payload::Trigger,
    view,
};
use crate::wire::hmac_sha256;

/// The only payload version of this dialect.
const WEBHOOK_VERSION: &str = "2021-10-20";

impl Calcom {
    /// Posts `payload` to every webhook that hears `trigger` of this booking, and waits for the receivers. A refusal or
    /// a timeout is not tried again, as in cal.com.
    pub(super) async fn notify(&self, trigger: Trigger, uid: &str, payload: Value, twice: bool) {
        let listeners = listeners(&self.state(), trigger, uid);
        let created = view::millis(self.world.now());
        let body = json!({"triggerEvent": trigger.name(), "createdAt": created, "payload": payload}).to_string();
        let rounds = if twice { 2 } else { 1 };
        for _ in 0..rounds {
            let posts = listeners.iter().map(|webhook| self.post(webhook, &body));
            for status in join_all(posts).await {
                let at = self.world.now();
                self.state().deliveries.push(Delivery { at, trigger: trigger.name(), uid: uid.to_owned(), status });
            }
        }
    }

    async fn post(&self, webhook: &Webhook, body: &str) -> u16 {
        let answer = self
            .client
            .post(&webhook.url)
            .header("content-type", "application/json")
            .header("x-cal-signature-256", signature(webhook.secret.as_deref(), body.as_bytes()))
            .header("x-cal-webhook-version", WEBHOOK_VERSION)
            .body(body.to_owned())
            .send()
            .await;
        match answer {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                tracing::warn!(webhook = webhook.id, error = %error.without_url(), "a webhook's receiver did not answer");
                0
            }
        }
    }
}

/// Lower-case hex of HMAC-SHA256 over the exact body bytes, without a prefix.
fn signature(secret: Option<&str>, body: &[u8]) -> String {
    secret.map_or_else(|| "no-secret-provided".to_owned(), |secret| hex::encode(hmac_sha256(secret, body)))
}

/// A team's types are heard by webhooks of the type and of the team, not of a member; a rejection by the host's too.
fn listeners(state: &State, trigger: Trigger, uid: &str) -> Vec<Webhook> {
    let Some(booking) = state.booking(uid) else {
        return Vec::new();
    };
    let team = state.event_types.get(&booking.event_type).and_then(|event_type| event_type.team_id);
    let hears = |webhook: &&Webhook| match webhook.scope {
        Scope::EventType(id) => id == booking.event_type,
        Scope::Team(id) => team == Some(id),
        Scope::User(id) => id == booking.host() && (team.is_none() || trigger == Trigger::Rejected),
    };
    let listed = |webhook: &&Webhook| webhook.active && webhook.triggers.iter().any(|name| name == trigger.name());
    state.webhooks.iter().filter(listed).filter(hears).cloned().collect()
}
