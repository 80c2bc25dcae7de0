//! The messengers, all played alike: who is there, the chats, and what a thumb does in them.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Value, json};

use super::{Control, Refused, Reply, Shared, not_found};
use crate::messenger::{Act, Messenger};

/// Every messenger with its accounts and people.
pub(super) async fn list(State(control): Shared) -> Json<Value> {
    Json(control.messengers.iter().map(|messenger| parties(&**messenger)).collect())
}

/// The same with the chats that are watched and the last deliveries to webhooks.
pub(super) fn snapshot(control: &Control, watched: &str) -> Value {
    let watched: HashMap<&str, (&str, &str)> = watched
        .split(',')
        .filter_map(|chat| {
            let (vendor, parties) = chat.split_once('/')?;
            Some((vendor, parties.split_once('/')?))
        })
        .collect();
    let views = control.messengers.iter().map(|messenger| {
        let mut view = parties(&**messenger);
        let chat = watched.get(messenger.name()).and_then(|(account, person)| messenger.chat(account, person));
        view["chat"] = json!(chat);
        view["deliveries"] = messenger.snapshot()["deliveries"].take();
        view
    });
    views.collect()
}

/// The chat as the person's phone shows it.
pub(super) async fn chat(State(control): Shared, Path((vendor, account, person)): Path<(String, String, String)>) -> Reply {
    let chat = control.messenger(&vendor)?.chat(&account, &person);
    chat.map(|chat| Json(json!(chat))).ok_or_else(|| not_found("no such account or person"))
}

/// Lets the person do something.
pub(super) async fn act(
    State(control): Shared,
    Path((vendor, account, person)): Path<(String, String, String)>,
    Json(act): Json<Act>,
) -> Reply {
    let messenger: &Arc<dyn Messenger> = control.messenger(&vendor)?;
    if messenger.chat(&account, &person).is_none() {
        return Err(not_found("no such account or person"));
    }
    let events = messenger.act_as(&account, &person, act).map_err(|why| Refused(StatusCode::CONFLICT, why))?;
    Ok(Json(json!({"events": events})))
}

/// Posts what does not come from the vendor to the account's webhook.
pub(super) async fn forge(State(control): Shared, Path((vendor, account)): Path<(String, String)>) -> Reply {
    let status = control.messenger(&vendor)?.forge(&account).await;
    status.map(|status| Json(json!({"status": status}))).map_err(|why| Refused(StatusCode::CONFLICT, why))
}

/// Whether everything that happened has reached the account's webhook.
pub(super) async fn settled(State(control): Shared, Path((vendor, account)): Path<(String, String)>) -> Reply {
    let messenger = control.messenger(&vendor)?;
    if !messenger.accounts().iter().any(|(id, _)| *id == account) {
        return Err(not_found("no such account"));
    }
    Ok(Json(json!({"settled": messenger.is_settled(&account)})))
}

fn parties(messenger: &dyn Messenger) -> Value {
    let named =
        |all: Vec<(String, String)>| -> Value { all.into_iter().map(|(id, name)| json!({"id": id, "name": name})).collect() };
    json!({"vendor": messenger.name(), "accounts": named(messenger.accounts()), "people": named(messenger.people())})
}
