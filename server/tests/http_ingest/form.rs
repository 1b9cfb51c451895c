//! The forms that rows come in, and requests that bring rows in them.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::ipc::writer::StreamWriter;
use arrow::util::display::array_value_to_string;
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value};

use super::request::Request;

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Ndjson,
    Parquet,
    Arrow,
}

/// How the bytes of a body are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

pub(crate) const FORMATS: [Format; 4] =
    [Format::Csv, Format::Ndjson, Format::Parquet, Format::Arrow];
pub(crate) const ENCODINGS: [Encoding; 3] = [Encoding::Identity, Encoding::Gzip, Encoding::Zstd];

/// A column of texts.
pub(crate) fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(StringArray::from_iter(values))
}

/// A column of whole numbers.
pub(crate) fn numbers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(Int64Array::from_iter(values))
}

/// Rows by their columns, any of which may be null.
pub(crate) fn rows(columns: &[(&str, ArrayRef)]) -> RecordBatch {
    let columns = columns.iter().map(|(name, column)| (*name, column.clone(), true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// Rows of texts, from lines of CSV without quotes; an empty field is null.
pub(crate) fn rows_of(lines: &str) -> RecordBatch {
    let mut lines = lines.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let records: Vec<Vec<&str>> = lines.collect();
    let column = |at: usize| texts(records.iter().map(|r| Some(r[at]).filter(|v| !v.is_empty())));
    let columns: Vec<_> = names.iter().zip(0..).map(|(name, at)| (*name, column(at))).collect();
    rows(&columns)
}

impl Format {
    /// As requests name it.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Format::Csv => "text/csv",
            Format::Ndjson => "application/x-ndjson",
            Format::Parquet => "application/vnd.apache.parquet",
            Format::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The rows in this format.
    pub(crate) fn body(self, rows: &RecordBatch) -> Vec<u8> {
        match self {
            Format::Csv => csv(rows).into_bytes(),
            Format::Ndjson => ndjson(rows).into_bytes(),
            Format::Parquet => {
                let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).unwrap();
                writer.write(rows).unwrap();
                writer.into_inner().unwrap()
            }
            Format::Arrow => {
                let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
                writer.write(rows).unwrap();
                writer.finish().unwrap();
                writer.into_inner().unwrap()
            }
        }
    }
}

/// The values of a row as text, with nothing for null.
fn cells(rows: &RecordBatch, row: usize) -> Vec<String> {
    let cell = |column: &ArrayRef| match column.is_null(row) {
        true => String::new(),
        false => array_value_to_string(column, row).unwrap(),
    };
    rows.columns().iter().map(cell).collect()
}

fn names(rows: &RecordBatch) -> Vec<String> {
    rows.schema().fields().iter().map(|field| field.name().clone()).collect()
}

fn csv(rows: &RecordBatch) -> String {
    let mut lines = vec![names(rows).join(",")];
    lines.extend((0..rows.num_rows()).map(|row| cells(rows, row).join(",")));
    lines.join("\n") + "\n"
}

fn ndjson(rows: &RecordBatch) -> String {
    let line = |row: usize| {
        let value = |column: &ArrayRef, text: String| match column.data_type() {
            _ if column.is_null(row) => Value::Null,
            DataType::Int64 => Value::from(text.parse::<i64>().unwrap()),
            _ => Value::from(text),
        };
        let values = rows.columns().iter().zip(cells(rows, row));
        let values = values.map(|(column, text)| value(column, text));
        let object: Map<String, Value> = names(rows).into_iter().zip(values).collect();
        Value::Object(object).to_string() + "\n"
    };
    (0..rows.num_rows()).map(line).collect()
}

impl Encoding {
    /// As requests name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
        }
    }

    /// The bytes in this encoding.
    pub(crate) fn encode(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Encoding::Identity => plain.to_vec(),
            Encoding::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Encoding::Zstd => zstd::encode_all(plain, 1).unwrap(),
        }
    }
}

/// A request that brings a body for a table, which may be followed by `?` and parameters.
pub(crate) fn ingest(table: &str, format: Format, body: impl Into<Vec<u8>>) -> Request {
    let (table, parameters) = table.split_once('?').unwrap_or((table, ""));
    let path = format!("/v1/tables/{table}/rows?{parameters}");
    Request::new("POST", &path).body(format.media_type(), body)
}
