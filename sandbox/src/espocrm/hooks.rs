//! Webhooks as records (EspoCRM note, 2.7).

use serde_json::{Map, Value, json};

use super::{
    access::Account,
    answer::{Outcome, Refusal},
    query::Search,
    state::{By, State},
};

/// The most a user may have.
const MOST: usize = 50;

/// Who hears an event.
#[derive(Debug, Clone)]
pub(super) struct Hook {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) skip_own: bool,
    pub(super) is_active: bool,
    pub(super) user: String,
}

impl Hook {
    fn view(&self) -> Value {
        let mut parts = self.event.splitn(3, '.');
        json!({"id": self.id, "event": self.event, "url": self.url, "isActive": self.is_active, "skipOwn": self.skip_own,
               "userId": self.user, "entityType": parts.next(), "type": parts.next(), "field": parts.next()})
    }
}

/// `Contact.create`, `Contact.update`, `Contact.delete`, `Contact.fieldUpdate.phoneNumber`.
pub(super) fn check_event(state: &State, event: &str) -> bool {
    let parts: Vec<&str> = event.split('.').collect();
    let Some(entity) = parts.first().and_then(|scope| state.entity(scope)).filter(|entity| entity.object) else { return false };
    match parts.as_slice() {
        [_, "create" | "update" | "delete"] => true,
        [_, "fieldUpdate", field] => entity.fields.contains_key(*field),
        _ => false,
    }
}

/// `POST Webhook`: the one answer that tells the secret.
pub(super) fn create(state: &mut State, body: &Map<String, Value>, account: &Account, by: &By) -> Outcome {
    account.check("Webhook", "create")?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let (event, url) = (text("event"), text("url"));
    for (name, value) in [("event", event), ("url", url)] {
        if value.is_empty() {
            return Err(Refusal::invalid(name, "required"));
        }
    }
    if !check_event(state, event) {
        return Err(Refusal::wrong(403, format!("Event '{event}' is not supported.")));
    }
    account.check(event.split('.').next().unwrap_or_default(), "read")?;
    if !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Err(Refusal::invalid("url", "valid"));
    }
    if state.hooks.iter().filter(|hook| hook.user == by.user).count() >= MOST && !account.admin {
        return Err(Refusal::happens(403, "Webhook maximum count exceeded"));
    }
    let hook = Hook {
        id: state.next_id(by.now),
        event: event.to_owned(),
        url: url.to_owned(),
        secret: uuid::Uuid::new_v4().simple().to_string(),
        skip_own: body.get("skipOwn") == Some(&true.into()),
        is_active: body.get("isActive") != Some(&false.into()),
        user: by.user.clone(),
    };
    let mut view = hook.view();
    view["secretKey"] = hook.secret.as_str().into();
    state.hooks.push(hook);
    Ok(view)
}

fn own<'a>(state: &'a State, account: &'a Account, by: &'a By) -> impl Iterator<Item = &'a Hook> {
    state.hooks.iter().filter(|hook| account.admin || hook.user == by.user)
}

/// `GET Webhook`: a user's own.
pub(super) fn list(state: &State, search: &Search, no_total: bool, account: &Account, by: &By) -> Outcome {
    account.check("Webhook", "read")?;
    if !search.conditions.is_empty() {
        return Err(Refusal::wrong(400, "Webhooks are not searched here."));
    }
    let all: Vec<Value> = own(state, account, by).map(Hook::view).collect();
    let total = if no_total { -2 } else { i64::try_from(all.len()).unwrap_or(i64::MAX) };
    let page: Vec<Value> = all.into_iter().skip(search.offset).take(search.most).collect();
    Ok(json!({"total": total, "list": page}))
}

/// `GET Webhook/{id}`.
pub(super) fn get(state: &State, id: &str, account: &Account, by: &By) -> Outcome {
    account.check("Webhook", "read")?;
    own(state, account, by).find(|hook| hook.id == id).map(Hook::view).ok_or_else(Refusal::not_found)
}

/// `DELETE Webhook/{id}`.
pub(super) fn remove(state: &mut State, id: &str, account: &Account, by: &By) -> Outcome {
    account.check("Webhook", "delete")?;
    own(state, account, by).find(|hook| hook.id == id).ok_or_else(Refusal::not_found)?;
    state.forget_hook(id);
    Ok(true.into())
}

impl State {
    /// Removes a webhook and what is on its way to it.
    pub(super) fn forget_hook(&mut self, id: &str) {
        self.hooks.retain(|hook| hook.id != id);
        self.queue.retain(|queued| queued.hook != id);
    }
}
