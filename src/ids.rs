//! Identifiers. Every row's id is a UUIDv7 (RFC 9562): time-ordered, so that indexes grow at one end and a month of a table is a
//! range of ids; made here and nowhere else, from the same clock as everything else.

use std::sync::{Mutex, PoisonError};

use rand::Rng;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::clock::Clock;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

id!(
    /// A salon.
    TenantId,
    /// A tenant's account at a calendar or a CRM.
    ConnectionId,
    /// A tenant's account at a messenger: one bot, one page, one number.
    ChannelAccountId,
    /// A service on a salon's price list.
    ServiceId,
    /// A person who works at a salon.
    StaffId,
    /// A person who writes to a salon.
    ClientId,
    /// One client's talk with one channel account.
    ConversationId,
    /// One webhook event.
    InboundEventId,
    /// One row of the message log.
    MessageId,
    /// One visit, however often it is moved.
    BookingId,
    /// One planned reminder.
    ReminderId,
    /// One form that somebody sent from a salon's site.
    EnquiryId,
    /// One coming by a link that says from where.
    TouchId,
    /// One wish that the CRM know something.
    IntentId,
    /// One change of a salon from one CRM to another.
    MigrationId,
    /// One job.
    JobId,
);

/// The source of ids and of randomness. Monotonic within a process: ids made in one millisecond keep their order.
pub trait Ids: Send + Sync {
    /// A fresh UUIDv7 for the clock's present moment.
    fn next(&self, clock: &dyn Clock) -> Uuid;
    /// Fills `buffer` with bytes fit for secrets.
    fn fill(&self, buffer: &mut [u8]);
}

/// Ids from the operating system's randomness.
#[derive(Debug, Default)]
pub struct RandomIds {
    last: Mutex<(u64, u16)>,
}

impl RandomIds {
    /// Milliseconds and a 12-bit counter (RFC 9562, section 6.2, method 1). A clock that stands still or steps back keeps the last
    /// millisecond and counts on; an overfull counter borrows from the next millisecond.
    fn tick(&self, now_ms: u64) -> (u64, u16) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match *last {
            // A clock that was moved back for good (a new run of a virtual month) starts over.
            (ms, _) if now_ms > ms || ms - now_ms > 10_000 => (now_ms, 0),
            (ms, 0xfff) => (ms + 1, 0),
            (ms, counter) => (ms, counter + 1),
        };
        *last
    }
}

impl Ids for RandomIds {
    fn next(&self, clock: &dyn Clock) -> Uuid {
        let (ms, counter) = self.tick(u64::try_from(clock.now().timestamp_millis()).unwrap_or(0));
        let mut tail = [0_u8; 10];
        self.fill(&mut tail);
        let [high, low] = counter.to_be_bytes();
        tail[0] = high;
        tail[1] = low;
        Builder::from_unix_timestamp_millis(ms, &tail).into_uuid()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one source of randomness")]
    fn fill(&self, buffer: &mut [u8]) {
        rand::rng().fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn ids_of_one_millisecond_keep_their_order() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH + chrono::TimeDelta::days(20_000));
        let ids = RandomIds::default();
        let made: Vec<Uuid> = (0..10_000).map(|_| ids.next(&clock)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
