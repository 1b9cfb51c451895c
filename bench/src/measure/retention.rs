//! What it costs to let a tenth of a table go: dropped, detached, attached again; and to add a column to it.

use std::path::Path;
use std::time::Instant;

use annals_engine::{Column, DataType, Database, Options, Partition, TableChange};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::workload::readings;

/// Who is on record for it.
const BY: &str = "annals bench";

/// What was measured of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetentionFigures {
    /// The versions in the table.
    pub row_count: u64,
    /// How long importing and compacting them took; no figure, but the size of the alternative.
    pub load_seconds: f64,
    /// Adding a column with a default, in milliseconds.
    pub add_column_ms: f64,
    /// Dropping the oldest tenth, in milliseconds.
    pub drop_ms: f64,
    /// The versions that were dropped.
    pub dropped_row_count: u64,
    /// Detaching the next tenth, in milliseconds.
    pub detach_ms: f64,
    /// Attaching it again, every byte of it verified, in milliseconds.
    pub attach_ms: f64,
}

/// Fills a new database in `dir`, and takes partitions out of it.
pub fn retention(dir: &Path, row_count: u64) -> Result<RetentionFigures> {
    let started = Instant::now();
    let database = Database::open(dir, Options::default())?;
    database.create_table(readings::spec())?;
    for batch in readings::batches(row_count) {
        let mut transaction = database.begin();
        transaction.put("readings", &batch?)?;
        transaction.commit()?;
    }
    database.compact(&mut |_| ())?;
    let load_seconds = started.elapsed().as_secs_f64();

    let unit = TableChange::AddColumn(Column::new("unit", DataType::Text).with_default("C"));
    let (add_column_ms, _) = timed(|| database.alter_table("readings", &unit))?;
    let (january, february) = (Partition::parse("2023-01")?, Partition::parse("2023-02")?);
    let (drop_ms, dropped) = timed(|| database.drop_partitions("readings", &[january], BY))?;
    let dropped_row_count = dropped.iter().map(|change| change.row_count).sum();
    if dropped_row_count != row_count / readings::MONTH_COUNT {
        let expected = row_count / readings::MONTH_COUNT;
        return Err(Failure::new(format!(
            "{dropped_row_count} versions were dropped, not {expected}"
        )));
    }
    let (detach_ms, _) = timed(|| database.detach_partitions("readings", &[february], BY))?;
    let (attach_ms, _) = timed(|| database.attach_partition("readings", february, None, BY))?;
    database.close()?;
    Ok(RetentionFigures {
        row_count,
        load_seconds,
        add_column_ms,
        drop_ms,
        dropped_row_count,
        detach_ms,
        attach_ms,
    })
}

fn timed<T>(work: impl FnOnce() -> annals_engine::Result<T>) -> Result<(f64, T)> {
    let started = Instant::now();
    let done = work()?;
    Ok((started.elapsed().as_secs_f64() * 1e3, done))
}
