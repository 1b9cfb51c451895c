//! The two axes, as types without values.

use std::fmt::Debug;
use std::hash::Hash;

/// An axis of time. Sealed by convention: [`Valid`] and [`System`] are all there is.
pub trait Axis: Copy + Debug + Eq + Ord + Hash + Send + Sync + 'static {
    /// How messages call the axis.
    const NAME: &'static str;
}

/// Valid time: when a fact holds in the world (SQL:2011 "application time").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Valid {}

/// System time: when the database believed it (the literature's "transaction time").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {}

impl Axis for Valid {
    const NAME: &'static str = "valid time";
}

impl Axis for System {
    const NAME: &'static str = "system time";
}
