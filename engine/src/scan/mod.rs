//! Reading versions: which are selected on both axes, which of them pass the filter, and what they look like.
//!
//! Every step narrows what the next one touches: the manifest prunes segments, zone maps and indexes prune blocks, period columns give
//! the selected rows of a block, and only then are the wanted columns of these rows decoded. Cuts and unflushed assertions
//! are applied on the way, exactly; nobody has to filter again.

mod bitmap;
mod block;
mod bounds;
mod clause;
mod estimate;
mod horizon;
mod metrics;
mod output;
mod parts;
mod point;
mod predicate;
mod request;
mod rows;
mod unflushed;

pub(crate) use bounds::{Bounds, Selection};
pub use clause::Clause;
pub use estimate::{PartitionEstimate, ScanEstimate};
pub use horizon::MissingPartition;
pub(crate) use horizon::check_horizon;
pub use metrics::ScanMetrics;
pub(crate) use output::period_column;
pub(crate) use point::{FoundVersion, KeyReader, values_of};
pub use predicate::{Comparison, Predicate};
pub(crate) use request::{Request, RequestSpec, encode_key, period_field, shown_columns};
pub use rows::Rows;
