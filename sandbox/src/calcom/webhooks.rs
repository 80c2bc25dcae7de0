//! Managing webhooks of a team's event type and of a user.

use serde_json::{Value, json};

use super::{
    Calcom,
    answer::Refusal,
    http::{Answer, Call, success},
    model::{Scope, Webhook},
};

pub(super) fn create(calcom: &Calcom, scope: Scope, body: &Value) -> Answer {
    let mut state = calcom.state();
    let url = text(&body["subscriberUrl"]).unwrap_or_default();
    check_url(&url)?;
    if state.webhooks.iter().any(|webhook| webhook.scope == scope && webhook.url == url) {
        let of = if matches!(scope, Scope::User(_)) { "user" } else { "event type" };
        return Err(Refusal::nest(409, format!("Webhook with this subscriber url already exists for this {of}")));
    }
    let mut webhook = Webhook {
        id: uuid::Uuid::new_v4().to_string(),
        scope,
        active: true,
        url,
        secret: None,
        template: None,
        triggers: Vec::new(),
    };
    change(&mut webhook, body);
    let shown = view(&webhook);
    state.webhooks.push(webhook);
    success(201, shown)
}

/// The server wants a URL with a scheme; what it points at is the owner's business.
fn check_url(url: &str) -> Result<(), Refusal> {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(()),
        _ => Err(Refusal::input("subscriberUrl must be a URL address")),
    }
}

fn change(webhook: &mut Webhook, body: &Value) {
    if let Some(active) = body["active"].as_bool() {
        webhook.active = active;
    }
    if let Some(url) = text(&body["subscriberUrl"]) {
        webhook.url = url;
    }
    if let Some(triggers) = body["triggers"].as_array() {
        webhook.triggers = triggers.iter().filter_map(text).collect();
    }
    webhook.secret = text(&body["secret"]).or(webhook.secret.take());
    webhook.template = text(&body["payloadTemplate"]).or(webhook.template.take());
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

/// The secret is shown in clear, as cal.com does.
fn view(webhook: &Webhook) -> Value {
    let (owner, id) = match webhook.scope {
        Scope::User(id) => ("userId", id),
        Scope::EventType(id) => ("eventTypeId", id),
        Scope::Team(id) => ("teamId", id),
    };
    let mut shown = json!({"id": webhook.id, "active": webhook.active, "subscriberUrl": webhook.url,
        "secret": webhook.secret, "payloadTemplate": webhook.template, "triggers": webhook.triggers});
    shown[owner] = id.into();
    shown
}

fn missing(id: &str) -> Refusal {
    Refusal::nest(404, format!("Webhook with id {id} not found"))
}

pub(super) fn list(calcom: &Calcom, scope: Scope, call: &Call) -> Answer {
    let number = |name: &str| call.param(name).and_then(|text| text.parse::<usize>().ok());
    let state = calcom.state();
    let found = state.webhooks.iter().filter(|webhook| webhook.scope == scope);
    success(200, found.skip(number("skip").unwrap_or(0)).take(number("take").unwrap_or(250)).map(view).collect())
}

pub(super) fn get(calcom: &Calcom, scope: Scope, id: &str) -> Answer {
    let state = calcom.state();
    let found = state.webhooks.iter().find(|webhook| webhook.scope == scope && webhook.id == id);
    success(200, view(found.ok_or_else(|| missing(id))?))
}

pub(super) fn update(calcom: &Calcom, scope: Scope, id: &str, body: &Value) -> Answer {
    if let Some(url) = body["subscriberUrl"].as_str() {
        check_url(url)?;
    }
    let mut state = calcom.state();
    let found = state.webhooks.iter_mut().find(|webhook| webhook.scope == scope && webhook.id == id);
    let webhook = found.ok_or_else(|| missing(id))?;
    change(webhook, body);
    success(200, view(webhook))
}

pub(super) fn remove(calcom: &Calcom, scope: Scope, id: &str) -> Answer {
    let mut state = calcom.state();
    let found = state.webhooks.iter().position(|webhook| webhook.scope == scope && webhook.id == id);
    let removed = state.webhooks.remove(found.ok_or_else(|| missing(id))?);
    success(200, view(&removed))
}

pub(super) fn remove_all(calcom: &Calcom, scope: Scope) -> Answer {
    let mut state = calcom.state();
    let before = state.webhooks.len();
    state.webhooks.retain(|webhook| webhook.scope != scope);
    let removed = before - state.webhooks.len();
    success(200, format!("{removed} webhooks deleted").into())
}
