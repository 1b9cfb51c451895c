//! Chunks of a text file: the rows of CSV or NDJSON, converted to the types of the table.

use std::io::{BufReader, Read};

use annals_engine::{DataType, VALID_FROM};

use super::cell::Cell;
use super::chunk::{Chunk, Consumed, Places};
use super::convert::ColumnBuilder;
use super::csv::CsvReader;
use super::infer::{Evidence, SAMPLE_ROW_COUNT};
use super::ndjson::NdjsonReader;
use super::plan::{Binding, Plan, PlannedColumn};
use crate::error::{Failure, Result};

/// How many rows a chunk has at most. Without a system time of their own, so many rows are a transaction.
pub(crate) const CHUNK_ROW_COUNT: usize = 10_000;
/// How many bytes of text a chunk has at most, but for its last row.
const CHUNK_BYTES_MAX: usize = 8 << 20;

/// A stream of bytes, decompressed.
pub(crate) type Bytes = Box<dyn Read>;

/// The rows of a text file.
pub(crate) enum TextRows {
    /// Of CSV, behind its header line.
    Csv {
        /// Reads the records.
        reader: CsvReader<Bytes>,
        /// The names of the header line.
        names: Vec<String>,
    },
    /// Of NDJSON.
    Ndjson(NdjsonReader<BufReader<Bytes>>),
}

impl TextRows {
    /// Reads the header line of CSV.
    pub(crate) fn csv(input: Bytes) -> Result<TextRows> {
        let mut reader = CsvReader::new(input);
        if !reader.advance()? {
            return Err(Failure::new("the file is empty; expected a header line"));
        }
        let names = (0..reader.field_count()).map(|at| {
            let name = reader.field(at).text().map(str::trim).filter(|name| !name.is_empty());
            name.map(str::to_owned).ok_or_else(|| {
                let line = reader.line();
                Failure::new(format!("line {line}: field {} of the header has no name", at + 1))
            })
        });
        let names = names.collect::<Result<_>>()?;
        Ok(TextRows::Csv { reader, names })
    }

    /// NDJSON with these names and no other.
    pub(crate) fn ndjson(input: Bytes, names: Vec<String>) -> TextRows {
        TextRows::Ndjson(NdjsonReader::closed(BufReader::with_capacity(256 << 10, input), names))
    }

    /// NDJSON whose names are to be found out.
    pub(crate) fn ndjson_sample(input: Bytes) -> TextRows {
        TextRows::Ndjson(NdjsonReader::open(BufReader::new(input)))
    }

    /// The names of the first line of a sample; none if it cannot be read.
    pub(crate) fn first_names(mut self) -> Vec<String> {
        match self.advance() {
            Ok(true) => self.names().to_vec(),
            _ => Vec::new(),
        }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            TextRows::Csv { names, .. } => names,
            TextRows::Ndjson(reader) => reader.names(),
        }
    }

    fn line(&self) -> u64 {
        match self {
            TextRows::Csv { reader, .. } => reader.line(),
            TextRows::Ndjson(reader) => reader.line(),
        }
    }

    fn field(&self, at: usize) -> Cell<'_> {
        match self {
            TextRows::Csv { reader, .. } => reader.field(at),
            TextRows::Ndjson(reader) => reader.field(at),
        }
    }

    /// Whether the current row does not name the column at all.
    fn is_left_out(&self, at: usize) -> bool {
        match self {
            TextRows::Csv { .. } => false,
            TextRows::Ndjson(reader) => reader.is_left_out(at),
        }
    }

    fn advance(&mut self) -> Result<bool> {
        let (reader, names) = match self {
            TextRows::Csv { reader, names } => (reader, names),
            TextRows::Ndjson(reader) => return reader.advance(),
        };
        let there_is_one = reader.advance()?;
        if there_is_one && reader.field_count() != names.len() {
            return Err(Failure::new(format!(
                "line {}: {} fields where the header has {}",
                reader.line(),
                reader.field_count(),
                names.len()
            )));
        }
        Ok(there_is_one)
    }

    /// The columns and their types, told from the first rows. `is_whole` says that the input is not cut off; if it is, an
    /// error where it ends is not one of the file.
    pub(crate) fn infer(mut self, is_whole: bool) -> Result<Vec<(String, DataType)>> {
        let mut evidence: Vec<Evidence> = Vec::new();
        for _ in 0..SAMPLE_ROW_COUNT {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) if !is_whole => break,
                Err(error) => return Err(error),
            }
            evidence.resize_with(self.names().len(), Evidence::new);
            for (at, evidence) in evidence.iter_mut().enumerate() {
                evidence.see(self.field(at));
            }
        }
        evidence.resize_with(self.names().len(), Evidence::new);
        let types = evidence.iter().map(Evidence::data_type);
        Ok(self.names().iter().cloned().zip(types).collect())
    }
}

/// Makes chunks of the rows of one text file.
pub(crate) struct TextChunks<'a> {
    plan: &'a Plan,
    binding: Binding,
    rows: TextRows,
    columns: Vec<ColumnBuilder>,
    /// For each column the text of its default, if it has one.
    defaults: Vec<Option<String>>,
    valid_from: ColumnBuilder,
    valid_to: ColumnBuilder,
    system_time: ColumnBuilder,
}

impl<'a> TextChunks<'a> {
    /// Finds the plan's columns in the file.
    pub(crate) fn new(plan: &'a Plan, rows: TextRows) -> Result<TextChunks<'a>> {
        let binding = plan.bind(rows.names())?;
        let column =
            |column: &PlannedColumn| ColumnBuilder::new(column.data_type, column.is_inferred);
        let default = |column: &PlannedColumn| column.default.as_ref().map(ToString::to_string);
        let instants = || ColumnBuilder::new(DataType::Timestamp, false);
        Ok(TextChunks {
            plan,
            binding,
            rows,
            columns: plan.columns.iter().map(column).collect::<Result<_>>()?,
            defaults: plan.columns.iter().map(default).collect(),
            valid_from: instants()?,
            valid_to: instants()?,
            system_time: instants()?,
        })
    }

    /// The next rows; nothing at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>> {
        let mut places = Vec::with_capacity(CHUNK_ROW_COUNT);
        let all_deletes = self.plan.request.is_delete;
        let has_deletes = all_deletes || self.binding.op.is_some();
        let mut is_delete = has_deletes.then(|| Vec::with_capacity(CHUNK_ROW_COUNT));
        let mut byte_count = 0;
        while places.len() < CHUNK_ROW_COUNT && byte_count < CHUNK_BYTES_MAX {
            if !self.rows.advance()? {
                break;
            }
            places.push(self.rows.line());
            let deletes = self.binding.op.map(|at| self.op(at)).transpose()?.unwrap_or(all_deletes);
            if let Some(is_delete) = &mut is_delete {
                is_delete.push(deletes);
            }
            byte_count += self.push_row(deletes)?;
        }
        if places.is_empty() {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(ColumnBuilder::finish).collect();
        let consumed = Consumed {
            valid_from: self.binding.valid_from.map(|_| self.valid_from.finish()),
            valid_to: self.binding.valid_to.map(|_| self.valid_to.finish()),
            is_delete,
            system_times: self.binding.system_time.map(|_| self.system_time.finish()),
        };
        Chunk::new(self.plan, columns, consumed, Places::Lines(places)).map(Some)
    }

    /// Whether the current row is a delete.
    fn op(&self, at: usize) -> Result<bool> {
        let cell = self.rows.field(at);
        parse_op(cell.text().unwrap_or_default()).ok_or_else(|| {
            let line = self.rows.line();
            Failure::new(format!("line {line}: {} is neither put nor delete", cell.show()))
        })
    }

    /// Adds the current row to all columns and returns how many bytes of text it has.
    fn push_row(&mut self, deletes: bool) -> Result<usize> {
        let mut byte_count = 0;
        let plan = self.plan;
        for (at, column) in plan.columns.iter().enumerate() {
            // What a delete says about values is not looked at: it retracts whatever is believed of the key.
            let is_asked = column.is_key || !deletes;
            let slot =
                self.binding.columns[at].filter(|at| is_asked && !self.rows.is_left_out(*at));
            let Some(slot) = slot else {
                match self.defaults[at].as_ref().filter(|_| is_asked) {
                    // The engine has judged it a value of the column when the table was made.
                    Some(default) if self.columns[at].push(Cell::Text(default.as_bytes())) => {}
                    _ => self.columns[at].push_null(),
                }
                continue;
            };
            let cell = self.rows.field(slot);
            byte_count += cell.text().map_or(0, str::len);
            if !self.columns[at].push(cell) {
                return Err(refuse(plan, &self.rows, &column.name, column.data_type, cell));
            }
        }
        let periods = [
            (&mut self.valid_from, self.binding.valid_from, &plan.request.valid_from),
            (&mut self.valid_to, self.binding.valid_to, &plan.request.valid_to),
            (&mut self.system_time, self.binding.system_time, &plan.request.system_time),
        ];
        for (builder, slot, name) in periods {
            let Some(slot) = slot else { continue };
            if self.rows.is_left_out(slot) {
                check_left_out(name.as_deref(), self.rows.line())?;
            }
            let cell = self.rows.field(slot);
            if !builder.push(cell) {
                let name = name.clone().unwrap_or_default();
                return Err(refuse(plan, &self.rows, &name, DataType::Timestamp, cell));
            }
        }
        Ok(byte_count)
    }
}

/// Without a start of its own a row holds from its system time on, with a missing one without a start: what a row means that
/// has no `_valid_from` where others have must not be guessed. (Of a column that was named to be the start of the period, a
/// missing value means what `null` does; and a row without an end has none, however it says so.)
fn check_left_out(name: Option<&str>, line: u64) -> Result<()> {
    match name {
        Some(name @ VALID_FROM) => Err(Failure::new(format!(
            "line {line}: `{name}` is left out, where other lines have it; `null` says that there is no bound"
        ))),
        _ => Ok(()),
    }
}

/// A failure that names the line, the column, the value and what was expected.
fn refuse(
    plan: &Plan,
    rows: &TextRows,
    name: &str,
    data_type: DataType,
    cell: Cell<'_>,
) -> Failure {
    let is_stored = !plan.request.consumes(name);
    let hint = match plan.create.is_some() && is_stored && data_type != DataType::Text {
        true => format!("; `--column {name}=TEXT` would take it"),
        false => String::new(),
    };
    Failure::new(format!(
        "line {}: column `{name}`: {} is not a {data_type}{hint}",
        rows.line(),
        cell.show()
    ))
}

/// Whether the text says delete; nothing if it says neither put nor delete.
pub(crate) fn parse_op(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    (is("put") || is("delete")).then(|| is("delete"))
}
