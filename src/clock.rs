//! Time is passed in. A running system reads one [`Clock`], chosen by configuration, so that it can be moved through a month in
//! seconds; pure code gets a plain `DateTime<Utc>`.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time of day, in UTC.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;

    /// True when the clock may be moved by hand: whoever waits for a moment must look again often, not sleep until then.
    fn is_driven(&self) -> bool {
        false
    }
}

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the host's clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// The host's clock moved by an offset in milliseconds, which another process writes to a file as decimal text. For demonstrations
/// and tests of whole running systems; configuration refuses it in production.
#[derive(Debug)]
pub struct FileClock {
    offset_ms: Arc<AtomicI64>,
}

impl FileClock {
    /// How soon after a write the new offset is seen.
    pub const POLL: Duration = Duration::from_millis(20);

    /// Reads the file now and then again every [`FileClock::POLL`], for as long as the clock lives. A missing or unreadable file
    /// leaves the offset as it was.
    pub fn watch(path: PathBuf) -> Self {
        let offset_ms = Arc::new(AtomicI64::new(0));
        let weak = Arc::downgrade(&offset_ms);
        let read = move |path: &PathBuf| std::fs::read_to_string(path).ok()?.trim().parse::<i64>().ok();
        if let Some(offset) = read(&path) {
            offset_ms.store(offset, Ordering::Relaxed);
        }
        std::thread::spawn(move || {
            while let Some(offset_ms) = weak.upgrade() {
                if let Some(offset) = read(&path) {
                    offset_ms.store(offset, Ordering::Relaxed);
                }
                drop(offset_ms);
                std::thread::sleep(Self::POLL);
            }
        });
        Self { offset_ms }
    }
}

impl Clock for FileClock {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::milliseconds(self.offset_ms.load(Ordering::Relaxed))
    }

    fn is_driven(&self) -> bool {
        true
    }
}

/// A clock that moves only when told to.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now` until it is moved.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self { micros: AtomicI64::new(now.timestamp_micros()) }
    }

    /// Moves the clock forward (or back, for a negative `by`).
    pub fn advance(&self, by: TimeDelta) {
        self.micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }

    /// Sets the clock.
    pub fn set(&self, now: DateTime<Utc>) {
        self.micros.store(now.timestamp_micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros.load(Ordering::SeqCst)).unwrap_or(DateTime::UNIX_EPOCH)
    }

    fn is_driven(&self) -> bool {
        true
    }
}

/// Measures how long something takes; unaffected by any change of the clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Time since the start, in milliseconds, for logs and metrics.
    pub fn elapsed_ms(&self) -> f64 {
        self.elapsed().as_secs_f64() * 1e3
    }
}
