//! What is where on `graph.instagram.com`, and who may call it.

use std::sync::Arc;

use axum::{Router, http::Method, routing::any};
use serde_json::json;

use super::{Instagram, spec};
use crate::meta::{
    Platform,
    bundle::{Event, Piece},
    graph::{Outcome, Refusal},
    http::{Call, Graph, entry},
};

const SAVE_SUBSCRIPTION: &str = "POST /{Version}/{Application-ID}/subscriptions";

pub(super) fn router(instagram: Arc<Instagram>) -> Router {
    Router::new().route("/instagram/{*path}", any(entry::<Instagram>)).with_state(instagram)
}

#[async_trait::async_trait]
impl Graph for Instagram {
    fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    fn operation(&self, method: &Method, path: &[&str], versioned: bool) -> Option<(&'static str, String)> {
        let (node, edge) = match path {
            // The one operation that has no version in the vendor's pages; with one it answers as well.
            ["refresh_access_token"] if method == Method::GET => return Some((spec::REFRESH, "me".to_owned())),
            [node] => (node, ""),
            [node, edge] => (node, *edge),
            _ => return None,
        };
        let operation = match (method.as_str(), edge) {
            ("POST", "messages") => spec::SEND,
            ("POST", "subscribed_apps") => spec::SUBSCRIBE,
            ("GET", "subscribed_apps") => spec::SUBSCRIBED,
            ("DELETE", "subscribed_apps") => spec::UNSUBSCRIBE,
            ("POST", "subscriptions") => SAVE_SUBSCRIPTION,
            ("GET", "") => spec::NODE,
            _ => return None,
        };
        versioned.then(|| (operation, (*node).to_owned()))
    }

    async fn perform(self: Arc<Self>, call: &Call, violations: &mut Vec<String>) -> Outcome {
        if call.operation == SAVE_SUBSCRIPTION {
            return self.platform.save_subscription(&call.node, &call.parameters, call.token.as_deref()).await;
        }
        let answer = self.dispatch(call, violations).await?;
        let complaints = spec::check_answer(call.operation, &answer);
        if !complaints.is_empty() {
            self.platform.complain(&format!("{} answer", call.operation), answer.clone(), complaints);
        }
        Ok(answer)
    }

    fn planned(&self, status: u16) -> Refusal {
        let refusal = match status {
            401 => Refusal::expired_token(),
            403 => spec::refusal("permission"),
            404 => Refusal::no_such_object("post", "0"),
            429 => spec::refusal("rate"),
            500.. => spec::refusal("temporary").transient(),
            _ => spec::refusal("invalid"),
        };
        Refusal { status, ..refusal }
    }

    fn planned_nevertheless(&self, status: u16) -> Refusal {
        if status == 500 { spec::refusal("sent_nevertheless") } else { self.planned(status) }
    }

    fn limited(&self, seconds: u64) -> Refusal {
        Refusal { regain: Some(seconds), ..spec::refusal("rate") }
    }
}

impl Instagram {
    async fn dispatch(&self, call: &Call, violations: &mut Vec<String>) -> Outcome {
        let account = self.account_of(call.token.as_deref())?;
        let names_itself = [account.as_str(), "me"].contains(&call.node.as_str());
        if !names_itself && call.operation != spec::NODE {
            let verb = call.operation.split(' ').next().unwrap_or_default().to_lowercase();
            return Err(Refusal::no_such_object(&verb, &call.node));
        }
        violations.extend(spec::check_query(call.operation, &call.query)?);
        match call.operation {
            spec::SEND => self.send(&account, call, violations).await,
            spec::SUBSCRIBE => self.subscribe(&account, call),
            spec::SUBSCRIBED => self.list_subscribed(&account),
            spec::UNSUBSCRIBE => self.unsubscribe(&account),
            spec::REFRESH => self.refresh(&account, call),
            _ => self.show(&account, call),
        }
    }

    /// Sends an event, after a look at whether it is what the vendor would send.
    pub(super) fn emit(&self, event: Event) {
        self.check_own(&event);
        self.platform.emit(event);
    }

    /// Records it when a webhook of ours is not what the document says a webhook is.
    pub(super) fn check_own(&self, event: &Event) {
        let mut entry = json!({"id": event.account, "time": self.platform.world.now().timestamp_millis()});
        match &event.piece {
            Piece::Change(change) => entry["changes"] = json!([change]),
            Piece::Messaging(item) => entry["messaging"] = json!([item]),
            Piece::Flat { field, value } => {
                entry["field"] = json!(field);
                entry["value"] = value.clone();
            }
        }
        let body = json!({"object": self.platform.object.name(), "entry": [entry]});
        let complaints = spec::check_webhook(&body);
        if !complaints.is_empty() {
            self.platform.complain("webhook body", body, complaints);
        }
    }
}
