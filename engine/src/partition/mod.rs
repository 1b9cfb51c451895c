//! Time partitions: which range of time a version's end falls into, and how that range is called.

mod finder;
mod range;

pub(crate) use finder::PartitionFinder;
pub use range::{Partition, PartitionWidth};
