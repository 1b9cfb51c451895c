//! Rows on their way out: one writer, seven forms.
//!
//! | form | NULL | instants | integers beyond 2^53 and decimals |
//! |---|---|---|---|
//! | `table`, `csv` | an empty field (an empty text is `""` in CSV) | RFC 3339 in UTC | as they are |
//! | `json`, `ndjson`, a document | `null` | the same, as strings | as strings, so that no reader rounds them |
//! | `arrow`, `parquet` | as such | microseconds in UTC | as such |

mod answer;
mod cell;
mod document;
mod json;
mod shared;
mod table;
mod text;

use std::collections::HashSet;
use std::io::{IsTerminal, Write};

use annals_engine::arrow::array::RecordBatch;
use annals_engine::arrow::datatypes::{Schema, SchemaRef};
use annals_engine::arrow::ipc::writer::StreamWriter;
use annals_engine::{DataType, TableSchema};
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::Result;
pub(crate) use answer::Answer;
pub(crate) use cell::Cells;
pub(crate) use document::{DocumentWriter, Heading};
use json::JsonWriter;
pub(crate) use shared::Shared;
use table::TableWriter;
pub(crate) use table::plain_table;

/// The form in which rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns aligned for reading
    Table,
    /// CSV with a header line
    Csv,
    /// One JSON array of objects
    Json,
    /// One JSON object a line
    Ndjson,
    /// An Arrow IPC stream
    Arrow,
    /// A Parquet file
    Parquet,
}

impl Format {
    /// The form for standard output where none is asked for.
    pub(crate) fn of_stdout(asked: Option<Format>) -> Format {
        let is_terminal = std::io::stdout().is_terminal();
        asked.unwrap_or(if is_terminal { Format::Table } else { Format::Csv })
    }

    /// Whether bytes of this form are one answer, and another one behind it would be lost or spoil it.
    pub(crate) fn is_one_answer(self) -> bool {
        matches!(self, Format::Arrow | Format::Parquet)
    }
}

/// Where bytes go.
pub(crate) type Out = Box<dyn Write + Send>;

/// Standard output, buffered.
pub(crate) fn stdout() -> Out {
    Box::new(std::io::BufWriter::with_capacity(64 << 10, std::io::stdout()))
}

/// What rows are told apart by when they are written: their columns, and which of them hold JSON.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The columns.
    pub(crate) schema: SchemaRef,
    json_columns: HashSet<String>,
}

impl Shape {
    /// Rows of a table.
    pub(crate) fn of_table(schema: SchemaRef, table: &TableSchema) -> Shape {
        let json = table.columns.iter().filter(|column| column.data_type == DataType::Json);
        Shape { schema, json_columns: json.map(|column| column.name.clone()).collect() }
    }

    /// Rows of our own making, without JSON in them.
    pub(crate) fn plain(schema: SchemaRef) -> Shape {
        Shape { schema, json_columns: HashSet::new() }
    }

    fn names(&self) -> Vec<&str> {
        let schema: &Schema = &self.schema;
        schema.fields().iter().map(|field| field.name().as_str()).collect()
    }

    /// The cells of a batch, column by column.
    fn cells<'a>(&self, rows: &'a RecordBatch) -> Vec<Cells<'a>> {
        let columns = self.schema.fields().iter().zip(rows.columns());
        columns
            .map(|(field, array)| Cells::new(array, self.json_columns.contains(field.name())))
            .collect()
    }
}

/// Writes rows in one of the forms.
pub(crate) enum Writer {
    /// See [`Format::Table`].
    Table(TableWriter),
    /// See [`Format::Csv`].
    Csv(text::CsvWriter),
    /// See [`Format::Json`] and [`Format::Ndjson`].
    Json(JsonWriter),
    /// One JSON document with columns and rows.
    Document(DocumentWriter),
    /// See [`Format::Arrow`].
    Arrow(Box<StreamWriter<Out>>),
    /// See [`Format::Parquet`].
    Parquet(Box<ArrowWriter<Out>>),
}

impl Writer {
    /// Starts to write; what must stand before the first row is written now.
    pub(crate) fn new(format: Format, shape: Shape, out: Out) -> Result<Writer> {
        Ok(match format {
            Format::Table => Writer::Table(TableWriter::new(shape, out)),
            Format::Csv => Writer::Csv(text::CsvWriter::new(shape, out)?),
            Format::Json => Writer::Json(JsonWriter::array(shape, out)),
            Format::Ndjson => Writer::Json(JsonWriter::lines(shape, out)),
            Format::Arrow => Writer::Arrow(Box::new(StreamWriter::try_new(out, &shape.schema)?)),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out, shape.schema.clone(), Some(properties))?;
                Writer::Parquet(Box::new(writer))
            }
        })
    }

    /// Writes more rows.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        match self {
            Writer::Table(writer) => writer.write(rows),
            Writer::Csv(writer) => writer.write(rows),
            Writer::Json(writer) => writer.write(rows),
            Writer::Document(writer) => writer.write(rows),
            Writer::Arrow(writer) => Ok(writer.write(rows)?),
            Writer::Parquet(writer) => Ok(writer.write(rows)?),
        }
    }

    /// Writes what must stand after the last row.
    pub(crate) fn finish(self) -> Result<()> {
        let mut out = match self {
            Writer::Table(writer) => writer.finish()?,
            Writer::Csv(writer) => writer.finish(),
            Writer::Json(writer) => writer.finish()?,
            Writer::Document(writer) => writer.finish()?,
            Writer::Arrow(writer) => {
                let mut writer = *writer;
                writer.finish()?;
                writer.into_inner()?
            }
            Writer::Parquet(writer) => (*writer).into_inner()?,
        };
        Ok(out.flush()?)
    }
}
