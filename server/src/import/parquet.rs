//! Chunks of a Parquet file.

use std::fs::File;
use std::sync::Arc;

use annals_engine::DataType;
use annals_engine::arrow::datatypes::{DataType as ArrowType, FieldRef, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Encoding, Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::arrow_types::data_type_of;
use super::batch::BatchChunks;
use super::chunk::Chunk;
use super::plan::Plan;
use super::text::CHUNK_ROW_COUNT;
use crate::error::{Failure, Kind, Result};

/// Values of a fixed width that are read at once take no more, but for those of one row.
const FIXED_BYTES_MAX: usize = 32 << 20;
/// How many rows are read at once where each value may be as long as all that is in its page.
const PREFIXED_ROW_COUNT_MAX: usize = 64;

/// It is no Parquet file, or none that can be read.
fn malformed(error: ParquetError) -> Failure {
    Failure::of(Kind::Malformed, format!("not a whole Parquet file: {error}"))
}

/// The columns of the file and the types that hold them.
pub(crate) fn infer(file: File) -> Result<Vec<(String, DataType)>> {
    let said = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(malformed)?;
    let columns = said.schema().fields().iter().map(|field| {
        let data_type = data_type_of(field.data_type()).ok_or_else(|| {
            Failure::new(format!(
                "column `{}` is of the Arrow type {}, for which there is no column type",
                field.name(),
                field.data_type()
            ))
        })?;
        Ok((field.name().clone(), data_type))
    });
    columns.collect()
}

/// Makes chunks of the rows of one Parquet file.
pub(crate) struct ParquetChunks<'a> {
    chunks: BatchChunks<'a>,
    reader: ParquetRecordBatchReader,
    /// How many rows the file says it has.
    pub(crate) row_count: u64,
}

impl<'a> ParquetChunks<'a> {
    /// Finds the plan's columns in the file.
    pub(crate) fn new(plan: &'a Plan, file: File) -> Result<ParquetChunks<'a>> {
        ParquetFile::open(file)?.chunks(plan)
    }

    /// How many rows were given out.
    pub(crate) fn rows_read(&self) -> u64 {
        self.chunks.rows_read
    }

    /// The next rows; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        loop {
            if let Some(chunk) = self.chunks.next()? {
                return Ok(Some(chunk));
            }
            let Some(batch) = self.reader.next().transpose()? else { return Ok(None) };
            self.chunks.feed(batch)?;
        }
    }
}

/// A Parquet file whose columns are known.
pub(crate) struct ParquetFile {
    file: File,
    read: ArrowReaderMetadata,
    /// The names of its columns.
    pub(crate) names: Vec<String>,
}

impl ParquetFile {
    /// Reads what the file says about itself.
    pub(crate) fn open(file: File) -> Result<ParquetFile> {
        let said =
            ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(malformed)?;
        let fields = said.schema().fields().iter();
        let names = fields.clone().map(|field| field.name().clone()).collect();
        let as_views: Vec<FieldRef> = fields.map(as_view).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(as_views)));
        let read = ArrowReaderMetadata::try_new(said.metadata().clone(), options);
        Ok(ParquetFile { read: read.map_err(malformed)?, file, names })
    }

    /// Finds the plan's columns in the file. Only these are read.
    pub(crate) fn chunks(self, plan: &Plan) -> Result<ParquetChunks<'_>> {
        let ParquetFile { file, read, names } = self;
        let asked = BatchChunks::new(plan, &names, CHUNK_ROW_COUNT)?;
        asked.check(read.schema())?;
        let mut slots: Vec<usize> = asked.slots().collect();
        slots.sort_unstable();
        slots.dedup();
        let row_count_max = row_count_max(&file, &read, &slots)?;
        let names: Vec<String> = slots.iter().map(|slot| names[*slot].clone()).collect();
        let chunks = BatchChunks::new(plan, &names, CHUNK_ROW_COUNT)?;
        let row_count = read.metadata().file_metadata().num_rows().unsigned_abs();
        let columns = ProjectionMask::roots(read.metadata().file_metadata().schema_descr(), slots);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, read);
        let reader = builder.with_projection(columns).with_batch_size(row_count_max).build()?;
        Ok(ParquetChunks { chunks, reader, row_count })
    }
}

/// Texts and bytes as views: rows that name the same entry of a dictionary share it, where plain arrays would have it once for each.
fn as_view(field: &FieldRef) -> FieldRef {
    let plain = match field.data_type() {
        ArrowType::Dictionary(_, values) => values,
        other => other,
    };
    let view = match plain {
        ArrowType::Utf8 | ArrowType::LargeUtf8 => ArrowType::Utf8View,
        ArrowType::Binary | ArrowType::LargeBinary => ArrowType::BinaryView,
        _ => return field.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(view))
}

/// How many rows are read at once, so that what they take is bounded by the pages that they are in, and not by their number times
/// the longest value: a body of a hundred KB can have ten thousand rows of a megabyte each, all the same.
///
/// Values of a dictionary, and those that stand one after the other, are named where they lie ([`as_view`]). Values of a fixed width are written out
/// for each row. So are those that begin as the one before does, of which each can be as long as its page: then few rows are
/// read at once. Which these are the pages say, and not what stands at the end of the file.
fn row_count_max(file: &File, read: &ArrowReaderMetadata, slots: &[usize]) -> Result<usize> {
    let widths = slots.iter().map(|slot| match read.schema().field(*slot).data_type() {
        ArrowType::FixedSizeBinary(width) => width.unsigned_abs() as usize,
        _ => 0,
    });
    let width = widths.fold(0, usize::saturating_add).max(1);
    let row_count_max = (FIXED_BYTES_MAX / width).clamp(1, CHUNK_ROW_COUNT);
    let reader = SerializedFileReader::new(file.try_clone()?).map_err(malformed)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        for (at, column) in group.metadata().columns().iter().enumerate() {
            let root = column.column_descr().self_type().get_basic_info();
            let is_asked =
                slots.iter().any(|slot| read.schema().field(*slot).name() == root.name());
            if is_asked && column.column_type() == Type::BYTE_ARRAY {
                let mut pages = group.get_column_page_reader(at)?;
                while let Some(page) = pages.get_next_page()? {
                    if page.encoding() == Encoding::DELTA_BYTE_ARRAY {
                        return Ok(row_count_max.min(PREFIXED_ROW_COUNT_MAX));
                    }
                }
            }
        }
    }
    Ok(row_count_max)
}
