//! The clock of a whole running system: the sandbox moves it, the product's processes read it from a file.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::world::World;

/// Moves [`World`]'s clock and tells the product's processes.
#[derive(Debug)]
pub struct Clock {
    world: Arc<World>,
    file: Option<PathBuf>,
    moving: Mutex<()>,
}

impl Clock {
    /// A clock that writes its distance from the host's, in milliseconds as decimal text, to `file`.
    ///
    /// # Errors
    ///
    /// When the file can't be written.
    pub fn new(world: Arc<World>, file: Option<PathBuf>) -> io::Result<Self> {
        let clock = Self { world, file, moving: Mutex::default() };
        clock.publish()?;
        Ok(clock)
    }

    /// Moves the clock forward. The vendors go first, so that the product never sees them in its past.
    ///
    /// # Errors
    ///
    /// When the file can't be written, or when `by` is negative: time never goes back.
    pub fn advance(&self, by: TimeDelta) -> io::Result<()> {
        if by < TimeDelta::zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "time does not go back"));
        }
        let _moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        self.world.advance(by);
        self.publish()
    }

    /// Moves the clock forward to `instant` or up to a millisecond past it, never short of it.
    ///
    /// # Errors
    ///
    /// As [`Clock::advance`]; an instant in the past is one.
    pub fn advance_to(&self, instant: DateTime<Utc>) -> io::Result<()> {
        let by = instant - self.world.now();
        self.advance(if by < TimeDelta::zero() { by } else { by + TimeDelta::milliseconds(1) })
    }

    /// A reader sees the old offset or the new one, never half of one.
    fn publish(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut beside = file.clone().into_os_string();
        beside.push(".new");
        std::fs::write(&beside, self.world.offset_ms().to_string())?;
        std::fs::rename(&beside, file)
    }
}
