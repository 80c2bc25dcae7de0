//! How often a vendor lets itself be called.

use chrono::{DateTime, Utc};

/// A token bucket on the sandbox's clock.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    spent: f64,
    seen: Option<DateTime<Utc>>,
}

impl Bucket {
    /// Takes one token of `burst`, refilled at `per_second`; or says after how many seconds there will be one.
    pub(crate) fn take(&mut self, now: DateTime<Utc>, per_second: f64, burst: f64) -> Result<(), u64> {
        let elapsed = self.seen.map_or(0, |seen| (now - seen).num_milliseconds().max(0));
        self.spent = (self.spent - elapsed as f64 / 1000.0 * per_second).max(0.0);
        self.seen = Some(now);
        if self.spent + 1.0 > burst {
            return Err((((self.spent + 1.0 - burst) / per_second).ceil() as u64).max(1));
        }
        self.spent += 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_bucket_says_when_to_come_back() {
        let start = DateTime::UNIX_EPOCH;
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(start, 1.0, 2.0), Ok(()));
        assert_eq!(bucket.take(start, 1.0, 2.0), Ok(()));
        assert_eq!(bucket.take(start, 1.0, 2.0), Err(1));
        assert_eq!(bucket.take(start + TimeDelta::milliseconds(900), 1.0, 2.0), Err(1));
        assert_eq!(bucket.take(start + TimeDelta::seconds(1), 1.0, 2.0), Ok(()));
    }
}
