//! A column of a table.

use arrow::datatypes::Field;
use serde::{Deserialize, Serialize};

use super::data_type::DataType;
use super::value::Value;
use crate::error::{Error, Result};

/// The number of a column, never used twice in a table, from 1 on: stored values are told by it, whatever the column is called.
pub(crate) type ColumnId = u32;

/// The longest default, in bytes of text.
const DEFAULT_BYTES_MAX: usize = 64 * 1024;

/// A column: its name, type, whether a value may be missing, and what stands for one that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its number in the table, never used twice there; 0 until its table is first changed, and then it is its position plus 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) id: ColumnId,
    /// The name, unique in the table; a leading underscore is reserved.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether a value may be NULL. Key columns never may.
    pub nullable: bool,
    /// The default as text, in the form that [`Value::parse`] reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

impl Column {
    /// A column that may be NULL, without a default.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Column {
        Column { id: 0, name: name.into(), data_type, nullable: true, default: None }
    }

    /// The same column without NULL.
    pub fn not_null(mut self) -> Column {
        self.nullable = false;
        self
    }

    /// The same column with a default: what a put that leaves the column out gives it. NULL means that there is none.
    ///
    /// Whether it is of the column's type is said when the table is made. It is part of the table from then on; a NULL that
    /// a put gives explicitly stays NULL.
    ///
    /// ```
    /// use annals_engine::{Column, DataType, Value};
    ///
    /// let column = Column::new("currency", DataType::Text).not_null().with_default("EUR");
    /// assert_eq!(column.default_value()?, Some(Value::Text("EUR".to_owned())));
    /// # Ok::<(), annals_engine::Error>(())
    /// ```
    pub fn with_default(mut self, value: impl Into<Value>) -> Column {
        let value = value.into();
        self.default = (value != Value::Null).then(|| value.to_string());
        self
    }

    /// The default, if there is one; an error if it is not of the column's type, which no column of a table returns.
    pub fn default_value(&self) -> Result<Option<Value>> {
        let Some(text) = &self.default else { return Ok(None) };
        if text.len() > DEFAULT_BYTES_MAX {
            return Err(Error::invalid(format!(
                "the default of column `{}` has {} bytes, more than {DEFAULT_BYTES_MAX}",
                self.name,
                text.len()
            )));
        }
        let place = || format!("the default of column `{}`", self.name);
        let value = Value::parse(self.data_type, text).map_err(|error| error.context(place()))?;
        // Once into the form of the column, so that nothing can go wrong later.
        value.array(self.data_type).map_err(|error| error.context(place()))?;
        Ok(Some(value))
    }

    /// The bytes of the default's text; 0 if there is none.
    pub(super) fn default_bytes(&self) -> usize {
        self.default.as_ref().map_or(0, String::len)
    }

    /// The Arrow field that carries it.
    pub fn arrow(&self) -> Field {
        Field::new(&self.name, self.data_type.arrow(), self.nullable)
    }
}

/// Whether a number has nothing to say: then it is not stored.
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}
