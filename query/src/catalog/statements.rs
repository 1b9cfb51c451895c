//! `annals.statements`: what was run, by whom and with which outcome, as an event table of the database itself.
//!
//! So it is durable, partitioned by month, retained, detached and erased from as any table is. Its rows are written by
//! [`crate::Sql::record_statements`] alone; `annals.audit` shows them beside the engine's own records. Invariant: statements come in
//! without their values, because a value that is erased must not stay here.

use std::sync::Arc;

use annals_engine::{
    Column, DataType, Database, ErrorKind, PartitionWidth, SystemTime, TableSchema, TableSpec,
    VALID_FROM,
};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};

use crate::error::{Error, Result};

/// The table's name, and by it its name in SQL: a table `statements` of the schema of system tables.
pub(crate) const STATEMENTS: &str = "annals.statements";

/// The table that a name in the schema of system tables stands for, if it is kept as one.
pub(crate) fn kept_as_table(name: &str) -> Option<&'static str> {
    (name == "statements").then_some(STATEMENTS)
}

/// What the names of the system's own tables begin with.
const RESERVED: &str = "annals.";

/// The columns beside the instant of each row.
const COLUMNS: [(&str, DataType, bool); 8] = [
    ("by", DataType::Text, true),
    ("request_id", DataType::Text, true),
    ("statement", DataType::Text, true),
    ("read_at", DataType::Timestamp, false),
    ("committed_at", DataType::Timestamp, false),
    ("row_count", DataType::BigInt, true),
    ("outcome", DataType::Text, true),
    ("duration_us", DataType::BigInt, true),
];

/// One statement that was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatementRecord {
    /// When it was begun.
    pub at: SystemTime,
    /// Who ran it.
    pub by: String,
    /// The request that it was part of.
    pub request_id: String,
    /// Its text without values: [`crate::Prepared::redacted`], or [`crate::redact`] for what does not parse.
    pub statement: String,
    /// The system instant that it was read at; `None` if it read nothing.
    pub read_at: Option<SystemTime>,
    /// The system time of its commit; `None` if there was none.
    pub committed_at: Option<SystemTime>,
    /// Rows given, put or retracted; keys, for ERASE.
    pub row_count: u64,
    /// `ok`, or the code of its error.
    pub outcome: String,
    /// How long it took, in microseconds.
    pub duration_us: u64,
}

/// Whether a table's name belongs to the system: nobody else makes a table of it, or changes its rows.
pub fn is_reserved_table(name: &str) -> bool {
    name.starts_with(RESERVED)
}

/// An error if the name of a new table or view belongs to the system.
pub(crate) fn check_free(name: &str) -> Result<()> {
    match is_reserved_table(name) {
        true => {
            let message =
                format!("`{name}`: names that begin with `{RESERVED}` belong to system tables");
            Err(Error::invalid(message))
        }
        false => Ok(()),
    }
}

/// Adds records in one transaction, and the table first if it is not there; durable when it returns, as far as the sync mode says.
pub(crate) fn record(database: &Database, records: &[StatementRecord]) -> Result<()> {
    if records.is_empty() {
        return Ok(());
    }
    prepare_statements(database)?;
    let mut transaction = database.begin();
    transaction.put(STATEMENTS, &rows(records)?)?;
    transaction.commit()?;
    Ok(())
}

/// Whether this is the table of statements: one that somebody made under its name through the engine need not be.
pub(super) fn is_ours(table: &TableSchema) -> bool {
    let has = |(name, data_type, _): &(&str, DataType, bool)| {
        table.columns.iter().any(|of| of.name == *name && of.data_type == *data_type)
    };
    table.is_event && table.columns.len() == COLUMNS.len() + 1 && COLUMNS.iter().all(has)
}

/// Makes the table if it is not there; an error if there is another of its name.
pub(crate) fn prepare_statements(database: &Database) -> Result<()> {
    let table = match database.table(STATEMENTS) {
        Ok(table) => table,
        Err(_) => match database.create_table(spec()) {
            Ok(table) => table,
            // Another one has made it meanwhile.
            Err(error) if error.kind() == ErrorKind::Conflict => database.table(STATEMENTS)?,
            Err(error) => return Err(error.into()),
        },
    };
    match is_ours(&table) {
        true => Ok(()),
        false => {
            let message = format!(
                "table `{STATEMENTS}` was made with other columns than records of statements have: none can be kept"
            );
            Err(Error::new(ErrorKind::Conflict, message))
        }
    }
}

fn spec() -> TableSpec {
    let spec = TableSpec::events(STATEMENTS).partition_by(PartitionWidth::Month);
    COLUMNS.into_iter().fold(spec, |spec, (name, data_type, is_needed)| {
        let column = Column::new(name, data_type);
        spec.column(if is_needed { column.not_null() } else { column })
    })
}

fn rows(records: &[StatementRecord]) -> Result<RecordBatch> {
    let text = |value: fn(&StatementRecord) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(records.iter().map(value)))
    };
    let instant = |value: fn(&StatementRecord) -> Option<SystemTime>| -> ArrayRef {
        let micros = records.iter().map(|record| value(record).map(|at| at.micros()));
        Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
    };
    let count = |value: fn(&StatementRecord) -> u64| -> ArrayRef {
        let counts = records.iter().map(|record| i64::try_from(value(record)).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(counts))
    };
    let columns: [(&str, ArrayRef); 9] = [
        (VALID_FROM, instant(|record| Some(record.at))),
        ("by", text(|record| &record.by)),
        ("request_id", text(|record| &record.request_id)),
        ("statement", text(|record| &record.statement)),
        ("read_at", instant(|record| record.read_at)),
        ("committed_at", instant(|record| record.committed_at)),
        ("row_count", count(|record| record.row_count)),
        ("outcome", text(|record| &record.outcome)),
        ("duration_us", count(|record| record.duration_us)),
    ];
    Ok(RecordBatch::try_from_iter(columns)?)
}
