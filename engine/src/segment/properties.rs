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
use parquet::basic::Encoding;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::schema::types::SchemaDescriptor;

use super::encode::ColumnEncoder;
use crate::schema::{Column, DataType, SYSTEM_FROM, SYSTEM_TO, TableSchema, VALID_FROM, VALID_TO};

/// The field id of `_valid_from`; those of the other period columns follow. Columns of tables count
/// from 1 and cannot reach it.
const PERIOD_FIELD_ID: usize = 1_000_001;
/// A dictionary of values grows to this size at most; from then on a column chunk holds the values
/// themselves. A look-up in a cold block must decode the whole dictionary, so it is kept small.
const DICTIONARY_BYTES_MAX: usize = 64 * 1024;
/// The same for system times: the transactions of a row group, 16,384 of them.
const SYSTEM_DICTIONARY_BYTES_MAX: usize = 128 * 1024;

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

/// What the Parquet crate is told of the file. How columns are stored is ours to say.
pub(super) fn writer_properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by("annals version 1".to_owned())
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .build()
}

/// What encodes the columns of the Parquet file, whose schema for the crate is `file`. The same rows give the same bytes.
pub(super) fn column_encoders(schema: &TableSchema, file: &SchemaDescriptor) -> Vec<ColumnEncoder> {
    let of_columns = schema.columns.iter().map(|column| encoding(column.data_type));
    let of_periods = [VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO].map(|name| match name {
        SYSTEM_FROM | SYSTEM_TO => (Encoding::DELTA_BINARY_PACKED, SYSTEM_DICTIONARY_BYTES_MAX),
        _ => (Encoding::BYTE_STREAM_SPLIT, 0),
    });
    let columns = file.columns().iter().zip(of_columns.chain(of_periods));
    columns
        .map(|(column, (encoding, dictionary_bytes_max))| {
            ColumnEncoder::new(column.clone(), encoding, dictionary_bytes_max)
        })
        .collect()
}

/// How a type's values are stored outside a dictionary, and how large a dictionary may grow; 0 if there is none.
fn encoding(data_type: DataType) -> (Encoding, usize) {
    match data_type {
        DataType::Boolean => (Encoding::RLE, 0),
        DataType::SmallInt
        | DataType::Integer
        | DataType::BigInt
        | DataType::Date
        | DataType::Timestamp => (Encoding::DELTA_BINARY_PACKED, 0),
        DataType::Real | DataType::Double => (Encoding::BYTE_STREAM_SPLIT, 0),
        // Up to 18 digits are stored as integers, more as 16 bytes.
        DataType::Decimal { precision, .. } if precision <= 18 => {
            (Encoding::DELTA_BINARY_PACKED, 0)
        }
        DataType::Decimal { .. } => (Encoding::BYTE_STREAM_SPLIT, 0),
        DataType::Text | DataType::Json | DataType::Bytea => {
            (Encoding::DELTA_LENGTH_BYTE_ARRAY, DICTIONARY_BYTES_MAX)
        }
        DataType::Uuid => (Encoding::PLAIN, 0),
    }
}
