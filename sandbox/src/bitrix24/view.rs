//! What may be shown: the portal without its secrets, and requests without theirs.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::{
    Bitrix24,
    form::Parameters,
    state::{Handler, Kind, State, UserField},
};
use crate::wire::origin;

const MASK: &str = "***";

/// Parameters that prove something, inside a batch's commands.
#[allow(clippy::expect_used, reason = "the pattern is constant and every test uses it")]
static IN_COMMAND: LazyLock<Regex> = LazyLock::new(|| Regex::new("(?i)(auth|handler)=[^&]*").expect("the constant pattern"));

/// A request's parameters for the ledger. A handler's address may hold a secret in its path: only its host is shown.
pub(super) fn redacted(parameters: &Parameters) -> Value {
    let mut shown = parameters.values.clone();
    for (name, value) in &mut shown {
        match name.to_lowercase().as_str() {
            "auth" | "client_secret" | "refresh_token" | "access_token" | "code" => *value = MASK.into(),
            "handler" => *value = origin(value.as_str().unwrap_or_default()).into(),
            "cmd" => mask_commands(value),
            _ => {}
        }
    }
    Value::Object(shown)
}

fn mask_commands(commands: &mut Value) {
    match commands {
        Value::String(command) => *command = IN_COMMAND.replace_all(command, "$1=***").into_owned(),
        Value::Array(list) => list.iter_mut().for_each(mask_commands),
        Value::Object(map) => map.values_mut().for_each(mask_commands),
        _ => {}
    }
}

impl Bitrix24 {
    /// Everything a page may show: `portal`, `users`, `userFields`, `statuses`, `contacts`, `leads`, `deals`, `activities`,
    /// `comments`, `logMessages`, `resources`, `bookings`, `handlers`, `deliveries`, and `renewals`, the number of token renewals.
    /// Records are as `crm.item.get` answers them, activities as `crm.activity.get` with `pingOffsets` and `colorId` added.
    pub fn snapshot(&self) -> Value {
        let state = self.state();
        let items = |kind: Kind| state.items.get(&kind).into_iter().flat_map(|items| items.values()).collect::<Vec<_>>();
        json!({
            "portal": {"domain": state.portal.domain, "member_id": state.portal.member_id, "mode": state.portal.mode},
            "users": state.users.values().collect::<Vec<_>>(),
            "userFields": state.user_fields.iter().map(user_field).collect::<Vec<_>>(),
            "statuses": statuses(&state),
            "contacts": items(Kind::Contact),
            "leads": items(Kind::Lead),
            "deals": items(Kind::Deal),
            "activities": state.activities.values().collect::<Vec<_>>(),
            "comments": state.comments.values().collect::<Vec<_>>(),
            "logMessages": state.log_messages.values().collect::<Vec<_>>(),
            "resources": state.bookings.resources.values().collect::<Vec<_>>(),
            "bookings": state.bookings.bookings.values().collect::<Vec<_>>(),
            "handlers": state.handlers.iter().map(handler).collect::<Vec<_>>(),
            "deliveries": state.deliveries,
            "renewals": state.renewals,
        })
    }
}

fn user_field(field: &UserField) -> Value {
    let options: Vec<Value> = field.options.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
    json!({"id": field.id, "entity": field.kind.name().to_lowercase(), "name": field.name, "type": field.user_type,
           "multiple": field.multiple, "mandatory": field.mandatory, "options": options})
}

fn statuses(state: &State) -> Vec<Value> {
    state.statuses.iter().map(|status| json!({"entity": status.entity, "id": status.id, "name": status.name})).collect()
}

fn handler(handler: &Handler) -> Value {
    json!({"id": handler.id, "event": handler.event, "host": origin(&handler.url), "application": handler.app.is_some()})
}
