//! One JSON document: the columns with their types, the rows as arrays, the system instant they were read at.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;
use annals_engine::arrow::datatypes::DataType;

use super::cell::json_string;
use super::{Out, Shape};
use crate::error::Result;

/// Writes a document. The members are `columns`, `system_time`, `notices` if there are any, and `rows`, in this order.
pub(crate) struct DocumentWriter {
    shape: Shape,
    out: Out,
    is_first: bool,
}

/// What stands beside the rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heading {
    /// The system instant at which the rows were read.
    pub(crate) system_time: Option<String>,
    /// What the answer leaves out, a sentence each.
    pub(crate) notices: Vec<String>,
}

impl DocumentWriter {
    /// Starts a document with what stands before the rows.
    pub(crate) fn new(shape: Shape, heading: &Heading, mut out: Out) -> Result<DocumentWriter> {
        let mut text = String::from("{\"columns\":[");
        for (at, field) in shape.schema.fields().iter().enumerate() {
            text.push_str(if at > 0 { ",{\"name\":" } else { "{\"name\":" });
            json_string(field.name(), &mut text);
            text.push_str(",\"type\":");
            json_string(&type_name(field.data_type()), &mut text);
            text.push('}');
        }
        text.push_str("],\"system_time\":");
        match &heading.system_time {
            Some(at) => json_string(at, &mut text),
            None => text.push_str("null"),
        }
        if !heading.notices.is_empty() {
            text.push_str(",\"notices\":[");
            for (at, notice) in heading.notices.iter().enumerate() {
                text.push_str(if at > 0 { "," } else { "" });
                json_string(notice, &mut text);
            }
            text.push(']');
        }
        text.push_str(",\"rows\":[");
        out.write_all(text.as_bytes())?;
        Ok(DocumentWriter { shape, out, is_first: true })
    }

    /// Writes rows.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let cells = self.shape.cells(rows);
        let mut line = String::new();
        for row in 0..rows.num_rows() {
            line.clear();
            line.push_str(if self.is_first { "[" } else { ",\n[" });
            self.is_first = false;
            for (at, cells) in cells.iter().enumerate() {
                if at > 0 {
                    line.push(',');
                }
                cells.json(row, &mut line);
            }
            line.push(']');
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Ends the document and gives back where it wrote.
    pub(crate) fn finish(mut self) -> Result<Out> {
        self.out.write_all(b"]}\n")?;
        Ok(self.out)
    }
}

/// The SQL name of the type in which values of an answer are written.
fn type_name(data_type: &DataType) -> String {
    let name = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt64 => "DECIMAL(20,0)",
        DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE PRECISION",
        DataType::Decimal128(precision, scale) => return format!("DECIMAL({precision},{scale})"),
        DataType::Utf8 => "TEXT",
        DataType::Binary => "BYTEA",
        DataType::Date32 => "DATE",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::FixedSizeBinary(16) => "UUID",
        other => return other.to_string().to_uppercase(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use annals_engine::rows;

    use super::*;
    use crate::output::Shared;

    fn check(rows: &RecordBatch, heading: &Heading, expect: &str) {
        let shared = Shared::default();
        let shape = Shape::plain(rows.schema());
        let mut writer = DocumentWriter::new(shape, heading, shared.writer()).expect("started");
        writer.write(rows).expect("written");
        writer.finish().expect("ended");
        let text = String::from_utf8(shared.take()).expect("text");
        assert_eq!(text, expect);
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
    }

    #[test]
    fn columns_have_names_and_types_and_rows_are_arrays() {
        let heading = Heading { system_time: Some("2024-01-01T00:00:00Z".into()), notices: vec![] };
        let rows = rows!(("a \"b\"", Utf8, ["x", "y"]), ("n", Int64, [Some(1), None]));
        check(
            &rows.expect("rows"),
            &heading,
            "{\"columns\":[{\"name\":\"a \\\"b\\\"\",\"type\":\"TEXT\"},{\"name\":\"n\",\"type\":\"BIGINT\"}],\
             \"system_time\":\"2024-01-01T00:00:00Z\",\"rows\":[[\"x\",1],\n[\"y\",null]]}\n",
        );
    }

    #[test]
    fn an_answer_without_rows_has_its_columns_and_notices() {
        let heading = Heading { system_time: None, notices: vec!["less".into()] };
        let rows = rows!(("n", Int64, Vec::<i64>::new())).expect("no rows");
        check(
            &rows,
            &heading,
            "{\"columns\":[{\"name\":\"n\",\"type\":\"BIGINT\"}],\"system_time\":null,\
             \"notices\":[\"less\"],\"rows\":[]}\n",
        );
    }
}
