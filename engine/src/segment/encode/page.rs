//! Pages with their headers, compressed where that saves something.

use std::cell::RefCell;

use zstd::bulk::Compressor;

use super::super::page_header::{DataHeader, DictionaryHeader, PageHeader, PageKind};
use crate::error::{Error, Result};

/// zstd's level.
pub(super) const LEVEL: i32 = 1;
/// A page is stored compressed if that leaves less than so many tenths of it.
const TENTHS_MAX: usize = 9;

thread_local! {
    /// Made once a thread: that takes longer than compressing a page.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn compressed(plain: &[u8]) -> Result<Vec<u8>> {
    let compressed = COMPRESSOR.with_borrow_mut(|kept| -> std::io::Result<Vec<u8>> {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::new(LEVEL)?),
        };
        compressor.compress(plain)
    });
    compressed.map_err(|error| Error::exhausted(format!("a page cannot be compressed: {error}")))
}

/// Appends a page of values; gives the bytes that it would take without compression, header included.
pub(super) fn put_data(
    mut header: DataHeader,
    levels: &[u8],
    values: &[u8],
    out: &mut Vec<u8>,
) -> Result<usize> {
    let plain_bytes = levels.len() + values.len();
    let packed = compressed(values)?;
    header.is_compressed = packed.len() * 10 < values.len() * TENTHS_MAX;
    let stored = if header.is_compressed { &packed } else { values };
    let before = out.len();
    let stored_bytes = levels.len() + stored.len();
    PageHeader { kind: PageKind::Data(header), header_bytes: 0, plain_bytes, stored_bytes }
        .encode(out);
    let header_bytes = out.len() - before;
    out.extend_from_slice(levels);
    out.extend_from_slice(stored);
    Ok(header_bytes + plain_bytes)
}

/// Appends a page with a dictionary, which is always compressed; gives the same.
pub(super) fn put_dictionary(
    header: DictionaryHeader,
    values: &[u8],
    out: &mut Vec<u8>,
) -> Result<usize> {
    let packed = compressed(values)?;
    let before = out.len();
    let (kind, plain_bytes) = (PageKind::Dictionary(header), values.len());
    PageHeader { kind, header_bytes: 0, plain_bytes, stored_bytes: packed.len() }.encode(out);
    let header_bytes = out.len() - before;
    out.extend_from_slice(&packed);
    Ok(header_bytes + plain_bytes)
}
