//! What every stand-in saw: each request, whether the vendor's specification allows it, and what was answered.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Requests kept; a load test makes millions, and only their number and their violations matter then.
const KEPT: usize = 100_000;

/// One request to a stand-in.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// When it arrived, by the sandbox's clock.
    pub at: DateTime<Utc>,
    /// `telegram`, `max`, `vk`, `whatsapp`, `instagram`, `calcom`, `erxes`, `bitrix24`, `espocrm`.
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
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    entries: VecDeque<Entry>,
    violations: Vec<Entry>,
    total: u64,
}

impl Ledger {
    /// Adds one request.
    pub fn record(&self, entry: Entry) {
        let mut book = self.book();
        book.total += 1;
        if !entry.violations.is_empty() {
            book.violations.push(entry.clone());
        }
        if book.entries.len() == KEPT {
            book.entries.pop_front();
        }
        book.entries.push_back(entry);
    }

    /// A copy of everything seen so far (of the last hundred thousand).
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.iter().cloned().collect()
    }

    /// The requests numbered `from` and up, each with its number; numbers begin at 0 and are never used again.
    pub fn since(&self, from: u64) -> Vec<(u64, Entry)> {
        let book = self.book();
        let first = book.total - book.entries.len() as u64;
        let skip = usize::try_from(from.saturating_sub(first)).unwrap_or(usize::MAX);
        (first..).zip(&book.entries).skip(skip).map(|(number, entry)| (number, entry.clone())).collect()
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.book().total
    }

    /// The requests that the vendor's specification forbids: a correct product keeps this empty.
    pub fn violations(&self) -> Vec<Entry> {
        self.book().violations.clone()
    }

    /// How many requests the vendor's specification forbids.
    pub fn violation_count(&self) -> usize {
        self.book().violations.len()
    }

    /// Forgets the requests, but not how many there were.
    pub fn clear(&self) {
        let mut book = self.book();
        book.entries.clear();
        book.violations.clear();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: u32, violations: &[&str]) -> Entry {
        Entry {
            at: DateTime::UNIX_EPOCH,
            vendor: "telegram",
            operation: operation.to_string(),
            request: serde_json::Value::Null,
            status: 200,
            violations: violations.iter().map(|text| (*text).to_owned()).collect(),
            fault: None,
        }
    }

    #[test]
    fn numbers_outlive_the_entries() {
        let ledger = Ledger::default();
        ledger.record(entry(0, &["wrong"]));
        ledger.record(entry(1, &[]));
        ledger.clear();
        ledger.record(entry(2, &[]));
        ledger.record(entry(3, &["wrong"]));
        let seen = |from| ledger.since(from).into_iter().map(|(number, entry)| (number, entry.operation)).collect::<Vec<_>>();
        assert_eq!(seen(0), [(2, "2".to_owned()), (3, "3".to_owned())]);
        assert_eq!(seen(3), [(3, "3".to_owned())]);
        assert_eq!(seen(9), []);
        assert_eq!((ledger.total(), ledger.violation_count()), (4, 1));
    }
}
