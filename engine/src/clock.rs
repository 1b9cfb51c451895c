//! The one place that asks what time it is.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::UNIX_EPOCH;

use crate::time::SystemTime;

/// Where system time comes from. The engine makes what it reads strictly increasing, so a clock may stand still or go back.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> SystemTime;
}

/// The wall clock of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the time")]
    fn now(&self) -> SystemTime {
        let now = std::time::SystemTime::now();
        let micros = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
        };
        // A clock that is set outside the years users may name would make instants that cannot be written.
        SystemTime::from_micros(micros).clamp(SystemTime::FIRST, SystemTime::LAST)
    }
}

/// A clock that stands still until it is set; for tests and simulations.
///
/// ```
/// use annals_engine::{Clock, ManualClock, SystemTime};
///
/// let clock = ManualClock::new(SystemTime::parse("2024-01-01")?);
/// clock.advance(1);
/// assert_eq!(clock.now().to_string(), "2024-01-01T00:00:00.000001Z");
/// # Ok::<(), annals_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: SystemTime) -> ManualClock {
        ManualClock { micros: AtomicI64::new(start.micros()) }
    }

    /// Makes it show `now`, earlier or later.
    pub fn set(&self, now: SystemTime) {
        self.micros.store(now.micros(), Ordering::SeqCst);
    }

    /// Moves it forward by so many microseconds.
    pub fn advance(&self, micros: i64) {
        self.micros.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime::from_micros(self.micros.load(Ordering::SeqCst))
    }
}
