//! What a segment knows about its rows without decoding them: zone maps, which prune by time and by
//! value, and the key index, which finds the rows of a key.
//!
//! This folder turns rows into bytes and judges bytes; it opens no file. The file that holds them
//! is described in `docs/format/segment.md`.

mod bits;
mod key;
mod key_page;
mod zone;

#[cfg(test)]
mod tests;

pub(crate) use key::{KeySection, PageEntry, PageSource, build};
#[cfg(test)]
pub(crate) use key_page::FRAGMENT_BITS;
pub(crate) use key_page::{KeyPage, PAGE_BYTES_MAX};
pub(crate) use zone::{ColumnZone, Zone, ZoneMap, ZoneMapBuilder, zone_row_bytes};
