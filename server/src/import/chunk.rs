//! A bounded number of rows on their way from a file into the database, and what is checked of them before they are written.

use annals_engine::arrow::array::{Array, ArrayRef, RecordBatch, TimestampMicrosecondArray};
use annals_engine::arrow::datatypes::{Field, Schema};
use annals_engine::{SystemTime, VALID_FROM, VALID_TO, ValidTime};
use std::sync::Arc;

use super::plan::{Plan, PlannedColumn};
use crate::error::{Failure, Result};

/// Rows of one file, in its order.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// The stored columns, then `_valid_from` and `_valid_to` where the request names them.
    pub(crate) rows: RecordBatch,
    /// For each row whether it is a delete; absent if all are puts.
    pub(crate) is_delete: Option<Vec<bool>>,
    /// For each row its system time in microseconds; absent if the database is to give them one.
    pub(crate) system_times: Option<Vec<i64>>,
    /// Where its rows stand in the file.
    pub(crate) places: Places,
}

/// Where the rows of a chunk stand in their file.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// For each row the line on which it begins.
    Lines(Vec<u64>),
    /// The number of the first row; the others follow.
    RowsFrom(u64),
}

impl Places {
    /// Names the place of a row.
    pub(crate) fn name(&self, row: usize) -> String {
        match self {
            Places::Lines(lines) => {
                format!("line {}", lines.get(row).copied().unwrap_or_default())
            }
            Places::RowsFrom(first) => format!("row {}", first + row as u64),
        }
    }
}

/// The period and transaction columns of a chunk that is being made.
pub(crate) struct Consumed {
    /// The start of the valid period, if named.
    pub(crate) valid_from: Option<ArrayRef>,
    /// The end of the valid period, if named.
    pub(crate) valid_to: Option<ArrayRef>,
    /// See [`Chunk::is_delete`].
    pub(crate) is_delete: Option<Vec<bool>>,
    /// The system time, if named; NULL where it is missing.
    pub(crate) system_times: Option<ArrayRef>,
}

impl Chunk {
    /// Puts the columns together; a missing system time is an error that names the row.
    pub(crate) fn new(
        plan: &Plan,
        columns: Vec<ArrayRef>,
        consumed: Consumed,
        places: Places,
    ) -> Result<Chunk> {
        let nullable =
            |name: &str, array: &ArrayRef| Field::new(name, array.data_type().clone(), true);
        let stored = plan.columns.iter().zip(&columns);
        let mut fields: Vec<Field> =
            stored.map(|(column, array)| nullable(&column.name, array)).collect();
        let mut arrays = columns;
        let periods = [(VALID_FROM, consumed.valid_from), (VALID_TO, consumed.valid_to)];
        for (name, array) in periods {
            if let Some(array) = array {
                fields.push(nullable(name, &array));
                arrays.push(array);
            }
        }
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        let mut chunk = Chunk { rows, is_delete: consumed.is_delete, system_times: None, places };
        if let Some(array) = consumed.system_times {
            let times = instants(&array)?;
            if let Some(row) = (0..times.len()).find(|row| times.is_null(*row)) {
                return Err(chunk.refuse(row, "the system time is missing"));
            }
            chunk.system_times = Some(times.values().to_vec());
        }
        Ok(chunk)
    }

    /// A failure that names the place of a row.
    pub(crate) fn refuse(&self, row: usize, what: impl std::fmt::Display) -> Failure {
        Failure::new(format!("{}: {what}", self.places.name(row)))
    }

    /// Whether the row is a delete.
    pub(crate) fn is_delete(&self, row: usize) -> bool {
        self.is_delete.as_ref().is_some_and(|is_delete| is_delete[row])
    }

    fn period_column(&self, name: &str) -> Result<Option<&TimestampMicrosecondArray>> {
        self.rows.column_by_name(name).map(instants).transpose()
    }
}

/// What must hold from row to row, over all files of an import.
pub(crate) struct Checks {
    /// The columns that are stored, as the plan has them.
    columns: Vec<PlannedColumn>,
    is_event: bool,
    /// The last system time of the table before the import.
    table_last: Option<SystemTime>,
    /// The last system time of the rows so far.
    rows_last: Option<i64>,
    now: SystemTime,
    /// How many rows passed.
    pub(crate) row_count: u64,
}

impl Checks {
    /// Starts before the first row. `table_last` is the last system time of the table, `now` the present.
    pub(crate) fn new(
        plan: &Plan,
        is_event: bool,
        table_last: Option<SystemTime>,
        now: SystemTime,
    ) -> Checks {
        let columns = plan.columns.clone();
        Checks { columns, is_event, table_last, rows_last: None, now, row_count: 0 }
    }

    /// Time has passed while rows were read.
    pub(crate) fn set_now(&mut self, now: SystemTime) {
        self.now = now;
    }

    /// Checks the next rows; an error names the first that is wrong and where it stands.
    pub(crate) fn check(&mut self, chunk: &Chunk) -> Result<()> {
        self.check_missing(chunk)?;
        self.check_periods(chunk)?;
        self.check_system_times(chunk)?;
        self.row_count += chunk.rows.num_rows() as u64;
        Ok(())
    }

    fn check_missing(&self, chunk: &Chunk) -> Result<()> {
        for (column, array) in self.columns.iter().zip(chunk.rows.columns()) {
            if column.is_nullable || array.null_count() == 0 {
                continue;
            }
            let is_wrong =
                |row: &usize| array.is_null(*row) && (column.is_key || !chunk.is_delete(*row));
            if let Some(row) = (0..array.len()).find(is_wrong) {
                let what = if column.is_key { "key column" } else { "column" };
                return Err(chunk.refuse(row, format!("{what} `{}` has no value", column.name)));
            }
        }
        Ok(())
    }

    fn check_periods(&self, chunk: &Chunk) -> Result<()> {
        let starts = chunk.period_column(VALID_FROM)?;
        let ends = chunk.period_column(VALID_TO)?;
        if is_plainly_sound(starts, ends) {
            return Ok(());
        }
        // Without a start of its own a row holds from its system time on, which is not earlier than now.
        let now = ValidTime::from_micros(self.now.micros());
        let start = |row: usize| match &chunk.system_times {
            _ if starts.is_some() => None,
            Some(times) => Some(ValidTime::from_micros(times[row])),
            None => ends.filter(|_| !self.is_event).map(|_| now),
        };
        for row in 0..chunk.rows.num_rows() {
            let at = |array: Option<&TimestampMicrosecondArray>| {
                let array = array.filter(|array| array.is_valid(row))?;
                Some(ValidTime::from_micros(array.value(row)))
            };
            let (from, to) = (at(starts).or_else(|| start(row)), at(ends));
            for instant in [from, to].into_iter().flatten() {
                instant.checked().map_err(|error| chunk.refuse(row, error))?;
            }
            if self.is_event && starts.is_some() && from.is_none() {
                return Err(chunk.refuse(row, "the instant of the event is missing"));
            }
            if let (Some(from), Some(to)) = (from, to)
                && from >= to
            {
                let what = if from == to { "empty" } else { "inverted" };
                let what = format!("{what} period of valid time: from {from} to {to}");
                return Err(chunk.refuse(row, what));
            }
        }
        Ok(())
    }

    fn check_system_times(&mut self, chunk: &Chunk) -> Result<()> {
        let Some(times) = &chunk.system_times else { return Ok(()) };
        for (row, &micros) in times.iter().enumerate() {
            if self.rows_last == Some(micros) {
                continue;
            }
            let time = SystemTime::from_micros(micros);
            if let Some(last) = self.rows_last.filter(|last| *last > micros) {
                let last = SystemTime::from_micros(last);
                return Err(chunk.refuse(
                    row,
                    format!("the system time goes back: {time} after {last} of the rows before"),
                ));
            }
            time.checked().map_err(|error| chunk.refuse(row, error))?;
            if let Some(last) = self.table_last.filter(|last| *last >= time) {
                return Err(chunk.refuse(
                    row,
                    format!(
                        "the system time {time} is not later than the table's last one, {last}"
                    ),
                ));
            }
            if time > self.now {
                let now = self.now;
                return Err(chunk.refuse(
                    row,
                    format!("the system time {time} is in the future; it is {now} now"),
                ));
            }
            self.rows_last = Some(micros);
        }
        Ok(())
    }
}

/// Whether the periods are sound by what can be told without looking at rows one by one: no instant is missing or outside
/// the years that users may name, and every period has a start of its own and is longer than nothing.
fn is_plainly_sound(
    starts: Option<&TimestampMicrosecondArray>,
    ends: Option<&TimestampMicrosecondArray>,
) -> bool {
    let is_named = |array: &TimestampMicrosecondArray| {
        let (first, last) = (ValidTime::FIRST.micros(), ValidTime::LAST.micros());
        array.null_count() == 0
            && array.values().iter().fold(true, |all, at| all & (first <= *at) & (*at <= last))
    };
    if !(starts.is_none_or(is_named) && ends.is_none_or(is_named)) {
        return false;
    }
    match (starts, ends) {
        (Some(starts), Some(ends)) => {
            let periods = starts.values().iter().zip(ends.values());
            periods.fold(true, |all, (from, to)| all & (from < to))
        }
        (None, Some(_)) => false,
        (_, None) => true,
    }
}

fn instants(array: &ArrayRef) -> Result<&TimestampMicrosecondArray> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| Failure::new(format!("a column of instants came as {}", array.data_type())))
}
