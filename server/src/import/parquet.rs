//! Chunks of a Parquet file.

use std::fs::File;

use annals_engine::DataType;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::arrow_types::data_type_of;
use super::batch::BatchChunks;
use super::chunk::Chunk;
use super::plan::Plan;
use super::text::CHUNK_ROW_COUNT;
use crate::error::{Failure, Kind, Result};

/// Opens a Parquet file; a failure says that it is none.
fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|error| Failure::of(Kind::Malformed, format!("not a whole Parquet file: {error}")))
}

/// The columns of the file and the types that hold them.
pub(crate) fn infer(file: File) -> Result<Vec<(String, DataType)>> {
    let columns = open(file)?;
    let columns = columns.schema().fields().iter().map(|field| {
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
    builder: ParquetRecordBatchReaderBuilder<File>,
    /// The names of its columns.
    pub(crate) names: Vec<String>,
}

impl ParquetFile {
    /// Reads what the file says about itself.
    pub(crate) fn open(file: File) -> Result<ParquetFile> {
        let builder = open(file)?;
        let fields = builder.schema().fields().iter();
        let names = fields.map(|field| field.name().clone()).collect();
        Ok(ParquetFile { builder, names })
    }

    /// Finds the plan's columns in the file.
    pub(crate) fn chunks(self, plan: &Plan) -> Result<ParquetChunks<'_>> {
        let chunks = BatchChunks::new(plan, &self.names, CHUNK_ROW_COUNT)?;
        let row_count = self.builder.metadata().file_metadata().num_rows().unsigned_abs();
        let reader = self.builder.with_batch_size(CHUNK_ROW_COUNT).build()?;
        Ok(ParquetChunks { chunks, reader, row_count })
    }
}
