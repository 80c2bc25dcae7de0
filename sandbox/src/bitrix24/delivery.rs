//! Outgoing events: one form POST per handler, in order, never repeated: "no second chances", say the vendor's pages.

use std::sync::{Arc, Weak};

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use super::{
    Bitrix24, VENDOR, form,
    seed::ACCESS_LIFE,
    state::{Delivery, Grant, Handler, State, secret},
};
use crate::fault::{Fault, Handing};

/// The operation under which faults strike deliveries.
const OPERATION: &str = "webhook";

/// Something that happened to a record.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// `ONCRMCONTACTUPDATE`, ...
    pub(super) event: String,
    pub(super) id: i64,
    /// Who did it; none for a robot, and then there are no tokens in the event.
    pub(super) user: Option<i64>,
    /// Deliver it twice.
    pub(super) twice: bool,
}

/// An event on its way to one handler.
#[derive(Debug)]
pub(super) struct Post {
    handler: i64,
    url: String,
    event: Event,
    body: String,
}

/// Delivers events until the portal is gone.
pub(super) async fn deliver(portal: Weak<Bitrix24>, mut posts: UnboundedReceiver<Post>) {
    while let Some(post) = posts.recv().await {
        let Some(portal) = portal.upgrade() else { return };
        portal.attempt(&post).await;
        portal.open.send_modify(|open| *open -= 1);
    }
}

impl Bitrix24 {
    /// Sends events to those who hear them.
    pub(super) fn post(&self, events: Vec<Event>) {
        let now = self.world.now();
        let mut state = self.state();
        for event in events {
            let listeners: Vec<Handler> = state.handlers.iter().filter(|handler| handler.event == event.event).cloned().collect();
            // Booking events have no FIELDS (Bitrix24 note, 3.4).
            let id = json!({"ID": event.id});
            let data = if event.event.starts_with("ONBOOKING") { id } else { json!({"FIELDS": id}) };
            for handler in listeners {
                let auth = auth(&mut state, &handler, &event, now + ACCESS_LIFE);
                let body = form::encode(&json!({
                    "event": event.event, "event_handler_id": handler.id, "data": data,
                    "ts": now.timestamp(), "auth": auth,
                }));
                self.open.send_modify(|open| *open += 1);
                let post = Post { handler: handler.id, url: handler.url, event: event.clone(), body };
                if self.outbox.send(post).is_err() {
                    self.open.send_modify(|open| *open -= 1);
                }
            }
        }
    }

    async fn attempt(self: &Arc<Self>, post: &Post) {
        let fault = self.world.faults.take_exact(VENDOR, OPERATION);
        let status = match Fault::handing(fault.as_ref(), post.event.twice).await {
            Handing::Once => self.send(post).await,
            Handing::Twice => {
                self.send(post).await;
                self.send(post).await
            }
            Handing::Unanswered => {
                self.send(post).await;
                0
            }
            // The vendor does not try again.
            Handing::Lost => 0,
        };
        let (at, event) = (self.world.now(), post.event.event.clone());
        self.state().remember(Delivery { at, handler: post.handler, event, id: post.event.id, status });
    }

    async fn send(&self, post: &Post) -> u16 {
        let request = self.client.post(&post.url).header("content-type", "application/x-www-form-urlencoded");
        match request.body(post.body.clone()).send().await {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                tracing::warn!(handler = post.handler, error = %error.without_url(), "an event's handler did not answer");
                0
            }
        }
    }
}

/// What an event proves itself with. An application gets a token of the user who made the change.
fn auth(state: &mut State, handler: &Handler, event: &Event, until: chrono::DateTime<chrono::Utc>) -> Value {
    let mut auth = json!({
        "domain": state.portal.domain,
        "client_endpoint": format!("https://{}/rest/", state.portal.domain),
        "server_endpoint": "https://oauth.bitrix.info/rest/",
        "member_id": state.portal.member_id,
        "application_token": handler.token,
    });
    let app = handler.app.as_deref().and_then(|client_id| state.app(client_id)).cloned();
    let user = if handler.auth_type == 0 { event.user } else { Some(handler.auth_type) };
    if let (Some(app), Some(user)) = (app, user) {
        let token = secret();
        state.access_tokens.insert(token.clone(), Grant { client_id: app.client_id, user, until });
        auth["access_token"] = token.into();
        auth["expires_in"] = ACCESS_LIFE.num_seconds().into();
        auth["scope"] = app.scopes.join(",").into();
        auth["user_id"] = user.into();
        auth["status"] = "L".into();
    }
    auth
}
