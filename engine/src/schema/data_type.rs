//! The types a column can have, and the Arrow types that carry them.

use std::fmt;

use arrow::datatypes::{DataType as ArrowType, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The type of a column, named as in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DataType {
    /// `BOOLEAN`
    Boolean,
    /// `SMALLINT`, 16 bits
    SmallInt,
    /// `INTEGER`, 32 bits
    Integer,
    /// `BIGINT`, 64 bits
    BigInt,
    /// `REAL`, 32 bits
    Real,
    /// `DOUBLE PRECISION`, 64 bits
    Double,
    /// `DECIMAL(precision, scale)`, up to 38 digits
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// `TEXT`, UTF-8
    Text,
    /// `BYTEA`
    Bytea,
    /// `DATE`
    Date,
    /// `TIMESTAMP`, microseconds in UTC
    Timestamp,
    /// `UUID`, 16 bytes
    Uuid,
    /// `JSON`, kept as UTF-8 text
    Json,
}

impl DataType {
    /// The Arrow type in which values of this type go in and come out.
    pub fn arrow(self) -> ArrowType {
        match self {
            DataType::Boolean => ArrowType::Boolean,
            DataType::SmallInt => ArrowType::Int16,
            DataType::Integer => ArrowType::Int32,
            DataType::BigInt => ArrowType::Int64,
            DataType::Real => ArrowType::Float32,
            DataType::Double => ArrowType::Float64,
            DataType::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale as i8),
            DataType::Text | DataType::Json => ArrowType::Utf8,
            DataType::Bytea => ArrowType::Binary,
            DataType::Date => ArrowType::Date32,
            DataType::Timestamp => ArrowType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            DataType::Uuid => ArrowType::FixedSizeBinary(16),
        }
    }

    /// Reads a type as SQL writes it, such as `BIGINT` or `DECIMAL(10,2)`; synonyms of PostgreSQL are accepted.
    pub fn parse(text: &str) -> Result<DataType> {
        let upper = text.trim().to_ascii_uppercase();
        let (name, arguments) = match upper.split_once('(') {
            Some((name, rest)) => (name.trim(), rest.strip_suffix(')')),
            None => (upper.as_str(), None),
        };
        let plain = match name {
            "BOOLEAN" | "BOOL" => DataType::Boolean,
            "SMALLINT" | "INT2" => DataType::SmallInt,
            "INTEGER" | "INT" | "INT4" => DataType::Integer,
            "BIGINT" | "INT8" => DataType::BigInt,
            "REAL" | "FLOAT4" => DataType::Real,
            "DOUBLE PRECISION" | "DOUBLE" | "FLOAT8" | "FLOAT" => DataType::Double,
            "DECIMAL" | "NUMERIC" => return parse_decimal(text, arguments),
            "TEXT" | "VARCHAR" | "CHARACTER VARYING" | "STRING" => DataType::Text,
            "BYTEA" | "BLOB" => DataType::Bytea,
            "DATE" => DataType::Date,
            "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" => DataType::Timestamp,
            "UUID" => DataType::Uuid,
            "JSON" | "JSONB" => DataType::Json,
            _ => return Err(Error::invalid(format!("there is no type `{}`", text.trim()))),
        };
        Ok(plain)
    }

    /// Whether stored values are UTF-8 text.
    pub fn is_text(self) -> bool {
        matches!(self, DataType::Text | DataType::Json)
    }
}

fn parse_decimal(text: &str, arguments: Option<&str>) -> Result<DataType> {
    let wrong = || {
        Error::invalid(format!(
            "`{}` is not DECIMAL(precision, scale) of at most 38 digits",
            text.trim()
        ))
    };
    let arguments = arguments.unwrap_or("38,0");
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let precision: u8 = precision.trim().parse().map_err(|_| wrong())?;
    let scale: u8 = scale.trim().parse().map_err(|_| wrong())?;
    if precision == 0 || precision > 38 || scale > precision {
        return Err(wrong());
    }
    Ok(DataType::Decimal { precision, scale })
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            DataType::Boolean => "BOOLEAN",
            DataType::SmallInt => "SMALLINT",
            DataType::Integer => "INTEGER",
            DataType::BigInt => "BIGINT",
            DataType::Real => "REAL",
            DataType::Double => "DOUBLE PRECISION",
            DataType::Decimal { precision, scale } => {
                return write!(f, "DECIMAL({precision},{scale})");
            }
            DataType::Text => "TEXT",
            DataType::Bytea => "BYTEA",
            DataType::Date => "DATE",
            DataType::Timestamp => "TIMESTAMP",
            DataType::Uuid => "UUID",
            DataType::Json => "JSON",
        };
        f.write_str(name)
    }
}
