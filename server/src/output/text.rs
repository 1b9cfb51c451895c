//! CSV as RFC 4180 has it, lines ended by LF.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;

use super::{Out, Shape};
use crate::error::Result;

/// Writes CSV.
pub(crate) struct CsvWriter {
    shape: Shape,
    out: Out,
}

impl CsvWriter {
    /// Writes the header line.
    pub(crate) fn new(shape: Shape, mut out: Out) -> Result<CsvWriter> {
        let mut line = String::new();
        for name in shape.names() {
            push_field(name, &mut line);
            line.push(',');
        }
        line.pop();
        line.push('\n');
        out.write_all(line.as_bytes())?;
        Ok(CsvWriter { shape, out })
    }

    /// Writes rows.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let cells = self.shape.cells(rows);
        let mut field = String::new();
        let mut line = String::new();
        for row in 0..rows.num_rows() {
            line.clear();
            for (at, cells) in cells.iter().enumerate() {
                if at > 0 {
                    line.push(',');
                }
                if cells.is_null(row) {
                    continue;
                }
                field.clear();
                cells.text(row, &mut field);
                push_field(&field, &mut line);
            }
            line.push('\n');
            // A lone NULL would be an empty line, which readers skip; nothing but quotes tells it from no row at all.
            let line = if line == "\n" { "\"\"\n" } else { line.as_str() };
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    /// Gives back where it wrote.
    pub(crate) fn finish(self) -> Out {
        self.out
    }
}

/// Adds a field, in quotes if it is empty or holds a comma, a quote or a line break.
fn push_field(field: &str, line: &mut String) {
    let is_plain = !field.is_empty() && !field.contains([',', '"', '\n', '\r']);
    if is_plain {
        line.push_str(field);
        return;
    }
    line.push('"');
    line.push_str(&field.replace('"', "\"\""));
    line.push('"');
}
