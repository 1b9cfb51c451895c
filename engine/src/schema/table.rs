//! A table: what a user asks for, and the catalogue entry it becomes.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use super::column::{Column, ColumnId, is_zero};
use super::data_type::DataType;
use crate::error::{Error, Result};
use crate::partition::PartitionWidth;

/// The column that shows a version's first valid instant.
pub const VALID_FROM: &str = "_valid_from";
/// The column that shows the end of a version's valid period; NULL if it has none.
pub const VALID_TO: &str = "_valid_to";
/// The column that shows when the database began to believe a version.
pub const SYSTEM_FROM: &str = "_system_from";
/// The column that shows when the database ceased to believe a version; NULL if it still does.
pub const SYSTEM_TO: &str = "_system_to";
/// The hidden key of an event table: unique, assigned by the engine in the order of arrival.
pub const EVENT_ID: &str = "_event_id";

/// The most columns a table may have.
pub(super) const COLUMN_COUNT_MAX: usize = 4_096;
/// The longest name of a table or column, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The number of a table, never used twice in a database.
pub type TableId = u32;

/// What a user states to make a table.
///
/// ```
/// use annals_engine::{Column, DataType, TableSpec};
///
/// let spec = TableSpec::keyed("prices", ["sku"])
///     .column(Column::new("sku", DataType::Text))
///     .column(Column::new("price", DataType::Decimal { precision: 10, scale: 2 }));
/// # let _ = spec;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    name: String,
    columns: Vec<Column>,
    key: Vec<String>,
    partition_width: PartitionWidth,
}

impl TableSpec {
    /// A table whose versions are told apart by the named key columns.
    pub fn keyed<K: Into<String>>(
        name: impl Into<String>,
        key: impl IntoIterator<Item = K>,
    ) -> TableSpec {
        TableSpec {
            name: name.into(),
            columns: Vec::new(),
            key: key.into_iter().map(Into::into).collect(),
            partition_width: PartitionWidth::Month,
        }
    }

    /// A table of facts that happen at an instant and never supersede one another.
    pub fn events(name: impl Into<String>) -> TableSpec {
        TableSpec::keyed(name, [EVENT_ID])
    }

    /// Adds a column.
    pub fn column(mut self, column: Column) -> TableSpec {
        self.columns.push(column);
        self
    }

    /// Sets how wide a time partition is; a month unless told otherwise.
    pub fn partition_by(mut self, width: PartitionWidth) -> TableSpec {
        self.partition_width = width;
        self
    }

    /// The name asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The catalogue entry for this request, or an error that names what is wrong with it.
    pub(crate) fn resolve(self, id: TableId) -> Result<TableSchema> {
        let is_event = self.key == [EVENT_ID];
        let mut columns = self.columns;
        check_name("table", &self.name)?;
        for column in &columns {
            check_name("column", &column.name)?;
            column.default_value()?;
        }
        if columns.len() > COLUMN_COUNT_MAX {
            return Err(Error::invalid(format!(
                "a table may have at most {COLUMN_COUNT_MAX} columns"
            )));
        }
        let mut seen = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !seen.insert(column.name.as_str())) {
            return Err(Error::invalid(format!("column `{}` is named twice", twice.name)));
        }
        if is_event {
            columns.insert(0, Column::new(EVENT_ID, DataType::BigInt).not_null());
        }
        if self.key.is_empty() {
            return Err(Error::invalid(format!(
                "table `{}` needs a key column, or must be an event table",
                self.name
            )));
        }
        let mut key = Vec::with_capacity(self.key.len());
        for name in &self.key {
            let at = columns.iter().position(|column| column.name == *name);
            let at = at.ok_or_else(|| {
                Error::invalid(format!("key column `{name}` is not among the columns"))
            })?;
            if key.contains(&at) {
                return Err(Error::invalid(format!("key column `{name}` is named twice")));
            }
            columns[at].nullable = false;
            key.push(at);
        }
        Ok(TableSchema {
            id,
            name: self.name,
            columns,
            key,
            is_event,
            partition_width: self.partition_width,
            version: 0,
            last_column_id: 0,
        })
    }
}

/// An error if something (`what`) cannot have this name.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let article = if what.starts_with('i') { "an" } else { "a" };
        return Err(Error::invalid(format!(
            "`{name}` cannot be the name of {article} {what}: 1 to {NAME_BYTES_MAX} bytes"
        )));
    }
    if name.starts_with('_') {
        return Err(Error::invalid(format!(
            "{what} `{name}`: names with a leading underscore are reserved"
        )));
    }
    Ok(())
}

/// The catalogue entry of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// The table's number.
    pub id: TableId,
    /// Its name.
    pub name: String,
    /// Its columns in order; an event table's first is the hidden [`EVENT_ID`].
    pub columns: Vec<Column>,
    /// The positions of the key columns, in the order of the key.
    pub key: Vec<usize>,
    /// Whether it is an event table.
    pub is_event: bool,
    /// How wide its time partitions are.
    pub partition_width: PartitionWidth,
    /// How often its columns have been changed: it tells the entries that the table has had.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u32,
    /// The greatest number that a column has had; 0 before the first change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) last_column_id: ColumnId,
}

impl TableSchema {
    /// All columns as Arrow fields, the period columns not among them.
    pub fn arrow(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::arrow).collect::<Vec<Field>>()))
    }

    /// The position of a column, or an error that names it and the nearest name there is.
    pub fn position(&self, name: &str) -> Result<usize> {
        self.columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let names = self.columns.iter().map(|column| column.name.as_str());
            let hint = did_you_mean(name, names);
            Error::invalid(format!("table `{}` has no column `{name}`{hint}", self.name))
        })
    }
}

/// `; did you mean ...?` with the nearest of some names, or nothing if none is near: the end of a message about a name that is not
/// there, here and in what is built on the engine.
///
/// ```
/// use annals_engine::schema::did_you_mean;
///
/// assert_eq!(did_you_mean("pricee", ["price", "sku"].into_iter()), "; did you mean `price`?");
/// assert_eq!(did_you_mean("colour", ["price", "sku"].into_iter()), "");
/// ```
pub fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> String {
    let distance_max = 1 + name.chars().count() / 4;
    let near = names.map(|other| (edit_distance(name, other), other)).min();
    match near {
        Some((distance, near)) if distance <= distance_max => format!("; did you mean `{near}`?"),
        _ => String::new(),
    }
}

/// The number of single-character insertions, deletions and substitutions between two words (Levenshtein).
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
