//! A column of a table.

use arrow::datatypes::Field;
use serde::{Deserialize, Serialize};

use super::data_type::DataType;

/// A column: its name, type and whether a value may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The name, unique in the table; a leading underscore is reserved.
    pub name: String,
    /// The type of its values.
    pub data_type: DataType,
    /// Whether a value may be NULL. Key columns never may.
    pub nullable: bool,
}

impl Column {
    /// A column that may be NULL.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Column {
        Column { name: name.into(), data_type, nullable: true }
    }

    /// The same column without NULL.
    pub fn not_null(mut self) -> Column {
        self.nullable = false;
        self
    }

    /// The Arrow field that carries it.
    pub fn arrow(&self) -> Field {
        Field::new(&self.name, self.data_type.arrow(), self.nullable)
    }
}
