//! What the control API does with this stand-in.

use std::sync::Arc;

use axum::Router;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Calcom, VENDOR, router};
use crate::vendor::Vendor;

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
