//! What kind of environment this is, and which clock runs in it.

use std::{path::PathBuf, sync::Arc};

use super::{
    reader::Reader,
    settings::{SALON_CLOCK_FILE, SALON_ENV},
};
use crate::clock::{Clock, FileClock, SystemClock};

/// Production is the default: what loosens a rule must be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// Real clients, real vendors.
    Production,
    /// A developer's machine, a test, a demonstration.
    Development,
}

impl Environment {
    pub(super) fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.required(&SALON_ENV, |text| match text {
            "production" => Some(Self::Production),
            "development" => Some(Self::Development),
            _ => None,
        })
    }

    /// True where rules may be loosened.
    pub const fn is_development(self) -> bool {
        matches!(self, Self::Development)
    }
}

/// Which clock runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// The file that moves the clock; none for the host's own.
    pub clock_file: Option<PathBuf>,
}

impl Time {
    /// Reads the section on its own, for a command that needs no other.
    pub fn read(from: &mut Reader<'_>, environment: Environment) -> Option<Self> {
        let clock_file = from.optional(&SALON_CLOCK_FILE, |text| Some(PathBuf::from(text)))?;
        if clock_file.is_some() && !environment.is_development() {
            from.refuse(&SALON_CLOCK_FILE, "a clock that can be moved sends reminders at wrong hours: refused in production");
            return None;
        }
        Some(Self { clock_file })
    }

    /// Starts the clock.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match &self.clock_file {
            Some(path) => Arc::new(FileClock::watch(path.clone())),
            None => Arc::new(SystemClock),
        }
    }
}
