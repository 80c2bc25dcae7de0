//! What is where on `graph.facebook.com`, and who may call it.

use std::sync::Arc;

use axum::{Router, http::Method, routing::any};
use serde_json::Value;

use super::{WhatsApp, answer::refusal, spec};
use crate::meta::{
    Platform,
    graph::{Outcome, Refusal},
    http::{Call, Graph, entry},
};

const SAVE_SUBSCRIPTION: &str = "POST /{Version}/{Application-ID}/subscriptions";
const SUBSCRIPTIONS: &str = "GET /{Version}/{Application-ID}/subscriptions";

pub(super) fn router(whatsapp: Arc<WhatsApp>) -> Router {
    Router::new().route("/whatsapp/{*path}", any(entry::<WhatsApp>)).with_state(whatsapp)
}

#[async_trait::async_trait]
impl Graph for WhatsApp {
    fn platform(&self) -> &Arc<Platform> {
        &self.platform
    }

    fn operation(&self, method: &Method, path: &[&str], versioned: bool) -> Option<(&'static str, String)> {
        let (node, edge) = match path {
            [node] => (node, ""),
            [node, edge] => (node, *edge),
            _ => return None,
        };
        let operation = match (method.as_str(), edge) {
            ("POST", "messages") => spec::SEND,
            ("GET", "message_templates") => spec::TEMPLATES,
            ("POST", "subscribed_apps") => spec::SUBSCRIBE,
            ("GET", "subscribed_apps") => spec::SUBSCRIBED,
            ("DELETE", "subscribed_apps") => spec::UNSUBSCRIBE,
            ("POST", "subscriptions") => SAVE_SUBSCRIPTION,
            ("GET", "subscriptions") => SUBSCRIPTIONS,
            ("GET", "") => spec::NUMBER,
            _ => return None,
        };
        versioned.then(|| (operation, (*node).to_owned()))
    }

    async fn perform(self: Arc<Self>, call: &Call, violations: &mut Vec<String>) -> Outcome {
        match call.operation {
            SAVE_SUBSCRIPTION => {
                return self.platform.save_subscription(&call.node, &call.parameters, call.token.as_deref()).await;
            }
            SUBSCRIPTIONS => return self.platform.subscriptions(&call.node, call.token.as_deref()),
            _ => {}
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
            403 => refusal(131_005),
            404 => Refusal::no_such_object("post", "0"),
            429 => refusal(130_429),
            500 => refusal(131_000),
            502.. => refusal(2),
            _ => refusal(100),
        };
        Refusal { status, ..refusal }
    }

    fn limited(&self, seconds: u64) -> Refusal {
        Refusal { regain: Some(seconds), ..refusal(80_007) }
    }
}

impl WhatsApp {
    async fn dispatch(&self, call: &Call, violations: &mut Vec<String>) -> Outcome {
        self.authorize(call)?;
        violations.extend(spec::unknown_parameters(call.operation, &call.query));
        match call.operation {
            spec::SEND => self.send(call, violations),
            spec::TEMPLATES => self.list_templates(call),
            spec::SUBSCRIBE => self.subscribe(call, violations).await,
            spec::SUBSCRIBED => self.list_subscribed(&call.node),
            spec::UNSUBSCRIBE => self.unsubscribe(&call.node),
            _ => self.show_number(call),
        }
    }

    /// A token sees the numbers and the account it was made for, and nothing else.
    fn authorize(&self, call: &Call) -> Result<(), Refusal> {
        let token = call.token.as_deref().ok_or_else(Refusal::no_token)?;
        let state = self.state();
        let owner = state.wabas.values().find(|waba| waba.token == token).ok_or_else(Refusal::bad_token)?;
        if owner.token_expired {
            return Err(Refusal::expired_token());
        }
        let waba = state.numbers.get(&call.node).map_or(call.node.as_str(), |number| number.waba.as_str());
        let numbers = [spec::SEND, spec::NUMBER].contains(&call.operation);
        if waba != owner.id || numbers != state.numbers.contains_key(&call.node) {
            let verb = call.operation.split(' ').next().unwrap_or_default().to_lowercase();
            return Err(Refusal::no_such_object(&verb, &call.node));
        }
        Ok(())
    }

    /// Records it when a webhook of ours is not what the document says a webhook is.
    pub(super) fn check_own(&self, body: &Value) {
        let complaints = spec::check_webhook(body);
        if !complaints.is_empty() {
            self.platform.complain("webhook body", body.clone(), complaints);
        }
    }
}
