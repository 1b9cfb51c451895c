//! Faults that a test plants in a disk in memory: which call fails, and how.
//!
//! Every call on the disk or on one of its files has a number, counted from 1. A call made to fail
//! changes nothing, save that a short write leaves half of its bytes; the calls after it work. When
//! the power goes off at a call, it and every later one fail: the change that the call would have
//! made is then one more that a crash may keep.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::failure;
use crate::error::Error;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The device refuses (`EIO`); nothing is done.
    Io,
    /// The disk is full (`ENOSPC`); nothing is done. A call that takes no space fails as by
    /// [`FaultKind::Io`].
    Full,
    /// The first half of the bytes is written, then the device refuses. Other calls fail as by
    /// [`FaultKind::Io`].
    ShortWrite,
}

/// What a call does to the disk; decides how a fault shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing changes, or only durability does.
    Read,
    /// Space may be taken.
    Write,
}

/// What is to become of a call.
pub(super) enum Fate {
    Work,
    Fail(Error),
    /// Half of the bytes are appended before the error.
    FailHalfway(Error),
    /// The change becomes pending, but the caller never learns.
    FailAfter(Error),
}

/// The calls counted so far, and the faults planted.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) call_count: u64,
    planted: BTreeMap<u64, FaultKind>,
    power_off_at: Option<u64>,
}

impl Faults {
    pub(super) fn plant(&mut self, call_number: u64, kind: FaultKind) {
        self.planted.insert(call_number, kind);
    }

    pub(super) fn plant_power_cut(&mut self, call_number: u64) {
        self.power_off_at = Some(call_number);
    }

    /// Counts a call and says what becomes of it.
    pub(super) fn next(&mut self, action: &str, path: &Path, effect: Effect) -> Fate {
        self.call_count += 1;
        let error = |kind: io::ErrorKind, why: &str| {
            failure(action, path, &io::Error::new(kind, why.to_string()))
        };
        if let Some(off) = self.power_off_at.filter(|&off| self.call_count >= off) {
            let error = error(io::ErrorKind::Other, "the power is off");
            return if self.call_count == off { Fate::FailAfter(error) } else { Fate::Fail(error) };
        }
        match self.planted.remove(&self.call_count) {
            None => Fate::Work,
            Some(FaultKind::Full) if effect == Effect::Write => {
                Fate::Fail(error(io::ErrorKind::StorageFull, "no space left on device"))
            }
            Some(FaultKind::ShortWrite) if effect == Effect::Write => {
                Fate::FailHalfway(error(io::ErrorKind::Other, "input/output error"))
            }
            Some(_) => Fate::Fail(error(io::ErrorKind::Other, "input/output error")),
        }
    }
}
