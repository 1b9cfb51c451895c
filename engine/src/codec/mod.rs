//! How values become bytes: checksums, integers, columns and keys. Everything is little endian
//! unless it must sort.
//!
//! Decoders judge: bytes that no encoder writes are [`Malformed`], never a panic, and nothing is
//! allocated that the input could not fill. Whoever knows which file the bytes came from turns that
//! into an error with a place.

mod batch;
mod checksum;
mod key;
mod keyed_hash;
mod number_order;
mod reader;
#[cfg(test)]
mod tests;
mod varint;
mod zone;

pub(crate) use batch::{decode_batch, encode_batch, put_i64s};
pub(crate) use checksum::checksum;
pub(crate) use key::{Keys, encode_keys, key_prefix};
pub(crate) use keyed_hash::{KeyedHash, Secret};
pub(crate) use number_order::{lists_sorted_by_numbers, sorted_by_numbers};
pub(crate) use reader::{Judged, Malformed, Reader};
pub(crate) use varint::{put_varint, unzigzag, zigzag};
pub(crate) use zone::zone_prefix;

#[cfg(target_endian = "big")]
compile_error!("columns are copied as they lie in memory, and files are little endian");
