//! Writes chunks as transactions.
//!
//! Rows with equal, consecutive system time are one transaction, also across files; without a system time of their own, so
//! many rows are as a chunk holds. Puts and deletes stay in the order of the file: each run of one kind is a call of its own.

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{Database, SystemTime, TableSpec, Transaction, VALID_FROM, VALID_TO};

use super::chunk::Chunk;
use super::plan::Plan;
use crate::error::{Failure, Result};

/// What was written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Written {
    /// Puts and deletes.
    pub(crate) row_count: u64,
    /// Committed transactions.
    pub(crate) transaction_count: u64,
    /// The system time of the last one.
    pub(crate) system_time: Option<SystemTime>,
}

/// Writes the rows of an import.
pub(crate) struct Loader<'a> {
    database: &'a Database,
    table: String,
    /// The table to make, as late as possible, so that an import that fails before leaves none behind.
    create: Option<TableSpec>,
    /// Positions of the key and period columns, of which deletes consist.
    delete_columns: Option<Vec<usize>>,
    plan: &'a Plan,
    open: Option<Open>,
    written: Written,
}

/// A transaction that is being filled.
struct Open {
    transaction: Transaction,
    system_time: Option<i64>,
    row_count: u64,
    /// Where its first row stands, for errors of its commit.
    place: String,
}

impl<'a> Loader<'a> {
    /// Writes into the table of the plan, which is made before the first row.
    pub(crate) fn new(database: &'a Database, plan: &'a Plan) -> Loader<'a> {
        Loader {
            database,
            table: plan.request.table.clone(),
            create: plan.create.clone(),
            delete_columns: None,
            plan,
            open: None,
            written: Written::default(),
        }
    }

    /// Writes the rows of a chunk of the file `name`.
    pub(crate) fn feed(&mut self, name: &str, chunk: &Chunk) -> Result<()> {
        if let Some(spec) = self.create.take() {
            self.database.create_table(spec)?;
        }
        let length = chunk.rows.num_rows();
        let mut from = 0;
        while from < length {
            let system_time = chunk.system_times.as_ref().map(|times| times[from]);
            let is_delete = chunk.is_delete(from);
            let belongs = |row: &usize| {
                chunk.system_times.as_ref().map(|times| times[*row]) == system_time
                    && chunk.is_delete(*row) == is_delete
            };
            let to = (from + 1..length).find(|row| !belongs(row)).unwrap_or(length);
            if self.open.as_ref().is_some_and(|open| open.system_time != system_time) {
                self.commit()?;
            }
            let written = self.written;
            let place = || format!("{name}: {} {}", chunk.unit, chunk.places[from]);
            self.put(chunk, from, to, system_time, place)
                .map_err(|error| name_place(error, name, chunk, from))
                .map_err(|error| note_written(error, &written))?;
            from = to;
        }
        // Without a system time of its own a chunk is a transaction.
        if chunk.system_times.is_none() { self.commit() } else { Ok(()) }
    }

    fn put(
        &mut self,
        chunk: &Chunk,
        from: usize,
        to: usize,
        system_time: Option<i64>,
        place: impl Fn() -> String,
    ) -> Result<()> {
        let database = self.database;
        let rows = chunk.rows.slice(from, to - from);
        let rows = if chunk.is_delete(from) { self.keys_of(&rows)? } else { rows };
        let open = self.open.get_or_insert_with(|| {
            let mut transaction = database.begin();
            if let Some(micros) = system_time {
                transaction.system_time(SystemTime::from_micros(micros));
            }
            Open { transaction, system_time, row_count: 0, place: place() }
        });
        match chunk.is_delete(from) {
            true => open.transaction.delete(&self.table, &rows)?,
            false => open.transaction.put(&self.table, &rows)?,
        }
        open.row_count += (to - from) as u64;
        Ok(())
    }

    fn keys_of(&mut self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.delete_columns.get_or_insert_with(|| {
            let is_key = |name: &str| {
                self.plan.columns.iter().any(|column| column.is_key && column.name == name)
            };
            let is_wanted = |name: &str| name == VALID_FROM || name == VALID_TO || is_key(name);
            let fields = rows.schema_ref().fields().iter().enumerate();
            fields.filter(|(_, field)| is_wanted(field.name())).map(|(at, _)| at).collect()
        });
        Ok(rows.project(columns)?)
    }

    fn commit(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let commit = open.transaction.commit().map_err(|error| {
            let error =
                Failure::from(error).context(format!("the transaction from {}", open.place));
            note_written(error, &self.written)
        })?;
        self.written.row_count += open.row_count;
        self.written.transaction_count += 1;
        self.written.system_time = Some(commit.system_time);
        Ok(())
    }

    /// Says what stays of the import, if anything does, when a later row is wrong.
    pub(crate) fn note(&self, failure: Failure) -> Failure {
        note_written(failure, &self.written)
    }

    /// Commits what is open and makes the table even if there was no row.
    pub(crate) fn finish(mut self) -> Result<Written> {
        if let Some(spec) = self.create.take() {
            self.database.create_table(spec)?;
        }
        self.commit()?;
        Ok(self.written)
    }
}

/// Puts file and line before an error of the engine that names a row of a batch.
fn name_place(failure: Failure, name: &str, chunk: &Chunk, from: usize) -> Failure {
    let Failure::Reason(reason) = &failure else { return failure };
    let number: Option<usize> = reason
        .strip_prefix("row ")
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    // The engine counts the rows of a batch from 0.
    let row = from + number.unwrap_or_default();
    let reason = match (number, reason.split_once(": ")) {
        (Some(_), Some((_, rest))) => rest.to_owned(),
        _ => reason.clone(),
    };
    chunk.refuse(row, reason).context(name)
}

/// Says what stays, if anything does: the transactions before the one that failed.
fn note_written(failure: Failure, written: &Written) -> Failure {
    if written.transaction_count == 0 {
        return failure;
    }
    failure.note(format!(
        "{} rows in {} transactions before it are written",
        written.row_count, written.transaction_count
    ))
}
