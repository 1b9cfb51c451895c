//! Time partitions: which range of time a version's end falls into, how that range is called, and where its versions are.

mod finder;
mod range;
mod state;

pub(crate) use finder::PartitionFinder;
pub use range::{Partition, PartitionWidth};
pub use state::PartitionState;
