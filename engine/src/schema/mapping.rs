//! Rows that were written with an earlier entry of their table, as a later one shows them.
//!
//! A column is found by its number, whatever it is called and wherever it stands. One that was not there yet shows its default, or
//! else NULL; one whose type was narrower is widened; one that was dropped since is passed over.

use arrow::array::{ArrayRef, UInt32Array, new_null_array};
use arrow::compute::{CastOptions, cast_with_options, take};

use super::column::{Column, ColumnId};
use super::data_type::DataType;
use super::table::TableSchema;
use crate::error::{Error, Result};

/// Where the columns of an entry of a table are in rows of another entry.
#[derive(Debug)]
pub(crate) struct SchemaMapping {
    /// The version of the entry that shows the rows.
    pub(crate) version: u32,
    columns: Vec<StoredColumn>,
}

/// Where a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredColumn {
    /// At this position, of the same type.
    Same(usize),
    /// At this position, of a narrower type.
    Narrower(usize),
    /// Nowhere: rows are older than the column.
    Absent,
}

impl SchemaMapping {
    /// From rows of `stored` to `shown`, a later entry of the same table.
    pub(crate) fn new(stored: &TableSchema, shown: &TableSchema) -> SchemaMapping {
        let column = |(at, column): (usize, &Column)| match stored.position_of(shown.column_id(at))
        {
            None => StoredColumn::Absent,
            Some(from) if stored.columns[from].data_type == column.data_type => {
                StoredColumn::Same(from)
            }
            Some(from) => StoredColumn::Narrower(from),
        };
        let columns = shown.columns.iter().enumerate().map(column).collect();
        SchemaMapping { version: shown.version, columns }
    }

    /// Where the column at a position of the entry that shows the rows is.
    pub(crate) fn stored(&self, column: usize) -> StoredColumn {
        self.columns[column]
    }
}

impl TableSchema {
    /// The number of the column at a position.
    pub(crate) fn column_id(&self, at: usize) -> ColumnId {
        match self.columns[at].id {
            0 => at as ColumnId + 1,
            id => id,
        }
    }

    /// The position of the column of a number.
    pub(crate) fn position_of(&self, id: ColumnId) -> Option<usize> {
        if self.version == 0 {
            return Some((id as usize).checked_sub(1)?).filter(|at| *at < self.columns.len());
        }
        self.columns.binary_search_by_key(&id, |column| column.id).ok()
    }

    /// Whether rows of another entry have no column that this one does not.
    pub(crate) fn has_all_of(&self, stored: &TableSchema) -> bool {
        let mut columns = 0..stored.columns.len();
        self.version == stored.version
            || columns.all(|at| self.position_of(stored.column_id(at)).is_some())
    }

    /// Judges an entry as the manifest has it; says what is wrong with it.
    pub(crate) fn judge(&self) -> Result<(), String> {
        let ids = self.columns.iter().map(|column| column.id);
        let is_numbered = match self.version {
            0 => ids.clone().all(|id| id == 0) && self.last_column_id == 0,
            _ => {
                let (rises, last) = (ids.clone().is_sorted_by(|l, r| l < r), self.last_column_id);
                rises && ids.clone().all(|id| 0 < id && id <= last)
            }
        };
        match is_numbered && self.key.iter().all(|at| *at < self.columns.len()) {
            true => Ok(()),
            false => Err(format!("the columns of table {} are numbered wrongly", self.id)),
        }
    }
}

impl Column {
    /// What rows from before the column show in it: so many times its default, or NULL.
    pub(crate) fn absent(&self, row_count: usize) -> Result<ArrayRef> {
        match self.default_value()? {
            None => Ok(new_null_array(&self.data_type.arrow(), row_count)),
            Some(value) => {
                let one = value.array(self.data_type)?;
                Ok(take(&one, &UInt32Array::from(vec![0; row_count]), None)?)
            }
        }
    }

    /// Values of a narrower type in the column's own.
    pub(crate) fn widen(&self, values: &ArrayRef) -> Result<ArrayRef> {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(values, &self.data_type.arrow(), &options)
            .map_err(|error| Error::invalid(format!("column `{}`: {error}", self.name)))
    }
}

impl DataType {
    /// An error if there is no such type: a DECIMAL may have been put together from any numbers.
    pub(super) fn check(self) -> Result<()> {
        DataType::parse(&self.to_string()).map(drop)
    }

    /// Whether a type has all the values of this one, so that a column may be changed to it.
    pub(super) fn widens_to(self, wider: DataType) -> bool {
        use DataType::{BigInt, Decimal, Double, Integer, Real, SmallInt};
        let (SmallInt | Integer | BigInt | Decimal { .. }, Decimal { precision, scale }) =
            (self, wider)
        else {
            let is_wider = matches!(
                (self, wider),
                (SmallInt, Integer | BigInt) | (Integer, BigInt) | (Real, Double)
            );
            return self == wider || is_wider;
        };
        let (own_whole, own_scale) = match self {
            SmallInt => (5, 0),
            Integer => (10, 0),
            Decimal { precision, scale } => (precision.saturating_sub(scale), scale),
            _ => (19, 0),
        };
        scale >= own_scale && precision.saturating_sub(scale) >= own_whole
    }

    /// Whether values have the same zone prefixes in a wider type: a DECIMAL of more digits after the point counts in smaller units.
    pub(crate) fn keeps_prefixes(self, wider: DataType) -> bool {
        let scale = |data_type| match data_type {
            DataType::Decimal { scale, .. } => scale,
            _ => 0,
        };
        scale(self) == scale(wider)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_widens_to_those_that_have_all_its_values() {
        let check = |from: &str, to: &str, expect: bool| {
            let (from, to) = (DataType::parse(from).unwrap(), DataType::parse(to).unwrap());
            assert_eq!(from.widens_to(to), expect, "{from} to {to}");
        };
        check("SMALLINT", "BIGINT", true);
        check("BIGINT", "INTEGER", false);
        check("REAL", "DOUBLE PRECISION", true);
        check("INTEGER", "DOUBLE PRECISION", false);
        check("DECIMAL(10,2)", "DECIMAL(12,4)", true);
        check("DECIMAL(10,2)", "DECIMAL(11,4)", false);
        check("DECIMAL(10,2)", "DECIMAL(12,1)", false);
        check("DECIMAL(10,2)", "BIGINT", false);
        check("SMALLINT", "DECIMAL(5,0)", true);
        check("SMALLINT", "DECIMAL(5,1)", false);
        check("INTEGER", "DECIMAL(12,2)", true);
        check("BIGINT", "DECIMAL(18,0)", false);
        check("BIGINT", "DECIMAL(19,0)", true);
        check("VARCHAR", "TEXT", true);
        check("JSON", "TEXT", false);
        check("TIMESTAMP", "DATE", false);
    }
}
