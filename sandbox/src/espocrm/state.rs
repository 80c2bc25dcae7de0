//! What the installation keeps.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    access::Account,
    delivery::{Delivery, Queued},
    hooks::Hook,
    schema::{self, Entity, Schema},
    seed::Settings,
};

/// Deliveries remembered.
const REMEMBERED: usize = 2_000;
/// All times are UTC and without a zone (EspoCRM note, 2.3).
pub(super) const MOMENT: &str = "%Y-%m-%d %H:%M:%S";

pub(super) type Record = Map<String, Value>;

/// A moment as EspoCRM writes it.
pub(super) fn moment(at: DateTime<Utc>) -> Value {
    at.format(MOMENT).to_string().into()
}

/// Reads a moment that EspoCRM wrote.
pub(super) fn read_moment(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, MOMENT).ok()
}

/// Who does something, and when.
#[derive(Debug, Clone, Serialize)]
pub(super) struct By {
    /// The id of a user.
    pub(super) user: String,
    pub(super) now: DateTime<Utc>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) schema: Schema,
    /// How API users prove themselves, by the user's id.
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) records: BTreeMap<String, BTreeMap<String, Record>>,
    pub(super) hooks: Vec<Hook>,
    pub(super) queue: VecDeque<Queued>,
    pub(super) deliveries: VecDeque<Delivery>,
    /// When keys were refused.
    pub(super) denied: VecDeque<DateTime<Utc>>,
    pub(super) serial: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            schema: schema::own(),
            accounts: BTreeMap::new(),
            records: BTreeMap::new(),
            hooks: Vec::new(),
            queue: VecDeque::new(),
            deliveries: VecDeque::new(),
            denied: VecDeque::new(),
            serial: 0,
        }
    }
}

impl State {
    /// An id as the vendor's look: seventeen hexadecimal digits.
    pub(super) fn next_id(&mut self, now: DateTime<Utc>) -> String {
        self.serial += 1;
        format!("{:013x}{:04x}", now.timestamp_micros() & 0x000f_ffff_ffff_ffff, self.serial & 0xffff)
    }

    pub(super) fn record(&self, scope: &str, id: &str) -> Option<&Record> {
        self.records.get(scope)?.get(id)
    }

    pub(super) fn record_mut(&mut self, scope: &str, id: &str) -> Option<&mut Record> {
        self.records.get_mut(scope)?.get_mut(id)
    }

    pub(super) fn all(&self, scope: &str) -> impl Iterator<Item = &Record> {
        self.records.get(scope).into_iter().flat_map(BTreeMap::values)
    }

    pub(super) fn put(&mut self, scope: &str, id: &str, record: Record) {
        self.records.entry(scope.to_owned()).or_default().insert(id.to_owned(), record);
    }

    pub(super) fn entity(&self, scope: &str) -> Option<&Entity> {
        self.schema.get(scope)
    }

    /// What a record is called.
    pub(super) fn name_of(&self, scope: &str, id: &str) -> Value {
        self.record(scope, id).and_then(|record| record.get("name")).cloned().unwrap_or_default()
    }

    pub(super) fn remember(&mut self, delivery: Delivery) {
        if self.deliveries.len() == REMEMBERED {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(delivery);
    }
}
