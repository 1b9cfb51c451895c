//! The yardstick of bytes: the resolved rectangles as a plain Parquet file, sorted by key, system
//! start and valid start.
//!
//! Columns: key, qty, price, status, account, valid_from, valid_to, system_from, system_to; an
//! unbounded end is NULL. Compression is zstd at level 3; all else is as the Parquet writer of
//! arrow-rs has it by default.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::positions::{STATUSES, UNBOUNDED, account_name, account_of};
use super::resolve::Rectangle;
use crate::failure::Result;

const BATCH_ROWS: usize = 65_536;
const ZSTD_LEVEL: i32 = 3;

/// Writes rectangles to one Parquet file.
pub struct BaselineWriter {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    pending: Vec<Rectangle>,
}

impl BaselineWriter {
    /// Makes the file.
    pub fn create(path: &Path) -> Result<BaselineWriter> {
        let schema = schema();
        let compression = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?);
        let properties = WriterProperties::builder().set_compression(compression).build();
        let writer = ArrowWriter::try_new(File::create(path)?, schema.clone(), Some(properties))?;
        Ok(BaselineWriter { writer, schema, pending: Vec::with_capacity(BATCH_ROWS) })
    }

    /// Appends rectangles.
    pub fn write(&mut self, rectangles: &[Rectangle]) -> Result<()> {
        self.pending.extend_from_slice(rectangles);
        if self.pending.len() >= BATCH_ROWS {
            self.write_pending()?;
        }
        Ok(())
    }

    /// Ends the file and returns its length in bytes.
    pub fn finish(mut self) -> Result<u64> {
        self.write_pending()?;
        let file = self.writer.into_inner()?;
        Ok(file.metadata()?.len())
    }

    fn write_pending(&mut self) -> Result<()> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns(&self.pending))?;
        self.writer.write(&batch)?;
        self.pending.clear();
        Ok(())
    }
}

fn schema() -> SchemaRef {
    let instant = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Int64, false),
        Field::new("qty", DataType::Int64, false),
        Field::new("price", DataType::Float64, false),
        Field::new("status", DataType::Utf8, false),
        Field::new("account", DataType::Utf8, false),
        Field::new("valid_from", instant(), false),
        Field::new("valid_to", instant(), true),
        Field::new("system_from", instant(), false),
        Field::new("system_to", instant(), true),
    ]))
}

fn columns(rectangles: &[Rectangle]) -> Vec<ArrayRef> {
    let (mut key, mut qty, mut price) =
        (Int64Builder::new(), Int64Builder::new(), Float64Builder::new());
    let (mut status, mut account) = (StringBuilder::new(), StringBuilder::new());
    let mut instants: [TimestampMicrosecondBuilder; 4] =
        std::array::from_fn(|_| TimestampMicrosecondBuilder::new().with_timezone("UTC"));
    for rectangle in rectangles {
        key.append_value(i64::from(rectangle.key));
        qty.append_value(i64::from(rectangle.values.qty));
        price.append_value(rectangle.values.price());
        status.append_value(STATUSES[rectangle.values.status as usize]);
        account.append_value(account_name(account_of(rectangle.key)));
        let bounds =
            [rectangle.valid_from, rectangle.valid_to, rectangle.system_from, rectangle.system_to];
        for (builder, instant) in instants.iter_mut().zip(bounds) {
            builder.append_option(Some(instant).filter(|instant| *instant != UNBOUNDED));
        }
    }
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(key.finish()),
        Arc::new(qty.finish()),
        Arc::new(price.finish()),
        Arc::new(status.finish()),
        Arc::new(account.finish()),
    ];
    columns.extend(instants.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
    columns
}
