//! What every stand-in saw: each request, whether the vendor's specification allows it, and what was answered.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One request to a stand-in.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When it arrived, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// `telegram`, `calcom`, `erxes`.
    pub vendor: &'static str,
    /// The vendor's name for the operation.
    pub operation: String,
    /// The decoded body, without credentials.
    pub request: serde_json::Value,
    /// HTTP status answered; 0 when the connection was dropped or left hanging.
    pub status: u16,
    /// Why the specification forbids this request; empty when it does not.
    pub violations: Vec<String>,
    /// The planned fault that struck, if any.
    pub fault: Option<crate::fault::Fault>,
}

/// The record of all requests, in order of arrival.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<Vec<Entry>>,
}

impl Ledger {
    /// Adds one request.
    pub fn record(&self, entry: Entry) {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(entry);
    }

    /// A copy of everything seen so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The requests that the vendor's specification forbids: a correct product keeps this empty.
    pub fn violations(&self) -> Vec<Entry> {
        let mut entries = self.entries();
        entries.retain(|entry| !entry.violations.is_empty());
        entries
    }
}
