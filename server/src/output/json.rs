//! JSON: an array of objects, or one object a line.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;

use super::cell::json_string;
use super::{Out, Shape};
use crate::error::Result;

/// Writes JSON.
pub(crate) struct JsonWriter {
    shape: Shape,
    out: Out,
    /// The names as JSON strings with their colon.
    names: Vec<String>,
    is_array: bool,
    is_first: bool,
}

impl JsonWriter {
    /// One array, an object a line.
    pub(crate) fn array(shape: Shape, out: Out) -> JsonWriter {
        let names = shape.names().into_iter().map(|name| {
            let mut quoted = String::new();
            json_string(name, &mut quoted);
            quoted + ":"
        });
        let names = names.collect();
        JsonWriter { shape, out, names, is_array: true, is_first: true }
    }

    /// One object a line.
    pub(crate) fn lines(shape: Shape, out: Out) -> JsonWriter {
        JsonWriter { is_array: false, ..JsonWriter::array(shape, out) }
    }

    /// Writes rows.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let cells = self.shape.cells(rows);
        let mut line = String::new();
        for row in 0..rows.num_rows() {
            line.clear();
            if self.is_array {
                line.push_str(if self.is_first { "[\n" } else { ",\n" });
            }
            self.is_first = false;
            line.push('{');
            for (at, (name, cells)) in self.names.iter().zip(&cells).enumerate() {
                if at > 0 {
                    line.push(',');
                }
                line.push_str(name);
                cells.json(row, &mut line);
            }
            line.push('}');
            if !self.is_array {
                line.push('\n');
            }
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Closes the array and gives back where it wrote.
    pub(crate) fn finish(mut self) -> Result<Out> {
        if self.is_array {
            self.out.write_all(if self.is_first { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(self.out)
    }
}
