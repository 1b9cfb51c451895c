//! What it costs to let a tenth of a table go: dropped, detached, attached again; and to add a column to it.

use std::path::Path;
use std::time::Instant;

use annals_engine::{Column, DataType, Database, Options, Partition, TableChange};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Result};
use crate::workload::readings;

/// Who is on record for it.
const BY: &str = "annals bench";
/// The months that are dropped one after the other.
const DROPPED: [&str; 5] = ["2023-01", "2023-03", "2023-04", "2023-05", "2023-06"];

/// What was measured of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RetentionFigures {
    /// The versions in the table.
    pub row_count: u64,
    /// How long importing and compacting them took; no figure, but the size of the alternative.
    pub load_seconds: f64,
    /// Adding a column with a default, in milliseconds.
    pub add_column_ms: f64,
    /// Dropping a tenth, in milliseconds: the median of five, the oldest first.
    pub drop_ms: f64,
    /// The versions of each.
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
    let dropped_row_count = row_count / readings::MONTH_COUNT;
    let mut drops = Vec::new();
    for month in DROPPED {
        let (ms, dropped) =
            timed(|| database.drop_partitions("readings", &[Partition::parse(month)?], BY))?;
        drops.push(ms);
        if dropped.iter().map(|change| change.row_count).sum::<u64>() != dropped_row_count {
            let what = format!("not {dropped_row_count} versions were dropped with {month}");
            return Err(Failure::new(what));
        }
    }
    drops.sort_by(f64::total_cmp);
    let drop_ms = drops[drops.len() / 2];
    let february = Partition::parse("2023-02")?;
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
