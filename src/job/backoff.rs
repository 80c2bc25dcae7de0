//! How long a failed job waits.

use std::time::Duration;

/// Delays that grow by a factor from `first` to `cap`, give or take a tenth, so that what failed together does not return together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// By which each delay is longer than the one before.
    pub factor: u32,
    /// Never longer than this.
    pub cap: Duration,
}

impl Backoff {
    /// The delay after failure number `failure` (from 1). `noise` is any number; its remainder decides the tenth.
    pub fn delay(&self, failure: u32, noise: u64) -> Duration {
        let growth = self.factor.saturating_pow(failure.saturating_sub(1));
        let delay = self.first.saturating_mul(growth).min(self.cap);
        let permille = 900 + u32::try_from(noise % 201).unwrap_or(0);
        delay.saturating_mul(permille) / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_stay_within_a_tenth_of_the_growing_figure_and_never_overflow(attempt in 0u32..200, noise: u64) {
            let backoff = Backoff { first: Duration::from_secs(1), factor: 4, cap: Duration::from_secs(600) };
            let exact = 4u64.saturating_pow(attempt.saturating_sub(1)).min(600);
            let delay = backoff.delay(attempt, noise).as_millis() as u64;
            prop_assert!(delay >= exact * 900 && delay <= exact * 1100, "{attempt}: {delay}");
        }
    }
}
