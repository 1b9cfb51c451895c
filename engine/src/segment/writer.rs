//! Writes a segment: rows in, in order and in batches of any size; two durable files out.
//!
//! Memory is bounded by a row group of encoded pages, a block of rows, and 16 bytes a row for the
//! key index, whose hashes are sorted when all are known.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::{DataType, UInt32Type};
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result as ParquetResult;
use parquet::file::writer::SerializedFileWriter;

use super::encode::ColumnEncoder;
use super::index_file::{self, Header};
use super::place::Place;
use super::properties::{column_encoders, file_schema, writer_properties};
use super::sink::{Failure, Part, Sink, seeded};
use super::{
    BLOCK_ROWS, PeriodBlock, Periods, ROW_GROUP_BYTES, ROW_GROUP_ROWS, SegmentId, SegmentMeta,
    SegmentRows,
};
use crate::codec::sorted_by_numbers;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::index::{Zone, ZoneMapBuilder, build};
use crate::partition::{Partition, PartitionFinder};
use crate::schema::{TableId, TableSchema};

/// A segment that is being written. Dropped without [`SegmentWriter::finish`] it removes its files
/// as far as it can.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    id: SegmentId,
    table: TableId,
    schema_version: u32,
    partition: Partition,
    column_count: usize,
    writer: Option<SerializedFileWriter<Sink>>,
    /// The table's columns, then the four instants.
    encoders: Vec<ColumnEncoder>,
    /// The rows of the row group that the encoders hold.
    group_rows: u32,
    failure: Failure,
    /// Rows that do not fill a block yet, columns as `encoders` has them.
    pending: Vec<Vec<ArrayRef>>,
    pending_count: usize,
    zones: ZoneMapBuilder,
    open_zone: Option<Zone>,
    closed_zone: Option<Zone>,
    hashes: Vec<u64>,
    open_count: u32,
    decoded_bytes: u64,
    finder: PartitionFinder,
    last: Option<Place>,
    is_finished: bool,
}

impl SegmentWriter {
    /// Begins a segment of the table in the folder `dir`, which must exist; an error if one of its
    /// files does already.
    pub(crate) fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        id: SegmentId,
        schema: &TableSchema,
        partition: Partition,
    ) -> Result<SegmentWriter> {
        let file_schema = ArrowSchemaConverter::new().convert(&file_schema(schema));
        let file_schema = file_schema.map_err(|error| Error::invalid(error.to_string()))?;
        let encoders = column_encoders(schema, &file_schema);
        let failure = Failure::default();
        let path = id.data_path(dir);
        let sink = Sink::new(id, disk.create(&path)?, failure.clone());
        let properties = Arc::new(writer_properties());
        let writer = SerializedFileWriter::new(sink, file_schema.root_schema_ptr(), properties);
        Ok(SegmentWriter {
            writer: Some(writer.map_err(|error| failed(&failure, id, error))?),
            encoders,
            group_rows: 0,
            disk,
            dir: dir.to_owned(),
            id,
            table: schema.id,
            schema_version: schema.version,
            partition,
            column_count: schema.columns.len(),
            failure,
            pending: Vec::new(),
            pending_count: 0,
            zones: ZoneMapBuilder::new(schema.columns.len()),
            open_zone: None,
            closed_zone: None,
            hashes: Vec::new(),
            open_count: 0,
            decoded_bytes: 0,
            finder: PartitionFinder::new(schema.partition_width),
            last: None,
            is_finished: false,
        })
    }

    /// Adds rows behind those there are. Rows must be sorted as the segment is, and belong to its
    /// partition.
    pub(crate) fn write(&mut self, rows: SegmentRows) -> Result<()> {
        let SegmentRows { mut columns, periods, key_hashes } = rows;
        let row_count = periods.len();
        assert!(columns.iter().all(|column| column.len() == row_count), "a value for every row");
        assert!(periods.columns().iter().all(|column| column.len() == row_count));
        assert_eq!(key_hashes.len(), row_count, "a hash for every row");
        if self.hashes.len() + row_count > u32::MAX as usize {
            return Err(Error::exhausted("a segment holds at most 4,294,967,295 rows"));
        }
        self.note_periods(&periods);
        self.hashes.extend(key_hashes);
        columns.extend(periods.into_arrays());
        assert_eq!(columns.len(), self.encoders.len(), "every column of the table");
        self.decoded_bytes += columns.iter().map(decoded_bytes).sum::<u64>();
        let mut at = 0;
        while at < row_count {
            let taken = (BLOCK_ROWS as usize - self.pending_count).min(row_count - at);
            self.pending.push(columns.iter().map(|column| column.slice(at, taken)).collect());
            self.pending_count += taken;
            at += taken;
            if self.pending_count == BLOCK_ROWS as usize {
                self.write_block()?;
            }
        }
        Ok(())
    }

    /// Holds rows against the order and the partition they claim, and takes them into zones.
    ///
    /// A flush or compaction that breaks these rules would lose rows from answers without an error,
    /// so it must not get far.
    fn note_periods(&mut self, periods: &Periods) {
        let row_count = periods.len();
        let is_open = |row: usize| periods.system_to[row] == i64::MAX;
        let open_count = (0..row_count).take_while(|row| is_open(*row)).count();
        for row in 0..row_count {
            assert!(is_open(row) == (row < open_count), "closed rows follow the open ones");
            assert!(self.partition.may_hold_end(periods.end(row)), "a row of another partition");
            let place = Place::new(periods, row, &mut self.finder);
            assert!(self.last.is_none_or(|last| last <= place), "rows are in their order");
            self.last = Some(place);
        }
        if open_count > 0 {
            assert_eq!(self.open_count as usize, self.hashes.len(), "open rows come first");
            self.open_count += open_count as u32;
        }
        let union = |all: Option<Zone>, more: Option<Zone>| match (all, more) {
            (Some(all), Some(more)) => Some(all.union(&more)),
            (all, more) => all.or(more),
        };
        self.open_zone = union(self.open_zone, periods.zone(0, open_count));
        self.closed_zone = union(self.closed_zone, periods.zone(open_count, row_count));
    }

    /// Encodes what is pending, which only at the segment's end does not fill a block.
    ///
    /// The row group ends with the block if it is large: its pages are in memory until then.
    fn write_block(&mut self) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let row_count = std::mem::take(&mut self.pending_count);
        let block = match <[Vec<ArrayRef>; 1]>::try_from(pending) {
            Ok([block]) => block,
            Err(pieces) => concatenated(&pieces)?,
        };
        let (columns, instants) = block.split_at(self.column_count);
        self.zones.push(block_zone(instants), columns)?;
        for (encoder, column) in self.encoders.iter_mut().zip(&block) {
            encoder.push(column)?;
        }
        self.group_rows += row_count as u32;
        let byte_count: usize = self.encoders.iter().map(ColumnEncoder::byte_count).sum();
        if self.group_rows >= ROW_GROUP_ROWS || byte_count >= ROW_GROUP_BYTES {
            self.write_group()?;
        }
        Ok(())
    }

    /// Writes the row group that the encoders hold.
    fn write_group(&mut self) -> Result<()> {
        self.group_rows = 0;
        let chunks = self.encoders.iter_mut().map(ColumnEncoder::finish);
        let chunks = chunks.collect::<Result<Vec<_>>>()?;
        let writer = self.writer.as_mut().ok_or_else(|| Error::halted("the segment is closed"))?;
        append_group(writer, chunks).map_err(|error| failed(&self.failure, self.id, error))
    }

    /// Writes what is left and the index file, makes both and the folder durable.
    pub(crate) fn finish(mut self) -> Result<SegmentMeta> {
        assert!(!self.hashes.is_empty(), "a segment has a row");
        if self.pending_count > 0 {
            self.write_block()?;
        }
        if self.group_rows > 0 {
            self.write_group()?;
        }
        let writer = self.writer.take().ok_or_else(|| Error::halted("the segment is closed"))?;
        let sink = writer.into_inner().map_err(|error| failed(&self.failure, self.id, error))?;
        let (checksums, data_bytes) = sink.finish()?;
        let (pages, directory, open_page_count) = self.key_pages();
        let zones = std::mem::replace(&mut self.zones, ZoneMapBuilder::new(0)).finish();
        let header = Header {
            column_count: self.column_count as u32,
            id: self.id,
            table: self.table,
            row_count: self.hashes.len() as u32,
            open_count: self.open_count,
            open_page_count,
            closed_page_count: directory.len() as u32 - open_page_count,
            pages_bytes: pages.len() as u32,
            data_bytes,
        };
        let (index, index_checksum) =
            index_file::encode(&header, &checksums, &zones, &directory, &pages);
        let file = self.disk.create(&self.id.index_path(&self.dir))?;
        file.append(&index)?;
        file.sync()?;
        self.disk.sync_dir(&self.dir)?;
        self.is_finished = true;
        let zone = match (self.open_zone, self.closed_zone) {
            (Some(open), Some(closed)) => open.union(&closed),
            (Some(zone), None) | (None, Some(zone)) => zone,
            (None, None) => unreachable!("a segment has a row, and every row is in a section"),
        };
        Ok(SegmentMeta {
            id: self.id,
            table: self.table,
            schema_version: self.schema_version,
            partition: self.partition,
            row_count: header.row_count,
            open_count: self.open_count,
            data_bytes,
            decoded_bytes: self.decoded_bytes,
            index_bytes: index.len() as u64,
            index_checksum,
            zone,
            open_zone: self.open_zone,
            closed_zone: self.closed_zone,
        })
    }

    /// The key pages of both sections, their directory, and how many are of the open section.
    fn key_pages(&self) -> (Vec<u8>, Vec<crate::index::PageEntry>, u32) {
        let (mut pages, mut directory) = (Vec::new(), Vec::new());
        let checksum = |number: usize, page: &[u8]| seeded(self.id, Part::KeyPage, number, page);
        let (open, closed) = self.hashes.split_at(self.open_count as usize);
        build(&sorted_pairs(open), &mut pages, &checksum, &mut directory);
        let open_page_count = directory.len() as u32;
        build(&sorted_pairs(closed), &mut pages, &checksum, &mut directory);
        (pages, directory, open_page_count)
    }
}

fn sorted_pairs(hashes: &[u64]) -> Vec<(u64, u32)> {
    sorted_by_numbers(
        hashes.len(),
        hashes.iter().copied(),
        hashes.iter().copied().zip(0..),
        |(hash, row)| ([*hash], *row),
    )
}

fn append_group(
    writer: &mut SerializedFileWriter<Sink>,
    chunks: Vec<(Bytes, ColumnCloseResult)>,
) -> ParquetResult<()> {
    let mut group = writer.next_row_group()?;
    for (pages, close) in chunks {
        group.append_column(&pages, close)?;
    }
    group.close().map(|_| ())
}

/// The columns of some pieces, each behind that of the piece before.
fn concatenated(pieces: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    let column_count = pieces.first().map_or(0, Vec::len);
    let column = |at: usize| pieces.iter().map(|piece| &*piece[at]).collect::<Vec<&dyn Array>>();
    (0..column_count).map(|at| Ok(concat(&column(at))?)).collect()
}

/// The zone of a block, from the columns that are written.
fn block_zone(instants: &[ArrayRef]) -> Zone {
    let periods = PeriodBlock::from_arrays(instants);
    let zone = periods.and_then(|periods| periods.zone(0, periods.len()));
    zone.expect("a block has rows, and its instants were made from microseconds")
}

fn failed(failure: &Failure, id: SegmentId, error: parquet::errors::ParquetError) -> Error {
    failure.take_or(|| Error::invalid(format!("segment {id} cannot be written: {error}")))
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // What cannot be removed is not named by the manifest and is removed by the next opening.
        let _ = self.disk.remove(&self.id.data_path(&self.dir));
        let _ = self.disk.remove(&self.id.index_path(&self.dir));
    }
}

/// About the bytes that a column takes in memory; the same however its rows are split into batches, and in whatever form they come.
pub(crate) fn decoded_bytes(column: &ArrayRef) -> u64 {
    if let Some(numbers) = column.as_dictionary_opt::<UInt32Type>() {
        let offsets = value_offsets(numbers.values()).unwrap_or(&[0]);
        let length = |key: usize| u64::from(offsets[key + 1].abs_diff(offsets[key]));
        let value_bytes: u64 = numbers.keys_iter().flatten().map(length).sum();
        return value_bytes + column.len() as u64 * 4;
    }
    let offsets = value_offsets(column);
    let value_bytes =
        offsets.map_or(0, |offsets| offsets[column.len()].abs_diff(offsets[0]).into());
    let row_bytes = match column.data_type() {
        DataType::Utf8 | DataType::Binary => 4,
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(16),
    };
    value_bytes + (column.len() * row_bytes) as u64
}

/// Where the values of a column of text or bytes begin and end.
fn value_offsets(column: &ArrayRef) -> Option<&[i32]> {
    let text = column.as_string_opt::<i32>().map(|array| array.value_offsets());
    text.or_else(|| column.as_binary_opt::<i32>().map(|array| array.value_offsets()))
}
