//! Time partitions: which range of time a version's end falls into, and how that range is called.

mod range;

pub use range::{Partition, PartitionWidth};
