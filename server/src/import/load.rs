//! Writes chunks as transactions.
//!
//! Rows with equal, consecutive system time are one transaction, also across files. Without a system time of their own, so
//! many rows are as a chunk holds, or all of them. Puts and deletes stay in the order of the file: each run of one kind is a
//! call of its own.

use annals_engine::arrow::array::RecordBatch;
use annals_engine::{Database, SystemTime, TableSpec, Transaction, VALID_FROM, VALID_TO};

use super::batch::compact;
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

/// Which rows without a system time of their own are a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Those of a chunk.
    Chunk,
    /// All.
    Whole,
}

/// A transaction that is about to be committed, and what it leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// How many transactions are before it.
    pub(crate) number: u64,
    /// How many rows are written with it.
    pub(crate) row_count: u64,
    /// The system time that its rows bring along.
    pub(crate) system_time: Option<SystemTime>,
    /// Whether no other follows.
    pub(crate) is_last: bool,
}

/// What is kept of an import in the database itself, transaction by transaction, so that one that was cut off can go on.
pub(crate) trait Record {
    /// Whether the transaction of this number was committed by an earlier attempt: then its rows are passed over.
    fn is_written(&self, number: u64) -> bool;

    /// Told of each transaction that is passed over; an error if it is not the one of the earlier attempt.
    fn pass(&mut self, part: &Part) -> Result<SystemTime>;

    /// Adds the record of a transaction to it, so that both are there or neither.
    fn add(&mut self, part: &Part, transaction: &mut Transaction) -> Result<()>;
}

/// Keeps nothing.
pub(crate) struct NoRecord;

impl Record for NoRecord {
    fn is_written(&self, _: u64) -> bool {
        false
    }

    fn pass(&mut self, part: &Part) -> Result<SystemTime> {
        Ok(part.system_time.unwrap_or(SystemTime::MIN))
    }

    fn add(&mut self, _: &Part, _: &mut Transaction) -> Result<()> {
        Ok(())
    }
}

/// Writes the rows of an import.
pub(crate) struct Loader<'a, R> {
    database: &'a Database,
    table: String,
    /// The table to make, as late as possible, so that an import that fails before leaves none behind.
    create: Option<TableSpec>,
    /// Positions of the key and period columns, of which deletes consist.
    delete_columns: Option<Vec<usize>>,
    plan: &'a Plan,
    extent: Extent,
    record: R,
    open: Option<Open>,
    written: Written,
}

/// A transaction that is being filled.
struct Open {
    /// Absent if it is passed over.
    transaction: Option<Transaction>,
    system_time: Option<i64>,
    row_count: u64,
    /// Where its first row stands, for errors of its commit.
    place: String,
}

impl<'a, R: Record> Loader<'a, R> {
    /// Writes into the table of the plan, which is made before the first row.
    pub(crate) fn new(
        database: &'a Database,
        plan: &'a Plan,
        extent: Extent,
        record: R,
    ) -> Loader<'a, R> {
        Loader {
            database,
            table: plan.request.table.clone(),
            create: plan.create.clone(),
            delete_columns: None,
            plan,
            extent,
            record,
            open: None,
            written: Written::default(),
        }
    }

    /// Writes the rows of a chunk. Messages begin with `name`, that of the file; without one, with the place of the row.
    pub(crate) fn feed(&mut self, name: Option<&str>, chunk: &Chunk) -> Result<()> {
        if let Some(spec) = self.create.take() {
            self.database.create_table(spec)?;
        }
        let length = chunk.rows.num_rows();
        let mut from = 0;
        while from < length {
            let to = end_of_run(chunk, from);
            let system_time = chunk.system_times.as_ref().map(|times| times[from]);
            if self.open.as_ref().is_some_and(|open| open.system_time != system_time) {
                self.commit(false)?;
            }
            self.stage(name, chunk, from, to)
                .map_err(|error| name_place(error, name, chunk, from))
                .map_err(|error| self.note(error))?;
            from = to;
        }
        match chunk.system_times {
            None if self.extent == Extent::Chunk => self.commit(false),
            _ => Ok(()),
        }
    }

    /// Adds a run of rows to the transaction that is open, or to a new one.
    fn stage(&mut self, name: Option<&str>, chunk: &Chunk, from: usize, to: usize) -> Result<()> {
        let system_time = chunk.system_times.as_ref().map(|times| times[from]);
        if self.open.is_none() {
            self.open = Some(self.begin(system_time, with_name(name, chunk.places.name(from))));
        }
        let is_written = self.open.as_ref().is_some_and(|open| open.transaction.is_none());
        let rows = if is_written { None } else { Some(self.run(chunk, from, to)?) };
        let Some(open) = &mut self.open else { return Ok(()) };
        if let (Some(rows), Some(transaction)) = (rows, &mut open.transaction) {
            match chunk.is_delete(from) {
                true => transaction.delete(&self.table, &rows)?,
                false => transaction.put(&self.table, &rows)?,
            }
        }
        open.row_count += (to - from) as u64;
        Ok(())
    }

    /// The rows of a run, as they are put or deleted.
    fn run(&mut self, chunk: &Chunk, from: usize, to: usize) -> Result<RecordBatch> {
        let rows = match chunk.is_delete(from) {
            true => chunk.rows.project(self.delete_columns(&chunk.rows))?,
            false => chunk.rows.clone(),
        };
        if to - from == rows.num_rows() {
            return Ok(rows);
        }
        // The database keeps, and counts, the whole of what a slice is cut from.
        compact(&rows.slice(from, to - from))
    }

    fn begin(&self, system_time: Option<i64>, place: String) -> Open {
        let is_written = self.record.is_written(self.written.transaction_count);
        let transaction = (!is_written).then(|| {
            let mut transaction = self.database.begin();
            if let Some(micros) = system_time {
                transaction.system_time(SystemTime::from_micros(micros));
            }
            transaction
        });
        Open { transaction, system_time, row_count: 0, place }
    }

    fn delete_columns(&mut self, rows: &RecordBatch) -> &[usize] {
        self.delete_columns.get_or_insert_with(|| {
            let is_key = |name: &str| {
                self.plan.columns.iter().any(|column| column.is_key && column.name == name)
            };
            let is_wanted = |name: &str| name == VALID_FROM || name == VALID_TO || is_key(name);
            let fields = rows.schema_ref().fields().iter().enumerate();
            fields.filter(|(_, field)| is_wanted(field.name())).map(|(at, _)| at).collect()
        })
    }

    fn commit(&mut self, is_last: bool) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let part = Part {
            number: self.written.transaction_count,
            row_count: self.written.row_count + open.row_count,
            system_time: open.system_time.map(SystemTime::from_micros),
            is_last,
        };
        let system_time = match open.transaction {
            None => self.record.pass(&part).map_err(|error| self.note(error))?,
            Some(mut transaction) => {
                self.record.add(&part, &mut transaction).map_err(|error| self.note(error))?;
                let commit = transaction.commit().map_err(|error| {
                    let place = format!("the transaction from {}", open.place);
                    self.note(Failure::from(error).context(place))
                })?;
                commit.system_time
            }
        };
        self.written = Written {
            row_count: part.row_count,
            transaction_count: part.number + 1,
            system_time: Some(system_time),
        };
        Ok(())
    }

    /// Says what stays of the import, if anything does, when a later row is wrong: the transactions before the one that failed.
    pub(crate) fn note(&self, failure: Failure) -> Failure {
        if self.written.transaction_count == 0 {
            return failure;
        }
        failure.note(format!(
            "{} rows in {} transactions before it are written",
            self.written.row_count, self.written.transaction_count
        ))
    }

    /// What is written so far.
    pub(crate) fn written(&self) -> Written {
        self.written
    }

    /// Commits what is open and makes the table even if there was no row. Nothing can be fed after it.
    pub(crate) fn finish(&mut self) -> Result<Written> {
        if let Some(spec) = self.create.take() {
            self.database.create_table(spec)?;
        }
        self.commit(true)?;
        Ok(self.written)
    }
}

/// Where the rows end that are, from a row on, of one system time and one kind.
fn end_of_run(chunk: &Chunk, from: usize) -> usize {
    let length = chunk.rows.num_rows();
    let differs = |row: &usize| {
        chunk.system_times.as_ref().is_some_and(|times| times[*row] != times[from])
            || chunk.is_delete(*row) != chunk.is_delete(from)
    };
    if chunk.system_times.is_none() && chunk.is_delete.is_none() {
        return length;
    }
    (from + 1..length).find(differs).unwrap_or(length)
}

fn with_name(name: Option<&str>, place: String) -> String {
    match name {
        Some(name) => format!("{name}: {place}"),
        None => place,
    }
}

/// Puts file and line before an error of the engine that names a row of a batch.
fn name_place(failure: Failure, name: Option<&str>, chunk: &Chunk, from: usize) -> Failure {
    let Failure::Reason(reason, kind) = &failure else { return failure };
    let number: Option<usize> = reason
        .strip_prefix("row ")
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    // The engine counts the rows of a batch from 0.
    let row = from + number.unwrap_or_default();
    let reason = match (number, reason.split_once(": ")) {
        (Some(_), Some((_, rest))) => rest,
        _ => reason,
    };
    let place = with_name(name, chunk.places.name(row));
    Failure::of(*kind, format!("{place}: {reason}"))
}
