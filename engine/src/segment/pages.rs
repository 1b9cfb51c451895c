//! The pages of some blocks, as the Parquet crate decodes them.
//!
//! The crate can pass over rows by itself, but it makes two contexts of zstd for every column of every reading, which takes longer
//! than to decompress a page. Here a thread has one for all it ever reads, and the decoders are given the wanted pages and no others.

use std::cell::RefCell;
use std::vec::IntoIter;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as ParquetResult};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use zstd::bulk::Decompressor;

use super::BLOCK_ROWS;
use super::page_header::{DataHeader, DictionaryHeader, PageHeader, PageKind};
use super::verified::Source;

/// Blocks of one row group: its number, and the first row of each there.
#[derive(Debug)]
pub(super) struct GroupBlocks {
    pub(super) group: usize,
    pub(super) starts: Vec<u32>,
}

/// The pages of some blocks in some columns.
pub(super) struct PickedPages<'a> {
    source: &'a Source,
    metadata: &'a ParquetMetaData,
    groups: &'a [GroupBlocks],
    row_count: usize,
    /// The pages of each column asked for, one list a row group.
    columns: Vec<(usize, Vec<Chunk>)>,
}

/// Pages of one column in one row group.
#[derive(Clone, Debug)]
struct Chunk {
    is_compressed: bool,
    pages: Vec<PagePlace>,
}

#[derive(Clone, Copy, Debug)]
struct PagePlace {
    offset: u64,
    length: usize,
    is_dictionary: bool,
}

impl<'a> PickedPages<'a> {
    /// `None` if a page of one of the columns holds rows of two blocks, or is compressed in a way that segments are not: then the
    /// Parquet crate has to find the rows. Older segments have such pages where a dictionary grew too large in the middle of a block.
    pub(super) fn new(
        source: &'a Source,
        metadata: &'a ParquetMetaData,
        groups: &'a [GroupBlocks],
        columns: &[usize],
    ) -> Option<PickedPages<'a>> {
        let mut row_count = 0;
        for GroupBlocks { group, starts } in groups {
            let group_rows = metadata.row_group(*group).num_rows() as usize;
            let of_block = |start: &u32| (group_rows - *start as usize).min(BLOCK_ROWS as usize);
            row_count += starts.iter().map(of_block).sum::<usize>();
        }
        let chunks_of = |column: usize| -> Option<Vec<Chunk>> {
            groups.iter().map(|blocks| Chunk::new(metadata, blocks, column)).collect()
        };
        let columns = columns.iter().map(|column| Some((*column, chunks_of(*column)?)));
        let columns = columns.collect::<Option<Vec<_>>>()?;
        Some(PickedPages { source, metadata, groups, row_count, columns })
    }
}

impl Chunk {
    fn new(metadata: &ParquetMetaData, blocks: &GroupBlocks, column: usize) -> Option<Chunk> {
        let group = metadata.row_group(blocks.group);
        let (chunk, group_rows) = (group.column(column), group.num_rows());
        let is_compressed = match chunk.compression() {
            Compression::UNCOMPRESSED => false,
            Compression::ZSTD(_) => true,
            _ => return None,
        };
        let locations = metadata.offset_index()?.get(blocks.group)?.get(column)?.page_locations();
        let mut pages = Vec::with_capacity(1 + blocks.starts.len());
        if let Some(offset) = chunk.dictionary_page_offset() {
            let length = locations.first()?.offset.checked_sub(offset)?;
            let (offset, length) = (u64::try_from(offset).ok()?, usize::try_from(length).ok()?);
            pages.push(PagePlace { offset, length, is_dictionary: true });
        }
        for start in &blocks.starts {
            let (start, end) = (i64::from(*start), i64::from(start + BLOCK_ROWS));
            let first = locations.partition_point(|page| page.first_row_index < start);
            let count = locations[first..].partition_point(|page| page.first_row_index < end);
            let of_block = &locations[first..first + count];
            let begins = of_block.first().is_some_and(|page| page.first_row_index == start);
            let next = locations.get(first + count).map(|page| page.first_row_index);
            // The last page goes on to the end of the row group.
            let ends = next.unwrap_or(group_rows) == end.min(group_rows);
            if !(begins && ends) {
                return None;
            }
            for page in of_block {
                let offset = u64::try_from(page.offset).ok()?;
                let length = usize::try_from(page.compressed_page_size).ok()?;
                pages.push(PagePlace { offset, length, is_dictionary: false });
            }
        }
        Some(Chunk { is_compressed, pages })
    }
}

impl RowGroups for PickedPages<'_> {
    fn num_rows(&self) -> usize {
        self.row_count
    }

    fn column_chunks(&self, column: usize) -> ParquetResult<Box<dyn PageIterator>> {
        let found = self.columns.iter().find(|(other, _)| *other == column);
        let Some((_, chunks)) = found else {
            return Err(ParquetError::General(format!("column {column} was not asked for")));
        };
        let source = self.source.clone();
        Ok(Box::new(ColumnPages { source, chunks: chunks.clone().into_iter() }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.groups.iter().map(|blocks| self.metadata.row_group(blocks.group)))
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.metadata
    }
}

/// The pages of a column, row group by row group.
struct ColumnPages {
    source: Source,
    chunks: IntoIter<Chunk>,
}

impl Iterator for ColumnPages {
    type Item = ParquetResult<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let Chunk { is_compressed, pages } = self.chunks.next()?;
        let source = self.source.clone();
        Some(Ok(Box::new(ChunkPages { source, is_compressed, pages: pages.into_iter() })))
    }
}

impl PageIterator for ColumnPages {}

/// The pages of a column in one row group.
struct ChunkPages {
    source: Source,
    is_compressed: bool,
    pages: IntoIter<PagePlace>,
}

impl Iterator for ChunkPages {
    type Item = ParquetResult<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for ChunkPages {
    fn get_next_page(&mut self) -> ParquetResult<Option<Page>> {
        let Some(place) = self.pages.next() else { return Ok(None) };
        let bytes = self.source.get_bytes(place.offset, place.length)?;
        read_page(&bytes, self.is_compressed).map(Some)
    }

    fn peek_next_page(&mut self) -> ParquetResult<Option<PageMetadata>> {
        // How many rows a page has is told by the page; nobody who reads all of them asks.
        let place = self.pages.as_slice().first();
        Ok(place.map(|place| PageMetadata {
            num_rows: None,
            num_levels: None,
            is_dict: place.is_dictionary,
        }))
    }

    fn skip_next_page(&mut self) -> ParquetResult<()> {
        self.pages.next();
        Ok(())
    }
}

fn read_page(bytes: &Bytes, is_compressed: bool) -> ParquetResult<Page> {
    let wrong = |what: &str| ParquetError::General(format!("a page {what}"));
    let header = PageHeader::decode(bytes)
        .map_err(|malformed| ParquetError::General(malformed.to_string()))?;
    let PageHeader { kind, header_bytes, plain_bytes, stored_bytes } = header;
    let end = header_bytes.checked_add(stored_bytes).filter(|end| *end <= bytes.len());
    let stored = bytes.slice(header_bytes..end.ok_or_else(|| wrong("goes on behind its place"))?);
    let level_bytes = match &kind {
        PageKind::Dictionary(_) => 0,
        PageKind::Data(data) => data.definition_bytes as usize + data.repetition_bytes as usize,
    };
    let is_compressed =
        is_compressed && !matches!(&kind, PageKind::Data(DataHeader { is_compressed: false, .. }));
    let buf = if is_compressed {
        if level_bytes > plain_bytes || level_bytes > stored.len() {
            return Err(wrong("is smaller than its levels"));
        }
        decompressed(&stored, level_bytes, plain_bytes)?
    } else {
        stored
    };
    Ok(match kind {
        PageKind::Dictionary(DictionaryHeader { value_count, encoding }) => {
            Page::DictionaryPage { buf, num_values: value_count, encoding, is_sorted: false }
        }
        PageKind::Data(data) => Page::DataPageV2 {
            buf,
            num_values: data.value_count,
            encoding: data.encoding,
            num_nulls: data.null_count,
            num_rows: data.row_count,
            def_levels_byte_len: data.definition_bytes,
            rep_levels_byte_len: data.repetition_bytes,
            is_compressed: data.is_compressed,
            statistics: None,
        },
    })
}

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// A page of `plain_bytes`, of which the levels are stored as they are.
fn decompressed(stored: &[u8], level_bytes: usize, plain_bytes: usize) -> ParquetResult<Bytes> {
    let mut plain = vec![0; plain_bytes];
    plain[..level_bytes].copy_from_slice(&stored[..level_bytes]);
    let (_, values) = plain.split_at_mut(level_bytes);
    if !values.is_empty() {
        let count = DECOMPRESSOR.with_borrow_mut(|kept| -> std::io::Result<usize> {
            let decompressor = match kept {
                Some(decompressor) => decompressor,
                None => kept.insert(Decompressor::new()?),
            };
            decompressor.decompress_to_buffer(&stored[level_bytes..], values)
        })?;
        if count != values.len() {
            return Err(ParquetError::General(format!(
                "a page has {count} bytes once it is decompressed, expected {}",
                values.len()
            )));
        }
    }
    Ok(Bytes::from(plain))
}
