//! Back-pressure: writers are slowed while flushing or compaction is behind, and wait when memory is full.
//!
//! A writer can fill memtables several times faster than they are flushed. Without a brake it would run ahead until memory is full,
//! and then stand still for as long as a flush takes. So while a memtable waits to be flushed, commits are admitted at the pace at
//! which memtables have lately been flushed: the delay is spread over all commits, and no single one stalls for long. Where
//! compaction has not caught up for some flushes, the pace is slowed further, until it does.
//!
//! The first memtables after opening are small. So the pace is known before much was admitted without it, and what a
//! writer sees at first is a speed that lasts.

use std::time::Duration;

use super::inner::{Inner, Shared};
use crate::error::{Error, Result};

/// Writers wait while a table has more segments than this in `current`: each one more costs every reader.
const DEBT_MAX: usize = 32;
/// The longest that one commit is slowed, whatever the clock says.
const DELAY_US_MAX: i64 = 50_000;
/// The first memtable after opening is so many times halved, the next one time less, and so on.
const SMALL_MEMTABLE_COUNT: u32 = 3;
/// What slows writers beyond the pace of flushes is counted in parts of it, of which there are so many.
const PARTS: i64 = 8;
/// So many are for the first flushes after opening: these have met few older rows, and have left no work to compaction yet.
const FRESH_PARTS: i64 = 6;
/// How many flushes these are.
const FRESH_FLUSH_COUNT: u32 = 5;
/// Compaction may have work to do after so many flushes in a row before writers are slowed for it.
const LAG_MIN: u32 = 4;
/// For each flush more, up to so many flushes, they are slowed by one part more.
const LAG_MAX: u32 = 32;

/// The pace at which commits are admitted while flushing is behind.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Microseconds a mebibyte of memtable, averaged over the last flushes; 0 before the first.
    us_per_mib: i64,
    /// When the last flush ended, by the engine's clock.
    last_flush_us: i64,
    /// Before this instant no further commit is admitted.
    next_us: i64,
    /// Flushes since opening, up to [`FRESH_FLUSH_COUNT`].
    flush_count: u32,
    /// Flushes since compaction last had nothing to do.
    lag: u32,
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
        self.flush_count = (self.flush_count + 1).min(FRESH_FLUSH_COUNT);
        let mib = (byte_count >> 20) as i64;
        if mib == 0 {
            return;
        }
        let latest = (ended_us - from).max(0) / mib;
        self.us_per_mib =
            if self.us_per_mib == 0 { latest } else { self.us_per_mib.saturating_add(latest) / 2 };
    }

    /// A flush, or else a compaction, was installed; tells whether a compaction is due now.
    pub(super) fn installed(&mut self, is_flush: bool, is_due: bool) {
        self.lag = if is_due { (self.lag + u32::from(is_flush)).min(LAG_MAX) } else { 0 };
    }

    /// How many bytes the memtable that takes writes may have.
    pub(super) fn memtable_bytes(&self, bytes_max: usize) -> usize {
        bytes_max >> SMALL_MEMTABLE_COUNT.saturating_sub(self.flush_count)
    }

    /// How long a commit of so many bytes waits for its turn.
    fn admit(&mut self, byte_count: usize, now_us: i64) -> Duration {
        let turn = self.next_us.clamp(now_us, now_us.saturating_add(DELAY_US_MAX));
        let is_fresh = self.flush_count < FRESH_FLUSH_COUNT;
        let fresh = if is_fresh { FRESH_PARTS } else { 0 };
        let parts = PARTS + fresh + i64::from(self.lag.saturating_sub(LAG_MIN));
        let us_per_mib = self.us_per_mib.saturating_mul(parts) / PARTS;
        let cost = us_per_mib.saturating_mul(byte_count as i64) >> 20;
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
            self.check_progress(&mut shared)?;
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

    /// Refuses a commit that would wait for what cannot be done.
    fn check_progress(&self, shared: &mut Shared) -> Result<()> {
        if shared.is_background_dead {
            let what = "memory is full, and a background thread has ended by a panic";
            return Err(Error::halted(what));
        }
        let (error, wake, what) = if self.has_memory(shared) {
            let what = "there are too many segments, and they cannot be compacted";
            (&mut shared.compaction_error, &self.compact_wake, what)
        } else {
            (&mut shared.flush_error, &self.flush_wake, "memory is full and cannot be flushed")
        };
        let Some(error) = error.take() else { return Ok(()) };
        wake.work();
        Err(error.context(what))
    }

    fn has_room(&self, shared: &Shared) -> bool {
        shared.is_closed || (self.has_memory(shared) && self.is_compact(shared))
    }

    fn has_memory(&self, shared: &Shared) -> bool {
        shared.state.memtables.len() <= self.options.memtable_count_max
    }

    /// Whether compaction is not far behind.
    fn is_compact(&self, shared: &Shared) -> bool {
        !self.options.background || shared.compaction_debt <= DEBT_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_are_admitted_at_the_pace_of_flushes() {
        let mut pace = Pace { flush_count: FRESH_FLUSH_COUNT, ..Pace::default() };
        assert_eq!(pace.admit(1 << 20, 0), Duration::ZERO);
        pace.flushed(64 << 20, 0, 64_000, false);
        assert_eq!(pace.admit(2 << 20, 100_000), Duration::ZERO);
        assert_eq!(pace.admit(2 << 20, 100_500), Duration::from_micros(1_500));
        assert_eq!(pace.admit(2 << 20, 100_500), Duration::from_micros(3_500));
        pace.flushed(64 << 20, 150_000, 256_000, true);
        assert_eq!(pace.us_per_mib, 2_000);
    }

    #[test]
    fn commits_are_slowed_while_compaction_does_not_catch_up() {
        let mut pace = Pace { flush_count: FRESH_FLUSH_COUNT, ..Pace::default() };
        pace.flushed(64 << 20, 0, 64_000, false);
        let mut cost_us = |flush_count: u32, is_due: bool| {
            (0..flush_count).for_each(|_| pace.installed(true, is_due));
            pace.next_us = 0;
            pace.admit(1 << 20, 0);
            pace.next_us
        };
        assert_eq!(
            [cost_us(4, true), cost_us(4, true), cost_us(1_000, true)],
            [1_000, 1_500, 4_500]
        );
        assert_eq!(cost_us(1, false), 1_000);
    }

    #[test]
    fn commits_are_admitted_below_the_pace_of_the_first_flushes() {
        let mut pace = Pace::default();
        pace.flushed(64 << 20, 0, 64_000, false);
        pace.admit(1 << 20, 0);
        assert_eq!(pace.next_us, 1_750);
    }

    #[test]
    fn memtables_grow_to_their_full_size() {
        let mut pace = Pace::default();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            sizes.push(pace.memtable_bytes(64));
            pace.flushed(64, 0, 1, false);
        }
        assert_eq!(sizes, [8, 16, 32, 64, 64]);
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
