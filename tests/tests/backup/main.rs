//! Backups: a restored database gives the answers that the original gave, as of any instant that a backup knows, and nothing that was
//! erased is in any backup.
//!
//! Random histories are backed up while they grow and restored at random instants, against the model and against the original. The
//! power is cut and calls fail at every call of the disk that backups, restores and erasures with backups make. Folders are searched
//! for erased values as bytes. Wrong requests say what is wrong.

mod answers;
mod beside_writes;
mod crash;
mod erasure;
mod files;

use annals_tests::guests;
mod partitions;
mod refused;
mod story;
mod wide;
