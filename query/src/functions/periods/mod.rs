//! Functions of periods, named after the period predicates of SQL:2011.
//!
//! A period is given as two instants, `from` (inside) and `to` (outside); NULL stands for unbounded. With `a = [f1, t1)` and
//! `b = [f2, t2)`:
//!
//! | function | holds when |
//! |---|---|
//! | `period_contains(f1, t1, f2, t2)` | every instant of `b` is in `a` |
//! | `period_contains(f1, t1, instant)` | `f1 <= instant < t1`; NULL if the instant is NULL |
//! | `period_overlaps(f1, t1, f2, t2)` | some instant is in both |
//! | `period_equals(f1, t1, f2, t2)` | both have the same instants |
//! | `period_precedes(f1, t1, f2, t2)` | `a` ends before `b` begins, or where it begins |
//! | `period_succeeds(f1, t1, f2, t2)` | `a` begins after `b` has ended, or where it ends |
//! | `period_immediately_precedes(f1, t1, f2, t2)` | `a` ends where `b` begins |
//! | `period_immediately_succeeds(f1, t1, f2, t2)` | `a` begins where `b` ends |
//!
//! `period_intersection(f1, t1, f2, t2)` gives the instants in both as a struct with the fields `valid_from` and `valid_to`:
//! `period_intersection(...)['valid_to']`. The struct itself is NULL where no instant is in both, so that a NULL field of a struct
//! that is there can only mean unbounded: ask `period_overlaps` or `... IS NOT NULL` before a field is read.
//!
//! Dates count as their midnight, timestamps without an offset as UTC, and text is read as a timestamp. A period that is empty or
//! inverted is an error that names both instants. Both ends NULL is all of time: what an outer join fills in must be filtered out
//! before.

mod arguments;
mod intersection;
mod predicate;
#[cfg(test)]
mod tests;

use datafusion::logical_expr::ScalarUDF;

use intersection::PeriodIntersection;
use predicate::{PeriodPredicate, Relation};

/// All functions of periods, to be registered with a session.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let predicates = Relation::EVERY.into_iter().map(PeriodPredicate::new);
    let mut all: Vec<ScalarUDF> = predicates.map(ScalarUDF::from).collect();
    all.push(ScalarUDF::from(PeriodIntersection::new()));
    all
}
