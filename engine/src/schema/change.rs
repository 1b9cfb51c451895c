//! Changes of a table's columns: the catalogue entry alone changes, stored bytes stay as they are.
//!
//! Invariants: a column keeps its number through every change, and numbers rise with positions; the key columns stay, in their order
//! and of their types, since hashes and the order of segments depend on how they are encoded.

use super::column::{Column, ColumnId};
use super::data_type::DataType;
use super::table::{COLUMN_COUNT_MAX, TableSchema, check_name};
use crate::error::{Error, Result};

/// The longest default of a column that is added, in bytes of text: every row that was there before shows it.
const ADDED_DEFAULT_BYTES_MAX: usize = 1_024;
/// The greatest number of a column. Those of the period columns in Parquet files come after it.
const COLUMN_ID_MAX: ColumnId = 1_000_000;

/// A change of the columns of a table; see [`crate::Database::alter_table`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableChange {
    /// Adds a column behind the others. Rows that are there show its default, or else NULL: so a column without NULL needs a default,
    /// also in a table that has no rows yet. The default may have at most 1,024 bytes of text.
    AddColumn(Column),
    /// Takes a column out of the table; not one of the key. A later column of the same name has nothing of this one.
    DropColumn(String),
    /// Gives a column, of the key or not, another name.
    RenameColumn {
        /// What it is called.
        from: String,
        /// What it shall be called.
        to: String,
    },
    /// Gives a column, not one of the key, a type that has all the values of its own: `SMALLINT` to `INTEGER` to `BIGINT`, `REAL` to
    /// `DOUBLE PRECISION`, integers and `DECIMAL` to a `DECIMAL` with at least as many digits on either side of the point. The same
    /// type again changes nothing.
    WidenColumn {
        /// Its name.
        column: String,
        /// The wider type.
        data_type: DataType,
    },
}

impl TableSchema {
    /// The entry after a change; `None` if the change changes nothing.
    pub(crate) fn changed(&self, change: &TableChange) -> Result<Option<TableSchema>> {
        let mut next = self.next_version()?;
        match change {
            TableChange::AddColumn(column) => next.add(column)?,
            TableChange::DropColumn(name) => next.drop_column(name)?,
            TableChange::RenameColumn { from, to } => {
                let at = self.changeable(from)?;
                next.check_free(to)?;
                next.columns[at].name.clone_from(to);
            }
            TableChange::WidenColumn { column, data_type } => {
                let at = self.changeable_value(column, "change its type")?;
                if self.columns[at].data_type == *data_type {
                    return Ok(None);
                }
                next.columns[at] = self.columns[at].widened(*data_type)?;
                next.columns[at].id = self.column_id(at);
            }
        }
        Ok(Some(next))
    }

    /// A copy with the next version, in which every column has a number of its own.
    fn next_version(&self) -> Result<TableSchema> {
        let mut next = self.clone();
        let version = self.version.checked_add(1);
        next.version = version.ok_or_else(|| {
            Error::exhausted(format!("table `{}` has no versions left", self.name))
        })?;
        for (at, column) in next.columns.iter_mut().enumerate() {
            column.id = self.column_id(at);
        }
        let last = next.columns.last().map_or(0, |column| column.id);
        next.last_column_id = next.last_column_id.max(last);
        Ok(next)
    }

    fn add(&mut self, column: &Column) -> Result<()> {
        let (table, name) = (&self.name, &column.name);
        self.check_free(name)?;
        if self.columns.len() >= COLUMN_COUNT_MAX || self.last_column_id >= COLUMN_ID_MAX {
            return Err(Error::exhausted(format!(
                "table `{table}` may have {COLUMN_COUNT_MAX} columns, and {COLUMN_ID_MAX} over time"
            )));
        }
        column.data_type.check()?;
        let default_bytes = column.default_bytes();
        if default_bytes > ADDED_DEFAULT_BYTES_MAX {
            return Err(Error::invalid(format!(
                "the default of column `{name}` has {default_bytes} bytes, and that of an added \
                 column at most {ADDED_DEFAULT_BYTES_MAX}"
            )));
        }
        if column.default_value()?.is_none() && !column.nullable {
            return Err(Error::invalid(format!(
                "column `{name}` of table `{table}` cannot be added without NULL and without a \
                 default: rows from before would have no value"
            )));
        }
        self.last_column_id += 1;
        self.columns.push(column.clone());
        if let Some(added) = self.columns.last_mut() {
            added.id = self.last_column_id;
        }
        Ok(())
    }

    fn drop_column(&mut self, name: &str) -> Result<()> {
        let at = self.changeable_value(name, "be dropped")?;
        self.columns.remove(at);
        self.key.iter_mut().filter(|key| **key > at).for_each(|key| *key -= 1);
        Ok(())
    }

    /// Refuses a name that a column cannot have here.
    fn check_free(&self, name: &str) -> Result<()> {
        check_name("column", name)?;
        match self.columns.iter().any(|column| column.name == name) {
            true => {
                let table = &self.name;
                Err(Error::conflict(format!("table `{table}` has a column `{name}` already")))
            }
            false => Ok(()),
        }
    }

    /// The position of a column that a user has named; a hidden one is nobody's to change.
    fn changeable(&self, name: &str) -> Result<usize> {
        let at = self.position(name)?;
        match self.is_event && at == 0 {
            true => Err(Error::invalid(format!("hidden column `{name}` cannot be changed"))),
            false => Ok(at),
        }
    }

    /// The same of a column that is not of the key.
    fn changeable_value(&self, name: &str, what: &str) -> Result<usize> {
        let at = self.changeable(name)?;
        match self.key.contains(&at) {
            true => {
                let table = &self.name;
                Err(Error::invalid(format!(
                    "column `{name}` is part of the key of table `{table}` and cannot {what}"
                )))
            }
            false => Ok(at),
        }
    }
}

impl Column {
    /// The same column with a wider type.
    fn widened(&self, data_type: DataType) -> Result<Column> {
        if !self.data_type.widens_to(data_type) {
            return Err(Error::invalid(format!(
                "column `{}` is {} and cannot become {data_type}, which does not have all of its \
                 values",
                self.name, self.data_type
            )));
        }
        data_type.check()?;
        let mut wider = self.clone();
        wider.data_type = data_type;
        // What the default is in the narrower type: of a REAL, not all the digits that were written.
        Ok(match self.default_value()? {
            Some(value) => wider.with_default(value),
            None => wider,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{TableSpec, Value};

    fn prices() -> TableSchema {
        let spec = TableSpec::keyed("prices", ["sku"])
            .column(Column::new("note", DataType::Text))
            .column(Column::new("sku", DataType::Text))
            .column(Column::new("ratio", DataType::Real).with_default(0.1));
        spec.resolve(1).unwrap()
    }

    fn named(name: &str) -> TableChange {
        TableChange::DropColumn(name.to_owned())
    }

    fn renamed(from: &str, to: &str) -> TableChange {
        TableChange::RenameColumn { from: from.to_owned(), to: to.to_owned() }
    }

    fn wider(column: &str, data_type: DataType) -> TableChange {
        TableChange::WidenColumn { column: column.to_owned(), data_type }
    }

    /// The columns with their numbers after some changes, or the refusal of the last.
    fn check(changes: &[TableChange], expect: &str) {
        let (last, before) = changes.split_last().unwrap();
        let mut schema = prices();
        for change in before {
            schema = schema.changed(change).unwrap().unwrap();
        }
        let shown = match schema.changed(last) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(next)) => {
                assert_eq!(next.version as usize, changes.len());
                assert_eq!(next.judge(), Ok(()));
                assert_eq!(next.columns[next.key[0]].id, 2, "the key");
                let column = |c: &Column| format!("{} {} {}", c.id, c.name, c.data_type);
                next.columns.iter().map(column).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect);
    }

    #[test]
    fn columns_keep_their_numbers_and_numbers_are_never_used_again() {
        let cents = || TableChange::AddColumn(Column::new("cents", DataType::Integer));
        check(&[cents()], "1 note TEXT, 2 sku TEXT, 3 ratio REAL, 4 cents INTEGER");
        check(&[named("note")], "2 sku TEXT, 3 ratio REAL");
        check(&[cents(), named("cents")], "1 note TEXT, 2 sku TEXT, 3 ratio REAL");
        check(
            &[cents(), named("cents"), named("note"), cents()],
            "2 sku TEXT, 3 ratio REAL, 5 cents INTEGER",
        );
        check(
            &[renamed("sku", "id"), renamed("note", "sku")],
            "1 sku TEXT, 2 id TEXT, 3 ratio REAL",
        );
        check(
            &[wider("ratio", DataType::Double)],
            "1 note TEXT, 2 sku TEXT, 3 ratio DOUBLE PRECISION",
        );
        check(&[named("note"), named("ratio")], "2 sku TEXT");
        check(&[wider("note", DataType::Text)], "nothing");
    }

    #[test]
    fn what_cannot_be_changed_is_refused_by_name() {
        let add = |column: Column| TableChange::AddColumn(column);
        let text = |name: &str| Column::new(name, DataType::Text);
        check(
            &[named("sku")],
            "column `sku` is part of the key of table `prices` and cannot be dropped",
        );
        check(
            &[wider("sku", DataType::Text)],
            "column `sku` is part of the key of table `prices` and cannot change its type",
        );
        check(&[named("nose")], "table `prices` has no column `nose`; did you mean `note`?");
        check(&[add(text("sku"))], "table `prices` has a column `sku` already");
        check(&[renamed("note", "ratio")], "table `prices` has a column `ratio` already");
        check(
            &[renamed("note", "_x")],
            "column `_x`: names with a leading underscore are reserved",
        );
        check(
            &[add(text("kind").not_null())],
            "column `kind` of table `prices` cannot be added without NULL and without a default: rows from \
             before would have no value",
        );
        check(
            &[add(text("kind").with_default("x".repeat(1_025)))],
            "the default of column `kind` has 1025 bytes, and that of an added column at most 1024",
        );
        check(
            &[wider("ratio", DataType::BigInt)],
            "column `ratio` is REAL and cannot become BIGINT, which does not have all of its values",
        );
        let events = TableSpec::events("trips").column(text("to")).resolve(2).unwrap();
        let error = events.changed(&renamed("_event_id", "id")).unwrap_err();
        assert_eq!(error.to_string(), "hidden column `_event_id` cannot be changed");
    }

    #[test]
    fn a_default_keeps_its_value_in_a_wider_type() {
        let wider = prices().changed(&wider("ratio", DataType::Double)).unwrap().unwrap();
        let value = wider.columns[2].default_value().unwrap();
        assert_eq!(value, Some(Value::Double(f64::from(0.1_f32))));
    }
}
