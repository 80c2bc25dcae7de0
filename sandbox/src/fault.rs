//! Faults a stand-in can be told to commit: the ones the vendors' users report.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// One misbehaviour, used up by the next matching request (or by the next `times` of them). The last three are played by the
/// CRMs; the other vendors answer 500 instead and do nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Answers rightly, but only after this many milliseconds.
    Slow {
        /// Delay before the request is looked at.
        ms: u64,
    },
    /// Answers this HTTP status in the vendor's own error envelope and does nothing.
    Status {
        /// HTTP status code.
        code: u16,
    },
    /// Answers 429 in the vendor's own way with this delay, and does nothing.
    RateLimit {
        /// Seconds until the vendor says it will accept again.
        retry_after: u64,
    },
    /// Never answers and does nothing.
    Hang,
    /// Closes the connection without an answer and does nothing.
    Drop,
    /// Does the work, then never answers: the caller can't know.
    HangAfterCommit,
    /// Does the work, then closes the connection without an answer.
    DropAfterCommit,
    /// Does the work, then answers: late, and wrongly if a status is given.
    AnswerAfterCommit {
        /// Milliseconds between the work and the answer.
        #[serde(default)]
        ms: u64,
        /// HTTP status answered in the vendor's own error envelope, though the work is done; none for the right answer.
        #[serde(default)]
        code: Option<u16>,
    },
    /// Does the work, and delivers the webhooks that follow from it twice.
    Twice,
    /// Answers a page of HTML with this HTTP status, as a proxy before the vendor would, and does nothing.
    Html {
        /// HTTP status code.
        code: u16,
    },
    /// Does the work, then answers the first half of the JSON.
    Truncated,
    /// Answers 200 with an error in the body, and does nothing.
    ErrorInOk,
}

/// What a fault makes of a request before anybody looks at it, in the vendor's own envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: do the work.
    Work,
    /// Refuse with this status.
    Refuse(u16),
    /// Refuse as one of too many, for so many seconds.
    Limit(u64),
    /// Do nothing and say nothing.
    Withhold,
}

/// How one delivery of the vendor's goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handing {
    Once,
    Twice,
    /// It arrives, and its answer doesn't.
    Unanswered,
    /// It never leaves.
    Lost,
}

impl Fault {
    /// How a delivery goes under a planned fault; `twice` when what it tells of was to be told twice. Returns when it is due.
    pub(crate) async fn handing(fault: Option<&Self>, twice: bool) -> Handing {
        match fault {
            None if twice => Handing::Twice,
            None => Handing::Once,
            Some(Self::Slow { ms }) => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Handing::Once
            }
            Some(Self::Twice) => Handing::Twice,
            Some(Self::HangAfterCommit | Self::DropAfterCommit | Self::AnswerAfterCommit { .. }) => Handing::Unanswered,
            Some(
                Self::Status { .. }
                | Self::RateLimit { .. }
                | Self::Hang
                | Self::Drop
                | Self::Html { .. }
                | Self::Truncated
                | Self::ErrorInOk,
            ) => Handing::Lost,
        }
    }

    /// What to do with a request of a vendor that plays no broken answers. Returns when the work is due.
    pub(crate) async fn before(fault: Option<&Self>) -> Before {
        match fault {
            Some(Self::Slow { ms }) => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Before::Work
            }
            Some(Self::Status { code }) => Before::Refuse(*code),
            Some(Self::Html { .. } | Self::Truncated | Self::ErrorInOk) => Before::Refuse(500),
            Some(Self::RateLimit { retry_after }) => Before::Limit(*retry_after),
            Some(Self::Hang | Self::Drop) => Before::Withhold,
            Some(Self::HangAfterCommit | Self::DropAfterCommit | Self::AnswerAfterCommit { .. } | Self::Twice) | None => {
                Before::Work
            }
        }
    }

    /// The status to answer in place of the right one though the work is done. Returns when the answer is due.
    pub(crate) async fn after(fault: Option<&Self>) -> Option<u16> {
        let Some(Self::AnswerAfterCommit { ms, code }) = fault else { return None };
        tokio::time::sleep(Duration::from_millis(*ms)).await;
        *code
    }
}

/// Where a fault strikes: a vendor's name (`telegram`, `max`, `vk`, `whatsapp`, `instagram`, `calcom`, `erxes`, `bitrix24`,
/// `espocrm`) and one of its operations (`sendMessage`, `POST /v2/bookings`, `widgetsInsertMessage`), or `*` for any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// Vendor's name as in the stand-in's path.
    pub vendor: String,
    /// Operation, or `*`.
    pub operation: String,
}

/// The faults waiting to happen.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Mutex<HashMap<Target, VecDeque<Fault>>>,
    weather: Mutex<HashMap<String, Weather>>,
}

/// Faults that strike by chance, the same ones again for the same seed and order of requests.
#[derive(Debug)]
struct Weather {
    percent: u64,
    kinds: Vec<Fault>,
    state: u64,
}

impl Weather {
    /// splitmix64: spreads well from any seed.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn strike(&mut self) -> Option<Fault> {
        if self.next() % 100 >= self.percent {
            return None;
        }
        let which = usize::try_from(self.next()).unwrap_or(0) % self.kinds.len().max(1);
        self.kinds.get(which).cloned()
    }
}

impl Faults {
    /// Plans `fault` for the next `times` requests that hit `target`.
    pub fn plan(&self, target: Target, fault: &Fault, times: usize) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned.entry(target).or_default().extend(std::iter::repeat_n(fault.clone(), times));
    }

    /// From now on, so many of a hundred requests to this vendor fail in one of these ways, each as likely as the others. No kinds: fair
    /// weather again.
    pub fn set_weather(&self, vendor: &str, percent: u64, kinds: &[Fault], seed: u64) {
        let mut weather = self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.is_empty() {
            weather.remove(vendor);
        } else {
            weather.insert(vendor.to_owned(), Weather { percent, kinds: kinds.to_vec(), state: seed });
        }
    }

    /// Takes the fault for a request, if one is planned for this very operation or for any of the vendor's.
    pub fn take(&self, vendor: &str, operation: &str) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let due = [operation, "*"].into_iter().find_map(|operation| {
            planned.get_mut(&Target { vendor: vendor.to_owned(), operation: operation.to_owned() })?.pop_front()
        });
        due.or_else(|| self.weather.lock().unwrap_or_else(PoisonError::into_inner).get_mut(vendor)?.strike())
    }

    /// Takes a fault planned for this very operation only: for what is not a request of the product's, such as the
    /// vendor's webhook deliveries.
    pub fn take_exact(&self, vendor: &str, operation: &str) -> Option<Fault> {
        self.take_exact_if(vendor, operation, |_| true)
    }

    /// The same, if the next one is of a kind that can strike there; otherwise it stays planned.
    pub(crate) fn take_exact_if(&self, vendor: &str, operation: &str, strikes: fn(&Fault) -> bool) -> Option<Fault> {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let due = planned.get_mut(&Target { vendor: vendor.to_owned(), operation: operation.to_owned() })?;
        due.pop_front_if(|fault| strikes(fault))
    }

    /// The faults still to come, per target.
    pub fn planned(&self) -> Vec<(Target, Vec<Fault>)> {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        planned
            .iter()
            .filter(|(_, faults)| !faults.is_empty())
            .map(|(target, faults)| (target.clone(), faults.iter().cloned().collect()))
            .collect()
    }

    /// Forgets every planned fault.
    pub fn clear(&self) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.weather.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
