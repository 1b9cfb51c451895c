//! Sequenced aggregation: what an aggregate is at every valid instant, as a step function.
//!
//! The input is rows with a valid period each; the output has one row for each group and maximal period over which the
//! group's answer stays the same: the group's columns, the answers, `_valid_from`, `_valid_to` (NULL where unbounded). Periods are
//! clipped to the asked range. A group appears where it has a row; without groups the whole range is covered, also where no row
//! is valid.
//!
//! It is a sweep: the ends of all periods are sorted once, by group and instant, and each moves the states of its group by one
//! row. So every state can take a row back, exactly ([`state`]). n rows cost O(n log n), however much their periods overlap.
//!
//! Memory is the groups, the arguments of the aggregates, and about a hundred bytes a row; the session's memory pool is asked for
//! it, and the query fails if it is refused. Nothing is spilled.
//!
//! The way of a query: [`Call`] says what is aggregated, [`sequenced_aggregate`] puts a [`node::SequencedAggregate`] on a plan,
//! [`SequencedPlanner`] makes it an [`exec::SequencedAggregateExec`], which fills a [`input::Gatherer`] and gives what the
//! [`sweep::Sweep`] finds.

mod answers;
mod call;
mod exec;
mod input;
mod node;
mod planner;
mod state;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use call::Call;
#[cfg(test)]
pub(crate) use call::Function;
pub(crate) use node::sequenced_aggregate;
pub(crate) use planner::SequencedPlanner;
