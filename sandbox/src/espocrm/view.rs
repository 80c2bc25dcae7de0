//! What may be shown: the installation without its secrets, and requests without theirs.

use serde_json::{Value, json};

use super::EspoCrm;
use crate::wire::origin;

const MASK: &str = "***";

/// A request's body for the ledger. A webhook's address may hold a secret in its path: only its host is shown.
pub(super) fn redacted(body: &Value) -> Value {
    let mut shown = body.clone();
    if let Some(map) = shown.as_object_mut() {
        for (name, value) in map {
            match name.as_str() {
                "url" => *value = origin(value.as_str().unwrap_or_default()).into(),
                "password" | "secretKey" | "apiKey" => *value = MASK.into(),
                _ => {}
            }
        }
    }
    shown
}

impl EspoCrm {
    /// Everything a page may show: `records`, by scope a list of records as `GET {Type}/{id}` answers them; `fields`, by scope
    /// the custom fields; `webhooks`; `waiting`, the number of events that are not delivered yet; `deliveries`.
    pub fn snapshot(&self) -> Value {
        let state = self.state();
        let records = state
            .schema
            .keys()
            .map(|scope| (scope.clone(), state.all(scope).collect::<Vec<_>>().into_iter().cloned().map(Value::Object).collect()));
        let records: serde_json::Map<String, Value> = records.collect();
        let custom = state.schema.iter().map(|(scope, entity)| {
            let fields = entity.fields.iter().filter(|(_, field)| field.is_custom);
            (scope.clone(), json!(fields.collect::<std::collections::BTreeMap<_, _>>()))
        });
        let fields: serde_json::Map<String, Value> = custom.collect();
        let webhooks: Vec<Value> = state
            .hooks
            .iter()
            .map(|hook| {
                json!({"id": hook.id, "event": hook.event, "host": origin(&hook.url), "userId": hook.user,
                       "isActive": hook.is_active, "skipOwn": hook.skip_own})
            })
            .collect();
        json!({"settings": {"version": state.settings.version, "maintenance": state.settings.maintenance}, "records": records,
               "fields": fields, "webhooks": webhooks, "waiting": state.queue.len(), "deliveries": state.deliveries})
    }
}
