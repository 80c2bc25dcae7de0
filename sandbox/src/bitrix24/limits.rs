//! The portal's two limits: how many requests, and how much working time per method (Bitrix24 note, 3.3).

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::answer::{Operating, Refusal};
use crate::pace::Bucket;

/// Working time is summed over ten buckets of a minute.
const MINUTES: i64 = 10;

/// How strict the portal is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Settings {
    /// Count requests.
    pub(super) rate: bool,
    /// Requests after which one is refused; 250 with the largest plan.
    pub(super) burst: f64,
    /// Requests forgotten in a second; 5 with the largest plan.
    pub(super) drain: f64,
    /// Refuse methods that worked for too long.
    pub(super) operating: bool,
    /// Tell the working time in replies; some portals don't.
    pub(super) counters: bool,
    /// Seconds of work in ten minutes.
    pub(super) operating_limit: f64,
    /// Seconds that a call works, as a rule.
    pub(super) cost: f64,
    /// Seconds that a call of a method works.
    pub(super) costs: HashMap<String, f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: true,
            burst: 50.0,
            drain: 2.0,
            operating: true,
            counters: true,
            operating_limit: 480.0,
            cost: 0.1,
            costs: HashMap::new(),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Limits {
    pub(super) settings: Settings,
    bucket: Bucket,
    /// Seconds by minute, per caller and method.
    spent: BTreeMap<(String, String), BTreeMap<i64, f64>>,
}

impl Limits {
    /// Counts one request.
    pub(super) fn take(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Settings { rate, drain, burst, .. } = self.settings;
        if rate && self.bucket.take(now, drain, burst).is_err() {
            return Err(Refusal::of_status(503));
        }
        Ok(())
    }

    /// Refuses a method that has worked for too long, or lets it work.
    pub(super) fn work(&mut self, caller: &str, method: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let limit = self.settings.operating_limit;
        let cost = self.settings.costs.get(method).copied().unwrap_or(self.settings.cost);
        if self.settings.operating && self.operating(caller, method, now).spent > limit {
            return Err(Refusal::of_status(429));
        }
        let minute = now.timestamp().div_euclid(60);
        let spent = self.spent.entry((caller.to_owned(), method.to_owned())).or_default();
        *spent.entry(minute).or_default() += cost;
        Ok(())
    }

    /// What a method has spent.
    pub(super) fn operating(&mut self, caller: &str, method: &str, now: DateTime<Utc>) -> Operating {
        let minute = now.timestamp().div_euclid(60);
        let fresh = Operating { spent: 0.0, reset_at: (minute + MINUTES) * 60 };
        let Some(spent) = self.spent.get_mut(&(caller.to_owned(), method.to_owned())) else { return fresh };
        spent.retain(|then, _| *then > minute - MINUTES);
        let Some(first) = spent.keys().next() else { return fresh };
        Operating { spent: spent.values().sum(), reset_at: (first + MINUTES) * 60 }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn working_time_is_forgotten_by_the_minute() {
        let start = DateTime::UNIX_EPOCH;
        let settings = Settings { operating_limit: 10.0, cost: 6.0, ..Settings::default() };
        let mut limits = Limits { settings, ..Limits::default() };
        assert!(limits.work("webhook", "crm.item.add", start).is_ok());
        assert!(limits.work("webhook", "crm.item.add", start + TimeDelta::seconds(70)).is_ok());
        let late = start + TimeDelta::seconds(80);
        assert_eq!(limits.work("webhook", "crm.item.add", late).map_err(|refusal| refusal.status), Err(429));
        assert_eq!(limits.operating("webhook", "crm.item.add", late), Operating { spent: 12.0, reset_at: 600 });
        assert!(limits.work("webhook", "crm.item.get", late).is_ok(), "another method");
        assert!(limits.work("other webhook", "crm.item.add", late).is_ok(), "another caller");
        assert!(limits.work("webhook", "crm.item.add", start + TimeDelta::seconds(600)).is_ok());
    }
}
