//! Back-pressure: writers are slowed while flushing is behind, and wait when memory is full.
//!
//! A writer can fill memtables several times faster than they are flushed. Without a brake it would run ahead until memory is full,
//! and then stand still for as long as a flush and a compaction take. So while a memtable waits to be flushed, commits are
//! admitted at the pace at which memtables have lately been flushed, compaction between them included: the delay is spread over
//! all commits, and no single one stalls for long.

use std::time::Duration;

use super::inner::{Inner, Shared};
use crate::error::{Error, Result};

/// Writers wait while a table has more segments than this in `current`: each one more costs every reader.
const DEBT_MAX: usize = 32;
/// The longest that one commit is slowed, whatever the clock says.
const DELAY_US_MAX: i64 = 50_000;

/// The pace at which commits are admitted while flushing is behind.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Microseconds a mebibyte of memtable, averaged over the last flushes; 0 before the first.
    us_per_mib: i64,
    /// When the last flush ended, by the engine's clock.
    last_flush_us: i64,
    /// Before this instant no further commit is admitted.
    next_us: i64,
}

impl Pace {
    /// A memtable of so many bytes was flushed between two instants. If others waited for it, the time since the flush before
    /// counts, since that is what one more of them will take.
    pub(super) fn flushed(
        &mut self,
        byte_count: usize,
        began_us: i64,
        ended_us: i64,
        is_behind: bool,
    ) {
        let from = if is_behind && self.last_flush_us > 0 { self.last_flush_us } else { began_us };
        self.last_flush_us = ended_us;
        let mib = (byte_count >> 20) as i64;
        if mib == 0 {
            return;
        }
        let latest = (ended_us - from).max(0) / mib;
        self.us_per_mib =
            if self.us_per_mib == 0 { latest } else { self.us_per_mib.saturating_add(latest) / 2 };
    }

    /// How long a commit of so many bytes waits for its turn.
    fn admit(&mut self, byte_count: usize, now_us: i64) -> Duration {
        let turn = self.next_us.clamp(now_us, now_us.saturating_add(DELAY_US_MAX));
        let cost = self.us_per_mib.saturating_mul(byte_count as i64) >> 20;
        self.next_us = turn.saturating_add(cost);
        Duration::from_micros((turn - now_us).unsigned_abs())
    }
}

impl Inner {
    /// Waits until a commit of so many bytes may go on.
    pub(super) fn wait_for_room(&self, byte_count: usize) -> Result<()> {
        let mut shared = self.shared.lock();
        while !self.has_room(&shared) {
            if !self.options.background {
                drop(shared);
                self.flush_oldest()?;
                shared = self.shared.lock();
                continue;
            }
            if shared.is_background_dead {
                let what = "memory is full, and the background thread has ended by a panic";
                return Err(Error::halted(what));
            }
            if let Some(error) = shared.flush_error.take() {
                self.wake.work();
                return Err(error.context("memory is full and cannot be flushed"));
            }
            self.room.wait(&mut shared);
        }
        if self.options.background && shared.state.memtables.len() > 1 {
            let now = self.options.clock.now().micros();
            let delay = shared.pace.admit(byte_count, now);
            if !delay.is_zero() {
                // Others commit, and flushes end, meanwhile; either way the turn has come when the time is over.
                self.turn.wait_for(&mut shared, delay);
            }
        }
        Ok(())
    }

    fn has_room(&self, shared: &Shared) -> bool {
        let has_memory = shared.state.memtables.len() <= self.options.memtable_count_max;
        let is_behind = self.options.background && shared.compaction_debt > DEBT_MAX;
        shared.is_closed || (has_memory && !is_behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_admitted_at_the_pace_of_flushes() {
        let mut pace = Pace::default();
        assert_eq!(pace.admit(1 << 20, 0), Duration::ZERO);
        pace.flushed(64 << 20, 0, 64_000, false);
        assert_eq!(pace.admit(2 << 20, 100_000), Duration::ZERO);
        assert_eq!(pace.admit(2 << 20, 100_500), Duration::from_micros(1_500));
        assert_eq!(pace.admit(2 << 20, 100_500), Duration::from_micros(3_500));
        pace.flushed(64 << 20, 150_000, 256_000, true);
        assert_eq!(pace.us_per_mib, 2_000);
    }

    #[test]
    fn a_clock_that_jumps_delays_no_commit_for_long() {
        let mut pace = Pace::default();
        pace.flushed(1 << 20, 0, i64::MAX, false);
        pace.admit(1 << 30, 5);
        assert_eq!(pace.admit(1, 0), Duration::from_micros(DELAY_US_MAX as u64));
        assert_eq!(pace.admit(1, i64::MAX - 1), Duration::ZERO);
    }
}
