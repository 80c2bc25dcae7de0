//! How jobs are worked on.

use std::time::Duration;

use super::{reader::Reader, settings::SALON_JOB_LEASE};

/// How jobs are worked on.
#[derive(Debug, Clone, Copy)]
pub struct Jobs {
    /// How long a job belongs to a worker that gives no sign of life: after a crash, this long until another takes over.
    pub lease: Duration,
}

impl Jobs {
    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        // Renewed three times in a lease: below two seconds, a pause of the database would lose it.
        let seconds = from.required(&SALON_JOB_LEASE, |text| text.parse().ok().filter(|n| (2..=300).contains(n)))?;
        Some(Self { lease: Duration::from_secs(seconds) })
    }
}
