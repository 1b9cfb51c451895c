//! The answer of a query on its way to a writer: a query has types that no column of a table has, and names twice.

use std::collections::HashSet;
use std::sync::Arc;

use annals_engine::arrow::array::{RecordBatch, RecordBatchOptions};
use annals_engine::arrow::compute::{CastOptions, cast_with_options};
use annals_engine::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use super::{Format, Shape};
use crate::error::Result;

/// An answer, brought to the types that the writers know.
pub(crate) struct Answer {
    schema: SchemaRef,
}

impl Answer {
    /// An answer with these columns.
    pub(crate) fn new(schema: &Schema, format: Format) -> Answer {
        let mut names: Vec<String> =
            schema.fields().iter().map(|field| field.name().clone()).collect();
        // Text has columns side by side; in the other forms the second of two names would hide the first from most readers.
        if !matches!(format, Format::Table | Format::Csv) {
            names = distinct(names);
        }
        let fields = schema.fields().iter().zip(names);
        let fields = fields.map(|(field, name)| Field::new(name, plain(field.data_type()), true));
        Answer { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())) }
    }

    /// What the writer must know of the rows.
    pub(crate) fn shape(&self) -> Shape {
        Shape::plain(self.schema.clone())
    }

    /// The rows of a batch as the writer takes them. An error if a value has no place in the plain type: an instant in seconds
    /// may be beyond the years that microseconds reach.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.schema.fields().iter().zip(batch.columns());
        let columns =
            columns.map(|(field, column)| cast_with_options(column, field.data_type(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}

/// The type in which the writers take values of a type.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::FixedSizeBinary(length) if *length != 16 => DataType::Binary,
        DataType::Int8 | DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        DataType::Date64 => DataType::Date32,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}

/// The same names, but for those that were there before: they get a number.
fn distinct(names: Vec<String>) -> Vec<String> {
    let all: HashSet<String> = names.iter().cloned().collect();
    let mut taken = HashSet::new();
    let told_apart = names.into_iter().map(|name| {
        let numbered = (1..).map(|number| format!("{name}_{number}"));
        let mut free =
            numbered.filter(|numbered| !all.contains(numbered) && !taken.contains(numbered));
        let name = match taken.contains(&name) {
            true => free.next().unwrap_or_default(),
            false => name.clone(),
        };
        taken.insert(name.clone());
        name
    });
    told_apart.collect()
}
