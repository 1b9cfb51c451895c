//! The kinds of error, each documented by what the caller does next.

/// What the caller of a failed operation can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is wrong; change it. Nothing was written.
    Invalid,
    /// A limit was reached: memory, rows, disk space. Free some and retry. Nothing was written.
    Exhausted,
    /// Something stated as expected does not hold. Read again and decide. Nothing was written.
    Conflict,
    /// Stored bytes are not what was written. The file and offset are named; other partitions still answer.
    Corrupt,
    /// A write or sync failed, so no later write can be trusted. Reopen to recover; reads still work.
    Halted,
    /// Closed, locked by another process, not a database, or written by a newer format.
    Unavailable,
    /// The snapshot is older than an erasure in the table that it was asked about. Take a new one and ask again.
    Erased,
    /// What was asked for may lie in a partition that was detached, archived or dropped, which is named. Attach it, or ask for what is
    /// left.
    Missing,
    /// A write would create or change a version in a partition that was detached, archived or dropped, which is named. Attach it
    /// first. Nothing was written.
    Sealed,
    /// A hold, which is named, keeps what was to be dropped or erased. Release it first. Nothing was changed.
    Held,
    /// The operating system refused to read or list a file. Nothing was written; a retry may succeed.
    Io,
    /// A defect: what must never happen did. Nothing was written; to ask again will not help.
    Internal,
}
