//! The clauses that select versions by one of their two periods.

use annals_engine::{Axis, Time};

/// A clause on one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// `AS OF x`
    AsOf(i64),
    /// `FROM a TO b`
    FromTo(i64, i64),
    /// `BETWEEN a AND b`
    Between(i64, i64),
    /// `CONTAINED IN (a, b)`
    ContainedIn(i64, i64),
    /// `ALL`
    All,
}

impl Clause {
    /// Whether a version with the period `[from, to)` is selected; word for word the table of the contract.
    pub fn selects(self, from: i64, to: i64) -> bool {
        match self {
            Clause::AsOf(x) => from <= x && x < to,
            Clause::FromTo(a, b) => from < b && to > a,
            Clause::Between(a, b) => from <= b && to > a,
            Clause::ContainedIn(a, b) => from >= a && to <= b,
            Clause::All => true,
        }
    }

    /// The same clause as the engine takes it.
    pub fn engine<A: Axis>(self) -> annals_engine::Clause<A> {
        let at = Time::from_micros;
        match self {
            Clause::AsOf(x) => annals_engine::Clause::AsOf(at(x)),
            Clause::FromTo(a, b) => annals_engine::Clause::FromTo(at(a), at(b)),
            Clause::Between(a, b) => annals_engine::Clause::Between(at(a), at(b)),
            Clause::ContainedIn(a, b) => annals_engine::Clause::ContainedIn(at(a), at(b)),
            Clause::All => annals_engine::Clause::All,
        }
    }
}
