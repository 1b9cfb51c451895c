//! A closed-open period of one axis.

use std::fmt;

use super::axis::Axis;
use super::instant::Time;
use crate::error::{Error, Result};

/// The instants from `from` (inside) to `to` (outside) on the axis `A`. Never empty, never inverted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period<A: Axis> {
    from: Time<A>,
    to: Time<A>,
}

impl<A: Axis> Period<A> {
    /// All instants.
    pub const ALL: Period<A> = Period { from: Time::MIN, to: Time::MAX };

    /// `[from, to)`; an error that names both instants unless `from < to`.
    pub fn new(from: Time<A>, to: Time<A>) -> Result<Period<A>> {
        if from < to {
            return Ok(Period { from, to });
        }
        let what = if from == to { "empty" } else { "inverted" };
        Err(Error::invalid(format!("{what} period of {}: from {from} to {to}", A::NAME)))
    }

    /// `[from, unbounded)`.
    pub fn since(from: Time<A>) -> Period<A> {
        debug_assert!(from < Time::MAX);
        Period { from, to: Time::MAX }
    }

    /// `[from, to)` where that is not empty.
    pub fn non_empty(from: Time<A>, to: Time<A>) -> Option<Period<A>> {
        (from < to).then_some(Period { from, to })
    }

    /// The first instant inside.
    pub const fn from(&self) -> Time<A> {
        self.from
    }

    /// The first instant after the period.
    pub const fn to(&self) -> Time<A> {
        self.to
    }

    /// Whether `instant` is inside.
    pub fn contains(&self, instant: Time<A>) -> bool {
        self.from <= instant && instant < self.to
    }

    /// Whether both share an instant.
    pub fn overlaps(&self, other: &Period<A>) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// The instants in both, if any.
    pub fn intersect(&self, other: &Period<A>) -> Option<Period<A>> {
        Period::non_empty(self.from.max(other.from), self.to.min(other.to))
    }
}

impl<A: Axis> fmt::Display for Period<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

impl<A: Axis> fmt::Debug for Period<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
