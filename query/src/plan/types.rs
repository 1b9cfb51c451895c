//! SQL types in expressions: as columns have them, where DataFusion would choose others.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::DataType as SqlType;

/// TIMESTAMP is microseconds in UTC, with years 1 to 9999; nanoseconds would end in 2262. JSON is text, UUID 16 bytes.
#[derive(Debug)]
pub(crate) struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Timestamp(..) | SqlType::TimestampNtz(_) | SqlType::Datetime(_) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
            SqlType::JSON | SqlType::JSONB | SqlType::Text | SqlType::Varchar(_) | SqlType::String(_) => {
                DataType::Utf8
            }
            SqlType::Uuid => DataType::FixedSizeBinary(16),
            SqlType::Bytea => DataType::Binary,
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
