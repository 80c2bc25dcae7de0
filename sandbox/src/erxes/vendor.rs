//! What the control API does with this stand-in.

use std::sync::Arc;

use axum::Router;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Erxes, VENDOR, router};
use crate::vendor::Vendor;

/// What operators do in erxes' own screens.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum CrmAction {
    /// Answers a client in the inbox.
    Reply { conversation_id: String, text: String },
    /// Changes fields of a customer.
    Edit { customer: String, fields: Value },
    /// Deletes a customer.
    Delete { customer: String },
    /// Merges two customers: `into` keeps its values and takes what it has none of.
    Merge { into: String, from: String },
}

#[async_trait::async_trait]
impl Vendor for Erxes {
    fn name(&self) -> &'static str {
        VENDOR
    }

    fn router(self: Arc<Self>) -> Router {
        router(self)
    }

    fn snapshot(&self) -> Value {
        self.snapshot()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.seed(data).map_err(|error| error.to_string())
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        let done = match serde_json::from_value(action).map_err(|error| error.to_string())? {
            CrmAction::Reply { conversation_id, text } => {
                return match self.operator_reply(&conversation_id, &text) {
                    Ok(id) => Ok(json!({"message_id": id})),
                    Err(error) => Err(error.to_string()),
                };
            }
            CrmAction::Edit { customer, fields } => self.edit_customer(&customer, &fields),
            CrmAction::Delete { customer } => self.delete_customer(&customer),
            CrmAction::Merge { into, from } => self.merge_customers(&into, &from),
        };
        done.map(|()| json!({})).map_err(|error| error.to_string())
    }
}
