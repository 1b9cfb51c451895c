//! A disk in memory.

use super::Disk;

/// A disk in memory that keeps what was synced apart from what was only written.
#[derive(Debug, Default)]
pub struct MemoryDisk {}
#[allow(unused_imports)]
use Disk as _;
