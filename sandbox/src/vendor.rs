//! What the control API and the page need from a stand-in, whatever vendor it plays.

use std::sync::Arc;

use axum::Router;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    calcom::{self, Calcom},
    erxes::{self, Erxes},
};

/// A stand-in.
#[async_trait::async_trait]
pub trait Vendor: Send + Sync + std::fmt::Debug {
    /// Name in paths, faults and the ledger.
    fn name(&self) -> &'static str;
    /// The vendor's own HTTP interface.
    fn router(self: Arc<Self>) -> Router;
    /// What a chat page may show.
    fn snapshot(&self) -> Value;
    /// Puts data into it that exists before the product comes.
    ///
    /// # Errors
    ///
    /// Why the data can't be used.
    fn seed(&self, data: &Value) -> Result<(), String>;
    /// Lets the salon's staff do something in the vendor's own screens.
    ///
    /// # Errors
    ///
    /// Why it can't be done.
    async fn act(&self, action: Value) -> Result<Value, String>;
}

/// What people do in cal.com's own screens.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
enum CalendarAction {
    /// Somebody else takes a time.
    Book {
        event_type: i64,
        start: DateTime<Utc>,
    },
    Cancel {
        uid: String,
    },
    Reschedule {
        uid: String,
        start: DateTime<Utc>,
    },
    Confirm {
        uid: String,
    },
    Decline {
        uid: String,
        reason: String,
    },
}

#[async_trait::async_trait]
impl Vendor for Calcom {
    fn name(&self) -> &'static str {
        "calcom"
    }

    fn router(self: Arc<Self>) -> Router {
        calcom::router(self)
    }

    fn snapshot(&self) -> Value {
        self.snapshot()
    }

    fn seed(&self, data: &Value) -> Result<(), String> {
        self.seed(data).map_err(|error| error.to_string())
    }

    async fn act(&self, action: Value) -> Result<Value, String> {
        let uid = |uid: String| json!({"uid": uid});
        let done = |()| json!({});
        match serde_json::from_value(action).map_err(|error| error.to_string())? {
            CalendarAction::Book { event_type, start } => self.book_as_somebody_else(event_type, start).await.map(uid),
            CalendarAction::Cancel { uid } => self.cancel_in_ui(&uid).await.map(done),
            CalendarAction::Reschedule { uid: old, start } => self.reschedule_in_ui(&old, start).await.map(uid),
            CalendarAction::Confirm { uid } => self.confirm_in_ui(&uid).await.map(done),
            CalendarAction::Decline { uid, reason } => self.decline_in_ui(&uid, &reason).await.map(done),
        }
    }
}

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
        "erxes"
    }

    fn router(self: Arc<Self>) -> Router {
        erxes::router(self)
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
