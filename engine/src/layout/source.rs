//! The batches that values of versions are gathered from, each with the entry of the table that its rows were stored with.
//!
//! A column that a batch lacks is one value, and one of a narrower type stays narrow, until some rows are gathered: so what waits for
//! its place takes no more memory than what was read. Only text that was read as numbers and has too many values in all sources
//! together is made text at once; a plan counts its bytes as text anyway.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::compute::{cast, interleave};
use arrow::datatypes::DataType as ArrowType;

use super::fixed::FixedWidth;
use super::numbered::Numbered;
use crate::error::Result;
use crate::parallel;
use crate::schema::{Column, SchemaMapping, StoredColumn, TableSchema};

/// Rows whose values versions have.
#[derive(Debug)]
pub(crate) struct Source {
    /// All columns of `schema`; those of text and bytes may be numbers and the values they stand for.
    pub(crate) columns: Vec<ArrayRef>,
    pub(crate) row_count: usize,
    pub(crate) schema: Arc<TableSchema>,
}

/// A column of an entry of the table in all sources.
pub(super) struct SourceColumn<'a> {
    column: &'a Column,
    /// For each source its values: those of all rows, or one that all rows have.
    arrays: Vec<ArrayRef>,
    /// Whether all arrays are of the column's type and have a value for each row.
    is_plain: bool,
    /// The values as numbers of distinct ones, if they are text or bytes and there are few.
    numbered: Option<Numbered>,
    /// The values by themselves, if all are of one width and none is NULL.
    fixed: Option<FixedWidth>,
    /// The bytes that the values take beyond those of the sources once all are gathered, about.
    extra_bytes: usize,
}

/// The columns of an entry of the table, in sources of this and of earlier entries: so many are looked through at a time as there
/// are threads.
pub(super) fn source_columns<'a>(
    shown: &'a TableSchema,
    sources: &[Source],
    thread_count: usize,
) -> Result<Vec<SourceColumn<'a>>> {
    let mut found: Vec<SourceColumn<'a>> = shown.columns.iter().map(SourceColumn::new).collect();
    let mut mapping = SchemaMapping::new(shown, shown);
    let mut of_version = shown.version;
    for Source { columns, row_count, schema } in sources {
        if schema.version != of_version {
            (mapping, of_version) = (SchemaMapping::new(schema, shown), schema.version);
        }
        for (at, column) in found.iter_mut().enumerate() {
            match mapping.stored(at) {
                StoredColumn::Same(from) => column.arrays.push(columns[from].clone()),
                StoredColumn::Narrower(from) => column.push_narrower(&columns[from]),
                StoredColumn::Absent => column.push_absent(*row_count)?,
            }
        }
    }
    let forms = parallel::map(thread_count, &found, |_| 1, SourceColumn::forms)?;
    for (column, (numbered, fixed)) in found.iter_mut().zip(forms) {
        (column.numbered, column.fixed) = (numbered, fixed);
        if column.numbered.is_none() {
            column.make_plain()?;
        }
    }
    Ok(found)
}

impl<'a> SourceColumn<'a> {
    fn new(column: &'a Column) -> SourceColumn<'a> {
        let (numbered, fixed) = (None, None);
        let arrays = Vec::new();
        SourceColumn { column, arrays, is_plain: true, numbered, fixed, extra_bytes: 0 }
    }

    /// The values in the forms from which they are gathered fastest, as far as there are any.
    fn forms(&self) -> Result<(Option<Numbered>, Option<FixedWidth>)> {
        match self.is_plain {
            true => Ok((Numbered::new(&self.arrays)?, FixedWidth::new(&self.arrays))),
            false => Ok((None, None)),
        }
    }

    fn push_narrower(&mut self, values: &ArrayRef) {
        let width = self.column.data_type.arrow().primitive_width().unwrap_or(0);
        self.extra_bytes += values.len() * width;
        self.is_plain = false;
        self.arrays.push(values.clone());
    }

    fn push_absent(&mut self, row_count: usize) -> Result<()> {
        let value = self.column.absent(1)?;
        self.extra_bytes += row_count * value.to_data().get_slice_memory_size()?;
        self.is_plain = false;
        self.arrays.push(value);
        Ok(())
    }

    /// Replaces numbers by the values they stand for.
    fn make_plain(&mut self) -> Result<()> {
        for array in &mut self.arrays {
            if let ArrowType::Dictionary(_, values) = array.data_type() {
                *array = cast(array, &values.clone())?;
            }
        }
        Ok(())
    }

    pub(super) fn extra_bytes(&self) -> usize {
        self.extra_bytes
    }

    /// The values of some rows: source, row in it. Of text and bytes it may be numbers and the values they stand for.
    pub(super) fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef> {
        if let Some(numbered) = &self.numbered {
            return numbered.gather(places);
        }
        if let Some(fixed) = &self.fixed {
            return fixed.gather(places);
        }
        if self.is_plain {
            let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
            return Ok(interleave(&arrays, places)?);
        }
        // Values of one type are gathered together and widened, and then put into the order of the rows.
        let mut types: Vec<&ArrowType> =
            self.arrays.iter().map(|array| array.data_type()).collect();
        types.sort_unstable();
        types.dedup();
        let mut rows_by_type: Vec<Vec<(usize, usize)>> = vec![Vec::new(); types.len()];
        let mut merged = Vec::with_capacity(places.len());
        for &(source, row) in places {
            let array = &self.arrays[source];
            let of_type = types.partition_point(|other| *other < array.data_type());
            let rows = &mut rows_by_type[of_type];
            merged.push((of_type, rows.len()));
            rows.push((source, if array.len() == 1 { 0 } else { row }));
        }
        let typed = types.iter().zip(&rows_by_type);
        let parts: Vec<ArrayRef> = typed
            .map(|(of_type, rows)| self.gather_of_type(of_type, rows))
            .collect::<Result<_>>()?;
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        Ok(interleave(&parts, &merged)?)
    }

    /// The same of rows whose values are stored in one type, in the column's type.
    fn gather_of_type(&self, stored: &ArrowType, rows: &[(usize, usize)]) -> Result<ArrayRef> {
        let (mut arrays, mut number_of) = (Vec::<&dyn Array>::new(), vec![0; self.arrays.len()]);
        for (array, number) in self.arrays.iter().zip(&mut number_of) {
            if array.data_type() == stored {
                *number = arrays.len();
                arrays.push(array.as_ref());
            }
        }
        let rows: Vec<(usize, usize)> = rows.iter().map(|(s, row)| (number_of[*s], *row)).collect();
        self.column.widen(&interleave(&arrays, &rows)?)
    }
}
