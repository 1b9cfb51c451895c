//! What was restated: how the belief at one system instant differs from the belief at another.
//!
//! `changes('t', from_system, to_system [, valid_from, valid_to])` gives one row for each key and maximal valid period over which the
//! two beliefs differ in one and the same way: `change` (`added`, `retracted`, `restated`), the key columns, `valid_from`, `valid_to`
//! (NULL where unbounded), and each other column twice, as `old_<column>` and `new_<column>`. It is the net effect: what was
//! changed and changed back in between is not told. Periods are clipped to the asked range of valid time. Of an event
//! table, whose events have no key that is shown, it tells events added and retracted.
//!
//! It is a sweep, and history between the two instants is not read:
//!
//! 1. Two scans select what may differ ([`gather`]): versions believed at the first instant that ended by the second, and
//!    versions believed at the second that began after the first. What is believed at both is no difference.
//! 2. They are sorted by key and valid time.
//! 3. Each key is swept over the ends of its versions ([`sweep`]): at every instant there is at most one old version and at most
//!    one new one; equal values are no difference, neighbours that differ alike are one row.
//!
//! Memory is the selected versions, with keys and values twice; the session's memory pool is asked for it, and the query fails if it
//! is refused. What is given is made a batch at a time.

mod exec;
mod gather;
mod request;
mod sweep;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use request::ChangesRequest;
#[cfg(test)]
pub(crate) use sweep::Changes;
pub(crate) use table::ChangesTable;
