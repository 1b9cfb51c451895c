//! A segment's two files once they are open: the fixed part of the index, the Parquet footer, and
//! what decodes blocks and key pages from them. Nothing here is cached.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, FieldRef, Fields};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Encoding;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::PageIndexPolicy;

use super::index_file::{Fixed, HEADER_BYTES, Header};
use super::pages::{GroupBlocks, PickedPages};
use super::properties::file_schema;
use super::sink::{Part, seeded};
use super::verified::{Source, VerifiedFile};
use super::{BLOCK_ROWS, SegmentMeta};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::index::KeyPage;
use crate::schema::TableSchema;

/// The open files of a segment and what is known of them.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) data: Arc<VerifiedFile>,
    pub(super) fixed: Fixed,
    index: Arc<dyn DiskFile>,
    parquet: ArrowReaderMetadata,
    /// The number of each row group's first block.
    group_starts: Vec<u32>,
    row_count: u32,
    meta: SegmentMeta,
}

/// Decoded blocks, and the compressed bytes they were decoded from.
pub(super) struct Decoded {
    /// One batch a block.
    pub(super) batches: Vec<RecordBatch>,
    pub(super) byte_count: u64,
}

impl Core {
    /// Opens both files and judges all of the fixed part and of the Parquet footer.
    pub(super) fn open(
        disk: &dyn Disk,
        dir: &Path,
        meta: &SegmentMeta,
        schema: &TableSchema,
    ) -> Result<Core> {
        let index = disk.open(&meta.id.index_path(dir))?;
        let fixed = open_fixed(&*index, meta, schema)?;
        let data = disk.open(&meta.id.data_path(dir))?;
        let checksums = fixed.checksums.clone();
        let data = Arc::new(VerifiedFile::new(meta.id, data, meta.data_bytes, checksums)?);
        let parquet = open_parquet(&data, schema)?;
        let Some(group_starts) = group_starts(&parquet, meta.row_count) else {
            let what = "the row groups do not fit the count of rows";
            return Err(Error::corrupt(data.path(), 0, what));
        };
        let (row_count, meta) = (meta.row_count, meta.clone());
        Ok(Core { data, fixed, index, parquet, group_starts, row_count, meta })
    }

    fn corrupt_data(&self, what: impl std::fmt::Display) -> Error {
        Error::corrupt(self.data.path(), 0, what)
    }

    /// The bytes it takes in memory, estimated.
    pub(super) fn memory_bytes(&self) -> usize {
        self.data.memory_bytes()
            + self.fixed.memory_bytes()
            + self.parquet.metadata().memory_size()
            + size_of_val(&*self.group_starts)
            + size_of::<Core>()
    }

    /// How many rows a block has.
    fn block_rows(&self, block: u32) -> usize {
        self.row_count.saturating_sub(block.saturating_mul(BLOCK_ROWS)).min(BLOCK_ROWS) as usize
    }

    /// Decodes columns of blocks, one batch a block. Both lists are strictly ascending; columns
    /// count from the table's first to the last of the four instants.
    pub(super) fn decode(&self, blocks: &[u32], columns: &[usize]) -> Result<Decoded> {
        self.decode_with(blocks, columns, &[])
    }

    /// The same, of which the columns in `as_numbers`, of text or bytes, come as numbers and the values they stand for
    /// where they are stored like that.
    pub(super) fn decode_with(
        &self,
        blocks: &[u32],
        columns: &[usize],
        as_numbers: &[usize],
    ) -> Result<Decoded> {
        assert!(blocks.is_sorted_by(|l, r| l < r) && columns.is_sorted_by(|l, r| l < r));
        assert!(
            blocks.iter().all(|block| self.block_rows(*block) > 0),
            "a block that is not there"
        );
        let source = Source::new(self.data.clone());
        let reader = self.reader(&source, blocks, columns, as_numbers);
        let reader = reader.map_err(|error| source.error(error))?;
        let mut batches = Vec::with_capacity(blocks.len());
        for batch in reader {
            batches.push(batch.map_err(|error| source.error(error))?);
        }
        let expected = blocks.iter().map(|block| self.block_rows(*block));
        if !batches.iter().map(RecordBatch::num_rows).eq(expected) {
            return Err(self.corrupt_data("pages hold other counts of rows than the index says"));
        }
        Ok(Decoded { batches, byte_count: source.byte_count() })
    }

    /// What decodes the blocks, one batch each.
    fn reader(
        &self,
        source: &Source,
        blocks: &[u32],
        columns: &[usize],
        as_numbers: &[usize],
    ) -> ParquetResult<ParquetRecordBatchReader> {
        let metadata = self.parquet.metadata();
        let schema = metadata.file_metadata().schema_descr();
        let mask = ProjectionMask::roots(schema, columns.iter().copied());
        let groups = self.group(blocks);
        if let Some(pages) = PickedPages::new(source, metadata, &groups, columns) {
            let fields = self.fields(&groups, as_numbers);
            let levels = parquet_to_arrow_field_levels(schema, mask, Some(&fields))?;
            let (batch_rows, all) = (BLOCK_ROWS as usize, None);
            return ParquetRecordBatchReader::try_new_with_row_groups(
                &levels, &pages, batch_rows, all,
            );
        }
        let (groups, selection) = self.select(blocks);
        ParquetRecordBatchReaderBuilder::new_with_metadata(source.clone(), self.parquet.clone())
            .with_projection(mask)
            .with_row_groups(groups)
            .with_row_selection(selection)
            .with_row_selection_policy(RowSelectionPolicy::Selectors)
            .with_batch_size(BLOCK_ROWS as usize)
            .build()
    }

    /// The columns of the file, those in `as_numbers` as numbers if all their pages in the row groups are stored like that.
    fn fields(&self, groups: &[GroupBlocks], as_numbers: &[usize]) -> Fields {
        let fields = self.parquet.schema().fields();
        let is_numbers = |column: usize| {
            let mut chunks = groups
                .iter()
                .map(|blocks| self.parquet.metadata().row_group(blocks.group).column(column));
            chunks.all(|chunk| {
                let has = |encoding| chunk.encodings().any(|other| other == encoding);
                has(Encoding::RLE_DICTIONARY) && !has(Encoding::DELTA_LENGTH_BYTE_ARRAY)
            })
        };
        let numbers_of = |field: &FieldRef| {
            let values = Box::new(field.data_type().clone());
            let numbers = DataType::Dictionary(Box::new(DataType::UInt32), values);
            Arc::new(field.as_ref().clone().with_data_type(numbers))
        };
        let fields = fields.iter().enumerate();
        let fields = fields.map(|(at, field)| match as_numbers.contains(&at) && is_numbers(at) {
            true => numbers_of(field),
            false => field.clone(),
        });
        fields.collect()
    }

    /// The blocks by row group.
    fn group(&self, blocks: &[u32]) -> Vec<GroupBlocks> {
        let mut groups: Vec<GroupBlocks> = Vec::new();
        for block in blocks {
            let group = self.group_starts.partition_point(|start| start <= block) - 1;
            let start = (block - self.group_starts[group]) * BLOCK_ROWS;
            match groups.last_mut() {
                Some(last) if last.group == group => last.starts.push(start),
                _ => groups.push(GroupBlocks { group, starts: vec![start] }),
            }
        }
        groups
    }

    /// The row groups that hold the blocks, and the rows to read, counted over these row groups.
    fn select(&self, blocks: &[u32]) -> (Vec<usize>, RowSelection) {
        let mut groups: Vec<usize> = Vec::new();
        let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
        // The rows of the row groups before the last one.
        let (mut rows_before, mut rows_of_last) = (0, 0);
        for block in blocks {
            let group = self.group_starts.partition_point(|start| start <= block) - 1;
            if groups.last() != Some(&group) {
                groups.push(group);
                rows_before += rows_of_last;
                rows_of_last = self.parquet.metadata().row_group(group).num_rows() as usize;
            }
            let in_group = (block - self.group_starts[group]) * BLOCK_ROWS;
            let from = rows_before + in_group as usize;
            let to = from + self.block_rows(*block);
            match ranges.last_mut() {
                Some(last) if last.end == from => last.end = to,
                _ => ranges.push(from..to),
            }
        }
        let total = rows_before + rows_of_last;
        (groups, RowSelection::from_consecutive_ranges(ranges.into_iter(), total))
    }

    /// Reads and judges a key page.
    pub(super) fn key_page(&self, number: u32) -> Result<KeyPage> {
        let corrupt = |offset, what: &str| {
            Error::corrupt(self.index.path(), offset, format!("key page {number}: {what}"))
        };
        let (Some((offset, length)), Some(entry)) =
            (self.fixed.page_range(number), self.fixed.pages.get(number as usize))
        else {
            return Err(corrupt(0, "it is not in the directory"));
        };
        let mut bytes = vec![0; length];
        self.index.read_at(offset, &mut bytes)?;
        if seeded(self.meta.id, Part::KeyPage, number as usize, &bytes) != entry.checksum {
            return Err(corrupt(offset, "its checksum differs from the directory's"));
        }
        let section = match self.fixed.open.pages().contains(&number) {
            true => &self.fixed.open,
            false => &self.fixed.closed,
        };
        KeyPage::decode(bytes, entry.first_hash, section.row_count())
            .map_err(|what| corrupt(offset, what))
    }
}

/// The number of each row group's first block; `None` where row groups are not whole blocks of so many rows in all.
fn group_starts(parquet: &ArrowReaderMetadata, row_count: u32) -> Option<Vec<u32>> {
    let mut starts = Vec::new();
    let mut rows_before = 0_u32;
    for group in parquet.metadata().row_groups() {
        if !rows_before.is_multiple_of(BLOCK_ROWS) {
            return None;
        }
        starts.push(rows_before / BLOCK_ROWS);
        let rows = u32::try_from(group.num_rows()).ok().filter(|rows| *rows > 0)?;
        rows_before = rows_before.checked_add(rows)?;
    }
    (rows_before == row_count).then_some(starts)
}

fn open_fixed(index: &dyn DiskFile, meta: &SegmentMeta, schema: &TableSchema) -> Result<Fixed> {
    let path = index.path();
    let found = index.len()?;
    if found != meta.index_bytes {
        let what = format!("the file has {found} bytes, expected {}", meta.index_bytes);
        return Err(Error::corrupt(path, found.min(meta.index_bytes), what));
    }
    let mut header_bytes = [0; HEADER_BYTES];
    index.read_at(0, &mut header_bytes)?;
    let header = Header::decode(path, &header_bytes)?;
    header.judge(path, meta, schema.columns.len())?;
    // The length was just found to lie within the file, so this allocates no more than the file
    // has.
    let mut bytes = vec![0; header.layout().fixed_bytes as usize];
    index.read_at(0, &mut bytes)?;
    Fixed::decode(path, &header, &bytes, meta.index_checksum)
}

fn open_parquet(data: &Arc<VerifiedFile>, schema: &TableSchema) -> Result<ArrowReaderMetadata> {
    let source = Source::new(data.clone());
    let options = ArrowReaderOptions::new()
        .with_skip_arrow_metadata(true)
        .with_schema(file_schema(schema))
        .with_offset_index_policy(PageIndexPolicy::Required);
    ArrowReaderMetadata::load(&source, options).map_err(|error| source.error(error))
}
