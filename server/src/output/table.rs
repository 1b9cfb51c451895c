//! Columns aligned for reading. All rows must be at hand before the first is written, so their number is bounded.

use std::io::Write;

use annals_engine::arrow::array::RecordBatch;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent, presets};

use super::{Out, Shape};
use crate::error::{Failure, Result};

/// The most rows that are worth aligning.
const ROW_COUNT_MAX: usize = 100_000;

/// Writes a table.
pub(crate) struct TableWriter {
    shape: Shape,
    out: Out,
    table: Table,
}

impl TableWriter {
    /// A table without rows.
    pub(crate) fn new(shape: Shape, out: Out) -> TableWriter {
        let table = plain_table(shape.names());
        TableWriter { shape, out, table }
    }

    /// Adds rows.
    pub(crate) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        if self.table.row_count() + rows.num_rows() > ROW_COUNT_MAX {
            return Err(Failure::new(format!(
                "more than {ROW_COUNT_MAX} rows are not shown as a table; ask for --format csv"
            )));
        }
        let cells = self.shape.cells(rows);
        for (at, cells) in cells.iter().enumerate() {
            if let Some(column) = self.table.column_mut(at).filter(|_| cells.are_numbers()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in 0..rows.num_rows() {
            let texts = cells.iter().map(|cells| {
                let mut text = String::new();
                cells.text(row, &mut text);
                // A line break or an escape sequence in a value must not break the table, or the terminal.
                text.chars()
                    .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                    .collect::<String>()
            });
            self.table.add_row(texts);
        }
        Ok(())
    }

    /// Writes the table and gives back where it wrote.
    pub(crate) fn finish(mut self) -> Result<Out> {
        writeln!(self.out, "{}", self.table.trim_fmt())?;
        Ok(self.out)
    }
}

/// A table of our look: a rule under the header, two spaces between columns, no borders. To be called once the header is
/// known, for the spaces belong to its columns.
pub(crate) fn plain_table<T: Into<Cell>>(header: impl IntoIterator<Item = T>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_style(TableComponent::HeaderLines, '-');
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    let last = table.column_count().saturating_sub(1);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if at == last { 0 } else { 2 }));
    }
    table
}
