//! How the columns of the Parquet file are encoded.
//!
//! Rows are sorted by start, so neighbours share little but their instants. How a column is stored
//! was measured on versions of 100,000 keys (`docs/format/segment.md`): integers as packed differences,
//! which decode at 1 to 2 ns a value; floats and valid times split into byte streams, which compress
//! best; system times and text by dictionary, since a transaction stamps many rows. All of it is
//! compressed with zstd at level 1. Pages are of version 2, which leaves a page uncompressed where compression saves
//! less than a tenth.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::{BLOCK_ROWS, ROW_GROUP_ROWS};
use crate::error::{Error, Result};
use crate::schema::{Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, VALID_FROM, VALID_TO};

/// The field id of `_valid_from`; those of the other period columns follow. Columns of tables count
/// from 1 and cannot reach it.
const PERIOD_FIELD_ID: usize = 1_000_001;
/// A dictionary of values grows to this size at most; from then on a column chunk holds the values
/// themselves. A look-up in a cold block must decode the whole dictionary, so it is kept small.
const DICTIONARY_BYTES_MAX: usize = 64 * 1024;
/// The same for system times: the transactions of a row group, 16,384 of them.
const SYSTEM_DICTIONARY_BYTES_MAX: usize = 128 * 1024;
/// A page is one block unless its values are larger than this.
const PAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A page is stored compressed if that leaves less than this part of it.
const COMPRESSION_RATIO_MAX: f64 = 0.9;

/// The schema of the Parquet file: the table's columns, then the four instants.
pub(super) fn file_schema(schema: &TableSchema) -> SchemaRef {
    let with_id = |field: Field, id: usize| {
        let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string());
        Arc::new(field.with_metadata(HashMap::from([id])))
    };
    let columns = schema.columns.iter().map(Column::arrow);
    let columns =
        columns.enumerate().map(|(at, field)| with_id(field, schema.column_id(at) as usize));
    let instant = ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let periods = [(VALID_FROM, true), (VALID_TO, true), (SYSTEM_FROM, false), (SYSTEM_TO, true)];
    let periods = periods.iter().enumerate().map(|(position, (name, nullable))| {
        with_id(Field::new(*name, instant.clone(), *nullable), PERIOD_FIELD_ID + position)
    });
    Arc::new(Schema::new(columns.chain(periods).collect::<Vec<_>>()))
}

/// How the writer encodes the columns. The same rows give the same bytes.
pub(super) fn writer_properties(schema: &TableSchema) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).map_err(|error| Error::invalid(error.to_string()))?;
    let mut properties = WriterProperties::builder()
        .set_created_by("annals version 1".to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(level))
        .set_data_page_v2_compression_ratio_threshold(COMPRESSION_RATIO_MAX)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS as usize))
        .set_data_page_row_count_limit(BLOCK_ROWS as usize)
        .set_write_batch_size(BLOCK_ROWS as usize)
        .set_data_page_size_limit(PAGE_BYTES_MAX)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES_MAX)
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in &schema.columns {
        let path = ColumnPath::new(vec![column.name.clone()]);
        let (dictionary, encoding) = encoding(column.data_type);
        properties = properties.set_column_dictionary_enabled(path.clone(), dictionary);
        properties = properties.set_column_encoding(path, encoding);
    }
    for name in [VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO] {
        let path = ColumnPath::new(vec![name.to_owned()]);
        let dictionary = name == SYSTEM_FROM || name == SYSTEM_TO;
        let otherwise =
            if dictionary { Encoding::DELTA_BINARY_PACKED } else { Encoding::BYTE_STREAM_SPLIT };
        properties = properties
            .set_column_dictionary_enabled(path.clone(), dictionary)
            .set_column_dictionary_page_size_limit(path.clone(), SYSTEM_DICTIONARY_BYTES_MAX)
            .set_column_encoding(path, otherwise);
    }
    Ok(properties.build())
}

/// Whether a type tries a dictionary first, and how its values are stored otherwise.
fn encoding(data_type: DataType) -> (bool, Encoding) {
    match data_type {
        DataType::Boolean => (false, Encoding::RLE),
        DataType::SmallInt
        | DataType::Integer
        | DataType::BigInt
        | DataType::Date
        | DataType::Timestamp => (false, Encoding::DELTA_BINARY_PACKED),
        DataType::Real | DataType::Double => (false, Encoding::BYTE_STREAM_SPLIT),
        // Up to 18 digits are stored as integers, more as 16 bytes.
        DataType::Decimal { precision, .. } if precision <= 18 => {
            (false, Encoding::DELTA_BINARY_PACKED)
        }
        DataType::Decimal { .. } => (false, Encoding::BYTE_STREAM_SPLIT),
        DataType::Text | DataType::Json | DataType::Bytea => {
            (true, Encoding::DELTA_LENGTH_BYTE_ARRAY)
        }
        DataType::Uuid => (false, Encoding::PLAIN),
    }
}
