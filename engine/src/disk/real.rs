//! The operating system's file system.

/// The operating system's file system.
#[derive(Debug, Default)]
pub struct RealDisk {}
