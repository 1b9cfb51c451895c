//! A journal: an append-only file of checksummed frames. The write-ahead log is a row of journals,
//! and so is the manifest.
//!
//! ```text
//! journal    = header  frame*  [zeros]          `docs/format/journal.md` has every byte
//! ```
//!
//! A reader gives every position exactly one verdict: a frame; the end (nothing or only zeros
//! follow); a torn tail (damage that no promise of durability covers); or corruption, which is an
//! error. Only a torn tail may be cut. Taking rot for the end of the journal would lose
//! acknowledged writes in silence, and taking a power cut for rot would refuse to open a database
//! that lost nothing.
//!
//! The two are told apart by promises: every frame says how many bytes of its file were durable
//! when it was written. Damage before the end of any promise made in the file, in front of the
//! damage or behind it, is rot. Damage behind all of them hit bytes that were never acknowledged,
//! even if whole frames follow: sectors that were not synced reach the disk in any order.

mod frame;
mod header;
mod reader;
mod scan;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use frame::Kind;
#[cfg(test)]
pub(crate) use frame::PAYLOAD_BYTES_MAX;
pub(crate) use header::{HEADER_BYTES, Identity, VERSION};
pub use reader::Cut;
pub(crate) use reader::{Opened, Reader, Verdict};
pub(crate) use writer::{Writer, check_length};
